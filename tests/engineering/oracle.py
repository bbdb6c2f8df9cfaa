"""What every feature is, movie by movie, in plain Python: the definitions of the catalogue, and nothing of ``src``.

A movie here is a record as it was accepted: a dict with its values in their final types. ``judge`` makes one of a raw
record, or names the field for which it is refused.
"""

from __future__ import annotations

import ast
import datetime as dt
import json
import math
import re
from bisect import bisect_left, bisect_right
from decimal import Decimal
from fractions import Fraction

GENRES = [
    (28, "action"), (12, "adventure"), (16, "animation"), (35, "comedy"), (80, "crime"), (99, "documentary"),
    (18, "drama"), (10751, "family"), (14, "fantasy"), (36, "history"), (27, "horror"), (10402, "music"),
    (9648, "mystery"), (10749, "romance"), (878, "science_fiction"), (10770, "tv_movie"), (53, "thriller"),
    (10752, "war"), (37, "western"),
]  # fmt: skip
GENRE_IDS = [number for number, _ in GENRES]

UNICODE_WHITE_SPACE = {
    *range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000,
}  # fmt: skip

KEYWORDS = {
    "action_keywords": "action fight fights battle war combat hero mission chase",
    "horror_keywords": "horror scary fear death kill killer evil ghost haunted",
    "romance_keywords": "love romance heart relationship wedding marriage",
}
ROMAN = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"]


class Refusal(Exception):  # noqa: N818 - a verdict, not an error
    """Carries the field for which a record is refused."""


# Input


def judge(record) -> dict:
    """The movie that a raw record is; raises ``Refusal(field)``."""
    if not isinstance(record, dict):
        raise Refusal("record")
    movie = {"movie_id": _natural(record, "movie_id", "id", required=True)}
    movie["title"] = _text(record, "title")
    if movie["title"] is None or not [c for c in movie["title"] if ord(c) not in UNICODE_WHITE_SPACE]:
        raise Refusal("title")
    for field in ("overview", "original_title", "original_language"):
        movie[field] = _text(record, field)
    movie["release_date"] = _date(record.get("release_date"))
    movie["vote_average"] = _number(record, "vote_average", 10)
    movie["vote_count"] = _natural(record, "vote_count", "vote_count", required=False)
    movie["popularity"] = _number(record, "popularity", math.inf)
    movie["genres"] = _genres(record)
    movie["adult"] = _adult(record.get("adult"))
    return movie


def _natural(record, field, alias, *, required):
    value = record.get(field)
    value = record.get(alias) if value is None else value
    if value is None and not required:
        return None
    if isinstance(value, str) and re.fullmatch("-?[0-9]{1,4000}", value):
        value = int(value)
    if isinstance(value, (float, Decimal)) and math.isfinite(value) and value == value // 1:
        value = int(value)
    if type(value) is not int or not 0 <= value < 2**63:
        raise Refusal(field)
    return value


def _text(record, field):
    value = record.get(field)
    if value is None:
        return None
    if not isinstance(value, str) or any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise Refusal(field)
    return value


def _date(value):
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    found = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", value) if isinstance(value, str) else None
    try:
        return found and dt.date(*map(int, found.groups()))
    except ValueError:
        return None


def _number(record, field, highest):
    value = record.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise Refusal(field)
    if not math.isfinite(value) if not isinstance(value, int) else abs(value) > 10**308:
        raise Refusal(field)
    if not 0 <= value <= highest or math.isinf(float(value)):
        raise Refusal(field)
    return float(value)


def _genres(record):
    value = record.get("genre_ids")
    value = record.get("genres") if value is None else value
    if value is None:
        return []
    if isinstance(value, str):
        value = _literal(value)
    if not isinstance(value, (list, tuple)):
        raise Refusal("genre_ids")
    ids = [item.get("id") if isinstance(item, dict) else item for item in value]
    if any(type(item) is not int for item in ids):
        raise Refusal("genre_ids")
    return [number for number in GENRE_IDS if number in ids]


def _literal(text):
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def _adult(value):
    if value is None or isinstance(value, bool):
        return value
    if value in ("True", "False"):
        return value == "True"
    raise Refusal("adult")


def sift(records):
    """The accepted movies, and (row, field) of the refused."""
    movies, refused, ids = [], [], set()
    for row, record in enumerate(records):
        try:
            movie = judge(record)
            if movie["movie_id"] in ids:
                raise Refusal("movie_id")
        except Refusal as why:
            refused.append((row, str(why)))
        else:
            ids.add(movie["movie_id"])
            movies.append(movie)
    return movies, refused


# Fit


def rating(movie):
    return None if movie["vote_count"] == 0 else movie["vote_average"]


def _mean(values):
    return sum(map(Fraction, values)) / len(values) if values else None


NO_DEVIATION = 0
SMALLEST_DEVIATION = 1e-300
"""Below this, floats are too coarse to divide by: z-scores are not compared."""


def _deviation(values):
    if not values:
        return None
    mean = _mean(values)
    variance = _mean([(Fraction(value) - mean) ** 2 for value in values])
    return _root(variance) if variance else NO_DEVIATION


def _root(square: Fraction) -> float:
    """The square root, where the square itself may be no float."""
    shift = (square.denominator.bit_length() - square.numerator.bit_length()) // 2
    return math.ldexp(math.sqrt(square * Fraction(4) ** shift), -shift)


def _bin(value):
    return math.floor(10 * value + 0.5)


def fit(movies):
    ratings = [rating(movie) for movie in movies if rating(movie) is not None]
    popularities = [movie["popularity"] for movie in movies if movie["popularity"] is not None]
    votes = sorted(movie["vote_count"] for movie in movies if movie["vote_count"] is not None)
    often = {number: sum(number in movie["genres"] for movie in movies) for number in GENRE_IDS}
    ranked = sorted([number for number in GENRE_IDS if often[number]], key=lambda number: -often[number])
    return {
        "ratings": ratings,
        "rating_mean": _mean(ratings),
        "rating_deviation": _deviation(ratings),
        "bins": sorted(_bin(value) for value in ratings),
        "popularity_mean": _mean(popularities),
        "popularity_deviation": _deviation(popularities),
        "votes": _quantile(votes),
        "genre_means": {
            number: _mean([rating(m) for m in movies if number in m["genres"] and rating(m) is not None])
            for number in GENRE_IDS
        },
        "popular": ranked[:5],
    }


def _quantile(ranked):
    if not ranked:
        return None
    position = Fraction(9, 10) * (len(ranked) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (ranked[above] - ranked[below]) * (position - below)


# Features


def features(movie, fitted, as_of):
    """One movie's value of every feature, by family."""
    return {
        "basic": basic(movie),
        "temporal": temporal(movie["release_date"], as_of),
        "statistical": statistical(movie, fitted),
        "text": text(movie),
        "interaction": interaction(movie, fitted),
    }


def _tier(value, bounds, names):
    return None if value is None else names[sum(value >= bound for bound in bounds)]


def basic(movie):
    as_given = ("title", "original_language", "adult", "popularity", "vote_average", "vote_count")
    language, popularity = movie["original_language"], movie["popularity"]
    return {
        **{field: movie[field] for field in as_given},
        **{f"genre_{name}": number in movie["genres"] for number, name in GENRES},
        "is_english": None if language is None else language == "en",
        "is_korean": None if language is None else language == "ko",
        "rating_tier": _tier(rating(movie), [5, 6, 7, 8], ["poor", "below_average", "average", "good", "excellent"]),
        "log_popularity": None if popularity is None else math.log1p(popularity),
    }


def temporal(date, as_of):
    names = [
        "release_year",
        "release_month",
        "release_quarter",
        "release_day_of_year",
        "release_weekday",
        "release_decade",
        "days_since_release",
        "years_since_release",
        "is_future_release",
        "is_recent",
        "is_classic",
        "is_spring_release",
        "is_summer_release",
        "is_holiday_release",
    ]
    if date is None:
        return dict.fromkeys(names)
    days = (as_of - date).days
    values = [
        date.year,
        date.month,
        (date.month + 2) // 3,
        date.timetuple().tm_yday,
        date.isoweekday(),
        date.year - date.year % 10,
        days,
        days / 365.25,
        days < 0,
        0 <= days / 365.25 < 5,
        days / 365.25 >= 25,
        date.month in (3, 4, 5),
        date.month in (6, 7, 8),
        date.month in (11, 12),
    ]
    return dict(zip(names, values, strict=True))


def statistical(movie, fitted):
    value, votes, popularity = rating(movie), movie["vote_count"], movie["popularity"]
    return {
        "rating_zscore": _zscore(value, fitted["rating_mean"], fitted["rating_deviation"]),
        "popularity_zscore": _zscore(popularity, fitted["popularity_mean"], fitted["popularity_deviation"]),
        "rating_percentile": _percentile(value, fitted["bins"]),
        "popularity_tier": _tier(popularity, [5, 20, 50, 100], ["minimal", "low", "moderate", "popular", "viral"]),
        "weighted_rating": _weighted(value, votes, fitted["votes"], fitted["rating_mean"]),
        "rating_confidence": None if votes is None else min(votes / 100, 1.0),
    }


def _zscore(value, mean, deviation):
    if value is None:
        return None
    if not deviation or deviation < SMALLEST_DEVIATION:
        return 0.0
    score = (Fraction(value) - mean) / Fraction(deviation)
    try:
        return float(score)
    except OverflowError:  # further from the mean than floats go
        return math.inf if score > 0 else -math.inf


def _percentile(value, bins):
    if value is None or not bins:
        return None
    below, upto = bisect_left(bins, _bin(value)), bisect_right(bins, _bin(value))
    return (below + (upto - below) / 2) / len(bins)


def _weighted(value, votes, enough, mean):
    if votes is None or mean is None:
        return None
    if votes == 0:
        return float(mean)
    if value is None or enough is None:
        return None
    return float((votes * Fraction(value) + enough * mean) / (votes + enough))


def word_count(value):
    words, inside = 0, False
    for character in value:
        starts = ord(character) not in UNICODE_WHITE_SPACE
        words += starts and not inside
        inside = starts
    return words


def _ascii_lower(value):
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in value)


def _ascii_words(value):
    """Maximal runs of ASCII letters, digits and underscores, lower case, each with where it ends."""
    return [(found.group(), found.end()) for found in re.finditer("[0-9a-z_]+", _ascii_lower(value))]


def _is_integer(word):
    return bool(re.fullmatch("[0-9]+", word))


def _is_sequel(title):
    lowered = _ascii_lower(title)
    last = lowered.rpartition(" ")
    if last[1] and ((_is_integer(last[2]) and len(last[2]) <= 2) or last[2] in ROMAN[1:]):
        return True
    for word, end in _ascii_words(title):
        if word in ("part", "chapter", "episode", "volume", "vol"):
            rest = lowered[end:].removeprefix(".")
            following = _ascii_words(rest)
            if not rest.startswith(" ") or not following or not rest.lstrip(" ").startswith(following[0][0]):
                continue
            if _is_integer(following[0][0]) or following[0][0] in ROMAN:
                return True
    return False


def text(movie):
    title, overview, original = movie["title"], movie["overview"], movie["original_title"]
    words = [] if overview is None else [word for word, _ in _ascii_words(overview)]
    return {
        "title_length": len(title),
        "overview_length": None if overview is None else len(overview),
        "title_word_count": word_count(title),
        "overview_word_count": None if overview is None else word_count(overview),
        "title_has_colon": ":" in title,
        "title_has_digit": any(digit in title for digit in "0123456789"),
        "title_is_sequel": _is_sequel(title),
        **{
            name: None if overview is None else sum(words.count(word) for word in group.split())
            for name, group in KEYWORDS.items()
        },
        "title_is_original": None if original is None else title == original,
    }


def interaction(movie, fitted):
    value, votes, popularity, genres = rating(movie), movie["vote_count"], movie["popularity"], movie["genres"]
    rated = value is not None and popularity is not None
    return {
        "rating_times_popularity": value * popularity if rated else None,
        "rating_per_popularity": value / (popularity + 1) if rated else None,
        "votes_per_popularity": None if votes is None or popularity is None else votes / (popularity + 1),
        "genre_count": len(genres),
        "is_single_genre": len(genres) == 1,
        "is_multi_genre": len(genres) >= 2,
        "has_popular_genre": any(number in fitted["popular"] for number in genres),
        "rating_vs_genre": _versus_genres(value, genres, fitted),
    }


def _versus_genres(value, genres, fitted):
    overall = fitted["rating_mean"]
    if value is None or not genres or overall is None:
        return None
    means = [fitted["genre_means"][number] for number in genres]
    return float(Fraction(value) - _mean([overall if mean is None else mean for mean in means]))
