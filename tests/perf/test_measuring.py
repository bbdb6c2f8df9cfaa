"""The reporting, with figures passed in: whether a criterion holds is never left to this machine's speed."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import ModuleType

import pytest


@pytest.mark.parametrize(
    ("figure", "relation", "passed", "margin"),
    [
        (12.5, ">=", True, 2.5),
        (10, ">=", True, 0),
        (9, ">=", False, -1),
        (10, ">", False, 0),
        (4, "<", True, 6),
        (10, "<", False, 0),
        (10, "==", True, 0),
        (7, "==", False, -3),
        (13, "==", False, -3),
    ],
)
def test_a_criterion_compares_its_figure_with_its_limit(
    measuring: ModuleType, figure: float, relation: str, passed: bool, margin: float
) -> None:
    criterion = measuring.Criterion("speed", figure, relation, 10, "MB/s")
    assert criterion.passed is passed
    assert criterion.margin == margin
    assert str(criterion).startswith("PASS  speed: " if passed else "FAIL  speed: ")


@pytest.mark.parametrize("relation", [">=", ">", "<", "=="])
def test_a_figure_that_is_not_a_number_holds_nothing(measuring: ModuleType, relation: str) -> None:
    assert not measuring.Criterion("speed", math.nan, relation, 10, "MB/s").passed


def test_the_excellent_limit_is_told_and_does_not_decide(measuring: ModuleType) -> None:
    good = measuring.Criterion("speed", 3, ">=", 2, "times", excellent=5)
    assert good.passed
    assert good.is_excellent is False
    assert "not excellent" in str(good)
    assert measuring.Criterion("speed", 6, ">=", 2, "times", excellent=5).is_excellent is True


def test_p95_is_a_value_that_was_measured(measuring: ModuleType) -> None:
    twenty = measuring.Measurement("save", "ms", tuple(range(1, 21)))
    assert (twenty.median, twenty.p95) == (10.5, 19)
    assert measuring.Measurement("save", "ms", (3.0,)).p95 == 3.0


@pytest.mark.parametrize(("figure", "code"), [(11, 0), (9, 1)])
def test_the_exit_code_is_1_exactly_where_a_criterion_fails(
    measuring: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], figure: float, code: int
) -> None:
    report = a_report(measuring, tmp_path)
    report.require("always", 1, "==", 1, "")
    report.require("speed", figure, ">=", 10, "MB/s")
    assert report.finish() == code
    assert ("FAIL  speed: 9 MB/s (must be >= 10; margin -1)" in capsys.readouterr().out) is bool(code)


def test_the_json_holds_what_was_printed(
    measuring: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = a_report(measuring, tmp_path)
    report.measured("save", "ms", 1.0, 3.0, 2.0)
    report.followed("memory", "MB", "time", "s", [(0, 100.0), (1, 101.5)])
    report.require("speed", 9, ">=", 10, "MB/s", excellent=20)
    report.finish()
    told = json.loads((tmp_path / "deep" / "report.json").read_text(encoding="utf-8"))
    assert told["schema"] == measuring.SCHEMA
    assert told["measurements"] == [
        {"name": "save", "unit": "ms", "values": [1.0, 3.0, 2.0], "median": 2.0, "p95": 3.0, "repeats": 3}
    ]
    assert told["series"] == [
        {"name": "memory", "unit": "MB", "along": "time", "along_unit": "s", "points": [[0, 100.0], [1, 101.5]]}
    ]
    (criterion,) = told["criteria"]
    assert (criterion["margin"], criterion["passed"], criterion["is_excellent"]) == (-1, False, False)
    assert told["passed"] is False
    assert "save: median 2 ms, p95 3 ms (3 repeats)" in capsys.readouterr().out


def test_the_environment_names_what_figures_depend_on(measuring: ModuleType, tmp_path: Path) -> None:
    environment = measuring.environment(tmp_path)
    assert {"CPU", "memory", "disk", "Python", "libraries", "SQLite"} <= set(environment)
    assert all(environment.values())
    assert "journal mode" in environment["SQLite"]


def test_stores_are_removed_unless_a_folder_was_named(measuring: ModuleType, tmp_path: Path) -> None:
    with measuring.settings_from(["--quick"], None).folder() as temporary:
        assert temporary.is_dir()
    assert not temporary.exists()
    with measuring.settings_from(["--store", str(tmp_path / "kept")], None).folder() as kept:
        assert kept.parent == tmp_path / "kept"
    assert kept.is_dir()


def test_a_condition_that_never_comes_true_ends_the_wait(measuring: ModuleType) -> None:
    assert not measuring.wait_until(lambda: False, at_most_seconds=0)
    assert measuring.wait_until(lambda: True, at_most_seconds=0)


def a_report(measuring: ModuleType, folder: Path) -> object:
    settings = measuring.Settings("pandas", None, folder / "deep" / "report.json", quick=True)
    return measuring.Report("speed", settings, ["How fast?"], folder)
