"""Loads that the cache does not keep: each caller's own, however many come at once."""

from __future__ import annotations

import errno
import resource
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.errors import CorruptFileError, StorageError
from features.store.codec.footers import Footer, open_parquet
from features.store.drivers import open_catalog, open_storage
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from features.store.storage.base import Storage
from features.store.storage.local import LocalStorage

ROWS = 200_000
LARGE = pa.table(
    {
        **{f"number {position}": np.full(ROWS, position / 2) for position in range(5)},
        "whole": np.arange(ROWS),
        "text": ["a", None] * (ROWS // 2),
    }
)
MIDDLE = pa.table({f"number {position}": np.random.default_rng(0).standard_normal(10_000) for position in range(8)})
"""Neither small enough to be read at once, nor so large that it is mapped."""


def bytes_of(frame: Any) -> dict[str, bytes]:
    """The numbers of a frame, as they stand in memory."""
    return {name: np.asarray(frame[name]).tobytes() for name in LARGE.column_names[:-1]}


@pytest.mark.parametrize("cache", [{"cache_enabled": False}, {"cache_max_bytes": 1 << 20}], ids=["off", "too small"])
def test_threads_that_load_what_is_not_kept_each_get_their_own(
    tmp_path: Path, backend: Any, cache: dict[str, Any]
) -> None:
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend=backend, **cache)) as store:
        store.save_features("g", {"t": LARGE})
        with ThreadPoolExecutor(8) as threads:
            loaded = list(threads.map(lambda _: store.get_features(["t"], "g")["t"], range(16)))
        assert all(bytes_of(frame) == bytes_of(LARGE) for frame in loaded)
        if backend == "pandas":
            loaded[0].loc[:, "whole"] = -1
            loaded[0].loc[:, "number 3"] = -1.0
            assert bytes_of(loaded[1]) == bytes_of(LARGE)
        assert store.cache is None or store.cache.get_stats()["misses"] == 0  # it was not even asked


def test_a_wide_frame_of_pandas_is_in_one_piece(tmp_path: Path) -> None:
    """Else pandas would warn that it is fragmented as soon as a column is added, and be slow in all that follows."""
    pandas = pytest.importorskip("pandas")
    wide = pandas.DataFrame({"text": ["a"], **{f"number {position}": [0.5] for position in range(150)}})
    for enabled in (True, False):
        with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="pandas", cache_enabled=enabled)) as store:
            store.save_features("g", {"t": wide})
            frame = store.get_features(["t"], "g")["t"]
            frame["more"] = 1
            assert frame.shape == (1, 152)


def test_a_frame_of_pandas_can_be_changed_in_place(tmp_path: Path) -> None:
    """Its memory is its own: neither read-only nor shared with what was read."""
    pytest.importorskip("pandas")
    for enabled in (True, False):
        config = FeatureStoreConfig(tmp_path, backend="pandas", cache_enabled=enabled)
        with SimpleFeatureStore(config) as store:
            store.save_features("g", {"t": LARGE})
            frame = store.get_features(["t"], "g")["t"]
            store.save_features("g", {"own": frame})
            for _ in range(3):
                own = store.get_features(["own"], "g")["own"]
                assert own.equals(frame)
                for name in own.columns[:-1]:
                    own.loc[5, name] = 7
                    assert own.loc[5, name] == 7


@pytest.mark.parametrize("verify", ["once", "never"])
def test_some_footers_are_kept_of_files_that_are_verified(tmp_path: Path, backend: Any, verify: Any) -> None:
    """A file is cut short behind its store's back, which only who parses its footer again comes to know."""
    tables = {f"t{position}": pa.table({"number": [position / 2]}) for position in range(100)}
    config = FeatureStoreConfig(tmp_path, backend=backend, cache_enabled=False, verify_reads=verify)
    with SimpleFeatureStore(config) as store:
        files = store.save_features("g", tables)
        loaded = store.get_features(["t0"], "g")["t0"]
        whole = Path(files["t0"]).read_bytes()
        Path(files["t0"]).write_bytes(whole[:-8] + bytes(8))
        if verify == "once":
            assert store.get_features(["t0"], "g")["t0"]["number"][0] == loaded["number"][0]
            store.get_features([name for name in tables if name != "t0"], "g")  # it is one of too many then
        with pytest.raises(CorruptFileError):
            store.get_features(["t0"], "g")


def open_in(folder: Path) -> list[str]:
    """The tables' files below ``folder`` that this process has open."""
    found = [str(link.readlink()) for link in list(Path("/proc/self/fd").iterdir()) if link.is_symlink()]
    return [name for name in found if name.startswith(str(folder)) and ".parquet" in name]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not list open files")
def test_files_that_were_read_stay_open_and_are_let_go(tmp_path: Path, backend: Any) -> None:
    config = FeatureStoreConfig(tmp_path, backend=backend, cache_enabled=False)
    with SimpleFeatureStore(config) as store:
        store.save_features("g", {f"t{position}": MIDDLE for position in range(40)})
        for _ in range(2):  # a file is read whole, to be hashed, and then opened
            store.get_features(None, "g")
        assert 1 <= len(open_in(tmp_path)) <= 32
        store.get_features(["t39"], "g")
        assert len(open_in(tmp_path)) <= 32
        store.delete_feature("t39", "g")
        store.gc(keep_last=1)
        assert open_in(tmp_path) == []
        store.get_features(["t1"], "g", columns=["number 3"])
        assert len(open_in(tmp_path)) == 1
    assert open_in(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not list open files")
def test_many_stores_together_do_not_keep_many_files_open(tmp_path: Path) -> None:
    config = FeatureStoreConfig(tmp_path, backend="pyarrow", cache_enabled=False)
    with ExitStack() as opened:
        stores = [opened.enter_context(SimpleFeatureStore(config)) for _ in range(4)]
        stores[0].save_features("g", {f"t{position}": MIDDLE for position in range(40)})
        for store in [*stores, *stores]:
            store.get_features(None, "g")
        assert 33 <= len(open_in(tmp_path)) <= 64
        stores[0].gc()
        stores[3].get_features(None, "g")
        assert len(open_in(tmp_path)) <= 64
        assert stores[3].get_features(["t7"], "g") == {"t7": MIDDLE}
    assert open_in(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not list open files")
def test_a_large_file_does_not_stay_open(tmp_path: Path, backend: Any) -> None:
    """Deleted by another process, it would keep its place on the disk."""
    large = pa.concat_tables([MIDDLE] * 8)
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend=backend, cache_enabled=False)) as store:
        store.save_features("g", {"t": large})
        for columns in (None, None, ["number 3"], ["number 3"]):
            store.get_features(["t"], "g", columns=columns)
        assert open_in(tmp_path) == []


def test_an_open_file_is_lent_to_one_reader_at_a_time(tmp_path: Path) -> None:
    """pyarrow says nothing of threads that read one open file at once."""
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="pyarrow")) as store:
        path = Path(store.save_features("g", {"t": MIDDLE})["t"])
        footer = Footer(store._catalog.snapshot("g").tables["t"])
        with open_parquet(path.read_bytes(), footer) as in_memory:
            pass
        with open_parquet(path, footer) as first, open_parquet(path, footer) as second:
            assert first is not second
            assert in_memory not in (first, second)
        with open_parquet(path, footer) as third:
            assert third in (first, second)
        with pytest.raises(ZeroDivisionError), open_parquet(path, footer):
            raise ZeroDivisionError
        with open_parquet(path, footer) as fourth:
            assert fourth is not third
            assert fourth.read(["number 0"]).column(0).equals(MIDDLE.column(0))


def test_a_file_that_is_gone_is_not_read_though_it_is_open(tmp_path: Path, backend: Any) -> None:
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend=backend, cache_enabled=False)) as store:
        path = Path(store.save_features("g", {"t": MIDDLE})["t"])
        for _ in range(2):
            store.get_features(["t"], "g")
        path.unlink()
        with pytest.raises(CorruptFileError) as caught:
            store.get_features(["t"], "g")
        assert caught.value.reason == "missing"


def test_a_large_footer_is_not_kept(tmp_path: Path, backend: Any) -> None:
    wide = pa.table({f"number {position}": [0.5] for position in range(2000)})
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend=backend, cache_enabled=False)) as store:
        file = Path(store.save_features("g", {"t": wide})["t"])
        store.get_features(["t"], "g")
        file.write_bytes(file.read_bytes()[:-8] + bytes(8))
        with pytest.raises(CorruptFileError):
            store.get_features(["t"], "g")


def test_a_file_that_is_always_verified_is_also_after_a_good_load(tmp_path: Path, backend: Any) -> None:
    config = FeatureStoreConfig(tmp_path, backend=backend, cache_enabled=False, verify_reads="always")
    with SimpleFeatureStore(config) as store:
        file = Path(store.save_features("g", {"t": pa.table({"number": [0.5] * 100})})["t"])
        store.get_features(["t"], "g")
        whole = file.read_bytes()
        file.write_bytes(whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])
        with pytest.raises(CorruptFileError) as caught:
            store.get_features(["t"], "g")
        assert caught.value.reason == "digest"


@pytest.mark.parametrize("verify", ["once", "never"])
@pytest.mark.parametrize("frame", [pa.table({"number": [0.5]}), LARGE], ids=["small", "large"])
def test_a_file_of_another_size_is_never_parsed(tmp_path: Path, frame: pa.Table, verify: Any) -> None:
    config = FeatureStoreConfig(tmp_path, backend="pyarrow", cache_enabled=False, verify_reads=verify)
    with SimpleFeatureStore(config) as store:
        file = Path(store.save_features("g", {"t": frame})["t"])
        whole = file.read_bytes()
        for other in (whole + b"x", whole[:-1], whole * 2):
            file.write_bytes(other)
            for ask in (store.get_features, store.scan_features):
                with pytest.raises(CorruptFileError) as caught:
                    ask(["t"], "g")
                assert caught.value.reason == "size"


@pytest.mark.parametrize("ask", ["get_features", "scan_features"])
def test_want_of_memory_is_no_damage(tmp_path: Path, ask: str) -> None:
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="pyarrow", cache_enabled=False)) as store:
        store.save_features("g", {"t": LARGE})

        def want(label: str) -> None:
            if label == "storage.read":
                raise MemoryError

        store._storage.point = want
        with pytest.raises(MemoryError):
            getattr(store, ask)(["t"], "g")


@pytest.mark.parametrize("verify", ["once", "never"])
def test_want_of_open_files_is_told_as_the_systems(tmp_path: Path, verify: Any) -> None:
    config = FeatureStoreConfig(tmp_path, backend="pyarrow", cache_enabled=False, verify_reads=verify)
    with SimpleFeatureStore(config) as store:
        store.save_features("g", {"t": LARGE})
        store.get_features(["t"], "g")  # which opens whatever else it needs
        before = resource.getrlimit(resource.RLIMIT_NOFILE)

        def no_more(label: str) -> None:
            if label == "storage.read":
                resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))

        store._storage.point = no_more
        try:
            with pytest.raises(StorageError) as caught:
                store.get_features(["t"], "g")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert caught.value.errno == errno.EMFILE


class Deadline(Exception):  # noqa: N818  # as users name theirs
    """What a signal handler of the user's may raise."""


@pytest.mark.parametrize("own", [Deadline("mine"), TimeoutError("mine")], ids=repr)
@pytest.mark.parametrize("load", ["get_features", "scan_features"])
def test_what_a_signal_handler_raises_is_not_told_as_damage(
    tmp_path: Path, backend: Any, own: Exception, load: str
) -> None:
    with interrupted_once(tmp_path, backend, own) as store:
        with pytest.raises(type(own), match="mine") as caught:
            getattr(store, load)(["t"], "g")
        assert caught.value is own
        assert bytes_of(store.get_features(["t"], "g")["t"]) == bytes_of(LARGE)


def test_what_a_signal_handler_raises_is_not_told_as_the_disks_refusal(tmp_path: Path, backend: Any) -> None:
    config = FeatureStoreConfig(tmp_path, backend=backend)
    own = TimeoutError("mine")
    storage = Interrupted(own, open_storage(config), "storage.write")
    with SimpleFeatureStore.with_drivers(config, open_catalog(config), storage) as store:
        with pytest.raises(TimeoutError, match="mine") as caught:
            store.save_features("g", {"t": LARGE})
        assert caught.value is own
        assert store.list_feature_groups() == []
        assert list(storage.files()) == []


@pytest.mark.parametrize(
    "told",
    [
        pa.lib.ArrowException("Unknown error: Failed to launch worker thread"),
        RuntimeError("can't start new thread"),
        RecursionError("maximum recursion depth exceeded"),
    ],
)
def test_want_of_threads_or_of_stack_is_not_told_as_damage(tmp_path: Path, backend: Any, told: Exception) -> None:
    with interrupted_once(tmp_path, backend, told) as store:
        more = "room on the stack" if isinstance(told, RecursionError) else "threads"
        with pytest.raises(StorageError, match=f"{told}; let this process have more {more}"):
            store.get_features(["t"], "g")
        assert bytes_of(store.get_features(["t"], "g")["t"]) == bytes_of(LARGE)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit is not kept, or not known")
@pytest.mark.parametrize("load", ["get_features", "scan_features"])
def test_want_of_memory_is_not_told_as_damage(tmp_path: Path, load: str) -> None:
    config = FeatureStoreConfig(tmp_path, backend="pyarrow", cache_enabled=False)
    with SimpleFeatureStore(config) as store:
        store.save_features("g", {"t": pa.table({"x": np.random.default_rng(0).random(1 << 22)})})
        store.scan_features(["t"], "g")  # which loads whatever else it needs
        store._tables.let_go()
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (24 << 20), before[1]))
        try:
            with pytest.raises((StorageError, MemoryError)) as caught:
                getattr(store, load)(["t"], "g")
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)
        assert isinstance(caught.value, MemoryError) or "memory (ulimit -v)" in str(caught.value)
        assert store.check(deep=True).ok


def test_a_file_that_goes_at_the_same_moment_is_told_as_gone(tmp_path: Path, backend: Any) -> None:
    config = FeatureStoreConfig(tmp_path, backend=backend, cache_enabled=False)
    with SimpleFeatureStore(config) as store:
        file = Path(store.save_features("g", {"t": LARGE})["t"])

    class Going(Interrupted):
        def point(self, effect: str) -> None:  # type: ignore[override]
            if effect == "storage.read":
                file.unlink(missing_ok=True)
            super().point(effect)

    storage = Going(Deadline("mine"), open_storage(config))
    with SimpleFeatureStore.with_drivers(config, open_catalog(config), storage) as store:
        with pytest.raises(CorruptFileError, match="gone from the disk") as caught:
            store.get_features(["t"], "g")
        assert caught.value.reason == "missing"


@contextmanager
def interrupted_once(folder: Path, backend: Any, own: Exception) -> Iterator[SimpleFeatureStore[Any]]:
    """A store with a table, whose first read is interrupted by ``own``."""
    config = FeatureStoreConfig(folder, backend=backend, cache_enabled=False)
    with SimpleFeatureStore(config) as store:
        store.save_features("g", {"t": LARGE})
    storage = Interrupted(own, open_storage(config))
    with SimpleFeatureStore.with_drivers(config, open_catalog(config), storage) as store:
        yield store


class Interrupted(LocalStorage):
    """Raises ``own`` once, in the midst of an effect, as a signal handler would."""

    def __init__(self, own: Exception, storage: Storage, effect: str = "storage.read") -> None:
        super().__init__(storage.path("0" * 32).parent)
        self._own, self._effect = [own], effect

    def point(self, effect: str) -> None:  # type: ignore[override]
        if effect == self._effect and self._own:
            raise self._own.pop()
