"""Guarantees 5 and 6: of savers that expect the same version exactly one wins; counting with it loses no count."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.testing.schedule import Scheduler
from features.testing.searches import by_priority, drawn, exhaustive, told
from tests.integrity.lab import play
from tests.integrity.profiles import budget, count, counted
from tests.integrity.sessions import Session


def one_wins(scheduler: Scheduler, savers: int, catalog: str, homes: list[int]) -> None:
    lab = play(scheduler, [lambda session: session.save("a", expected=3)] * savers, catalog=catalog, homes=homes)
    kinds = sorted(event.kind for event in lab.events if event.session != "afterwards")
    assert kinds == ["conflict"] * (savers - 1) + ["save"]


@pytest.mark.parametrize("homes", [[0, 0], [0, 1]], ids=["one process", "two processes"])
def test_of_two_savers_one_wins_whatever_the_order(homes: list[int]) -> None:
    bound = budget(dev=1, ci=3, thorough=4)
    what = f"schedules: two savers with one expectation, every one with at most {bound} preemptions"
    exhaustive(counted(what, lambda scheduler: one_wins(scheduler, 2, "sqlite", homes)), preemptions=bound)


@pytest.mark.parametrize("catalog", ["sqlite", "memory"])
@settings(max_examples=budget(dev=5, ci=300, thorough=5_000))
@given(
    savers=st.integers(3, 8), homes=st.lists(st.integers(0, 2), min_size=8, max_size=8), numbers=st.binary(min_size=60)
)
def test_of_many_savers_one_wins(catalog: str, savers: int, homes: list[int], numbers: bytes) -> None:
    count("schedules: three to eight savers with one expectation")
    told(lambda scheduler: one_wins(scheduler, savers, catalog, homes[:savers]), Scheduler(drawn(numbers)))


def save_until_it_wins(session: Session) -> None:
    """Save with the version that is the latest, again for as long as others are faster."""
    while True:
        latest = session.store.versions("g")[-1].version
        session.save("a", expected=latest)
        mine = [event for event in session.lab.events if event.session == session.name]
        if mine[-1].kind == "save":
            return


@settings(max_examples=budget(dev=3, ci=200, thorough=2_500))
@given(seed=st.integers(0, 2**32), homes=st.lists(st.integers(0, 1), min_size=3, max_size=3))
def test_who_saves_until_he_wins_loses_no_update(seed: int, homes: list[int]) -> None:
    count("schedules: three that save until they win, by priority")

    def run(scheduler: Scheduler) -> None:
        lab = play(scheduler, [save_until_it_wins] * 3, homes=homes)
        assert next(event.version for event in lab.events if event.session == "afterwards") == 3 + 3

    told(run, Scheduler(by_priority(seed)))
