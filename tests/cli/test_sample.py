"""``features sample``: made-up movies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from features.engineering.movies import read_movies, sample_movies
from tests.cli.conftest import SOURCE
from tests.cli.running import Run


def test_movies_are_printed_one_a_line(run: Run) -> None:
    lines = run("sample", 3, "--seed", 5).out.splitlines()
    assert [json.loads(line) for line in lines] == sample_movies(3, seed=5)


def test_for_machines_they_are_one_document(run: Run) -> None:
    assert run("sample", 3, "--json").json == sample_movies(3)


def test_they_are_printed_as_they_are_made() -> None:
    command = [sys.executable, "-m", "features", "sample", "100000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(SOURCE)}) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.stdout.close()
        assert process.wait(timeout=60) == 141
    assert first == sample_movies(1)[0]


def test_one_is_told_in_the_singular(run: Run) -> None:
    assert run("sample", 1, "--out", "m.csv").out == "Wrote 1 movie to m.csv\n"
    assert run("sample", 1_000, "--out", "m.jsonl").out == "Wrote 1,000 movies to m.jsonl\n"


def test_none_at_all_is_a_number_too(run: Run) -> None:
    assert run("sample", 0).out == ""
    assert run("sample", 0, "--json").json == []


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "parquet"])
def test_every_file_reads_back_as_the_same_movies(run: Run, ending: str) -> None:
    run("sample", 20, "--out", "expected.jsonl")
    assert run("sample", 20, "--out", f"movies.{ending}").code == 0
    movies = read_movies(f"movies.{ending}")
    assert movies.rejected.num_rows == 0
    assert movies.table.equals(read_movies("expected.jsonl").table)


def test_a_file_that_is_there_stays_unless_forced(run: Run) -> None:
    Path("m.jsonl").write_text("mine")
    assert run("sample", 1, "--out", "m.jsonl").code == 1
    assert Path("m.jsonl").read_text() == "mine"
    assert run("sample", 1, "--out", "m.jsonl", "--force", "--json").json["movies"] == 1


@pytest.mark.parametrize(
    "arguments", [("-3",), ("100000001",), ("9" * 30,), ("many",), (), ("3", "--out", "movies.xml")]
)
def test_wrong_use_is_told(run: Run, arguments: tuple[str, ...]) -> None:
    outcome = run("sample", *arguments)
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")


def test_force_without_a_file_is_a_slip(run: Run) -> None:
    outcome = run("sample", 1, "--force")
    assert outcome.code == 2
    assert "it is for --out" in outcome.err
    assert outcome.out == ""
