"""The storage port: a file is written once, under a random id, and never changed.

``stage`` makes a file's bytes durable, ``sync_directory`` the names of all files staged so far. Only then may the
catalog refer to them. Each effect is announced to ``point`` first, with a label from ``EFFECTS``: in production that
is a call that does nothing, in tests the place where faults, crashes and other threads come in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import xxhash

from features.errors import FeatureStoreError, StorageError
from features.store.versions import Content

Point: TypeAlias = Callable[[str], None]

EFFECTS = (
    "storage.create",
    "storage.write",
    "storage.sync_file",
    "storage.sync_directory",
    "storage.read",
    "storage.delete",
)


def nothing(_label: str) -> None:
    """The point that production uses."""


class TakenAwayError(FeatureStoreError):
    """A file was deleted while it was being staged: a garbage collection took it for left over. Stage it again."""


def digest_of(content: bytes | memoryview) -> bytes:
    """The xxh3-128 of a file that holds ``content``."""
    return xxhash.xxh3_128_digest(content)


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file whose bytes are durable, though its name may not be yet."""

    id: str
    size: int
    """In bytes."""
    digest: bytes
    hold: object = field(default=None, compare=False, repr=False)
    """What tells others that it is in use, until it is released or nobody has this record any more."""


class Storage(ABC):
    """Write-once files by id. Implementations may be used from many threads at once."""

    point: Point = staticmethod(nothing)

    @abstractmethod
    def stage(self, content: Content, *, large: bool = False) -> StagedFile:
        """Create a new file with this content, and make its bytes durable.

        A failure leaves no file that anyone could mistake for data: at most an orphan. A staged file counts as in use
        until it is released, or what is returned is gone. That it will be ``large`` is said so that the disk need not
        be idle meanwhile.

        Raises:
            TakenAwayError: somebody deleted the file meanwhile.
            StorageError: the disk refused.
        """

    @abstractmethod
    def sync_directory(self) -> None:
        """Make the names of all files staged so far durable.

        Raises:
            StorageError: the disk refused.
        """

    @abstractmethod
    def release(self, files: Iterable[str]) -> None:
        """Say that nobody works on these staged files any more: they are committed, or given up."""

    @abstractmethod
    def in_use(self, file: str) -> bool:
        """Whether a living process has staged the file and not released it. May miss one; never invents one.

        Raises:
            StorageError: the disk refused.
        """

    @abstractmethod
    def quarantine(self, file: str) -> Path | None:
        """Move a file out of the way, where no reader finds it and nobody deletes it; None where it is gone.

        Raises:
            StorageError: the disk refused.
        """

    @abstractmethod
    def adopt(self, file: str, source: Path) -> tuple[int, bytes]:
        """Copy ``source`` in under an id it has elsewhere, durably; return its size in bytes and xxh3-128.

        Raises:
            NotFoundError: there is no file at ``source``.
            StorageError: the disk refused.
        """

    @abstractmethod
    def path(self, file: str) -> Path:
        """Where a reader finds the bytes of ``file``; nothing is promised about whether it exists.

        Raises:
            CorruptFileError: it is no id that a storage makes; whoever names it would lead out of the storage.
        """

    @abstractmethod
    def size(self, file: str) -> int:
        """Size in bytes of what is on disk now, told without reading any of it.

        Raises:
            NotFoundError: there is no such file.
            StorageError: the disk refused, or what has its name is no file.
        """

    @abstractmethod
    def read(self, file: str, most: int) -> bytes:
        """The bytes that are on disk now, no more than ``most`` of them.

        Raises:
            NotFoundError: there is no such file.
            StorageError: the disk refused, or what has its name is no file.
        """

    @abstractmethod
    def digest(self, file: str) -> tuple[int, bytes]:
        """Size in bytes and xxh3-128 of what is on disk now.

        Raises:
            NotFoundError: there is no such file.
            StorageError: the disk refused.
        """

    @abstractmethod
    def delete(self, file: str) -> bool:
        """Remove a file; False where it was gone already.

        Raises:
            StorageError: the disk refused.
        """

    @abstractmethod
    def files(self) -> Iterator[tuple[str, int]]:
        """Id and size in bytes of every file there is, committed or not, in no particular order."""

    def discard(self, file: str) -> None:
        """Remove a file that will never be committed, if the disk lets us; what stays is an orphan for ``gc``."""
        try:
            self.delete(file)
        except StorageError:
            # The error that made us give the file up is the one worth telling; an orphan is found by ``check``.
            return
