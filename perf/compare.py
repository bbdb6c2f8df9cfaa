"""What a change costs: the figures of two runs, or of two revisions that take turns, and which differ beyond noise.

    python perf/compare.py before.json after.json    # two results.json, or what two --json wrote
    python perf/compare.py --base main               # main against this work tree, in turn

For each figure stands the ratio of medians, as cost: above 1 is slower, or larger. The interval beside it is a
bootstrap's; where it leaves out 1, the figures differ by more than they vary. Exits with 1 where one costs over a
tenth more, and that is no noise; with 2 where nothing could be compared.

Two files were measured at two times, and between these the machine may have changed: that, no interval knows. With
``--base`` every round runs both revisions, one after the other, first this one and then that, and a ratio is that of
the middle round. Both are measured by the scripts of this work tree.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from comparing import Change, Key, Measured, changes, gathered, measurements_of  # first: it finds a clone's src
from measuring import came_to_its_end
from revisions import BRANCH, HERE, run_on, sources_at

SCRIPTS = ("feature_generation", "store_throughput", "cache_effect")
"""What a change is asked for unless scripts are named: the hot paths, in about 10 s a round and revision."""
HARDLY_DIFFERS = ("CPU", "memory", "disk", "Python", "libraries", "SQLite")
"""Of the environment: what has to be equal where two files are compared."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, and return the exit code."""
    given = options(arguments)
    if given.base is None:
        before, after = from_files(*map(Path, given.words))
    else:
        before, after = in_turn(given.base, given.words or list(SCRIPTS), given)
    found = list(changes(before, after))
    if not found:
        print("nothing to compare: no figure stands on both sides with five values or more")
        return 2
    return tell(found)


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="FILE or SCRIPT", help="two files; with --base, scripts to measure")
    parser.add_argument("--base", metavar="REVISION", help="measure this revision and the work tree, in turn")
    parser.add_argument("--rounds", type=int, default=5, help="with --base: how often each runs (default: %(default)s)")
    parser.add_argument("--backend", choices=("pandas", "polars"), help="with --base: as for the scripts")
    parser.add_argument("--quick", action="store_true", help="with --base: small sizes")
    given = parser.parse_args(arguments)
    if given.base is None and len(given.words) != 2:
        parser.error("name two JSON files, or a revision with --base")
    if given.base is not None and (unknown := [each for each in given.words if not (HERE / f"{each}.py").is_file()]):
        parser.error(f"no script {unknown[0]!r}")
    if given.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return given


def from_files(before: Path, after: Path) -> tuple[Measured, Measured]:
    """The values of two files; tells where they come from different surroundings."""
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in (before, after)]
    for name in HARDLY_DIFFERS:
        one, other = (without_space(document["environment"].get(name, "")) for document in documents)
        if one != other:
            print(f"not alike in {name}: {one} | {other}")
    first, second = (gathered([measurements_of(document)]) for document in documents)
    return first, second


def without_space(text: str) -> str:
    """A disk without how much of it is free."""
    return ", ".join(part for part in text.split(", ") if not part.endswith("free"))


def in_turn(base: str, scripts: Sequence[str], given: argparse.Namespace) -> tuple[Measured, Measured]:
    """Run the scripts on both revisions, in turn, the order reversed every second round."""
    words = [*(["--quick"] if given.quick else []), *(["--backend", given.backend] if given.backend else [])]
    sides: tuple[list[dict[Key, list[float]]], ...] = ([], [])
    with sources_at(base) as sources:
        for number in range(given.rounds):
            print(f"round {number + 1} of {given.rounds} …", flush=True)
            both = [(sources, sides[0]), (BRANCH, sides[1])]
            for where, rounds in both if number % 2 == 0 else reversed(both):
                found: dict[Key, list[float]] = {}
                for script in scripts:
                    found |= measurements_of(measured(where, script, words))
                rounds.append(found)
    return gathered(sides[0]), gathered(sides[1])


def measured(sources: Path, script: str, words: Sequence[str]) -> dict[str, Any]:
    """What a script of this work tree finds of the library in ``sources``."""
    with tempfile.TemporaryDirectory(prefix="perf-") as folder:
        target = Path(folder) / "report.json"
        done = run_on(sources, [str(HERE / f"{script}.py"), *words, "--json", str(target)])
        if not (came_to_its_end(done.returncode) and target.is_file()):
            raise SystemExit(f"{script}.py broke on {sources}:\n{done.stderr}")
        return dict(json.loads(target.read_text(encoding="utf-8")))


def tell(found: Sequence[Change]) -> int:
    """Print what changed, the worst first, and return the exit code."""
    beyond = sorted((each for each in found if each.is_beyond_noise), key=lambda each: -each.ratio)
    for each in beyond:
        print(each)
    regressions = sum(each.is_regression for each in found)
    print(
        f"{len(found)} figures compared: {len(found) - len(beyond)} do not differ beyond noise, {len(beyond)} do, "
        f"{regressions} of these cost over 10 % more"
    )
    return 1 if regressions else 0


if __name__ == "__main__":
    sys.exit(main())
