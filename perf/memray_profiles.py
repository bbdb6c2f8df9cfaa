"""Where the memory goes: a memray capture, flamegraphs and tables of each hot path, and of each of the six scripts.

A hot path (``workloads.py``) is traced over ten rounds, after a warm-up, with Python's own allocations and, on Linux
and where most memory is taken by Arrow and NumPy, with their frames too. It leaves in ``perf/out``:

- ``<name>.peak.html``, a flamegraph of what was allocated when memory was highest
- ``<name>.temporary.html``, of what was given back at once: work for the allocator that nobody needed for long
- ``<name>.leaks.html``, of what the ten rounds left behind
- ``<name>.summary.txt``, the same three as tables by the functions of this library, and memray's own table
- ``<name>.stats.json``, peak and totals as JSON; ``<name>.bin``, the capture, from which memray makes any other report

A script is traced whole, as it runs alone, test data and libraries included, and leaves the peak, the summary, the
capture and ``<name>.json``, what it measured: without its verdict, as a traced process is a slow one.

Exits with 1 where one broke, or a file is missing or empty.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from measuring import MB, came_to_its_end, ran
from own_frames import as_table, tables
from workloads import ROUNDS, WORKLOADS

HERE = Path(__file__).resolve().parent
SCRIPTS = (
    "feature_generation",
    "store_throughput",
    "concurrent_access",
    "stability",
    "memory_growth",
    "cache_effect",
)
NATIVE = ("process_movies", "save", "first_load")
"""Hot paths whose memory is taken by libraries that have symbols; of the others, native frames tell of Python alone."""
VIEWS = {".peak.html": [], ".temporary.html": ["--temporary-allocations"], ".leaks.html": ["--leaks"]}
ALL = (".bin", ".summary.txt", ".stats.json")


@dataclass(frozen=True)
class Profile:
    """What a traced script or hot path leaves."""

    name: str
    out: Path

    @property
    def is_script(self) -> bool:
        """Whether it is a whole script, not a hot path."""
        return self.name in SCRIPTS

    @property
    def files(self) -> tuple[str, ...]:
        """The endings of its files."""
        return (*ALL, ".peak.html", ".json") if self.is_script else (*ALL, *VIEWS)

    def path(self, ending: str) -> Path:
        """One of its files."""
        return self.out / f"{self.name}{ending}"

    @property
    def missing(self) -> list[str]:
        """Names of files that are not there, or empty."""
        paths = [self.path(ending) for ending in self.files]
        return [path.name for path in paths if not path.is_file() or path.stat().st_size == 0]

    def row(self) -> tuple[str, ...]:
        """Its line in the table."""
        stats = json.loads(self.path(".stats.json").read_text(encoding="utf-8"))
        return (
            self.name,
            f"{stats['metadata']['peak_memory'] / MB:,.1f} MB",
            f"{stats['total_num_allocations']:,}",
            f"{stats['total_bytes_allocated'] / MB:,.0f} MB",
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile, print the table, and return the exit code."""
    given = options(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    profiles = [Profile(name, given.out) for name in given.names]
    for profile in profiles:
        print(f"{profile.name} under memray …", flush=True)
        take(profile, given)
    missing = [name for profile in profiles for name in profile.missing]
    rows = [profile.row() for profile in profiles if not profile.missing]
    print(as_table([("profile", "peak", "allocations", "allocated in all"), *rows]))
    print(f"flamegraphs and summaries are in {given.out}")
    for name in missing:
        print(f"FAIL  {name} is missing or empty")
    return 1 if missing else 0


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = (*WORKLOADS, *SCRIPTS)
    parser.add_argument("names", nargs="*", default=known, metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--backend", choices=("pandas", "polars"), help="default: the library's default backend")
    parser.add_argument("--out", type=Path, default=HERE / "out", metavar="DIR", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="the scripts' small sizes")
    parser.add_argument("--seconds", type=float, default=5, help="how long stability runs (default: %(default)g)")
    parser.add_argument(
        "--native",
        action=argparse.BooleanOptionalAction,
        help=f"follow native frames, or do not (default: on Linux, for {', '.join(NATIVE)})",
    )
    given = parser.parse_args(arguments)
    # Not left to argparse: of Python 3.11 it holds an absent list to the choices too.
    if unknown := [name for name in given.names if name not in known]:
        parser.error(f"nothing is called {unknown[0]!r}; there are {', '.join(known)}")
    return given


def take(profile: Profile, given: argparse.Namespace) -> None:
    """Trace one process, and make the reports. Leftovers of an earlier run go first."""
    for ending in profile.files:
        profile.path(ending).unlink(missing_ok=True)
    traced = trace_script(profile, given) if profile.is_script else trace_workload(profile, given)
    if not came_to_its_end(traced.returncode):
        profile.path(".bin").unlink(missing_ok=True)  # it lacks what would have come
    if not profile.path(".bin").is_file():
        return
    capture = str(profile.path(".bin"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each report is a process of its own
        for words in report_commands(profile):
            pool.submit(memray, words)
        summary = pool.submit(memray, ["summary", "--max-rows", "40", capture])
    own = tables(profile.path(".bin"), rounds=None if profile.is_script else ROUNDS)
    profile.path(".summary.txt").write_text(f"{own}\n\n{summary.result().stdout}", encoding="utf-8")


def trace_script(profile: Profile, given: argparse.Namespace) -> subprocess.CompletedProcess[str]:
    """Run a whole script under memray."""
    words = ["run", "--quiet", "--compress-on-exit", "--output", str(profile.path(".bin"))]
    words += ["--native"] if given.native else []
    words += [str(HERE / f"{profile.name}.py"), "--json", str(profile.path(".json"))]
    words += ["--backend", given.backend] if given.backend else []
    words += ["--quick"] if given.quick else []
    words += ["--seconds", f"{given.seconds:g}"] if profile.name == "stability" else []
    return memray(words)


def trace_workload(profile: Profile, given: argparse.Namespace) -> subprocess.CompletedProcess[str]:
    """Let a hot path trace its own rounds."""
    words = [str(HERE / "workloads.py"), profile.name, "--capture", str(profile.path(".bin"))]
    words += ["--backend", given.backend] if given.backend else []
    native = sys.platform == "linux" and profile.name in NATIVE if given.native is None else given.native
    return call([*words, "--native"] if native else words)


def report_commands(profile: Profile) -> list[list[str]]:
    """The memray commands that write a file themselves."""
    capture = str(profile.path(".bin"))
    flamegraphs = [
        ["flamegraph", "--no-web", *how, "--output", str(profile.path(ending)), capture]
        for ending, how in VIEWS.items()
        if ending in profile.files
    ]
    stats = ["stats", "--json", "--num-largest", "20", "--output", str(profile.path(".stats.json")), capture]
    return [*flamegraphs, stats]


def memray(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a memray command."""
    return call(["-m", "memray", *words])


def call(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a Python process. Whether it did its work is seen in its file, not in its exit code.

    A script exits with 1 where a criterion fails, which one that is slowed down by tracing may well do.
    """
    # Arrow's own allocator reserves a gigabyte at once, and memray would see no more of it; malloc it can follow.
    settings = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    done = ran([sys.executable, *words], capture_output=True, env=settings)
    if done.stderr:
        print(done.stderr, file=sys.stderr)
    return done


if __name__ == "__main__":
    sys.exit(main())
