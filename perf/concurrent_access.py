"""Whether many can use stores at once, and whether anything that was acknowledged is ever lost.

Three scenes: 8 threads with a store each; 8 threads that share one store; 4 processes that open the same folder.
A worker saves two tables in one call, loads the whole group, and pauses for a moment. A round is a success when its
own tables came back with the right content and no version showed one table of a pair without its other half.
Afterwards every version is read again by a new store: each acknowledged save must be found there, value for value.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from measuring import Report, Settings, milliseconds, settings_from  # first: it finds a clone's src
from tables import equal, table

# isort: split
import numpy as np

from features import FeatureStoreConfig, SimpleFeatureStore
from features.frames import Backend, Frame

THREADS = 8
PROCESSES = 4
ROUNDS = 5
HALVES = ("left", "right")
PATIENCE_SECONDS = 300
"""Workers that have not ended by then hang; that is an error, not a slow run."""


@dataclass
class Outcome:
    """What one worker did."""

    worker: int
    acknowledged: list[int] = field(default_factory=list)
    """Rounds whose save returned."""
    succeeded: int = 0
    errors: list[str] = field(default_factory=list)
    torn: int = 0
    """Loads that showed half of a pair."""
    saves: list[float] = field(default_factory=list)
    """In milliseconds, as are the loads."""
    loads: list[float] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report, and return the exit code."""
    settings = settings_from(arguments, __doc__)
    questions = (
        "What share of rounds succeeds when 8 threads save and load at the same time?",
        "And when they share one store, or when 4 processes share one folder?",
        "Is every acknowledged save found afterwards, with the content that was saved?",
        "How long do a save and a load take meanwhile?",
    )
    rounds = 2 if settings.quick else ROUNDS
    with settings.folder() as folder:
        report = Report("concurrent_access", settings, questions, folder)
        own_stores(report, settings, folder, rounds)
        one_store(report, settings, folder / "shared", rounds)
        one_folder(report, settings, folder / "processes", rounds, 2 if settings.quick else PROCESSES)
    return report.finish()


def own_stores(report: Report, settings: Settings, folder: Path, rounds: int) -> None:
    """Threads that have nothing in common but the process."""
    gate = threading.Barrier(THREADS)
    folders = [folder / f"own_{worker}" for worker in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = run(
            pool, THREADS, lambda worker: work_alone(folders[worker], settings.backend, worker, rounds, gate)
        )
    lost = sum(count_lost(place, settings.backend, [outcome]) for place, outcome in zip(folders, outcomes, strict=True))
    tell(report, f"{THREADS} threads, a store each", outcomes, THREADS * rounds, lost)


def one_store(report: Report, settings: Settings, folder: Path, rounds: int) -> None:
    """Threads that use the same store object and the same group."""
    gate = threading.Barrier(THREADS)
    with SimpleFeatureStore(FeatureStoreConfig(folder, backend=settings.backend)) as store:
        with ThreadPoolExecutor(THREADS) as pool:
            outcomes = run(pool, THREADS, lambda worker: work(store, worker, rounds, gate))
        problems = store.check(deep=True).problems
    lost = count_lost(folder, settings.backend, outcomes)
    tell(report, f"{THREADS} threads, one store", outcomes, THREADS * rounds, lost)
    report.require(f"{THREADS} threads, one store: problems found by a deep check", len(problems), "==", 0, "problems")


def one_folder(report: Report, settings: Settings, folder: Path, rounds: int, processes: int) -> None:
    """Processes that each open the same folder and write to the same group."""
    context = multiprocessing.get_context("spawn")  # dataframe libraries have threads of their own: no fork
    gate = context.Barrier(processes)
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=take_gate, initargs=(gate,))
    with pool:
        outcomes = run(pool, processes, ProcessWork(folder, settings.backend, rounds))
    with SimpleFeatureStore(FeatureStoreConfig(folder, backend=settings.backend)) as store:
        problems = store.check(deep=True).problems
    lost = count_lost(folder, settings.backend, outcomes)
    tell(report, f"{processes} processes, one folder", outcomes, processes * rounds, lost)
    report.require(
        f"{processes} processes, one folder: problems found by a deep check", len(problems), "==", 0, "problems"
    )


def run(pool: Executor, workers: int, job: Callable[[int], Outcome]) -> list[Outcome]:
    """Let all workers do ``job`` at the same time."""
    futures = [pool.submit(job, worker) for worker in range(workers)]
    if hanging := wait(futures, timeout=PATIENCE_SECONDS).not_done:
        give_up(f"{len(hanging)} of {workers} workers had not ended after {PATIENCE_SECONDS} seconds")
    return [future.result() for future in futures]


def give_up(why: str) -> NoReturn:
    """End at once: whoever leaves a pool, by an error too, waits for those who hang."""
    print(f"BROKE  {why}", file=sys.stderr)
    for process in multiprocessing.active_children():
        process.kill()
    sys.stdout.flush()
    os._exit(2)


_gate: threading.Barrier | None = None
"""In a worker process: where all of them wait for each other. A barrier cannot be sent with a job."""


def take_gate(gate: threading.Barrier) -> None:
    """Set a new worker process up."""
    global _gate  # an initializer has no other way to hand something to the jobs
    _gate = gate


@dataclass(frozen=True)
class ProcessWork:
    """``work_alone`` as a value that can be sent to another process."""

    folder: Path
    backend: Backend
    rounds: int

    def __call__(self, worker: int) -> Outcome:
        """Do it there."""
        return work_alone(self.folder, self.backend, worker, self.rounds, _gate)


def work_alone(folder: Path, backend: Backend, worker: int, rounds: int, gate: threading.Barrier | None) -> Outcome:
    """Open a store, and work with it."""
    with SimpleFeatureStore(FeatureStoreConfig(folder, backend=backend)) as store:
        return work(store, worker, rounds, gate)


def work(store: SimpleFeatureStore[Frame], worker: int, rounds: int, gate: threading.Barrier | None) -> Outcome:
    """``rounds`` rounds, beginning when all workers are there."""
    outcome = Outcome(worker)
    pause = np.random.default_rng(worker)
    if gate is not None:
        gate.wait(timeout=PATIENCE_SECONDS)
    for number in range(rounds):
        try:
            one_round(store, outcome, number)
        except Exception as error:  # noqa: BLE001  # whatever made a round fail is counted and told
            outcome.errors.append(f"{type(error).__name__}: {error}")
        time.sleep(pause.uniform(0.01, 0.05))
    return outcome


def one_round(store: SimpleFeatureStore[Frame], outcome: Outcome, number: int) -> None:
    """Save a pair, load the group, and look at every pair in it."""
    backend = store.config.resolved_backend()
    pair = {name_of(half, outcome.worker): content(backend, outcome.worker, number) for half in HALVES}
    outcome.saves.append(milliseconds(lambda: store.save_features("group", pair)))
    outcome.acknowledged.append(number)
    loaded: dict[str, Frame] = {}
    outcome.loads.append(milliseconds(lambda: loaded.update(store.get_features(None, "group"))))
    workers = {int(frame["worker"][0]) for frame in loaded.values()}
    torn = sum(not whole(loaded, worker) for worker in workers)
    own = all(equal(loaded[name], frame) for name, frame in pair.items())
    outcome.torn += torn
    outcome.succeeded += own and not torn


def whole(tables: dict[str, Frame], worker: int) -> bool:
    """Whether a version shows both halves of a worker's pair, and of the same save."""
    left, right = (tables.get(name_of(half, worker)) for half in HALVES)
    return left is not None and right is not None and equal(left, right)


def name_of(half: str, worker: int) -> str:
    """The name of one table of a worker's pair."""
    return f"{half}_{worker}"


def content(backend: Backend, worker: int, number: int) -> Frame:
    """What a worker saves in a round: the same wherever it is made, and different in every round."""
    draw = np.random.default_rng([worker, number])
    columns = {"id": np.arange(50), "worker": np.full(50, worker), "round": np.full(50, number)}
    return table(backend, {**columns, "value": draw.random(50)})


def count_lost(folder: Path, backend: Backend, outcomes: Sequence[Outcome]) -> int:
    """Acknowledged saves that no version of the group has, with both tables and every value."""
    acknowledged = {(outcome.worker, number) for outcome in outcomes for number in outcome.acknowledged}
    if not acknowledged:
        return 0
    found: set[tuple[int, int]] = set()
    with SimpleFeatureStore(FeatureStoreConfig(folder, backend=backend)) as store:
        for version in store.versions("group"):
            found |= intact_saves(store.get_features(None, "group", version=version.version), backend)
    return len(acknowledged - found)


def intact_saves(tables: dict[str, Frame], backend: Backend) -> set[tuple[int, int]]:
    """Worker and round of every pair in a version whose halves both are what was saved."""
    intact = set()
    for frame in tables.values():
        worker, number = int(frame["worker"][0]), int(frame["round"][0])
        expected = content(backend, worker, number)
        halves = [tables.get(name_of(half, worker)) for half in HALVES]
        if all(half is not None and equal(half, expected) for half in halves):
            intact.add((worker, number))
    return intact


def tell(report: Report, scene: str, outcomes: Sequence[Outcome], rounds: int, lost: int) -> None:
    """A scene's figures and its criteria."""
    succeeded = sum(outcome.succeeded for outcome in outcomes)
    saves = [each for outcome in outcomes for each in outcome.saves]
    loads = [each for outcome in outcomes for each in outcome.loads]
    for name, times in (("save of two tables", saves), ("load of the group", loads)):
        if times:  # else no round came so far
            report.measured(f"{scene}: {name}", "ms", *times)
    report.measured(f"{scene}: rounds that succeeded, of {rounds}", "rounds", succeeded)
    for error in sorted({error for outcome in outcomes for error in outcome.errors}):
        print(f"    {error}")
    report.require(f"{scene}: success rate", 100 * succeeded / rounds, ">=", 90, "%", excellent=95)
    report.require(f"{scene}: acknowledged saves lost or changed", lost, "==", 0, "saves")
    report.require(f"{scene}: torn loads", sum(outcome.torn for outcome in outcomes), "==", 0, "loads")


if __name__ == "__main__":
    sys.exit(main())
