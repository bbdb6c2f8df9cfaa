"""Changes that are committed together come to what each of them would alone, whatever stops the thread that commits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain

import pyarrow as pa
import pytest

from features.errors import BusyError, StorageError
from features.store.catalog.base import StoppedError
from features.store.catalog.queue import CommitQueue, Outcome
from features.store.versions import Change, Committed, NewFile
from features.testing.schedule import Scheduler
from features.testing.searches import exhaustive
from features.testing.tasks import Task

FILE = NewFile("0" * 32, 1, 1, bytes(16), pa.schema([]))
CHANGES = [Change("g", "plain"), Change("g", "with a file", tables={"t": FILE}), Change("g", "another")]


class Outside(BaseException):
    """What comes from outside, as Ctrl-C does."""


def explore(first: Callable[[list[Outcome]], None], judge: Callable[[list[Task], list[list[str]]], None]) -> None:
    """Commit all changes at once, in every order: ``first`` is what the first batch comes to. The others go well."""

    def run(scheduler: Scheduler) -> None:
        queue, batches = CommitQueue(timeout=60, waiting=scheduler), []

        def together(changes: list[Change], outcomes: list[Outcome]) -> None:
            batches.append([change.write_id for change in changes])
            scheduler.point("commit")
            outcomes[:] = (Committed(len(batches), {}, change.write_id) for change in changes)
            if len(batches) == 1:
                first(outcomes)

        def hold() -> None:
            with queue.alone():
                scheduler.point("held")

        tasks = scheduler.run([hold, *(partial(queue.commit, change, together) for change in CHANGES)])[1:]
        seen.add(len(batches[0]))
        judge(tasks, batches)
        assert not queue._waiting
        with queue.alone():
            pass

    seen: set[int] = set()
    exhaustive(run, preemptions=2)
    assert seen == {1, 2, 3}


def of(tasks: list[Task], batch: list[str]) -> list[object]:
    """What came of the changes in a batch."""
    return [task.error or task.value for change, task in zip(CHANGES, tasks, strict=True) if change.write_id in batch]


def test_outcomes_are_those_of_the_changes() -> None:
    def judge(tasks: list[Task], batches: list[list[str]]) -> None:
        assert [task.value.group for task in tasks] == [change.write_id for change in CHANGES]
        assert sorted(chain.from_iterable(batches)) == sorted(change.write_id for change in CHANGES)

    explore(lambda _: None, judge)


def test_what_stops_the_thread_that_committed_is_nothing_to_the_others() -> None:
    def first(_: list[Outcome]) -> None:
        raise Outside

    def judge(tasks: list[Task], batches: list[list[str]]) -> None:
        stopped = [outcome for outcome in of(tasks, batches[0]) if isinstance(outcome, Outside)]
        assert len(stopped) == 1
        others = [task for task in tasks if not isinstance(task.error, Outside)]
        assert all(task.error is None for task in others)
        assert sorted(chain.from_iterable(batches)) == sorted(
            change.write_id for change in CHANGES
        )  # none a second time

    explore(first, judge)


@pytest.mark.parametrize("outside", [Outside(), TimeoutError("the caller's deadline")])
def test_where_nobody_can_tell_a_change_is_repeated_and_its_files_written_anew(outside: BaseException) -> None:
    def first(outcomes: list[Outcome]) -> None:
        outcomes[:] = [None] * len(outcomes)
        raise outside

    def judge(tasks: list[Task], batches: list[list[str]]) -> None:
        leader = [task for task in tasks if task.error is outside]
        assert len(leader) == 1
        for change, task in zip(CHANGES, tasks, strict=True):
            if task in leader:
                continue
            if change.write_id in batches[0] and change.tables:
                assert isinstance(task.error, StoppedError)
            else:
                assert task.value.version > 1

    explore(first, judge)


def test_a_refusal_of_all_is_told_to_each_with_an_error_of_its_own() -> None:
    cause = OSError("full")

    def first(outcomes: list[Outcome]) -> None:
        outcomes.clear()
        raise StorageError("the disk is full", path="p", errno=None) from cause

    def judge(tasks: list[Task], batches: list[list[str]]) -> None:
        refused = of(tasks, batches[0])
        assert all(isinstance(error, StorageError) and error.__cause__ is cause for error in refused)
        assert len(set(map(id, refused))) == len(refused)
        assert sum(task.error is None for task in tasks) == len(tasks) - len(refused)

    explore(first, judge)


def test_a_commit_within_a_commit_is_refused_at_once() -> None:
    """As from a signal handler: it would wait for what it has interrupted."""
    queue = CommitQueue(timeout=60)
    with queue.alone(), pytest.raises(BusyError, match="in the midst of a commit"), queue.alone():
        pass
    with queue.alone():
        pass
