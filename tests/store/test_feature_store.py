"""What the store promises to one caller, on every backend."""

from __future__ import annotations

import contextlib
import errno
import gc
import multiprocessing
import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import warnings
import weakref
import zoneinfo
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from itertools import count
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import (
    BusyError,
    ConfigError,
    ConflictError,
    CorruptFileError,
    FeatureStoreError,
    NotFoundError,
    StorageError,
    StoreClosedError,
    UnknownOutcomeError,
    UnsafeEnvironmentError,
    UnsupportedDataError,
)
from features.store import arguments
from features.store.catalog.sqlite import journal_mode
from features.store.codec.arrow import parquet_of
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from features.store.storage.base import nothing
from features.store.storage.folders import put_in_place
from features.store.storage.local import LocalStorage
from features.store.versions import Change, NewFile
from features.store.waiting import Waiting
from features.testing.memory_catalog import MemoryCatalog

EAST = timezone(timedelta(hours=1))
"""Where the first moment of all is out of range in UTC."""


def table(*values: float) -> pa.Table:
    return pa.table({"id": pa.array(range(len(values)), pa.int64()), "value": pa.array(values, pa.float64())})


def files_under(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def store(tmp_path: Path):
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path / "store", backend="pyarrow")) as store:
        yield store


def to_arrow(frame: object, backend: str) -> pa.Table:
    return frame if backend == "pyarrow" else pa.table(frame)


def test_a_store_gives_frames_of_its_backend(tmp_path: Path, backend: str) -> None:
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend=backend)) as store:
        store.save_features("g", {"t": table(1.0, 2.0)})
        loaded = store.get_features(["t"], "g")["t"]
        assert type(loaded).__module__.partition(".")[0] == backend
        assert to_arrow(loaded, backend).column("value").to_pylist() == [1.0, 2.0]


def test_saved_paths_are_the_files(store: SimpleFeatureStore) -> None:
    paths = store.save_features("g", {"a": table(1.0), "b": table(2.0)})
    assert set(paths) == {"a", "b"}
    assert all(Path(path).is_file() for path in paths.values())


def test_a_group_is_found_by_its_tables_name_alone(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"a": table(1.0)})
    store.save_features("h", {"b": table(2.0), "c": table(3.0)})
    assert store.get_features(["b", "a"]) == {"b": table(2.0), "a": table(1.0)}
    assert store.get_feature_info("b").group == "h"
    store.save_features("h", {"a": table(4.0)})
    with pytest.raises(ConfigError, match="several groups"):
        store.get_features(["a"])
    with pytest.raises(ConfigError):
        store.get_features()


def test_tables_come_in_the_order_asked_for(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"b": table(2.0), "a": table(1.0), "c": table(3.0)})
    assert list(store.get_features(["c", "a"], "g")) == ["c", "a"]
    assert list(store.get_features(None, "g")) == ["a", "b", "c"]


def test_columns_come_in_the_order_asked_for(tmp_path: Path, backend: str) -> None:
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend=backend)) as store:
        store.save_features("g", {"t": table(1.0), "u": table(2.0)})
        for _ in range(2):  # from the file, then from the cache
            got = store.get_features(None, "g", columns={"t": ["value", "id"]})
            assert to_arrow(got["t"], backend).column_names == ["value", "id"]
            assert to_arrow(got["u"], backend).column_names == ["id", "value"]
            got = store.get_features(["t"], "g", columns=["value"])
            assert to_arrow(got["t"], backend).column_names == ["value"]


def test_a_second_load_is_served_by_the_cache(tmp_path: Path, backend: str) -> None:
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend=backend, cache_max_size=7)) as store:
        store.save_features("g", {"a": table(1.0), "b": table(2.0)})
        for _ in range(5):
            store.get_features(None, "g")
        stats = store.cache.get_stats()
        assert (stats["misses"], stats["hits"], stats["hit_ratio"]) == (2, 8, 0.8)
        assert (stats["size"], stats["max_size"]) == (2, 7)
        store.save_features("g", {"a": table(9.0)})
        assert to_arrow(store.get_features(["a"], "g")["a"], backend).column("value").to_pylist() == [9.0]


def test_without_a_cache_all_the_same_comes_back(tmp_path: Path, backend: str) -> None:
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend=backend, cache_enabled=False)) as store:
        assert store.cache is None
        store.save_features("g", {"t": table(1.0)})
        assert to_arrow(store.get_features(["t"], "g")["t"], backend) == table(1.0)


@pytest.mark.parametrize("compression", ["lz4", "snappy", "zstd", "gzip", "none"])
def test_every_compression_reads_back(tmp_path: Path, backend: str, compression: str) -> None:
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend=backend, compression=compression)) as store:
        saved = store.save_features("g", {"of_arrow": table(1.0, 2.0)})
        frame = store.get_features(["of_arrow"], "g")["of_arrow"]
        saved |= store.save_features("g", {"of_backend": frame})
        used = "UNCOMPRESSED" if compression == "none" else compression.upper()
        assert {pq.read_metadata(file).row_group(0).column(0).compression for file in saved.values()} == {used}
        assert to_arrow(store.get_features(["of_backend"], "g")["of_backend"], backend) == table(1.0, 2.0)


def test_two_store_objects_see_each_others_saves(tmp_path: Path) -> None:
    config = FeatureStoreConfig(tmp_path, backend="pyarrow")
    with SimpleFeatureStore(config) as one, SimpleFeatureStore(config) as other:
        for value in (1.0, 2.0, 3.0):
            one.save_features("g", {"t": table(value)})
            assert other.get_features(["t"], "g") == {"t": table(value)}


def test_artifacts_are_json_and_come_back_equal(store: SimpleFeatureStore) -> None:
    artifacts = {"state": {"mean": 0.1, "names": ["a", None, True], "é": "日"}, "empty": {}}
    store.save_features("g", {"t": table(1.0)}, artifacts=artifacts)
    assert store.get_artifacts("g") == artifacts
    for wrong in ({"x": float("nan")}, {1: "x"}, {"x": (1, 2)}, {"x": object()}, [1], "text"):
        with pytest.raises(UnsupportedDataError, match="artifacts"):
            store.save_features("g", {"t": table(1.0)}, artifacts=wrong)
    assert len(store.versions("g")) == 1


@pytest.mark.parametrize("wrong", [float("inf"), b"x", (1,), {2: 3}])
def test_the_artifact_that_is_not_json_is_named(store: SimpleFeatureStore, wrong: object) -> None:
    with pytest.raises(UnsupportedDataError, match=r"artifacts must be .*: 'loss': "):
        store.save_features("g", {"t": table(1.0)}, artifacts={"epoch": 3, "loss": wrong})


def test_artifacts_that_only_a_shallow_call_could_read_are_refused(store: SimpleFeatureStore) -> None:
    deep: dict[str, object] = {}
    for _ in range(199):
        deep = {"within": deep}
    store.save_features("g", {"t": table(1.0)}, artifacts=deep)
    assert store.get_artifacts("g") == deep
    with pytest.raises(UnsupportedDataError, match="nested more than 200 deep"):
        store.save_features("g", {"t": table(1.0)}, artifacts={"within": deep})
    assert store.get_artifacts("g") == deep


def test_one_save_of_many_tables_needs_few_open_files(tmp_path: Path) -> None:
    program = f"""
        import resource
        import pyarrow as pa
        from features import FeatureStoreConfig, SimpleFeatureStore
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        with SimpleFeatureStore(FeatureStoreConfig({str(tmp_path)!r}, backend="pyarrow")) as store:
            store.save_features("g", {{f"t{{number}}": pa.table({{"a": [number]}}) for number in range(100)}})
            assert len(store.get_features(None, "g")) == 100
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, timeout=120)


def test_info_tells_of_one_table(store: SimpleFeatureStore) -> None:
    paths = store.save_features("g", {"t": table(1.0, 2.0)})
    info = store.get_feature_info("t", "g")
    assert (info.rows, info.version, info.schema.names) == (2, 1, ["id", "value"])
    assert info.size == Path(paths["t"]).stat().st_size


def test_info_tells_of_all_tables_of_a_version(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"u": table(1.0), "t": table(1.0, 2.0)})
    store.save_features("g", {"t": table(3.0)})
    store.delete_feature("u", "g")
    first = store.get_group_info("g", version=1)
    assert list(first) == ["t", "u"]
    assert first == {name: store.get_feature_info(name, "g", version=1) for name in first}
    assert store.get_group_info("g") == {"t": store.get_feature_info("t", "g")}


def test_that_no_table_is_left_is_told_with_where_to_look(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": table(1.0)})
    store.delete_feature("t", "g")
    for ask, where in [
        (lambda: store.get_features(["t"], "g"), "group 'g', version 2"),
        (lambda: store.get_features(["t"]), "any group"),
        (lambda: store.delete_feature("t", "g"), "group 'g'"),
    ]:
        with pytest.raises(NotFoundError) as told:
            ask()
        assert told.value.message == (
            f"no table 't' in {where}; there is none at all: make one with save_features(), "
            "or load an older version's with version=… (versions() lists them)"
        )
    assert store.get_features(["t"], "g", version=1) == {"t": table(1.0)}


def test_stats_count_the_whole_store(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": table(1.0), "u": table(1.0)})
    store.save_features("g", {"t": table(2.0)})
    stats = store.get_store_stats()
    assert {key: stats[key] for key in ("groups", "versions", "tables", "files")} == {
        "groups": 1,
        "versions": 2,
        "tables": 2,
        "files": 3,
    }


def test_a_failed_save_leaves_everything_byte_for_byte(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": table(1.0)})
    before = files_under(store.config.folder)
    for wrong, error in [
        ({"t": table(2.0), "bad": "not a frame"}, UnsupportedDataError),
        ({}, UnsupportedDataError),
        ([("t", table(2.0))], UnsupportedDataError),
        ({"t": pa.table({})}, UnsupportedDataError),
        ({"a/b": table(2.0)}, ValueError),
        ({"e\u0301": table(2.0), "\u00e9": table(2.0)}, UnsupportedDataError),
    ]:
        with pytest.raises(error):
            store.save_features("g", wrong)
    with pytest.raises(ConflictError):
        store.save_features("g", {"t": table(2.0)}, expected_version=7)
    for wrong in ({"expected_version": "1"}, {"expected_version": -1}, {"message": 3}, {"write_id": ""}):
        with pytest.raises(ConfigError):
            store.save_features("g", {"t": table(2.0)}, **wrong)
    assert files_under(store.config.folder) == before


def test_wrong_questions_are_answered_by_name(store: SimpleFeatureStore) -> None:
    store.save_features("movies", {"basic": table(1.0)})
    for ask, kind in [
        (lambda: store.get_features(["basic"], "movie"), "group"),
        (lambda: store.get_features(["basics"], "movies"), "table"),
        (lambda: store.get_features(["basics"]), "table"),
        (lambda: store.get_features(["basic"], "movies", version=2), "version"),
        (lambda: store.get_features(["basic"], "movies", as_of=datetime(2000, 1, 1, tzinfo=UTC)), "version"),
        (lambda: store.get_features(["basic"], "movies", columns=["valu"]), "column"),
        (lambda: store.get_features(["basic"], "movies", columns={"basics": ["value"]}), "table"),
        (lambda: store.get_features(["basic"], columns={"basics": ["value"]}), "table"),
        (lambda: store.get_artifacts("movies", version=5), "version"),
        (lambda: store.versions("nothing"), "group"),
        (lambda: store.list_features("nothing"), "group"),
        (lambda: store.get_feature_info("text", "movies"), "table"),
        (lambda: store.get_group_info("movie"), "group"),
        (lambda: store.get_group_info("movies", version=2), "version"),
        (lambda: store.delete_feature("text", "movies"), "table"),
        (lambda: store.delete_feature("text", "nothing"), "group"),
        (lambda: store.rollback("movies", 3), "version"),
        (lambda: store.rollback("nothing", 1), "group"),
    ]:
        with pytest.raises(NotFoundError) as caught:
            ask()
        assert caught.value.kind == kind
    for ask in [
        lambda: store.get_features("basic", "movies"),
        lambda: store.get_features(["basic"], "movies", version=0),
        lambda: store.get_features(["basic"], "movies", version="1"),
        lambda: store.get_features(["basic"], "movies", as_of=datetime(2030, 1, 1)),  # noqa: DTZ001
        lambda: store.get_features(["basic"], "movies", version=1, as_of=datetime.now(UTC)),
        lambda: store.get_features(["basic"], "movies", columns="value"),
        lambda: store.get_features(["basic"], "movies", columns=[]),
        lambda: store.get_features(["basic"], "movies", columns=["id", "id"]),
        lambda: store.get_features(["basic"], "movies", columns=5),
        lambda: store.get_features(["basic"], "movies", columns=[["id"]]),
        lambda: store.get_features(["basic"], "movies", columns={"id", "value"}),
        lambda: store.get_features(["basic"], "movies", columns=np.array([])),
        lambda: store.get_features(5, "movies"),
        lambda: store.get_features(
            ["basic"], "movies", as_of=datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))
        ),
        lambda: store.get_features(["basic"], "movies", version=True),
        lambda: store.get_features(["basic"], "movies", version=np.True_),
        lambda: store.get_features(["basic"], "movies", version=np.float64(1)),
        lambda: store.get_features(["basic"], "movies", version=2**70),
        lambda: store.rollback("movies", None),
        lambda: store.gc(older_than=timedelta.max),
        lambda: SimpleFeatureStore("store"),
        lambda: store.gc(keep_last=0),
        lambda: store.gc(older_than=3),
        lambda: store.gc(older_than=timedelta(days=-1)),
    ]:
        with pytest.raises(ConfigError):
            ask()
    assert store.list_feature_groups() == ["movies"]
    assert len(store.versions("movies")) == 1


@pytest.mark.parametrize("kind", [int, np.int64, np.uint8])
def test_numbers_may_be_of_any_kind_that_is_whole(store: SimpleFeatureStore, kind: type) -> None:
    store.save_features("g", {"t": table(1.0)}, expected_version=kind(0))
    store.save_features("g", {"t": table(2.0)}, expected_version=kind(1))
    assert store.get_features(None, "g", version=kind(1)) == {"t": table(1.0)}
    assert store.get_feature_info("t", "g", version=kind(1)).version == 1
    assert store.get_artifacts("g", version=kind(1)) == {}
    assert store.rollback("g", kind(1)) == 3
    assert store.versions("g")[-1].message == "rollback to version 1"
    assert store.gc(keep_last=kind(1)).versions == 2


@given(
    text=st.text(st.sampled_from("aé\n\x1f😀\0\ud800\udfff"), max_size=4),
    field=st.sampled_from(["message", "write_id"]),
)
def test_a_character_that_cannot_be_stored_is_named(text: str, field: str) -> None:
    unfit = [character for character in text if character in "\0\ud800\udfff"]
    others = {"expected_version": None, "message": None, "artifacts": None, "write_id": None}
    if unfit:
        with pytest.raises(ConfigError, match=rf"^{field} holds the character U\+{ord(unfit[0]):04X}") as caught:
            arguments.change("g", **others | {field: text})
        assert caught.value.field == field
    elif text:
        assert getattr(arguments.change("g", **others | {field: text}), field) == text


def test_columns_may_be_named_by_anything_with_an_order(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": table(1.0), "u": table(2.0)})
    for columns in (("value", "id"), np.array(["value", "id"]), (name for name in ("value", "id"))):
        both = store.get_features(["t", "u"], "g", columns=columns)
        assert [each.column_names for each in both.values()] == [["value", "id"]] * 2
    both = store.get_features(["t", "u"], columns={"t": iter(["id"]), "u": iter(["value"])})
    assert [each.column_names for each in both.values()] == [["id"], ["value"]]


def test_columns_are_asked_for_by_any_spelling_of_a_tables_name(tmp_path: Path, backend: str) -> None:
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend=backend)) as store:
        store.save_features("g", {"caf\u00e9": pa.table({"a": [1], "b": [2]})})
        found = store.get_features(["cafe\u0301"], "g", columns={"cafe\u0301": ["b"]})
        assert list(found["caf\u00e9"].columns if backend != "pyarrow" else found["caf\u00e9"].column_names) == ["b"]


def test_a_class_in_place_of_a_frame_is_refused_by_name(store: SimpleFeatureStore) -> None:
    with pytest.raises(UnsupportedDataError, match="table 't' is a type"):
        store.save_features("g", {"t": pa.Table})


_AT_EXIT = """
import atexit, sys, numpy, pyarrow
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
store = SimpleFeatureStore(FeatureStoreConfig(sys.argv[1], backend="pyarrow"))
for number in range(40):
    store.save_features("many", {"t": pyarrow.table({"a": [number]})})
def last():
    print(len(store.save_features("g", {"t": pyarrow.table({"a": numpy.random.rand(1_000_000)})})))
    print(store.gc(keep_last=1).files)
atexit.register(last)
"""


def test_what_is_saved_and_collected_while_the_interpreter_exits_counts(tmp_path: Path) -> None:
    """Then no more threads start: what they would have shared is done by one."""
    ran = subprocess.run([sys.executable, "-c", _AT_EXIT, str(tmp_path)], capture_output=True, text=True, check=True)
    assert (ran.stdout.split(), ran.stderr) == (["1", "39"], "")
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="pyarrow")) as store:
        assert store.check(deep=True).ok
        assert store.get_features(["t"], "g")["t"].num_rows == 1_000_000


def test_a_store_that_outlives_its_modules_ends_quietly(tmp_path: Path) -> None:
    script = f"{_AT_EXIT.partition('atexit.register')[0]}import os\nos.kept = store"
    ran = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "")


@pytest.mark.parametrize(("group", "name"), [("h", "t"), ("g", "u")])
def test_a_write_id_of_another_group_or_other_tables_is_refused(
    store: SimpleFeatureStore, group: str, name: str
) -> None:
    store.save_features("g", {"t": table(1.0)}, write_id="w")
    with pytest.raises(ConfigError, match="was used for version 1 of group 'g', with 't'; give every save"):
        store.save_features(group, {name: table(2.0)}, write_id="w")
    assert store.list_feature_groups() == ["g"]
    assert store.check() == replace(store.check(), orphans=())


def test_a_save_that_is_interrupted_leaves_no_file_behind(store: SimpleFeatureStore) -> None:
    left = [2]

    def interrupt(label: str) -> None:
        left[0] -= label == "storage.sync_file"
        if not left[0]:
            raise KeyboardInterrupt

    store._storage.point = interrupt
    with pytest.raises(KeyboardInterrupt):
        store.save_features("g", {"a": table(1.0), "b": table(2.0)})
    store._storage.point = nothing
    assert store._storage._held == {}
    store.gc()
    assert list(store._storage.files()) == []


def test_a_store_that_nobody_has_any_more_lets_go_of_its_files_at_once(store: SimpleFeatureStore) -> None:
    another = SimpleFeatureStore(store.config)
    another.save_features("g", {"t": table(1.0)})
    catalog = weakref.ref(another._catalog)
    gc.disable()
    try:
        del another
        assert catalog() is None
    finally:
        gc.enable()


def test_places_that_the_system_does_not_take_are_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for place in (tmp_path / ("x" * 300), tmp_path / "circle" / "store"):
        with pytest.raises(StorageError, match="could not"):
            SimpleFeatureStore(FeatureStoreConfig(place, backend="pyarrow"))


@pytest.mark.parametrize("verify", ["once", "never"])
def test_damage_that_a_reader_stumbles_over_is_told_as_damage(tmp_path: Path, backend: str, verify: str) -> None:
    config = FeatureStoreConfig(tmp_path, backend=backend, cache_enabled=False, verify_reads=verify)
    with SimpleFeatureStore(config) as store:
        path = Path(store.save_features("g", {"t": table(*range(500))})["t"])
        good = path.read_bytes()
        assert store.get_features(["t"], "g")
        for place in (100, len(good) // 2):
            path.write_bytes(good[:place] + bytes(60) + good[place + 60 :])
            try:
                store.get_features(["t"], "g")  # values alone may have changed, which no parser notices
            except FeatureStoreError as error:
                assert isinstance(error, CorruptFileError)


def test_changed_bytes_are_never_returned_as_data(tmp_path: Path, backend: str) -> None:
    for verify, cached in (("once", True), ("always", False)):
        folder = tmp_path / verify
        config = FeatureStoreConfig(folder, backend=backend, verify_reads=verify, cache_enabled=cached)
        with SimpleFeatureStore(config) as store:
            path = Path(store.save_features("g", {"t": table(*range(50))})["t"])
            good = path.read_bytes()
            for bad in (good[:-1], flipped(good, len(good) - 9), flipped(good, 100), b"", good * 2):
                path.write_bytes(bad)
                with pytest.raises(CorruptFileError) as caught:
                    store.get_features(["t"], "g")
                assert caught.value.file == path.stem
                assert caught.value.reason in {"size", "digest"}  # and so before any parser saw it
                report = store.check(deep=True)
                assert [problem.file for problem in report.problems] == [path.stem]
            path.write_bytes(good)
            assert to_arrow(store.get_features(["t"], "g")["t"], backend) == table(*range(50))
            path.unlink()
            if not cached:  # else the table is still in memory, where it is good
                with pytest.raises(CorruptFileError):
                    store.get_features(["t"], "g")
            assert [problem.kind for problem in store.check().problems] == ["missing"]


@pytest.mark.parametrize(
    ("kind", "lie"),
    [
        ("rows", {"rows": 4}),
        ("schema", {"schema": pa.schema([("id", pa.int64()), ("other", pa.float64())])}),
        ("schema", {"schema": pa.schema([("value", pa.float64()), ("id", pa.int64())])}),
        ("rows", {"rows": 2}),
    ],
)
def test_a_sound_file_of_another_table_is_never_returned_as_data(
    tmp_path: Path, backend: str, kind: str, lie: dict[str, object]
) -> None:
    config = FeatureStoreConfig(tmp_path, backend=backend)
    catalog, storage = MemoryCatalog(), LocalStorage(tmp_path / "files")
    with SimpleFeatureStore.with_drivers(config, catalog, storage) as store:
        staged = storage.stage(parquet_of(table(1.0, 2.0, 3.0), "lz4"))
        facts = {"rows": 3, "schema": table().schema} | lie
        catalog.commit(Change("g", "w", {"t": NewFile(staged.id, staged.size, digest=staged.digest, **facts)}))
        for ask in (store.get_features, store.scan_features, store.get_features):
            with pytest.raises(CorruptFileError) as caught:
                ask(["t"], "g")
            assert (caught.value.file, caught.value.reason) == (staged.id, kind)
        assert [problem.kind for problem in store.check(deep=True).problems] == [kind]


def flipped(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


def test_a_dry_run_needs_no_more_than_to_read(store: SimpleFeatureStore) -> None:
    for number in range(3):
        store.save_features("g", {"t": table(float(number))})
    path = store.config.folder / "catalog.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        planned = store.gc(keep_last=1, dry_run=True)
    assert (planned.versions, planned.files, planned.dry_run) == (2, 2, True)
    assert len(store.versions("g")) == 3
    assert store.gc(keep_last=1) == replace(planned, dry_run=False)


def test_orphans_are_named_by_check_and_removed_by_gc(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": table(1.0)})
    orphan = store._storage.stage(b"left by a crash")
    assert store.check().orphans == ()  # somebody may still commit it
    assert store.gc().files == 0
    store._storage.release([orphan.id])  # as the end of its process does
    report = store.check(deep=True)
    assert report.ok
    assert report.orphans == (orphan.id,)
    assert store.gc(dry_run=True).files == 1
    assert store.check().orphans == (orphan.id,)
    collected = store.gc()
    assert (collected.files, collected.orphans, collected.bytes) == (1, 1, orphan.size)
    assert store.check().orphans == ()
    assert store.get_features(["t"], "g") == {"t": table(1.0)}


def test_a_save_needs_nothing_that_the_catalog_lost(store: SimpleFeatureStore) -> None:
    """A table's schema is kept once for all versions of it: the next save keeps it again where it is gone."""
    store.save_features("g", {"t": table(1.0)})
    with closing(sqlite3.connect(store.config.folder / "catalog.sqlite3")) as catalog, catalog:
        catalog.execute("DELETE FROM documents")
    store.save_features("g", {"t": table(2.0)})
    with SimpleFeatureStore(store.config) as anew:
        assert anew.get_features(["t"], "g") == {"t": table(2.0)}


def test_a_repair_moves_aside_and_deletes_nothing(store: SimpleFeatureStore) -> None:
    good = Path(store.save_features("g", {"t": table(1.0)})["t"])
    bad = Path(store.save_features("g", {"u": table(2.0)})["u"])
    stray = good.with_name("0" * 32 + ".parquet")
    stray.write_bytes(b"stray")
    bad.write_bytes(flipped(bad.read_bytes(), 50))
    damaged = bad.read_bytes()
    report = store.check(deep=True, repair=True)
    assert [problem.kind for problem in report.problems] == ["digest"]
    assert {Path(path).read_bytes() for path in report.quarantined} == {b"stray", damaged}
    assert not bad.exists()
    assert not stray.exists()
    after = store.check(deep=True)
    assert ([problem.kind for problem in after.problems], after.orphans) == (["missing"], ())
    assert store.get_features(["t"], "g") == {"t": table(1.0)}
    store.delete_feature("u", "g")
    assert store.versions("g")[-1].message == "delete u"
    store.gc(keep_last=1)
    assert store.check(deep=True).ok


def test_gc_by_age_keeps_what_is_young_and_what_is_latest(store: SimpleFeatureStore) -> None:
    for value in (1.0, 2.0, 3.0):
        store.save_features("g", {"t": table(value)})
    assert store.gc(older_than=timedelta(hours=1)).versions == 0
    assert store.gc(older_than=timedelta(0)).versions == 2
    assert store.get_features(["t"], "g") == {"t": table(3.0)}


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SimpleFeatureStore(FeatureStoreConfig(tmp_path))
    store.close()
    store.close()
    with pytest.raises(StoreClosedError):
        store.list_feature_groups()


@pytest.mark.parametrize("effect", ["catalog.read", "catalog.begin", "catalog.commit", "storage.read", "storage.write"])
def test_a_close_while_others_are_at_work_leaves_nothing_open(store: SimpleFeatureStore, effect: str) -> None:
    store.save_features("g", {"t": table(1.0)})
    tasks = {
        "load": lambda: store.get_features(None, "g"),
        "save": lambda: store.save_features("g", {"t": table(2.0)}),
        "versions": lambda: store.versions("g"),
        "collect": store.gc,
    }
    closed = 0
    for task in tasks.values():
        with SimpleFeatureStore(store.config) as store:  # which the tasks see

            def close(label: str, store: SimpleFeatureStore = store) -> None:
                if label == effect:
                    store.close()

            store._catalog.point = store._storage.point = close
            with contextlib.suppress(StoreClosedError):
                task()
            closed += store._closed
            if store._closed:
                assert not store._catalog._database._idle
                assert len(store.cache) == 0
                for again in (lambda: store._catalog.snapshot("g"), lambda: store._catalog.versions("g")):
                    with pytest.raises(StoreClosedError):
                        again()
    assert closed
    with SimpleFeatureStore(store.config) as store:
        report = store.check(deep=True)
        assert report.ok
        assert not report.orphans


def test_a_store_that_is_forgotten_closes_its_connections(tmp_path: Path) -> None:
    code = f"""
        import gc, warnings
        from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
        warnings.simplefilter("error")
        for _ in range(3):
            store = SimpleFeatureStore(FeatureStoreConfig({str(tmp_path)!r}, backend="pyarrow"))
            store.list_feature_groups()
        del store
        gc.collect()
        last = SimpleFeatureStore(FeatureStoreConfig({str(tmp_path)!r}, backend="pyarrow"))
        last.list_feature_groups()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_store_that_is_forgotten_at_any_step_of_a_threads_first_read_is_closed(store: SimpleFeatureStore) -> None:
    """The collector may run between any two steps, and there close another store. What fails there fails the test."""
    store.list_feature_groups()
    forgotten: list[SimpleFeatureStore] = []

    def first_read(moment: int) -> None:
        steps = count()

        def trace(frame: FrameType, event: str, argument: object) -> object:
            if frame.f_globals["__name__"].startswith("features.store") and next(steps) == moment:
                forgotten.clear()
            return trace

        sys.settrace(trace)
        store.list_feature_groups()
        sys.settrace(None)

    for moment in count():
        forgotten.append(SimpleFeatureStore(store.config))
        forgotten[0].list_feature_groups()
        thread = threading.Thread(target=first_read, args=(moment,))
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
        if forgotten:  # there are no more steps
            break
    assert moment > 20
    forgotten.pop().close()


def test_a_store_is_pickled_as_its_configuration(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": table(1.0)})
    with pickle.loads(pickle.dumps(store)) as twin:
        assert twin.config == store.config
        assert twin.get_features(["t"], "g") == {"t": table(1.0)}


def test_a_store_of_a_relative_path_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    config = {"backend": "pyarrow", "catalog_url": "sqlite:///catalog"}
    monkeypatch.chdir(tmp_path / "one")
    with SimpleFeatureStore(FeatureStoreConfig("store", **config)) as store:
        store.save_features("g", {"t": table(1.0)})
        monkeypatch.chdir(tmp_path / "two")
        with store._catalog._database.reading():  # so that a save needs another connection
            store.save_features("g", {"t": table(2.0)})
        assert not [*Path.cwd().iterdir()]
        assert str(tmp_path / "one") in repr(store)
        with pickle.loads(pickle.dumps(store)) as twin:
            assert [line.version for line in twin.versions("g")] == [1, 2]
            assert twin.check(deep=True).ok


@pytest.mark.parametrize("held", [256, 0], ids=["locked", "not locked"])
@pytest.mark.parametrize("repair", [True, False])
def test_a_check_leaves_alone_what_a_save_commits_meanwhile(
    store: SimpleFeatureStore, monkeypatch: pytest.MonkeyPatch, repair: bool, held: int
) -> None:
    store.save_features("g", {"a": table(1.0)})
    monkeypatch.setattr("features.store.storage.local._HELD_AT_MOST", held)
    staged, go_on = threading.Event(), threading.Event()

    def before_the_commit(label: str) -> None:
        if label == "catalog.begin" and not staged.is_set():
            staged.set()
            assert go_on.wait(60)

    store._catalog.point = before_the_commit
    with SimpleFeatureStore(store.config) as other, ThreadPoolExecutor(1) as thread:
        saving = thread.submit(store.save_features, "g", {"b": table(2.0)})
        assert staged.wait(60)

        def during_the_digests(_label: str) -> None:
            other._storage.point = nothing
            go_on.set()
            saving.result()

        other._storage.point = during_the_digests
        report = other.check(deep=True, repair=repair)
        assert (report.ok, report.orphans, report.quarantined) == (True, (), ())
        assert other.get_features(["b"], "g") == {"b": table(2.0)}


def test_a_repair_has_a_save_write_its_file_once_more(
    store: SimpleFeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save_features("g", {"a": table(1.0)})
    monkeypatch.setattr("features.store.storage.local._HELD_AT_MOST", 0)  # so that its file looks left over
    reports = []

    def before_the_commit(label: str) -> None:
        if label == "catalog.begin" and not reports:
            reports.append(None)
            with SimpleFeatureStore(store.config) as other:
                reports[0] = other.check(repair=True)

    store._catalog.point = before_the_commit
    store.save_features("g", {"b": table(2.0)})
    assert len(reports[0].quarantined) == 1
    assert store.get_features(["b"], "g") == {"b": table(2.0)}
    assert store.check(deep=True).ok


def test_a_store_whose_catalog_is_gone_is_refused_and_keeps_its_files(store: SimpleFeatureStore) -> None:
    path = Path(store.save_features("g", {"t": table(1.0)})["t"])
    store.close()
    catalog = store.config.folder / "catalog.sqlite3"
    kept = {other: other.read_bytes() for other in store.config.folder.glob("catalog.sqlite3*")}
    for other in kept:
        other.unlink()
    elsewhere = replace(store.config, catalog_url=f"sqlite:///{store.config.folder / 'another.sqlite3'}")
    for config in (store.config, elsewhere):
        with pytest.raises(UnsafeEnvironmentError, match="no catalog of theirs"):
            SimpleFeatureStore(config)
    assert path.exists()
    assert not catalog.exists()
    for other, content in kept.items():
        other.write_bytes(content)
    with SimpleFeatureStore(store.config) as again:
        assert again.get_features(["t"], "g") == {"t": table(1.0)}


@pytest.mark.parametrize("mode", ["WAL", "PERSIST"])
@pytest.mark.parametrize("becomes", ["removed", "moved", "replaced", "copied"])
@pytest.mark.parametrize("connected", [True, False])
def test_a_store_whose_folder_is_another_one_now_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, becomes: str, connected: bool
) -> None:
    monkeypatch.setattr("features.store.catalog.sqlite.journal_mode", lambda: mode)
    config = FeatureStoreConfig(tmp_path / "store", backend="pyarrow")
    with SimpleFeatureStore(config) as store:
        store.save_features("g", {"t": table(1.0)})
        if not connected:  # its next connection would be one to the file that is there by then
            store._catalog._database.let_go()
        away = tmp_path / "away"
        config.folder.rename(away)
        if becomes == "removed":
            shutil.rmtree(away)
        if becomes == "replaced":
            with SimpleFeatureStore(config) as other:
                other.save_features("g", {"t": table(2.0)})
        if becomes == "copied":
            shutil.copytree(away, config.folder)
        before = files_under(config.folder)
        for change in (
            lambda: store.save_features("g", {"t": table(3.0)}),
            lambda: store.rollback("g", 1),
            lambda: store.delete_feature("t", "g"),
            lambda: store.gc(keep_last=1),
            lambda: store.check(repair=True),
            lambda: store.get_features(None, "g"),
            lambda: store.get_features(None, "g", version=1),
            lambda: store.get_artifacts("g"),
            lambda: store.versions("g"),
            lambda: store.backup(tmp_path / "copy"),
        ):
            with pytest.raises(StorageError) as caught:
                change()
            assert "was moved or replaced; open the store anew" in str(caught.value) or not before
        assert {path: before[path] for path in before if "files" in path} == files_under(config.folder / "files")
        assert config.folder.exists() == (becomes in ("replaced", "copied"))
        assert not (tmp_path / "copy").exists()
    if becomes in ("replaced", "copied"):
        with SimpleFeatureStore(config) as other:
            assert other.get_features(None, "g") == {"t": table(2.0 if becomes == "replaced" else 1.0)}
            assert other.check(deep=True).ok


def test_a_check_of_a_catalog_with_a_changed_row_is_a_report(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": table(1.0)})
    (store.config.folder / "files" / f"{'0' * 32}.parquet").write_bytes(b"left over")
    with closing(sqlite3.connect(store.config.folder / "catalog.sqlite3")) as catalog, catalog:
        catalog.execute("UPDATE entries SET rows = 9")
    report = store.check(repair=True)
    assert [problem.kind for problem in report.problems] == ["catalog"]
    assert report.quarantined == ()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_store_carried_over_a_fork_is_refused(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": table(1.0)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of forks beside threads: that is the case
        receiver, sender = multiprocessing.Pipe(duplex=False)
        child = os.fork()
        if child == 0:
            try:
                store.list_feature_groups()
                sender.send("used")
            except UnsafeEnvironmentError:
                sender.send("refused")
            finally:
                os._exit(0)
    assert receiver.poll(60)
    assert receiver.recv() == "refused"
    os.waitpid(child, 0)
    assert store.get_features(["t"], "g") == {"t": table(1.0)}


def test_a_store_of_a_newer_layout_is_refused(store: SimpleFeatureStore) -> None:
    with store._catalog._database.writing() as connection:
        connection.execute("UPDATE layout SET number = 99")
        connection.execute("COMMIT")
    with pytest.raises(UnsafeEnvironmentError, match="layout 99"):
        SimpleFeatureStore(store.config)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="is a file"):
        SimpleFeatureStore(FeatureStoreConfig(tmp_path / "file"))
    with pytest.raises(StorageError):
        SimpleFeatureStore(FeatureStoreConfig(tmp_path / "file" / "below"))
    assert (tmp_path / "file").read_text() == "x"


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite3").write_bytes(b"this is no database, but a letter to a friend" * 40)
    with pytest.raises(CorruptFileError):
        SimpleFeatureStore(FeatureStoreConfig(tmp_path))
    assert (tmp_path / "catalog.sqlite3").read_bytes().startswith(b"this is no database")


def test_a_backup_that_is_interrupted_leaves_nothing(store: SimpleFeatureStore, tmp_path: Path) -> None:
    path = Path(store.save_features("g", {"a": table(1.0), "b": table(2.0)})["b"])
    content = path.read_bytes()
    path.write_bytes(flipped(content, 100))
    with pytest.raises(CorruptFileError, match="nothing was copied"):
        store.backup(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    path.write_bytes(content)

    def interrupt(label: str) -> None:
        raise KeyboardInterrupt

    store._catalog.point = interrupt
    with pytest.raises(KeyboardInterrupt):
        store.backup(tmp_path / "copy")
    store._catalog.point = nothing
    assert not (tmp_path / "copy").exists()
    store.backup(tmp_path / "copy")
    with SimpleFeatureStore(replace(store.config, base_path=tmp_path / "copy")) as copy:
        assert copy.check(deep=True).ok


@pytest.mark.parametrize("same", [True, False])
def test_of_two_backups_to_one_folder_one_is_refused_and_the_other_whole(
    store: SimpleFeatureStore, tmp_path: Path, same: bool
) -> None:
    store.save_features("g", {"a": table(1.0), "b": table(2.0)})
    with SimpleFeatureStore(replace(store.config, base_path=tmp_path / "other")) as other:
        other.save_features("g", {"a": table(3.0)})
        gate = threading.Barrier(2)

        def back_up(source: SimpleFeatureStore, target: Path) -> str:
            gate.wait()
            try:
                source.backup(target)
            except StorageError as refusal:
                return str(refusal)
            return ""

        with ThreadPoolExecutor(2) as pool:
            for number in range(10):
                target = tmp_path / f"copy_{number}"
                told = list(pool.map(back_up, (store, store if same else other), [target] * 2))
                assert sorted(told) == ["", f"{target} is there already; name a new folder"]
                with SimpleFeatureStore(replace(store.config, base_path=target)) as copy:
                    found = copy.check(deep=True)
                    assert found.ok
                    assert found.files == (1 if told[0] and not same else 2)


@pytest.mark.parametrize("name", ["notes.txt", "catalog.sqlite3"])
def test_a_backup_takes_nothing_away_that_came_into_its_folder_meanwhile(
    store: SimpleFeatureStore, tmp_path: Path, name: str
) -> None:
    store.save_features("g", {"t": table(1.0)})

    def come(label: str) -> None:
        (tmp_path / "copy" / name).write_text("somebody else's")
        if name == "notes.txt":
            raise OSError(errno.EIO, "Input/output error")

    store._catalog.point = come
    with pytest.raises(OSError, match="Input/output" if name == "notes.txt" else "is there already"):
        store.backup(tmp_path / "copy")
    store._catalog.point = nothing
    assert files_under(tmp_path / "copy") == {str(tmp_path / "copy" / name): b"somebody else's"}


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("nth", range(0, 40, 3))
def test_a_backup_that_fails_leaves_the_folders_as_they_were(
    store: SimpleFeatureStore, tmp_path: Path, there: bool, nth: int
) -> None:
    store.save_features("g", {"a": table(1.0), "b": table(2.0)})
    target = tmp_path / "new" / "newer" / "copy"
    if there:
        target.mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    left = [nth]

    def fail(label: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.EIO, "Input/output error")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalStorage, "point", staticmethod(fail))
        patch.setattr(store._catalog, "point", fail)
        try:
            store.backup(target)
        except OSError:
            assert sorted(tmp_path.rglob("*")) == before
        else:
            assert left[0] >= 0


def test_a_backup_to_no_place_is_told_as_such(store: SimpleFeatureStore, tmp_path: Path) -> None:
    for place in ("", "a\0b", 5):
        with pytest.raises(ConfigError, match=r"^path is") as caught:
            store.backup(place)
        assert caught.value.field == "path"
        assert caught.value.value is place
    with pytest.raises(StorageError, match="could not open"):
        store.backup(tmp_path / ("x" * 300))


def test_a_backup_needs_no_folder_of_temporary_files(
    store: SimpleFeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save_features("g", {"t": table(1.0)})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    store.backup(tmp_path / "copy")
    assert {path.name.partition("-")[0] for path in (tmp_path / "copy").iterdir()} == {"catalog.sqlite3", "files"}


def test_a_backup_that_collections_keep_from_ending_tells_how_long_it_tried(
    store: SimpleFeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save_features("g", {"t": table(1.0)})

    class Slow(Waiting):
        moments = count(step=2.5)

        def now(self) -> float:
            return next(self.moments)

    size = store._storage.size

    def collected(file: str) -> int:
        with SimpleFeatureStore(store.config) as other:
            other.save_features("g", {"t": table(2.0)})
            other.gc(keep_last=1)
        return size(file)

    monkeypatch.setattr(store._storage, "size", collected)
    monkeypatch.setattr(store, "_waiting", Slow())
    with pytest.raises(BusyError) as caught:
        store.backup(tmp_path / "copy")
    assert caught.value.seconds == 2.5
    assert not (tmp_path / "copy").exists()


def test_a_backup_of_a_store_that_lost_a_file_names_the_table(store: SimpleFeatureStore, tmp_path: Path) -> None:
    files = store.save_features("g", {"a": table(1.0), "b": table(2.0)})
    Path(files["b"]).unlink()
    with pytest.raises(CorruptFileError, match="table 'b' of group 'g', version 1: its file is gone") as caught:
        store.backup(tmp_path / "copy")
    assert caught.value.reason == "missing"
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("wrong", [None, 0, 1, "no", ""])
def test_a_switch_is_on_or_off(store: SimpleFeatureStore, wrong: object) -> None:
    file = Path(store.save_features("g", {"t": table(1.0)})["t"])
    store.save_features("g", {"t": table(2.0)})
    file.write_bytes(b"damaged")
    calls = (
        partial(store.check, repair=wrong), partial(store.check, deep=wrong),
        partial(store.gc, keep_last=1, dry_run=wrong),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(ConfigError, match=r"it must be True or False$"):
            call()
    assert file.read_bytes() == b"damaged"
    assert len(store.versions("g")) == 2


def test_a_backup_that_is_kept_waiting_says_so(
    store: SimpleFeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save_features("g", {"t": table(1.0)})

    def busy(*_: object) -> None:
        raise BusyError("kept busy", seconds=1.0)

    monkeypatch.setattr(store._catalog, "_copy_to", busy)
    with pytest.raises(BusyError):  # which is the system's kind of error, too
        store.backup(tmp_path / "copy")


@pytest.mark.parametrize("nth", [0, 1, 2, 3])  # from before the first file
def test_a_backup_that_is_killed_does_not_open_as_a_store(store: SimpleFeatureStore, tmp_path: Path, nth: int) -> None:
    store.save_features("g", {"a": table(1.0), "b": table(2.0)})
    program = """
        import os, signal, sys
        from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
        from features.store.storage.local import LocalStorage

        left = [int(sys.argv[3])]

        def die(label):
            left[0] -= label == "storage.sync_file" or label == "storage.sync_directory"
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

        LocalStorage.point = staticmethod(die)
        SimpleFeatureStore(FeatureStoreConfig(sys.argv[1], backend="pyarrow")).backup(sys.argv[2])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(store.config.folder), str(tmp_path / "copy"), str(nth)],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": os.environ["PATH"]},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(UnsafeEnvironmentError, match=r"no catalog in .*copy.*; remove the folder and back up again"):
        SimpleFeatureStore(replace(store.config, base_path=tmp_path / "copy"))
    with pytest.raises(StorageError, match="is there already"):
        store.backup(tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy")
    store.backup(tmp_path / "copy")
    with SimpleFeatureStore(replace(store.config, base_path=tmp_path / "copy")) as copy:
        assert copy.check(deep=True).files == 2


def test_a_backup_is_a_store_and_does_not_follow(store: SimpleFeatureStore, tmp_path: Path) -> None:
    store.save_features("g", {"t": table(1.0)}, artifacts={"a": 1})
    store.save_features("g", {"t": table(2.0)})
    store.backup(tmp_path / "copy")
    store.save_features("g", {"t": table(3.0)})
    shutil.rmtree(store.config.folder / "files")
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path / "copy", backend="pyarrow")) as copy:
        assert copy.check(deep=True).ok
        assert copy.get_features(None, "g") == {"t": table(2.0)}
        assert copy.get_features(None, "g", version=1) == {"t": table(1.0)}
        assert copy.get_artifacts("g") == {"a": 1}
    (tmp_path / "file").write_text("mine")
    for taken in ("copy", "file"):
        with pytest.raises(StorageError, match="there already"):
            store.backup(tmp_path / taken)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_store_recovers_from_a_passing_error(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": table(1.0)})
    folder = store.config.folder / "files"
    folder.rename(folder.with_name("away"))
    folder.write_text("in the way")
    with pytest.raises(StorageError) as caught:
        store.save_features("g", {"t": table(2.0)})
    assert caught.value.errno is not None
    folder.unlink()
    folder.with_name("away").rename(folder)
    assert store.get_features(["t"], "g") == {"t": table(1.0)}
    store.save_features("g", {"t": table(3.0)})
    assert store.check(deep=True).ok


def test_a_writer_elsewhere_is_waited_for_and_then_told(tmp_path: Path) -> None:
    config = FeatureStoreConfig(tmp_path, backend="pyarrow", busy_timeout_seconds=0.05)
    with SimpleFeatureStore(config) as store, SimpleFeatureStore(config) as other:
        store.save_features("g", {"t": table(1.0)})
        with other._catalog._database.writing(), pytest.raises(BusyError) as caught:
            store.save_features("g", {"t": table(2.0)})
        assert caught.value.seconds == 0.05
        store.save_features("g", {"t": table(3.0)})
        assert store.check().orphans == ()


def fail_at(wanted: str, error: BaseException):
    """A point that raises at the first effect of that label."""
    left = [error]

    def point(label: str) -> None:
        if label == wanted and left:
            raise left.pop()

    return point


@pytest.mark.parametrize("effect", ["storage.create", "storage.write", "storage.sync_file", "storage.sync_directory"])
def test_a_disk_that_refuses_once_changes_nothing(store: SimpleFeatureStore, effect: str) -> None:
    store.save_features("g", {"t": table(1.0), "u": table(1.0)})
    before = files_under(store.config.folder)
    store._storage.point = fail_at(effect, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    with pytest.raises(StorageError, match="free some space") as caught:
        store.save_features("g", {"t": table(2.0), "u": table(2.0)})
    assert caught.value.errno == errno.ENOSPC
    assert files_under(store.config.folder) == before
    store.save_features("g", {"t": table(2.0), "u": table(2.0)})
    assert store.get_features(None, "g") == {"t": table(2.0), "u": table(2.0)}


def test_an_error_before_the_commit_changes_nothing(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": table(1.0)})
    store._catalog.point = fail_at("catalog.commit", sqlite3.OperationalError("disk I/O error"))
    with pytest.raises(StorageError, match="disk I/O error"):
        store.save_features("g", {"t": table(2.0)})
    assert store.get_features(["t"], "g") == {"t": table(1.0)}
    assert store.check().orphans == ()
    assert len(store.versions("g")) == 1


def test_an_error_after_the_commit_took_effect_is_a_success(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": table(1.0)})
    store._catalog.point = fail_at("catalog.committed", sqlite3.OperationalError("the answer was lost"))
    store.save_features("g", {"t": table(2.0)})
    assert store.get_features(["t"], "g") == {"t": table(2.0)}
    assert len(store.versions("g")) == 2
    assert store.check(deep=True).ok


@pytest.mark.parametrize("own", [KeyboardInterrupt, TimeoutError])
def test_what_stops_a_save_that_took_effect_costs_no_file(store: SimpleFeatureStore, own: type[BaseException]) -> None:
    store._catalog.point = fail_at("catalog.committed", own("from outside"))
    with pytest.raises(own, match="from outside"):
        store.save_features("g", {"t": table(1.0)}, write_id="mine")
    store._catalog.point = nothing
    assert store.get_features(["t"], "g") == {"t": table(1.0)}
    store.save_features("g", {"t": table(1.0)}, write_id="mine")
    assert len(store.versions("g")) == 1
    assert store.check(deep=True).ok


def test_where_nobody_can_tell_the_write_id_is_told_and_repeats_safely(store: SimpleFeatureStore) -> None:
    def point(label: str) -> None:
        if label in {"catalog.committed", "catalog.read"}:
            raise sqlite3.OperationalError("gone")

    store._catalog.point = point
    with pytest.raises(UnknownOutcomeError, match="write_id=") as caught:
        store.save_features("g", {"t": table(1.0)})
    store._catalog.point = nothing
    paths = store.save_features("g", {"t": table(1.0)}, write_id=caught.value.write_id)
    assert len(store.versions("g")) == 1
    assert store.get_features(["t"], "g") == {"t": table(1.0)}
    assert all(Path(path).exists() for path in paths.values())
    assert store.check().orphans == ()


def test_a_save_whose_file_was_condemned_writes_another(store: SimpleFeatureStore) -> None:
    with SimpleFeatureStore(store.config) as other:
        condemned: list[str] = []

        def point(label: str) -> None:
            if label == "catalog.begin" and not condemned:
                condemned.extend(file for file, _ in other._storage.files())
                assert other._catalog.sweep(condemned).orphans == tuple(condemned)

        store._catalog.point = point
        (path,) = store.save_features("g", {"t": table(1.0)}).values()
        assert len(condemned) == 1
        assert Path(path).stem not in condemned
        assert other.get_features(["t"], "g") == {"t": table(1.0)}
        assert store.check(deep=True).ok
        assert store.check().orphans == ()


@pytest.mark.skipif(journal_mode() == "WAL", reason="this release of SQLite may use the log")
def test_a_log_that_another_release_of_sqlite_began_is_not_used(store: SimpleFeatureStore) -> None:
    """This store's connections are open, and would go on with it."""
    store.save_features("g", {"t": table(1.0)})
    begin = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA journal_mode=WAL').fetchone())"
    command = [sys.executable, "-c", begin, str(store.config.folder / "catalog.sqlite3")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "('wal',)\n"
    for change in (lambda: store.save_features("g", {"t": table(2.0)}), lambda: store.gc(keep_last=1)):
        with pytest.raises(UnsafeEnvironmentError, match="use one release for all"):
            change()
    store.close()
    with SimpleFeatureStore(store.config) as again:
        assert again.get_features(["t"], "g") == {"t": table(1.0)}
        again.save_features("g", {"t": table(3.0)})
        assert [line.version for line in again.versions("g")] == [1, 2]
        assert again.check(deep=True).orphans == ()


def test_a_save_that_was_interrupted_while_it_waited_is_not_made_by_the_next(store: SimpleFeatureStore) -> None:
    queue, interrupted = store._catalog._queue, threading.Event()

    def interrupt() -> None:
        with queue.alone():
            waits.set()
            deadline = time.monotonic() + 60
            while not queue._waiting and time.monotonic() < deadline:
                pass
            os.kill(os.getpid(), signal.SIGINT)
            interrupted.wait(60)

    waits = threading.Event()
    holder = threading.Thread(target=interrupt, daemon=True)
    holder.start()
    waits.wait(60)
    with pytest.raises(KeyboardInterrupt):
        store.save_features("g", {"t": table(1.0)})
    interrupted.set()
    holder.join(60)
    store.save_features("g", {"t": table(2.0)}, expected_version=0)
    assert store.get_features(["t"], "g") == {"t": table(2.0)}


def test_a_backup_that_is_interrupted_at_its_end_does_not_open_as_a_store(
    store: SimpleFeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save_features("g", {"t": table(1.0)})

    def then_interrupted(file: Path, target: Path) -> None:
        put_in_place(file, target)
        raise KeyboardInterrupt

    monkeypatch.setattr("features.store.catalog.sql.put_in_place", then_interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.backup(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_going_back_to_a_version_that_was_lost_is_told_as_damage(store: SimpleFeatureStore) -> None:
    for number in range(3):
        store.save_features("g", {"t": table(number)})
    with closing(sqlite3.connect(store.config.folder / "catalog.sqlite3")) as database, database:
        database.execute("DELETE FROM versions WHERE version = 2")
    with pytest.raises(CorruptFileError, match="restore it from a backup"):
        store.rollback("g", 2)
    with pytest.raises(NotFoundError, match="it keeps versions 1 to 3"):
        store.rollback("g", 4)


def test_any_mapping_of_json_values_is_kept_as_artifacts(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": table(1.0)}, artifacts=MappingProxyType({"a": [1, None]}))
    assert store.get_artifacts("g") == {"a": [1, None]}


def test_a_zone_that_this_machine_does_not_know_is_told_of_its_table(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    (tmp_path / "zones" / "Here").mkdir(parents=True)
    known = Path(zoneinfo.TZPATH[0], "UTC")
    shutil.copy(known, tmp_path / "zones" / "Here" / "There")
    config = FeatureStoreConfig(tmp_path / "store", backend="pandas")
    try:
        zoneinfo.reset_tzpath([str(tmp_path / "zones")])
        when = pandas.Series([0]).astype("datetime64[ns]").dt.tz_localize(zoneinfo.ZoneInfo("Here/There"))
        with SimpleFeatureStore(config) as store:
            store.save_features("g", {"t": pandas.DataFrame({"when": when})})
    finally:
        zoneinfo.reset_tzpath()
        zoneinfo.ZoneInfo.clear_cache()
    for enabled in (True, False):
        with SimpleFeatureStore(replace(config, cache_enabled=enabled)) as store:
            for _ in range(2):
                with pytest.raises(UnsupportedDataError, match="table 't' of group 'g': this machine") as caught:
                    store.get_features(["t"], "g")
                assert caught.value.table == "t"


def test_a_write_id_has_255_characters_at_most(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": table(1.0)}, write_id="x" * 255)
    with pytest.raises(ConfigError):
        store.save_features("g", {"t": table(1.0)}, write_id="x" * 256)


@pytest.mark.parametrize("depth", [201, 100_000])
def test_lists_in_artifacts_are_no_deeper_than_dicts(store: SimpleFeatureStore, depth: int) -> None:
    deep: list[Any] = []
    for _ in range(depth):
        deep = [deep]
    with pytest.raises(UnsupportedDataError, match="artifacts must be"):
        store.save_features("g", {"t": table(1.0)}, artifacts={"deep": deep})
    assert store.list_feature_groups() == []


@pytest.mark.parametrize("year", ["-400000", "-0001", "10000", "400000"])
def test_a_timestamp_of_years_that_a_datetime_has_not_is_refused(store: SimpleFeatureStore, year: str) -> None:
    pandas = pytest.importorskip("pandas")
    moment = pandas.Timestamp(np.datetime64(f"{year}-01-01", "s")).tz_localize("UTC")
    store.save_features("g", {"t": table(1.0)})
    for ask in (lambda: store.get_features(["t"], "g", as_of=moment), lambda: store.gc(older_than=moment)):
        with pytest.raises(ConfigError, match="pass a datetime of the years 1 to 9999"):
            ask()


def test_no_time_is_no_moment(store: SimpleFeatureStore) -> None:
    pandas = pytest.importorskip("pandas")
    store.save_features("g", {"t": table(1.0)})
    for ask in (lambda: store.get_features(["t"], "g", as_of=pandas.NaT), lambda: store.gc(older_than=pandas.NaT)):
        with pytest.raises(ConfigError):
            ask()
