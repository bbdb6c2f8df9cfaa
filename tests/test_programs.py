"""The programs that users already run, unchanged but for where they find the library and keep their data.

What they print of speed is not judged here, where other tests run beside them: ``perf`` does that.
They lie beside the repository, where it is developed; elsewhere there is nothing to run.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import features

PROGRAMS = Path(__file__).resolve().parents[2] / "shared" / "programs"
SOURCE = Path(features.__file__).parents[1]

pytestmark = [
    pytest.mark.skipif(not PROGRAMS.is_dir(), reason="the programs are not beside this repository"),
    pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="the programs are written for pandas"),
]


def run(number: str, tmp_path: Path) -> str:
    """The output of one program, with its two folders mapped and nothing else changed."""
    program = (PROGRAMS / f"seed_{number}.py").read_text(encoding="utf-8")
    program = program.replace("/app/src", str(SOURCE)).replace("/app/data", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "FEATURES_BACKEND"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def figures(pattern: str, output: str) -> list[float]:
    return [float(found.replace(",", "")) for found in re.findall(pattern, output)]


def test_feature_generation_stays_within_300_mb(tmp_path: Path) -> None:
    output = run("1_1", tmp_path)
    growth = figures(r": ([\d.]+) MB\n", output)
    assert len(figures(r"([\d.]+) movies/sec ", output)) == 3
    assert max(growth) < 300


def test_every_table_of_the_throughput_program_is_saved_and_loaded(tmp_path: Path) -> None:
    assert len(figures(r"\(([\d.]+) MB/s\)", run("1_2", tmp_path))) == 6


def test_forty_of_forty_concurrent_rounds_succeed(tmp_path: Path) -> None:
    output = run("2_1", tmp_path)
    assert figures(r": (\d+)/5 ", output) == [5] * 8
    assert figures(r": ([\d.]+)%", output)[-1] == 100


def test_repeated_processing_grows_less_than_20_mb(tmp_path: Path) -> None:
    readings = figures(r"\d+: ([\d.]+) MB", run("3_1", tmp_path))
    assert len(readings) >= 10
    assert readings[-1] - readings[-10] < 20


def test_the_cache_program_finds_its_tables_in_the_cache(tmp_path: Path) -> None:
    output = run("4_1", tmp_path)
    assert len(figures(r": ([\d.]+)ms", output)) == 2
    assert "5/20" in output
