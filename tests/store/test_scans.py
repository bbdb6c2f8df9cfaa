"""Reading piece by piece: what a load gives, verified, and to the end whatever becomes of the version."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from features.errors import ConfigError, CorruptFileError, NotFoundError, StoreClosedError, UnsupportedDataError
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore

TABLE = pa.table({"id": pa.array([1, 2, 3]), "a.b": pa.array([0.5, None, 1.5]), "*": pa.array(["x", "", None])})


@pytest.fixture
def store(tmp_path: Path, backend: Any):
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path / "store", backend=backend)) as store:
        store.save_features("g", {"t": TABLE, "u": TABLE.slice(1)})
        yield store


def read(scan: Any) -> pa.Table:
    """The whole of a scan, with the types of Arrow that were saved."""
    got = scan.to_table() if hasattr(scan, "to_table") else pa.table(scan.collect())
    return got.cast(pa.schema([(name, TABLE.schema.field(name).type) for name in got.column_names]))


def test_a_scan_is_of_the_backends_kind(store: SimpleFeatureStore, backend: str) -> None:
    kind = (
        pytest.importorskip("polars").LazyFrame
        if backend == "polars"
        else pytest.importorskip("pyarrow.dataset").Dataset
    )
    assert isinstance(store.scan_features(["t"], "g")["t"], kind)


def test_a_scan_gives_what_was_saved_again_and_again(store: SimpleFeatureStore) -> None:
    scans = store.scan_features(None, "g")
    assert list(scans) == ["t", "u"]
    for _ in range(2):
        assert read(scans["t"]) == TABLE
        assert read(scans["u"]) == TABLE.slice(1)


def test_names_columns_versions_and_moments_are_chosen_as_in_a_load(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": TABLE.slice(2)})
    (first, _) = store.versions("g")
    assert list(store.scan_features(["u", "t"])) == ["u", "t"]
    assert read(store.scan_features(["t"], "g")["t"]) == TABLE.slice(2)
    assert read(store.scan_features(["t"], "g", version=1)["t"]) == TABLE
    assert read(store.scan_features(["t"], "g", as_of=first.created_at)["t"]) == TABLE
    for columns in (["*", "id"], ["a.b"]):
        assert read(store.scan_features(["t"], "g", version=1, columns=columns)["t"]) == TABLE.select(columns)
        narrow = store.scan_features(["t", "u"], "g", version=1, columns={"t": columns})
        assert [read(narrow["t"]), read(narrow["u"])] == [TABLE.select(columns), TABLE.slice(1)]
    for ask in (
        lambda: store.scan_features(["v"], "g"),
        lambda: store.scan_features(["t"], "h"),
        lambda: store.scan_features(["t"], "g", columns=["ids"]),
        lambda: store.scan_features(["t"], "g", as_of=datetime(2000, 1, 1, tzinfo=UTC)),
    ):
        with pytest.raises(NotFoundError):
            ask()
    with pytest.raises(ConfigError):
        store.scan_features()


def test_a_scan_is_filtered_and_narrowed_before_it_is_read(store: SimpleFeatureStore, backend: str) -> None:
    scan = store.scan_features(["t"], "g")["t"]
    if backend == "polars":
        polars = pytest.importorskip("polars")
        assert scan.filter(polars.col("id") > 2).select("a.b").collect().to_series().to_list() == [1.5]
    else:
        assert scan.to_table(filter=pc.field("id") > 2)["a.b"].to_pylist() == [1.5]
        assert scan.count_rows() == 3


def test_a_scan_is_read_to_the_end_whatever_becomes_of_its_version(store: SimpleFeatureStore) -> None:
    scan = store.scan_features(["t"], "g")["t"]
    store.delete_feature("t", "g")
    assert store.gc(keep_last=1).files == 1
    assert read(scan) == TABLE
    store.close()
    assert read(scan) == TABLE


def test_scans_beyond_what_may_be_open_are_refused(tmp_path: Path, backend: str) -> None:
    program = f"""
        import resource
        import pyarrow as pa
        from features import FeatureStoreConfig, SimpleFeatureStore
        from features.errors import StorageError
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        with SimpleFeatureStore(FeatureStoreConfig({str(tmp_path)!r}, backend={backend!r})) as store:
            store.save_features("g", {{"t": pa.table({{"a": [1]}})}})
            scans = []
            try:
                while len(scans) < 64:
                    scans.append(store.scan_features(None, "g"))
            except StorageError as error:
                assert "Too many open files" in error.message, error
            assert 20 < len(scans) < 64, len(scans)
            del scans
            assert list(store.scan_features(None, "g")) == ["t"]
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, timeout=120)


def test_a_scan_of_changed_bytes_is_refused_before_it_is_given_out(store: SimpleFeatureStore) -> None:
    path = store.config.folder / "files" / f"{store.get_feature_info('t', 'g').id}.parquet"
    content = path.read_bytes()
    for bad in (content[:-1], content[:100] + b"!" + content[101:]):
        path.write_bytes(bad)
        with pytest.raises(CorruptFileError):
            store.scan_features(["t"], "g")
    path.unlink()
    with pytest.raises(CorruptFileError):
        store.scan_features(["t"], "g")


def test_a_file_that_is_gone_is_told_also_where_nothing_is_verified(tmp_path: Path, backend: Any) -> None:
    config = FeatureStoreConfig(tmp_path, backend=backend, verify_reads="never")
    with SimpleFeatureStore(config) as store:
        Path(store.save_features("g", {"t": TABLE})["t"]).unlink()
        with pytest.raises(CorruptFileError, match="gone"):
            store.scan_features(["t"], "g")


def test_a_scan_is_saved_as_a_stream(store: SimpleFeatureStore) -> None:
    store.save_features("copy", store.scan_features(None, "g"))
    assert read(store.scan_features(["t"], "copy")["t"]) == TABLE
    assert store.get_feature_info("t", "copy").rows == 3


def test_a_closed_store_gives_no_scans(store: SimpleFeatureStore) -> None:
    store.close()
    with pytest.raises(StoreClosedError):
        store.scan_features(["t"], "g")


@pytest.mark.parametrize("of", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_dataset_is_neither_pickled_nor_copied(tmp_path: Path, of: Any) -> None:
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="pyarrow")) as store:
        store.save_features("g", {"t": TABLE})
        scan = store.scan_features(["t"], "g")["t"]
        with pytest.raises(TypeError, match="call scan_features where it is needed"):
            of(scan)
        assert read(scan.filter(pc.field("id") > 0)) == TABLE


DERIVED = """
import pickle, sys
import pyarrow.dataset as ds
from pyarrow.fs import FileSelector
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore

with SimpleFeatureStore(FeatureStoreConfig(sys.argv[1], backend="pyarrow")) as store:
    scan = store.scan_features(["t"], "g")["t"]
    store.delete_feature("t", "g")
    assert store.gc(keep_last=1).files == 1
table = scan.to_table()
union = ds.dataset([scan, scan])
nested = ds.dataset([union, scan])
filtered = scan.filter(ds.field("id") > 0)
for dataset in (scan, scan.replace_schema(scan.schema), filtered, union, *union.children, nested):
    try:
        pickle.dumps(dataset)
    except TypeError as error:
        assert "call scan_features where it is needed" in str(error)
    else:
        raise AssertionError(dataset)
    assert dataset.to_table().slice(0, len(table)) == table
for dataset in (scan, scan.replace_schema(scan.schema), filtered, *union.children):
    files = dataset.filesystem
    assert files.type_name == "py::open file"
    for ask, what in (
        (files.open_input_file, dataset.files[0]),
        (files.open_output_stream, "t"),
        (files.get_file_info, "t"),
        (files.get_file_info, FileSelector(".")),
        (files.delete_file, "t"),
    ):
        try:
            ask(what)
        except OSError as error:
            assert "has no path" in str(error)
        else:
            raise AssertionError(ask)
"""


def test_what_is_derived_from_a_dataset_is_read_and_asked_as_that_is(tmp_path: Path) -> None:
    """In a process of its own, as pyarrow ends the interpreter where a dataset has no filesystem."""
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="pyarrow")) as store:
        store.save_features("g", {"t": TABLE})
    done = subprocess.run([sys.executable, "-c", DERIVED, tmp_path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "kind",
    [
        pa.decimal256(50, 0),
        pa.list_(pa.decimal256(50, 0)),
        pa.list_(pa.decimal256(30, 2)),  # which polars reads, and panics at when asked for its size
        pa.struct([("deep", pa.list_(pa.decimal256(30, 2)))]),
    ],
    ids=str,
)
def test_a_type_that_polars_lacks_is_told_with_the_table_before_the_scan_is_run(
    tmp_path: Path, kind: pa.DataType
) -> None:
    pytest.importorskip("polars")
    table = pa.table({"wide": pa.array([None], kind)})
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="polars")) as store:
        store.save_features("g", {"t": table})
        for get in (store.scan_features, store.get_features):
            with pytest.raises(UnsupportedDataError, match=r"table 't' of group 'g'.* cannot read"):
                get(["t"], "g")


def test_what_a_dataset_would_change_is_refused_with_the_next_step(tmp_path: Path) -> None:
    """Parquet does not keep the names inside a map: a load restores them, a dataset has no place to do so."""
    table = pa.table({"plain": [1], "pairs": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8()))})
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="pyarrow")) as store:
        store.save_features("g", {"t": table})
        with pytest.raises(UnsupportedDataError, match="get_features") as caught:
            store.scan_features(["t"], "g")
        assert caught.value.column == "pairs"
        assert store.scan_features(["t"], "g", columns=["plain"])["t"].to_table() == table.select(["plain"])
