"""How the processor compares with a loop over rows and with polars expressions written by hand.

Everything is measured in turn in one run, since only ratios mean something on a busy machine. Before anything is timed,
the baselines' features are compared with the processor's: they must be the same.
"""

from __future__ import annotations

import datetime as dt
import gc
import importlib.util
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from measuring import Report, milliseconds, settings_from

# isort: split
import pyarrow as pa
import pyarrow.parquet as pq

from baselines import row_loop
from features import AdvancedTMDBPreProcessor, FittedState, Movies, sample_movies

AS_OF = dt.date(2026, 1, 1)
MANY, MILLION = 100_000, 1_000_000
QUICK_MANY, QUICK_MILLION = 2_000, 20_000
ROUNDS, SHORT_ROUNDS = 5, 15
"""How often each work is done: those that take seconds, and those that take less."""
HAS_POLARS = importlib.util.find_spec("polars") is not None
HAS_PANDAS = importlib.util.find_spec("pandas") is not None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report, and return the exit code."""
    settings = settings_from(arguments, __doc__)
    questions = (
        "How long do 1,000 movies take, and one movie with a given state?",
        "What does it cost to account for every record, where all of them are refused?",
        "From a list of dicts, validated: how many times faster than a loop over rows is each engine?",
        "Is computing the features as fast as polars expressions written by hand?",
        "What do a million movies from Parquet take, in memory and per movie?",
    )
    with settings.folder() as folder:
        report = Report("processor", settings, questions, folder)
    if HAS_POLARS:  # the small ones first: collecting garbage among 100,000 records empties the processor's caches
        few_movies(report)
        refused_records(report, sample_movies(QUICK_MANY if settings.quick else 10_000, seed=1))
    records = sample_movies(QUICK_MANY if settings.quick else MANY, seed=1)
    against_the_loop(report, records)
    if HAS_POLARS:
        against_polars_by_hand(report, records)
        a_million(report, QUICK_MILLION if settings.quick else MILLION, QUICK_MANY if settings.quick else MANY)
    return report.finish()


def few_movies(report: Report) -> None:
    """A small batch, and one movie as at serving time."""
    records = sample_movies(1_000, seed=2)
    state = AdvancedTMDBPreProcessor(records, backend="polars", as_of=AS_OF).state
    times = in_turn(
        report,
        {
            "1,000 dicts": lambda: processed(records, "polars"),
            "one dict with a state": lambda: transformed(records[:1], state),
        },
        SHORT_ROUNDS,
        "polars, end to end",
    )
    report.require("1,000 movies end to end on polars", median(times["1,000 dicts"]), "<", 25, "ms")
    report.require("one movie with a state on polars", median(times["one dict with a state"]), "<", 10, "ms")


def refused_records(report: Report, good: list[dict[str, Any]]) -> None:
    """Records to feature tables and the account of the refused, where all records are good and where none is."""
    bad = [{**record, "vote_count": -1} for record in good]
    works = {"good": lambda: accounted(good), "refused": lambda: accounted(bad)}
    times = in_turn(report, works, SHORT_ROUNDS, f"{len(good):,} dicts to tables and account, polars")
    ratio = middle_ratio(times["refused"], times["good"])
    report.require("refused records against good ones", ratio, "<", 1.25, "times as long")


def against_the_loop(report: Report, records: list[dict[str, Any]]) -> None:
    """Records to tables, validation and fit included, by each engine and by the loop."""
    engines = [name for name, installed in (("polars", HAS_POLARS), ("pandas", HAS_PANDAS)) if installed]
    some = records[:1_000]
    looped = row_loop.features_of(some, AS_OF)
    for backend in engines:
        same_features(pa.Table.from_pylist(looped), joined(processed(some, backend)), f"the loop and {backend}")
    works: dict[str, Callable[[], object]] = {"loop": lambda: row_loop.features_of(records, AS_OF)}
    for backend in engines:
        works[backend] = lambda backend=backend: processed(records, backend)  # type: ignore[misc]
    times = in_turn(report, works, ROUNDS, f"{len(records):,} dicts")
    for backend, limit in (("polars", 20), ("pandas", 6)):
        if backend in times:
            ratio = middle_ratio(times["loop"], times[backend])
            report.require(f"{backend} from dicts against the loop", ratio, ">=", limit, "times as fast")


def against_polars_by_hand(report: Report, records: list[dict[str, Any]]) -> None:
    """The features alone, from typed movies and a fitted state."""
    import polars as pl

    from baselines import polars_expressions

    movies = Movies.from_records(records)
    state = AdvancedTMDBPreProcessor(movies, backend="polars", as_of=AS_OF).state
    frame = pl.DataFrame(pl.from_arrow(movies.table))
    ours = joined(AdvancedTMDBPreProcessor(movies, backend="polars", state=state).extract_all_features())
    same_features(polars_expressions.features_of(frame, state).to_arrow(), ours, "polars by hand and the processor")
    times = in_turn(
        report,
        {
            "polars by hand": lambda: polars_expressions.features_of(frame, state),
            "processor": lambda: transformed(movies, state),
        },
        ROUNDS,
        f"features alone of {len(records):,} movies",
    )
    ratio = middle_ratio(times["processor"], times["polars by hand"])
    report.require("features alone against polars by hand", ratio, "<", 1.15, "times as long")


def a_million(report: Report, million: int, many: int) -> None:
    """Parquet to tables in a process of its own, whose peak the system counts; fewer movies beside it."""
    with tempfile.TemporaryDirectory(prefix="perf-") as folder:
        large, small = Path(folder) / "large.parquet", Path(folder) / "small.parquet"
        write_movies(large, million)
        write_movies(small, many)
        runs = [(from_parquet(small), from_parquet(large), from_parquet(small)) for _ in range(ROUNDS)]
    few = [1e6 * (before + after) / 2 / many for (before, _), _, (after, _) in runs]
    all_ = [1e6 * seconds / million for _, (seconds, _), _ in runs]
    report.measured(f"{many:,} movies from Parquet, before and after", "µs a movie", *few)
    report.measured(f"{million:,} movies from Parquet", "µs a movie", *all_)
    peak = report.measured(f"memory at the peak, {million:,} movies", "MB", *(most for _, (_, most), _ in runs))
    ratio = middle_ratio(all_, few)
    report.require(f"time a movie at {million:,} movies against {many:,}", ratio, "<", 1.1, "times")
    report.require(f"memory of the whole process at {million:,} movies", peak.median, "<", 1300, "MB")


def write_movies(path: Path, count: int) -> None:
    """Sample movies as a Parquet file, written in parts; ids are made distinct."""
    part = Movies.from_records(sample_movies(min(count, 50_000), seed=3)).table
    ids = part["movie_id"].to_numpy()
    with pq.ParquetWriter(path, part.schema) as writer:
        for start in range(0, count, part.num_rows):
            distinct = part.set_column(0, part.schema.field(0), pa.array(ids + start * 1_000))
            writer.write_table(distinct.slice(0, count - start))


_CHILD = """
import resource, sys, time
from statistics import median
from features import AdvancedTMDBPreProcessor, read_movies, sample_movies
AdvancedTMDBPreProcessor(sample_movies(10), backend="polars").extract_all_features()
seconds = []
for _ in range(4):
    start = time.perf_counter()
    tables = AdvancedTMDBPreProcessor(read_movies(sys.argv[1]), backend="polars").extract_all_features()
    seconds.append(time.perf_counter() - start)
    del tables
print(median(seconds[1:]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def from_parquet(path: Path) -> tuple[float, float]:
    """Seconds from file to tables, and the peak memory in MB of the process of its own in which that is done.

    It is done four times there, and the first does not count: a virtual machine may have to fetch each page of memory
    from its host when it is first touched, which took up to two thirds of the time of a million movies.
    """
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{_CHILD}", str(path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own
    seconds, peak = map(float, printed.split())
    return seconds, peak


def processed(records: list[dict[str, Any]], backend: str) -> dict[str, Any]:
    """What a user calls."""
    return AdvancedTMDBPreProcessor(records, backend=backend, as_of=AS_OF).extract_all_features()


def accounted(records: list[dict[str, Any]]) -> tuple[dict[str, Any], Any]:
    """What a user calls whose records may be bad."""
    processor = AdvancedTMDBPreProcessor(records, backend="polars", as_of=AS_OF, on_invalid="reject")
    return processor.extract_all_features(), processor.rejected


def transformed(movies: object, state: FittedState) -> dict[str, Any]:
    """What a user calls who has a state."""
    return AdvancedTMDBPreProcessor(movies, backend="polars", state=state).extract_all_features()


def in_turn(
    report: Report, works: Mapping[str, Callable[[], object]], repeats: int, what: str
) -> dict[str, list[float]]:
    """The milliseconds of each work, all of them run once in each round."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            gc.collect()  # so that none pays for the one before
            times[name].append(milliseconds(work))
    for name, found in times.items():
        report.measured(f"{what}, {name}", "ms", *found)
    return times


def middle_ratio(ones: Sequence[float], others: Sequence[float]) -> float:
    """The middle one of the ratios within each round, since a machine may be slower in one round than in the next."""
    return median(one / other for one, other in zip(ones, others, strict=True))


def joined(tables: Mapping[str, Any]) -> pa.Table:
    """The family tables side by side, with one ``movie_id``."""
    first, *others = (pa.table(frame) for frame in tables.values())
    for table in others:
        for name in table.column_names[1:]:
            first = first.append_column(name, table[name])
    return first


def same_features(one: pa.Table, other: pa.Table, who: str) -> None:
    """Stop the run where two tables of features differ: comparing speeds would mean nothing."""
    if set(one.column_names) != set(other.column_names):
        raise SystemExit(f"{who} do not build the same features")
    for name in one.column_names:
        pairs = zip(one[name].to_pylist(), other[name].to_pylist(), strict=True)
        if not all(close(here, there) for here, there in pairs):
            raise SystemExit(f"{who} differ in {name}")


def close(here: Any, there: Any) -> bool:
    """Equal, or numbers that differ by rounding."""
    if isinstance(here, float) and isinstance(there, float):
        return math.isclose(here, there, rel_tol=1e-9, abs_tol=1e-9)
    return bool(here == there)


if __name__ == "__main__":
    sys.exit(main())
