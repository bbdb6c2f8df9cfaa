"""How fast movie records become feature tables, and how much memory that takes.

For each number of movies, all five families are computed from a list of dicts, as often as it takes for a median.
The very first run, which loads and prepares what the engine needs, is told apart. Memory is followed while the
largest number is processed for the first time; what decides is all that the process has then, libraries included.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

from measuring import PeakMemory, Report, Settings, milliseconds, settings_from, settled_mb

# isort: split
from features import AdvancedTMDBPreProcessor, sample_movies
from features.frames import Backend, Frame

COUNTS = (100, 500, 1000)
QUICK_COUNTS = (10, 50, 100)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report, and return the exit code."""
    settings = settings_from(arguments, __doc__)
    questions = (
        "How many movies a second become feature tables, at 100, 500 and 1,000 movies?",
        "How much memory does the largest of these take, in a fresh process?",
        "What is still held when the features have been let go of?",
    )
    counts = QUICK_COUNTS if settings.quick else COUNTS
    with settings.folder() as folder:
        report = Report("feature_generation", settings, questions, folder)
    follow_first(report, settings, counts[-1])
    for count in counts:
        speed = repeat(report, settings, count)
    report.require(f"feature generation at {counts[-1]:,} movies", speed, ">=", 10, "movies/s")
    return report.finish()


def follow_first(report: Report, settings: Settings, count: int) -> None:
    """The first run of this process."""
    movies = sample_movies(count)
    before = settled_mb()
    with PeakMemory() as peak:
        took = milliseconds(lambda: extract(settings.backend, movies))
    report.measured(f"{count:,} movies, first run of the process", "ms", took)
    report.measured("memory before", "MB", before)
    report.measured("memory at the peak", "MB", peak.mb)
    report.measured("memory afterwards, features let go of", "MB", settled_mb())
    report.require(f"memory of the whole process at {count:,} movies", peak.mb, "<", 300, "MB")


def repeat(report: Report, settings: Settings, count: int) -> float:
    """Movies a second at the median of some runs."""
    movies = sample_movies(count, seed=1)
    times = []
    for _ in range(3 if settings.quick else 10):
        gc.collect()  # so that no run pays for the one before
        times.append(milliseconds(lambda: extract(settings.backend, movies)))
    taken = report.measured(f"{count:,} movies, all families", "ms", *times)
    speed = count * 1000 / taken.median
    report.measured(f"{count:,} movies, all families, at the median", "movies/s", speed)
    return speed


def extract(backend: Backend, movies: list[dict[str, object]]) -> dict[str, Frame]:
    """What a user calls."""
    return AdvancedTMDBPreProcessor(movies, backend=backend).extract_all_features()


if __name__ == "__main__":
    sys.exit(main())
