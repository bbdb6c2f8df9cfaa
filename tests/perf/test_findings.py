"""What was fixed is measured by works that are there, and what is kept of it is what is listed."""

from __future__ import annotations

import importlib
import json
from types import ModuleType

import pytest

from tests.perf.conftest import PERF, Run


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PERF))
    return importlib.import_module("findings")


def test_every_finding_has_a_work_and_every_work_a_finding(findings: ModuleType) -> None:
    assert {finding.work for finding in findings.FINDINGS} == set(findings.WORKS)
    titles = [finding.title for finding in findings.FINDINGS]
    assert len(titles) == len(set(titles))


def test_what_is_kept_is_what_is_listed(findings: ModuleType) -> None:
    kept = json.loads((PERF / "findings.json").read_text(encoding="utf-8"))
    listed = {finding.title: finding for finding in findings.FINDINGS}
    assert len(kept) >= 5
    for each in kept:
        finding = listed[each["title"]]
        assert (each["learned"], each["fix"], each["work"]) == (finding.learned, finding.fix, finding.work)
        assert len(each["before"]) == len(each["after"])


def test_a_work_prints_its_figure(run: Run) -> None:
    ran = run("findings.py", "--only-work", "features_of_one")
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout) > 0


def test_a_commit_that_is_not_there_is_told(findings: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"no commit is called|git log failed"):
        findings.commit_called("No such thing was ever fixed")
