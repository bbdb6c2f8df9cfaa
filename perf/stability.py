"""Whether the store stays as it is over a long run, and gets up again after an error.

For ``--seconds`` one store saves and loads tables of 50 to 150 rows, rewriting five names of one group in turn, with
a short pause after each cycle. Errors and changed tables are counted and memory is sampled. Throughput is printed by
part of the run, but a machine that has other work slows down too; what decides is the same cycle on the old store and
on a new one without history, in turn, after the run. Then a passing error is made: a plain file takes the place of
the folder that the tables are in, saves are tried, and the folder is put back.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from measuring import Report, Settings, milliseconds, resident_mb, settings_from, settled_mb
from tables import equal, table

# isort: split
import numpy as np
import psutil

from features import FeatureStoreConfig, SimpleFeatureStore
from features.frames import Backend, Frame

NAMES = 5
PAUSE_SECONDS = 0.02
SAMPLES = 30
"""How often memory is looked at over the run: every 6 seconds of 180."""
PARTS = 5
PAIRS = 200
"""Cycles of the old and the new store that are compared."""
ATTEMPTS = 3


@dataclass
class Course:
    """What happened over the run; a place is in seconds from its start."""

    cycles: list[tuple[float, float]] = field(default_factory=list)
    """When each cycle began, and the milliseconds that its save and load took."""
    memory: list[tuple[float, float]] = field(default_factory=list)
    """When memory was looked at, and the megabytes."""
    errors: list[str] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report, and return the exit code."""
    settings = settings_from(arguments, __doc__, seconds=20)
    questions = (
        "How many saves and loads fail or come back changed over a long run?",
        "Does throughput fall, or memory grow, as the store's history grows?",
        "Does the store go on by itself after a passing error, with everything it had before?",
        "What does an open store that nobody uses cost?",
    )
    with settings.folder() as folder:
        report = Report("stability", settings, questions, folder)
        with SimpleFeatureStore(FeatureStoreConfig(folder / "old", backend=settings.backend)) as store:
            tell_run(report, run(store, settings))
            compare_with_young(report, settings, store, folder / "young")
            recover(report, store)
            idle(report, seconds=0.2 if settings.quick else 1)
            problems = store.check().problems
    report.require("problems found by a check afterwards", len(problems), "==", 0, "problems")
    return report.finish()


def run(store: SimpleFeatureStore[Frame], settings: Settings) -> Course:
    """Save and load until the time is up."""
    seconds = settings.seconds or 0
    draw = np.random.default_rng(0)
    course = Course()
    warm_up(store, draw)
    start = time.monotonic()
    number = 0
    while (at := time.monotonic() - start) < seconds or len(course.cycles) < PARTS:
        if at >= len(course.memory) * seconds / SAMPLES:
            course.memory.append((round(at, 1), settled_mb()))
        cycle(store, course, draw, number, at)
        number += 1
        time.sleep(PAUSE_SECONDS)
    course.memory.append((round(time.monotonic() - start, 1), settled_mb()))
    return course


def warm_up(store: SimpleFeatureStore[Frame], draw: np.random.Generator) -> None:
    """Let libraries and connections do what they do once, and give every name a first version."""
    for number in range(NAMES):
        cycle(store, Course(), draw, number, at=0)


def cycle(store: SimpleFeatureStore[Frame], course: Course, draw: np.random.Generator, number: int, at: float) -> None:
    """Rewrite one of the tables, and load it."""
    name = f"table_{number % NAMES}"
    frame = content(store.config.resolved_backend(), draw, number)
    loaded: dict[str, Frame] = {}
    try:
        took = milliseconds(lambda: store.save_features("group", {name: frame}))
        took += milliseconds(lambda: loaded.update(store.get_features([name], "group")))
    except Exception as error:  # noqa: BLE001  # whatever made a cycle fail is counted and told
        course.errors.append(f"{type(error).__name__}: {error}")
        return
    course.cycles.append((at, took))
    if not equal(loaded[name], frame):
        course.errors.append(f"{name} came back changed in cycle {number}")


def content(backend: Backend, draw: np.random.Generator, number: int) -> Frame:
    """A small table, different in every cycle."""
    rows = int(draw.integers(50, 150))
    columns = {"cycle": np.full(rows, number), "feature_1": draw.random(rows), "feature_2": draw.normal(size=rows)}
    return table(backend, columns)


def tell_run(report: Report, course: Course) -> None:
    """The long run's figures and criteria."""
    times = [took for _, took in course.cycles]
    memory = [mb for _, mb in course.memory]
    speeds = speed_by_part(course)
    report.measured("cycles", "", len(times) + len(course.errors))
    report.measured("save and load of one small table", "ms", *times)
    report.followed("throughput without pauses", "cycles/s", "part", "fifths of the run", speeds)
    report.followed("memory after garbage collection", "MB", "time", "s", course.memory)
    for error in sorted(set(course.errors)):
        print(f"    {error}")
    failed = 100 * len(course.errors) / (len(times) + len(course.errors))
    report.require("error rate", failed, "<", 5, "%")
    report.require("memory growth over the run", max(memory) - memory[0], "<", 50, "MB")


def speed_by_part(course: Course) -> list[tuple[float, float]]:
    """Cycles a second in each fifth of the cycles, at the median: a moment when others use the disk does not count."""
    parts = np.array_split(np.array([took for _, took in course.cycles]), PARTS)
    return [(number + 1, 1000 / median(part.tolist())) for number, part in enumerate(parts)]


def compare_with_young(report: Report, settings: Settings, old: SimpleFeatureStore[Frame], folder: Path) -> None:
    """The same cycles on the old store and on one without history, in turn, so that both meet the same machine."""
    draw = np.random.default_rng(1)
    courses = (Course(), Course())
    with SimpleFeatureStore(FeatureStoreConfig(folder, backend=settings.backend)) as young:
        warm_up(young, draw)
        for number in range(5 if settings.quick else PAIRS):
            both = [(old, courses[0]), (young, courses[1])]
            for store, course in both if number % 2 else reversed(both):
                cycle(store, course, draw, number, at=0)
    versions = len(old.versions("group"))
    times = [[took for _, took in course.cycles] for course in courses]
    report.measured(f"save and load after {versions:,} versions", "ms", *times[0])
    report.measured("save and load in a new store, in turn with it", "ms", *times[1])
    lost = 100 * (1 - median(times[1]) / median(times[0]))
    report.require("throughput lost over the run, against a new store", lost, "<", 10, "%")


def recover(report: Report, store: SimpleFeatureStore[Frame]) -> None:
    """Make a passing error that hits a superuser too, which denied permissions would not."""
    before = store.get_features(None, "group")
    frame = before["table_0"]
    folder = Path(store.save_features("group", {"table_0": frame})["table_0"]).parent
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.touch()
    refused = failures(lambda: store.save_features("group", {"table_0": frame.head(1)}))
    folder.unlink()
    aside.rename(folder)
    failed = failures(lambda: store.save_features("other", {"table": frame}))
    failed += failures(lambda: store.get_features(["table"], "other"))
    store.cache.clear() if store.cache else None
    after = store.get_features(None, "group")
    changed = sum(not equal(after[name], table) for name, table in before.items())
    report.require("saves refused while the disk was unusable", refused, "==", ATTEMPTS, "saves")
    report.require("saves and loads that failed after the disk was back", failed, "==", 0, "calls")
    report.require("tables lost or changed by the error", changed, "==", 0, "tables")


def failures(call: Callable[[], object]) -> int:
    """How many of a few attempts raise."""
    failed = 0
    for _ in range(ATTEMPTS):
        try:
            call()
        except Exception:  # noqa: BLE001  # that it failed is what is counted
            failed += 1
    return failed


def idle(report: Report, seconds: float) -> None:
    """Share of one core that the process takes while the store is open and nobody uses it."""
    usage = psutil.Process().cpu_percent(interval=seconds)
    report.measured("memory with the store open", "MB", resident_mb())
    report.require("CPU use when idle", usage, "<", 50, "% of a core")


if __name__ == "__main__":
    sys.exit(main())
