"""Guarantees 3, 4, 5, 7, 9 to 13 for every two operations at once: every schedule with few preemptions.

What is looked at after each one is in ``lab.Lab.verdict``: the disk holds what the catalog refers to, versions have
no gaps, and what each operation saw fits one order of whole operations.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest

from features.testing.searches import exhaustive
from tests.integrity.lab import play
from tests.integrity.profiles import PROFILE, budget, counted
from tests.integrity.sessions import OPERATIONS

PREEMPTIONS = budget(dev=0, ci=2, thorough=3)
HOMES = {"two processes": (0, 1)} if PROFILE == "dev" else {"two processes": (0, 1), "one process": (0, 0)}
PAIRS = list(combinations_with_replacement(OPERATIONS, 2))


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("pair", PAIRS, ids=" + ".join)
def test_two_operations_at_once(pair: tuple[str, str], home: str) -> None:
    two = [OPERATIONS[name] for name in pair]
    what = f"schedules: two operations, every one with at most {PREEMPTIONS} preemptions"
    exhaustive(counted(what, lambda scheduler: play(scheduler, two, homes=HOMES[home])), preemptions=PREEMPTIONS)


THREES = {
    # the operations, and the process of each
    "a file is read by two while it is dropped": (("load version 1", "load version 1", "collect all but 1"), (0, 0, 1)),
    "three savers are committed together": (("save a", "save a and b", "save a"), (0, 0, 0)),
    "a saver is condemned while another saves": (("save a", "save a", "collect"), (0, 0, 1)),
    "a lister beside a saver and a collection": (("list versions", "save a", "collect all but 1"), (0, 0, 1)),
    "a reader beside two savers of the whole group": (("load", "save a and b", "save a and b"), (0, 1, 1)),
    "a copy is made while another collects": (("back up", "save a", "collect all but 1"), (0, 1, 1)),
    "a rollback to what is being dropped": (("roll back to 1", "load version 1", "collect all but 1"), (0, 0, 1)),
}


@pytest.mark.parametrize("name", THREES)
def test_three_operations_at_once(name: str) -> None:
    bound = budget(dev=0, ci=1, thorough=2)
    operations, homes = THREES[name]
    three = [OPERATIONS[each] for each in operations]
    what = f"schedules: three operations, every one with at most {bound} preemptions"
    exhaustive(counted(what, lambda scheduler: play(scheduler, three, homes=homes)), preemptions=bound)
