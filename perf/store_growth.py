"""What a long history costs: a store with ten versions, or groups, beside one with ten thousand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from measuring import Report, milliseconds  # first: it finds a clone's src
from side_by_side import Rounds
from tables import random_floats, table

# isort: split
from features import FeatureStoreConfig, SimpleFeatureStore
from features.frames import Backend, Frame

FEW, MANY, QUICK_MANY = 10, 10_000, 60
BUILDERS = 32
"""Threads that build a history: what they save at the same time is committed together."""


@dataclass(frozen=True)
class Grown:
    """A store with a history."""

    config: FeatureStoreConfig[Frame]
    kind: str
    count: int

    def build(self) -> int:
        """Save that often, into one group or a group each; returns the bytes of the catalog afterwards."""
        tiny = table(self.config.resolved_backend(), {"id": range(1)})

        def save(number: int) -> None:
            store.save_features("group" if self.kind == "versions" else f"group_{number}", {"table": tiny})

        with SimpleFeatureStore(self.config) as store:
            save(0)  # a group is there before many save into it
            with ThreadPoolExecutor(BUILDERS) as pool:
                for _ in pool.map(save, range(1, self.count)):
                    pass
        return sum(path.stat().st_size for path in self.config.folder.glob("catalog.sqlite3*"))

    @property
    def group(self) -> str:
        """A group that is there."""
        return "group" if self.kind == "versions" else f"group_{self.count // 2}"


def compare_growth(report: Report, folder: Path, backend: Backend, *, quick: bool) -> None:
    """Build both kinds of history, few and many, and work on them in turn."""
    many, repeats = (QUICK_MANY, 3) if quick else (MANY, 40)
    for kind in ("versions", "groups"):
        stores = [
            Grown(FeatureStoreConfig(folder / f"{count}_{kind}", backend=backend, cache_enabled=False), kind, count)
            for count in (FEW, many)
        ]
        small, large = (store.build() for store in stores)
        each = report.measured(f"catalog, for each of {many:,} {kind}", "bytes", (large - small) / (many - FEW))
        if kind == "versions":
            report.require("catalog, bytes for each version", each.median, "<", 1000, "bytes")
        _work_on(report, stores, repeats)
        _open(report, stores[1], repeats)
        if kind == "versions":
            _collect(report, stores[1])


def _work_on(report: Report, stores: list[Grown], repeats: int) -> None:
    few, many = stores
    frame = random_floats(few.config.resolved_backend(), 50, 3)
    rounds = Rounds()
    with SimpleFeatureStore(few.config) as one, SimpleFeatureStore(many.config) as other:
        pairs = ((few, one), (many, other))
        for _ in range(repeats + 1):
            rounds.begin()
            rounds.turn(
                {f"save, {_called(grown)}": _saving(store, grown.group, frame) for grown, store in pairs}, settle=True
            )
            rounds.turn({f"load, {_called(grown)}": _loading(store, grown.group) for grown, store in pairs})
    for name, times in rounds.times.items():
        report.measured(name, "ms", *times)
    for work in ("save", "load"):
        over = rounds.ratio(f"{work}, {_called(many)}", f"{work}, {_called(few)}")
        report.require(f"{work} with {_called(many)} over {_called(few)}", over, "<", 1.2, "")


def _open(report: Report, grown: Grown, repeats: int) -> None:
    times = []
    for _ in range(repeats):
        opened: list[SimpleFeatureStore[Frame]] = []
        times.append(milliseconds(lambda: opened.append(SimpleFeatureStore(grown.config))))  # noqa: B023
        opened[0].close()
    opening = report.measured(f"opening, {_called(grown)}", "ms", *times)
    report.require(f"opening with {_called(grown)}", opening.median, "<", 25, "ms")


def _collect(report: Report, grown: Grown) -> None:
    """Drop all but ten versions while one thread saves and another loads."""
    frame = random_floats(grown.config.resolved_backend(), 50, 3)
    with (
        SimpleFeatureStore(grown.config) as store,
        SimpleFeatureStore(grown.config) as other,
        _meanwhile(_saving(store, grown.group, frame)) as saves,
        _meanwhile(_loading(other, grown.group)) as loads,
    ):
        before = len(saves.times), len(loads.times)
        seconds = milliseconds(lambda: store.gc(keep_last=10)) / 1000
        after = len(saves.times), len(loads.times)
    report.measured(f"gc(keep_last=10), {_called(grown)}", "s", seconds)
    report.measured("gc: longest save meanwhile", "ms", max(saves.times))
    report.measured("gc: longest load meanwhile", "ms", max(loads.times))
    report.require(f"gc(keep_last=10), {_called(grown)}", seconds, "<", 5, "s")
    if seconds > 0.1:  # else there was hardly a meanwhile
        report.require("saves that ended during gc", after[0] - before[0], ">=", 1, "saves")
        report.require("loads that ended during gc", after[1] - before[1], ">=", 1, "loads")


@dataclass
class _Other:
    """What goes on in another thread: the times of its work in milliseconds, and what it failed with."""

    times: list[float] = field(default_factory=list)
    failed: list[Exception] = field(default_factory=list)


@contextmanager
def _meanwhile(work: Callable[[], object]) -> Iterator[_Other]:
    """Repeat ``work`` in a thread for as long as the block runs; what it raises is raised here."""
    other, started, done = _Other(), threading.Event(), threading.Event()

    def repeat() -> None:
        try:
            while not done.is_set():
                other.times.append(milliseconds(work))
                started.set()
        except Exception as error:  # noqa: BLE001  # raised in the thread that waits for this one
            other.failed.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=repeat, name="meanwhile")
    thread.start()
    started.wait()
    try:
        yield other
    finally:
        done.set()
        thread.join()
    if other.failed:
        raise other.failed[0]


def _saving(store: SimpleFeatureStore[Frame], group: str, frame: Frame) -> Callable[[], object]:
    return lambda: store.save_features(group, {"table": frame})


def _loading(store: SimpleFeatureStore[Frame], group: str) -> Callable[[], object]:
    return lambda: store.get_features(["table"], group)


def _called(grown: Grown) -> str:
    return f"{grown.count:,} {grown.kind}"
