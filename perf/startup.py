"""How long a person or a script waits before anything is done: importing the library, and whole commands.

Each is a process of its own, timed from its start to its end, in turn with an interpreter that does nothing: that one's
time is the machine's and Python's, not ours. The import alone is timed inside its process. What decides is the median.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from measuring import MB, Report, settings_from  # first: it finds a clone's src
from side_by_side import Rounds

# isort: split
import features

IMPORT = "import time; a = time.perf_counter(); import features; print(1000 * (time.perf_counter() - a))"
EVERYTHING = "from features import *"
COMMAND = (sys.executable, "-m", "features")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report, and return the exit code."""
    settings = settings_from(arguments, __doc__)
    questions = (
        "How long does `import features` take?",
        "How long does the command line take to show its help?",
        "How long does a whole `features build --sample 1000` take, and how much memory?",
    )
    repeats, warm_up, movies = (1, 0, 20) if settings.quick else (9, 1, 1000)
    with settings.folder() as folder:
        report = Report("startup", settings, questions, folder)
        build = (*COMMAND, "build", "--sample", str(movies), "--backend", settings.backend, "--store", str(folder))
        works = {
            "an interpreter that does nothing": (sys.executable, "-c", "pass"),
            "everything public imported": (sys.executable, "-c", EVERYTHING),
            "features --help": (*COMMAND, "--help"),
            f"features build --sample {movies}": build,
        }
        rounds, imports, peaks = Rounds(warm_up=warm_up), [], []
        for _ in range(repeats + warm_up):
            rounds.begin()
            rounds.turn({name: lambda words=words: run(words) for name, words in works.items()})
            imports.append(float(run((sys.executable, "-c", IMPORT))))
            peaks.append(peak_mb(build))
    imported = report.measured("import features, inside its process", "ms", *imports[warm_up:])
    told = {name: report.measured(f"{name}, whole process", "ms", *rounds.times[name]) for name in works}
    peak = report.measured(f"features build --sample {movies}, memory at the peak", "MB", *peaks[warm_up:])
    report.require("import features", imported.median, "<", 150, "ms")
    report.require("features --help", told["features --help"].median, "<", 350, "ms")
    report.require(
        f"features build --sample {movies}", told[f"features build --sample {movies}"].median, "<", 1500, "ms"
    )
    report.require(f"features build --sample {movies}, memory of the whole process", peak.median, "<", 200, "MB")
    return report.finish()


def run(words: Sequence[str]) -> str:
    """Run a command and return what it printed; one that fails ends the measurement."""
    done = subprocess.run(words, env=surroundings(), capture_output=True, text=True, check=True)  # noqa: S603 - our own
    return done.stdout


def peak_mb(words: Sequence[str]) -> float:
    """The most memory that the process of a command ever had in RAM, as the system counts it."""
    with subprocess.Popen(words, env=surroundings(), stdout=subprocess.DEVNULL) as process:  # noqa: S603 - our own
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} failed with exit code {process.returncode}")
    return used.ru_maxrss / MB if sys.platform == "darwin" else used.ru_maxrss * 1024 / MB


def surroundings() -> dict[str, str]:
    """The environment, with the library that is measured here where it is found by the processes too."""
    source = str(Path(features.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])}


if __name__ == "__main__":
    sys.exit(main())
