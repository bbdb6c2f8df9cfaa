"""What one thread does with a store, each operation kept as an event."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from features.errors import BusyError, ConflictError, NotFoundError
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from features.testing.history import Event

if TYPE_CHECKING:
    from tests.integrity.lab import Lab


def value(write_id: str) -> pa.Table:
    """A table that tells which save wrote it."""
    return pa.table({"write": [write_id]})


class Session:
    """Does one thing after another. Refusals that may happen are outcomes; any other error is the test's to raise."""

    def __init__(self, lab: Lab, name: str, store: SimpleFeatureStore[pa.Table]) -> None:
        self.lab = lab
        self.name = name
        self.store = store
        self.patient = True
        """Whether it may count on being served: nobody holds locks forever, and no timeout fires early."""
        self._saves = 0

    def save(self, *tables: str, expected: int | None = None, group: str = "g") -> None:
        self._saves += 1
        wrote = dict.fromkeys(tables or ("a", "b"), f"{self.name}, save {self._saves}")
        frames = {name: value(write) for name, write in wrote.items()}
        event = Event(self.name, group, "save", 0, tables=wrote, expected=expected)
        self._do(event, lambda: self.store.save_features(group, frames, expected_version=expected))

    def delete(self, table: str = "b") -> None:
        event = Event(self.name, "g", "delete", 0, asked=(table,))
        self._do(event, lambda: self.store.delete_feature(table, "g"))

    def rollback(self, version: int = 1) -> None:
        self._do(Event(self.name, "g", "rollback", 0, at=version), lambda: self.store.rollback("g", version))

    def load(self, *tables: str, group: str = "g") -> None:
        event = Event(self.name, group, "load", 0, asked=tables or None)
        self._do(event, lambda: self.store.get_features(tables or None, group))

    def load_version(self, version: int) -> None:
        event = Event(self.name, "g", "load", 0, at=version)
        self._do(event, lambda: self.store.get_features(None, "g", version=version))

    def load_as_of_now(self) -> None:
        now = datetime.now(UTC)
        event = Event(self.name, "g", "load", 0)
        self._do(event, lambda: self.store.get_features(None, "g", as_of=now), may_be_dropped=True)

    def list_versions(self) -> None:
        """The numbers have no gap, and the last is a version that was the latest meanwhile."""
        place = self.lab.begin(Event(self.name, "g", "load", 0, asked=()))
        lines = self.store.versions("g")
        self.lab.end(place, version=lines[-1].version)
        numbers = [line.version for line in lines]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        self.lab.listed.extend((line.version, line.tables) for line in lines)

    def collect(self, keep_last: int | None = 1) -> None:
        self.lab.drops_versions = self.lab.drops_versions or keep_last is not None
        try:
            self.store.gc(keep_last=keep_last)
        except BusyError:
            if self.patient:
                raise

    def repair(self) -> None:
        """It finds no fault, and moves nothing that counts, whatever goes on at the same time."""
        try:
            report = self.store.check(deep=True, repair=True)
        except BusyError:
            if self.patient:
                raise
        else:
            assert report.ok, report.problems

    def back_up(self) -> None:
        """The copy is a sound store, and what is in it was the latest version meanwhile."""
        place = self.lab.begin(Event(self.name, "g", "load", 0))
        target = self.lab.backups / str(place)
        self.store.backup(target)
        with SimpleFeatureStore(FeatureStoreConfig(target, backend="pyarrow")) as copy:
            self.lab.end(place, tables=_writes(copy.get_features(None, "g")))
            assert copy.check(deep=True).ok

    def _do(self, event: Event, call: Callable[[], object], *, may_be_dropped: bool = False) -> None:
        place = self.lab.begin(event)
        try:
            result = call()
        except ConflictError:
            self.lab.end(place, kind="conflict", tables={})
        except NotFoundError:
            may_be_dropped = may_be_dropped or event.at is not None
            assert self.lab.drops_versions or not may_be_dropped, f"{event} was refused, but nothing was ever dropped"
            self.lab.end(place, kind="missing", at=(event.at or 0) if may_be_dropped else None)
        except BusyError:
            if self.patient:
                raise
            self.lab.refused.add(place)
        else:
            self.lab.end(place, **({"tables": _writes(result)} if event.kind == "load" else {}))


def _writes(tables: dict[str, pa.Table]) -> dict[str, str]:
    return {name: table["write"][0].as_py() for name, table in tables.items()}


def load_a_twice(session: Session) -> None:
    """The second time it may come from memory."""
    session.load("a")
    session.load("a")


Operation: TypeAlias = Callable[[Session], None]

WRITES: dict[str, Operation] = {
    "save a": lambda session: session.save("a"),
    "save a and b": lambda session: session.save(),
    "save expecting 3": lambda session: session.save("b", expected=3),
    "delete b": lambda session: session.delete("b"),
    "roll back to 1": lambda session: session.rollback(1),
}
READS: dict[str, Operation] = {
    "load": lambda session: session.load(),
    "load a twice": load_a_twice,
    "load version 1": lambda session: session.load_version(1),
    "load as of now": lambda session: session.load_as_of_now(),
    "list versions": lambda session: session.list_versions(),
}
UPKEEP: dict[str, Operation] = {
    "collect": lambda session: session.collect(None),
    "collect all but 1": lambda session: session.collect(1),
    "repair": lambda session: session.repair(),
    "back up": lambda session: session.back_up(),
}
OPERATIONS = WRITES | READS | UPKEEP
"""By what they are called in the tests' names and in printed schedules."""

ON_SQLITE_ONLY = {"back up"}
"""A catalog in memory has nothing to copy."""
