"""Made-up movies that look like TMDB's: for trying the library, for tests and for measuring."""

from __future__ import annotations

import datetime as dt
import operator
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from features.errors import ConfigError

T = TypeVar("T")
Draw = Callable[[], float]
"""A number from 0 to below 1. Nothing else is drawn: of Python's generator only this is promised to stay the same."""

_SUBJECTS = (
    "A young detective", "An ageing actor", "The last lighthouse keeper", "A family of five", "Two estranged brothers",
    "A retired boxer", "The new teacher", "An orphaned girl", "A small-town sheriff", "A travelling musician",
    "The killer", "An unlikely hero", "A widowed farmer", "The ghost of a sailor", "A group of old friends",
)  # fmt: skip
_DEEDS = (
    "returns to the village where it all began", "must face a long-buried secret", "falls in love with a stranger",
    "sets out on a dangerous mission", "discovers a letter from the war", "tries to save the old theatre from ruin",
    "is drawn into a battle over an inheritance", "finds a way to live with the fear of the dark",
    "has one night to cross the city", "learns what it means to be free", "meets an evil older than the town",
    "plans the wedding of the year", "loses everything in a single game", "goes on the run with nothing but a map",
    "begins a journey across three continents", "uncovers a conspiracy at the heart of the government",
)  # fmt: skip
_TURNS = (
    "while the winter closes in", "but nobody believes a word of it", "and the clock is ticking",
    "as the past catches up",
    "with the help of an unexpected ally", "until a sudden death changes everything", "before the summer ends",
    "only to find that the fight has just begun", "in a comedy of errors and second chances", "against all the odds",
    "and must choose between duty and happiness", "in this true story of courage", "where nothing is as it seems",
)  # fmt: skip
_ADJECTIVES = ("Silent", "Last", "Broken", "Golden", "Lost", "Dark", "Little", "Endless", "Wild", "Crimson", "Secret")
_NOUNS = ("River", "Heart", "Summer", "Kingdom", "Road", "House", "War", "Garden", "Shadow", "Promise", "City", "Ghost")
_ENDINGS = ("", "", "", "", "", "", " 2", " II", " 3", ": The Beginning", ": Part 2", ": Chapter One", " Returns")
_LANGUAGES = ("en",) * 24 + ("fr",) * 4 + ("ja",) * 4 + ("es",) * 4 + ("de", "de", "ko", "ko", "it", "zh", "hi", "pt")
_FOREIGN_TITLES = {"ja": "静かな{}", "ko": "마지막 {}", "zh": "最後的{}", "fr": "Le dernier {}", "es": "El último {}"}
_COMMON_GENRES = (18,) * 9 + (35,) * 7 + (53,) * 4 + (28,) * 4 + (10749,) * 4 + (27,) * 3 + (80, 80, 12, 12, 99, 99)
_RARE_GENRES = (878, 10751, 14, 16, 9648, 10402, 36, 10752, 37, 10770)
_GENRES = _COMMON_GENRES + _RARE_GENRES
_FIRST_DAY = dt.date(1920, 1, 1)
_DAYS = 106 * 365


def sample_movies(n: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """``n`` movie records, the same for the same ``seed`` on every platform and Python.

    Votes and popularity have long tails and go together, recent years have more movies, most movies are in English,
    and a share of release dates, overviews, votes and genres is missing, as in TMDB's data.

    Args:
        n: how many; ids rise with gaps.
        seed: a whole number from 0; another seed, other movies.

    Returns:
        Dicts with every field of a movie; ``genre_ids`` are lists of TMDB's ids, dates "YYYY-MM-DD" or "".

    Raises:
        ConfigError: ``n`` or ``seed`` is no such number.
    """
    return list(movies_made_up(_whole_number("n", n), seed=_whole_number("seed", seed)))


def movies_made_up(n: int, *, seed: int = 0) -> Iterator[dict[str, Any]]:
    """The same movies, each made when it is asked for."""
    draw = random.Random(seed).random  # noqa: S311 - repeatable on purpose
    movie_id = 0
    for _ in range(n):
        movie_id += 1 + int(draw() * 5)
        yield _movie(movie_id, draw)


def _whole_number(field: str, value: int) -> int:
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)  # also numpy's
    except TypeError:
        number = -1
    if number < 0:
        raise ConfigError(f"{field} is {value!r}; it must be a whole number from 0", field=field, value=value)
    return number


def _movie(movie_id: int, draw: Draw) -> dict[str, Any]:
    fame = draw()
    fame = fame / (1.0001 - fame)  # a long tail: the half of movies is below 1, one in a thousand near 1,000
    votes = int(6 * fame * fame * draw()) if draw() > 0.1 else 0
    language = _one_of(_LANGUAGES, draw)
    title = _title(draw)
    return {
        "movie_id": movie_id,
        "title": title,
        "original_title": _FOREIGN_TITLES[language].format(title) if language in _FOREIGN_TITLES else title,
        "original_language": language,
        "overview": _overview(draw),
        "release_date": _release_date(draw),
        "vote_average": _rating(draw) if votes else 0.0,
        "vote_count": votes,
        "popularity": round(0.6 + 4 * fame * draw(), 3),
        "genre_ids": _genre_ids(draw),
        "adult": draw() < 0.01,
    }


def _one_of(choices: Sequence[T], draw: Draw) -> T:
    return choices[int(draw() * len(choices))]


def _title(draw: Draw) -> str:
    name = _one_of(_NOUNS, draw)
    if draw() < 0.7:
        name = f"{_one_of(_ADJECTIVES, draw)} {name}"
    if draw() < 0.4:
        name = f"The {name}"
    return name + _one_of(_ENDINGS, draw)


def _overview(draw: Draw) -> str | None:
    """One to six sentences, about 250 characters on the whole; one in twenty is missing, one way or the other."""
    if draw() < 0.05:
        return "" if draw() < 0.5 else None
    sentences = 1 + int(draw() * 6)
    return " ".join(
        f"{_one_of(_SUBJECTS, draw)} {_one_of(_DEEDS, draw)} {_one_of(_TURNS, draw)}." for _ in range(sentences)
    )


def _release_date(draw: Draw) -> str:
    if draw() < 0.02:
        return ""
    early = draw()
    return (_FIRST_DAY + dt.timedelta(days=int((1 - early * early) * _DAYS))).isoformat()


def _rating(draw: Draw) -> float:
    """About 6, seldom below 4 or above 8, in tenths."""
    return round(2 + 2 * (draw() + draw() + draw() + draw()), 1)


def _genre_ids(draw: Draw) -> list[int]:
    count = int(draw() * 4.2)
    return list(dict.fromkeys(_one_of(_GENRES, draw) for _ in range(count)))
