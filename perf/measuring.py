"""What the scripts here share: their options, the environment they ran in, their figures and their verdict.

Importing this module makes ``features`` importable from a clone too, where it is not installed. A megabyte is 2**20
bytes everywhere in perf/.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import math
import operator
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import psutil

if TYPE_CHECKING:
    from features.frames import Backend

if importlib.util.find_spec("features") is None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

SCHEMA = 1
"""Version of the JSON that ``--json`` writes; README.md documents it."""

MB = 1 << 20

SCRIPT_SECONDS = 3600
"""A script that has not ended by then hangs: the longest takes minutes."""

Relation: TypeAlias = Literal[">=", ">", "<", "=="]
_LIBRARIES = ("numpy", "pandas", "polars", "pyarrow", "SQLAlchemy", "xxhash", "psutil")
_HOLDS: dict[Relation, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}


@dataclass(frozen=True)
class Settings:
    """The options of one run."""

    backend: Backend
    store: Path | None
    json: Path | None
    quick: bool
    seconds: float | None = None
    backends: tuple[Backend, ...] = ()
    """For a script that measures several: the one that was named, else all that are installed, the default first."""
    megabytes: int | None = None

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A new, empty folder: inside ``--store``, where it stays, else a temporary one, removed afterwards."""
        if self.store is not None:
            self.store.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="perf-", dir=self.store))
        try:
            yield folder
        finally:
            if self.store is None:
                shutil.rmtree(folder)


def settings_from(
    arguments: Sequence[str] | None, about: str | None, *, seconds: float | None = None, megabytes: int | None = None
) -> Settings:
    """Read the command line (``sys.argv`` where ``arguments`` is None).

    Args:
        arguments: the words after the script's name.
        about: the script's docstring, shown by ``--help``.
        seconds: default of ``--seconds``; None for a script that has no such option.
        megabytes: the same of ``--megabytes``.
    """
    from features.frames import default_backend

    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=("pandas", "polars"), help="default: the library's default backend")
    parser.add_argument("--store", type=Path, metavar="DIR", help="make the stores in a new folder in DIR and keep it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures as JSON")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that the script works")
    if seconds is not None:
        parser.add_argument("--seconds", type=float, help=f"how long to run (default: {seconds:g}; 1 if quick)")
    if megabytes is not None:
        about_size = f"size of the table (default: {megabytes}, or what fits into memory)"
        parser.add_argument("--megabytes", type=int, default=megabytes, help=about_size)
    given = parser.parse_args(arguments)
    if seconds is not None and given.seconds is None:
        given.seconds = 1 if given.quick else seconds
    return Settings(
        backend=given.backend or default_backend(),
        store=given.store,
        json=given.json,
        quick=given.quick,
        seconds=getattr(given, "seconds", None),
        backends=(given.backend,) if given.backend else _installed_backends(),
        megabytes=getattr(given, "megabytes", None),
    )


def _installed_backends() -> tuple[Backend, ...]:
    from features.frames import default_backend

    dataframes: tuple[Backend, ...] = ("pandas", "polars")
    others = (each for each in dataframes if each != default_backend() and importlib.util.find_spec(each))
    return (default_backend(), *others)


@dataclass(frozen=True)
class Measurement:
    """A quantity, measured once or several times."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    @property
    def p95(self) -> float:
        """The smallest value that at least 95 % of the values do not exceed."""
        return sorted(self.values)[math.ceil(0.95 * len(self.values)) - 1]

    def __str__(self) -> str:
        if len(self.values) == 1:
            return f"{self.name}: {number_text(self.median)} {self.unit}".rstrip()
        return (
            f"{self.name}: median {number_text(self.median)} {self.unit}, p95 {number_text(self.p95)} {self.unit} "
            f"({len(self.values)} repeats)"
        )


@dataclass(frozen=True)
class Series:
    """A quantity that was followed along another one, such as memory over time."""

    name: str
    unit: str
    along: str
    along_unit: str
    points: tuple[tuple[float, float], ...]

    def __str__(self) -> str:
        shown = [f"{number_text(value)} at {number_text(place)}" for place, value in self.points]
        if len(shown) > 10:
            shown[5:-5] = ["…"]
        return f"{self.name}, {self.unit}, by {self.along} ({self.along_unit}): {', '.join(shown)}"


@dataclass(frozen=True)
class Criterion:
    """What a figure must hold for the run to pass."""

    name: str
    figure: float
    relation: Relation
    limit: float
    unit: str
    excellent: float | None = None
    """A second, harder limit that is told but does not decide; None where there is none."""

    @property
    def passed(self) -> bool:
        """Whether it holds; a figure that is not a number never does."""
        return _HOLDS[self.relation](self.figure, self.limit)

    @property
    def margin(self) -> float:
        """How far the figure is on the good side of its limit, in its unit; negative where it fails."""
        if self.relation == "==":
            return -abs(self.figure - self.limit)
        return self.limit - self.figure if self.relation == "<" else self.figure - self.limit

    @property
    def is_excellent(self) -> bool | None:
        """Whether the harder limit holds too; None where there is none."""
        return None if self.excellent is None else _HOLDS[self.relation](self.figure, self.excellent)

    def __str__(self) -> str:
        told = f"must be {self.relation} {number_text(self.limit)}; margin {number_text(self.margin)}"
        if self.excellent is not None:
            told += f"; {'' if self.is_excellent else 'not '}excellent, which is "
            told += f"{self.relation} {number_text(self.excellent)}"
        return f"{'PASS' if self.passed else 'FAIL'}  {self.name}: {number_text(self.figure)} {self.unit} ({told})"


class Report:
    """Prints a run as it goes, keeps its figures, and ends with the verdict.

    Args:
        script: the script's name, without ``.py``.
        settings: the options of the run.
        questions: what the run answers.
        folder: where its stores are, so that the disk can be named.
    """

    def __init__(self, script: str, settings: Settings, questions: Sequence[str], folder: Path) -> None:
        self._script = script
        self._settings = settings
        self._questions = tuple(questions)
        self._environment = environment(folder)
        self._measurements: list[Measurement] = []
        self._series: list[Series] = []
        self._criteria: list[Criterion] = []
        self._print_opening()

    def measured(self, name: str, unit: str, *values: float) -> Measurement:
        """Keep and print one quantity, given once or once per repeat."""
        measurement = Measurement(name, unit, values)
        self._measurements.append(measurement)
        print(f"  {measurement}", flush=True)
        return measurement

    def followed(
        self, name: str, unit: str, along: str, along_unit: str, points: Sequence[tuple[float, float]]
    ) -> Series:
        """Keep and print a quantity's course: ``points`` are places along ``along`` and the values there."""
        series = Series(name, unit, along, along_unit, tuple(points))
        self._series.append(series)
        print(f"  {series}", flush=True)
        return series

    def require(
        self,
        name: str,
        figure: float,
        relation: Relation,
        limit: float,
        unit: str,
        *,
        excellent: float | None = None,
    ) -> Criterion:
        """Keep a criterion; it is printed, and decides, at the end."""
        criterion = Criterion(name, figure, relation, limit, unit, excellent)
        self._criteria.append(criterion)
        return criterion

    def finish(self) -> int:
        """Print the criteria, write the JSON where it was asked for, and return the exit code."""
        print("criteria")
        for criterion in self._criteria:
            print(f"  {criterion}")
        failed = sum(not criterion.passed for criterion in self._criteria)
        print(f"{self._script}: {len(self._criteria) - failed} of {len(self._criteria)} criteria hold")
        if self._settings.json is not None:
            self._settings.json.parent.mkdir(parents=True, exist_ok=True)
            self._settings.json.write_text(json.dumps(self.as_dict(), indent=2) + "\n", encoding="utf-8")
        return 1 if failed else 0

    def as_dict(self) -> dict[str, Any]:
        """The whole report as JSON values."""
        return {
            "schema": SCHEMA,
            "script": self._script,
            "settings": {
                "backend": self._settings.backend,
                "quick": self._settings.quick,
                "seconds": self._settings.seconds,
                "megabytes": self._settings.megabytes,
            },
            "environment": dict(self._environment),
            "questions": list(self._questions),
            "measurements": [
                {**asdict(each), "median": each.median, "p95": each.p95, "repeats": len(each.values)}
                for each in self._measurements
            ],
            "series": [asdict(each) for each in self._series],
            "criteria": [
                {
                    **asdict(each),
                    "margin": each.margin,
                    "passed": each.passed,
                    "is_excellent": each.is_excellent,
                }
                for each in self._criteria
            ],
            "passed": all(each.passed for each in self._criteria),
        }

    def _print_opening(self) -> None:
        print(f"{self._script} on {self._settings.backend}{' (quick)' if self._settings.quick else ''}")
        print("questions")
        for question in self._questions:
            print(f"  {question}")
        print("environment")
        for name, value in self._environment.items():
            print(f"  {name}: {value}")
        print("measured", flush=True)


def number_text(value: float) -> str:
    """At least three digits that count, and no decimals that do not."""
    if not math.isfinite(value) or value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def milliseconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def resident_mb() -> float:
    """Memory of this process that is in RAM now."""
    return float(psutil.Process().memory_info().rss) / MB


def private_mb() -> float:
    """Of that, what is this process's alone: without the pages of mapped files, which the system can take back."""
    memory = psutil.Process().memory_info()
    return float(memory.rss - getattr(memory, "shared", 0)) / MB  # not every system tells them apart


def settled_mb() -> float:
    """Memory of this process that is in RAM once garbage has been collected."""
    gc.collect()
    return resident_mb()


class PeakMemory:
    """Follows this process's memory while the block runs; a peak shorter than the interval may be missed."""

    def __init__(self, interval_seconds: float = 0.002) -> None:
        self.mb = 0.0
        self.private_mb = 0.0
        self._interval = interval_seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="peak-memory", daemon=True)

    def __enter__(self) -> PeakMemory:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    def _follow(self) -> None:
        while not self._done.wait(self._interval):
            self._look()

    def _look(self) -> None:
        self.mb = max(self.mb, resident_mb())
        self.private_mb = max(self.private_mb, private_mb())


def wait_until(condition: Callable[[], bool], *, at_most_seconds: float) -> bool:
    """Whether ``condition`` came true in time; it is asked every few milliseconds."""
    deadline = time.monotonic() + at_most_seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.005)
    return True


def ran(words: Sequence[str], **how: Any) -> subprocess.CompletedProcess[str]:
    """What became of a script's process. One that hangs is killed, and says so."""
    try:
        return subprocess.run(words, text=True, check=False, timeout=SCRIPT_SECONDS, **how)  # noqa: S603 - our own
    except subprocess.TimeoutExpired:
        said = f"killed, as it had not ended after {SCRIPT_SECONDS:,} seconds\n"
        return subprocess.CompletedProcess(words, -9, "", said)


def came_to_its_end(exit_code: int) -> bool:
    """Whether a script did: 1 is that of one whose criteria fail."""
    return exit_code in (0, 1)


def environment(folder: Path) -> Mapping[str, str]:
    """What the figures depend on; ``folder`` is where the stores are."""
    import features

    return {
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores",
        "load": ", ".join(f"{load:.2f}" for load in psutil.getloadavg()) + " (over 1, 5 and 15 minutes)",
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "disk": _disk(folder),
        "system": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "features": features.__version__,
        "libraries": ", ".join(f"{name} {version}" for name, version in _versions()),
        "SQLite": f"{sqlite3.sqlite_version}, journal mode {_journal_mode()}",
    }


def _cpu_model() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _disk(folder: Path) -> str:
    """Device and file system of the mount that ``folder`` is in: the one with the longest path above it."""
    mounts = [each for each in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(each.mountpoint)]
    if not mounts:
        return "unknown"
    mount = max(mounts, key=lambda each: len(each.mountpoint))
    return f"{mount.device}, {mount.fstype}, {psutil.disk_usage(str(folder)).free / 2**30:.0f} GiB free"


def _versions() -> Iterator[tuple[str, str]]:
    for name in _LIBRARIES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, "not installed"


def _journal_mode() -> str:
    from features.store.catalog.sqlite import journal_mode

    return journal_mode()
