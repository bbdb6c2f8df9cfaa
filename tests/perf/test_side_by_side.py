"""What takes turns is compared round by round, and the bare writer really leaves what it is compared for."""

from __future__ import annotations

import contextlib
import importlib
import os
import sqlite3
import time
from pathlib import Path
from types import ModuleType

import pytest

from tests.perf.conftest import PERF


@pytest.fixture
def side_by_side(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PERF))
    return importlib.import_module("side_by_side")


def test_the_order_is_reversed_every_second_round(side_by_side: ModuleType) -> None:
    done: list[str] = []
    rounds = side_by_side.Rounds()
    for _ in range(3):
        rounds.begin()
        rounds.turn({"one": lambda: done.append("one"), "two": lambda: done.append("two")})
    assert done in (["one", "two", "two", "one", "one", "two"], ["two", "one", "one", "two", "two", "one"])


def test_rounds_that_warm_up_leave_no_times(side_by_side: ModuleType) -> None:
    rounds = side_by_side.Rounds(warm_up=2)
    for _ in range(5):
        rounds.begin()
        rounds.turn({"work": lambda: None})
    assert len(rounds.times["work"]) == 3


def test_a_ratio_is_that_of_the_middle_round(side_by_side: ModuleType) -> None:
    rounds = side_by_side.Rounds()
    rounds.times = {"ours": [2.0, 30.0, 8.0], "bare": [1.0, 10.0, 1.0]}
    assert rounds.ratio("ours", "bare") == 3
    assert rounds.ratio("ours", "bare", times=2, plus=1) == pytest.approx(30 / 21)


def test_times_are_in_milliseconds(side_by_side: ModuleType) -> None:
    rounds = side_by_side.Rounds(warm_up=0)
    rounds.begin()
    rounds.turn({"sleep": lambda: time.sleep(0.01)}, settle=True)
    assert rounds.times["sleep"][0] >= 10


def test_bare_bytes_are_all_written_to_a_new_file_that_is_synced(
    side_by_side: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    bare = side_by_side.BareBytes(tmp_path / "bare", 12_345)
    bare.save()
    with pytest.raises(FileExistsError):
        bare.save()
    bare.forget()
    bare.save()
    assert sizes == [12_345, 12_345]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_bare_save_leaves_a_file_and_a_committed_row(side_by_side: ModuleType, library: str, tmp_path: Path) -> None:
    frame = pytest.importorskip(library).DataFrame({"value": [1.5, 2.5], "name": ["a", "b"]})
    with side_by_side.BareFiles(tmp_path / "bare", library) as bare:
        bare.save(frame)
        bare.save(frame)
        assert bare.read().equals(frame)
        with contextlib.closing(sqlite3.connect(tmp_path / "bare" / "rows.sqlite3")) as connection:
            rows = connection.execute("SELECT name FROM files").fetchall()
        assert rows == [("00000001.parquet",), ("00000002.parquet",)]
        bare.forget()
        assert not bare.path.exists()
