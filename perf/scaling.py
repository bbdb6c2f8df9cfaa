"""How cost grows: with the rows of a table, the number of movies, the threads that save, and the length of a history.

Each curve is measured in turn with what bounds it from below: a save with the bare writer, a first load with the
library's own reader, a load from the cache with a copy of as many bytes in memory. What is judged is the ratio within
a round; the times are there to be looked at. Without ``--backend`` tables and movies are measured on each library
that is installed, threads and histories on the default one.
"""

from __future__ import annotations

import gc
import math
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from measuring import Measurement, Report, Settings, milliseconds, settings_from  # first: it finds a clone's src
from side_by_side import BareFiles, Rounds
from store_crowd import COLUMNS, ROWS, Threads
from store_growth import Grown
from tables import equal, random_floats

# isort: split
import numpy as np

from features import AdvancedTMDBPreProcessor, FeatureStoreConfig, SimpleFeatureStore, sample_movies
from features.frames import Backend

Points = list[tuple[float, float]]

FLOATS = 10
"""Columns of floats beside the id: a million rows are 84 MB."""
ROW_COUNTS, QUICK_ROW_COUNTS = {1000: 15, 10_000: 12, 100_000: 6, 1_000_000: 3}, {100: 2, 1000: 2}
"""Rows, and how often each size is measured."""
MOVIE_COUNTS, QUICK_MOVIE_COUNTS = {1000: 7, 10_000: 5, 100_000: 3}, {10: 2, 100: 2}
THREAD_COUNTS = (1, 2, 4, 8)
VERSION_COUNTS, QUICK_VERSION_COUNTS = (10, 100, 1000, 10_000), (10, 30)
PAIRS = {
    "saving": ("save", "bare save"),
    "loading": ("first load", "read_parquet"),
    "loading again": ("cached load", "memory copy"),
}
"""What is compared with what bounds it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report, and return the exit code."""
    settings = settings_from(arguments, __doc__)
    questions = (
        "How do saves, first and cached loads grow from 1,000 rows to a million, and how near is that to the limit?",
        "Does a movie cost the same among 1,000 movies as among 100,000?",
        "How many more tables do 2, 4 and 8 threads save and load than one?",
        "Do saves, loads and opening slow down from 10 versions to 10,000?",
    )
    with settings.folder() as folder:
        report = Report("scaling", settings, questions, folder)
        for backend in settings.backends:
            grow_rows(report, folder / backend, backend, QUICK_ROW_COUNTS if settings.quick else ROW_COUNTS)
            grow_movies(report, backend, QUICK_MOVIE_COUNTS if settings.quick else MOVIE_COUNTS)
        grow_threads(report, folder / "threads", settings)
        grow_history(report, folder / "versions", settings)
    return report.finish()


def grow_rows(report: Report, folder: Path, backend: Backend, counts: dict[int, int]) -> None:
    """Save and load tables of more and more rows, each beside its limit."""
    measured, changed = {}, 0
    for count, repeats in counts.items():
        measured[count], different = one_size(folder / str(count), backend, count, repeats)
        changed += different
    for doing, pair in PAIRS.items():
        for name in pair:
            follow_times(report, f"{backend}, {doing} {FLOATS + 1} columns: {name}", "rows", measured, name)
    for ours, limit in PAIRS.values():
        over = [(count, rounds.ratio(ours, limit)) for count, rounds in measured.items()]
        report.followed(f"{backend}, over the limit: {ours} over {limit}", "times", "rows", "rows", floats(over))
    report.require(f"{backend}: tables that came back changed", changed, "==", 0, "tables")
    shutil.rmtree(folder)


def one_size(folder: Path, backend: Backend, rows: int, repeats: int) -> tuple[Rounds, bool]:
    """The times of one size, ours and the limits in turn; and whether the table came back changed."""
    frame, block = random_floats(backend, rows, FLOATS), np.random.default_rng(0).random((rows, FLOATS + 1))
    rounds = Rounds()
    config = FeatureStoreConfig(folder / "store", backend=backend)
    with SimpleFeatureStore(config) as store, BareFiles(folder / "bare", backend) as bare:
        works = {
            "save": lambda: store.save_features("group", {"table": frame}),
            "bare save": lambda: bare.save(frame),
            "first load": lambda: store.get_features(["table"], "group"),
            "read_parquet": bare.read,
            "cached load": lambda: store.get_features(["table"], "group"),
            "memory copy": block.copy,
        }
        for _ in range(repeats + 1):
            rounds.begin()
            for doing, pair in PAIRS.items():
                if doing == "loading again":
                    works["cached load"]()  # the load after the first makes what later ones are served from
                rounds.turn({name: works[name] for name in pair}, settle=doing == "saving")
            bare.forget()
            store.gc(keep_last=1)
        return rounds, not equal(store.get_features(["table"], "group")["table"], frame)


def grow_movies(report: Report, backend: Backend, counts: dict[int, int]) -> None:
    """From a list of dicts to all feature tables."""
    works: dict[int, list[float]] = {}
    for count, repeats in counts.items():
        movies = sample_movies(count, seed=1)
        processed(movies[:10], backend)  # what the engine does once
        works[count] = []
        for _ in range(repeats):
            gc.collect()
            works[count].append(1000 * milliseconds(lambda: processed(movies, backend)) / count)  # noqa: B023
    points = [(count, median(times)) for count, times in works.items()]
    report.followed(f"movies to features: {backend}", "µs a movie", "movies", "movies", floats(points))


def processed(movies: list[dict[str, object]], backend: Backend) -> object:
    """What a user calls."""
    return AdvancedTMDBPreProcessor(movies, backend=backend).extract_all_features()


def grow_threads(report: Report, folder: Path, settings: Settings) -> None:
    """Savers, then loaders without a cache, that share one store."""
    seconds, turns = (0.1, 1) if settings.quick else (0.7, 3)
    frame = random_floats(settings.backend, ROWS, COLUMNS)
    config = FeatureStoreConfig(folder, backend=settings.backend, cache_enabled=False)
    with SimpleFeatureStore(config) as store:
        works = {
            "saves": lambda number: store.save_features("group", {f"table_{number}": frame}),
            "loads": lambda number: store.get_features([f"table_{number}"], "group"),
        }
        for name, work in works.items():
            run = Threads(work, seconds)
            run(THREAD_COUNTS[-1])  # a connection for each thread
            speeds: dict[int, list[float]] = {count: [] for count in THREAD_COUNTS}
            for turn in range(turns):
                for count in THREAD_COUNTS if turn % 2 else reversed(THREAD_COUNTS):
                    speeds[count].append(sum(map(len, run(count))) / seconds)
            points = [(count, median(each)) for count, each in speeds.items()]
            report.followed(
                f"one store, {ROWS:,} × {COLUMNS + 1}: {name}", "tables/s", "threads", "threads", floats(points)
            )


def grow_history(report: Report, folder: Path, settings: Settings) -> None:
    """The same save, load and opening on stores of more and more versions, in turn."""
    counts, repeats = (QUICK_VERSION_COUNTS, 2) if settings.quick else (VERSION_COUNTS, 20)
    frame = random_floats(settings.backend, 50, 3)
    stores = {}
    for count in counts:
        config = FeatureStoreConfig(folder / str(count), backend=settings.backend, cache_enabled=False)
        Grown(config, "versions", count).build()
        stores[count] = SimpleFeatureStore(config)
    measured = {count: Rounds() for count in counts}
    for turn in range(repeats + 1):
        for count in counts if turn % 2 else reversed(counts):
            store, rounds = stores[count], measured[count]
            rounds.begin()
            rounds.turn({"save": lambda: store.save_features("group", {"table": frame})}, settle=True)  # noqa: B023
            rounds.turn({"load": lambda: store.get_features(["table"], "group")})  # noqa: B023
            rounds.turn({"open": lambda: SimpleFeatureStore(store.config).close()})  # noqa: B023
    for store in stores.values():
        store.close()
    for name in ("save", "load", "open"):
        follow_times(report, f"a small table in a long history: {name}", "versions", measured, name)


def follow_times(report: Report, name: str, along: str, measured: dict[int, Rounds], work: str) -> None:
    """Two curves: the median and the 95th percentile of a work's times."""
    each = {count: Measurement(work, "ms", tuple(rounds.times[work])) for count, rounds in measured.items()}
    report.followed(name, "ms", along, along, floats((count, times.median) for count, times in each.items()))
    report.followed(f"{name}, p95", "ms", along, along, floats((count, times.p95) for count, times in each.items()))


def floats(points: Iterable[tuple[int, float]]) -> Points:
    """Points as JSON has them."""
    return [(float(place), value) for place, value in points if math.isfinite(value)]


if __name__ == "__main__":
    sys.exit(main())
