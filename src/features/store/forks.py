"""Forks of this process, kept from copying what is half done.

A fork copies a process as one of its threads finds it; what the other threads were about is never finished in the
copy. Their locks stay held there. Worse, SQLite remembers for the whole process which locks it has on a file, and of
those POSIX gives a child none: a connection that the child opens relies on a lock that nobody holds, and reads what
is being written, or waits for one that nobody will release. Where there is a write-ahead log, even an idle connection
holds such a lock: closing the parent's last one would delete the log that the child goes on committing to.

So a thread that is within SQLite holds a lock of its own, which costs next to nothing as nobody else wants it; except
a fork, which first takes them all and closes every connection, to be opened again when it is next needed. Nothing of
SQLite is copied then, and the child begins afresh. A fork waits ``PATIENCE`` seconds at most, as transactions may be
long, and never for its own thread; a child that was forked all the same may not open those catalogs.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401  # see the end
import logging  # noqa: F401
import os
import threading
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakSet

from features.errors import UnsafeEnvironmentError

PATIENCE = 5.0
"""Seconds that a fork waits for other threads."""


class Holder(Protocol):
    """What has connections to a database."""

    @property
    def path(self) -> Path:
        """The database's file."""

    def let_go(self) -> None:
        """Close every connection until one is next needed. No thread is using any."""


class _Forks:
    """What a fork of this process has to know. Locks are reentrant: a finalizer may run anywhere, and close a store."""

    def __init__(self) -> None:
        self._torn: set[tuple[int, int]] = set()
        self._begin()

    def _begin(self) -> None:
        self._under_way = self._whole = False
        self._gate = threading.RLock()
        self._locks: WeakSet[Any] = WeakSet()
        self._own = threading.local()
        self._holders: WeakSet[Holder] = WeakSet()

    def kept_out(self) -> AbstractContextManager[Any]:
        """No fork happens meanwhile, unless by this thread or out of patience. Taken before any other lock."""
        lock = self._lock
        if self._under_way and not lock._is_owned():
            with self._gate:  # the fork has it: among busy threads it would hardly ever get its turn
                pass
        return lock  # type: ignore[no-any-return]

    @property
    def _lock(self) -> Any:
        """This thread's own. Made here rather than by a subclass of ``local``: a finalizer that runs while such a one
        is being made would find it half made."""
        try:
            return self._own.lock
        except AttributeError:
            lock = threading.RLock()
            with self._gate:
                self._locks.add(lock)
            return self._own.__dict__.setdefault("lock", lock)

    def follow(self, holder: Holder) -> None:
        """Have ``holder`` let go before each fork, for as long as it lives."""
        with self._gate:
            self._holders.add(holder)

    def require_whole(self, path: Path) -> None:
        """See that SQLite has nothing half done of the database at ``path`` from this process's parents.

        Raises:
            UnsafeEnvironmentError: it has.
        """
        if self._torn and path.exists() and _identity(path) in self._torn:
            raise UnsafeEnvironmentError(
                f"this process was forked in the midst of a transaction on {path}, and cannot tell its own locks from "
                "its parent's; start it by spawn or forkserver, or fork it before the store is used"
            )

    def before(self) -> None:
        """Wait until no other thread is kept out of forks, and close what is open."""
        self._gate.acquire()
        self._under_way, self._whole = True, False
        deadline = time.monotonic() + PATIENCE
        if not self._lock._is_owned() and all(
            lock.acquire(timeout=max(0, deadline - time.monotonic())) for lock in self._others()
        ):
            for holder in list(self._holders):
                holder.let_go()
            self._whole = True

    def after_in_parent(self) -> None:
        """Let all threads go on."""
        self._under_way = False
        for lock in self._others():
            if lock._is_owned():
                lock.release()
        self._gate.release()

    def after_in_child(self) -> None:
        """Begin afresh: no lock of the parent's is ever released here, and none of its connections may be closed."""
        if not self._whole:
            for holder in list(self._holders):
                with suppress(OSError):  # no file, so nothing of it is remembered
                    self._torn.add(_identity(holder.path))
        self._begin()

    def _others(self) -> list[Any]:
        mine = self._lock
        return [lock for lock in self._locks if lock is not mine]


def _identity(path: Path) -> tuple[int, int]:
    """What SQLite knows a file by."""
    found = path.stat()
    return found.st_dev, found.st_ino


FORKS = _Forks()
"""Those of this process."""
if hasattr(os, "register_at_fork"):
    # What is registered last is called first. The modules imported above register too: had the fork their locks before
    # it has ours, a thread that is kept out of forks and logs, or starts another, would wait for the fork that waits.
    os.register_at_fork(before=FORKS.before, after_in_parent=FORKS.after_in_parent, after_in_child=FORKS.after_in_child)
