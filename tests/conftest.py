"""Profiles for Hypothesis, chosen by ``HYPOTHESIS_PROFILE``, and which backends this environment has."""

from __future__ import annotations

import importlib.util
import os

from hypothesis import HealthCheck, settings

_SLOW_MACHINES = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("dev", max_examples=25, deadline=None, suppress_health_check=_SLOW_MACHINES, print_blob=True)
settings.register_profile("ci", parent=settings.get_profile("dev"), max_examples=50)
settings.register_profile("thorough", parent=settings.get_profile("dev"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

INSTALLED = [name for name in ("pandas", "polars", "pyarrow") if importlib.util.find_spec(name)]
