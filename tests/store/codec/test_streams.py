"""Streams keep the promises of frames: exact, or refused by name."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import UnsupportedDataError
from features.store.codec import arrow_streams
from features.store.codec.base import Compression
from features.store.codec.pyarrow_codec import PyarrowCodec
from features.store.codec.streams import StagedSink, StreamFailedError
from features.store.drivers import codec_for
from features.testing.codec_contract import compression_of, write, written
from features.testing.fidelity import Case, cases_of, installed
from features.testing.strategies import frames

LIBRARIES = [name for name in installed() if name != "pandas"]  # which has no streams


def streamed(library: str, frame: Any, rows: int = 1) -> Any:
    """``frame`` as a stream of batches of at most so many rows."""
    if library == "polars":
        return frame.lazy()
    return frame.to_reader(max_chunksize=rows)


def outcome(library: Any, stream: Any, path: Path) -> Any:
    """The frame that comes back, or the error that refused it."""
    codec = codec_for(library)
    try:
        written(codec.prepare(stream, "t"), path)
    except UnsupportedDataError as error:
        return error
    return codec.hand_out(codec.read(path, None))


def differences(library: str, left: Any, right: Any) -> list[str]:
    return pytest.importorskip(f"features.testing.exact_{library}").differences(left, right)


def group_rows(path: Path) -> list[int]:
    footer = pq.read_metadata(path)
    return [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]


def flat_cases() -> list[Any]:
    return [
        pytest.param(library, case, id=f"{library}-{case.what!a}")
        for library in LIBRARIES
        for case in cases_of(library)
        if case.what not in {"a subclass of DataFrame", "no columns"} and not case.what.startswith("a stream")
    ]


@pytest.mark.parametrize(("library", "case"), flat_cases())
def test_a_case_of_the_fidelity_table_is_the_same_as_a_stream(library: str, case: Case, tmp_path: Path) -> None:
    frame = case.build()
    if hasattr(frame, "collect"):
        frame = frame.collect()
    if isinstance(frame, pa.RecordBatch):
        frame = pa.Table.from_batches([frame])
    got = outcome(library, streamed(library, frame), tmp_path / "file")
    if isinstance(got, UnsupportedDataError):
        assert case.outcome != "exact" or "ordered" in case.what
        assert got.table == "t"
    else:
        assert case.outcome != "refused"
        assert differences(library, frame, got) == []


@pytest.mark.parametrize("library", LIBRARIES)
@given(data=st.data())
def test_a_stream_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, library: Any, data: st.DataObject
) -> None:
    frame = data.draw(frames(library))
    got = outcome(library, streamed(library, frame, rows=3), tmp_path_factory.mktemp("streams") / "file")
    if isinstance(got, UnsupportedDataError):
        assert "order" in got.message  # of categories, which batches may put in other orders
    else:
        assert differences(library, frame, got) == []


def test_batches_are_gathered_into_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_streams, "GROUP_ROWS", 4)
    table = pa.table({"a": list(range(10)), "b": pa.array(list("abcabcabca")).dictionary_encode()})
    got = outcome("pyarrow", table.to_reader(max_chunksize=3), tmp_path / "file")
    assert got.equals(table.cast(got.schema))
    assert group_rows(tmp_path / "file") == [6, 4]


@pytest.mark.parametrize("library", installed())
def test_a_row_group_takes_no_more_memory_than_a_scan_should(library: Any, tmp_path: Path) -> None:
    codec, table = codec_for(library), pa.table({f"{number}": pa.nulls(100_000, pa.float64()) for number in range(80)})
    written(PyarrowCodec().prepare(table, "t"), tmp_path / "of arrow")
    written(codec.prepare(codec.hand_out(codec.read(tmp_path / "of arrow", None)), "t"), tmp_path / "file")
    assert sum(group_rows(tmp_path / "file")) == 100_000
    assert max(group_rows(tmp_path / "file")) * 80 * 8 < 36 << 20


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_row_group_of_a_stream_takes_less(library: Any, tmp_path: Path) -> None:
    table = pa.table({f"{number}": pa.nulls(100_000, pa.float64()) for number in range(80)})
    written(PyarrowCodec().prepare(table, "t"), tmp_path / "of arrow")
    frame = codec_for(library).hand_out(codec_for(library).read(tmp_path / "of arrow", None))
    outcome(library, streamed(library, frame, rows=1000), tmp_path / "file")
    assert sum(group_rows(tmp_path / "file")) == 100_000
    assert max(group_rows(tmp_path / "file")) * 80 * 8 < 11 << 20


@pytest.mark.parametrize("library", installed())
@pytest.mark.parametrize("kind", [pa.int8(), pa.string()], ids=str)
def test_a_row_group_has_no_more_rows_than_a_scan_should_hold(library: Any, kind: pa.DataType, tmp_path: Path) -> None:
    """However little a row takes."""
    codec, rows = codec_for(library), (1 << 20) + 10
    written(PyarrowCodec().prepare(pa.table({"a": pa.nulls(rows, kind)}), "t"), tmp_path / "of arrow")
    written(codec.prepare(codec.hand_out(codec.read(tmp_path / "of arrow", None)), "t"), tmp_path / "file")
    for file in ("of arrow", "file"):
        assert sum(group_rows(tmp_path / file)) == rows
        assert max(group_rows(tmp_path / file)) <= 1 << 20


@pytest.mark.parametrize("compression", get_args(Compression))
def test_a_stream_is_compressed_as_asked(library: Any, compression: Compression, tmp_path: Path) -> None:
    stream = streamed(library, codec_for(library).hand_out(read_back(tmp_path, library)))
    written(codec_for(library).prepare(stream, "t"), tmp_path / "file", compression)
    assert compression_of(tmp_path / "file") == compression


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_full_disk_is_the_disks_fault(library: str) -> None:
    stream: Any = pa.table({"a": [1]}).to_reader()
    if library == "polars":
        stream = pytest.importorskip("polars").LazyFrame({"a": [1]})
    frame = codec_for(library).prepare(stream, "t")
    with pytest.raises(OSError, match="No space left") as caught:
        write(frame, Path("/dev/full"))
    frame.close()
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("library", LIBRARIES)
@given(data=st.data())
def test_a_disk_that_takes_all_but_the_last_bytes_is_full(
    tmp_path_factory: pytest.TempPathFactory, library: Any, data: st.DataObject
) -> None:
    resource = pytest.importorskip("resource", reason="limits on file sizes are POSIX")
    folder = tmp_path_factory.mktemp("full")
    frame = codec_for(library).hand_out(read_back(folder, library))
    written(codec_for(library).prepare(streamed(library, frame), "t"), folder / "whole")
    size = (folder / "whole").stat().st_size
    room = size - data.draw(st.integers(1, 8) | st.integers(1, size))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            written(codec_for(library).prepare(streamed(library, frame), "t"), folder / "file")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_another_full_disk_than_the_stores_is_the_streams_own_affair(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")

    def fail(frame: Any) -> Any:
        frame.write_parquet("/dev/full")
        return frame

    stream = codec_for("polars").prepare(polars.LazyFrame({"a": [1]}).map_batches(fail), "t")
    with pytest.raises(StreamFailedError) as caught:
        written(stream, tmp_path / "file")
    assert "No space left" in str(caught.value.__cause__)


def reader(*batches: pa.RecordBatch, schema: pa.Schema | None = None) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(schema or batches[0].schema, iter(batches))


def test_a_stream_without_batches_is_a_table_without_rows(tmp_path: Path) -> None:
    schema = pa.schema([("a", pa.int8()), ("b", pa.list_(pa.string()))], {"k": "v"})
    got = outcome("pyarrow", reader(schema=schema), tmp_path / "file")
    assert differences("pyarrow", schema.empty_table(), got) == []


ONE = pa.record_batch({"a": [1]})
REQUIRED = pa.schema([pa.field("a", pa.int64(), nullable=False)])


@pytest.mark.parametrize(
    ("stream", "column", "reason"),
    [
        (lambda: reader(ONE, pa.record_batch({"b": [1]})), None, "batch 1 of its stream has the columns"),
        (lambda: reader(ONE, pa.record_batch({"a": ["x"]})), "a", "was announced as int64"),
        (lambda: reader(ONE, pa.record_batch({"a": [None]}, schema=ONE.schema), schema=REQUIRED), "a", "not null"),
        (lambda: reader(schema=pa.schema([("a", pa.int8()), ("a", pa.int8())])), "a", "two columns"),
        (lambda: reader(schema=pa.schema([("a", pa.date64())])), "a", "date64"),
        (lambda: reader(schema=pa.schema([("a", pa.int8())], {"ARROW:schema": "x"})), None, "metadata"),
        (lambda: pa.chunked_array([[1, 2]]), None, "no table"),
    ],
)
def test_a_stream_is_refused_by_name(stream: Any, column: str | None, reason: str, tmp_path: Path) -> None:
    refused = outcome("pyarrow", stream(), tmp_path / "file")
    assert isinstance(refused, UnsupportedDataError)
    assert (refused.table, refused.column) == ("t", column)
    assert reason in refused.message


def test_a_batch_that_only_leaves_out_what_was_announced_of_nulls_is_taken(tmp_path: Path) -> None:
    got = outcome("pyarrow", reader(ONE, schema=REQUIRED), tmp_path / "file")
    assert got.schema == REQUIRED


def test_a_second_file_is_a_copy_of_the_first_even_where_that_was_deleted(tmp_path: Path, library: Any) -> None:
    stream = streamed(library, codec_for(library).hand_out(read_back(tmp_path, library)))
    prepared = codec_for(library).prepare(stream, "t")
    first, second = tmp_path / "first", tmp_path / "second"
    first.touch()
    second.touch()
    write(prepared, first)
    content = first.read_bytes()
    first.unlink()
    write(prepared, second)
    prepared.close()
    prepared.close()
    assert second.read_bytes() == content
    assert prepared.rows == 3


def read_back(folder: Path, library: Any) -> Any:
    """Three rows, as the library's codec reads them."""
    written(PyarrowCodec().prepare(pa.table({"a": [1, 2, None]}), "t"), folder / "made")
    return codec_for(library).read(folder / "made", None)


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_a_file_that_was_taken_away_before_it_is_written_leaves_the_stream_unread(tmp_path: Path) -> None:
    source = reader(ONE)
    prepared = PyarrowCodec().prepare(source, "t")
    with pytest.raises(FileNotFoundError):
        write(prepared, tmp_path / "gone")
    written(prepared, tmp_path / "file")
    assert prepared.rows == 1


def test_a_second_file_that_was_taken_away_is_not_made_anew(tmp_path: Path) -> None:
    """Nobody would hold its lock, nor know of it."""
    prepared = PyarrowCodec().prepare(reader(ONE), "t")
    (tmp_path / "first").touch()
    write(prepared, tmp_path / "first")
    with pytest.raises(FileNotFoundError):
        write(prepared, tmp_path / "gone")
    prepared.close()
    assert [path.name for path in tmp_path.iterdir()] == ["first"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_of_a_stream_stays_one(interruption: type[BaseException], tmp_path: Path) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield ONE
        raise interruption

    stream = pa.RecordBatchReader.from_batches(ONE.schema, batches())
    with pytest.raises(interruption):
        written(PyarrowCodec().prepare(stream, "t"), tmp_path / "file")


@pytest.mark.parametrize("open_again", [StagedSink.file, StagedSink.reader])
def test_a_system_that_opens_no_more_files_is_told_by_the_staged_file(open_again: Any, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits on open files are POSIX")
    (tmp_path / "file").touch()
    sink = StagedSink(tmp_path / "file")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files") as caught:
            open_again(sink)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        sink.let_go()
    assert sink.error is caught.value
