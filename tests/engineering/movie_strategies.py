"""Movie records to test with: plausible ones, adversarial ones, and ones that are no movies."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from hypothesis import strategies as st

GENRES = [28, 12, 16, 35, 80, 99, 18, 10751, 14, 36, 27, 10402, 9648, 10749, 878, 10770, 53, 10752, 37]
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2003\u200a\u2028\u2029\u202f\u205f\u3000"
NEARLY_WHITE_SPACE = "\x1c\x1d\x1e\x1f\u180e\u200b\u200c\u200d\u2060\ufeff\x00"
ODD = "İıſKßΣςéñ\u0301\u0300日本語映画😀👨‍👩‍👧🇰🇷_-:.'\"\\"

words = st.sampled_from(
    [
        "action",
        "fight",
        "fights",
        "battle",
        "war",
        "combat",
        "hero",
        "mission",
        "chase",
        "horror",
        "scary",
        "fear",
        "death",
        "kill",
        "killer",
        "evil",
        "ghost",
        "haunted",
        "love",
        "romance",
        "heart",
        "relationship",
        "wedding",
        "marriage",
        "warm",
        "kills",
        "hearts",
        "WAR",
        "Love",
        "LOVE",
        "KıLL",
        "fiGHT",
        "herO",
        "part",
        "Part",
        "PART",
        "chapter",
        "episode",
        "volume",
        "vol",
        "vol.",
        "part.",
        "I",
        "II",
        "iii",
        "iv",
        "V",
        "vi",
        "VII",
        "viii",
        "ix",
        "X",
        "xi",
        "1",
        "2",
        "02",
        "10",
        "100",
        "3D",
        "part2",
    ]
)
pieces = st.one_of(
    words,
    st.sampled_from(WHITE_SPACE),
    st.sampled_from([" ", " ", " ", "  ", ":", ".", ",", "-", "_", "\n"]),
    st.sampled_from(NEARLY_WHITE_SPACE),
    st.sampled_from(ODD),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=5),
)
texts = st.lists(pieces, max_size=30).map("".join)
titles = texts.filter(
    lambda text: any(
        character not in WHITE_SPACE + "\u2001\u2002\u2004\u2005\u2006\u2007\u2008\u2009" for character in text
    )
)
languages = st.sampled_from(["en", "ko", "ja", "EN", "", "cn"])

dates = st.one_of(
    st.dates(),
    st.dates(dt.date(1900, 1, 1), dt.date(2040, 1, 1)).map(str),
    st.dates().map(str),
    st.sampled_from([dt.date.min, dt.date.max, "0001-01-01", "9999-12-31", "2000-02-29", "1900-02-29", "2024-02-29"]),
    st.datetimes(),
    st.sampled_from(
        [
            "",
            "0000-00-00",
            "0000-01-01",
            "2023-02-30",
            "2023-2-3",
            "+2020-01-01",
            " 2020-01-01",
            "2020-01-01T00:00:00",
            "20200101",
            "2020-13-01",
            "2020-00-10",
            "２０２０-01-01",
            "2020-01-01\n",
            "2020-W01-1",
            "nan",
            "x" * 10,
            "é-é",
        ]
    ),
    st.sampled_from([0, 1.5, float("nan"), True, [], {}]),
)

votes = st.one_of(
    st.floats(0, 10),
    st.integers(0, 10),
    st.sampled_from([-0.0, 0.0, 5e-324, 10.0, 10, 0.05, 4.95, 9.949999999999999, 7.999999999999999, 8.0]),
    st.decimals(0, 10, allow_nan=False, places=3),
    st.integers(0, 100).map(lambda tenths: tenths / 10),
)
counts = st.one_of(
    st.integers(0, 20_000),
    st.integers(0, 2**63 - 1),
    st.sampled_from([0, 1, 99, 100, 101, 862.0, -0.0, "862", "0", "007", Decimal(12), 2**53 + 1, 2**63 - 1]),
)
popularities = st.one_of(
    st.floats(0, 1000),
    st.floats(0, 1e308),
    st.integers(0, 2**70),
    st.sampled_from([-0.0, 5e-324, 2.2e-308, 1.7e308, 4.999999999999999, 5, 20, 50, 100, Decimal("12.5"), 2**53 + 1]),
)
genre_id = st.one_of(st.sampled_from(GENRES), st.sampled_from([0, 1, -28, 29, 10**6, 2**70, -(2**70)]))
genres = st.one_of(
    st.lists(genre_id, max_size=6),
    st.lists(genre_id, max_size=3).map(tuple),
    st.lists(genre_id, max_size=3).map(lambda ids: [{"id": one, "name": "It's"} for one in ids]),
    st.lists(genre_id, max_size=3).map(str),
    st.lists(genre_id, max_size=3).map(lambda ids: str([{"id": one, "name": "It's"} for one in ids])),
)
adults = st.sampled_from([True, False, "True", "False"])


def _fields(**wrong: st.SearchStrategy) -> dict[str, st.SearchStrategy]:
    """Each optional field: mostly a good value, sometimes None, sometimes one of the ``wrong``."""
    good = {
        "overview": texts,
        "original_title": st.one_of(texts, words),
        "original_language": languages,
        "release_date": dates,
        "vote_average": votes,
        "vote_count": counts,
        "popularity": popularities,
        "genre_ids": genres,
        "genres": genres,
        "adult": adults,
    }
    return {
        field: st.one_of(values, values, st.none(), *([wrong[field]] if field in wrong else []))
        for field, values in good.items()
    }


def movies(max_size: int = 12) -> st.SearchStrategy[list[dict]]:
    """Valid records with distinct ids in any order, fields missing at will."""
    record = st.fixed_dictionaries({"title": st.one_of(titles, words)}, optional=_fields())
    ids = st.integers(0, 2**63 - 1) | st.integers(0, 1000)
    pairs = st.lists(st.tuples(ids, record), max_size=max_size, unique_by=lambda pair: pair[0])
    return pairs.map(lambda found: [{"movie_id": number, **record} for number, record in found])


junk = st.one_of(
    st.sampled_from(
        [True, False, "", "x", " ", "NaN", "1e3", "-1", "1.0", "٣", -1, -0.5, 1.5, 11, 10.000001, 2**63, 10**400]
    ),
    st.sampled_from([float("nan"), float("inf"), -float("inf"), Decimal("NaN"), Decimal("1e400"), Decimal("-1e-400")]),
    st.sampled_from(
        [Decimal("10.000000000000000000001"), Decimal("1e999999"), 10.0**308, "9" * 30, b"862", 3j, object]
    ),
    st.sampled_from(
        [[], {}, ["28"], [None], [True], [28.5], [[28]], [{"name": "x"}], [{"id": "28"}], "[28", "{'id': 28}"]
    ),
    st.sampled_from(
        ["null", "28", "__import__('os')", "[" * 5000, "(" * 300 + ")" * 300, "[1e999]", "\ud800", "a\udfff"]
    ),
    st.text(max_size=5),
    st.integers(),
    st.floats(),
)


def records(max_size: int = 12) -> st.SearchStrategy[list]:
    """Anything a list of movies may really hold."""
    wrong = dict.fromkeys(
        ["overview", "original_title", "original_language", "vote_average", "vote_count", "popularity", "adult"], junk
    )
    optional = {
        "movie_id": st.one_of(st.integers(0, 8), counts, junk, st.none()),
        "id": st.one_of(st.integers(0, 8), junk),
        "title": st.one_of(titles, titles, titles, texts, junk, st.none()),
        **_fields(**wrong, genre_ids=junk, genres=junk),
        "budget": junk,
    }
    likely = st.fixed_dictionaries({"movie_id": st.integers(0, 8), "title": titles}, optional=_fields(vote_count=junk))
    record = st.one_of(st.fixed_dictionaries({}, optional=optional), likely, junk)
    return st.lists(record, max_size=max_size)
