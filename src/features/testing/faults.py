"""Errors at a chosen effect: before it happens, or after it did, once or from then on.

The second kind is the one that programs are rarely tried with. A write that failed has usually not happened; but the
answer can be lost as well as the request, and whoever takes every error for "nothing happened" deletes what has just
been promised, or does twice what was asked for once. So every effect can fail here in both ways.

The effects of the disk are the calls of ``Disk``; those of the catalog are the points that it announces. A fault
counts both together, in the order in which they come, so a test runs its operation once to count them, and then once
for each of them and each way to fail.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from features.store.storage.disk import Disk, Handle

_T = TypeVar("_T")

ERRORS = {
    errno.ENOSPC: ("SQLITE_FULL", "database or disk is full"),
    errno.EIO: ("SQLITE_IOERR", "disk I/O error"),
    errno.EMFILE: ("SQLITE_CANTOPEN", "unable to open database file"),
    errno.EACCES: ("SQLITE_READONLY", "attempt to write a readonly database"),
    errno.EINTR: ("SQLITE_INTERRUPT", "interrupted"),
}
"""What the system answers, and what SQLite makes of it."""

_ELSEWHERE = {"storage.create", "storage.sync_file", "storage.sync_directory", "storage.delete"}
"""Points announced just before a call of the disk, which can fail by itself."""


@dataclass
class Fault:
    """Fails at the effect with the number ``at``, and counts and notes all that come by.

    Use ``FaultyDisk(fault)`` as the storage's disk, ``fault.at_catalog`` and ``fault.at_storage`` as the points.
    """

    at: int | None = None
    """From 0; None for never."""
    error: int = errno.EIO
    """A key of ``ERRORS``."""
    after: bool = False
    """Fail when the effect has taken place, rather than instead. Only calls of the disk can: what comes after a commit
    is a point of its own."""
    lasting: bool = False
    """Fail at all later effects on the same side too, that of the disk or that of the catalog."""
    effects: list[str] = field(default_factory=list)
    """What came by, in order."""
    raised: int = 0
    _armed: bool = False

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Count and fail within this block; before it and after it, all is well."""
        self._armed = True
        try:
            yield
        finally:
            self._armed = False

    def carry_out(self, effect: str, act: Callable[[], _T]) -> _T:
        """Let ``act`` happen, or fail before or after it."""
        due = self._is_due(effect)
        if due and not self.after:
            raise self._system_error()
        result = act()
        if due:
            if isinstance(result, int):
                os.close(result)  # the handle of a call that failed is nobody's
            raise self._system_error()
        return result

    def at_storage(self, label: str) -> None:
        """For ``Storage.point``: what the storage does without its disk."""
        if label not in _ELSEWHERE and self._is_due(label):
            raise self._system_error()

    def at_catalog(self, label: str) -> None:
        """For ``Catalog.point``: SQLite's error, before the effect, or after a commit."""
        if self._is_due(label):
            name, text = ERRORS[self.error]
            failure = sqlite3.OperationalError(text)
            failure.sqlite_errorname = name
            failure.sqlite_errorcode = getattr(sqlite3, name)
            raise failure

    def _is_due(self, effect: str) -> bool:
        if not self._armed:
            return False
        number = len(self.effects)
        self.effects.append(effect)
        due = self.at is not None and (number == self.at or (number > self.at and self._lasts_to(effect)))
        self.raised += due
        return due

    def _lasts_to(self, effect: str) -> bool:
        first = self.effects[self.at or 0]
        return self.lasting and first.startswith("catalog.") == effect.startswith("catalog.")

    def _system_error(self) -> OSError:
        return OSError(self.error, os.strerror(self.error))


class FaultyDisk(Disk):
    """The system's disk, but for a fault."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault

    def create(self, path: Path) -> Handle:
        """See ``Disk.create``."""
        return self._fault.carry_out("disk.create", lambda: super(FaultyDisk, self).create(path))

    def sync(self, handle: int) -> None:
        """See ``Disk.sync``."""
        self._fault.carry_out("disk.sync", lambda: super(FaultyDisk, self).sync(handle))

    def sync_folder(self, folder: Path) -> None:
        """See ``Disk.sync_folder``."""
        self._fault.carry_out("disk.sync_folder", lambda: super(FaultyDisk, self).sync_folder(folder))

    def make_folder(self, folder: Path) -> None:
        """See ``Disk.make_folder``."""
        self._fault.carry_out("disk.make_folder", lambda: super(FaultyDisk, self).make_folder(folder))

    def rename(self, source: Path, target: Path) -> None:
        """See ``Disk.rename``."""
        self._fault.carry_out("disk.rename", lambda: super(FaultyDisk, self).rename(source, target))

    def unlink(self, path: Path) -> None:
        """See ``Disk.unlink``."""
        self._fault.carry_out("disk.unlink", lambda: super(FaultyDisk, self).unlink(path))
