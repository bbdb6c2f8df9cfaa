"""Guarantee 21: what many threads of many processes saw of one store could have happened one operation at a time."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from features.errors import CorruptFileError
from features.testing.history import Event
from features.testing.stress.crew import Crew, CrewError
from features.testing.stress.journal import Journal, read_journals
from features.testing.stress.verdict import verdict
from features.testing.stress.worker import Plan, Session, table_of
from tests.integrity.profiles import budget, count

SECONDS = 600
"""Bounds a machine that is too slow, or a store that has stopped."""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "journals").mkdir()
    return Plan(tmp_path / "store", tmp_path / "journals", threads=4)


def test_processes_and_threads_agree_with_the_history(plan: Plan) -> None:
    wanted = budget(dev=300, ci=3_000, thorough=50_000)
    with Crew(plan, method="spawn") as crew:
        crew.hire(budget(dev=2, ci=4, thorough=8))
        crew.open_gate()
        for _ in range(SECONDS):
            crew.watch(1)
            if len(read_journals(plan.journals).events) >= wanted:
                break
        else:
            pytest.fail(f"fewer than {wanted} operations in {SECONDS} seconds")
        crew.dismiss()
        assert len(crew) == 0
    found = verdict(plan)
    count("operations of processes and threads", len(found.events))
    assert found.ok, "\n".join(found.faults)
    assert found.cut_short == 0
    for kind in ("save", "load", "delete", "rollback", "conflict"):
        assert found.seconds(kind), f"no {kind} among {len(found.events)} operations"


def test_a_worker_that_ends_by_itself_is_noticed(plan: Plan) -> None:
    plan.folder.write_text("no folder")
    with Crew(plan) as crew:
        crew.hire(1)
        with pytest.raises(CrewError, match="did not open the store"):
            crew.open_gate()


@pytest.mark.parametrize("word", [Crew.open_gate, Crew.dismiss])
def test_a_worker_that_ended_before_it_was_told_something_is_noticed(plan: Plan, word: Callable[[Crew], None]) -> None:
    with Crew(plan) as crew:
        crew.hire(2)
        if word is Crew.dismiss:
            crew.open_gate()
        first, _ = sorted(multiprocessing.active_children(), key=lambda child: child.name)
        first.kill()
        first.join()
        with pytest.raises(CrewError, match=r"exit code (is )?-9"):
            word(crew)
    assert multiprocessing.active_children() == []


def do_steps(plan: Plan, number: int = 60) -> None:
    """One thread of this process does so many operations."""
    with Journal(plan.journals / "own.jsonl") as journal, plan.open() as store:
        session = Session(plan, store, journal, "own", 0)
        for _ in range(number):
            session.step()


def change_record(plan: Plan, wanted: Callable[[dict], bool], **changes: object) -> None:
    """Rewrite the journal so that the first event of such a kind that has ended says something else."""
    path = plan.journals / "own.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    event = next(one["event"] for one in records if one.get("event") and one["event"]["end"] and wanted(one["event"]))
    event.update(changes)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def test_one_thread_alone_is_found_to_be_well(plan: Plan, backend: str) -> None:
    do_steps(replace(plan, backend=backend))
    found = verdict(plan)
    assert found.ok, "\n".join(found.faults)
    assert found.acknowledged > 20


def test_an_acknowledged_save_that_is_not_there_is_lost(plan: Plan) -> None:
    do_steps(plan)
    change_record(plan, lambda event: event["kind"] == "save", tables={"a": "another"})
    found = verdict(plan)
    assert [line for line in found.lost if "another" in line]
    assert not found.ok


def test_a_version_that_is_gone_is_found(plan: Plan) -> None:
    do_steps(plan)
    with closing(sqlite3.connect(plan.folder / "catalog.sqlite3")) as catalog, catalog:
        catalog.execute("DELETE FROM versions WHERE version = 2")
    with pytest.raises(CorruptFileError, match="are missing"):
        verdict(plan)


def test_a_read_of_what_is_no_longer_current_is_found(plan: Plan) -> None:
    do_steps(plan)
    change_record(
        plan,
        lambda event: event["kind"] == "load" and event["at"] is event["asked"] is None,
        begin=1e9,
        end=2e9,
    )
    assert [line for line in verdict(plan).violations if line.startswith("read-your-writes")]


def test_a_load_of_two_saves_at_once_is_found(plan: Plan) -> None:
    do_steps(plan)
    change_record(plan, lambda event: event["kind"] == "load" and "a" in event["tables"], tables={"a": "nobody's"})
    assert [line for line in verdict(plan).violations if "torn read" in line]


@pytest.mark.parametrize("done", ["a", "b"])
def test_of_deletions_that_never_returned_the_one_that_took_effect_is_told_by_the_table(plan: Plan, done: str) -> None:
    group = plan.groups[0]
    with Journal(plan.journals / "own.jsonl") as journal, plan.open() as store:
        for name in ("a", "b"):
            saved = Event("own", group, "save", time.monotonic(), tables={name: f"made {name}"})
            store.save_features(group, {name: table_of(f"made {name}")}, write_id=f"made {name}")
            journal.event(replace(saved, end=time.monotonic()))
        for name in ("a", "b"):
            journal.event(Event("own", group, "delete", time.monotonic(), asked=(name,)))
        store.delete_feature(done, group)
    found = verdict(plan)
    assert found.ok, "\n".join(found.faults)
    assert found.cut_short_and_stored == 1


def test_an_error_that_a_worker_met_is_told(plan: Plan) -> None:
    do_steps(plan)
    for path in (plan.folder / "files").iterdir():
        path.write_bytes(b"")
    with Journal(plan.journals / "other.jsonl") as journal, plan.open() as store:
        Session(plan, store, journal, "other", 0).load("stress-1")
    found = verdict(plan)
    assert [line for line in found.failures if "CorruptFileError" in line]
    assert found.problems
