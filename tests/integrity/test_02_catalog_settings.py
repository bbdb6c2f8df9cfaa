"""Guarantees 2 and 23: every connection to the catalog has the settings that lost nothing in power cuts."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from features.store.catalog.sqlite import Database, journal_mode

FULL = 2


def test_every_connection_syncs_fully_and_keeps_a_journal_that_survives(tmp_path: Path) -> None:
    database = Database(tmp_path / "catalog.sqlite3", timeout=1)
    try:
        with database.writing() as connection:
            connection.execute("CREATE TABLE t (x)")
            connection.execute("COMMIT")
        with database.reading() as one, database.reading() as other:
            for connection in (one, other):
                assert connection.execute("PRAGMA synchronous").fetchone()[0] == FULL
                mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
                assert mode == ("wal" if sqlite3.sqlite_version_info >= (3, 51, 3) else journal_mode().lower())
                assert mode in ("wal", "persist")
    finally:
        database.close()


@pytest.mark.skipif(journal_mode() == "WAL", reason="a log is kept instead")
def test_a_large_change_leaves_no_large_journal(tmp_path: Path) -> None:
    database = Database(tmp_path / "catalog.sqlite3", timeout=1)
    megabyte = 1 << 20
    try:
        for statement in ("CREATE TABLE t (x)", f"INSERT INTO t VALUES (zeroblob({3 * megabyte}))", "DELETE FROM t"):
            with database.writing() as connection:
                connection.execute(statement)
                connection.execute("COMMIT")
    finally:
        database.close()
    assert 0 < (tmp_path / "catalog.sqlite3-journal").stat().st_size <= megabyte


def test_connections_are_used_again_and_few_of_many_are_kept(tmp_path: Path) -> None:
    database = Database(tmp_path / "catalog.sqlite3", timeout=1)
    with database.reading() as one:
        pass
    with database.reading() as again:
        assert again is one
    together = Barrier(40)

    def read(_: int) -> None:
        with database.reading():
            together.wait(60)

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(read, range(40)))
    assert len(database._idle) == 16
    database.close()
    assert not database._idle


def test_a_connection_that_could_not_be_rolled_back_is_closed(tmp_path: Path) -> None:
    database = Database(tmp_path / "catalog.sqlite3", timeout=1)
    with database.writing() as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("COMMIT")
    with database.writing() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
        connection.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_TRANSACTION else sqlite3.SQLITE_OK
        )
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
    with database.writing() as other:
        assert other.execute("SELECT count(*) FROM t").fetchone()[0] == 0
    database.close()


@pytest.mark.parametrize(
    ("release", "mode"),
    [
        ((3, 40, 1), "PERSIST"),
        ((3, 44, 5), "PERSIST"),
        ((3, 44, 6), "WAL"),
        ((3, 45, 0), "PERSIST"),
        ((3, 50, 6), "PERSIST"),
        ((3, 50, 7), "WAL"),
        ((3, 51, 0), "PERSIST"),
        ((3, 51, 2), "PERSIST"),
        ((3, 51, 3), "WAL"),
        ((3, 52, 0), "WAL"),
    ],
)
def test_a_log_is_written_ahead_only_where_sqlite_resets_it_safely(release: tuple[int, int, int], mode: str) -> None:
    assert journal_mode(release) == mode
