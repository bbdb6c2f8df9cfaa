"""Threads that share one store lose nothing, tear nothing, and see whole versions only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from features.errors import ConflictError
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore

THREADS, SAVES = 8, 8


def run(work: Callable[[int], None], threads: int = THREADS) -> None:
    """Run ``work`` in so many threads at once; raise what any of them raised."""
    failures: list[BaseException] = []
    gate = threading.Barrier(threads)

    def guarded(number: int) -> None:
        try:
            gate.wait(60)
            work(number)
        except BaseException as error:
            failures.append(error)

    running = [threading.Thread(target=guarded, args=(number,), daemon=True) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(120)
    assert not [thread for thread in running if thread.is_alive()], "a thread hangs"
    assert not failures, failures


def values(thread: int, number: int) -> pa.Table:
    return pa.table({"thread": [thread] * 30, "number": [number] * 30})


def test_every_acknowledged_save_is_there(tmp_path: Path) -> None:
    acknowledged: list[tuple[int, int]] = []
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="pyarrow", cache_max_size=4)) as store:

        def work(thread: int) -> None:
            for number in range(SAVES):
                store.save_features("g", {f"t{thread}": values(thread, number)}, message=f"{thread} {number}")
                acknowledged.append((thread, number))
                assert store.get_features([f"t{thread}"], "g") == {f"t{thread}": values(thread, number)}

        run(work)
        history = store.versions("g")
        assert [line.version for line in history] == list(range(1, THREADS * SAVES + 1))
        assert sorted(line.message for line in history) == sorted(f"{one} {two}" for one, two in acknowledged)
        for line in history:
            thread, number = map(int, line.message.split())
            saved = store.get_features([f"t{thread}"], "g", version=line.version)
            assert saved == {f"t{thread}": values(thread, number)}
        assert store.check(deep=True).ok
        assert store.check().orphans == ()


def test_a_reader_never_sees_tables_of_two_versions(tmp_path: Path) -> None:
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="pyarrow")) as store:
        store.save_features("g", {"a": values(0, 0), "b": values(0, 0), "c": values(0, 0)})
        done = threading.Event()

        def work(thread: int) -> None:
            if thread == 0:
                try:
                    for number in range(1, 30):
                        store.save_features("g", {name: values(0, number) for name in "abc"})
                finally:
                    done.set()
                return
            last = 0
            while not done.is_set():
                seen = {table["number"][0].as_py() for table in store.get_features(["a", "b", "c"], "g").values()}
                assert len(seen) == 1, "tables of different versions"
                assert seen >= {last} or min(seen) > last, "an older version after a newer one"
                last = seen.pop()

        run(work, 4)


def test_counting_with_an_expected_version_loses_no_update(tmp_path: Path) -> None:
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="pyarrow")) as store:
        store.save_features("g", {"t": values(0, 0)})

        def work(_thread: int) -> None:
            for _ in range(4):
                while True:
                    version = store.versions("g")[-1].version
                    count = store.get_features(["t"], "g", version=version)["t"]["number"][0].as_py()
                    try:
                        store.save_features("g", {"t": values(0, count + 1)}, expected_version=version)
                        break
                    except ConflictError:
                        continue

        run(work, 4)
        assert store.get_features(["t"], "g")["t"]["number"][0].as_py() == 16
        assert len(store.versions("g")) == 17
        assert store.check().orphans == ()


def test_collections_beside_savers_take_nothing_that_counts(tmp_path: Path) -> None:
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="pyarrow")) as store:
        store.save_features("g", {"t0": values(0, 0)})

        def work(thread: int) -> None:
            for number in range(SAVES):
                if thread == 0:
                    store.gc(keep_last=2)
                else:
                    name = f"t{thread}"
                    store.save_features("g", {name: values(thread, number)})
                    assert store.get_features([name], "g") == {name: values(thread, number)}

        run(work, 4)
        assert store.versions("g")[-1].version == 1 + 3 * SAVES
        assert store.get_features(None, "g") == {
            "t0": values(0, 0),
            **{f"t{thread}": values(thread, SAVES - 1) for thread in (1, 2, 3)},
        }
        store.gc(keep_last=1)
        report = store.check(deep=True)
        assert report.ok
        assert report.orphans == ()
