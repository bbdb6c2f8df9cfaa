"""Guarantees 4, 5 and 7 to 13 for random programs: two to four sessions, each doing a few things, in random order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.testing.schedule import Choose, Scheduler
from features.testing.searches import by_priority, drawn, told
from tests.integrity.lab import play
from tests.integrity.profiles import budget, count
from tests.integrity.sessions import ON_SQLITE_ONLY, OPERATIONS, Operation

EXAMPLES = {
    "sqlite": budget(dev=5, ci=300, thorough=4_000),
    "memory": budget(dev=15, ci=1_000, thorough=15_000),
}


@st.composite
def programs(draw: st.DrawFn, catalog: str) -> tuple[list[list[str]], list[int]]:
    """What each session does, and in which of two processes."""
    names = st.sampled_from([name for name in OPERATIONS if catalog == "sqlite" or name not in ON_SQLITE_ONLY])
    sessions = draw(st.lists(st.lists(names, min_size=1, max_size=3), min_size=2, max_size=4))
    return sessions, draw(st.lists(st.integers(0, 1), min_size=len(sessions), max_size=len(sessions)))


def in_turn(names: list[str]) -> Operation:
    def work(session) -> None:
        for name in names:
            OPERATIONS[name](session)

    return work


def explore(catalog: str, program: tuple[list[list[str]], list[int]], choose: Choose) -> None:
    sessions, homes = program
    told(
        lambda scheduler: play(scheduler, [in_turn(names) for names in sessions], catalog=catalog, homes=homes),
        Scheduler(choose),
    )


@pytest.mark.parametrize("catalog", EXAMPLES)
def test_programs_in_uniformly_random_order(catalog: str) -> None:
    # Bytes shrink to zeros, and zero is to let whoever runs go on: a failure is shown with few preemptions.
    @settings(max_examples=EXAMPLES[catalog])
    @given(programs(catalog), st.binary(min_size=80, max_size=80))
    def test(program: tuple[list[list[str]], list[int]], numbers: bytes) -> None:
        count(f"schedules: random programs on {catalog}, uniform")
        explore(catalog, program, drawn(numbers))

    test()


@pytest.mark.parametrize("catalog", EXAMPLES)
def test_programs_by_random_priorities(catalog: str) -> None:
    @settings(max_examples=EXAMPLES[catalog])
    @given(programs(catalog), st.integers(0, 2**32))
    def test(program: tuple[list[list[str]], list[int]], seed: int) -> None:
        count(f"schedules: random programs on {catalog}, by priority, depth 3")
        explore(catalog, program, by_priority(seed))

    test()
