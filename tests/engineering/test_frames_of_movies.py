"""Dataframes of movies, of every library, with its own ideas of types and of missing values."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from frames_compared import ENGINES, columns_of

from features.engineering.movies import Movies, sample_movies
from features.engineering.tmdb_processor import AdvancedTMDBPreProcessor
from features.errors import InvalidMoviesError

AS_OF = dt.date(2024, 2, 29)
RECORDS = [
    {"movie_id": 3, "title": "a", "vote_average": 7.5, "vote_count": 10, "genre_ids": [28, 12], "adult": True},
    {"movie_id": 1, "title": "b", "vote_average": None, "vote_count": None, "genre_ids": None, "adult": None},
]


def refused(movies):
    return [(one["row"], one["field"]) for one in movies.rejected.to_pylist()]


def test_an_arrow_table_is_read_as_its_records_are():
    records = sample_movies(100)
    assert Movies.from_frame(pa.Table.from_pylist(records)).table.equals(Movies.from_records(records).table)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_frame_of_the_engine_gives_what_its_records_give(engine):
    if engine == "pandas":
        import pandas as pd

        frames = [pd.DataFrame(RECORDS), pd.DataFrame(RECORDS).convert_dtypes()]
    else:
        import polars as pl

        frames = [pl.DataFrame(RECORDS), pl.DataFrame(RECORDS).lazy()]
    expected = AdvancedTMDBPreProcessor(RECORDS, backend=engine, as_of=AS_OF).extract_all_features()
    for frame in frames:
        found = AdvancedTMDBPreProcessor(frame, as_of=AS_OF).extract_all_features()
        assert {name: columns_of(table) for name, table in found.items()} == {
            name: columns_of(table) for name, table in expected.items()
        }
        assert all(type(table) is type(expected[name]) for name, table in found.items())


def test_pandas_missing_values_are_missing():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "movie_id": pd.Series([1.0, 2.0]),
            "title": ["a", "b"],
            "overview": pd.Series([float("nan"), "x"], dtype=object),
            "release_date": pd.to_datetime(["2020-02-29", None]),
            "vote_average": [float("nan"), 5.0],
            "vote_count": [float("nan"), 3.0],
            "genre_ids": [float("nan"), [28]],
            "original_language": pd.Categorical(["en", None]),
            "popularity": pd.Series([pd.NA, Decimal("1.5")], dtype=object),
        },
    )
    movies = Movies.from_frame(frame)
    assert refused(movies) == []
    first, second = movies.table.to_pylist()
    assert first["release_date"] == dt.date(2020, 2, 29)
    assert [first[name] for name in ("overview", "vote_average", "vote_count", "popularity")] == [None] * 4
    assert (second["release_date"], second["original_language"], second["popularity"]) == (None, None, 1.5)
    assert movies.table["genre_ids"].to_pylist() == [[], [28]]


def test_pandas_values_are_judged_as_those_of_records():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"id": [1, "2", 2.5, True], "title": ["a", "b", "c", "d"], "extra": [1, 2, 3, {"x": 1}]})
    movies = Movies.from_frame(frame)
    assert movies.table["movie_id"].to_pylist() == [1, 2]
    assert refused(movies) == [(2, "movie_id"), (3, "movie_id")]
    assert '"extra":{"x":1}' in movies.rejected["record"][1].as_py()


@pytest.mark.parametrize(
    ("column", "kind", "expected"),
    [
        ("vote_average", pa.float64(), [(1, "vote_average")]),
        ("popularity", pa.float32(), [(1, "popularity")]),
    ],
)
def test_nan_in_arrow_is_a_wrong_number(column, kind, expected):
    table = pa.table({"id": [1, 2, 3], "title": ["a", "b", "c"], column: pa.array([1, float("nan"), None], kind)})
    assert refused(Movies.from_frame(table)) == expected


@pytest.mark.parametrize(
    ("column", "values", "stored"),
    [
        ("release_date", pa.array([0, 10**9], pa.timestamp("s")), [dt.date(1970, 1, 1), dt.date(2001, 9, 9)]),
        ("release_date", pa.array([-1, None], pa.timestamp("us", "UTC")), [dt.date(1969, 12, 31), None]),
        ("release_date", pa.array([2**31 - 1, 3], pa.date32()), [None, dt.date(1970, 1, 4)]),
        ("release_date", pa.array(["2020-02-30", "2020-02-29"]), [None, dt.date(2020, 2, 29)]),
        ("release_date", pa.array([1, 2]), [None, None]),
        ("vote_count", pa.array([3, 4], pa.uint8()), [3, 4]),
        ("vote_count", pa.array([3.0, None], pa.float32()), [3, None]),
        ("vote_average", pa.array([Decimal("1.5"), None], pa.decimal128(3, 1)), [1.5, None]),
        ("popularity", pa.array([2**53 + 1, 3], pa.int64()), [float(2**53), 3.0]),
        ("overview", pa.array(["x", None]).dictionary_encode(), ["x", None]),
        ("adult", pa.array(["True", None]), [True, None]),
        ("genre_ids", pa.array([[28, 12], None], pa.list_(pa.int16())), [[28, 12], []]),
        ("genre_ids", pa.array([[28, 12], [37, 0]], pa.list_(pa.int32(), 2)), [[28, 12], [37, 0]]),
        ("genres", pa.array([[{"id": 28, "name": "x"}], []]), [[28], []]),
        ("genres", pa.array(["[{'id': 28}]", None]), [[28], []]),
        ("genres", pa.nulls(2), [[], []]),
    ],
)
def test_arrow_types_are_taken_where_nothing_is_lost(column, values, stored):
    movies = Movies.from_frame(pa.table({"movie_id": [1, 2], "title": ["a", "b"], column: values}))
    assert refused(movies) == []
    field = "genre_ids" if column == "genres" else column
    assert movies.table[field].to_pylist() == stored


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("vote_count", pa.array([1.5, 1.0])),
        ("vote_count", pa.array([2**64 - 1, 1], pa.uint64())),
        ("vote_count", pa.array([True, None])),
        ("overview", pa.array([1, None])),
        ("genre_ids", pa.array([[1.5], [1.0, None]])),
        ("genre_ids", pa.array([[None], [1]])),
        ("adult", pa.array([1, None])),
    ],
)
def test_arrow_values_are_refused_row_by_row(column, values):
    movies = Movies.from_frame(pa.table({"movie_id": [1, 2], "title": ["a", "b"], column: values}))
    assert (0, column) in refused(movies)
    assert movies.read == 2


def test_a_frame_without_id_or_title_is_told_what_it_has():
    with pytest.raises(InvalidMoviesError, match="has no column title; it has 'id', 'name'"):
        Movies.from_frame(pa.table({"id": [1], "name": ["x"]}))


def test_a_frame_without_columns_is_no_movies():
    assert Movies.from_frame(pa.table({})).read == 0
