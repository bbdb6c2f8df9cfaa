"""Whether repeated work keeps memory, and whether memory is given back when a result is let go of.

Ten rounds process 100 movies each; ten rounds save and load a table. The process's resident memory is read after
each round, with the result of the round still held, and again once garbage has been collected. Then many results are
held, let go of and collected. Allocators keep freed memory for a while: it is read at once, and again when they have
been asked to hand it back and had a few seconds for it.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

from measuring import Report, Settings, resident_mb, settings_from, settled_mb, wait_until
from tables import random_floats

# isort: split
import pyarrow as pa

from features import AdvancedTMDBPreProcessor, FeatureStoreConfig, SimpleFeatureStore, sample_movies
from features.frames import Backend, Frame

ROUNDS = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report, and return the exit code."""
    settings = settings_from(arguments, __doc__)
    questions = (
        "Does memory grow when 100 movies are processed again and again?",
        "Does it grow when a table is saved and loaded again and again?",
        "Is the memory of many results given back when they are let go of?",
    )
    with settings.folder() as folder:
        report = Report("memory_growth", settings, questions, folder)
        repeat_processing(report, settings)
        repeat_storing(report, settings, folder)
        let_go(report, settings)
    return report.finish()


def repeat_processing(report: Report, settings: Settings) -> None:
    """Rounds of 100 movies, other ones each time."""
    count = 20 if settings.quick else 100
    follow(
        report,
        f"processing {count} movies",
        lambda number: extract(settings.backend, sample_movies(count, seed=number)),
    )


def repeat_storing(report: Report, settings: Settings, folder: Path) -> None:
    """Rounds of one save and one load of a name that is rewritten, by one store with a cache for a few tables."""
    rows = 100 if settings.quick else 10_000
    config = FeatureStoreConfig(folder, backend=settings.backend, cache_max_size=2)
    with SimpleFeatureStore(config) as store:

        def save_and_load(number: int) -> dict[str, Frame]:
            store.save_features("group", {"table": random_floats(settings.backend, rows, 10, seed=number)})
            return store.get_features(["table"], "group")

        follow(report, f"saving and loading {rows:,} × 11", save_and_load)


def follow(report: Report, what: str, work: Callable[[int], dict[str, Frame]]) -> None:
    """Memory over the rounds; growth is from the first round to the last, as the first loads the libraries."""
    holding, released = [], []
    for number in range(ROUNDS):
        result = work(number)
        holding.append((number + 1.0, resident_mb()))
        del result
        released.append((number + 1.0, settled_mb()))
    report.followed(f"{what}, result held", "MB", "round", "of ten", holding)
    report.followed(f"{what}, result let go of", "MB", "round", "of ten", released)
    report.require(f"growth over {what}, results held", holding[-1][1] - holding[0][1], "<", 20, "MB")
    report.require(f"growth over {what}, after collection", released[-1][1] - released[0][1], "<", 20, "MB")


def let_go(report: Report, settings: Settings) -> None:
    """Hold the features of many movies many times, and let go of them."""
    movies = sample_movies(1000 if settings.quick else 20_000)
    extract(settings.backend, movies)  # working memory, which is needed once and reused
    before = settled_mb()
    results = [extract(settings.backend, movies) for _ in range(3 if settings.quick else 20)]
    held = settled_mb()
    watched = [weakref.ref(frame) for features in results for frame in features.values()]
    report.measured("tables held", "tables", len(watched))
    del results
    after = settled_mb()
    alive = sum(watch() is not None for watch in watched)
    given_back = hand_back(held - 0.9 * (held - before), at_most_seconds=1 if settings.quick else 5)
    report.measured("memory before", "MB", before)
    report.measured("memory with the tables held", "MB", held)
    report.measured("memory right after collection", "MB", after)
    report.measured("memory when the allocators have handed it back", "MB", given_back)
    report.require("tables alive after collection", alive, "==", 0, "tables")
    # More than that can come back, as working memory does too.
    share = min(100.0, 100 * (held - given_back) / max(held - before, 0.1))
    report.require("memory given back, of what the tables took", share, ">=", 50, "%")


def hand_back(enough_mb: float, at_most_seconds: float) -> float:
    """Ask Arrow's allocator, and give polars' the time, to return freed pages; memory once it is ``enough_mb``.

    polars' allocator lets pages go some time after they were freed.
    """
    pa.default_memory_pool().release_unused()
    wait_until(lambda: resident_mb() <= enough_mb, at_most_seconds=at_most_seconds)
    return resident_mb()


def extract(backend: Backend, movies: list[dict[str, object]]) -> dict[str, Frame]:
    """What a user calls."""
    return AdvancedTMDBPreProcessor(movies, backend=backend).extract_all_features()


if __name__ == "__main__":
    sys.exit(main())
