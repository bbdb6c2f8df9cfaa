"""A catalog without a disk: the plainest thing that keeps the contract, for tests that need no durability.

It holds every version as a whole snapshot, so its reads and sweeps share no idea with the SQL catalog's intervals;
that the two agree is evidence for both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from features.errors import ConflictError, NotFoundError, UnsafeEnvironmentError
from features.store.catalog.base import Catalog, CondemnedError, Swept, applied_before
from features.store.versions import Change, Committed, GroupVersion, Snapshot, TableFile
from features.store.waiting import STANDARD, Waiting


@dataclass(frozen=True, slots=True)
class _Version:
    number: int
    tables: Mapping[str, TableFile]
    created_at: datetime
    change: Change
    artifacts: str | None


@dataclass(slots=True)
class _State:
    groups: dict[str, list[_Version]] = field(default_factory=dict)
    condemned: set[str] = field(default_factory=set)


class MemoryCatalog(Catalog):
    """Versions in dicts, one lock around everything."""

    def __init__(self, waiting: Waiting = STANDARD) -> None:
        self._lock = waiting.lock()
        self._state = _State()

    def commit(self, change: Change) -> Committed:
        """See ``Catalog.commit``."""
        with self._lock:
            self.point("catalog.begin")
            if (earlier := self._written_by(change.write_id)) is not None:
                return applied_before(earlier, change.group, change.tables, change.write_id)
            history = self._state.groups.get(change.group, [])
            latest = history[-1].number if history else 0
            if change.expected_version not in (None, latest):
                expected = change.expected_version or 0
                raise ConflictError(
                    f"group {change.group!r} is at version {latest}, not {expected}",
                    group=change.group,
                    expected=expected,
                    actual=latest,
                )
            if doomed := self._state.condemned & {file.id for file in change.tables.values()}:
                raise CondemnedError(f"file {doomed.pop()} was condemned")
            version = self._next(change, history, latest + 1)
            self.point("catalog.commit")
            self._state.groups[change.group] = [*history, version]
            self.point("catalog.committed")
            return Committed(version.number, {name: file.id for name, file in change.tables.items()}, change.group)

    def _next(self, change: Change, history: list[_Version], number: int) -> _Version:
        before = history[-1] if history else None
        if change.restore is not None:
            before = next((version for version in history if version.number == change.restore), None)
            if before is None:
                raise _no("version", change.restore, f"group {change.group!r}")
        tables = dict(before.tables) if before else {}
        if change.delete is not None:
            if change.delete not in tables:
                raise NotFoundError.of("table", change.delete, f"group {change.group!r}", tables)
            del tables[change.delete]
        for name, file in change.tables.items():
            tables[name] = TableFile(
                change.group, name, number, file.id, file.size, file.rows, file.digest, file.schema, change.write_id
            )
        now = datetime.now(UTC)
        created_at = max(now, history[-1].created_at) if history else now
        artifacts = change.artifacts if change.artifacts is not None else before.artifacts if before else None
        return _Version(number, MappingProxyType(tables), created_at, change, artifacts)

    def snapshot(self, group: str, version: int | None = None, as_of: datetime | None = None) -> Snapshot:
        """See ``Catalog.snapshot``."""
        self.point("catalog.read")
        with self._lock:
            history = self._history(group)
            if as_of is not None:
                then = [kept for kept in history if kept.created_at <= as_of]
                if not then:
                    raise _no("version", as_of.isoformat(), f"group {group!r}")
                found = then[-1]
            else:
                found = self._find(group, version)
            return Snapshot(group, found.number, found.tables)

    def written_by(self, write_id: str) -> Committed | None:
        """See ``Catalog.written_by``."""
        with self._lock:
            return self._written_by(write_id)

    def _written_by(self, write_id: str) -> Committed | None:
        for group, history in self._state.groups.items():
            for version in history:
                if version.change.write_id == write_id:
                    files = {name: file.id for name, file in version.change.tables.items()}
                    return Committed(version.number, files, group)
        return None

    def groups(self) -> dict[str, range]:
        """See ``Catalog.groups``."""
        with self._lock:
            return {
                name: range(history[0].number, history[-1].number + 1)
                for name, history in sorted(self._state.groups.items())
            }

    def latest(self) -> list[GroupVersion]:
        """See ``Catalog.latest``."""
        with self._lock:
            return [_line(name, history[-1]) for name, history in sorted(self._state.groups.items())]

    def versions(self, group: str) -> list[GroupVersion]:
        """See ``Catalog.versions``."""
        with self._lock:
            return [_line(group, kept) for kept in self._history(group)]

    def artifacts(self, group: str, version: int | None = None) -> str | None:
        """See ``Catalog.artifacts``."""
        with self._lock:
            return self._find(group, version).artifacts

    def files(self) -> Iterator[TableFile]:
        """See ``Catalog.files``."""
        with self._lock:
            found = self._files()
        return iter(found.values())

    def sweep(
        self,
        on_disk: Collection[str],
        *,
        keep_last: int | None = None,
        before: datetime | None = None,
        dry_run: bool = False,
    ) -> Swept:
        """See ``Catalog.sweep``."""
        with self._lock:
            old = self._state
            had = self._files()
            kept = {name: _kept(history, keep_last, before) for name, history in old.groups.items()}
            self._state = _State(kept, set(old.condemned))
            has = self._files()
            orphans = set(on_disk) - had.keys()
            versions = sum(len(old.groups[name]) - len(history) for name, history in kept.items())
            if dry_run:
                self._state = old
            else:
                self._state.condemned |= orphans
        return Swept(versions, tuple(sorted(had.keys() - has.keys())), tuple(sorted(orphans)))

    def problems(self) -> list[str]:
        """See ``Catalog.problems``: there is nothing that could rot."""
        return []

    def backup(self, target: Path, bring: Callable[[list[TableFile]], None]) -> None:  # noqa: ARG002
        """See ``Catalog.backup``: refused, since nothing of this catalog is ever on a disk."""
        raise UnsafeEnvironmentError(f"a catalog in memory cannot be backed up to {target}")

    def close(self) -> None:
        """See ``Catalog.close``."""

    def _history(self, group: str) -> list[_Version]:
        if group not in self._state.groups:
            raise NotFoundError.of("group", group, "this store", self._state.groups)
        return self._state.groups[group]

    def _find(self, group: str, version: int | None) -> _Version:
        history = self._history(group)
        if version is None:
            return history[-1]
        for kept in history:
            if kept.number == version:
                return kept
        raise _no("version", version, f"group {group!r}")

    def _files(self) -> dict[str, TableFile]:
        return {
            file.id: file
            for history in self._state.groups.values()
            for version in history
            for file in version.tables.values()
        }


def _line(group: str, version: _Version) -> GroupVersion:
    return GroupVersion(
        group,
        version.number,
        version.created_at,
        version.change.message,
        tuple(sorted(version.tables)),
        version.change.write_id,
        sum(file.size for file in version.tables.values()),
    )


def _kept(history: list[_Version], keep_last: int | None, before: datetime | None) -> list[_Version]:
    if keep_last is None and before is None:
        return history
    latest = history[-1].number
    return [
        version
        for version in history
        if version.number == latest
        or (keep_last is not None and version.number > latest - keep_last)
        or (before is not None and version.created_at >= before)
    ]


def _no(kind: str, name: object, where: str) -> NotFoundError:
    return NotFoundError(f"no {kind} {name} in {where}", kind=kind, name=str(name), nearest=())
