"""The polars codec keeps the contract."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

pl = pytest.importorskip("polars")

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from features.errors import UnsupportedDataError  # noqa: E402
from features.store.codec.base import Codec, Compression  # noqa: E402
from features.store.codec.footers import Footer, Source  # noqa: E402
from features.store.codec.polars_codec import PolarsCodec, _check, _to_arrow  # noqa: E402
from features.store.codec.pyarrow_codec import PyarrowCodec  # noqa: E402
from features.store.codec.refusal import Refusal  # noqa: E402
from features.testing import exact_polars, exact_pyarrow  # noqa: E402
from features.testing.codec_contract import CodecContract, footer_of, write, written  # noqa: E402
from features.testing.strategies_polars import frames  # noqa: E402
from tests.store.codec.test_pyarrow_codec import at_depth  # noqa: E402


class TestPolarsCodec(CodecContract):
    backend = "polars"

    def codec(self) -> Codec[Any]:
        return PolarsCodec()

    def differences(self, left: Any, right: Any) -> list[str]:
        return exact_polars.differences(left, right)

    def plain(self, frame: Any) -> Any:
        return frame.collect() if isinstance(frame, pl.LazyFrame) else frame

    def ruin(self, frame: Any) -> None:
        for name in frame.columns:
            ruin_column(frame[name])
        frame.columns = [f"ruined {position}" for position in range(frame.width)]
        frame.replace_column(0, pl.Series("other", [0] * frame.height))
        frame.insert_column(0, pl.Series("more", [0] * frame.height))
        frame.drop_in_place("more")
        frame.extend(frame.clone())


class OfLarger(PolarsCodec):
    """The codec as it treats tables that are not small."""

    written_small = read_small = -1


class OfBytes(PolarsCodec):
    """The codec as a store uses it for small files."""

    def read(self, source: Source, columns: Sequence[str] | None, footer: Footer | None = None) -> Any:
        return super().read(source.read_bytes() if isinstance(source, Path) else source, columns, footer)


class TestPolarsCodecOfLarger(TestPolarsCodec):
    def codec(self) -> Codec[Any]:
        return OfLarger()


class TestPolarsCodecOfBytes(TestPolarsCodec):
    def codec(self) -> Codec[Any]:
        return OfBytes()


@given(frame=frames(), compression=st.sampled_from(get_args(Compression)))
def test_small_and_larger_tables_are_the_same_to_other_libraries(
    tmp_path_factory: pytest.TempPathFactory, frame: Any, compression: Compression
) -> None:
    frame = pl.DataFrame([column for column in frame if not column.dtype.is_nested()])  # by name, "*" would be all
    assume(frame.width)
    seen = []
    for codec in (PolarsCodec(), OfLarger()):
        path = tmp_path_factory.mktemp("codec") / "file"
        written(codec.prepare(frame, "t"), path, compression)
        seen.append(PyarrowCodec().read(path, None))
        assert exact_polars.differences(frame, OfBytes().read(path, None)) == []
        assert exact_polars.differences(frame, OfLarger().read(path, None)) == []
    assert exact_pyarrow.differences(*seen) == []


@pytest.mark.parametrize("texts", [False, True])
def test_chunks_are_not_copied_into_one_to_be_written(texts: bool) -> None:
    frame = pl.DataFrame({"number": [1.0, 2.0], "text": ["a", "b"]}).select("number", *["text"] * texts)
    frame = pl.concat([frame] * 3, rechunk=False)
    assert [column.num_chunks for column in _to_arrow(frame).columns] == [3] * frame.width


def test_more_rows_than_pyarrow_puts_into_a_group_come_back(tmp_path: Path) -> None:
    rows = (1 << 20) + 1000
    whole = pl.int_range(rows, dtype=pl.Int32, eager=True)
    frame = pl.DataFrame({"whole": whole, "holes": pl.select(pl.when(whole % 7 != 0).then(whole)).to_series()})
    frame = pl.concat([frame.head(10), frame.tail(-10)], rechunk=False)
    written(PolarsCodec().prepare(frame, "t"), tmp_path / "file")
    assert pq.read_metadata(tmp_path / "file").num_row_groups > 1
    for codec in (PolarsCodec(), OfLarger()):
        back = codec.read(tmp_path / "file", None)
        assert back.schema == frame.schema
        assert back.equals(frame)
        assert codec.read(tmp_path / "file", ["holes"]).equals(frame.select("holes"))


def test_a_text_that_is_none_never_reaches_polars(tmp_path: Path) -> None:
    bytes_ = pa.array([b"\xff\xfe"])
    pq.write_table(pa.table({"a": pa.Array.from_buffers(pa.string(), 1, bytes_.buffers())}), tmp_path / "file")
    for codec in (OfBytes(), OfLarger()):
        with pytest.raises((pa.ArrowInvalid, UnsupportedDataError), match=r"(?i)utf-?8"):
            codec.read(tmp_path / "file", None)


def test_a_column_without_a_name_has_none_when_it_comes_back(tmp_path: Path) -> None:
    frame = pl.DataFrame({"": [1], "column_0": [2], "0": [3]})
    written(PolarsCodec().prepare(frame, "t"), tmp_path / "file", "lz4")
    for codec in (OfBytes(), OfLarger()):
        assert exact_polars.differences(frame, codec.read(tmp_path / "file", None)) == []


@pytest.mark.parametrize("names", [["", "*"], ["l", "*", "", "column_1"], ["column_2", "^a$", ""]])
def test_columns_keep_their_names_beside_one_that_polars_takes_for_a_pattern(tmp_path: Path, names: list[str]) -> None:
    columns = {"": [1], "*": [2], "l": [[3]], "column_1": [4], "column_2": [5], "^a$": [6]}
    written(PolarsCodec().prepare(pl.DataFrame(columns), "t"), tmp_path / "file")
    for codec in (OfBytes(), OfLarger()):
        found = codec.read(tmp_path / "file", names)
        assert found.to_dict(as_series=False) == {name: columns[name] for name in names}


def test_polars_parses_no_footer_that_pyarrow_did_not_parse_first(tmp_path: Path) -> None:
    """Also where one is kept: the file may have been damaged since, and a damaged one can end the interpreter."""
    prepared = PolarsCodec().prepare(pl.DataFrame({"a": [1]}), "t")
    path, footer = tmp_path / "file", footer_of(prepared.schema, 1)
    written(prepared, path)
    OfLarger().read(path, None, footer)
    path.write_bytes(path.read_bytes()[:-8] + bytes(8))
    with pytest.raises(pa.ArrowInvalid):
        OfLarger().read(path, None, footer)


def test_notes_that_are_no_text_never_make_polars_panic(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}, metadata={"pandas": b"\x80\x04"}), tmp_path / "file")
    assert OfBytes().read(tmp_path / "file", None).to_dict(as_series=False) == {"a": [1]}
    with pytest.raises(UnsupportedDataError, match="cannot read its file"):
        OfLarger().read(tmp_path / "file", None)


_EIGHT_THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
import polars as pl
from features.store.codec.polars_codec import PolarsCodec

frame, gate = pl.DataFrame({str(number): [1.5] * 50 for number in range(20)}), Barrier(8)

def work(thread):
    gate.wait(60)
    path = Path(sys.argv[1], str(thread))
    path.write_bytes(PolarsCodec().prepare(frame, "t").content("lz4"))
    return PolarsCodec().read(path, None).equals(frame)

with ThreadPoolExecutor(8) as threads:
    print(all(threads.map(work, range(8))))
"""


@pytest.mark.parametrize("_attempt", range(6))
def test_threads_that_write_one_frame_do_not_stop_each_other(_attempt: int, tmp_path: Path) -> None:
    """In a new process each time: polars stopped in one of three, as its first threads met, and Python with it."""
    command = [sys.executable, "-c", _EIGHT_THREADS, str(tmp_path)]
    assert subprocess.run(command, timeout=60, check=True, capture_output=True, text=True).stdout == "True\n"


def ruin_column(column: Any) -> None:
    if column.dtype.is_numeric() and not column.dtype.is_decimal() and not column.null_count():
        view = column.to_numpy()
        if view.size and not view.flags.writeable:
            with pytest.raises(ValueError, match="WRITEABLE"):
                view.flags.writeable = True
        elif view.size:
            view[:] = 7
    if column.len() and column.dtype.is_integer():
        column.scatter(0, 7)
        column[0] = 7
        column.sort(in_place=True)
    column.rename("ruined")
    column.extend(column.clone())
    column.shrink_to_fit(in_place=True)


@pytest.mark.parametrize("method", ["collect_schema", "sink_parquet"])
def test_a_panic_of_a_lazy_frame_is_an_ordinary_refusal(method: str, tmp_path: Path) -> None:
    class Panicking(pl.LazyFrame):
        pass

    def panic(*_args: Any, **_named: Any) -> None:
        raise pl.exceptions.PanicException("no")

    setattr(Panicking, method, panic)
    with pytest.raises(UnsupportedDataError, match="panicked"):
        written(PolarsCodec().prepare(Panicking({"a": [1]}), "t"), tmp_path / "file")


NAMES = ["^a.*$", "ab", "*", "a.b", "^", "id"]


@pytest.mark.parametrize("columns", [[name] for name in NAMES] + [["*", "id", "^a.*$"]])
def test_a_name_that_looks_like_a_pattern_is_a_name(columns: list[str], tmp_path: Path) -> None:
    frame = pl.DataFrame({name: [number] for number, name in enumerate(NAMES)})
    written(PolarsCodec().prepare(frame, "t"), tmp_path / "file")
    expected = frame.select([frame[name] for name in columns])
    assert PolarsCodec().read(tmp_path / "file", columns).equals(expected)
    try:
        scanned = PolarsCodec().scan(tmp_path / "file", columns).collect()
    except UnsupportedDataError as error:  # in old releases
        assert error.column in columns
        assert "get_features" in error.message
    else:
        assert scanned.equals(expected)


def test_folders_and_patterns_in_a_path_are_not_read_as_data(tmp_path: Any) -> None:
    folder = tmp_path / "year=2024" / "a*b[1]{x}"
    folder.mkdir(parents=True)
    frame = pl.DataFrame({"a": np.arange(3)})
    for codec in (PolarsCodec(), OfLarger()):
        write(codec.prepare(frame, "t"), folder / "file.parquet")
        for columns in (None, ["a"]):
            assert codec.read(folder / "file.parquet", columns).equals(frame)
            assert codec.scan(folder / "file.parquet", columns).collect().equals(frame)


def test_a_dtype_is_not_refused_for_ever_because_it_was_tried_on_a_deep_stack() -> None:
    dtype = pl.Struct({"of this test alone": pl.List(pl.Int8)})
    outcomes = [at_depth(depth, lambda: _check(dtype)) for depth in range(sys.getrecursionlimit(), 0, -1)]
    assert outcomes[0] is RecursionError
    assert outcomes[-1] is None
    assert Refusal not in outcomes
    _check(dtype)
