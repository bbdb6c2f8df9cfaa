"""The perfect store: what ``SimpleFeatureStore`` promises, with none of what makes that hard.

No disk, no threads, no crash: a list of versions per group, each a whole dict of tables. A property test does the
same to both and compares what they answer; where they differ, the real one is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

Table = TypeVar("Table")


@dataclass(frozen=True)
class ModelVersion(Generic[Table]):
    """One version of a group."""

    number: int
    tables: Mapping[str, Table]
    artifacts: Mapping[str, object]
    message: str | None


@dataclass
class ModelStore(Generic[Table]):
    """Groups of versions. Methods are named as the store's; a ``KeyError`` stands for its ``NotFoundError``."""

    groups: dict[str, list[ModelVersion[Table]]] = field(default_factory=dict)

    def save(
        self,
        group: str,
        tables: Mapping[str, Table],
        *,
        message: str | None = None,
        artifacts: Mapping[str, object] | None = None,
    ) -> int:
        """The next version: ``tables`` over what the latest one holds."""
        before = self.groups[group][-1] if group in self.groups else None
        return self._append(
            group,
            {**(before.tables if before else {}), **tables},
            artifacts if artifacts is not None else before.artifacts if before else {},
            message,
        )

    def delete(self, name: str, group: str) -> int:
        """The next version, without the table."""
        latest = self.groups[group][-1]
        remaining = dict(latest.tables)
        del remaining[name]
        return self._append(group, remaining, latest.artifacts, f"delete {name}")

    def rollback(self, group: str, version: int) -> int:
        """The next version, equal to an older one."""
        old = self.version(group, version)
        return self._append(group, old.tables, old.artifacts, f"rollback to version {version}")

    def version(self, group: str, number: int | None = None) -> ModelVersion[Table]:
        """A version that is still kept; the latest for None."""
        history = self.groups[group]
        if number is None:
            return history[-1]
        return {kept.number: kept for kept in history}[number]

    def as_of(self, group: str, moment: datetime, created_at: Callable[[int], datetime]) -> ModelVersion[Table]:
        """The version current at ``moment``, given when each was made."""
        return [kept for kept in self.groups[group] if created_at(kept.number) <= moment][-1]

    def gc(self, keep_last: int) -> int:
        """Keep so many of the newest versions of each group; return how many went."""
        before = sum(map(len, self.groups.values()))
        self.groups = {group: history[-keep_last:] for group, history in self.groups.items()}
        return before - sum(map(len, self.groups.values()))

    def _append(
        self, group: str, tables: Mapping[str, Table], artifacts: Mapping[str, object], message: str | None
    ) -> int:
        history = self.groups.setdefault(group, [])
        number = history[-1].number + 1 if history else 1
        history.append(ModelVersion(number, dict(tables), artifacts, message))
        return number
