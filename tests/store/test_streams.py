"""Saving what comes piece by piece: whole or not at all, once, and with the stream's own errors."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from features.errors import ConflictError, StorageError, UnsupportedDataError
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore

SCHEMA = pa.schema([("id", pa.int64()), ("value", pa.float64())])
BATCHES = 3


def batch(number: int) -> pa.RecordBatch:
    return pa.record_batch({"id": [number], "value": [number / 2]}, schema=SCHEMA)


def batches(error: Exception | None = None) -> Iterator[pa.RecordBatch]:
    yield from map(batch, range(BATCHES))
    if error is not None:
        raise error


def reader(error: Exception | None = None) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(SCHEMA, batches(error))


class Speaker:
    """Something that speaks Arrow and is nothing else; each time anew."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return reader().__arrow_c_stream__(requested_schema)


def lazy_frame() -> Any:
    polars = pytest.importorskip("polars")
    return polars.from_arrow(TABLE).lazy()


TABLE = pa.Table.from_batches(batches())
KINDS: dict[str, Callable[[], Any]] = {
    "reader": reader,
    "speaker": Speaker,
    "dataset": lambda: ds.dataset(TABLE),
    "scanner": lambda: ds.dataset(TABLE).scanner(),
    "lazy": lazy_frame,
}


@pytest.fixture
def store(tmp_path: Path):
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path / "store", backend="pyarrow")) as store:
        yield store


def open_files() -> list[str]:
    handles = Path("/proc/self/fd")
    return sorted(str((handles / name).readlink()) for name in os.listdir(handles) if (handles / name).is_symlink())  # noqa: PTH208


def names_of_files(store: SimpleFeatureStore) -> list[str]:
    return [path.name for path in (store.config.folder / "files").iterdir()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_is_saved_beside_frames(store: SimpleFeatureStore, kind: str) -> None:
    store.save_features("g", {"stream": KINDS[kind](), "frame": TABLE})
    assert store.get_features(None, "g") == {"stream": TABLE, "frame": TABLE}
    assert store.get_feature_info("stream", "g").rows == BATCHES
    assert store.check(deep=True).ok


@pytest.mark.parametrize("error", [RuntimeError("no more"), FileNotFoundError(errno.ENOENT, "the source"), OSError(5)])
def test_the_error_of_a_stream_is_raised_as_it_is_and_leaves_nothing(
    store: SimpleFeatureStore, error: Exception
) -> None:
    store.save_features("g", {"t": TABLE})
    before = names_of_files(store)
    with pytest.raises(type(error)) as caught:
        store.save_features("g", {"frame": TABLE, "t": reader(error)})
    assert caught.value is error
    assert error.__notes__ == ["raised by the stream of table 't'; nothing was saved"]
    assert error.__cause__ is None
    assert error.__context__ is None
    assert names_of_files(store) == before
    assert len(store.versions("g")) == 1


def test_the_error_of_a_lazy_frame_is_that_of_polars(store: SimpleFeatureStore, tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    gone = polars.scan_csv(tmp_path / "gone.csv", schema={"a": polars.Int64})
    with pytest.raises(FileNotFoundError, match=r"gone\.csv") as caught:
        store.save_features("g", {"t": gone})
    assert not isinstance(caught.value, StorageError)
    with pytest.raises(polars.exceptions.ColumnNotFoundError):
        store.save_features("g", {"t": lazy_frame().select("other")})
    with pytest.raises(ZeroDivisionError):
        store.save_features("g", {"t": lazy_frame().map_batches(lambda _: 1 / 0, schema={"a": polars.Int64})})
    assert names_of_files(store) == []
    assert store.list_feature_groups() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_takes_no_more_is_told_as_such(store: SimpleFeatureStore, kind: str) -> None:
    resource = pytest.importorskip("resource", reason="limits on file sizes are POSIX")
    store.save_features("g", {"t": TABLE})
    stream = KINDS[kind]()
    before = names_of_files(store)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(StorageError, match="may not become so large") as caught:
            store.save_features("g", {"t": stream})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG
    assert names_of_files(store) == before
    assert store.get_features(None, "g") == {"t": TABLE}


def test_a_value_that_cannot_be_stored_is_refused_by_name_however_late_it_comes(store: SimpleFeatureStore) -> None:
    bad = pa.record_batch({"text": pa.array([b"\xff"]).view(pa.string())})
    good = pa.record_batch({"text": ["a"]})
    stream = pa.RecordBatchReader.from_batches(good.schema, iter([good, good, bad]))
    with pytest.raises(UnsupportedDataError) as caught:
        store.save_features("g", {"frame": TABLE, "t": stream})
    assert (caught.value.table, caught.value.column) == ("t", "text")
    assert names_of_files(store) == []
    assert store.list_feature_groups() == []


def test_a_reader_that_was_saved_is_not_taken_for_one_without_rows(store: SimpleFeatureStore) -> None:
    stream = reader()
    with pytest.raises(UnsupportedDataError, match="only once"):
        store.save_features("g", {"one": stream, "other": stream})
    stream = reader()
    with pytest.raises(ConflictError):
        store.save_features("g", {"t": stream}, expected_version=5)
    with pytest.raises(UnsupportedDataError, match="only once"):
        store.save_features("g", {"t": stream}, expected_version=0)
    assert store.list_feature_groups() == []
    assert names_of_files(store) == []


def test_a_repeated_save_leaves_the_reader_unread(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": TABLE}, write_id="once")
    again = reader()
    store.save_features("g", {"t": again}, write_id="once")
    assert again.read_all() == TABLE


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_whose_file_was_condemned_is_copied_not_read_again(store: SimpleFeatureStore, kind: str) -> None:
    """A collection that missed the lock of the staged file may take it at any moment before the commit."""
    condemned: list[str] = []
    with SimpleFeatureStore(store.config) as other:

        def condemn(label: str) -> None:
            if label == "catalog.begin" and not condemned:
                condemned.extend(other._catalog.sweep([file for file, _ in other._storage.files()]).orphans)
                for file in condemned:
                    other._storage.delete(file)

        store._catalog.point = condemn
        store.save_features("g", {"t": KINDS[kind]()})
    assert len(condemned) == 1
    assert condemned[0] not in str(names_of_files(store))
    assert store.get_features(None, "g") == {"t": TABLE}
    assert store.check(deep=True).ok


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_whose_file_is_deleted_while_it_is_written_is_saved(store: SimpleFeatureStore, kind: str) -> None:
    deleted: list[bool] = []

    def delete(label: str) -> None:
        if label == "storage.sync_file" and not deleted:
            deleted.extend([store._storage.delete(file) for file, _ in store._storage.files()])

    store._storage.point = delete
    store.save_features("g", {"t": KINDS[kind]()})
    assert deleted == [True]
    assert store.get_features(None, "g") == {"t": TABLE}


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are listed on Linux")
@pytest.mark.parametrize("error", [None, RuntimeError("no more")])
def test_no_file_stays_open(store: SimpleFeatureStore, error: Exception | None) -> None:
    store.save_features("g", {"t": TABLE})
    before = open_files()
    try:
        store.save_features("g", {"t": reader(error)})
    except RuntimeError:
        assert error is not None
    assert open_files() == before
