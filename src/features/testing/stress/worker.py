"""One worker process: threads that share a store and do with it, at random, whatever can be done."""

from __future__ import annotations

import random
import signal
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pyarrow as pa

from features.errors import BusyError, ConflictError, FeatureStoreError, NotFoundError, UnknownOutcomeError
from features.frames import Backend
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from features.testing.history import Event
from features.testing.stress.journal import Journal

TABLES = ("a", "b", "c")
ROWS = 16
KEPT_VERSIONS = 20


@dataclass(frozen=True)
class Plan:
    """What the workers of a crew have in common.

    Args:
        folder: of the store.
        journals: an existing folder, which gets a file from each worker.
        threads: in each worker.
        seed: of the operations drawn; how they interleave is up to the machine.
        backend: of the frames that the workers load.
        groups: that they work in; new, and few, so that they get into each other's way.
    """

    folder: Path
    journals: Path
    threads: int
    seed: int = 0
    backend: Backend = "pyarrow"
    groups: tuple[str, ...] = ("stress-1", "stress-2")

    def open(self) -> SimpleFeatureStore[Any]:
        """A store object of one's own. Its cache is too small for all that is read."""
        config: FeatureStoreConfig[Any] = FeatureStoreConfig(self.folder, backend=self.backend, cache_max_size=4)
        return SimpleFeatureStore(config)


def work(plan: Plan, name: str, gate: Connection) -> None:
    """Open the store, say "ready", wait for the gate to open; then work until the next word, or nobody is there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to everybody; whoever leads the crew ends it
    over = threading.Event()
    with Journal(plan.journals / f"{name}.jsonl") as journal, plan.open() as store, _crew_gone():
        gate.send("ready")
        gate.recv()
        sessions = [Session(plan, store, journal, name, number) for number in range(plan.threads)]
        threads = [threading.Thread(target=session.work, args=(over,)) for session in sessions]
        for thread in threads:
            thread.start()
        with _crew_gone():
            gate.recv()
        over.set()
        for thread in threads:
            thread.join()


@contextmanager
def _crew_gone() -> Iterator[None]:
    """A crew that is gone has closed its end: that is a reason to stop, and no failure."""
    try:
        yield
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def table_of(write_id: str) -> pa.Table:
    """What a save under this id writes into each of its tables: all of it follows from the id."""
    return pa.table(
        {"write_id": [write_id] * ROWS, "number": [zlib.crc32(f"{write_id} {i}".encode()) for i in range(ROWS)]}
    )


def write_id_of(frame: Any) -> str:
    """The id of the save that wrote this frame; a description of it where no single save wrote it all."""
    found = pa.table(frame).to_pydict()
    write_id = str((found.get("write_id") or ["nothing"])[0])
    return write_id if found == table_of(write_id).to_pydict() else f"mixed or changed: {found}"


def contents(frames: dict[str, Any]) -> dict[str, str]:
    """The write id that each table carries."""
    return {name: write_id_of(frame) for name, frame in frames.items()}


class Session:
    """One thread's operations, each drawn, done and noted."""

    def __init__(self, plan: Plan, store: SimpleFeatureStore[Any], journal: Journal, name: str, number: int) -> None:
        self._groups = plan.groups
        self._store = store
        self._journal = journal
        self._name = name
        self._random = random.Random(f"{plan.seed} {name} {number}")  # noqa: S311  # to be drawn again, not to be secret

    def work(self, over: threading.Event) -> None:
        """One operation after another until it is ``over``."""
        while not over.is_set():
            self.step()

    def step(self) -> None:
        """One operation on one group, both drawn. What it should not have raised is noted."""
        (operation,) = self._random.choices(tuple(_OPERATIONS), tuple(_OPERATIONS.values()))
        try:
            operation(self, self._random.choice(self._groups))
        except BusyError:  # no turn came in time: late it is, as on any slow machine, but nothing was promised
            return
        except Exception as error:  # noqa: BLE001  # it is told in the verdict
            self._journal.failure(f"{operation.__name__}: {type(error).__name__}: {error}")

    def save(self, group: str, expected: int | None = None) -> None:
        """Save one or two tables, all of one write id."""
        write_id = uuid.UUID(int=self._random.getrandbits(128)).hex + f" {self._name}"
        tables = dict.fromkeys(self._random.sample(TABLES, self._random.randint(1, 2)), write_id)
        frames = {name: table_of(write_id) for name in tables}
        self._do(
            Event(self._name, group, "save", time.monotonic(), tables=tables, expected=expected),
            lambda: self._store.save_features(group, frames, expected_version=expected, write_id=write_id),
        )

    def save_expecting(self, group: str) -> None:
        """Save on top of the version that is the latest just now."""
        self.save(group, self._latest(group))

    def load(self, group: str) -> None:
        """Load all tables, or some, of the latest version."""
        asked = self._random.choice([None, None, ("a",), ("b", "c")])
        self._do(
            Event(self._name, group, "load", time.monotonic(), asked=asked),
            lambda: contents(self._store.get_features(asked, group)),
        )

    def load_old(self, group: str) -> None:
        """Load a version that may be gone by now."""
        at = max(1, self._latest(group) - self._random.randint(0, 2 * KEPT_VERSIONS))
        self._do(
            Event(self._name, group, "load", time.monotonic(), at=at),
            lambda: contents(self._store.get_features(None, group, version=at)),
        )

    def delete(self, group: str) -> None:
        """Delete a table, or fail to since it is not there."""
        name = self._random.choice(TABLES)
        self._do(
            Event(self._name, group, "delete", time.monotonic(), asked=(name,)),
            lambda: self._store.delete_feature(name, group),
        )

    def rollback(self, group: str) -> None:
        """Go back to a version that may be gone by now."""
        at = max(1, self._latest(group) - self._random.randint(1, KEPT_VERSIONS))
        self._do(
            Event(self._name, group, "rollback", time.monotonic(), at=at),
            lambda: self._store.rollback(group, at),
        )

    def collect(self, _group: str) -> None:
        """Collect garbage: of old versions only those that have been noted first, since nobody else will know them."""
        newest = []
        for group in {*self._groups} & {*self._store.list_feature_groups()}:
            versions = self._store.versions(group)
            self._journal.versions(group, versions)
            newest.append(versions[-1].created_at)
        if newest:
            self._store.gc(keep_last=KEPT_VERSIONS, older_than=min(newest))

    def check(self, _group: str) -> None:
        """Check the store while others change it."""
        report = self._store.check()
        if not report.ok:
            self._journal.failure(f"check: {'; '.join(problem.message for problem in report.problems)}")

    def _latest(self, group: str) -> int:
        try:
            return self._store.versions(group)[-1].version
        except NotFoundError:
            return 0

    def _do(self, event: Event, act: Callable[[], Any]) -> None:
        """Note that a write begins; do it; note what came of it."""
        key = self._journal.event(event)
        try:
            answer = act()
        except ConflictError:
            event = replace(event, kind="conflict", end=time.monotonic(), tables={})
        except NotFoundError:
            event = replace(event, kind="missing", end=time.monotonic())
        except BusyError:
            self._journal.withdraw(key, failure=None)
            return
        except UnknownOutcomeError as error:  # it stays begun: it may have taken effect
            self._journal.failure(f"{event}: {error}")
            return
        except FeatureStoreError as error:
            self._journal.withdraw(key, failure=f"{event}: {type(error).__name__}: {error}")
            return
        else:
            event = replace(event, end=time.monotonic())
            if event.kind == "load":
                event = replace(event, tables=answer)
            elif event.kind != "save":
                event = replace(event, version=answer)
        self._journal.event(event, key)


_OPERATIONS: dict[Callable[[Session, str], None], float] = {
    Session.save: 30,
    Session.save_expecting: 15,
    Session.load: 40,
    Session.load_old: 6,
    Session.delete: 3,
    Session.rollback: 3,
    Session.collect: 2,
    Session.check: 1,
}
"""What a session does, and how often."""
