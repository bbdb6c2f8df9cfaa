"""Guarantees 1 and 8: a process that is killed between any two effects leaves a save whole or not at all.

Its other threads die with it, and everybody else goes on. What had been acknowledged is there.
"""

from __future__ import annotations

import pytest

from features.testing.schedule import Scheduler
from features.testing.searches import exhaustive
from tests.integrity.lab import play
from tests.integrity.profiles import budget, counted
from tests.integrity.sessions import OPERATIONS, UPKEEP, WRITES, Session

VICTIMS = [*WRITES, *UPKEEP]


def kill_the_first(session: Session) -> None:
    session.lab.kill(0)
    session.load()


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_process_killed_at_any_effect_leaves_all_or_nothing(victim: str) -> None:
    def run(scheduler: Scheduler) -> None:
        lab = play(scheduler, [OPERATIONS[victim], kill_the_first], homes=[0, 1])
        finished = [event for event in lab.history() if event.session == "session 0" and event.writes and event.end]
        assert all(event.version is not None for event in finished)

    bound = budget(dev=1, ci=2, thorough=3)
    what = f"schedules: a process killed beside another, every one with at most {bound} preemptions"
    exhaustive(counted(what, run), preemptions=bound)


@pytest.mark.parametrize(
    "victims", [("save a and b", "save a"), ("save a and b", "load"), ("delete b", "collect all but 1")]
)
def test_two_threads_die_together(victims: tuple[str, str]) -> None:
    works = [*(OPERATIONS[name] for name in victims), kill_the_first]
    bound = budget(dev=0, ci=1, thorough=2)
    what = f"schedules: two threads killed beside another, every one with at most {bound} preemptions"
    exhaustive(counted(what, lambda scheduler: play(scheduler, works, homes=[0, 0, 1])), preemptions=bound)
