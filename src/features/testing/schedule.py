"""Threads of which one moves at a time, in an order that the test chooses, repeats and shrinks.

Each operation runs in a thread of its own and parks at every ``point``; whoever has the baton decides, by asking
``choose``, who has it next. Waiting is part of it: the scheduler is a ``Waiting``, so a thread that wants a lock
or a pause parks with a condition under which it may go on, and the clock only moves when nobody else can. Then
no thread ever blocks in C while it has the baton, a deadlock is seen as such rather than as a stuck run, and thirty
seconds of patience take no time at all.

Only what lies between two points is taken to be indivisible. What the processor and the interpreter may do within is
not explored: that is what the tests with real threads and processes are for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from features.store.waiting import Waiting
from features.testing.tasks import Killed, ScheduledLock, Task

WATCHDOG_SECONDS = 120.0
"""Real time in which a schedule must end: reached only by a thread that blocks outside of ``Waiting``."""

_LONG_PAUSE = 1.0
"""Virtual seconds that a pause takes at least: asking again after 0.2 ms would take 150,000 turns to lose patience."""


Choose: TypeAlias = Callable[[Sequence[int]], int]
"""Picks who goes on: a place among the numbers of the tasks that can. The first has the baton already, if it can."""


class DeadlockError(AssertionError):
    """Every thread that is left waits for another."""


class RunawayError(AssertionError):
    """A schedule that takes far more steps than it should."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice that was made: among how many, which, and whether another choice takes the baton from its holder."""

    among: int
    chosen: int
    preempts: bool


class Scheduler(Waiting):
    """Runs tasks by turns. Give it to the stores as their ``Waiting``, and its ``point`` to their drivers.

    Args:
        choose: who goes on, asked wherever more than one can.
        most_steps: points and waits that a schedule may take.
        early_timeouts: also let a wait end in a timeout while others could still go on, as on a slow machine.
    """

    def __init__(self, choose: Choose, *, most_steps: int = 5_000, early_timeouts: bool = False) -> None:
        self.decisions: list[Decision] = []
        self.trace: list[tuple[int, str]] = []
        """The points reached, each with the number of its task."""
        self.steps = 0
        """Counts on whenever something happens: a clock for histories."""
        self._choose = choose
        self._most_steps = most_steps
        self._early_timeouts = early_timeouts
        self._tasks: list[Task] = []
        self._current: Task | None = None
        self._progress = 0
        self._clock = 0.0
        self._failure: BaseException | None = None
        self._all_over = threading.Lock()

    def run(self, works: Sequence[Callable[[], Any]], processes: Sequence[object] | None = None) -> list[Task]:
        """Do each work in a task of its own, until all are over; ``processes`` says which can be killed together.

        Raises:
            DeadlockError: all that were left waited for each other.
            RunawayError: there was no end to it.
        """
        homes = processes or range(len(works))
        self._tasks = [Task(number, *each) for number, each in enumerate(zip(works, homes, strict=True))]
        self._all_over.acquire()
        self._pass_on(None)
        if not self._all_over.acquire(timeout=WATCHDOG_SECONDS):
            raise RuntimeError(f"a thread blocks outside of the scheduler, after {self.story()}")
        if self._failure is not None:
            raise self._failure
        return self._tasks

    def point(self, label: str) -> None:
        """A place where another thread may take over. Threads that are no task's just go on."""
        me = self._me()
        if me is not None:
            if me.dying:
                raise Killed
            self._progress += 1
            self.trace.append((me.number, label))
            self._park(me)

    def kill(self, process: object) -> None:
        """End every other task of a logical process where it stands, before anything else happens."""
        me = self._me()
        for task in self._tasks:
            task.dying = task.dying or (task.process == process and task is not me and not task.over)
        self.point("kill")

    def now(self) -> float:
        """Virtual seconds."""
        return self._clock

    def pause(self, seconds: float) -> None:
        """Wait until another task has done something, or nobody else can and time passes."""
        progress = self._progress
        self.wait_for(lambda: self._progress > progress, max(seconds, _LONG_PAUSE))

    def lock(self) -> ScheduledLock:
        """A lock that parks instead of blocking."""
        return ScheduledLock(self.wait_for)

    def wait_for(self, ready: Callable[[], bool], seconds: float | None) -> bool:
        """Park until ``ready``, or until so many virtual seconds have passed; whether it was ready."""
        if ready():
            return True
        me = self._me()
        if me is None:
            raise RuntimeError("a thread that is no task's would have to wait for one")
        if me.dying:
            raise Killed
        me.ready, me.late = ready, False
        me.until = None if seconds is None else self._clock + seconds
        try:
            self._park(me)
        finally:
            me.ready = me.until = None
        return not me.late

    def story(self) -> str:
        """The schedule, one line for each stretch of one task, and what repeats it."""
        lines: list[tuple[int, list[str]]] = []
        for number, label in self.trace:
            if not lines or lines[-1][0] != number:
                lines.append((number, []))
            lines[-1][1].append(label)
        told = "\n".join(f"  task {number}: {' '.join(labels)}" for number, labels in lines)
        again = f'replay("{self.line()}")'
        if self._early_timeouts:  # there is more to choose from, so the same choices mean another schedule without
            again = f"Scheduler({again}, early_timeouts=True)"
        return f"schedule:\n{told}\n{again}"

    def line(self) -> str:
        """The choices made, for ``replay``; zeros at the end go without saying."""
        chosen = [decision.chosen for decision in self.decisions]
        while chosen and not chosen[-1]:
            chosen.pop()
        return " ".join(map(str, chosen))

    def _me(self) -> Task | None:
        task = self._current
        return task if task is not None and task.worker.ident == threading.get_ident() else None

    def _park(self, me: Task) -> None:
        """Give the baton on, and wait for it unless it stays here."""
        if self._pass_on(me) is not me:
            me.worker.gate.acquire()
        if me.dying:
            raise Killed

    def _pass_on(self, me: Task | None) -> Task | None:
        self.steps += 1
        if self.steps == self._most_steps:
            self._fail(RunawayError(f"{self.steps} steps, and no end"))
        after = self._next(me)
        if after is me:
            return me
        self._current = after
        if after is None:
            self._all_over.release()
        elif after.worker.resting:
            after.worker.start(lambda: self._do(after))
        else:
            after.worker.gate.release()
        return after

    def _next(self, me: Task | None) -> Task | None:
        left = [task for task in self._tasks if not task.over]
        if not left:
            return None
        for task in left:
            if task.dying:
                return task
        able = [task for task in left if task.runnable]
        late = sorted((task for task in left if task.until is not None and task not in able), key=_deadline)[:1]
        preempts = me is not None and me in able
        if me is not None and preempts:
            able.remove(me)
            able.insert(0, me)
        if not able or self._early_timeouts:
            able += late
        if not able:
            self._fail(DeadlockError(f"tasks {[task.number for task in left]} wait for each other"))
            return left[0]
        chosen = able[self._decide(able, preempts)]
        if chosen in late:
            chosen.late = True
            self._clock = max(self._clock, _deadline(chosen))
        return chosen

    def _decide(self, able: Sequence[Task], preempts: bool) -> int:
        if len(able) == 1:
            return 0
        chosen = self._choose([task.number for task in able])
        self.decisions.append(Decision(len(able), chosen, preempts))
        return chosen

    def _fail(self, failure: BaseException) -> None:
        """Give the schedule up: every task is ended where it stands."""
        if self._failure is None:
            self._failure = failure
            for task in self._tasks:
                task.dying = not task.over

    def _do(self, task: Task) -> None:
        try:
            if not task.dying:
                task.value = task.work()
        except BaseException as error:  # noqa: BLE001  # the outcome of the task, for the test to judge
            task.error = error
        task.over = True
        self._progress += 1
        task.worker.rest()
        self._pass_on(task)


def _deadline(task: Task) -> float:
    return task.until or 0.0
