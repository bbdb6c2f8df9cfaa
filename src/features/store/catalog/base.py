"""The catalog port: the one place whose word counts.

A version exists from the moment that ``commit`` made it durable, and not before. Each effect is announced to
``point`` first, as the storage does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from features.errors import ConfigError, FeatureStoreError, StoreClosedError
from features.store.storage.base import Point, nothing
from features.store.versions import Change, Committed, GroupVersion, Snapshot, TableFile


class CondemnedError(FeatureStoreError):
    """A file of this change was condemned by a garbage collection before it was committed: write it again."""


class StoppedError(FeatureStoreError):
    """Whoever was to commit this change, with others, was stopped, and it is not found: repeat it, with new files.

    It may have taken effect, and been dropped since by a collection that took the files along.
    """


def applied_before(committed: Committed, group: str, tables: Collection[str], write_id: str) -> Committed:
    """What ``write_id`` committed earlier, to be returned instead of committing the like again.

    Raises:
        ConfigError: that was another group, or were other tables: the change is no repetition, and would be lost.
    """
    if committed.group != group or committed.files.keys() != set(tables):
        raise ConfigError(
            f"write_id {write_id!r} was used for version {committed.version} of group {committed.group!r}, with "
            f"{', '.join(map(repr, sorted(committed.files))) or 'no table'}; give every save one of its own",
            field="write_id",
            value=write_id,
        )
    return committed


def closed() -> StoreClosedError:
    """The error of whatever is asked after a close."""
    return StoreClosedError("this store was closed; open another one with the same configuration")


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep took out of the catalog: no reader can reach these files any more, so they may be deleted."""

    versions: int
    dropped: tuple[str, ...]
    """Files whose last version was dropped."""
    orphans: tuple[str, ...]
    """Files that were never committed, and now never can be."""


class Catalog(ABC):
    """Versions of groups. Implementations may be used from many threads and processes at once."""

    point: Point = staticmethod(nothing)

    @abstractmethod
    def commit(self, change: Change) -> Committed:
        """Make ``change`` the next version of its group, durably and all at once.

        A change whose write id was committed before is not applied again: its version is returned as it was made.

        Raises:
            ConflictError: the group is not at ``expected_version``.
            NotFoundError: the table to delete or the version to restore is not there.
            CondemnedError: one of its files was condemned meanwhile; nothing was committed.
            StoppedError: see there.
            UnknownOutcomeError: the disk failed so that nobody can tell.
            BusyError: other writers held the catalog for too long.
            StorageError: the disk refused; nothing was committed.
        """

    @abstractmethod
    def snapshot(self, group: str, version: int | None = None, as_of: datetime | None = None) -> Snapshot:
        """One version of a group: the given one, the one current at ``as_of``, or the latest.

        Raises:
            NotFoundError: there is no such group or version.
        """

    @abstractmethod
    def written_by(self, write_id: str) -> Committed | None:
        """What this write id committed, or None."""

    @abstractmethod
    def groups(self) -> dict[str, range]:
        """Every group's name and the numbers of the versions that it keeps, sorted by name."""

    @abstractmethod
    def latest(self) -> list[GroupVersion]:
        """Every group's latest version, sorted by the group's name: all as of one moment."""

    @abstractmethod
    def versions(self, group: str) -> list[GroupVersion]:
        """A group's versions that are still kept, oldest first.

        Raises:
            NotFoundError: there is no such group.
        """

    @abstractmethod
    def artifacts(self, group: str, version: int | None = None) -> str | None:
        """The artifacts of a version, the latest where none is given, as JSON text; None where it has none.

        Raises:
            NotFoundError: there is no such group or version.
        """

    @abstractmethod
    def files(self) -> Iterator[TableFile]:
        """Every file that some version refers to, once."""

    @abstractmethod
    def sweep(
        self,
        on_disk: Collection[str],
        *,
        keep_last: int | None = None,
        before: datetime | None = None,
        dry_run: bool = False,
    ) -> Swept:
        """Drop old versions, and condemn the files ``on_disk`` that nothing refers to.

        A version is dropped when it is neither among the ``keep_last`` newest of its group nor created at or after
        ``before``, whichever of the two are given; without either none is. A group's latest version never is.
        A condemned file can never be committed afterwards.
        """

    @abstractmethod
    def problems(self) -> list[str]:
        """What is wrong with the catalog itself, one sentence each; empty when nothing is."""

    @abstractmethod
    def backup(self, target: Path, bring: Callable[[list[TableFile]], None]) -> None:
        """Write a consistent copy to the file ``target`` while others go on reading and writing.

        It is written in the folder ``UNFINISHED`` beside ``target``, whose removal says that the copy is whole.

        Args:
            target: where it appears, once all that it refers to is in place.
            bring: called before, with the files that the copy refers to; what it raises ends the backup.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of every connection."""
