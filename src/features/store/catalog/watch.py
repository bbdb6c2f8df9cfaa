"""Whether anything has been committed since: what is remembered of a database holds for as long as its state does."""

from __future__ import annotations

import sqlite3

from features.store.catalog.base import closed
from features.store.catalog.sqlite import Connection, Database
from features.store.forks import FORKS
from features.store.storage.refusal import told
from features.store.waiting import Waiting

State = tuple[int, bytes | int]
"""How often the database was watched anew, and what the watching connection said last."""


class Watch:
    """A connection, shared by all threads, that is asked for nothing but its database's state.

    It is opened when it is first needed, and anew after ``let_go``.
    """

    def __init__(self, database: Database, waiting: Waiting) -> None:
        self._database = database
        self._lock = waiting.lock()
        self._connection: Connection | None = None
        self._connections = 0
        self._closed = False

    @property
    def connects(self) -> bool:
        """Whether to ask for the state means to connect first, which may wait for a transaction of anybody's."""
        return self._connection is None and not self._closed

    def connect(self) -> None:
        """Open the connection: without the lock, as it may take until another thread's transaction ends."""
        connection = self._database.connect()
        with self._lock:
            if self.connects:
                self._connection = connection
                self._connections += 1
                return
        connection.close()

    def state(self) -> State:
        """What is another once any other connection, of this or any process, has committed.

        Raises:
            StoreClosedError: the watch was closed.
            StorageError: the database was moved or replaced, or the disk refused.
        """
        with FORKS.kept_out():
            try:
                if self.connects:
                    self.connect()
                with self._lock:
                    connection = self._connection
                    if connection is None:
                        raise closed()
                    self._database.require_in_place()
                    return self._connections, connection.changes()  # each connection counts in its own way
            except sqlite3.Error as error:
                raise closed() if self._closed else self._database.translated(error) from error
            except OSError:
                with told("read", self._database.path):
                    raise

    def let_go(self) -> None:
        """Close the connection until it is next needed. No thread is using it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Close the connection for good, once no thread is using it."""
        with self._lock:
            self._closed = True
            self.let_go()
