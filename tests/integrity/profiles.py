"""How much is explored, by ``HYPOTHESIS_PROFILE``, and how much has been: told as a table at the end of a run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import pytest

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "dev")

T = TypeVar("T")

explored: Counter[str] = Counter()
"""What this process has tried so far, by the name of its line in the table."""

_PROPERTY = "explored: "


def budget(*, dev: int, ci: int, thorough: int) -> int:
    """How many of something to try in this profile."""
    return {"dev": dev, "ci": ci, "thorough": thorough}[PROFILE]


def count(what: str, by: int = 1) -> None:
    """Note that so many more have been tried: schedules, crash states, kills, corruptions, mutants."""
    explored[what] += by


def counted(what: str, run: Callable[[T], object]) -> Callable[[T], None]:
    """``run``, noted at every call, before it can fail."""

    def counting(argument: T) -> None:
        count(what)
        run(argument)

    return counting


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    """Keep what each test explored with its report, which is how it reaches the controller of parallel workers."""
    before = Counter(explored)
    try:
        return (yield)
    finally:
        item.user_properties.extend((_PROPERTY + what, number) for what, number in (explored - before).items())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table: one line for each kind of thing that was explored, over all tests and workers."""
    total: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                total.update(
                    {
                        name.removeprefix(_PROPERTY): n
                        for name, n in report.user_properties
                        if name.startswith(_PROPERTY)
                    }
                )
    if total:
        terminalreporter.section(f"explored, profile {PROFILE}")
        for what, number in sorted(total.items()):
            terminalreporter.write_line(f"{number:>9,}  {what}")
