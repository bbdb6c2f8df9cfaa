"""Eight threads on one store, and four processes on one folder, against one of them: what it gains, and who waits."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from measuring import Measurement, Report, milliseconds  # first: it finds a clone's src
from tables import random_floats

# isort: split
from features import FeatureStoreConfig, SimpleFeatureStore
from features.frames import Backend, Frame

THREADS = 8
PROCESSES = 4
ROWS, COLUMNS = 1000, 10


def compare_crowds(report: Report, folder: Path, backend: Backend, *, quick: bool) -> None:
    """One and many in turn, for as long each; savers work in the same group, on a table each."""
    seconds, turns = (0.3, 1) if quick else (1.5, 3)
    frame = random_floats(backend, ROWS, COLUMNS)
    with SimpleFeatureStore(FeatureStoreConfig(folder / "threads", backend=backend)) as store:
        run = Threads(lambda each: store.save_features("group", {f"table_{each}": frame}), seconds)
        run(THREADS)  # the libraries' pools, and a connection for each thread
        _compare(report, f"{THREADS} threads, one store", run, THREADS, turns, seconds)
    many = 2 if quick else PROCESSES
    with Processes(folder / "processes", backend, seconds, many) as processes:
        processes(many)
        _compare(report, f"{many} processes, one folder", processes, many, turns, seconds)


def _compare(
    report: Report, scene: str, run: Callable[[int], list[list[float]]], many: int, turns: int, seconds: float
) -> None:
    alone: list[list[float]] = []
    together: list[list[float]] = []
    gains: list[float] = []
    for turn in range(turns):
        for count in (1, many) if turn % 2 else (many, 1):
            (alone if count == 1 else together).extend(run(count))
        gains.append(sum(map(len, together[-many:])) / len(alone[-1]))
    report.measured(f"{scene}: saves of one alone", "saves/s", *(len(each) / seconds for each in alone))
    of_all = [sum(map(len, together[turn : turn + many])) / seconds for turn in range(0, len(together), many)]
    report.measured(f"{scene}: saves of all together", "saves/s", *of_all)
    times = report.measured(f"{scene}: a save among them", "ms", *(time for each in together for time in each))
    gain = report.measured(f"{scene}: all together over one alone", "times", *gains)
    shares = [_share(together[turn : turn + many]) for turn in range(0, len(together), many)]
    report.require(f"{scene}: saves/s over those of one alone", gain.median, ">=", 1.5, "times")
    report.require(f"{scene}: 99th percentile of a save over its median", _p99(times) / times.median, "<", 10, "times")
    report.require(f"{scene}: saves of the slowest over those of the fastest", min(shares), ">=", 0.5, "")


def _p99(times: Measurement) -> float:
    return sorted(times.values)[int(0.99 * len(times.values))]


def _share(each: Sequence[Sequence[float]]) -> float:
    counts = [len(times) for times in each]
    return min(counts) / max(counts)


def repeat(work: Callable[[], object], seconds: float, gate: Callable[[], object]) -> list[float]:
    """Do the work again and again until the time is up, once at least; each one's milliseconds."""
    gate()
    end = time.monotonic() + seconds
    times = []
    while time.monotonic() < end or not times:
        times.append(milliseconds(work))
    return times


@dataclass(frozen=True)
class Threads:
    """Threads that each repeat a work, which is told the thread's number."""

    work: Callable[[int], object]
    seconds: float

    def __call__(self, count: int) -> list[list[float]]:
        """The times of ``count`` threads that start together."""
        gate = threading.Barrier(count)
        with ThreadPoolExecutor(count) as pool:
            each = [pool.submit(repeat, partial(self.work, number), self.seconds, gate.wait) for number in range(count)]
            return [one.result() for one in each]


class Processes:
    """Savers in processes of their own, started once; each has the folder open for as long as it lives."""

    def __init__(self, folder: Path, backend: Backend, seconds: float, processes: int) -> None:
        context = multiprocessing.get_context("spawn")  # dataframe libraries have threads of their own: no fork
        self._seconds = seconds
        self._pools = [
            ProcessPoolExecutor(1, mp_context=context, initializer=open_store, initargs=(folder, backend))
            for _ in range(processes)
        ]

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools:
            pool.shutdown()

    def __call__(self, count: int) -> list[list[float]]:
        """The times of ``count`` savers that start together."""
        for pool in self._pools[:count]:
            pool.submit(_ready).result()
        start = time.time() + 0.05
        work = [
            pool.submit(save_there, f"table_{each}", self._seconds, start)
            for each, pool in enumerate(self._pools[:count])
        ]
        return [each.result() for each in work]


_store: SimpleFeatureStore[Frame] | None = None
"""In a saver's process: its store."""


def open_store(folder: Path, backend: Backend) -> None:
    """Set a saver's process up."""
    global _store  # an initializer has no other way to hand something to the jobs
    _store = SimpleFeatureStore(FeatureStoreConfig(folder, backend=backend))


def save_there(table: str, seconds: float, start: float) -> list[float]:
    """``repeat`` a save in a saver's process, from the moment ``start`` on."""
    store = _store
    if store is None:
        raise RuntimeError("this process was not set up by open_store")
    frame = random_floats(store.config.resolved_backend(), ROWS, COLUMNS)
    return repeat(
        lambda: store.save_features("group", {table: frame}),
        seconds,
        gate=lambda: time.sleep(max(0.0, start - time.time())),
    )


def _ready() -> None:
    """Returns once the process is there."""
