"""The comparison with other libraries runs with whichever of them are there, and says which are not."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from tests.perf.conftest import PERF, Run


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PERF))
    return importlib.import_module("peers")


def test_peers_reports_and_its_exit_code_agrees(run: Run, tmp_path: Path) -> None:
    ran = run("peers.py", "--quick", "--json", str(tmp_path / "report.json"))
    assert "Traceback" not in ran.stderr
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert ran.returncode == (0 if report["passed"] else 1)
    assert all(each["passed"] for each in report["criteria"] if "came back changed" in each["name"])
    for package, name in {"arcticdb": "ArcticDB", "deltalake": "Delta", "lance": "Lance", "duckdb": "DuckDB"}.items():
        there = importlib.util.find_spec(package) is not None
        assert (f"save, {name}:" in ran.stdout) is there
        assert bool(re.search(rf"  {name} is left out: .*{package}.* is not installed", ran.stdout)) is not there


def test_without_strace_everybody_is_taken_to_sync(
    peers: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert not peers._can_trace()
    assert "taken for granted" in capsys.readouterr().out


def test_a_store_that_does_not_sync_may_be_ahead_only_where_tables_are_large(peers: ModuleType, tmp_path: Path) -> None:
    for rows, limits in {50: {"ArcticDB": 1.0, "Lance": 1.0}, 1_000_000: {"ArcticDB": 1.0, "Lance": 1.3}}.items():
        report = told(peers, tmp_path, rows, synced={"ours on polars", "ArcticDB"})
        saves = {each["name"]: each["limit"] for each in report["criteria"] if "our save" in each["name"]}
        assert {name: saves[next(text for text in saves if name in text)] for name in limits} == limits


def test_a_save_must_be_clearly_ahead_of_the_best_that_syncs(peers: ModuleType, tmp_path: Path) -> None:
    report = told(peers, tmp_path, 10_000, synced={"ours on polars", "ArcticDB"})
    (best,) = (each for each in report["criteria"] if "the best save that syncs" in each["name"])
    assert (best["figure"], best["limit"], best["passed"]) == (2.0, 1.4, True)


def told(peers: ModuleType, folder: Path, rows: int, synced: set[str]) -> dict[str, list[dict[str, object]]]:
    """The report on times that are made up: ours 10 ms, ArcticDB's 20 ms, Lance's 5 ms."""
    here = [peer for peer in peers.PEERS if peer.name in {"ours on polars", "ArcticDB", "Lance"}]
    settings = importlib.import_module("measuring").Settings("pandas", None, None, quick=True)
    report = importlib.import_module("measuring").Report("peers", settings, ["?"], folder)
    rounds = importlib.import_module("side_by_side").Rounds()
    rounds.times = {"save, ours on polars": [10.0], "save, ArcticDB": [20.0], "save, Lance": [5.0]}
    size = importlib.import_module("store_sizes").Size(rows, 31, 1)
    peers._require_saves(report, size, rounds, here, synced)
    return report.as_dict()
