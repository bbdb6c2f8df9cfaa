"""Opening SQLite so that an acknowledged commit survives a power cut, and telling its errors in our own terms.

SQLite from 3.7.0 to 3.51.2, save for the two back-ported fixes, can lose committed data when two connections write
and checkpoint a write-ahead log at the same moment. There we use a truncated rollback journal; on a fixed release the
log, which lets readers go on during a commit. Both with ``synchronous=FULL``: in power-cut trials on ext4 these two
lost no acknowledged commit, where a deleted journal lost one in every cut and ``synchronous=NORMAL`` lost many.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from features.errors import BusyError, CorruptFileError, FeatureStoreError, StorageError

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}


def journal_mode(release: tuple[int, ...] = sqlite3.sqlite_version_info) -> str:
    """ "WAL" where this release of SQLite resets its log safely, else "TRUNCATE"."""
    fixed = release >= (3, 51, 3) or (3, 50, 7) <= release < (3, 51) or (3, 44, 6) <= release < (3, 45)
    return "WAL" if fixed else "TRUNCATE"


def open_engine(file: str, *, timeout: float) -> Engine:
    """An engine on the SQLite file, in autocommit: transactions are opened by name, as ``BEGIN IMMEDIATE``.

    Args:
        file: path of the database.
        timeout: seconds to wait for other processes' locks.
    """
    engine = create_engine(
        URL.create("sqlite", database=file),
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=-1,
        # Nothing is ever left open when a connection goes back: see ``writing`` in ``sql``.
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
        connect_args={"check_same_thread": False, "timeout": timeout},
    )

    @event.listens_for(engine, "connect")
    def settle(connection: sqlite3.Connection, _record: object) -> None:
        mode = journal_mode()
        (actual,) = connection.execute(f"PRAGMA journal_mode={mode}").fetchone()
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA fullfsync=ON")  # macOS keeps fsync in the drive's cache without it
        if actual.upper() != mode:
            raise sqlite3.OperationalError(f"journal mode is {actual}, not {mode}")

    return engine


@contextmanager
def told(where: str, timeout: float) -> Iterator[None]:
    """Turn SQLite's errors into the store's, with the catalog's place and the next step."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        raise translated(error, where, timeout) from error


def translated(error: DBAPIError | sqlite3.Error, where: str, timeout: float) -> FeatureStoreError:
    """The store's error for one of SQLite's."""
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        return BusyError(
            f"the catalog {where} stayed locked by other writers for {timeout:g} s; "
            "try again, or raise busy_timeout_seconds",
            seconds=timeout,
        )
    if code in _CORRUPT:
        return CorruptFileError(
            f"the catalog {where} is damaged ({cause}); restore it from a backup",
            file=where,
            reason=str(cause),
        )
    return StorageError(
        f"the catalog {where} could not be used: {cause}; "
        "check the folder's permissions and free space, then try again",
        path=where,
        errno=None,
    )
