"""``stress``: the verdict on a store of its own, and hands off any other."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from tests.cli.running import Run
from tests.cli.test_process import Terminal

SMALL = ("--processes", "2", "--threads", "2", "--seconds", "1")


def test_nothing_is_wrong_and_all_is_counted(run: Run) -> None:
    outcome = run("stress", *SMALL, "--seconds", "3", "--kill", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    found = outcome.json
    assert found["ok"] is True
    assert found["lost"] == found["violations"] == found["problems"] == found["failures"] == []
    assert found["acknowledged"] == sum(found["operations"][kind]["count"] for kind in ("save", "delete", "rollback"))
    assert found["operations"]["save"]["count"] > 0
    assert found["operations"]["save"]["p50_ms"] <= found["operations"]["save"]["p99_ms"]
    assert Path("stress/catalog.sqlite3").is_file()


def test_a_person_reads_a_table_and_the_verdict_also_on_the_folder_of_an_earlier_run(run: Run) -> None:
    for _ in range(2):
        outcome = run("stress", *SMALL)
        assert outcome.code == 0, outcome.err
        assert "P99 MS" in outcome.out
        assert "Verdict:      no violation in " in outcome.out
    groups = [one["group"] for one in run("ls", "--store", "stress", "--json").json["groups"]]
    assert len(groups) == 4
    assert all(group.startswith("stress-") for group in groups)


def test_a_store_that_loses_is_told_with_exit_code_1(run: Run) -> None:
    assert run("stress", *SMALL).code == 0
    for path in Path("stress/files").glob("*.parquet"):
        with path.open("r+b") as file:
            file.write(b"????")
    outcome = run("stress", *SMALL)
    assert outcome.code == 1
    assert "fault" in outcome.out


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_store_with_groups_of_others_is_left_alone(run: Run, store: Path) -> None:
    before = everything_in(store)
    outcome = run("stress", *SMALL, "--store", store)
    assert (outcome.code, outcome.out) == (1, "")
    assert "holds the group movies, which this must not touch; name a new folder" in outcome.err
    assert everything_in(store) == before


@pytest.mark.parametrize("group", ["stress-mine", "stress-0123abcd-1", "stress-0123abcd-12", "xstress-0123abcd-1"])
def test_a_group_of_somebody_is_left_alone_whatever_its_name(run: Run, group: str) -> None:
    with SimpleFeatureStore(FeatureStoreConfig("mine", backend="pyarrow")) as store:
        for number in range(3):
            store.save_features(group, {"a": pa.table({"x": [number]})})
    before = everything_in(Path("mine"))
    outcome = run("stress", *SMALL, "--store", "mine")
    assert (outcome.code, outcome.out) == (1, "")
    assert f"holds the group {group}, which this must not touch" in outcome.err
    assert everything_in(Path("mine")) == before


def test_a_folder_with_other_files_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("once")
    for store in ("thesis", "thesis/chapter.txt"):
        outcome = run("stress", *SMALL, "--store", store)
        assert outcome.code == 1
        assert outcome.err.count("\n") == 1
    assert list(everything_in(tmp_path / "thesis").values()) == [b"once"]


def test_a_store_that_cannot_be_made_is_told_before_any_process_is_started(spawn: Run) -> None:
    Path("file").touch()
    outcome = spawn("stress", *SMALL, "--store", "file/below")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == spawn("build", "--sample", "2", "--store", "file/below").err
    assert outcome.err.count("\n") == 1
    assert "a bug" not in outcome.err


@pytest.mark.parametrize("wrong", ["--processes=0", "--threads=x", "--seconds=0", "--seconds=1e9", "--kill=9"])
def test_wrong_options_are_told_in_one_sentence(run: Run, wrong: str) -> None:
    outcome = run("stress", wrong)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert not Path("stress").exists()


def test_an_interrupt_while_processes_start_is_one_sentence() -> None:
    with Terminal("stress", "--processes", "3", "--seconds", "600") as terminal:
        command = psutil.Process(terminal.process.pid)
        deadline = time.monotonic() + 60
        while not (servers := [one for one in command.children() if "forkserver" in str(one.cmdline())]):
            assert time.monotonic() < deadline, terminal.shown
        while servers[0].cpu_times().user < 0.1:  # then it is at its imports
            assert time.monotonic() < deadline, terminal.shown
        for process in (*servers, command):  # as Ctrl-C at a terminal does
            process.send_signal(signal.SIGINT)
        assert terminal.ended() in {130, -signal.SIGINT}
    assert psutil.wait_procs(servers, timeout=60)[1] == []
    assert "error: interrupted" in terminal.shown
    assert "Traceback" not in terminal.shown


def test_an_interrupt_ends_every_process_and_leaves_the_store_whole(run: Run) -> None:
    with Terminal("stress", "--processes", "3", "--threads", "2", "--seconds", "600") as terminal:
        terminal.wait_for("saving and loading")
        started = psutil.Process(terminal.process.pid).children(recursive=True)
        os.kill(terminal.process.pid, signal.SIGINT)
        assert terminal.ended() in {130, -signal.SIGINT}
    assert len(started) >= 3
    assert psutil.wait_procs(started, timeout=60)[1] == []
    assert "error: interrupted" in terminal.shown
    assert "Traceback" not in terminal.shown
    assert json.loads(run("check", "--deep", "--store", "stress", "--json").out)["ok"] is True
