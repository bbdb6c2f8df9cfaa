"""What the cache is worth: a first load of five tables against the loads after it.

Each repeat opens the store anew, so that its cache is empty, and loads all five tables: once from disk, then from
the cache. The counts of the cache are compared with what was really asked of it. Then an entry is left to expire.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from measuring import Report, Settings, milliseconds, settings_from, wait_until  # first: it finds a clone's src
from tables import TABLES, equal, five_tables

# isort: split
from features import FeatureStoreConfig, SimpleFeatureStore
from features.frames import Frame
from features.store.cache import CacheStats

LOADS = 10
"""Loads of all tables by one store: the first fills the cache, so one in ten is a miss."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report, and return the exit code."""
    settings = settings_from(arguments, __doc__)
    questions = (
        "How many times faster is the second load of five tables than the first?",
        "What share of repeated loads does the cache serve, and are its counts true?",
        "Does an entry that is too old refresh itself, and a save show at once?",
    )
    with settings.folder() as folder:
        report = Report("cache_effect", settings, questions, folder)
        frames = five_tables(settings.backend, rows=100 if settings.quick else 1000)
        with SimpleFeatureStore(FeatureStoreConfig(folder, backend=settings.backend)) as store:
            store.save_features("group", frames)
        compare_loads(report, settings, folder, repeats=3 if settings.quick else 20)
        expire(report, settings, folder, frames)
        overwrite(report, settings, folder, frames)
    return report.finish()


def compare_loads(report: Report, settings: Settings, folder: Path, repeats: int) -> None:
    """First load against second; the cache's own counts over ``LOADS`` loads."""
    first: list[float] = []
    second: list[float] = []
    for _ in range(repeats + 1):
        with SimpleFeatureStore(FeatureStoreConfig(folder, backend=settings.backend, cache_max_size=20)) as store:
            store.list_features("group")  # connected: what is compared is loading
            times = [milliseconds(lambda: store.get_features(None, "group")) for _ in range(LOADS)]
            stats = _stats(store)
        first.append(times[0])
        second.append(times[1])
    first, second = first[1:], second[1:]  # the libraries' own first use is not the store's
    report.measured("first load of five tables", "ms", *first)
    report.measured("second load of five tables", "ms", *second)
    ratios = [one / other for one, other in zip(first, second, strict=True)]
    report.measured("first load over second", "times", *ratios)
    report.measured(f"hits in {LOADS} loads", "tables", stats["hits"])
    report.measured(f"misses in {LOADS} loads", "tables", stats["misses"])
    report.measured("tables in the cache", "tables", stats["size"])
    report.require("second load faster than the first", median(ratios), ">=", 2, "times", excellent=5)
    report.require(f"hit ratio over {LOADS} loads, the first included", 100 * stats["hit_ratio"], ">", 80, "%")
    report.require("hits counted", stats["hits"], "==", TABLES * (LOADS - 1), "tables")
    report.require("misses counted", stats["misses"], "==", TABLES, "tables")


def expire(report: Report, settings: Settings, folder: Path, frames: dict[str, Frame]) -> None:
    """Let every entry grow too old, and load again."""
    ttl = 0.2
    config = FeatureStoreConfig(folder, backend=settings.backend, cache_ttl_seconds=ttl)
    with SimpleFeatureStore(config) as store:
        store.get_features(None, "group")
        emptied = wait_until(lambda: _stats(store)["size"] == 0, at_most_seconds=ttl + 10)
        before = _stats(store)
        again = store.get_features(None, "group")
        after = _stats(store)
    refreshed = after["misses"] - before["misses"] if emptied else 0
    report.measured(f"entries expired at a time to live of {ttl} s", "tables", before["expirations"])
    report.require("expired entries that refreshed themselves", refreshed, "==", TABLES, "tables")
    report.require("tables changed by a refresh", _different(again, frames), "==", 0, "tables")


def overwrite(report: Report, settings: Settings, folder: Path, frames: dict[str, Frame]) -> None:
    """Save other tables under the cached names: the next load must be the new ones."""
    shifted = dict(zip(frames, [*list(frames.values())[1:], frames["table_0"]], strict=True))
    with SimpleFeatureStore(FeatureStoreConfig(folder, backend=settings.backend)) as store:
        store.get_features(None, "group")
        store.save_features("group", shifted)
        loaded = store.get_features(None, "group")
    report.require("stale tables after a save", _different(loaded, shifted), "==", 0, "tables")


def _stats(store: SimpleFeatureStore[Frame]) -> CacheStats:
    if store.cache is None:
        raise RuntimeError("the store was configured with a cache and has none")
    return store.cache.get_stats()


def _different(loaded: dict[str, Frame], expected: dict[str, Frame]) -> int:
    return sum(not equal(loaded[name], frame) for name, frame in expected.items())


if __name__ == "__main__":
    sys.exit(main())
