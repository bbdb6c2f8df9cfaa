"""What the title and the overview look like. Null where the text is."""

# ruff: noqa: ARG005 - every build is given the same three

from __future__ import annotations

from functools import partial

import pyarrow as pa

from features.engineering.feature import Feature

_feature = partial(Feature, family="text", nullable=True)

ACTION_WORDS = ("action", "fight", "fights", "battle", "war", "combat", "hero", "mission", "chase")
HORROR_WORDS = ("horror", "scary", "fear", "death", "kill", "killer", "evil", "ghost", "haunted")
ROMANCE_WORDS = ("love", "romance", "heart", "relationship", "wedding", "marriage")

_I = "[Ii]"
_V = "[Vv]"
_X = "[Xx]"
_TWO_TO_TEN = f"{_I}{_I}{_I}?|{_I}{_V}|{_V}{_I}{{0,3}}|{_I}{_X}|{_X}"
_PARTS = "[Pp][Aa][Rr][Tt]|[Cc][Hh][Aa][Pp][Tt][Ee][Rr]|[Ee][Pp][Ii][Ss][Oo][Dd][Ee]|[Vv][Oo][Ll](?:[Uu][Mm][Ee])?"
NUMBERED_AT_END = rf" (?:[0-9]{{1,2}}|{_TWO_TO_TEN})\z"
NUMBERED_PART = rf"\b(?:{_PARTS})\.? +(?:[0-9]+|{_I}|{_TWO_TO_TEN})\b"


def _keywords(name: str, words: tuple[str, ...]) -> Feature:
    return _feature(
        name,
        pa.int32(),
        f"occurrences in the overview, as whole words in any ASCII case, of {', '.join(words)}",
        build=lambda m, op, fit: op.count_words_in(m.overview_lower, words),
    )


TEXT: tuple[Feature, ...] = (
    _feature(
        "title_length",
        pa.int32(),
        "Unicode code points in the title",
        nullable=False,
        build=lambda m, op, fit: op.length(m.title),
    ),
    _feature(
        "overview_length",
        pa.int32(),
        "Unicode code points in the overview",
        build=lambda m, op, fit: op.length(m.overview),
    ),
    _feature(
        "title_word_count",
        pa.int32(),
        "words in the title, parted by Unicode White_Space",
        nullable=False,
        build=lambda m, op, fit: m.title_words,
    ),
    _feature(
        "overview_word_count",
        pa.int32(),
        "words in the overview, parted by Unicode White_Space",
        build=lambda m, op, fit: m.overview_words,
    ),
    _feature(
        "title_has_colon",
        pa.bool_(),
        "the title holds a colon",
        nullable=False,
        build=lambda m, op, fit: op.contains(m.title, ":"),
    ),
    _feature(
        "title_has_digit",
        pa.bool_(),
        "the title holds one of 0 to 9",
        nullable=False,
        build=lambda m, op, fit: op.matches(m.title, "[0-9]"),
    ),
    _feature(
        "title_is_sequel",
        pa.bool_(),
        "the title ends in a number up to 99 or ii…x, or holds a numbered part, chapter, episode or volume",
        nullable=False,
        build=lambda m, op, fit: op.matches(m.title, NUMBERED_AT_END) | op.matches(m.title, NUMBERED_PART),
    ),
    _keywords("action_keywords", ACTION_WORDS),
    _keywords("horror_keywords", HORROR_WORDS),
    _keywords("romance_keywords", ROMANCE_WORDS),
    _feature(
        "title_is_original",
        pa.bool_(),
        "the title equals the original title",
        build=lambda m, op, fit: m.title == m.original_title,
    ),
)
