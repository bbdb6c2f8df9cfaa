"""Declarations of features, checked before anything is computed with them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa

from features.engineering.engines.base import Engine
from features.engineering.families import default_features
from features.engineering.feature import TYPE_NAMES, Feature
from features.engineering.fitting import FittedState, fit
from features.engineering.movies import Movies
from features.engineering.sample import sample_movies
from features.errors import InvalidFeatureError, InvalidNameError
from features.names import check_name

_PROBES = 12
_CUTS = (0, 5, _PROBES + 1)


def by_family(features: Sequence[Feature], engine: Engine) -> dict[str, list[Feature]]:
    """Features grouped by family, in order; those that are not of the catalogue are tried on a few movies first.

    Raises:
        InvalidFeatureError: a declaration contradicts itself or another one, or builds something else than it declares.
    """
    families: dict[str, list[Feature]] = {}
    names: set[tuple[str, str]] = set()
    known = set(map(id, default_features()))
    own = [feature for feature in features if id(feature) not in known]
    for feature in own:
        _check_alone(feature)
    for feature in features:
        if (feature.family, feature.name) in names:
            raise _wrong(feature, f"stands twice in family {feature.family!r}; rename or drop one")
        names.add((feature.family, feature.name))
        families.setdefault(feature.family, []).append(feature)
    if own:
        _try_out(own, engine)
    return families


def _wrong(feature: Feature, reason: str) -> InvalidFeatureError:
    return InvalidFeatureError(f"feature {feature.name!r} {reason}", feature=feature.name)


def _check_alone(feature: Any) -> None:
    if not isinstance(feature, Feature):
        message = f"{feature!r} is not a Feature; declare it as Feature(name=…, dtype=…, …)"
        raise InvalidFeatureError(message, feature=str(feature))
    if not isinstance(feature.name, str) or not feature.name or feature.name == "movie_id":
        raise _wrong(feature, "needs another name: text that is not empty and not that of the key, movie_id")
    try:
        check_name(feature.family, "table")
    except InvalidNameError as error:
        told = f"is of family {feature.family!r}; a family is the name of a table: {error.reason}"
        raise _wrong(feature, told) from None
    if not isinstance(feature.dtype, pa.DataType):  # "int64" is equal to pa.int64(), and is none
        raise _wrong(feature, f"is declared {feature.dtype!r}; give a type of pyarrow's, such as pa.int64()")
    if feature.dtype not in TYPE_NAMES:
        raise _wrong(feature, f"is declared {feature.dtype}; it may be {', '.join(TYPE_NAMES.values())}")
    if not isinstance(feature.description, str):
        raise _wrong(feature, f"has the description {feature.description!r}; say in a text what it means")
    if not isinstance(feature.nullable, bool):
        raise _wrong(feature, f"has nullable={feature.nullable!r}; it is True or False")


def _try_out(features: Sequence[Feature], engine: Engine) -> None:
    """See that each feature of a few movies is the same when they come in two parts: that it is row-wise."""
    records = [*sample_movies(_PROBES), {"movie_id": 0, "title": "of which nothing is known"}]
    movies = Movies.from_records(records).columns
    state = fit(movies, dt.date(2020, 1, 1))
    for feature in features:
        together = _built(feature, engine, movies, state)
        parts = [movies.slice(start, end - start) for start, end in pairwise(_CUTS)]
        apart = [value for part in parts for value in _built(feature, engine, part, state)]
        if not all(map(_same, apart, together)):
            raise _wrong(
                feature, "depends on other movies; build each value from its own row, and figures over all from fit"
            )


def _built(feature: Feature, engine: Engine, movies: pa.Table, state: FittedState) -> list[Any]:
    try:
        frames = engine.transform(movies, {feature.family: [feature]}, state)
    except InvalidFeatureError:
        raise
    except Exception as error:
        reason = f"cannot be built on {type(engine).__name__}: {error}"
        raise _wrong(feature, reason) from error
    values: list[Any] = pa.table(frames[feature.family])[feature.name].to_pylist()
    return values


def _same(one: Any, other: Any) -> bool:
    """Equal, or numbers that differ in their last digits, as they may when a library divides by a number."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)
