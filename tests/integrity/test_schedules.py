"""The scheduler itself: it explores what it says, repeats what it printed, and tells a deadlock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.testing.schedule import DeadlockError, RunawayError, Scheduler
from features.testing.searches import by_priority, drawn, exhaustive, replay
from features.testing.tasks import Killed


def letters(scheduler: Scheduler, seen: list[str], name: str, points: int):
    def work() -> None:
        for number in range(points):
            scheduler.point(f"{name}{number}")
            seen.append(name)

    return work


def test_without_choices_one_task_runs_after_the_other() -> None:
    scheduler = Scheduler(drawn([]))
    seen: list[str] = []
    scheduler.run([letters(scheduler, seen, name, 3) for name in "abc"])
    assert "".join(seen) == "aaabbbccc"


def test_every_interleaving_is_run_once() -> None:
    orders: list[str] = []

    def run(scheduler: Scheduler) -> None:
        seen: list[str] = []
        scheduler.run([letters(scheduler, seen, name, 2) for name in "ab"])
        orders.append("".join(seen))

    # A point parks before its letter, so the task that starts first has one decision more than it has letters.
    assert exhaustive(run, preemptions=10) == len(orders)
    assert set(orders) == {"aabb", "abab", "abba", "baab", "baba", "bbaa"}
    orders.clear()
    exhaustive(run, preemptions=0)
    assert orders == ["aabb", "bbaa"]


@given(st.binary(max_size=30), st.integers(0, 2**32))
def test_a_schedule_is_repeated_by_its_line(numbers: bytes, seed: int) -> None:
    for choose in (drawn(numbers), by_priority(seed)):
        first = Scheduler(choose)
        first.run([letters(first, [], name, 4) for name in "abc"])
        again = Scheduler(replay(first.line()))
        again.run([letters(again, [], name, 4) for name in "abc"])
        assert first.trace == again.trace


def test_locks_taken_in_two_orders_are_found_to_deadlock() -> None:
    def run(scheduler: Scheduler) -> None:
        one, two = scheduler.lock(), scheduler.lock()

        def work(first, second) -> None:
            with first:
                scheduler.point("between")
                with second:
                    scheduler.point("inside")

        scheduler.run([lambda: work(one, two), lambda: work(two, one)])

    exhaustive(run, preemptions=0)
    with pytest.raises(DeadlockError) as caught:
        exhaustive(run, preemptions=1)
    (note,) = caught.value.__notes__
    assert note.endswith('replay("0 1")')
    with pytest.raises(DeadlockError):
        run(Scheduler(replay("0 1")))


def test_a_wait_ends_in_virtual_time() -> None:
    scheduler = Scheduler(drawn([]))
    lock = scheduler.lock()

    def hold() -> None:
        with lock:
            assert not scheduler.wait_for(lambda: False, 100)

    def want() -> bool:
        return lock.acquire(timeout=30)

    tasks = scheduler.run([hold, want])
    assert [task.error for task in tasks] == [None, None]
    assert tasks[1].value is False
    assert scheduler.now() == 100


def test_early_timeouts_are_choices() -> None:
    outcomes = set()

    def run(scheduler: Scheduler) -> None:
        lock = scheduler.lock()

        def work() -> bool:
            if not lock.acquire(timeout=30):
                return False
            scheduler.point("held")
            lock.release()
            return True

        outcomes.add(tuple(task.value for task in scheduler.run([work, work])))

    exhaustive(run, preemptions=2)
    assert outcomes == {(True, True)}
    exhaustive(run, preemptions=2, early_timeouts=True)
    assert outcomes == {(True, True), (True, False), (False, True)}


def test_a_schedule_with_early_timeouts_is_replayed_with_them() -> None:
    def run(scheduler: Scheduler) -> None:
        lock = scheduler.lock()

        def work() -> None:
            assert lock.acquire(timeout=30), "waited too long"
            scheduler.point("held")
            lock.release()

        for task in scheduler.run([work, work]):
            if task.error is not None:
                raise task.error

    with pytest.raises(AssertionError, match="waited too long") as found:
        exhaustive(run, preemptions=2, early_timeouts=True)
    printed = found.value.__notes__[0].splitlines()[-1]
    with pytest.raises(AssertionError, match="waited too long"):
        run(eval(printed, {"Scheduler": Scheduler, "replay": replay}))


def test_a_killed_process_does_nothing_more() -> None:
    scheduler = Scheduler(replay("1 0 1"))
    seen: list[str] = []
    works = [lambda: scheduler.kill("p"), letters(scheduler, seen, "a", 5), letters(scheduler, seen, "b", 2)]
    tasks = scheduler.run(works, ["killer", "p", "q"])
    assert "".join(seen) == "abb"
    assert isinstance(tasks[1].error, Killed)
    assert tasks[2].error is None


def test_what_never_ends_is_told() -> None:
    scheduler = Scheduler(drawn([]), most_steps=50)

    def forever() -> None:
        while True:
            scheduler.point("again")

    with pytest.raises(RunawayError):
        scheduler.run([forever, forever])
