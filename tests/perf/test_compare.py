"""Two runs are compared by what differs beyond noise; over a tenth more is a regression, and exits with 1."""

from __future__ import annotations

import importlib
import json
import random
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from tests.perf.conftest import PERF

KEY = ("speed", "save", "ms")


@pytest.fixture
def comparing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PERF))
    return importlib.import_module("comparing")


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PERF))
    return importlib.import_module("compare")


def times(around: float, count: int = 40, *, seed: int = 0, spread: float = 0.05) -> list[float]:
    draw = random.Random(seed)
    return [around * draw.uniform(1 - spread, 1 + spread) for _ in range(count)]


def file(folder: Path, name: str, values: list[float], *, unit: str = "ms", cpu: str = "one") -> str:
    measurement = {"name": "save", "unit": unit, "values": values}
    report = {"script": "speed", "environment": {"CPU": cpu}, "measurements": [measurement]}
    (folder / name).write_text(json.dumps(report), encoding="utf-8")
    return str(folder / name)


@pytest.mark.parametrize(
    ("unit", "before", "after", "code", "said"),
    [
        ("ms", 10, 12, 1, "REGRESSION  speed: save: 10"),
        ("ms", 10, 10.7, 0, "worse       speed: save: 10"),
        ("ms", 10, 10, 0, "1 do not differ beyond noise"),
        ("ms", 12, 10, 0, "better      speed: save: 1"),
        ("MB/s", 12, 10, 1, "REGRESSION"),
        ("MB/s", 10, 12, 0, "better"),
        ("tables", 5, 50, 2, "nothing to compare"),
    ],
)
def test_two_files_are_compared(
    compare: ModuleType,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    unit: str,
    before: float,
    after: float,
    code: int,
    said: str,
) -> None:
    files = [
        file(tmp_path, "a.json", times(before), unit=unit),
        file(tmp_path, "b.json", times(after, seed=1), unit=unit),
    ]
    assert compare.main(files) == code
    assert said in capsys.readouterr().out


def test_a_difference_within_the_noise_is_no_regression_however_large(comparing: ModuleType) -> None:
    wide = [[1.0, 30.0, 10.0, 2.0, 25.0]], [[2.0, 33.0, 14.0, 1.0, 40.0]]
    (found,) = comparing.changes({KEY: wide[0]}, {KEY: wide[1]})
    assert found.ratio == 1.4
    assert not found.is_beyond_noise
    assert not found.is_regression


def test_a_slow_moment_of_the_machine_is_not_taken_for_a_change(comparing: ModuleType) -> None:
    rounds = [[1.0] * 4, [9.0] * 4, [1.0] * 4, [5.0] * 4, [1.0] * 4]
    slower = [[value * 1.02 for value in each] for each in rounds]
    (found,) = comparing.changes({KEY: rounds}, {KEY: slower})
    assert (round(found.low, 3), round(found.ratio, 3), round(found.high, 3)) == (1.02, 1.02, 1.02)


def test_one_odd_round_among_five_is_noise(comparing: ModuleType) -> None:
    before, after = [[1.0], [1.0], [1.0], [1.0], [1.0]], [[1.0], [0.98], [1.01], [5.0], [0.99]]
    (found,) = comparing.changes({KEY: before}, {KEY: after})
    assert not found.is_beyond_noise


def test_fewer_than_five_values_are_not_judged(comparing: ModuleType) -> None:
    assert list(comparing.changes({KEY: [[1.0] * 4]}, {KEY: [[9.0] * 4]})) == []
    assert len(list(comparing.changes({KEY: [[1.0]] * 5}, {KEY: [[9.0]] * 5}))) == 1


def test_values_of_no_change_hardly_ever_look_like_one(comparing: ModuleType) -> None:
    seen = [
        next(iter(comparing.changes({KEY: [times(10, seed=seed)]}, {KEY: [times(10, seed=1000 + seed)]})))
        for seed in range(60)
    ]
    assert sum(each.is_beyond_noise for each in seen) <= 4
    assert not any(each.is_regression for each in seen)


def test_a_file_of_a_whole_run_and_one_of_a_script_are_read_alike(comparing: ModuleType) -> None:
    report = {"script": "speed", "measurements": [{"name": "save", "unit": "ms", "values": [1.0]}]}
    whole = {"runs": [{"report": report}, {"report": None}]}
    assert comparing.measurements_of(whole) == comparing.measurements_of(report) == {KEY: [1.0]}


def test_files_from_different_machines_are_told(
    compare: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    compare.main([file(tmp_path, f"{cpu}.json", times(1), cpu=cpu) for cpu in ("one", "other")])
    assert "not alike in CPU: one | other" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [(), ("one.json",), ("--base", "HEAD", "no_such_script"), ("--rounds", "0", "a", "b")]
)
def test_wrong_use_is_told(compare: ModuleType, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        compare.main(words)
    assert "usage: " in capsys.readouterr().err


def test_a_revision_is_measured_on_its_own_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed here")
    monkeypatch.syspath_prepend(str(PERF))
    revisions = importlib.import_module("revisions")
    package, here = tmp_path / "clone" / "src" / "features", tmp_path / "clone" / "perf"
    package.mkdir(parents=True)
    here.mkdir()
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([git, "init", "-q", str(here.parent)], check=True)
    for value in ("before", "after"):
        (package / "__init__.py").write_text(f"SIDE = {value!r}\n")
        subprocess.run([git, "-C", str(here.parent), "add", "."], check=True)
        subprocess.run([git, "-C", str(here.parent), *who, "commit", "-q", "-m", value], check=True)
    monkeypatch.setattr(revisions, "HERE", here)
    with revisions.sources_at("HEAD~1") as sources:
        for where, side in ((sources, "before"), (here.parent / "src", "after")):
            assert revisions.run_on(where, ["-c", "import features; print(features.SIDE)"]).stdout == f"{side}\n"
    assert not sources.exists()
    with pytest.raises(SystemExit, match="git worktree failed"), revisions.sources_at("nowhere"):
        pass
