"""The hot paths, each alone and repeated: what profiles, limits in tests and comparisons look at.

A workload is prepared once and then called again and again; each call does the same work. ``memray_profiles.py``
calls this file to trace ten rounds of one, after rounds in which libraries and connections did what they do once:

    python perf/workloads.py cached_load --capture cached_load.bin
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

from tables import five_tables, random_floats  # first: it finds a clone's src

# isort: split
from features import AdvancedTMDBPreProcessor, FeatureStoreConfig, SimpleFeatureStore, sample_movies
from features.frames import Backend, Frame, default_backend

Work: TypeAlias = Callable[[], object]
Workload: TypeAlias = Callable[[Backend, Path], AbstractContextManager[Work]]
Store: TypeAlias = "SimpleFeatureStore[Frame]"

WARM_UP, ROUNDS = 3, 10
ROWS, COLUMNS = 10_000, 31


@contextmanager
def process_movies(backend: Backend, _: Path) -> Iterator[Work]:
    """1,000 dicts to all feature tables."""
    movies = sample_movies(1000, seed=1)
    yield lambda: AdvancedTMDBPreProcessor(movies, backend=backend).extract_all_features()


@contextmanager
def save(backend: Backend, folder: Path) -> Iterator[Work]:
    """Save 10,000 × 31, as a version each time."""
    frame = random_floats(backend, ROWS, COLUMNS - 1)
    with SimpleFeatureStore(FeatureStoreConfig(folder, backend=backend)) as store:
        yield lambda: store.save_features("group", {"table": frame})


@contextmanager
def first_load(backend: Backend, folder: Path) -> Iterator[Work]:
    """Load 10,000 × 31 without a cache."""
    config = FeatureStoreConfig(folder, backend=backend, cache_enabled=False)
    with SimpleFeatureStore(config) as store:
        store.save_features("group", {"table": random_floats(backend, ROWS, COLUMNS - 1)})
        yield lambda: store.get_features(["table"], "group")


@contextmanager
def cached_load(backend: Backend, folder: Path) -> Iterator[Work]:
    """Load 10,000 × 31 from the cache."""
    with SimpleFeatureStore(FeatureStoreConfig(folder, backend=backend)) as store:
        store.save_features("group", {"table": random_floats(backend, ROWS, COLUMNS - 1)})
        yield lambda: store.get_features(["table"], "group")


@contextmanager
def small_commits(backend: Backend, folder: Path) -> Iterator[Work]:
    """Save five tables of 50 rows, and delete one."""
    frames = five_tables(backend, rows=50)

    def commit_twice() -> None:
        store.save_features("group", frames)
        store.delete_feature("table_0", "group")

    with SimpleFeatureStore(FeatureStoreConfig(folder, backend=backend)) as store:
        yield commit_twice


@contextmanager
def open_store(backend: Backend, folder: Path) -> Iterator[Work]:
    """Open a store that is there, and close it."""
    config = FeatureStoreConfig(folder, backend=backend)
    with SimpleFeatureStore(config) as store:
        store.save_features("group", five_tables(backend, rows=50))
    yield lambda: SimpleFeatureStore(config).close()


WORKLOADS: dict[str, Workload] = {
    each.__name__: each for each in (process_movies, save, first_load, cached_load, small_commits, open_store)
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Trace ten rounds of one workload."""
    from memray import Tracker

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workload", choices=sorted(WORKLOADS))
    parser.add_argument("--capture", type=Path, required=True, metavar="FILE", help="where memray's capture goes")
    parser.add_argument("--backend", choices=("pandas", "polars"), default=default_backend())
    parser.add_argument("--native", action="store_true", help="follow C, C++ and Rust frames too")
    given = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="perf-") as folder,
        WORKLOADS[given.workload](given.backend, Path(folder)) as work,
    ):
        for _ in range(WARM_UP):
            work()
        gc.collect()
        with Tracker(given.capture, native_traces=given.native, trace_python_allocators=True):
            for _ in range(ROUNDS):
                work()
            gc.collect()  # what is left then is kept by somebody, not only waiting
    return 0


if __name__ == "__main__":
    sys.exit(main())
