"""Made-up movies that look like TMDB's: for trying the library, for tests and for measuring."""

from __future__ import annotations

import random
from typing import Any

from features.engineering.genres import GENRES

_WORDS = ("a", "the", "of", "night", "war", "love", "heart", "house", "killer")
_LANGUAGES = ("en", "en", "en", "en", "en", "en", "fr", "ja", "es", "ko", "de", "it", "zh", "hi")


def sample_movies(n: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """``n`` movie records, the same for the same ``seed`` on every platform.

    Votes and popularity have long tails, and some dates, overviews and votes are missing, as in real data.
    """
    draw = random.Random(seed)  # noqa: S311 - repeatable on purpose
    return [_movie(draw, movie_id) for movie_id in range(1, n + 1)]


def _movie(draw: random.Random, movie_id: int) -> dict[str, Any]:
    title = " ".join(draw.choices(_WORDS, k=draw.randint(1, 4))).title()
    votes = int(10 ** (4 * draw.random() ** 2)) - 1
    return {
        "movie_id": movie_id,
        "title": title,
        "original_title": title,
        "original_language": draw.choice(_LANGUAGES),
        "overview": " ".join(draw.choices(_WORDS, k=draw.randint(10, 80))) if draw.random() < 0.95 else "",
        "release_date": f"{draw.randint(1950, 2025)}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}",
        "vote_average": draw.randint(30, 90) / 10 if votes else 0.0,
        "vote_count": votes,
        "popularity": draw.randint(1, 100_000) / 1000,
        "genre_ids": draw.sample(list(GENRES), k=draw.randint(0, 4)),
        "adult": draw.random() < 0.02,
    }
