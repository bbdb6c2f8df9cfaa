"""What one library stored, the others read: the same values, by defined dtypes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import UnsupportedDataError
from features.store.codec.pyarrow_codec import PyarrowCodec
from features.store.drivers import codec_for
from features.testing import exact_pyarrow
from features.testing.codec_contract import write, written
from features.testing.fidelity import cases_of, installed

BACKENDS = installed()
OTHERS = [name for name in BACKENDS if name != "pyarrow"]

COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "large": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "number": (pa.float64(), st.floats()),
    "flag": (pa.bool_(), st.booleans()),
    "text": (pa.large_string(), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
    "bytes": (pa.large_binary(), st.binary(max_size=5)),
    "day": (pa.date32(), st.dates()),
    "moment": (pa.timestamp("us"), st.integers(-(2**50), 2**50)),
    "zoned": (pa.timestamp("us", "Europe/Berlin"), st.integers(-(2**50), 2**50)),
    "span": (pa.duration("us"), st.integers(-(2**50), 2**50)),
    "list": (pa.large_list(pa.int64()), st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=3)),
    "label": (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["b", "a", "é"])),
}


def table_of(rows: dict[str, list[Any]]) -> pa.Table:
    return pa.table({name: pa.array(values, COLUMNS[name][0]) for name, values in rows.items()})


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 5))
    return table_of(
        {
            name: draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
            for name, (_, values) in COLUMNS.items()
        }
    )


def values(table: pa.Table) -> dict[str, list[str]]:
    """What the rows say, whatever the types are called; NaN and both zeros told apart."""
    said = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_temporal(column.type) and not pa.types.is_date(column.type):
            column = column.cast(pa.int64())
        said[name] = [repr(value) for value in column.to_pylist()]
    return said


@pytest.mark.parametrize("library", OTHERS)
@given(table=tables())
def test_there_and_back_again_the_values_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, library: Any, table: pa.Table
) -> None:
    """From Arrow into the library's frame, saved from there, and read as Arrow."""
    folder = tmp_path_factory.mktemp("across")
    write(PyarrowCodec().prepare(table, "t"), folder / "first")
    codec = codec_for(library)
    frame = codec.hand_out(codec.read(folder / "first", None))
    write(codec.prepare(frame, "t"), folder / "second")
    assert values(PyarrowCodec().read(folder / "second", None)) == values(table)


@pytest.mark.parametrize("library", BACKENDS)
def test_versions_with_and_without_nulls_have_the_same_arrow_schema(library: Any, tmp_path: Path) -> None:
    """Without nulls, numbers are written as a column that cannot have any: that must show nowhere but in the file."""
    codec, read = codec_for(library), []
    for name, number in (("without", 1.5), ("with", None)):
        values = pa.table({"number": pa.array([0.5, number]), "text": ["a", "b"]})
        write(PyarrowCodec().prepare(values, "t"), tmp_path / "of arrow")
        frame = codec.hand_out(codec.read(tmp_path / "of arrow", None))
        write(codec.prepare(frame, "t"), tmp_path / name)
        read.append(PyarrowCodec().read(tmp_path / name, None))
        assert read[-1].schema.field("number").nullable
        assert PyarrowCodec().scan(tmp_path / name, ["number"]).schema.field("number").nullable
    assert [pq.ParquetFile(tmp_path / name).schema.column(0).max_definition_level for name in ("without", "with")] == [
        0,
        1,
    ]
    assert pa.concat_tables(read).num_rows == 4
    assert exact_pyarrow.differences(read[0].schema.empty_table(), read[1].schema.empty_table()) == []


@pytest.mark.parametrize(("writer", "reader"), [(one, other) for one in BACKENDS for other in BACKENDS if one != other])
def test_every_exact_case_is_read_by_every_other_library_or_refused_by_name(
    writer: Any, reader: Any, tmp_path: Path
) -> None:
    read = 0
    for number, case in enumerate(cases_of(writer)):
        path = tmp_path / str(number)
        try:
            prepared = codec_for(writer).prepare(case.build(), "t")
        except UnsupportedDataError:
            continue
        written(prepared, path)
        try:
            frame = codec_for(reader).hand_out(codec_for(reader).read(path, None))
        except UnsupportedDataError as error:
            assert reader in error.message or "pyarrow" in error.message  # both outcomes are right
        else:
            read += 1
            assert len(frame) == prepared.rows
    assert read > 30


def test_pandas_reads_other_writers_as_arrow_dtypes_and_categories(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    rows = {name: [None] for name in COLUMNS} | {"label": ["b"]}
    write(PyarrowCodec().prepare(table_of(rows), "t"), tmp_path / "file")
    codec = codec_for("pandas")
    frame = codec.hand_out(codec.read(tmp_path / "file", None))
    dtypes = dict(frame.dtypes)
    assert isinstance(dtypes.pop("label"), pd.CategoricalDtype)
    assert dtypes == {name: pd.ArrowDtype(COLUMNS[name][0]) for name in dtypes}


def test_the_missing_values_of_pandas_are_null_elsewhere_and_nan_stays_nan(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "number": [math.nan, 1.0],
            "masked": pd.array([None, 1], dtype="Int64"),
            "moment": pd.to_datetime([None, "2024-01-01"]),
            "text": pd.Series([math.nan, "a"], dtype=object),
        }
    )
    write(codec_for("pandas").prepare(frame, "t"), tmp_path / "file")
    first = PyarrowCodec().read(tmp_path / "file", None).slice(0, 1).to_pylist()[0]
    assert math.isnan(first.pop("number"))
    assert set(first.values()) == {None}


def test_a_zone_without_a_name_is_utc_elsewhere(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": pd.to_datetime(["2024-01-01 12:00+05:30"])})
    write(codec_for("pandas").prepare(frame, "t"), tmp_path / "file")
    column = PyarrowCodec().read(tmp_path / "file", None).column("a")
    assert column.type.tz == "UTC"
    assert column[0].as_py().hour == 6


DOTTED = pa.table({"a": [{"b": 1, "c": {"d": 2}}], "a.b": [3], "a.c": [4], "a.c.d": [5], "other": ["x"]})


@pytest.mark.parametrize("library", BACKENDS)
@given(names=st.lists(st.sampled_from(DOTTED.column_names), min_size=1, unique=True))
def test_a_name_with_a_dot_is_no_path_into_a_struct(
    tmp_path_factory: pytest.TempPathFactory, library: Any, names: list[str]
) -> None:
    path, codec = tmp_path_factory.mktemp("dots") / "file", codec_for(library)
    written(PyarrowCodec().prepare(DOTTED, "t"), path)
    frame = codec.hand_out(codec.read(path, names))
    assert list(frame.column_names if isinstance(frame, pa.Table) else frame.columns) == names
    written(codec.prepare(frame, "t"), path.with_name("of them"))
    assert values(PyarrowCodec().read(path.with_name("of them"), None)) == values(DOTTED.select(names))


def test_what_pandas_notes_is_no_part_of_an_arrow_table(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    written(codec_for("pandas").prepare(pd.DataFrame({"a": [1], "b": ["x"]}), "t"), tmp_path / "file")
    assert PyarrowCodec().read(tmp_path / "file", None).schema.metadata is None
