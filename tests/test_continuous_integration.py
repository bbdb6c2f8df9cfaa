"""What runs when the project is hosted is what runs on a contributor's machine: tox, and nothing besides."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
TOX = configparser.ConfigParser(interpolation=None)
TOX.read(ROOT / "tox.ini", encoding="utf-8")


def listed(name: str) -> list[str]:
    """The values of a list that stands on one line of the workflow."""
    (found,) = re.findall(rf"^ +{name}: \[(.+)\]$", WORKFLOW, re.MULTILINE)
    return found.split(", ")


def test_every_step_installs_tox_or_calls_it() -> None:
    steps = [step.partition(" #")[0] for step in re.findall(r"- run: (.+)$", WORKFLOW, re.MULTILINE)]
    assert steps
    assert [step for step in steps if not re.fullmatch(r"python -m pip install tox|tox -e [\w${} .-]+", step)] == []
    assert "run: |" not in WORKFLOW


def test_every_environment_that_is_called_exists() -> None:
    called = {*re.findall(r"- run: tox -e (\w+)(?: #.*)?$", WORKFLOW, re.MULTILINE), *listed("environment")}
    assert {name for name in called if f"testenv:{name}" not in TOX} == set()
    assert {"lint", "types", "lowest", "integrity", "coverage", "memray", "perf", "thorough"} <= called


def test_every_python_and_set_of_libraries_of_tox_is_tested() -> None:
    (pythons, libraries) = re.search(r"py\{([\d,]+)\}-\{([\w,]+)\}", TOX["tox"]["env_list"]).groups()
    assert listed("libraries") == libraries.split(",")
    assert re.findall(r"factor: py(\d+)", WORKFLOW) == pythons.split(",")
    for version, factor in re.findall(r'version: "([\d.]+)", factor: py(\d+)', WORKFLOW):
        assert version.replace(".", "") == factor


def test_actions_are_pinned_to_a_major_version() -> None:
    used = re.findall(r"uses: (.+)$", WORKFLOW, re.MULTILINE)
    assert used
    assert [action for action in used if not re.fullmatch(r"actions/[\w-]+@v\d+", action)] == []
