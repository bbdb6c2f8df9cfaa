"""Guarantee 20: nothing waits forever. Every wait ends in what was wanted or in a typed error, on a virtual clock."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.store.storage.local import LocalStorage
from features.testing.schedule import Scheduler
from features.testing.searches import by_priority, drawn, exhaustive, told
from tests.integrity.lab import BUSY_SECONDS, Lab, play
from tests.integrity.profiles import budget, count, counted
from tests.integrity.sessions import OPERATIONS, READS, UPKEEP, WRITES, Operation, Session


def impatient(operation: Operation) -> Operation:
    def work(session: Session) -> None:
        session.patient = False
        operation(session)

    return work


def beside_a_writer_that_hangs(scheduler: Scheduler, names: list[str], homes: list[int]) -> None:
    """Another process has begun to write and never ends: who writes is refused in time, who reads is served."""
    with Lab(scheduler, processes=2) as lab:
        outsider = lab.open()
        with outsider._catalog._database.writing():
            lab.run([impatient(OPERATIONS[name]) for name in names], homes)
        outsider.close()
        lab.verdict()
    assert len(lab.refused) == sum(name in WRITES for name in names)
    # A wait for the turn in its own process, one for the other process, and the pause before asking a last time.
    assert scheduler.now() <= 2 * BUSY_SECONDS + 1


@settings(max_examples=budget(dev=5, ci=300, thorough=4_000))
@given(
    names=st.lists(st.sampled_from([*WRITES, *READS, *UPKEEP]), min_size=1, max_size=4),
    homes=st.lists(st.integers(0, 1), min_size=4, max_size=4),
    seed=st.integers(0, 2**32),
)
def test_a_writer_that_hangs_holds_nobody_up_for_longer_than_promised(names, homes, seed) -> None:
    count("schedules: beside a writer that hangs, by priority")
    scheduler = Scheduler(by_priority(seed))
    told(lambda scheduler: beside_a_writer_that_hangs(scheduler, names, homes[: len(names)]), scheduler)


PAIRS = [(one, other) for one in WRITES for other in (*WRITES, "collect all but 1") if one <= other]


@pytest.mark.parametrize("pair", PAIRS, ids=" + ".join)
def test_a_write_that_is_refused_for_being_late_did_not_happen(pair: tuple[str, str]) -> None:
    bound = budget(dev=0, ci=1, thorough=3)
    what = f"schedules: two writers that may time out early, every one with at most {bound} preemptions"
    two = [impatient(OPERATIONS[name]) for name in pair]
    exhaustive(counted(what, lambda scheduler: play(scheduler, two)), preemptions=bound, early_timeouts=True)


@settings(max_examples=budget(dev=5, ci=300, thorough=4_000))
@given(savers=st.integers(3, 4), numbers=st.binary(min_size=60, max_size=60))
def test_a_save_that_is_refused_among_others_did_not_happen(savers: int, numbers: bytes) -> None:
    """One thread commits what several wait for, and one of those loses patience meanwhile."""
    count("schedules: three or four savers that may time out early, uniform")
    saves = [impatient(OPERATIONS["save a"])] * savers
    told(lambda scheduler: play(scheduler, saves), Scheduler(drawn(numbers), early_timeouts=True))


class Blind(LocalStorage):
    """Misses every file that is being staged, as it may."""

    def in_use(self, file: str) -> bool:
        return False


def test_a_save_whose_files_are_always_taken_away_gives_up() -> None:
    scheduler = Scheduler(lambda tasks: tasks.index(max(tasks)), early_timeouts=True)  # the collector, if it can
    with Lab(scheduler) as lab:
        collector = lab.open(Blind)

        def collect_at_every_commit(_session: Session) -> None:
            for _ in range(100):
                scheduler.wait_for(lambda: lab.refused or scheduler.trace[-1:] == [(0, "catalog.begin")], None)
                if lab.refused:
                    return
                collector.gc()
                scheduler.point("collected")
                scheduler.wait_for(lambda: False, 1.0)

        lab.run([impatient(OPERATIONS["save a"]), collect_at_every_commit], [0, 0])
        lab.verdict()
        collector.close()
    assert len(lab.refused) == 1
    assert BUSY_SECONDS <= scheduler.now() <= BUSY_SECONDS + 2
