"""Guarantee 25: every bug seeded into the store is noticed by the test that is named with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integrity.mutants import MUTANTS
from tests.integrity.mutants.mutant import Mutant
from tests.integrity.profiles import PROFILE, count

ROOT = Path(__file__).parents[2]
SECONDS = 300
"""Bounds a mutant that hangs; the slowest takes a few."""


def test_names_are_unique() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_the_source(mutant: Mutant) -> None:
    compile(mutant.applied(), mutant.module, "exec")


@pytest.mark.skipif(PROFILE == "dev", reason="mutants are run in the profiles ci and thorough")
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_killed(mutant: Mutant) -> None:
    verdict = against_its_test(mutant)
    effort = ", ".join(f"{number} {what}" for what, number in verdict["explored"].items()) or "one run of its test"
    why = next((line for line in verdict["reason"].splitlines() if line.startswith("E ")), "")
    print(f"{mutant.name}: {verdict['outcome']} after {effort}: {why[1:].strip()}")
    assert verdict["outcome"] == "killed", verdict["reason"]
    count("mutants killed")


def against_its_test(mutant: Mutant) -> dict:
    """What the mutant's own process said. It explores as much as ``ci`` does, whatever this profile is."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.integrity.mutants.run", mutant.name],
        cwd=ROOT,
        env=os.environ | {"HYPOTHESIS_PROFILE": "ci"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert lines, done.stderr
    return json.loads(lines[-1])
