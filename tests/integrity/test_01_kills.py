"""Guarantee 1: what was acknowledged to a process outlives the process, wherever SIGKILL meets it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from features.testing.stress.crew import Crew
from features.testing.stress.verdict import verdict
from features.testing.stress.worker import Plan
from tests.integrity.profiles import budget, count

PROCESSES = budget(dev=4, ci=8, thorough=8)
BETWEEN_KILLS = 0.06
"""Seconds at most: one kill falls on a worker's first operations, another on its hundredth."""


@pytest.mark.parametrize("seed", range(budget(dev=2, ci=38, thorough=300)))
def test_killed_processes_lose_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    plan = Plan(tmp_path / "store", tmp_path / "journals", threads=3, seed=seed)
    plan.journals.mkdir()
    with Crew(plan) as crew:
        crew.hire(PROCESSES)  # which lay the store out, all of them at once
        for _ in range(draw.choice([0, 0, 2])):  # some die of that
            kill_one(crew, draw)
        crew.open_gate()
        while len(crew):
            kill_one(crew, draw)
    found = verdict(plan)
    count("writes under way when their process was killed", found.cut_short)
    count("of these, committed but not yet acknowledged", found.cut_short_and_stored)
    assert found.ok, "\n".join(found.faults)
    with plan.open() as store:
        store.gc()
        assert store.check().orphans == ()


def kill_one(crew: Crew, draw: random.Random) -> None:
    """Kill one of them at a moment that is left to chance."""
    crew.watch(draw.uniform(0, BETWEEN_KILLS))
    crew.kill(draw.randrange(len(crew)))
    count("kills")
