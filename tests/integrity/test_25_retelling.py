"""A bug that is found is told: a few lines of who did what, with the fewest preemptions, and a line that repeats it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integrity.profiles import PROFILE, count

ROOT = Path(__file__).parents[2]

TOLD = {
    # bug: the operations, what is said to be violated, the preemptions that it takes
    "check-the-expected-version-before-the-transaction": (("save expecting 3", "save expecting 3"), "lost update: ", 1),
    "find-each-table-in-a-snapshot-of-its-own": (("load", "save a and b"), "torn read: ", 1),
    "remember-the-latest-version-for-good": (("load a twice", "save a"), "stale read: ", 1),
    "delete-before-the-versions-are-dropped": (("collect all but 1", "load version 1"), "CorruptFileError: ", 1),
}


@pytest.mark.skipif(PROFILE == "dev", reason="mutants are run in the profiles ci and thorough")
@pytest.mark.parametrize("name", TOLD)
def test_a_bug_is_told_in_few_lines_and_met_again_by_its_replay(name: str) -> None:
    operations, violation, preemptions = TOLD[name]
    done = subprocess.run(
        [sys.executable, "-m", "tests.integrity.mutants.retell", name, *operations],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    print(f"{name}\n{told['violated']}\n{told['story']}")
    assert violation in told["violated"]
    assert without_ids(told["again"]) == without_ids(told["violated"])
    stretches = [line for line in told["story"].splitlines() if line.startswith("  task ")]
    assert len(stretches) <= 2 + preemptions
    assert sum(choice != "0" for choice in told["line"].split()) <= 1 + preemptions
    count("mutants retold by their replay line")


def without_ids(text: str) -> str:
    """Files have random names, and each run a folder of its own."""
    return re.sub(r"[0-9a-f]{32}|/lab-[0-9]+/", "…", text)
