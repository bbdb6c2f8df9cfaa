"""How fast tables go into the store and come back, and how near that is to the least it can cost.

Three tables of random floats, from small to large, are saved and loaded again and again. A save is timed to its
return, when the data survives a power cut. The load after it is the first of a new file: the cache does not have it,
its digest is compared and it is decoded. The load after that comes from the cache. The system's page cache is warm.

Without ``--backend`` each library that is installed is measured. How near all this is to the least that it can cost is
what ``store_limits.py`` asks.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from measuring import MB, Measurement, Report, milliseconds, settings_from  # first: it finds a clone's src
from tables import equal, random_floats

# isort: split
from features import FeatureStoreConfig, SimpleFeatureStore
from features.frames import Backend, Frame

SHAPES = ((1000, 10), (5000, 20), (10_000, 30))
QUICK_SHAPES = ((100, 10), (500, 20), (1000, 30))
WORK = ("save", "first load", "load from the cache")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report, and return the exit code."""
    settings = settings_from(arguments, __doc__)
    questions = (
        "How many megabytes a second are saved durably, and how long does a save take?",
        "How many megabytes a second are loaded, the first time and from the cache?",
        "Does every table come back equal?",
    )
    with settings.folder() as folder:
        report = Report("store_throughput", settings, questions, folder)
        for backend in settings.backends:
            three_tables(report, folder / backend, backend, quick=settings.quick)
    return report.finish()


def three_tables(report: Report, folder: Path, backend: Backend, *, quick: bool) -> None:
    """The user's three tables: megabytes a second."""
    shapes, repeats = (QUICK_SHAPES, 3) if quick else (SHAPES, 15)
    runs = [Run(folder, backend, *shape) for shape in shapes]
    for run in runs:
        run.measure(report, repeats)
    speed, first_speed = _together(runs, "save"), _together(runs, "first load")
    report.require(f"{backend}: saving the three tables", speed, ">=", 10, "MB/s")
    report.require(f"{backend}: loading the three tables for the first time", first_speed, ">=", 20, "MB/s")
    report.require(f"{backend}: tables that came back changed", sum(run.changed for run in runs), "==", 0, "tables")


class Run:
    """One table's repeats, with one store."""

    def __init__(self, folder: Path, backend: Backend, rows: int, columns: int) -> None:
        self.name = f"{backend}, {rows:,} × {columns + 1}"
        self.mb = rows * (columns + 1) * 8 / MB
        self.changed = 0
        self.medians: dict[str, Measurement] = {}
        self._frame = random_floats(backend, rows, columns)
        self._config = FeatureStoreConfig(folder / f"{rows}", backend=backend, compression="snappy")

    def measure(self, report: Report, repeats: int) -> None:
        """Save, load and load again, ``repeats`` times after one round that warms the libraries up."""
        with SimpleFeatureStore(self._config) as store:
            rounds = [self._round(store) for _ in range(repeats + 1)][1:]
        for name, times in zip(WORK, zip(*rounds, strict=True), strict=True):
            self.medians[name] = report.measured(f"{self.name}, {name}", "ms", *times)
            report.measured(f"{self.name}, {name} of {self.mb:.2f} MB", "MB/s", self.speed(name))

    def speed(self, name: str) -> float:
        """Megabytes a second at the median."""
        return self.mb * 1000 / self.medians[name].median

    def _round(self, store: SimpleFeatureStore[Frame]) -> tuple[float, float, float]:
        saving = milliseconds(lambda: store.save_features("group", {"table": self._frame}))
        loaded: dict[str, Frame] = {}
        loading = milliseconds(lambda: loaded.update(store.get_features(["table"], "group")))
        again = milliseconds(lambda: store.get_features(["table"], "group"))
        self.changed += not equal(loaded["table"], self._frame)
        return saving, loading, again


def _together(runs: Sequence[Run], name: str) -> float:
    """Megabytes a second over the whole work: a small table alone shows what a commit costs, not throughput."""
    return sum(run.mb for run in runs) * 1000 / sum(run.medians[name].median for run in runs)


if __name__ == "__main__":
    sys.exit(main())
