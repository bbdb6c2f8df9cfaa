"""Guarantees 2, 3 and 8: pull the plug at every effect of every operation, and look at the disks that it may leave.

What was acknowledged is there; what was under way is there whole or not at all; no version refers to a file that is
missing or not what was saved; and the store goes on as if nothing had been.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from features.errors import BusyError, NotFoundError
from features.store.feature_store import SimpleFeatureStore
from features.store.storage.base import nothing
from features.testing.crashdisk import CrashDisk, Remains, build, every_cut
from tests.integrity.profiles import budget, count
from tests.integrity.small_stores import OPERATIONS, Run, Workplace, contents, filled, folder, settings, table

MOST = budget(dev=3, ci=10_000, thorough=10_000)
"""Cuts looked at of one operation; where there are more, some all over it."""

BESIDE = ["save three tables", "gc", "repair", "rollback", "delete a table"]
STRIDE = budget(dev=25, ci=1, thorough=1)
PROGRAMS = budget(dev=1, ci=90, thorough=300)
SHARES = range(budget(dev=1, ci=4, thorough=4))
"""The programs are made in so many tests, which may run beside each other."""


Contents = dict[str, Any]
Look = Callable[[CrashDisk], Iterable[Remains]]


def bare() -> Remains:
    return frozenset()


SEQUENCES = [name for name in OPERATIONS if name != "backup"]  # which wants a new folder each time
BEGINNINGS = {"bare": bare, "filled": filled}


@dataclass
class Cuts:
    """Runs operations on a disk, and notes at every effect what a cut there may leave."""

    disk: CrashDisk
    look: Look
    left: dict[Remains, int] = field(default_factory=dict)
    """What may be left, and how many operations had been acknowledged by then."""
    acknowledged: int = 0

    def here(self, _label: str = "") -> None:
        for remains in self.look(self.disk):
            self.left[remains] = self.acknowledged

    def during(self, *operations: Run) -> list[Contents]:
        """What the store held before the first operation and after each."""
        held: list[Contents] = []
        place = Workplace(self.disk.root, self.disk)
        self.disk.point = self.here
        with place.opened() as store:
            ports = (self.disk, store._catalog, store._storage)
            for operation in (OPERATIONS["open"], *operations):
                for port in ports:
                    port.point = self.here
                with suppress(NotFoundError):
                    operation(place, store)
                for port in ports:
                    port.point = nothing
                self.acknowledged = len(held)
                held.append(contents(store))
                self.here()
        self.disk.close()
        return held


def cuts_from(beginning: str, place: Path, look: Look) -> Cuts:
    build(BEGINNINGS[beginning](), place / "disk")
    catalogs = [place / "disk" / name / "catalog.sqlite3" for name in ("store", "copy")]
    return Cuts(CrashDisk(place / "disk", catalogs), look)


def judge(remains: Remains, promised: Callable[[Contents], bool]) -> None:
    """Open what a cut left: nothing in it is broken, all that was promised is there, and it can be worked with."""
    with folder() as place:
        build(remains, place / "disk")
        with SimpleFeatureStore(settings(place / "disk" / "store")) as store:
            report = store.check(deep=True)
            assert report.ok, report.problems
            held = contents(store)
            assert promised(held), held
            store.save_features("movies", {"a": table(9.0)}, expected_version=max(held.get("movies", [0])))
            assert store.get_features(["a"], "movies") == {"a": table(9.0)}
            store.gc()
            report = store.check()
            assert (report.ok, report.orphans) == (True, ())


CASES = [("bare", [name]) for name in ("open", "save three tables", "gc", "repair")]
CASES += [("filled", [name]) for name in OPERATIONS]
# A collection does not sync its deletions, so what follows may be cut off with any of them undone.
CASES += [("filled", ["gc", name]) for name in ("save three tables", "save into a new group", "repair", "backup", "gc")]
CASES += [("filled", [name, "gc"]) for name in ("save three tables", "delete a table", "rollback", "repair")]


@pytest.mark.parametrize(
    ("beginning", "names"), CASES, ids=lambda each: each if isinstance(each, str) else ", ".join(each)
)
def test_an_operation_that_is_cut_off_happened_whole_or_not_at_all(beginning: str, names: list[str]) -> None:
    with folder() as place:
        cuts = cuts_from(beginning, place, lambda disk: every_cut(disk.cut))
        held = cuts.during(*(OPERATIONS[name] for name in names))
    for remains, acknowledged in list(cuts.left.items())[:: len(cuts.left) // MOST + 1]:
        judge(remains, held[acknowledged : acknowledged + 2].__contains__)
        count("crash states")


@pytest.mark.parametrize("share", SHARES)
@profile(max_examples=PROGRAMS)
@given(
    beginning=st.sampled_from(["bare", "filled"]),
    names=st.lists(st.sampled_from(SEQUENCES), min_size=1, max_size=4),
    seed=st.integers(0, 2**32),
)
def test_programs_can_be_cut_off_anywhere(share: int, beginning: str, names: list[str], seed: int) -> None:
    choice = random.Random(seed)  # not drawn one by one: ids are random, and with them the order of what is asked
    with folder() as place:
        cuts = cuts_from(beginning, place, lambda disk: [disk.cut(choice.randrange) for _ in range(8)])
        held = cuts.during(*(OPERATIONS[name] for name in names))
    for remains, acknowledged in cuts.left.items():
        judge(remains, held[acknowledged : acknowledged + 2].__contains__)
        count("crash states")


@dataclass
class SaveBeside:
    """Saves from another store object, once, at the given effect; from then on, looks."""

    at: int
    saved: bool = False
    effects: int = 0
    under_way: bool = False
    choice: random.Random = field(default_factory=lambda: random.Random(0))

    def __call__(self, disk: CrashDisk) -> list[Remains]:
        if self.under_way:
            return []
        if self.effects >= self.at and not self.saved:
            self.under_way = True
            with suppress(BusyError):  # the other one is committing just now: next time
                self._save(disk)
            self.under_way = False
        self.effects += 1
        return [disk.cut(lambda _many: 0), disk.cut(self.choice.randrange)] if self.saved else []

    def _save(self, disk: CrashDisk) -> None:
        with Workplace(disk.root, disk, busy_timeout=0.01).opened() as store:
            store.save_features("beside", {"t": table(7.0)})
            self.saved = True


@pytest.mark.parametrize(
    ("beginning", "name"),
    [("bare", "open"), ("bare", "save three tables"), *(("filled", name) for name in BESIDE)],
)
def test_a_save_acknowledged_while_another_operation_is_half_way_is_kept(beginning, name) -> None:
    at, saved = 0, True
    while saved:
        with folder() as place:
            beside = SaveBeside(at)
            cuts = cuts_from(beginning, place, beside)
            cuts.during(OPERATIONS[name])
        for remains in cuts.left:
            judge(remains, lambda held: held["beside"][1][3] == {"t": table(7.0).to_pydict()})
            count("crash states")
        at, saved = at + STRIDE, beside.saved and beside.effects > at


def test_an_acknowledged_backup_is_whole_whatever_is_cut_off() -> None:
    with folder() as place:
        cuts = cuts_from("filled", place, lambda disk: every_cut(disk.cut))
        held = cuts.during(OPERATIONS["backup"])
        left = [remains for remains, acknowledged in cuts.left.items() if acknowledged == 1]
    for remains in left:
        with folder() as place:
            build(remains, place / "disk")
            with SimpleFeatureStore(settings(place / "disk" / "copy")) as copy:
                assert copy.check(deep=True).ok
                assert contents(copy) == held[0]
        count("crash states")
