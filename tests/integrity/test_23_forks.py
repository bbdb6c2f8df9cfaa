"""Guarantee 23: a store that is opened in a forked process is as good as any, or is refused there.

Each test is a program of its own, since a fork copies all that a process has. Its children are ended by an alarm if
nothing else does, and those that are over are waited for.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from features.store.feature_store import SimpleFeatureStore
from tests.integrity.another_process import ends_well
from tests.integrity.small_stores import settings

pytestmark = pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="there is no fork")

PRELUDE = """
    import faulthandler, multiprocessing, os, signal, sys, threading, time, traceback, warnings
    import pyarrow as pa
    from features.errors import UnsafeEnvironmentError
    from features.store import forks
    from features.store.catalog import sqlite
    from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore

    warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: that is the case
    faulthandler.register(signal.SIGALRM, chain=True)  # a child that its alarm ends says where it was

    def settings(folder):
        return FeatureStoreConfig(folder, backend="pyarrow", busy_timeout_seconds=60)

    config = settings(sys.argv[1])
    one = {"t": pa.table({"x": [1]})}

    def forked(work):
        child = os.fork()
        if child == 0:
            signal.alarm(100)
            try:
                work()
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        return child

    def well(child):
        return os.waitpid(child, 0)[1] == 0

    def refused(config):
        try:
            SimpleFeatureStore(config)
        except UnsafeEnvironmentError as error:
            return "spawn or forkserver" in str(error)
        return False
"""


run = partial(ends_well, prelude=PRELUDE)


@pytest.mark.parametrize("means", ["os", "multiprocessing"])
def test_children_forked_amid_saves_and_reads_of_other_threads_use_the_store(tmp_path: Path, means: str) -> None:
    program = """
        means = sys.argv[2]
        forks.PATIENCE = 1e6  # who waits for ever here is in a deadlock, and is to be seen there
        store = SimpleFeatureStore(config)
        for _ in range(5):
            store.save_features("g", one)
        over = False

        def work(do):
            while not over:
                do()

        def use(group):
            with SimpleFeatureStore(config) as mine:
                mine.save_features(group, one)
                assert mine.get_features(None, "g").keys() == {"t"}
                lines = [line.version for line in mine.versions("g")]
                assert lines == list(range(1, len(lines) + 1)), lines
                assert mine.check().ok

        def child(group):
            signal.alarm(100)
            os.close(writing)
            use(group)  # while the parent is at work
            os.read(reading, 1)
            use(group)  # when it no longer is

        threads = [
            threading.Thread(target=work, args=(do,))
            for do in (
                lambda: store.save_features("g", one),
                lambda: store.versions("g"),
                lambda: store.get_features(["t"], "g"),
                lambda: SimpleFeatureStore(config).list_feature_groups(),
            )
        ]
        reading, writing = os.pipe()
        children = []
        for thread in threads:
            thread.start()
        for number in range(4):
            store.versions("g")
            if means == "os":
                children.append(forked(lambda: child(f"child-{number}")))
            else:
                context = multiprocessing.get_context("fork")
                children.append(context.Process(target=child, args=(f"child-{number}",)))
                children[-1].start()
        over = True
        for thread in threads:
            thread.join()
        os.close(writing)
        if means == "multiprocessing":
            for process in children:
                process.join(100)
        assert [well(child) if means == "os" else child.exitcode == 0 for child in children] == [True] * 4
        assert store.check(deep=True).ok
    """
    run(program, tmp_path / "store", means)
    with SimpleFeatureStore(settings(tmp_path / "store")) as store:
        assert {name: len(store.versions(name)) for name in store.list_feature_groups() if name != "g"} == {
            f"child-{number}": 2 for number in range(4)
        }


@pytest.mark.parametrize("journal", ["PERSIST", "WAL"])
def test_parent_and_child_see_what_the_other_saves_and_keep_it_when_either_closes(tmp_path: Path, journal: str) -> None:
    program = """
        sqlite.journal_mode = lambda: sys.argv[2]  # one process at a time writes: any release of SQLite does that right
        store = SimpleFeatureStore(config)
        store.save_features("g", one)
        store.get_features(["t"], "g")
        (mine, told), (theirs, tell) = os.pipe(), os.pipe()

        def child():
            with SimpleFeatureStore(config) as other:
                other.save_features("g", {"t": pa.table({"x": [2]})})
                os.write(told, b"saved")
                os.read(theirs, 1)
                assert other.get_features(["t"], "g")["t"].column("x").to_pylist() == [3]
                os.write(told, b"loaded")
                os.read(theirs, 1)
                other.save_features("g", {"t": pa.table({"x": [4]})})

        process = forked(child)
        os.close(told)
        assert os.read(mine, 6) == b"saved"
        assert store.get_features(["t"], "g")["t"].column("x").to_pylist() == [2]
        store.save_features("g", {"t": pa.table({"x": [3]})})
        os.write(tell, b"1")
        assert os.read(mine, 6) == b"loaded"
        store.close()
        os.write(tell, b"2")
        assert well(process)
        with SimpleFeatureStore(config) as store:
            assert store.get_features(["t"], "g")["t"].column("x").to_pylist() == [4]
            assert len(store.versions("g")) == 4
            assert store.check(deep=True).ok
    """
    run(program, tmp_path / "store", journal)


@pytest.mark.parametrize("whose", ["another thread's", "its own thread's"])
def test_a_child_forked_out_of_patience_amid_a_transaction_may_not_open_that_catalog(
    tmp_path: Path, whose: str
) -> None:
    """Nor may its own child; any other catalog is as good as ever, and so is this one to the parent."""
    program = """
        forks.PATIENCE = 0.1 if sys.argv[2] == "another thread's" else 1e6
        store = SimpleFeatureStore(config)
        store.save_features("g", one)
        reached, go_on = threading.Event(), threading.Event()
        by_another_path = FeatureStoreConfig(
            sys.argv[1] + "-3", backend="pyarrow", catalog_url=f"sqlite:///{sys.argv[1]}/../store/catalog.sqlite3"
        )

        def child():
            assert refused(config)
            assert refused(by_another_path)
            with SimpleFeatureStore(settings(sys.argv[1] + "-2")) as other:
                other.save_features("g", one)
            assert well(forked(lambda: refused(config) or os._exit(1)))

        def stay():
            with store._catalog._database.writing():
                reached.set()
                go_on.wait()

        if sys.argv[2] == "another thread's":
            thread = threading.Thread(target=stay)
            thread.start()
            reached.wait()
            process = forked(child)
            go_on.set()
            thread.join()
        else:
            with store._catalog._database.reading():
                process = forked(child)
        assert well(process)
        store.save_features("g", one)
        assert well(forked(lambda: SimpleFeatureStore(config).save_features("g", one)))
        assert len(store.versions("g")) == 3
    """
    run(program, tmp_path / "store", whose)


def test_a_transaction_within_another_does_not_wait_for_the_fork_that_waits_for_it(tmp_path: Path) -> None:
    program = """
        forks.PATIENCE = 1e6
        store = SimpleFeatureStore(config)
        store.save_features("g", one)
        inside = threading.Event()

        def nest():
            with store._catalog._database.reading():
                inside.set()
                until = time.monotonic() + 60
                while not forks.FORKS._under_way:
                    assert time.monotonic() < until
                assert store.get_features(["t"], "g") == one

        thread = threading.Thread(target=nest)
        thread.start()
        inside.wait()
        began = time.monotonic()
        process = forked(lambda: SimpleFeatureStore(config).save_features("g", one))
        assert time.monotonic() - began < 60
        thread.join()
        assert well(process)
        assert len(store.versions("g")) == 2
    """
    run(program, tmp_path / "store")


@pytest.mark.parametrize(
    "meanwhile",
    ["logging.getLogger('new').info('hello')", "ThreadPoolExecutor(1).submit(int).result()"],
    ids=["logs", "starts a thread"],
)
def test_a_thread_may_do_what_the_fork_has_a_lock_for(tmp_path: Path, meanwhile: str) -> None:
    """Python's own modules are kept out of forks, too."""
    program = f"""
        import logging
        from concurrent.futures import ThreadPoolExecutor

        forks.PATIENCE = 1e6
        inside = threading.Event()

        def work():
            with forks.FORKS.kept_out():
                inside.set()
                until = time.monotonic() + 60
                while not forks.FORKS._under_way:
                    assert time.monotonic() < until
                {meanwhile}

        thread = threading.Thread(target=work)
        thread.start()
        inside.wait()
        process = forked(lambda: SimpleFeatureStore(config).save_features("g", one))
        thread.join()
        assert well(process)
    """
    run(program, tmp_path / "store")


def test_a_child_forked_while_a_thread_begins_to_read_a_stream_saves_streams(tmp_path: Path) -> None:
    program = """
        from features.store.codec import arrow_streams

        entered, over = threading.Event(), False

        def stream():
            return pa.RecordBatchReader.from_batches(one["t"].schema, one["t"].to_batches())

        def work():
            store = SimpleFeatureStore(settings(sys.argv[1] + "-2"))
            while not over:
                store.save_features("g", {"t": stream()})
                entered.set()

        def child():
            with SimpleFeatureStore(config) as mine:
                mine.save_features("g", {"t": stream()})

        class Slow(type(arrow_streams._read)):  # what the lock is held for takes until the fork begins
            def add(self, reader):
                if threading.current_thread() is not threading.main_thread() and not over:
                    entered.set()
                    until = time.monotonic() + 60
                    while not forks.FORKS._under_way and not over:
                        assert time.monotonic() < until
                super().add(reader)

        arrow_streams._read = Slow()
        thread = threading.Thread(target=work)
        thread.start()
        entered.wait()
        process = forked(child)
        over = True
        thread.join()
        assert well(process)
    """
    run(program, tmp_path / "store")


def test_a_child_forked_while_a_thread_looks_at_a_files_schema_loads(tmp_path: Path) -> None:
    program = """
        import pyarrow.parquet as pq

        entered, leave = threading.Event(), threading.Event()
        plain = pq.ParquetFile.schema_arrow

        def slowly(file):
            if threading.current_thread() is not threading.main_thread():
                entered.set()
                assert leave.wait(60)
            return plain.fget(file)

        def load():
            with SimpleFeatureStore(config) as mine:
                assert mine.get_features(None, "g") == one

        with SimpleFeatureStore(config) as store:
            store.save_features("g", one)
        pq.ParquetFile.schema_arrow = property(slowly)
        thread = threading.Thread(target=load)
        thread.start()
        assert entered.wait(60)
        process = forked(load)
        leave.set()
        thread.join()
        assert well(process)
    """
    run(program, tmp_path / "store")


def test_a_child_forked_while_a_thread_opens_a_catalogs_head_opens_it(tmp_path: Path) -> None:
    program = """
        from features.store.catalog.heads import HEADS

        held, leave = threading.Event(), threading.Event()

        def hold():
            with HEADS.lock:
                held.set()
                assert leave.wait(60)

        def save():
            with SimpleFeatureStore(config) as mine:
                mine.save_features("g", one)

        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(60)
        process = forked(save)
        assert well(process)
        leave.set()
        thread.join()
    """
    run(program, tmp_path / "store")
