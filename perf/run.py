"""Everything that perf/ measures, in one run of a few minutes, and one page that shows it.

Writes into ``--out``: ``report.html``, a page that needs nothing else, and ``results.json``, the same figures for
programs, laid out as ``results.schema.json`` beside this file says. What was left there by ``memray_profiles.py``
(flamegraphs) and by ``peers.py --json`` (other stores) is shown too.

Exits with 1 where a script breaks or a criterion of the users fails. The project's own targets, and the sizes that
some scripts are kept to here, are told on the page and decide nothing.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from measuring import came_to_its_end, environment, ran  # first: it finds a clone's src
from page.drawing import broke, page_of
from page.readme import with_figures

HERE = Path(__file__).resolve().parent
SCHEMA = 1
"""Version of the layout of results.json."""
VIEWS = ("peak", "temporary", "leaks", "summary")


@dataclass(frozen=True)
class Script:
    """One script of perf/, and how it is called to stay within its share of the five minutes."""

    name: str
    holds: Literal["criteria", "targets"]
    """Whether what it requires are the users' criteria or the project's own targets."""
    options: tuple[str, ...] = ()
    """What keeps it within its share; ``--whole`` leaves this away."""


SCRIPTS = (
    Script("feature_generation", "criteria"),
    Script("store_throughput", "criteria"),
    Script("concurrent_access", "criteria"),
    Script("stability", "criteria", ("--seconds", "20")),
    Script("memory_growth", "criteria"),
    Script("cache_effect", "criteria"),
    Script("startup", "targets"),
    Script("scaling", "targets"),
    Script("processor", "targets", ("--quick",)),
    Script("store_limits", "targets", ("--quick",)),
    Script("store_memory", "targets", ("--megabytes", "384")),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write both files, and return the exit code."""
    given = options(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    target = given.out / "results.json"
    results = json.loads(target.read_text(encoding="utf-8")) if given.redraw else measured(given)
    results.update(peers=peers(given.out), flamegraphs=flamegraphs(given.out), findings=findings())
    target.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (given.out / "report.html").write_text(page_of(results), encoding="utf-8")
    if given.readme:
        readme = HERE.parent / "README.md"
        readme.write_text(with_figures(readme.read_text(encoding="utf-8"), results), encoding="utf-8")
    print(f"\n{given.out / 'report.html'} shows it, {target} has it for programs")
    for run in results["runs"]:
        print(f"{verdict(run)}  {run['script']}, {run['seconds']:.0f} s")
    return 0 if results["passed"] else 1


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [script.name for script in SCRIPTS]
    parser.add_argument("scripts", nargs="*", default=names, metavar="SCRIPT", help=f"of {', '.join(names)}")
    parser.add_argument("--backend", choices=("pandas", "polars"), help="default: the library's default backend")
    parser.add_argument("--out", type=Path, default=HERE / "out", metavar="DIR", help="default: %(default)s")
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="make the stores in DIR, to measure its disk; they stay"
    )
    parser.add_argument("--whole", action="store_true", help="no small sizes anywhere: takes a quarter of an hour")
    parser.add_argument("--quick", action="store_true", help="small sizes everywhere, to see that the scripts work")
    parser.add_argument("--readme", action="store_true", help="write the figures into README.md too")
    parser.add_argument("--redraw", action="store_true", help="measure nothing: draw the last results anew")
    given = parser.parse_args(arguments)
    # Not left to argparse: of Python 3.11 it holds an absent list to the choices too.
    if unknown := [script for script in given.scripts if script not in names]:
        parser.error(f"no script {unknown[0]!r}; there are {', '.join(names)}")
    if given.readme and peers(given.out) is None:
        parser.error("README tells of other stores, too; measure these first, with: tox -e peers")
    return given


def measured(given: argparse.Namespace) -> dict[str, Any]:
    """Run the scripts, each in a process of its own, and gather what they wrote."""
    began, start = dt.datetime.now(dt.UTC), time.monotonic()
    surroundings = environment(given.store or given.out)
    runs = [measure(script, given) for script in SCRIPTS if script.name in given.scripts]
    return {
        "schema": SCHEMA,
        "began": began.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - start, 1),
        "quick": given.quick,
        "revision": revision(),
        "environment": dict(surroundings),
        "passed": all(verdict(run) == "PASS" for run in runs if broke(run) or run["holds"] == "criteria"),
        "runs": runs,
    }


def measure(script: Script, given: argparse.Namespace) -> dict[str, Any]:
    """Run one script; what it prints is shown as it comes."""
    words = [] if given.whole or given.quick else list(script.options)
    words += ["--quick"] if given.quick else []
    words += ["--backend", given.backend] if given.backend else []
    target = given.out / f"{script.name}.json"
    target.unlink(missing_ok=True)
    command = [sys.executable, str(HERE / f"{script.name}.py"), *words, "--json", str(target)]
    command += ["--store", str(given.store)] if given.store else []
    print(f"\n$ {' '.join(['python', f'perf/{script.name}.py', *words])}", flush=True)
    start = time.monotonic()
    done = ran(command, stderr=subprocess.PIPE)
    whole = came_to_its_end(done.returncode) and target.is_file()
    report = json.loads(target.read_text(encoding="utf-8")) if whole else None
    if report is None:
        print(done.stderr, file=sys.stderr)
    return {
        "script": script.name,
        "holds": script.holds,
        "options": words,
        "seconds": round(time.monotonic() - start, 1),
        "exit_code": done.returncode,
        "report": report,
        "error": done.stderr[-2000:] or "it said nothing" if report is None else None,
    }


def verdict(run: dict[str, Any]) -> str:
    """What became of a script."""
    if broke(run):
        return "BROKE"
    return "PASS" if run["report"]["passed"] else "FAIL"


def revision() -> str | None:
    """The commit of the sources, with a mark where they were changed since."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        return subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None


def peers(out: Path) -> dict[str, Any] | None:
    """What peers.py left."""
    left = out / "peers.json"
    return dict(json.loads(left.read_text(encoding="utf-8"))) if left.is_file() else None


def flamegraphs(out: Path) -> list[dict[str, str]]:
    """What memray_profiles.py left, by workload."""
    ends = {view: f".{view}.txt" if view == "summary" else f".{view}.html" for view in VIEWS}
    return [
        {"workload": path.name.removesuffix(end), "view": view, "file": path.name}
        for view, end in ends.items()
        for path in sorted(out.glob(f"*{end}"))
    ]


def findings() -> list[dict[str, Any]]:
    """What was found and fixed, with what it took before and after."""
    return list(json.loads((HERE / "findings.json").read_text(encoding="utf-8")))


if __name__ == "__main__":
    sys.exit(main())
