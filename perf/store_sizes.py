"""Saving and loading one table, side by side with the bare writer and reader, at three sizes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from measuring import Report, milliseconds  # first: it finds a clone's src
from side_by_side import BareFiles, Rounds
from tables import equal, five_tables, random_floats

# isort: split
from features import FeatureStoreConfig, SimpleFeatureStore
from features.frames import Backend, Frame

LARGE = 1 << 20
"""Values from which on files are deleted as soon as they were measured."""


class Size(NamedTuple):
    """A table of floats and an id, and how often it is saved."""

    rows: int
    columns: int
    repeats: int

    def __str__(self) -> str:
        return f"{self.rows:,} × {self.columns}"


SIZES = (Size(50, 4, 60), Size(10_000, 31, 30), Size(1_000_000, 31, 5))
QUICK_SIZES = (Size(50, 4, 3), Size(2000, 31, 3))


def compare_sizes(report: Report, folder: Path, backend: Backend, *, quick: bool) -> int:
    """Measure every size; returns how many tables came back changed."""
    return sum(OneSize(report, folder, backend, size).measure() for size in (QUICK_SIZES if quick else SIZES))


class OneSize:
    """One table, saved and loaded in turn with the bare files."""

    def __init__(self, report: Report, folder: Path, backend: Backend, size: Size) -> None:
        self._report = report
        self._backend = backend
        self._size = size
        self._frame = random_floats(backend, size.rows, size.columns - 1)
        self._folder = folder / f"{backend}_{size.rows}"
        self._rounds = Rounds()
        self._changed = 0

    def measure(self) -> int:
        """Take turns, tell every time, and require the ratios; returns how many tables came back changed."""
        config = FeatureStoreConfig(self._folder / "store", backend=self._backend, cache_enabled=False)
        with SimpleFeatureStore(config) as store, BareFiles(self._folder / "bare", self._backend) as bare:
            for _ in range(self._size.repeats + 1):
                self._round(store, bare)
        for name, times in self._rounds.times.items():
            self._report.measured(f"{self._backend}, {self._size}: {name}", "ms", *times)
        self._require()
        return self._changed

    def _round(self, store: SimpleFeatureStore[Frame], bare: BareFiles) -> None:
        frame, plain = self._frame, self._folder / "plain.parquet"
        loaded: dict[str, Frame] = {}
        some = list(frame.columns)[-3:]
        self._rounds.begin()
        self._rounds.turn(
            {
                "save": lambda: store.save_features("group", {"table": frame}),
                "bare save": lambda: bare.save(frame),
            },
            settle=True,
        )
        self._rounds.turn(
            {
                "first load": lambda: loaded.update(store.get_features(["table"], "group")),
                "read_parquet of a new file": bare.read,
            }
        )
        self._rounds.turn(
            {"verified load": lambda: store.get_features(["table"], "group"), "read_parquet": bare.read},
        )
        self._rounds.turn({"load of 3 columns": lambda: store.get_features(["table"], "group", columns=some)})
        if self._backend == "pandas":
            self._rounds.turn({"DataFrame.to_parquet": lambda: self._frame.to_parquet(plain)}, settle=True)
        self._changed += not equal(loaded["table"], frame)
        if self._size.rows * self._size.columns >= LARGE:
            bare.forget()
            store.gc(keep_last=1)

    def _require(self) -> None:
        ratio, where = self._rounds.ratio, f"{self._backend}, {self._size}"
        if self._backend == "polars":
            over = ratio("save", "bare save", times=1.05, plus=0.5)
            self._report.require(f"{where}: save over 1.05 × the bare save + 0.5 ms", over, "<", 1, "")
        elif self._size.rows > 1000:
            over = ratio("save", "DataFrame.to_parquet")
            self._report.require(f"{where}: save over DataFrame.to_parquet, which syncs nothing", over, "<", 1, "")
        over = ratio("verified load", "read_parquet", times=1.1, plus=0.2)
        self._report.require(f"{where}: verified load over 1.1 × read_parquet + 0.2 ms", over, "<", 1, "")
        over = ratio("first load", "read_parquet of a new file", times=1.25, plus=0.2)
        self._report.require(f"{where}: first load over 1.25 × read_parquet + 0.2 ms", over, "<", 1, "")
        if self._size.columns > 4:
            over = ratio("load of 3 columns", "verified load")
            self._report.require(f"{where}: loading 3 columns over loading all", over, "<", 0.35, "")


def compare_cached(report: Report, folder: Path, backend: Backend, *, quick: bool) -> None:
    """Load five tables of 1,000 rows: once from the disk and many times from the cache, with a new store each time."""
    frames = five_tables(backend, rows=1000)
    config = FeatureStoreConfig(folder / f"{backend}_cached", backend=backend)
    with SimpleFeatureStore(config) as store:
        store.save_features("group", frames)
    first: list[float] = []
    cached: list[float] = []
    for _ in range(3 if quick else 20):
        with SimpleFeatureStore(config) as store:
            times = [milliseconds(lambda: store.get_features(None, "group")) for _ in range(102)]
        first.append(times[0])
        cached += times[2:]  # the second load is the one that makes what the later ones copy
    one = report.measured(f"{backend}: five tables of 1,000 rows, first load", "ms", *first[1:])
    many = report.measured(
        f"{backend}: five tables of 1,000 rows, cached load", "µs", *(1000 * time for time in cached)
    )
    report.require(f"{backend}: cached load of five tables", many.median, "<", 60 if backend == "polars" else 400, "µs")
    if backend == "polars":
        faster = 1000 * one.median / many.median
        report.require(f"{backend}: cached load faster than the first", faster, ">=", 20, "times")
