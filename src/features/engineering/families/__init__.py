"""The catalogue of features: five families of declarations."""

from __future__ import annotations

from features.engineering.families.basic import BASIC
from features.engineering.families.interaction import INTERACTION
from features.engineering.families.statistical import STATISTICAL
from features.engineering.families.temporal import TEMPORAL
from features.engineering.families.text import TEXT
from features.engineering.feature import Feature


def default_features() -> tuple[Feature, ...]:
    """Every feature of the catalogue, family by family, in the order in which tables have them."""
    return (*BASIC, *TEMPORAL, *STATISTICAL, *TEXT, *INTERACTION)
