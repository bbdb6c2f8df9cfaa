"""What a movie is: its figures as given, its genres, its language, the tier of its rating."""

# ruff: noqa: ARG005 - every build is given the same three

from __future__ import annotations

from functools import partial

import pyarrow as pa

from features.engineering.feature import Feature
from features.engineering.genres import GENRES

_feature = partial(Feature, family="basic", nullable=True)

RATING_BOUNDS = (5, 6, 7, 8)
RATING_TIERS = ("poor", "below_average", "average", "good", "excellent")


def _genre_flag(genre: int, name: str) -> Feature:
    return _feature(
        f"genre_{name}",
        pa.bool_(),
        f"genre {genre} is among the movie's genres",
        nullable=False,
        build=lambda m, op, fit: op.has_genre(m.genres, genre),
    )


BASIC: tuple[Feature, ...] = (
    _feature("title", pa.large_string(), "title as given", nullable=False, build=lambda m, op, fit: m.title),
    _feature(
        "original_language",
        pa.large_string(),
        "language code as given",
        build=lambda m, op, fit: m.original_language,
    ),
    _feature("adult", pa.bool_(), "adult as given", build=lambda m, op, fit: m.adult),
    _feature("popularity", pa.float64(), "popularity as given", build=lambda m, op, fit: m.popularity),
    _feature(
        "vote_average",
        pa.float64(),
        "vote average as given, 0 to 10",
        build=lambda m, op, fit: m.vote_average,
    ),
    _feature("vote_count", pa.int64(), "number of votes as given", build=lambda m, op, fit: m.vote_count),
    *(_genre_flag(genre, name) for genre, name in GENRES.items()),
    _feature(
        "is_english",
        pa.bool_(),
        "original language is en",
        build=lambda m, op, fit: m.original_language == "en",
    ),
    _feature(
        "is_korean",
        pa.bool_(),
        "original language is ko",
        build=lambda m, op, fit: m.original_language == "ko",
    ),
    _feature(
        "rating_tier",
        pa.large_string(),
        "rating as poor < 5 ≤ below_average < 6 ≤ average < 7 ≤ good < 8 ≤ excellent",
        build=lambda m, op, fit: op.tier(m.rating, RATING_BOUNDS, RATING_TIERS),
    ),
    _feature("log_popularity", pa.float64(), "ln(1 + popularity)", build=lambda m, op, fit: op.log1p(m.popularity)),
)
