"""What two facts about a movie say together."""

# ruff: noqa: ARG005 - every build is given the same three

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from features.engineering.feature import Column, Feature

if TYPE_CHECKING:
    from features.engineering.engines.base import Columns, Engine
    from features.engineering.fitting import FittedState

_feature = partial(Feature, family="interaction", nullable=True)


def _rating_vs_genre(m: Columns, op: Engine, fit: FittedState) -> Column:
    """The rating against the mean rating of each of its genres, averaged."""
    overall = fit.rating_mean
    if overall is None:
        return op.constant(m.rating, None)
    means = [overall if mean is None else mean for mean in fit.genre_means]
    genres = op.genre_count(m.genres)
    difference = m.rating - op.genre_sum(m.genres, means) / genres
    return op.if_else(genres > 0, difference, op.constant(m.rating, None))


INTERACTION: tuple[Feature, ...] = (
    _feature(
        "rating_times_popularity",
        pa.float64(),
        "rating × popularity",
        build=lambda m, op, fit: m.rating * m.popularity,
    ),
    _feature(
        "rating_per_popularity",
        pa.float64(),
        "rating / (popularity + 1)",
        build=lambda m, op, fit: m.rating / (m.popularity + 1),
    ),
    _feature(
        "votes_per_popularity",
        pa.float64(),
        "votes / (popularity + 1)",
        build=lambda m, op, fit: m.votes / (m.popularity + 1),
    ),
    _feature(
        "genre_count",
        pa.int8(),
        "how many of the nineteen genres the movie is of",
        nullable=False,
        build=lambda m, op, fit: op.genre_count(m.genres),
    ),
    _feature(
        "is_single_genre",
        pa.bool_(),
        "exactly one genre",
        nullable=False,
        build=lambda m, op, fit: op.genre_count(m.genres) == 1,
    ),
    _feature(
        "is_multi_genre",
        pa.bool_(),
        "two genres or more",
        nullable=False,
        build=lambda m, op, fit: op.genre_count(m.genres) >= 2,
    ),
    _feature(
        "has_popular_genre",
        pa.bool_(),
        "one of the five genres most frequent in the fitted movies",
        nullable=False,
        build=lambda m, op, fit: op.has_genre(m.genres, *fit.popular_genres),
    ),
    _feature(
        "rating_vs_genre",
        pa.float64(),
        "rating minus the mean, over the movie's genres, of the genre's mean fitted rating (overall where it has none)",
        build=_rating_vs_genre,
    ),
)
