"""What is read of a catalog's file without SQLite: it is never stale, and costs nobody a lock."""

import errno
import fcntl
import os
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

from features import FeatureStoreConfig, SimpleFeatureStore
from features.errors import StorageError
from features.store.catalog.heads import HEADS
from features.store.catalog.sql import SqlCatalog
from features.store.catalog.sqlite import Database, journal_mode
from features.store.versions import Change

PAGE, SECTOR = 4096, 512


def table(value: float) -> pa.Table:
    return pa.table({"x": [value]})


def journal_of(database: bytes) -> bytes:
    """A rollback journal with every page of a database, as a commit leaves it that was cut off before its end."""
    count = len(database) // PAGE
    head = bytes.fromhex("d9d505f920a163d7") + struct.pack(">5I", count, 0, count, SECTOR, PAGE)
    pages = [database[PAGE * number : PAGE * (number + 1)] for number in range(count)]
    records = [
        struct.pack(">I", number) + page + struct.pack(">I", sum(page[PAGE - 200 : 0 : -200]))
        for number, page in enumerate(pages, 1)
    ]
    return head.ljust(SECTOR, b"\0") + b"".join(records)


@pytest.mark.skipif(journal_mode() == "WAL", reason="a log counts elsewhere")
def test_a_commit_that_came_to_nothing_and_the_next_one_are_told_apart(tmp_path: Path) -> None:
    """They count the same, as the first one's count is rolled back."""
    config = FeatureStoreConfig(tmp_path, backend="pyarrow")
    catalog = tmp_path / "catalog.sqlite3"
    with SimpleFeatureStore(config) as store, SimpleFeatureStore(config) as other:
        store.save_features("g", {"t": table(1.0)})
        before = catalog.read_bytes()
        counted = struct.unpack_from(">I", before, 24)[0] + 1
        catalog.with_name("catalog.sqlite3-journal").write_bytes(journal_of(before))
        with catalog.open("r+b") as file:
            file.seek(24)
            file.write(struct.pack(">I", counted))
        assert store.get_features(None, "g") == {"t": table(1.0)}
        assert catalog.read_bytes() == before
        other.save_features("g", {"t": table(2.0)})
        assert struct.unpack_from(">I", catalog.read_bytes(), 24)[0] == counted
        assert store.get_features(None, "g") == {"t": table(2.0)}


@pytest.mark.parametrize("mode", ["PERSIST", "WAL"])
def test_every_commit_of_another_connection_is_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr("features.store.catalog.sqlite.journal_mode", lambda: mode)
    database = Database(tmp_path / "catalog.sqlite3", timeout=1)
    with closing(database), closing(database.connect()) as watch:
        seen = [watch.changes()]
        for statement in ("CREATE TABLE t (x)", "INSERT INTO t VALUES (1)", "UPDATE t SET x = 3"):
            with database.writing() as connection:
                connection.execute(statement)
                connection.execute("COMMIT")
            seen.append(watch.changes())
            assert watch.changes() == seen[-1]
        with database.writing() as connection:
            connection.execute("UPDATE t SET x = 2")  # and is rolled back
        assert watch.changes() == seen[-1]
        assert len(set(seen)) == 4
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        watch.changes()


def test_closing_one_store_leaves_the_locks_of_another(tmp_path: Path) -> None:
    """POSIX would have none of this process's locks on a file outlast the closing of any descriptor of it."""
    config = FeatureStoreConfig(tmp_path, backend="pyarrow")
    lock = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    told = []
    with SimpleFeatureStore(config) as store:
        other = SimpleFeatureStore(config)

        def point(effect: str) -> None:
            if effect == "catalog.commit":
                other.close()
                command = [sys.executable, "-c", lock, str(tmp_path / "catalog.sqlite3")]
                told.append(subprocess.run(command, capture_output=True, text=True, check=False).stderr)

        store._catalog.point = point
        store.save_features("g", {"t": table(1.0)})
        assert store.get_features(None, "g") == {"t": table(1.0)}
    assert [text.strip().rpartition("\n")[2] for text in told] == ["sqlite3.OperationalError: database is locked"]


def open_descriptors(path: Path) -> int:
    return sum(file.path == str(path) for file in psutil.Process().open_files())


def test_connections_to_a_file_share_one_descriptor_beside_their_own(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    one, other = (Database(path, timeout=1) for _ in range(2))
    with closing(one), closing(other):
        connections = [database.connect() for database in (one, other, one)]
        assert open_descriptors(path) == len(connections) + 1
        for connection in connections:
            connection.close()
            connection.close()
        assert open_descriptors(path) == 0
        with closing(one.connect()):
            assert open_descriptors(path) == 2


def test_a_file_put_in_the_place_of_another_just_then_costs_nobody_a_lock(tmp_path: Path) -> None:
    """Its descriptor is open when it turns out that there is one already: it is closed when that one may be."""
    path, known = tmp_path / "here", tmp_path / "known"
    path.touch()
    head = HEADS.open(known)

    class Exchanged(type(path)):  # type: ignore[misc]
        def stat(self, **options: Any) -> os.stat_result:
            status = os.stat(str(self))  # noqa: PTH116  # which this replaces
            if known.exists():
                known.replace(path)
            return status

    same = HEADS.open(Exchanged(path))
    assert same is head
    assert open_descriptors(path) == 2
    head.close()
    assert open_descriptors(path) == 2
    same.close()
    assert open_descriptors(path) == 0


def test_a_connection_to_another_file_than_its_heads_is_refused(tmp_path: Path) -> None:
    """It would be counted for that one, and the closing of its own would drop its locks."""
    path, other = tmp_path / "catalog.sqlite3", tmp_path / "other"
    head = HEADS.open(path)
    other.touch()

    class Exchanged(type(path)):  # type: ignore[misc]
        def stat(self, **options: Any) -> os.stat_result:
            status = os.stat(str(self))  # noqa: PTH116  # which this replaces
            if other.exists():
                other.replace(path)
            return status

    with closing(Database(Exchanged(path), timeout=1)) as database, pytest.raises(StorageError, match="replaced"):
        database.connect()
    assert len(head.users) == 1
    head.close()


def test_a_load_does_not_watch_anew_within_its_transaction(tmp_path: Path) -> None:
    """To connect may wait for a writer of this process, which waits for this transaction."""
    with closing(SqlCatalog.open(tmp_path / "catalog.sqlite3", timeout=1)) as catalog:
        catalog.commit(Change("g", "w"))
        asked: list[str] = []

        def point(effect: str) -> None:
            asked.append(effect)
            if len(asked) == 2:
                catalog.let_go()  # as before a fork

        catalog.point = point
        assert catalog.snapshot("g").version == 1
        assert asked == ["catalog.read", "catalog.read"]
        assert catalog._watch.connects
        assert catalog.snapshot("g").version == 1
        assert not catalog._watch.connects


def test_a_file_is_opened_as_sqlite_opens_it(tmp_path: Path) -> None:
    """Where one file system lies over another, a file may be copied from the lower one only once it may be changed."""
    head = HEADS.open(tmp_path / "catalog.sqlite3")
    assert fcntl.fcntl(head.handles[0], fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
    head.close()


def test_a_file_that_is_there_is_not_asked_to_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder like /tmp the system refuses that for other users' files, where fs.protected_regular is set."""
    path = tmp_path / "catalog.sqlite3"
    path.touch()
    real = os.open

    def protected(path: Path, flags: int, *mode: int) -> int:
        if flags & os.O_CREAT:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", protected)
    head = HEADS.open(path)
    assert fcntl.fcntl(head.handles[0], fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
    head.close()


@pytest.mark.parametrize("fails", [lambda path: path.mkdir(), lambda path: path.parent.rmdir()])
def test_what_the_system_refuses_leaves_nothing_open(tmp_path: Path, fails: Callable[[Path], None]) -> None:
    path = tmp_path / "folder" / "catalog.sqlite3"
    path.parent.mkdir()
    fails(path)
    with pytest.raises(OSError, match=r"(?i)directory"):
        HEADS.open(path)
    assert open_descriptors(path) == 0
