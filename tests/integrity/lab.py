"""Stores whose threads take turns: a past, sessions that do one thing after another, and what must hold at the end.

A *session* is a thread; a *process* is a store object with connections and a cache of its own, which one or more
sessions share. All have one folder. What each operation saw is kept as an event for the history checker.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import count
from pathlib import Path
from threading import get_ident

import pyarrow as pa

from features.store.catalog.base import Catalog
from features.store.catalog.sql import SqlCatalog
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from features.store.storage.local import LocalStorage
from features.store.versions import Change, Committed, Snapshot
from features.testing.history import Event, contents, violations
from features.testing.memory_catalog import MemoryCatalog
from features.testing.schedule import Scheduler
from features.testing.tasks import Killed
from tests.integrity.sessions import Operation, Session, value

BUSY_SECONDS = 5.0
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # folders of each process's own are made in it
PAST = (("a", "b"), ("a",), ("a", "b"))
"""What each of the three versions that are there from the start wrote."""

_numbers = count()


class Lab:
    """One store in a folder of its own, with the same past each time, as several processes have it open."""

    def __init__(self, scheduler: Scheduler, catalog: str = "sqlite", processes: int = 1) -> None:
        self.scheduler = scheduler
        self.events: list[Event] = []
        self.listed: list[tuple[int, tuple[str, ...]]] = []
        """Versions and the names of their tables, as ``versions`` told them."""
        self.refused: set[int] = set()
        """Places of the events that were refused for being late: they did not happen."""
        self.killed = False
        """Whether a process was killed: what it had open is not to be used."""
        self.drops_versions = False
        """Whether a collection may have dropped old versions."""
        past = _past()
        self.folder = past.folder.with_name(f"lab-{next(_numbers)}")
        self.backups = self.folder.with_name(f"{self.folder.name}-backups")
        (self.folder / "files").mkdir(parents=True)
        for file in (past.folder / "files").iterdir():
            os.link(file, self.folder / "files" / file.name)
        shutil.copyfile(past.folder / "catalog.sqlite3", self.folder / "catalog.sqlite3")
        self._made: dict[str, int] = {}
        self._write_ids: dict[int, str] = {}
        self._doing: dict[int, int] = {}
        self._files = dict(past.files)
        self._memory = None
        if catalog == "memory":
            self._memory = MemoryCatalog(scheduler)
            for change in past.changes:
                self._memory.commit(change)
            self._note_commits(self._memory)
        self.stores = [self.open() for _ in range(processes)]
        for store in self.stores:
            store._catalog.point = store._storage.point = scheduler.point

    def open(self, storage: type[LocalStorage] = LocalStorage) -> SimpleFeatureStore[pa.Table]:
        """Another process's store object, at first without points."""
        config = FeatureStoreConfig(self.folder, backend="pyarrow", busy_timeout_seconds=BUSY_SECONDS)
        catalog: Catalog
        if self._memory is not None:
            catalog = self._memory
        else:
            path = self.folder / "catalog.sqlite3"
            catalog = SqlCatalog.open(path, timeout=BUSY_SECONDS, waiting=self.scheduler)
            self._note_commits(catalog)
        return SimpleFeatureStore.with_drivers(config, catalog, storage(self.folder / "files"), self.scheduler)

    def run(self, sessions: Sequence[Operation], homes: Sequence[int]) -> None:
        """Let each session do its work, in the process that ``homes`` says, and raise what none of them may."""
        works = [
            partial(session, Session(self, f"session {number}", self.stores[home]))
            for number, (session, home) in enumerate(zip(sessions, homes, strict=True))
        ]
        for task in self.scheduler.run(works, homes):
            if task.error is not None and not isinstance(task.error, Killed):
                raise task.error

    def kill(self, process: int) -> None:
        """End a process where it stands."""
        self.killed = True
        self.scheduler.kill(process)

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_error: object) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.folder)
        shutil.rmtree(self.backups, ignore_errors=True)

    def begin(self, event: Event) -> int:
        """Note that an operation has begun; where it is to be noted how it ended."""
        place = len(self.events)
        self.events.append(replace(event, begin=self.scheduler.steps))
        self._doing[get_ident()] = place
        return place

    def end(self, place: int, **outcome: object) -> None:
        self.events[place] = replace(self.events[place], end=self.scheduler.steps, **outcome)

    def history(self) -> list[Event]:
        """Everything that happened, the past included, each write with the version that it made, if any."""
        versions = {place: self._made.get(write_id) for place, write_id in self._write_ids.items()}
        told = [
            replace(event, version=versions.get(place)) if event.writes else event
            for place, event in enumerate(self.events)
        ]
        return [*_past().events, *told]

    def verdict(self) -> None:
        """What holds after any schedule: all that the catalog tells of is there, and all that was seen fits."""
        store = self.open() if self.killed else self.stores[0]
        try:
            kept = store.versions("g")
            for line in kept:
                self._made.setdefault(line.write_id, line.version)
            for version in (None, *(line.version for line in kept)):
                self._note_snapshot(store._catalog.snapshot("g", version), version)
            report = store.check()
        finally:
            if self.killed:
                store.close()
        assert report.ok, report.problems
        history = self.history()
        found = violations(history)
        assert not found, "\n".join(found)
        held = contents(event for event in history if event.group == "g")
        assert kept[-1].version == len(held) - 1
        for version, tables in (*self.listed, *((line.version, line.tables) for line in kept)):
            assert set(tables) == held[version].keys(), f"version {version} was listed with the tables {tables}"
        for place in self.refused:
            assert self._write_ids.get(place) not in self._made, f"{self.events[place]} was refused and took effect"

    def _note_snapshot(self, snapshot: Snapshot, version: int | None) -> None:
        """A load without its files, which never change; ``check`` tells whether they are there."""
        tables = {name: self._files[file.id] for name, file in snapshot.tables.items()}
        event = Event("afterwards", "g", "load", 0, at=version, version=snapshot.version, tables=tables)
        self.end(self.begin(event))

    def _note_commits(self, catalog: Catalog) -> None:
        """Keep each change's write id with the operation that makes it, and the version that it became."""
        commit = catalog.commit

        def noting(change: Change) -> Committed:
            place = self._doing[get_ident()]
            self._write_ids[place] = change.write_id
            self._files |= {file.id: self.events[place].tables[name] for name, file in change.tables.items()}
            committed = commit(change)
            self._made[change.write_id] = committed.version
            return committed

        catalog.commit = noting


def play(
    scheduler: Scheduler, sessions: Sequence[Operation], *, catalog: str = "sqlite", homes: Sequence[int] | None = None
) -> Lab:
    """Run the sessions as the scheduler will have it, and hold what they saw to all that is promised.

    Args:
        scheduler: who decides whose turn it is.
        sessions: what each does with the session it is given.
        catalog: "sqlite" or "memory".
        homes: the process of each; None for one that all share.
    """
    homes = homes or [0] * len(sessions)
    with Lab(scheduler, catalog, max(homes) + 1) as lab:
        lab.run(sessions, homes)
        lab.verdict()
    return lab


@dataclass(frozen=True)
class _Past:
    folder: Path
    changes: list[Change]
    events: list[Event]
    files: dict[str, str]
    """The write whose value each file holds."""


@cache
def _past() -> _Past:
    """A store with three versions, made once; what it took to make it."""
    base = Path(tempfile.mkdtemp(dir=MEMORY))
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    events = []
    with SimpleFeatureStore(FeatureStoreConfig(base / "past", backend="pyarrow")) as store:
        changes = _noted(store._catalog)
        for number, tables in enumerate(PAST, start=1):
            wrote = dict.fromkeys(tables, f"past {number}")
            store.save_features("g", {name: value(write) for name, write in wrote.items()}, message="past")
            events.append(Event("past", "g", "save", -10 + 2 * number, -9 + 2 * number, number, tables=wrote))
    files = {
        file.id: event.tables[name]
        for event, change in zip(events, changes, strict=True)
        for name, file in change.tables.items()
    }
    return _Past(base / "past", changes, events, files)


def _noted(catalog: Catalog) -> list[Change]:
    """The changes that will be committed."""
    changes: list[Change] = []
    commit = catalog.commit

    def noting(change: Change) -> Committed:
        changes.append(change)
        return commit(change)

    catalog.commit = noting
    return changes
