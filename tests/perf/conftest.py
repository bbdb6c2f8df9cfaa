"""The scripts of perf/ are run as a user runs them: in a process of their own."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

PERF = Path(__file__).resolve().parents[2] / "perf"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def perf_group() -> None:
    """The measurements are tried where their dependency group is installed: in tox, where all libraries are."""
    if importlib.util.find_spec("memray") is None:
        pytest.skip("the dependency group perf is not installed here")


@pytest.fixture
def run() -> Run:
    """Run a script of perf/, or ``-c`` and code, and capture what it prints."""

    def start(script: str, *words: str) -> subprocess.CompletedProcess[str]:
        called = [script] if script == "-c" else [str(PERF / script)]
        return subprocess.run(
            [sys.executable, *called, *words], cwd=PERF, capture_output=True, text=True, timeout=300, check=False
        )

    return start


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PERF))
    return importlib.import_module("measuring")


@pytest.fixture
def memray_profiles(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PERF))
    return importlib.import_module("memray_profiles")
