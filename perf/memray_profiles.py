"""Where the memory of the six measurements goes: a memray capture, flamegraphs and a summary of each.

Each script runs in a process of its own under memray, as it does alone, and leaves in ``perf/out``:

- ``<script>.bin``, the capture, from which memray makes any other report
- ``<script>.peak.html``, a flamegraph of what was allocated when memory was highest
- ``<script>.leaks.html``, a flamegraph of what was never freed
- ``<script>.summary.txt``, what was allocated at the peak by the functions of this library that asked for it, and
  memray's own table of the places that allocate most
- ``<script>.stats.json``, peak and totals as JSON
- ``<script>.json``, what the script itself measured: without its verdict, as a traced process is a slow one

Exits with 1 where a script broke, or a file is missing or empty.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from measuring import MB

HERE = Path(__file__).resolve().parent
SCRIPTS = (
    "feature_generation",
    "store_throughput",
    "concurrent_access",
    "stability",
    "memory_growth",
    "cache_effect",
)
OWN = "features"
FILES = (".bin", ".peak.html", ".leaks.html", ".summary.txt", ".stats.json", ".json")


@dataclass(frozen=True)
class Profile:
    """What a profiled script left."""

    script: str
    out: Path

    def path(self, ending: str) -> Path:
        """One of its files."""
        return self.out / f"{self.script}{ending}"

    @property
    def missing(self) -> list[str]:
        """Names of files that are not there, or empty."""
        paths = [self.path(ending) for ending in FILES]
        return [path.name for path in paths if not path.is_file() or path.stat().st_size == 0]

    def row(self) -> tuple[str, ...]:
        """Its line in the table."""
        stats = json.loads(self.path(".stats.json").read_text(encoding="utf-8"))
        return (
            self.script,
            f"{stats['metadata']['peak_memory'] / MB:,.1f} MB",
            f"{stats['total_num_allocations']:,}",
            f"{stats['total_bytes_allocated'] / MB:,.0f} MB",
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile, print the table, and return the exit code."""
    given = options(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    profiles = []
    for script in given.scripts:
        print(f"{script} under memray …", flush=True)
        profile = Profile(script, given.out)
        profiles.append(profile)
        take(profile, given)
    missing = [name for profile in profiles for name in profile.missing]
    rows = [profile.row() for profile in profiles if not profile.missing]
    print(as_table([("script", "peak", "allocations", "allocated in all"), *rows]))
    print(f"flamegraphs and summaries are in {given.out}")
    for name in missing:
        print(f"FAIL  {name} is missing or empty")
    return 1 if missing else 0


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scripts", nargs="*", default=SCRIPTS, metavar="SCRIPT", help=f"of {', '.join(SCRIPTS)}")
    parser.add_argument("--backend", choices=("pandas", "polars"), help="default: the library's default backend")
    parser.add_argument("--out", type=Path, default=HERE / "out", metavar="DIR", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="the scripts' small sizes")
    parser.add_argument("--seconds", type=float, default=5, help="how long stability runs (default: %(default)g)")
    parser.add_argument("--native", action="store_true", help="follow C, C++ and Rust frames too: slow, large captures")
    given = parser.parse_args(arguments)
    # Not left to argparse: of Python 3.11 it holds an absent list to the choices too.
    if unknown := [script for script in given.scripts if script not in SCRIPTS]:
        parser.error(f"no script {unknown[0]!r}; there are {', '.join(SCRIPTS)}")
    return given


def take(profile: Profile, given: argparse.Namespace) -> None:
    """Run one script under memray, and make the reports. Leftovers of an earlier run go first."""
    for ending in FILES:
        profile.path(ending).unlink(missing_ok=True)
    capture = str(profile.path(".bin"))
    tracing = ["run", "--quiet", "--compress-on-exit", "--output", capture]
    if given.native:
        tracing.append("--native")
    memray([*tracing, str(HERE / f"{profile.script}.py"), *script_options(profile, given)])
    if not profile.path(".bin").is_file():
        return
    with ThreadPoolExecutor() as pool:  # each report is a process of its own
        for words in report_commands(profile):
            pool.submit(memray, words)
        summary = pool.submit(memray, ["summary", "--max-rows", "40", capture])
    text = f"{own_share(profile.path('.bin'))}\n\n{summary.result()}"
    profile.path(".summary.txt").write_text(text, encoding="utf-8")


def report_commands(profile: Profile) -> list[list[str]]:
    """The memray commands that write a file themselves."""
    capture, peak, leaks, stats = (
        str(profile.path(each)) for each in (".bin", ".peak.html", ".leaks.html", ".stats.json")
    )
    return [
        ["flamegraph", "--no-web", "--output", peak, capture],
        ["flamegraph", "--no-web", "--leaks", "--output", leaks, capture],
        ["stats", "--json", "--num-largest", "20", "--output", stats, capture],
    ]


def script_options(profile: Profile, given: argparse.Namespace) -> list[str]:
    """What the profiled script is called with."""
    words = ["--json", str(profile.path(".json"))]
    if given.backend:
        words += ["--backend", given.backend]
    if given.quick:
        words.append("--quick")
    if profile.script == "stability":
        words += ["--seconds", f"{given.seconds:g}"]
    return words


def memray(words: Sequence[str]) -> str:
    """What a memray command printed. Whether it did its work is seen in its file, not in its exit code.

    A script exits with 1 where a criterion fails, which one that is slowed down by tracing may well do.
    """
    command = [sys.executable, "-m", "memray", *words]
    # Arrow's own allocator reserves a gigabyte at once, and memray would see no more of it; malloc it can follow.
    settings = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    ran = subprocess.run(command, capture_output=True, text=True, env=settings, check=False)  # noqa: S603
    if ran.stderr:
        print(ran.stderr, file=sys.stderr)
    return ran.stdout


def own_share(capture: Path) -> str:
    """The peak by the innermost function of this library on each stack: who asked for the memory, whoever took it."""
    from memray import FileReader

    held: Counter[str] = Counter()
    with FileReader(capture) as reader:
        for record in reader.get_high_watermark_allocation_records(merge_threads=True):
            held[own_function(record.stack_trace())] += record.size
    rows = [(f"{size / MB:,.2f} MB", function) for function, size in held.most_common(20)]
    return f"At the peak, by function of this library:\n{as_table(rows)}"


def own_function(stack: Sequence[tuple[str, str, int]]) -> str:
    """The innermost function of ours on a stack, which is given from the innermost frame out."""
    for function, file, line in stack:
        parts = Path(file).parts
        if OWN in parts and "<" not in file:
            return f"{function} at {Path(*parts[parts.index(OWN) :])}:{line}"
    return "none: the interpreter, or the script itself"


def as_table(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns as wide as they have to be."""
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
