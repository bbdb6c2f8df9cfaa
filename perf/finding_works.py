"""The works by which ``findings.py`` measures what a fix changed: each in a process of its own, giving its figures."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from measuring import milliseconds, resident_mb  # first: it finds a clone's src
from tables import five_tables, random_floats

# isort: split
from features import AdvancedTMDBPreProcessor, FeatureStoreConfig, SimpleFeatureStore, sample_movies


def features_of_many() -> list[float]:
    """10,000 dicts to all tables; made here, as the library's sample movies are not the same at every revision."""
    draw = random.Random(1)  # noqa: S311 - repeatable on purpose
    words = ["love", "war", "Family", "alien", "the", "of", "and", "Detective", "house", "night", "robot", "journey"]
    movies = [
        {
            "movie_id": number,
            "title": " ".join(draw.choices(words, k=3)),
            "overview": " ".join(draw.choices(words, k=40)),
            "release_date": f"{draw.randint(1950, 2025)}-0{draw.randint(1, 9)}-15",
            "genre_ids": draw.sample((18, 28, 35, 53, 878), k=2),
            "vote_average": round(draw.uniform(2, 9), 1),
            "vote_count": draw.randint(1, 5000),
            "popularity": draw.uniform(1, 200),
            "original_language": draw.choice(("en", "fr", "ko")),
        }
        for number in range(1, 10_001)
    ]
    return repeated(lambda: AdvancedTMDBPreProcessor(movies, backend="pandas").extract_all_features(), 5)


def features_of_one() -> list[float]:
    """As at serving time."""
    movies = sample_movies(200, seed=1)
    state = AdvancedTMDBPreProcessor(movies, backend="polars").state
    return repeated(
        lambda: AdvancedTMDBPreProcessor(movies[:1], backend="polars", state=state).extract_all_features(), 30
    )


def record_that_holds_itself() -> list[float]:
    """Under two keys."""
    record: dict[str, Any] = {"movie_id": -1, "title": "Ouroboros"}
    record |= {"part": record, "whole": record}
    return repeated(lambda: AdvancedTMDBPreProcessor([record], backend="polars", on_invalid="reject").rejected, 3)


def memory_after_import() -> list[float]:
    """Of the whole process; the processor is imported above."""
    return [resident_mb()]


def collection_of_many_files() -> list[float]:
    """All versions but the last."""
    with tempfile.TemporaryDirectory() as folder, SimpleFeatureStore(with_versions(Path(folder), 600)) as store:
        return [milliseconds(lambda: store.gc(keep_last=1))]


def with_versions(folder: Path, count: int) -> FeatureStoreConfig[Any]:
    """A store with so many versions of one small table."""
    from store_growth import Grown  # not above: it needs what early revisions do not have

    config = FeatureStoreConfig(folder, backend="polars", cache_enabled=False)
    Grown(config, "versions", count).build()
    return config


def second_load() -> list[float]:
    """By a new store each time: the first load fills its cache, and the second is served from it."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        config = FeatureStoreConfig(folder, backend="pandas")
        with SimpleFeatureStore(config) as store:
            store.save_features("group", {"table": random_floats("pandas", 10_000, 30)})
        for _ in range(10):
            with SimpleFeatureStore(config) as store:
                times += repeated(lambda: store.get_features(["table"], "group"), 1)
    return times


def first_small_load() -> list[float]:
    """In a process that has loaded nothing before, so one figure."""
    with tempfile.TemporaryDirectory() as folder:
        config = FeatureStoreConfig(folder, backend="pandas")
        with SimpleFeatureStore(config) as store:
            store.save_features("group", {"table": random_floats("pandas", 1_000, 10)})
            return [milliseconds(lambda: store.get_features(["table"], "group"))]


def whole_build() -> list[float]:
    """From a process's start to its end, after one that read the library's files for the first time."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "features", "build", "--sample", "1000", "--store", folder]
        return repeated(lambda: subprocess.run(words, check=True, stdout=subprocess.DEVNULL), 3)  # noqa: S603 - our own


def small_saves() -> list[float]:
    """Five tables of ten rows each."""
    frames = five_tables("polars", rows=10)
    with (
        tempfile.TemporaryDirectory() as folder,
        SimpleFeatureStore(FeatureStoreConfig(folder, backend="polars")) as store,
    ):
        return repeated(lambda: store.save_features("group", frames), 30)


def saves_of_a_small_table() -> list[float]:
    """One table, of next to nothing."""
    return saves_of_one(50, 3, 100)


def saves_of_numbers() -> list[float]:
    """One table of numbers, of a middle size."""
    return saves_of_one(10_000, 30, 30)


def saves_of_one(rows: int, columns: int, times: int) -> list[float]:
    """A table of so many random floats and an id."""
    frame = random_floats("polars", rows, columns)
    with (
        tempfile.TemporaryDirectory() as folder,
        SimpleFeatureStore(FeatureStoreConfig(folder, backend="polars")) as store,
    ):
        return repeated(lambda: store.save_features("group", {"table": frame}), times)


def loads_of_three_columns() -> list[float]:
    """Of 31, from the disk, with the file verified before."""
    frame = random_floats("polars", 10_000, 30)
    with (
        tempfile.TemporaryDirectory() as folder,
        SimpleFeatureStore(FeatureStoreConfig(folder, backend="polars", cache_enabled=False)) as store,
    ):
        store.save_features("group", {"table": frame})
        some = frame.columns[-3:]
        return repeated(lambda: store.get_features(["table"], "group", columns=some), 300)


def saves_of_eight_threads() -> list[float]:
    """Twenty each, into one group."""
    threads, frame = 8, random_floats("polars", 50, 3)
    with (
        tempfile.TemporaryDirectory() as folder,
        SimpleFeatureStore(FeatureStoreConfig(folder, backend="polars")) as store,
    ):
        gate = threading.Barrier(threads)

        def save_often(number: int) -> None:
            gate.wait()
            for _ in range(20):
                store.save_features("group", {f"table_{number}": frame})

        def all_of_them() -> None:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(save_often, range(threads)))

        return repeated(all_of_them, 3)


def repeated(work: Callable[[], object], times: int) -> list[float]:
    """Milliseconds of each time after the first."""
    work()
    gc.collect()
    return [milliseconds(work) for _ in range(times)]


WORKS: dict[str, Callable[[], list[float]]] = {
    each.__name__: each
    for each in (
        features_of_many,
        features_of_one,
        record_that_holds_itself,
        memory_after_import,
        collection_of_many_files,
        second_load,
        first_small_load,
        whole_build,
        small_saves,
        saves_of_a_small_table,
        saves_of_numbers,
        loads_of_three_columns,
        saves_of_eight_threads,
    )
}
