"""Every record read is either accepted or accounted for, once."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections import OrderedDict, defaultdict
from decimal import Decimal
from enum import Enum

import numpy as np
import oracle
import pytest
from frames_compared import ENGINES, columns_of
from hypothesis import example, given
from hypothesis import strategies as st
from movie_strategies import junk, records

from features.engineering.movies import Movies, sample_movies
from features.engineering.tmdb_processor import AdvancedTMDBPreProcessor
from features.errors import InvalidMoviesError

GOOD = {"movie_id": 1, "title": "x"}


@given(found=records())
@example(found=[GOOD, GOOD, {**GOOD, "title": " "}, None, [], {"title": "x"}])
def test_records_are_refused_for_the_field_that_the_catalogue_says(found):
    movies = Movies.from_records(found)
    accepted, refused = oracle.sift(found)
    assert movies.read == len(found) == movies.table.num_rows + movies.rejected.num_rows
    assert movies.table["movie_id"].to_pylist() == [movie["movie_id"] for movie in accepted]
    told = movies.rejected.select(["row", "field"]).to_pylist()
    assert [(one["row"], one["field"]) for one in told] == refused


@given(found=records())
def test_a_refused_record_is_told_whole_as_valid_json(found):
    rejected = Movies.from_records(found).rejected.to_pylist()
    for one in rejected:
        told = json.loads(one["record"], parse_constant=pytest.fail)
        assert one["reason"]
        if isinstance(found[one["row"]], dict):
            assert set(told) == set(found[one["row"]])


@given(value=junk)
def test_a_value_that_is_refused_costs_its_own_record_only(value):
    movies = Movies.from_records([{"movie_id": 2, "title": "y", "popularity": value}, GOOD])
    assert movies.table["movie_id"].to_pylist()[-1] == 1


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("movie_id", None, "is missing"),
        ("movie_id", True, "is not an integer"),
        ("movie_id", "8 62", "is not an integer"),
        ("movie_id", -1, "is negative"),
        ("movie_id", 2**63, "is too large for 64 bits"),
        ("movie_id", Decimal("1e1000000"), "is too large for 64 bits"),
        ("movie_id", "9" * 5000, "is too large for 64 bits"),
        ("title", "\u3000\u2028", "is empty"),
        ("title", 7, "is not text"),
        ("overview", "\ud800", "holds a lone surrogate, which is no character"),
        ("overview", "\udcff", "is not valid UTF-8"),
        ("overview", float("nan"), "is not text"),
        ("vote_average", 10.000001, "is outside 0 to 10"),
        ("vote_average", "7.5", "is not a number"),
        ("vote_average", float("nan"), "is not a finite number"),
        ("vote_average", Decimal("10.000000000000000000001"), "is outside 0 to 10"),
        ("vote_count", 1.5, "is not an integer"),
        ("popularity", -0.1, "is negative"),
        ("popularity", Decimal("-1e-400"), "is negative"),
        ("popularity", 10**400, "is too large for a 64-bit float"),
        ("genre_ids", 28, "is not a list of genres"),
        ("genre_ids", [{"id": {"id": 18}}], "holds something that is not a genre id"),
        ("genre_ids", [28, "12"], "holds something that is not a genre id"),
        ("genre_ids", "[" * 100_000, "is text that holds no list of genres"),
        ("genre_ids", "[__import__('os').getpid()]", "is text that holds no list of genres"),
        ("adult", "true", "is neither true nor false"),
        ("adult", 1, "is neither true nor false"),
    ],
)
def test_the_reason_says_what_is_wrong(field, value, reason):
    (told,) = Movies.from_records([{**GOOD, field: value}]).rejected.to_pylist()
    assert (told["field"], told["reason"]) == (field, reason)


def test_an_id_is_taken_by_the_first_valid_record_that_has_it():
    found = [
        {"id": 7},
        {"id": "7", "title": "first"},
        {"movie_id": 7.0, "title": "second"},
        {"id": 8, "title": "other"},
    ]
    movies = Movies.from_records(found)
    assert movies.table["title"].to_pylist() == ["first", "other"]
    told = movies.rejected.to_pylist()
    assert [(one["row"], one["movie_id"], one["field"]) for one in told] == [(0, 7, "title"), (2, 7, "movie_id")]


class _Missing:
    """As pandas' NA is: it cannot even be compared."""

    def __eq__(self, other):
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = None


_Missing.__name__ = "NAType"


@pytest.mark.parametrize("missing", [None, _Missing()])
def test_an_alias_is_read_for_any_missing_value(missing):
    found = [{"movie_id": missing, "id": 5, "title": "x", "genre_ids": missing, "genres": [18]}, GOOD]
    movies = Movies.from_records(found)
    assert movies.table["movie_id"].to_pylist() == [5, 1]
    assert movies.table["genre_ids"].to_pylist() == [[18], []]


class _Word(str, Enum):  # noqa: UP042 - the str() of a StrEnum is its text
    """Its ``str()`` is "_Word.WAR" and the like."""

    WAR = "War"
    DAY = "2020-02-29"
    GENRES = "[10752]"
    YES = "True"


@pytest.mark.parametrize("plain", [False, True])
def test_an_enum_of_texts_is_its_text(plain):
    odd = {"title": _Word.WAR, "overview": _Word.WAR, "original_language": _Word.WAR, "release_date": _Word.DAY}
    odd |= {"genre_ids": _Word.GENRES, "adult": _Word.YES}
    found = [{"movie_id": 2, **odd}, *([{**GOOD, "genre_ids": "[]", "overview": "x"}] if plain else [])]
    movie = Movies.from_records(found).table.to_pylist()[0]
    assert (movie["title"], movie["overview"], movie["original_language"]) == ("War", "War", "War")
    assert (movie["release_date"], movie["genre_ids"], movie["adult"]) == (dt.date(2020, 2, 29), [10752], True)


def test_genres_may_be_arrays():
    found = [{**GOOD, "genre_ids": np.array([18, 28])}, {"movie_id": 2, "title": "y", "genre_ids": None}]
    assert Movies.from_records(found).table["genre_ids"].to_pylist() == [[18, 28], []]


def test_records_are_only_read():
    found = [defaultdict(list, GOOD), defaultdict(list, {"movie_id": 2}), OrderedDict(GOOD)]
    before = [dict(one) for one in found]
    movies = Movies.from_records(found)
    assert [dict(one) for one in found] == before
    assert movies.rejected["row"].to_pylist() == [1, 2]


@given(st.integers(1, 40).flatmap(lambda highest: st.lists(st.integers(0, highest), max_size=60)))
def test_an_id_is_taken_across_batches(ids):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("features.engineering.batch.RECORD_ROWS", 3)
        movies = Movies.from_records({"movie_id": number, "title": "x"} for number in ids)
    assert movies.table["movie_id"].to_pylist() == list(dict.fromkeys(ids))
    assert movies.rejected["row"].to_pylist() == [row for row, number in enumerate(ids) if number in ids[:row]]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_processor_raises_unless_told_to_reject(engine):
    found = [GOOD, {"movie_id": 2}, {"movie_id": -3, "title": "x"}]
    with pytest.raises(InvalidMoviesError, match="2 of 3 records are not movies") as raised:
        AdvancedTMDBPreProcessor(found, backend=engine)
    assert raised.value.count == 2
    assert raised.value.problems == ((1, "title", "is missing"), (2, "movie_id", "is negative"))
    processor = AdvancedTMDBPreProcessor(found, backend=engine, on_invalid="reject")
    told = columns_of(processor.rejected)
    assert list(told) == ["row", "movie_id", "field", "reason", "record"]
    assert (told["row"], told["movie_id"]) == ([1, 2], [2, -3])
    assert all(len(table) == 1 for table in processor.extract_all_features().values())


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_rejected_is_an_empty_typed_frame(engine):
    rejected = AdvancedTMDBPreProcessor([GOOD], backend=engine).rejected
    assert len(rejected) == 0
    assert list(columns_of(rejected)) == ["row", "movie_id", "field", "reason", "record"]


def test_a_record_that_holds_itself_is_told_once():
    endless = {"title": "x"}
    endless |= {"a": endless, "b": [endless, {"c": endless}]}
    (told,) = Movies.from_records([endless]).rejected["record"].to_pylist()
    assert json.loads(told) == {"title": "x", "a": "<dict>", "b": ["<dict>", {"c": "<dict>"}]}


@pytest.mark.parametrize(
    ("text", "spelled"),
    [("plain", '"plain"'), ("千と千尋 \\u", '"千と千尋 \\\\u"'), ("千\ud800", '"\\u5343\\ud800"')],
)
def test_characters_are_told_as_they_are_where_they_can_be(text, spelled):
    (told,) = Movies.from_records([{"title": text}]).rejected["record"].to_pylist()
    assert told == f'{{"title":{spelled}}}'


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (None, "null"),
        ("null", '"null"'),
        ([None, math.nan], '[null,"nan"]'),
        ({"a": -math.inf}, '{"a":"-inf"}'),
        (2**64, "18446744073709551616"),
        (np.float64(0.5), "0.5"),
        (np.array([1, 2]), "[1,2]"),
        (Decimal("1.10"), '"1.10"'),
        (dt.datetime(2020, 1, 2, 3, 4), '"2020-01-02 03:04:00"'),  # noqa: DTZ001 - as people's records have it
        (b"\xff", '"\\u00ff"'),
        ({1: {2}}, '{"1":[2]}'),
        (object(), '"<object>"'),
    ],
)
def test_what_json_cannot_say_is_told_as_text(value, spelled):
    (told,) = Movies.from_records([{"other": value}]).rejected["record"].to_pylist()
    assert told == f'{{"other":{spelled}}}'


@pytest.mark.parametrize("engine", ENGINES)
def test_ten_thousand_bad_records_are_all_told(engine):
    bad = [{**movie, "popularity": -1.0} for movie in sample_movies(10_000)]
    processor = AdvancedTMDBPreProcessor(bad, backend=engine, on_invalid="reject")
    assert columns_of(processor.rejected)["row"] == list(range(10_000))
    assert all(len(table) == 0 for table in processor.extract_all_features().values())


@pytest.mark.parametrize("given_movies", [{"movie_id": 1}, "movies.csv", b"x", 7, None])
def test_what_is_no_list_of_records_is_refused_with_the_next_step(given_movies):
    with pytest.raises(InvalidMoviesError, match=r"read_movies|give a list"):
        AdvancedTMDBPreProcessor(given_movies, backend=ENGINES[0])
