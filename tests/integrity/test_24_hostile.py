"""Guarantee 24: hostile names, files and catalogs lead to an error of ours, or to the truth, and to nothing else.

They are met by a process of its own, so that it is seen where one takes the interpreter down, hangs, or eats the
memory: see ``tests/integrity/hostile``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import INSTALLED
from tests.integrity.hostile import catalogs, files, names
from tests.integrity.lab import MEMORY
from tests.integrity.profiles import budget, count

ROOT = Path(__file__).parents[2]
SECONDS = 600
"""Bounds one process; each of its cases has an alarm of its own."""

EVERY = budget(dev=8, ci=1, thorough=1)
"""Which of the listed cases are met: a part of them in seconds, all of them in a minute."""
TOGETHER = 25
"""Fuzzed files that are committed at once."""
FUZZED_FILES = -(-budget(dev=1, ci=1_700, thorough=12_000) // len(INSTALLED) // TOGETHER) * TOGETHER
FUZZED_NAMES = -(-budget(dev=6, ci=300, thorough=3_000) // len(INSTALLED))
"""On each backend."""

Case = tuple[str, str]


def wrong_with(cases: Iterable[Case], backend: str) -> dict[Case, list[str]]:
    """What came of the cases that should not have. Where one kills the process, another goes on with the rest."""
    left, wrong = list(cases), {}
    while left:
        with TemporaryDirectory(dir=MEMORY) as place:
            met, fate = meet(left, backend, Path(place))
        wrong.update({case: lines for case, lines in met.items() if lines})
        if len(met) < len(left) or fate:
            assert met, fate
            wrong.setdefault(left[len(met) - 1], []).append(fate)
        left = left[len(met) :]
    return wrong


def meet(cases: list[Case], backend: str, folder: Path) -> tuple[dict[Case, list[str]], str]:
    """What one process told of each case that it came to, and how it ended where it did not end well."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "tests.integrity.hostile.victim", backend],
        cwd=folder,
        input=json.dumps(cases),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    met: dict[Case, list[str]] = {}
    for record in map(json.loads, done.stdout.splitlines()):
        if "case" in record:
            lines = met[tuple(record["case"])] = []
        else:
            lines.extend(record["wrong"])
    return met, f"exit code {done.returncode}: {done.stderr[-2000:]}" if done.returncode else ""


@pytest.mark.parametrize("library", INSTALLED[: budget(dev=1, ci=3, thorough=3)])
def test_names_and_files_lead_to_an_error_of_ours_or_to_the_truth(library: str) -> None:
    listed = [("name", json.dumps(name)) for name in names.NAMES[::EVERY]]
    fuzzed = [("fuzzed name", str(seed)) for seed in range(FUZZED_NAMES)]
    in_place = [("file", case) for case in [*files.FILES][::EVERY]]
    # Not what has a terabyte: to tell its digest takes as long as its catalog says it is.
    committed = [
        ("committed file", case) for case in [*files.FILES][1 % EVERY :: EVERY] if case != "a terabyte of nothing"
    ]
    changed = [("fuzzed files", json.dumps([at, at + TOGETHER])) for at in range(0, FUZZED_FILES, TOGETHER)]
    cases = [*listed, *fuzzed, ("all names", ""), *in_place, *committed, *changed]
    assert wrong_with(cases, library) == {}
    count("hostile names", len(listed))
    count("hostile files", len(in_place) + len(committed))
    count("fuzzed names and files", len(fuzzed) + FUZZED_FILES)


def test_a_catalog_that_somebody_else_wrote_in_is_refused_or_harmless() -> None:
    cases = [("catalog", case) for case in [*catalogs.CATALOGS][::EVERY]]
    cases += [("row", case) for case in [*catalogs.ROWS][::EVERY]]
    assert wrong_with(cases, "pyarrow") == {}
    count("hostile catalogs", len(cases))


def test_the_lists_are_long_enough() -> None:
    assert len(set(names.NAMES)) >= 60
    assert len(files.FILES) + len(catalogs.CATALOGS) + len(catalogs.ROWS) >= 60


def test_the_victim_tells_what_it_should() -> None:
    bad = ["a pickle is loaded", "the interpreter dies", "something outside is changed"]
    wrong = wrong_with([("bait", case) for case in [*bad, "nothing"]], "pyarrow")
    assert [case for _, case in wrong] == bad
