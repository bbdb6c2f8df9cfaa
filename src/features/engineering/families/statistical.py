"""Where a movie stands among the fitted movies."""

# ruff: noqa: ARG005 - every build is given the same three

from __future__ import annotations

from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING

import pyarrow as pa

from features.engineering.feature import Column, Feature

if TYPE_CHECKING:
    from features.engineering.engines.base import Columns, Engine
    from features.engineering.fitting import FittedState

_feature = partial(Feature, family="statistical", nullable=True)

POPULARITY_BOUNDS = (5, 20, 50, 100)
POPULARITY_TIERS = ("minimal", "low", "moderate", "popular", "viral")
_CONFIDENT_VOTES = 100


def _zscore(x: Column, op: Engine, mean: float | None, deviation: float | None) -> Column:
    """Deviations from the mean; 0 where there is nothing to deviate from."""
    if mean is None or not deviation:
        return op.constant(x, 0.0)
    return (x - mean) * (1 / deviation)


def _rating_percentile(m: Columns, op: Engine, fit: FittedState) -> Column:
    """The share of fitted ratings below the rating's bin, counting half of those in it."""
    fitted = sum(fit.rating_bins)
    if not fitted:
        return op.constant(m.rating, None)
    upto = accumulate(fit.rating_bins)
    shares = [(total - count / 2) / fitted for total, count in zip(upto, fit.rating_bins, strict=True)]
    return op.lookup(op.floor(10 * m.rating + 0.5), shares)


def _weighted_rating(m: Columns, op: Engine, fit: FittedState) -> Column:
    """The rating drawn towards the mean rating the more, the fewer the votes."""
    votes, mean, enough = m.votes, fit.rating_mean, fit.vote_count_quantile
    unvoted = op.constant(votes, mean)
    if mean is None or enough is None:
        return op.if_else(votes == 0, unvoted, op.constant(votes, None))
    weighted = votes / (votes + enough) * m.rating + enough / (votes + enough) * mean
    return op.if_else(votes == 0, unvoted, weighted)


STATISTICAL: tuple[Feature, ...] = (
    _feature(
        "rating_zscore",
        pa.float64(),
        "standard deviations of the rating from the mean; 0 where that deviation is 0 or nothing was fitted",
        build=lambda m, op, fit: _zscore(m.rating, op, fit.rating_mean, fit.rating_deviation),
    ),
    _feature(
        "popularity_zscore",
        pa.float64(),
        "standard deviations of the popularity from the mean; 0 where that deviation is 0 or nothing was fitted",
        build=lambda m, op, fit: _zscore(m.popularity, op, fit.popularity_mean, fit.popularity_deviation),
    ),
    _feature(
        "rating_percentile",
        pa.float64(),
        "share of fitted ratings in lower tenths, plus half of those in the same, 0 to 1",
        build=_rating_percentile,
    ),
    _feature(
        "popularity_tier",
        pa.large_string(),
        "popularity as minimal < 5 ≤ low < 20 ≤ moderate < 50 ≤ popular < 100 ≤ viral",
        build=lambda m, op, fit: op.tier(m.popularity, POPULARITY_BOUNDS, POPULARITY_TIERS),
    ),
    _feature(
        "weighted_rating",
        pa.float64(),
        "v/(v+m)·rating + m/(v+m)·C: v votes, m their 0.90 quantile, C the mean rating; C where v is 0",
        build=_weighted_rating,
    ),
    _feature(
        "rating_confidence",
        pa.float64(),
        "votes / 100, at most 1",
        build=lambda m, op, fit: op.minimum(m.votes * (1 / _CONFIDENT_VOTES), 1.0),
    ),
)
