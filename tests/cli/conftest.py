"""Running the command line, in this process and as a process of its own, on stores in a temporary folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from features.engineering.movies import sample_movies
from tests.cli.running import Outcome, Run, leave_code

SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test starts in an empty folder, without settings from outside."""
    for name in ("FEATURES_STORE", "FEATURES_BACKEND", "FEATURES_TRACEBACK", "NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def run_here(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = leave_code(*arguments)
        return Outcome(code, *capsys.readouterr())

    return run_here


@pytest.fixture
def spawn() -> Run:
    """Run a command as ``python -m features`` on the uninstalled sources."""

    def run_there(*arguments: object, stdin: str = "", python: tuple[str, ...] = (), **settings: str) -> Outcome:
        done = subprocess.run(
            [sys.executable, *python, "-m", "features", *map(str, arguments)],
            input=stdin.encode(),
            capture_output=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(SOURCE), **settings},
            check=False,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run_there


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the group ``movies`` in two versions: ten movies, then eight and two refused records."""
    folder = tmp_path_factory.mktemp("built")
    movies = [{**movie, "movie_id": at} for at, movie in enumerate(sample_movies(10), start=1)]
    first, second = folder / "first.json", folder / "second.json"
    first.write_text(json.dumps(movies))
    second.write_text(json.dumps([*movies[:8], {"movie_id": 9}, {"movie_id": 1, "title": "again"}]))
    store, fixed = folder / "store", ("--as-of", "2026-01-01")
    assert leave_code("build", first, "--store", store, *fixed, "--message", "ten") == 0
    assert leave_code("build", second, "--store", store, *fixed, "--on-invalid", "reject") == 0
    return store


@pytest.fixture
def store(built_once: Path, tmp_path: Path) -> Path:
    """A copy of that store at ``store``, where commands look when they are not told."""
    shutil.copytree(built_once, tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def movie_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a list of records as a JSON file."""

    def write(records: object, name: str = "movies.json") -> Path:
        path = tmp_path / name
        path.write_text(records if isinstance(records, str) else json.dumps(records))
        return path

    return write
