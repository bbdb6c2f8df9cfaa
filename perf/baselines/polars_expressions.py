"""The features as someone who knows polars writes them by hand: one ``select`` over a typed frame."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import polars as pl

from baselines.definitions import GENRES, NUMBERED_AT_END, NUMBERED_PART, POPULARITY_TIERS, RATING_TIERS, WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from features import FittedState

_NOT_WHITE_SPACE = r"[^\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]+"
_RATING = pl.when(pl.col("vote_count").eq_missing(0)).then(None).otherwise(pl.col("vote_average"))
_KNOWN_GENRES = pl.col("genre_ids").list.set_intersection(pl.lit(pl.Series([list(GENRES)], dtype=pl.List(pl.Int64))))


def features_of(movies: pl.DataFrame, state: FittedState) -> pl.DataFrame:
    """All features of a typed frame of movies, ``movie_id`` first."""
    shared = movies.lazy().with_columns(rating=_RATING, genres=_KNOWN_GENRES)
    return shared.select(
        "movie_id", *_basic(), *_temporal(state.as_of), *_statistical(state), *_text(), *_interaction(state)
    ).collect()


def _tier(value: pl.Expr, tiers: Mapping[str, float]) -> pl.Expr:
    *lower, highest = tiers
    chosen: pl.Expr = pl.when(value.is_not_null()).then(pl.lit(highest))
    for name in reversed(lower):
        chosen = pl.when(value < tiers[name]).then(pl.lit(name)).otherwise(chosen)
    return chosen


def _basic() -> list[pl.Expr]:
    return [
        *map(pl.col, ("title", "original_language", "adult", "popularity", "vote_average", "vote_count")),
        *(pl.col("genres").list.contains(genre).alias(f"genre_{name}") for genre, name in GENRES.items()),
        (pl.col("original_language") == "en").alias("is_english"),
        (pl.col("original_language") == "ko").alias("is_korean"),
        _tier(pl.col("rating"), RATING_TIERS).alias("rating_tier"),
        pl.col("popularity").log1p().alias("log_popularity"),
    ]


def _temporal(as_of: dt.date) -> list[pl.Expr]:
    date = pl.col("release_date")
    month = date.dt.month()
    days = (as_of - dt.date(1970, 1, 1)).days - date.to_physical()
    years = days / 365.25
    return [
        date.dt.year().cast(pl.Int16).alias("release_year"),
        month.alias("release_month"),
        date.dt.quarter().alias("release_quarter"),
        date.dt.ordinal_day().alias("release_day_of_year"),
        date.dt.weekday().alias("release_weekday"),
        (date.dt.year() // 10 * 10).cast(pl.Int16).alias("release_decade"),
        days.alias("days_since_release"),
        years.alias("years_since_release"),
        (days < 0).alias("is_future_release"),
        ((years >= 0) & (years < 5)).alias("is_recent"),
        (years >= 25).alias("is_classic"),
        month.is_between(3, 5).alias("is_spring_release"),
        month.is_between(6, 8).alias("is_summer_release"),
        (month >= 11).alias("is_holiday_release"),
    ]


def _statistical(state: FittedState) -> list[pl.Expr]:
    rating, votes, popularity = pl.col("rating"), pl.col("vote_count"), pl.col("popularity")
    counts = pl.Series(state.rating_bins)
    shares = (counts.cum_sum() - counts / 2) / counts.sum()
    enough, mean = state.vote_count_quantile or 0.0, state.rating_mean or 0.0
    weighted = votes / (votes + enough) * rating + enough / (votes + enough) * mean
    return [
        ((rating - mean) / state.rating_deviation).alias("rating_zscore"),
        ((popularity - state.popularity_mean) / state.popularity_deviation).alias("popularity_zscore"),
        pl.lit(shares).gather((10 * rating + 0.5).floor().cast(pl.Int32)).alias("rating_percentile"),
        _tier(popularity, POPULARITY_TIERS).alias("popularity_tier"),
        pl.when(votes == 0).then(mean).otherwise(weighted).alias("weighted_rating"),
        (votes / 100).clip(upper_bound=1.0).alias("rating_confidence"),
    ]


def _text() -> list[pl.Expr]:
    title, overview = pl.col("title"), pl.col("overview")
    sequel = title.str.contains(rf"(?i-u){NUMBERED_AT_END}$") | title.str.contains(rf"(?i-u){NUMBERED_PART}")
    return [
        title.str.len_chars().alias("title_length"),
        overview.str.len_chars().alias("overview_length"),
        title.str.count_matches(_NOT_WHITE_SPACE).alias("title_word_count"),
        overview.str.count_matches(_NOT_WHITE_SPACE).alias("overview_word_count"),
        title.str.contains(":", literal=True).alias("title_has_colon"),
        title.str.contains("[0-9]").alias("title_has_digit"),
        sequel.alias("title_is_sequel"),
        *(overview.str.count_matches(rf"(?i-u)\b(?:{'|'.join(words)})\b").alias(name) for name, words in WORDS.items()),
        (title == pl.col("original_title")).alias("title_is_original"),
    ]


def _interaction(state: FittedState) -> list[pl.Expr]:
    rating, popularity, genres = pl.col("rating"), pl.col("popularity"), pl.col("genres")
    means = {
        genre: state.rating_mean if mean is None else mean
        for genre, mean in zip(GENRES, state.genre_means, strict=True)
    }
    total = pl.sum_horizontal(pl.when(genres.list.contains(genre)).then(mean) for genre, mean in means.items())
    count = genres.list.len()
    return [
        (rating * popularity).alias("rating_times_popularity"),
        (rating / (popularity + 1)).alias("rating_per_popularity"),
        (pl.col("vote_count") / (popularity + 1)).alias("votes_per_popularity"),
        count.cast(pl.Int8).alias("genre_count"),
        (count == 1).alias("is_single_genre"),
        (count >= 2).alias("is_multi_genre"),
        pl.any_horizontal(genres.list.contains(genre) for genre in state.popular_genres).alias("has_popular_genre"),
        pl.when(count > 0).then(rating - total / count).alias("rating_vs_genre"),
    ]
