"""The heads of SQLite's files, which tell what has changed without asking SQLite.

Where there is a rollback journal, each commit counts in its file's head before it takes effect ("File change counter"
in SQLite's "Database File Format"). To see there that nothing has changed is one call of the system. It takes SQLite
eighteen, as it locks the file and looks for a journal to roll back.

POSIX drops every lock that a process has on a file, those of SQLite's connections, too, as soon as any descriptor of
that file is closed. So there is one descriptor for each file, open for as long as this library has connections to it.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

_FORMAT, _COUNTER = slice(18, 20), slice(24, 28)
"""Where the head says whether there is a journal or a log, and counts."""
_JOURNAL = b"\x01\x01"


class Head:
    """The first bytes of one file, read through a descriptor that all connections to it share."""

    def __init__(self, heads: _Heads, identity: tuple[int, int], handle: int) -> None:
        self._heads = heads
        self.identity = identity
        self.handles = [handle]
        """Descriptors: more than one only where the file was put in its place at just the wrong moment."""
        self.users: list[None] = []
        """One for each connection: to add and to take are one step each, whatever a finalizer does between two."""

    def counter(self) -> bytes | None:
        """What is another after each commit, and as it was again where one was rolled back.

        None where the file has a log, which counts elsewhere, or has no head yet.
        """
        head = os.pread(self.handles[0], _COUNTER.stop, 0)
        return head[_COUNTER] if head[_FORMAT] == _JOURNAL else None

    def close(self, close: Callable[[int], None] = os.close) -> None:
        """A connection less: the last one's closes the descriptor. Finds ``os`` gone where Python itself ends."""
        with self._heads.lock:
            self.users.pop()
            if not self.users and self._heads.known.get(self.identity) is self:
                del self._heads.known[self.identity]
                for handle in self.handles:
                    close(handle)


class _Heads:
    """Those of all files that this process has connections to."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Know of none, as in a process that has just begun."""
        self.lock = threading.RLock()  # reentrant: a finalizer may run anywhere, and close connections
        self.known: dict[tuple[int, int], Head] = {}

    def open(self, path: Path) -> Head:
        """The head of the file at ``path``, which is made where there is none, for a connection that is about to be.

        Raises:
            OSError: the system refused.
        """
        with self.lock:
            while True:
                head = self._known(path)
                if head is None:
                    handle = _opened(path)
                    identity = _identity(os.fstat(handle))
                    new = Head(self, identity, handle)
                    head = self.known.setdefault(identity, new)
                    if head is not new:
                        head.handles.append(handle)
                head.users.append(None)
                if self.known.get(head.identity) is head:  # else a finalizer has closed it meanwhile
                    return head

    def _known(self, path: Path) -> Head | None:
        try:
            return self.known.get(_identity(path.stat()))
        except FileNotFoundError:
            return None


def _opened(path: Path) -> int:
    """A descriptor to read from, opened as SQLite opens its own: for writing, where that is allowed. A file system
    that lies over another may give those who only read a file the one below, which never changes."""
    try:
        return os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except FileNotFoundError:  # only then: in folders like /tmp, to ask for another user's file so is forbidden
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o644)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


HEADS = _Heads()
"""Those of this process."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=HEADS.begin)
