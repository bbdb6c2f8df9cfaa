"""Ways to choose schedules: as drawn, by random priorities, all with few preemptions, or one again."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from features.testing.schedule import Choose, Decision, Scheduler


def replay(line: str) -> Choose:
    """The schedule that a failure printed; where the line ends, whoever runs goes on running."""
    return drawn([int(number) for number in line.split()])


def drawn(numbers: Sequence[int]) -> Choose:
    """One number for each choice, taken modulo what there is to choose from, then zeros.

    Drawn by Hypothesis, for instance as bytes, it shrinks to few choices that are not zero: to few preemptions.
    """
    left = iter(numbers)

    def choose(tasks: Sequence[int]) -> int:
        return next(left, 0) % len(tasks)

    return choose


def by_priority(seed: int, *, depth: int = 3, steps: int = 60) -> Choose:
    """Probabilistic concurrency testing: the task with the highest priority runs, and ``depth - 1`` times, at moments
    drawn beforehand among ``steps``, the one that runs becomes the lowest. A bug that takes ``depth`` events in the
    right order is met with a probability of at least 1 / (tasks x steps^(depth - 1)).

    From Burckhardt et al., "A randomized scheduler with probabilistic guarantees of finding bugs" (ASPLOS 2010).
    """
    drawing = random.Random(seed)  # noqa: S311  # not a secret
    changes = {drawing.randrange(steps) for _ in range(depth - 1)}
    priorities: dict[int, float] = {}
    step = 0

    def choose(tasks: Sequence[int]) -> int:
        nonlocal step
        for task in tasks:
            priorities.setdefault(task, 1 + drawing.random())
        first = max(tasks, key=priorities.__getitem__)
        if step in changes:
            priorities[first] = -step
            first = max(tasks, key=priorities.__getitem__)
        step += 1
        return tasks.index(first)

    return choose


@dataclass(frozen=True, slots=True)
class _Prefix:
    choices: tuple[int, ...]
    preemptions: int


def exhaustive(run: Callable[[Scheduler], None], *, preemptions: int, early_timeouts: bool = False) -> int:
    """Run every schedule with at most so many preemptions, those with fewer first; how many there were.

    ``run`` makes everything anew, lets the scheduler run it, and raises where something is wrong: what it raises then
    needs as few preemptions as any violation does. A note on it tells the schedule.
    """
    left = [deque[_Prefix]() for _ in range(preemptions + 1)]
    left[0].append(_Prefix((), 0))
    explored = 0
    while prefix := next((some.popleft() for some in left if some), None):
        scheduler = Scheduler(drawn(prefix.choices), early_timeouts=early_timeouts)
        told(run, scheduler)
        explored += 1
        for branch in _branches(prefix, scheduler.decisions):
            if branch.preemptions <= preemptions:
                left[branch.preemptions].append(branch)
    return explored


def told(run: Callable[[Scheduler], None], scheduler: Scheduler) -> None:
    """Run once; what goes wrong is told with the schedule that led to it."""
    try:
        run(scheduler)
    except Exception as error:
        error.add_note(scheduler.story())
        raise


def _branches(prefix: _Prefix, decisions: Sequence[Decision]) -> Iterator[_Prefix]:
    """What differs first in a choice after the prefix, where so far it was always zero."""
    for place in range(len(prefix.choices), len(decisions)):
        before = (*prefix.choices, *[0] * (place - len(prefix.choices)))
        for other in range(1, decisions[place].among):
            yield _Prefix((*before, other), prefix.preemptions + decisions[place].preempts)
