"""SQLite, opened so that an acknowledged commit survives a power cut, and its errors told in our own terms.

SQLite from 3.7.0 to 3.51.2, save for the two back-ported fixes, can lose committed data when two connections write
and checkpoint a write-ahead log at the same moment. There we use a rollback journal that stays, with its head wiped;
on a fixed release the log, which lets readers go on during a commit. Both with ``synchronous=FULL``: in power-cut
trials on ext4 these two lost no acknowledged commit, where a deleted journal lost one in every cut and
``synchronous=NORMAL`` lost many. A truncated journal is as safe, but as it grows anew in every commit the file system
has to write its own journal for it: saves of a small table took a tenth longer.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from features.errors import BusyError, CorruptFileError, FeatureStoreError, StorageError, UnsafeEnvironmentError
from features.store.catalog.base import closed
from features.store.catalog.heads import HEADS, Head
from features.store.forks import FORKS
from features.store.storage.refusal import told
from features.store.waiting import STANDARD, Waiting

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_NOT_OURS = ("Could not decode to UTF-8", "no such ", "unsupported file format")
"""How errors begin for text that nobody can have written, for tables and columns that we made and are not there, and
for a database that claims to be of a later kind than any that SQLite ever wrote."""
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}

ENDINGS = ("", "-journal", "-wal", "-shm")
"""Of the names of a database's file, and of those that SQLite keeps beside it."""

_PAUSE = (0.0002, 0.001)
"""Seconds between two attempts to get a lock: about as long as a commit of another process takes."""

_IDLE_AT_MOST = 16
"""Connections kept for the next user; more are opened where more are used at once."""

_JOURNAL_AT_MOST = 1 << 20
"""Bytes of the journal that stay when a commit is done: that of a large collection is cut back."""


def journal_mode(release: tuple[int, ...] = sqlite3.sqlite_version_info) -> str:
    """ "WAL" where this release of SQLite resets its log safely, else "PERSIST"."""
    fixed = release >= (3, 51, 3) or (3, 50, 7) <= release < (3, 51) or (3, 44, 6) <= release < (3, 45)
    return "WAL" if fixed else "PERSIST"


class Connection(sqlite3.Connection):
    """A connection in autocommit that waits for other connections' locks by asking again.

    SQLite's own wait sleeps up to 0.1 s at a time, by which some never get a turn, and no signal ends it.
    """

    _head: Head | None = None

    def __init__(self, path: Path, *, timeout: float, waiting: Waiting) -> None:
        head = HEADS.open(path)
        self.identity = head.identity
        """Device and number of the file that the head is of."""
        try:
            super().__init__(path, timeout=0, isolation_level=None, check_same_thread=False)
        except BaseException:
            head.close()
            raise
        self._head = head
        self._timeout = timeout
        self._waiting = waiting
        self.row_factory = sqlite3.Row

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Run a statement, again and again for as long as it is locked out and ``timeout`` allows."""
        deadline = None
        while True:
            try:
                return super().execute(sql, parameters)
            except sqlite3.OperationalError as error:
                now = self._waiting.now()
                deadline = now + self._timeout if deadline is None else deadline
                if primary_code(error) not in _BUSY or now >= deadline:
                    raise
            self._waiting.pause(random.uniform(*_PAUSE))  # noqa: S311  # not a secret: neighbours must not keep step

    def changes(self) -> bytes | int:
        """What is another once any other connection, of this or any process, has committed.

        Where there is a journal, it is another already while that one commits, which it may yet fail to do.
        """
        counter = None if self._head is None else self._head.counter()
        if counter is not None:
            return counter
        (version,) = self.execute("PRAGMA data_version").fetchone()
        return int(version)

    def keeps_journal(self) -> bool:
        """Whether the file's head says that there is a rollback journal, not a log."""
        return self._head is not None and self._head.counter() is not None

    def close(self) -> None:
        """Close the connection, and then its file's head, which may be the last descriptor of it."""
        super().close()
        head, self._head = self._head, None
        if head is not None:
            head.close()

    def __del__(self) -> None:
        """Close what nobody has any more, as Ctrl-C may come at any moment; later releases warn of it."""
        if self._head is not None:
            self.close()


class Database:
    """One SQLite file and connections to it, kept for the next user.

    They are in autocommit: transactions are opened and ended by name.

    Args:
        path: of the file; made when the first transaction writes.
        timeout: seconds to wait for locks that other connections hold.
        waiting: what to wait with.
    """

    def __init__(self, path: Path, *, timeout: float, waiting: Waiting = STANDARD) -> None:
        self.path = path
        self._name = str(path)
        self.timeout = timeout
        self.waiting = waiting
        self._file: tuple[int, int] | None = None
        """Device and number of the file that the first connection opened."""
        self._closed = False
        self._idle: list[Connection] = []
        """Connections that nobody uses just now. Threads share the list as it is: to add and to take are one step."""

    def require_files(self) -> None:
        """See that the database, and what SQLite keeps beside it, are files or not there: it would wait for a pipe.

        Raises:
            UnsafeEnvironmentError: one is something else.
            StorageError: the disk refused.
        """
        for ending in ENDINGS:
            path = self.path.with_name(self.path.name + ending)
            with told("read", path):
                if path.exists() and not path.is_file():
                    raise UnsafeEnvironmentError(
                        f"{path} is no file, and SQLite needs one there; remove it, or choose another base_path"
                    )
        if self.path.exists() and self.path.stat().st_nlink > 1:  # as cp -al leaves it
            raise UnsafeEnvironmentError(
                f"the catalog {self.path} has a second name, a hard link, and what is saved under one would change the "
                "store of the other; put a copy in its place, or make copies with backup()"
            )

    def connect(self) -> Connection:
        """A new connection, which its caller closes, with everything set that durability needs."""
        FORKS.require_whole(self.path)
        if self._file is not None:  # SQLite would begin a new one where there is none
            self.require_in_place()
        with told("open", self.path):
            connection = Connection(self.path, timeout=self.timeout, waiting=self.waiting)
        try:
            mode = journal_mode()
            (actual,) = connection.execute(f"PRAGMA journal_mode={mode}").fetchone()
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(f"PRAGMA journal_size_limit={_JOURNAL_AT_MOST}")
            connection.execute("PRAGMA fullfsync=ON")  # macOS keeps fsync in the drive's cache without it
            if actual.upper() != mode:
                raise sqlite3.OperationalError(f"its journal mode is {actual} and could not be set to {mode}")
            self.require_in_place()
            if connection.identity != self._file:  # another file was there for a moment
                raise self._moved()
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database throughout."""
        with self._borrowed() as connection:
            self.require_in_place()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                _end(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is the only writer from its first moment; rolled back unless the block commits it."""
        with self._borrowed() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                self.require_in_place()
                self._require_mode(connection)
                yield connection
            finally:
                _end(connection)

    @contextmanager
    def _borrowed(self) -> Iterator[Connection]:
        if self._closed:
            raise closed()
        with self.told():
            connection = self._taken() or self.connect()
            try:
                yield connection
            finally:
                if connection.in_transaction or len(self._idle) >= _IDLE_AT_MOST:
                    connection.close()  # which ends what could not even be rolled back
                else:
                    self._idle.append(connection)
                if self._closed:  # meanwhile
                    self.let_go()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn SQLite's errors into the store's, and keep forks out meanwhile."""
        with FORKS.kept_out():
            try:
                yield
            except sqlite3.Error as error:
                raise self.translated(error) from error
            except UnicodeDecodeError as error:  # of SQLite's own message, about a name that was changed
                raise self.translated(sqlite3.DatabaseError(f"no such name: {error}")) from error

    def translated(self, error: sqlite3.Error) -> FeatureStoreError:
        """The store's error for one of SQLite's, with the catalog's place and the next step."""
        code = primary_code(error)
        if code in _BUSY:
            return BusyError(
                f"the catalog {self.path} stayed locked by other writers for {self.timeout:g} s; "
                "try again, or raise busy_timeout_seconds",
                seconds=self.timeout,
            )
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_DBMOVED:
            return self._moved()
        if code in _CORRUPT or str(error).startswith(_NOT_OURS):
            return CorruptFileError(
                f"the catalog {self.path} is damaged ({error}); restore it from a backup",
                file=str(self.path),
                reason=str(error),
            )
        return StorageError(
            f"the catalog {self.path} could not be used: {error}; "
            "check the folder's permissions and free space, then try again",
            path=str(self.path),
            errno=None,
        )

    def close(self) -> None:
        """Close every connection that is not in use, and those that are when they are returned."""
        self._closed = True
        self.let_go()

    def let_go(self) -> None:
        """Close every connection that is not in use; the next one to be needed is opened anew."""
        while idle := self._taken():
            idle.close()

    def _taken(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def require_in_place(self) -> None:
        """See that ``path`` still is the file that connections have: what others would not find is nobody's any more.

        SQLite looks for itself only with a rollback journal.
        """
        try:
            status = os.stat(self._name)  # noqa: PTH116  # asked at every read, and a path takes as long again
            there = status.st_dev, status.st_ino
        except FileNotFoundError:
            there = None
        except OSError:
            with told("find", self.path):
                raise
        self._file = self._file or there
        if there is None or there != self._file:
            raise self._moved()

    def _require_mode(self, connection: Connection) -> None:
        """See that the journal still is this release's: one that resets its log safely may have begun one meanwhile."""
        if connection.keeps_journal() == (journal_mode() == "PERSIST"):
            return  # no need to ask SQLite, which takes a statement
        (actual,) = connection.execute("PRAGMA journal_mode").fetchone()
        if actual.upper() != journal_mode():
            raise UnsafeEnvironmentError(
                f"a process with another release of SQLite gave the catalog {self.path} the journal mode {actual}, "
                f"in which this process's release, {sqlite3.sqlite_version}, can lose commits; use one release for "
                "all, and open the store anew"
            )

    def _moved(self) -> StorageError:
        return StorageError(
            f"the catalog at {self.path} was moved or replaced; open the store anew", path=str(self.path), errno=None
        )


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for errors of Python's module itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _end(connection: sqlite3.Connection) -> None:
    """Roll back what the block left open. A failure to do so shows in ``in_transaction``, which is looked at next."""
    if connection.in_transaction:
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            return
