"""What both baselines need to know of the feature catalogue."""

from __future__ import annotations

import math

GENRES = {
    28: "action", 12: "adventure", 16: "animation", 35: "comedy", 80: "crime", 99: "documentary", 18: "drama",
    10751: "family", 14: "fantasy", 36: "history", 27: "horror", 10402: "music", 9648: "mystery", 10749: "romance",
    878: "science_fiction", 10770: "tv_movie", 53: "thriller", 10752: "war", 37: "western",
}  # fmt: skip

WORDS = {
    "action_keywords": ("action", "fight", "fights", "battle", "war", "combat", "hero", "mission", "chase"),
    "horror_keywords": ("horror", "scary", "fear", "death", "kill", "killer", "evil", "ghost", "haunted"),
    "romance_keywords": ("love", "romance", "heart", "relationship", "wedding", "marriage"),
}

RATING_TIERS = {"poor": 5.0, "below_average": 6.0, "average": 7.0, "good": 8.0, "excellent": math.inf}
POPULARITY_TIERS = {"minimal": 5.0, "low": 20.0, "moderate": 50.0, "popular": 100.0, "viral": math.inf}
"""Tiers by the bound that their values stay below."""

_ROMAN = "ii|iii|iv|v|vi|vii|viii|ix|x"
NUMBERED_AT_END = rf" (?:[0-9]{{1,2}}|{_ROMAN})"
NUMBERED_PART = rf"\b(?:part|chapter|episode|volume|vol)\.? +(?:[0-9]+|i|{_ROMAN})\b"
