"""Dataframes of movies, of every library, with its own ideas of types and of missing values."""

from __future__ import annotations

import datetime as dt
import json
import warnings
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from frames_compared import ENGINES, columns_of
from hypothesis import given
from hypothesis import strategies as st

from features.engineering.movies import Movies, read_movies, sample_movies
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
        ("genre_ids", pa.array([[{"id": {"id": 18}}], []])),
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


BROKEN = pa.array([b"\xff\xfe", b"good", "é".encode(), None], pa.large_binary())
UNHOLDABLE = {
    "a late time": (pa.array([2**40, None, 0], pa.timestamp("s")), "value out of range"),
    "a late day": (pa.array([10**7, None, 0], pa.date32()), "29349-01-26"),
    "part of a microsecond": (pa.array([1, None, 0], pa.timestamp("ns")), "1970-01-01 00:00:00.000000001"),
    "an unknown zone": (pa.array([0, None, 0], pa.timestamp("us", "Mars/Base")), "1970-01-01 00:00:00"),
    "bytes for text": (BROKEN[:3].view(pa.large_string()), "\udcff\udcfe"),
    "a struct": (
        pa.StructArray.from_arrays([BROKEN[:3].view(pa.large_string()), pa.array([1, 2, 3])], ["x", "x"]),
        "{'x': '\\udcff\\udcfe', 'x (2)': 1}",
    ),
    "a list": (pa.array([[10**7], None, []], pa.list_(pa.date32())), "['29349-01-26']"),
    "a dictionary": (pa.array([10**7, None, 0], pa.date32()).dictionary_encode(), "29349-01-26"),
    "runs": (pa.RunEndEncodedArray.from_arrays([1, 3], pa.array([10**7, 0], pa.date32())), "29349-01-26"),
}


def told_records(movies):
    return [json.loads(one) for one in movies.rejected["record"].to_pylist()]


@given(st.lists(st.sampled_from(["", " ", "a", "é", "a title of more than twelve bytes", None]), min_size=1))
def test_what_is_refused_of_any_arrow_type_is_told_as_it_is(titles):
    ids = list(range(len(titles)))
    texts = pa.array(titles, pa.string())
    runs = pa.RunEndEncodedArray.from_arrays([number + 1 for number in ids], texts)
    kinds = [texts, texts.cast(pa.string_view()), texts.dictionary_encode(), runs]
    expected = Movies.from_records([{"movie_id": number, "title": titles[number]} for number in ids])
    for column in kinds:
        table = pa.table({"movie_id": ids, "title": column, "other": texts.cast(pa.binary()).cast(pa.binary_view())})
        movies = Movies.from_frame(table)
        assert movies.table.equals(expected.table)
        found = [(one["row"], one["reason"]) for one in movies.rejected.to_pylist()]
        assert found == [(one["row"], one["reason"]) for one in expected.rejected.to_pylist()]
        assert [one["title"] for one in told_records(movies)] == [titles[row] for row, _ in found]


def test_a_refused_row_of_polars_is_told():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"movie_id": [1, 2], "title": ["a", ""]})
    rejected = AdvancedTMDBPreProcessor(frame, on_invalid="reject").rejected
    assert columns_of(rejected)["record"] == ['{"movie_id":2,"title":""}']


@pytest.mark.parametrize(("values", "told"), UNHOLDABLE.values(), ids=UNHOLDABLE)
def test_what_python_cannot_hold_is_told_as_text(values, told):
    movies = Movies.from_frame(pa.table({"movie_id": [1, 2, 3], "title": ["", "b", ""], "other": values}))
    assert refused(movies) == [(0, "title"), (2, "title")]
    assert told in str(told_records(movies)[0]["other"])


@pytest.mark.parametrize("name", sorted(UNHOLDABLE.keys() - {"bytes for text"}))
def test_what_python_cannot_hold_is_judged_like_any_wrong_value(name):
    ids, titles, values = [1, 2, 3], ["a", "b", "c"], UNHOLDABLE[name][0]
    for field in ("vote_count", "overview", "adult"):
        movies = Movies.from_frame(pa.table({"movie_id": ids, "title": titles, field: values}))
        assert (0, field) in refused(movies)
    assert (0, "movie_id") in refused(Movies.from_frame(pa.table({"movie_id": values, "title": titles})))


def test_a_time_in_an_unknown_zone_is_no_date():
    values = UNHOLDABLE["an unknown zone"][0]
    movies = Movies.from_frame(pa.table({"movie_id": [1, 2, 3], "title": ["a", "b", "c"], "release_date": values}))
    assert refused(movies) == []
    assert movies.table["release_date"].null_count == 3


def test_what_pandas_cannot_tell_is_told_as_text():
    pd = pytest.importorskip("pandas")
    late = pd.Series(pa.array([2**40], pa.timestamp("s")), dtype=pd.ArrowDtype(pa.timestamp("s")))
    broken = pd.Series(pd.arrays.ArrowExtensionArray(BROKEN[:1].view(pa.large_string())))
    frame = pd.DataFrame({"movie_id": [1], "title": [""], "late": late, "broken": broken})
    (told,) = told_records(Movies.from_frame(frame))
    assert "out of range" in told["late"]
    assert told["broken"] == "\udcff\udcfe"


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("field", ["title", "overview", "movie_id", "genres", "adult"])
def test_text_that_is_not_utf_8_is_refused(field, kind, tmp_path):
    texts = BROKEN.cast(pa.binary() if kind == pa.string() else pa.large_binary()).view(kind)
    table = pa.table({"movie_id": [1, 2, 3, 4], "title": ["a", "b", "c", "d"]})
    table = table.drop_columns([field]) if field in table.column_names else table
    table = table.append_column(field, texts)
    pq.write_table(table, tmp_path / "m.parquet")
    for movies in (Movies.from_frame(table), read_movies(tmp_path / "m.parquet")):
        first = movies.rejected.slice(0, 1).to_pylist()[0]
        assert (first["row"], first["field"]) == (0, "genre_ids" if field == "genres" else field)
        assert json.loads(first["record"])[field] == "\udcff\udcfe"
        if field in ("title", "overview"):
            assert first["reason"] == "is not valid UTF-8"
            assert movies.table[field].to_pylist()[:2] == ["good", "é"]


def test_a_date_that_is_not_utf_8_is_none():
    dates = BROKEN.view(pa.large_string())
    movies = Movies.from_frame(pa.table({"id": [1, 2, 3, 4], "title": ["a", "b", "c", "d"], "release_date": dates}))
    assert refused(movies) == []
    assert movies.table["release_date"].null_count == 4


def test_columns_that_share_a_name_are_all_told():
    names = ["id", "title", "x", "x (2)", "x"]
    expected = [{"id": 1, "title": "", "x": 2, "x (2)": 3, "x (3)": 4}]
    row = [1, "", 2, 3, 4]
    assert told_records(Movies.from_frame(pa.table([[one] for one in row], names=names))) == expected
    pd = pytest.importorskip("pandas")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert told_records(Movies.from_frame(pd.DataFrame([row], columns=names))) == expected


def test_pandas_columns_may_be_named_anything():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame([[1, "", 2, 3, 4, 5]], columns=["id", "title", pd.NA, 7, ("a", "b"), "7"])
    (told,) = told_records(Movies.from_frame(frame))
    assert told == {"id": 1, "title": "", "<NA>": 2, "7": 3, "('a', 'b')": 4, "7 (2)": 5}


def test_rows_without_columns_are_refused_one_by_one():
    pd = pytest.importorskip("pandas")
    movies = Movies.from_frame(pd.DataFrame(index=range(2)))
    assert refused(movies) == [(0, "movie_id"), (1, "movie_id")]
    assert told_records(movies) == [{}, {}]


@pytest.mark.parametrize("given_frame", [[{"movie_id": 1}], "x", None, {"movie_id": 1}, 7])
def test_what_is_no_frame_is_told_where_records_go(given_frame):
    with pytest.raises(InvalidMoviesError, match=r"movies is \w+; give a dataframe, or records to Movies.from_records"):
        Movies.from_frame(given_frame)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_what_becomes_of_the_numbers_given_changes_no_features(library, engine):
    """pandas, polars and Arrow may all share an array of NumPy's."""
    module = pytest.importorskip(library)
    ids, votes = np.array([1, 2, 3]), np.array([2.0, 5.0, 8.0])
    columns = {"movie_id": ids, "title": ["a", "b", "c"], "vote_average": votes}
    if library == "pandas":
        given_frame = module.DataFrame(columns, copy=False)
    elif library == "polars":
        given_frame = module.DataFrame(columns)
    else:
        given_frame = module.table(columns)
    processor = AdvancedTMDBPreProcessor(given_frame, backend=engine, as_of="2026-01-01")
    before = {name: columns_of(table) for name, table in processor.extract_all_features().items()}
    if library == "pandas":
        given_frame.loc[0, "movie_id"] = 77
        given_frame["vote_average"] *= 0.0
    extracted = processor.extract_all_features()
    ids[:], votes[:] = 9, 9.0
    for tables in (extracted, processor.extract_all_features()):
        assert {name: columns_of(table) for name, table in tables.items()} == before


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_frame_is_no_list_of_records(library):
    frame = pytest.importorskip(library)
    given_frame = (frame.table if library == "pyarrow" else frame.DataFrame)({"movie_id": [1], "title": ["Alien"]})
    with pytest.raises(InvalidMoviesError, match=r"give a dataframe to Movies\.from_frame"):
        Movies.from_records(given_frame)


def test_a_polars_column_that_arrow_does_not_have_is_told_as_text():
    pl = pytest.importorskip("polars")
    large = pl.Series("large", [2**100, None, 1], dtype=pl.Int128)
    lists = pl.Series("list", [[2**100, None]] * 3, dtype=pl.List(pl.Int128))
    frame = pl.DataFrame({"id": [1, 2, 3], "title": ["", "b", ""]}).with_columns(large, lists)
    movies = Movies.from_frame(frame)
    assert refused(movies) == [(0, "title"), (2, "title")]
    first, last = told_records(movies)
    assert (first["large"], last["large"]) == (str(2**100), "1")
    assert first["list"] == f"[{2**100}, None]"
    with pytest.raises(InvalidMoviesError, match=r"column 'vote_count' is Int128, which Arrow cannot read; cast it"):
        Movies.from_frame(frame.rename({"large": "vote_count"}))
