"""How much memory a save and a load take beyond the table, and whether streams and scans take the same at any size.

Each work is done in a process of its own, which has first done the same with a small table, so that the libraries are
loaded and set up. What counts is how far its memory rises from there to its peak, pages of mapped files among it. For
streams and scans these are left out, as the system can take them back: what is left shows whether it grows.

Saving starts with the frame in memory, loading without one. The loads go past the cache, which would hold the table
once more; a load into the cache is told beside them. Without ``--backend`` each library that is installed is measured.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import psutil

from measuring import MB, PeakMemory, Report, private_mb, settings_from, settled_mb  # first: it finds a clone's src
from tables import random_floats

# isort: split
import numpy as np
import pyarrow as pa

from features import FeatureStoreConfig, SimpleFeatureStore
from features.frames import Backend, Frame

COLUMNS = 31
BATCH_ROWS = 1 << 16
SMALL_ROWS = 1000
QUICK_MEGABYTES = 16
TIMES_THE_TABLE = 6
"""Memory that must be free before a table of some size is measured: frames, files in the system's cache, room."""

Store = SimpleFeatureStore[Frame]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report, and return the exit code."""
    settings = settings_from(arguments, __doc__, megabytes=1024)
    questions = (
        "How far does memory rise while a large frame is saved, and while it is loaded?",
        "How far while a stream of that size is saved, and is that the same for a fourth of it?",
        "How far while a scan of it is saved anew?",
    )
    with settings.folder() as folder:
        report = Report("store_memory", settings, questions, folder)
        megabytes = fitting(QUICK_MEGABYTES if settings.quick else settings.megabytes or 1024)
        report.measured("table", "MB", megabytes)
        for backend in settings.backends:
            frames(report, folder / backend, backend, megabytes)
            streams(report, folder / f"{backend}_streams", backend, megabytes)
    return report.finish()


def fitting(megabytes: int) -> int:
    """As large as was asked for, or as this machine has room for."""
    return min(megabytes, int(psutil.virtual_memory().available / MB / TIMES_THE_TABLE))


def frames(report: Report, folder: Path, backend: Backend, megabytes: int) -> None:
    """Save a frame, and load it."""
    store = FeatureStoreConfig(folder, backend=backend, cache_enabled=False)
    saving = rise(save_frame, store, megabytes)
    file = max(path.stat().st_size for path in (folder / "files").iterdir()) / MB
    loading = rise(load_frame, store, megabytes)
    keeping = rise(load_frame, FeatureStoreConfig(folder, backend=backend, cache_max_bytes=8 << 30), megabytes)
    report.measured(f"{backend}: file", "MB", file)
    report.measured(f"{backend}: rise while it is saved", "MB", saving)
    report.measured(f"{backend}: rise while it is loaded", "MB", loading)
    report.measured(f"{backend}: rise while it is loaded and kept in the cache", "MB", keeping)
    report.require(f"{backend}: rise of a save over the frame", saving / megabytes, "<", 1.15, "")
    report.require(f"{backend}: rise of a load over the frame, file apart", (loading - file) / megabytes, "<", 1.15, "")


def streams(report: Report, folder: Path, backend: Backend, megabytes: int) -> None:
    """Save a stream of all, and one of a fourth; and both again from their scans."""
    for name, work in (("stream", save_stream), ("scan", save_scan)):
        rises = []
        for size in (megabytes, megabytes // 4):
            store = FeatureStoreConfig(folder / f"{size}", backend=backend, cache_enabled=False)
            rises.append(rise(work, store, size, private=True))
            report.measured(f"{backend}: rise while a {name} of {size:,} MB is saved", "MB", rises[-1])
        share = rises[0] / megabytes
        report.require(f"{backend}: rise of saving a {name} over the whole table", share, "<", 0.5, "")
        more = (rises[0] - rises[1]) / megabytes
        report.require(f"{backend}: more memory for four times the {name}, over the table", more, "<", 0.1, "")


Work = Callable[[Store, int], Callable[[], object]]
"""Gets ready to work on a table of so many rows, and returns the work."""


def rise(work: Work, config: FeatureStoreConfig[Frame], megabytes: int, *, private: bool = False) -> float:
    """MB from just before the work to its peak, in a fresh process; without mapped files where ``private``."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        resident, own = process.submit(_rise, work, config, megabytes * MB // (8 * COLUMNS)).result()
    return own if private else resident


def _rise(work: Work, config: FeatureStoreConfig[Frame], rows: int) -> tuple[float, float]:
    with SimpleFeatureStore(config) as store:
        _small(store)
        do = work(store, rows)
        before, private_before = settled_mb(), private_mb()
        with PeakMemory() as peak:
            result = do()
        del result
    return peak.mb - before, peak.private_mb - private_before


def _small(store: Store) -> None:
    """Everything once with a small table, so that all is loaded and set up."""
    for work in (save_frame, load_frame, save_stream, save_scan):
        work(store, SMALL_ROWS)()


def save_frame(store: Store, rows: int) -> Callable[[], object]:
    """Save a frame that is in memory."""
    frame = random_floats(store.config.resolved_backend(), rows, COLUMNS - 1)
    return partial(store.save_features, f"frames_{rows}", {"table": frame})


def load_frame(store: Store, rows: int) -> Callable[[], object]:
    """Load what ``save_frame`` saved."""
    return partial(store.get_features, ["table"], f"frames_{rows}")


def save_stream(store: Store, rows: int) -> Callable[[], object]:
    """Save batches that are made as they are asked for."""
    schema = pa.schema([(f"feature_{number}", pa.float64()) for number in range(COLUMNS)])
    reader = pa.RecordBatchReader.from_batches(schema, _batches(schema, rows))
    return partial(store.save_features, f"streams_{rows}", {"table": reader})


def save_scan(store: Store, rows: int) -> Callable[[], object]:
    """Save what ``save_stream`` saved once more, without loading it."""

    def copy() -> object:
        return store.save_features(f"copies_{rows}", store.scan_features(["table"], f"streams_{rows}"))

    return copy


def _batches(schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatch]:
    draw = np.random.default_rng(0)
    for start in range(0, rows, BATCH_ROWS):
        count = min(BATCH_ROWS, rows - start)
        yield pa.RecordBatch.from_arrays([pa.array(draw.random(count)) for _ in schema], schema=schema)


if __name__ == "__main__":
    sys.exit(main())
