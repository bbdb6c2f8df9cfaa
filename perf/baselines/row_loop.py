"""The features as most people write them first: one movie after another, in plain Python.

Regexes are compiled once and figures over all movies computed beforehand; nothing here is slow on purpose.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from baselines.definitions import GENRES, NUMBERED_AT_END, NUMBERED_PART, POPULARITY_TIERS, RATING_TIERS, WORDS

Row = dict[str, Any]

_WHITE_SPACE = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_KEYWORDS = {name: re.compile(rf"\b(?:{'|'.join(words)})\b", re.ASCII | re.IGNORECASE) for name, words in WORDS.items()}
_AT_END = re.compile(NUMBERED_AT_END + r"\Z", re.ASCII | re.IGNORECASE)
_PART = re.compile(NUMBERED_PART, re.ASCII | re.IGNORECASE)
_DIGIT = re.compile("[0-9]")


def features_of(movies: Iterable[Mapping[str, Any]], as_of: dt.date) -> list[Row]:
    """All features of all movies, a dict per movie, ``movie_id`` first."""
    typed = [_typed(movie) for movie in movies]
    figures = _figures(typed)
    return [_features(movie, figures, as_of) for movie in typed]


def _typed(movie: Mapping[str, Any]) -> Row:
    try:
        released = dt.date.fromisoformat(movie.get("release_date") or "")
    except ValueError:
        released = None
    rating = None if movie.get("vote_count") == 0 else movie.get("vote_average")
    genres = [genre for genre in GENRES if genre in (movie.get("genre_ids") or ())]
    return {**movie, "released": released, "rating": rating, "genres": genres}


def _figures(movies: list[Row]) -> Row:
    """Means, deviations, the rating's histogram, the popular genres."""
    ratings = [movie["rating"] for movie in movies if movie["rating"] is not None]
    popularities = [movie["popularity"] for movie in movies if movie["popularity"] is not None]
    votes = sorted(movie["vote_count"] for movie in movies if movie["vote_count"] is not None)
    by_genre = {
        genre: [m["rating"] for m in movies if genre in m["genres"] and m["rating"] is not None] for genre in GENRES
    }
    rating_mean = statistics.fmean(ratings)
    bins = Counter(math.floor(10 * rating + 0.5) for rating in ratings)
    often = Counter(genre for movie in movies for genre in movie["genres"])
    return {
        "rating": (rating_mean, math.sqrt(statistics.fmean((one - rating_mean) ** 2 for one in ratings))),
        "popularity": (statistics.fmean(popularities), statistics.pstdev(popularities)),
        "shares": {
            tenth: (sum(bins[lower] for lower in bins if lower < tenth) + bins[tenth] / 2) / len(ratings)
            for tenth in range(101)
        },
        "enough": statistics.quantiles(votes, n=10, method="inclusive")[8],
        "genres": {genre: statistics.fmean(found) if found else rating_mean for genre, found in by_genre.items()},
        "popular": sorted(often, key=lambda genre: (-often[genre], list(GENRES).index(genre)))[:5],
    }


def _tier(value: float | None, tiers: Mapping[str, float]) -> str | None:
    if value is None:
        return None
    return next(name for name, bound in tiers.items() if value < bound)


def _features(movie: Row, figures: Row, as_of: dt.date) -> Row:
    return {
        "movie_id": movie["movie_id"],
        **_basic(movie),
        **_temporal(movie["released"], as_of),
        **_statistical(movie, figures),
        **_text(movie),
        **_interaction(movie, figures),
    }


def _basic(movie: Row) -> Row:
    language, popularity = movie["original_language"], movie["popularity"]
    row = {
        "title": movie["title"],
        "original_language": language,
        "adult": movie["adult"],
        "popularity": popularity,
        "vote_average": movie["vote_average"],
        "vote_count": movie["vote_count"],
    }
    for genre, name in GENRES.items():
        row[f"genre_{name}"] = genre in movie["genres"]
    row["is_english"] = None if language is None else language == "en"
    row["is_korean"] = None if language is None else language == "ko"
    row["rating_tier"] = _tier(movie["rating"], RATING_TIERS)
    row["log_popularity"] = None if popularity is None else math.log1p(popularity)
    return row


def _temporal(released: dt.date | None, as_of: dt.date) -> Row:
    if released is None:
        return dict.fromkeys(_TEMPORAL)
    days = (as_of - released).days
    years = days / 365.25
    month = released.month
    values = (
        released.year, month, (month + 2) // 3, released.timetuple().tm_yday, released.isoweekday(),
        released.year // 10 * 10, days, years, days < 0, 0 <= years < 5, years >= 25,
        3 <= month <= 5, 6 <= month <= 8, month >= 11,
    )  # fmt: skip
    return dict(zip(_TEMPORAL, values, strict=True))


_TEMPORAL = (
    "release_year", "release_month", "release_quarter", "release_day_of_year", "release_weekday", "release_decade",
    "days_since_release", "years_since_release", "is_future_release", "is_recent", "is_classic", "is_spring_release",
    "is_summer_release", "is_holiday_release",
)  # fmt: skip


def _zscore(value: float | None, mean: float, deviation: float) -> float | None:
    if value is None:
        return None
    return (value - mean) / deviation if deviation else 0.0


def _statistical(movie: Row, figures: Row) -> Row:
    rating, votes, popularity = movie["rating"], movie["vote_count"], movie["popularity"]
    mean, enough = figures["rating"][0], figures["enough"]
    if votes == 0:
        weighted = mean
    elif votes is None or rating is None:
        weighted = None
    else:
        weighted = votes / (votes + enough) * rating + enough / (votes + enough) * mean
    return {
        "rating_zscore": _zscore(rating, *figures["rating"]),
        "popularity_zscore": _zscore(popularity, *figures["popularity"]),
        "rating_percentile": None if rating is None else figures["shares"][math.floor(10 * rating + 0.5)],
        "popularity_tier": _tier(popularity, POPULARITY_TIERS),
        "weighted_rating": weighted,
        "rating_confidence": None if votes is None else min(votes / 100, 1.0),
    }


def _words(text: str) -> int:
    return sum(1 for word in _WHITE_SPACE.split(text) if word)


def _text(movie: Row) -> Row:
    title, overview = movie["title"], movie["overview"]
    row = {
        "title_length": len(title),
        "overview_length": None if overview is None else len(overview),
        "title_word_count": _words(title),
        "overview_word_count": None if overview is None else _words(overview),
        "title_has_colon": ":" in title,
        "title_has_digit": _DIGIT.search(title) is not None,
        "title_is_sequel": _AT_END.search(title) is not None or _PART.search(title) is not None,
    }
    for name, pattern in _KEYWORDS.items():
        row[name] = None if overview is None else len(pattern.findall(overview))
    row["title_is_original"] = None if movie["original_title"] is None else title == movie["original_title"]
    return row


def _interaction(movie: Row, figures: Row) -> Row:
    rating, votes, popularity, genres = movie["rating"], movie["vote_count"], movie["popularity"], movie["genres"]
    rated = rating is not None and popularity is not None
    means = [figures["genres"][genre] for genre in genres]
    return {
        "rating_times_popularity": rating * popularity if rated else None,
        "rating_per_popularity": rating / (popularity + 1) if rated else None,
        "votes_per_popularity": None if votes is None or popularity is None else votes / (popularity + 1),
        "genre_count": len(genres),
        "is_single_genre": len(genres) == 1,
        "is_multi_genre": len(genres) >= 2,
        "has_popular_genre": any(genre in figures["popular"] for genre in genres),
        "rating_vs_genre": None if rating is None or not means else rating - sum(means) / len(means),
    }
