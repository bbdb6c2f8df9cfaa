"""Each script runs, says what it answers and measured, and its exit code says what it printed.

Whether a criterion holds is not asserted: on a machine that has other work, one may fail for no fault of ours.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.perf.conftest import PERF, Run

SCRIPTS = {
    "feature_generation": "feature generation at 100 movies",
    "store_throughput": "pandas: saving the three tables",
    "store_limits": "catalog, bytes for each version",
    "store_memory": "pandas: rise of a save over the frame",
    "concurrent_access": "8 threads, one store: acknowledged saves lost or changed",
    "stability": "saves and loads that failed after the disk was back",
    "memory_growth": "tables alive after collection",
    "cache_effect": "second load faster than the first",
    "startup": "features --help",
    "scaling": "pandas: tables that came back changed",
}
WITHOUT_CLOCK = (
    "lost or changed",
    "torn",
    "problems",
    "came back changed",
    "failed after",
    "alive",
    "stale",
    "counted",
)
"""Criteria with these words count what happened; they must hold on any machine."""


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_reports_and_its_exit_code_agrees(script: str, run: Run, tmp_path: Path) -> None:
    words = ("--backend", "pandas") if script == "store_memory" else ()  # else it starts two dozen processes
    ran = run(f"{script}.py", "--quick", *words, "--json", str(tmp_path / "report.json"))
    assert "Traceback" not in ran.stderr
    verdicts = re.findall(r"^  (PASS|FAIL)  (.+): [^ ]+ .*\(must be .+; margin .+\)$", ran.stdout, re.MULTILINE)
    assert SCRIPTS[script] in {name for _, name in verdicts}
    assert ran.returncode == (1 if "FAIL" in {verdict for verdict, _ in verdicts} else 0)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["script"] == script
    assert [("PASS" if each["passed"] else "FAIL", each["name"]) for each in report["criteria"]] == verdicts
    assert all(question in ran.stdout for question in report["questions"])
    assert report["measurements"] or report["series"]
    counted = [each for each in report["criteria"] if any(words in each["name"] for words in WITHOUT_CLOCK)]
    assert [each for each in counted if not each["passed"]] == []


def test_a_script_that_meets_an_impossible_criterion_exits_with_1(run: Run, tmp_path: Path) -> None:
    ran = run(
        "-c",
        "import sys, pathlib, measuring\n"
        "report = measuring.Report('x', measuring.settings_from([], None), ['?'], pathlib.Path.cwd())\n"
        "report.require('impossible', 1, '>=', 2, 'MB/s')\n"
        "sys.exit(report.finish())",
    )
    assert "FAIL  impossible: 1 MB/s (must be >= 2; margin -1)" in ran.stdout
    assert ran.returncode == 1


@pytest.mark.parametrize(
    ("pool", "job"),
    [
        ("ThreadPoolExecutor(2)", "lambda worker: threading.Event().wait()"),
        (
            # Two workers at a gate for three: in their processes, patience is as long as ever.
            "ProcessPoolExecutor(2, spawn, script.take_gate, (spawn.Barrier(3),))",
            "script.ProcessWork(sys.argv[1], 'pyarrow', 1)",
        ),
    ],
    ids=["threads", "processes"],
)
def test_workers_that_hang_end_the_measurement_and_none_is_left(run: Run, tmp_path: Path, pool: str, job: str) -> None:
    ran = run(  # which returns when nobody holds its output any more
        "-c",
        "import multiprocessing, sys, threading, concurrent_access as script\n"
        "spawn = multiprocessing.get_context('spawn')\n"
        "script.PATIENCE_SECONDS = 1\n"
        f"with script.{pool} as pool:\n"
        f"    script.run(pool, 2, {job})",
        str(tmp_path),
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("BROKE  2 of 2 workers had not ended after 1 seconds\n")


def test_wrong_use_is_not_a_failed_criterion(run: Run) -> None:
    ran = run("cache_effect.py", "--backend", "spreadsheet")
    assert ran.returncode == 2
    assert "spreadsheet" in ran.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="memray does not run on Windows")
def test_a_profile_leaves_real_flamegraphs_and_a_real_peak(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("memray", reason="memray is not installed here")
    ran = run("memray_profiles.py", "cache_effect", "cached_load", "--quick", "--out", str(tmp_path))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for name, views in {"cache_effect": ["peak"], "cached_load": ["peak", "temporary", "leaks"]}.items():
        flamegraphs = [(tmp_path / f"{name}.{view}.html").read_text(encoding="utf-8") for view in views]
        assert all(each.lstrip().lower().startswith("<!doctype html>") for each in flamegraphs)
        summary = (tmp_path / f"{name}.summary.txt").read_text(encoding="utf-8")
        largest, file = re.findall(r" MB +[\d,]+ allocations +(\w+) at (features/store/[\w/]+\.py):", summary)[0]
        assert f'"{largest}"' in flamegraphs[0]
        assert file in flamegraphs[0]
        stats = json.loads((tmp_path / f"{name}.stats.json").read_text(encoding="utf-8"))
        assert stats["metadata"]["peak_memory"] > 0
        assert re.search(rf"^{name} +[0-9.,]+ MB", ran.stdout, re.MULTILINE)
    assert "Still held after 10 rounds" in summary


def test_a_profile_that_left_an_empty_file_is_a_failure(
    memray_profiles: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leave_empty(profile: object, _given: object) -> None:
        for ending in profile.files:
            profile.path(ending).write_text("")

    monkeypatch.setattr(memray_profiles, "take", leave_empty)
    assert memray_profiles.main(["stability", "--out", str(tmp_path)]) == 1
    assert "FAIL  stability.peak.html is missing or empty" in capsys.readouterr().out


def test_a_profile_of_a_process_that_hangs_is_a_failure(
    memray_profiles: object, measuring: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: object
) -> None:
    (tmp_path / "stability.py").write_text("import threading; threading.Event().wait()")
    monkeypatch.setattr(memray_profiles, "HERE", tmp_path)
    monkeypatch.setattr(measuring, "SCRIPT_SECONDS", 3)
    assert memray_profiles.main(["stability", "--out", str(tmp_path)]) == 1
    told = capfd.readouterr()
    assert "FAIL  stability.bin is missing or empty" in told.out
    assert "killed, as it had not ended" in told.err


def test_every_script_of_the_users_criteria_is_profiled(memray_profiles: object) -> None:
    assert set(memray_profiles.SCRIPTS) == set(SCRIPTS) - {"store_limits", "store_memory", "startup", "scaling"}
    assert all((PERF / f"{script}.py").is_file() for script in SCRIPTS)
