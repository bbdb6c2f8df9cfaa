"""What was found slow, or large, and was fixed: each measured again without and with its fix, in turn.

A finding is a commit, called by its subject, and a work that this commit made cheaper. The work runs in processes of
their own, on the sources before the commit and on those after it, one after the other, the order reversed every
second round. ``--write`` keeps the figures in ``findings.json``, from which the page has them. Needs a clone with its
history.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from finding_works import WORKS  # first: it finds a clone's src
from measuring import number_text
from revisions import git, run_on, sources_at

KEPT = Path(__file__).with_name("findings.json")


@dataclass(frozen=True)
class Finding:
    """What was learned, and by what it is measured."""

    title: str
    learned: str
    fix: str
    """The subject of the commit."""
    work: str
    unit: str = "ms"


FINDINGS = (
    Finding(
        "10,000 movies to features on pandas",
        "Words were counted and found by regular expressions, text by text; now a column's texts, laid end to end, are "
        "scanned as bytes.",
        "Scan text as bytes, and draw sample movies like TMDB's",
        "features_of_many",
    ),
    Finding(
        "One movie with a fitted state",
        "Half of the time went into building the same polars expressions again; they depend on the state alone, and "
        "are kept with it.",
        "Keep polars expressions for a state, so that serving one movie does not build them",
        "features_of_one",
    ),
    Finding(
        "A second load of 10,000 × 31 on pandas",
        "What was cached was Arrow, and each load made pandas columns of it anew; a kept frame needs one copy.",
        "Serve a second load of pandas frames from a kept frame",
        "second_load",
    ),
    Finding(
        "A save of five small tables",
        "SQLAlchemy compiled the same statements again and wrapped every row; compiled once, they run at the driver's "
        "speed.",
        "Commit together what waits together, and run statements at the driver's speed",
        "small_saves",
    ),
    Finding(
        "A save of 10,000 × 31 numbers on polars",
        "Parquet notes of each value whether it is there, even where none can be missing, and on one core pyarrow "
        "writes numbers faster than polars does on two.",
        "Write numbers without levels, and polars' numbers through pyarrow",
        "saves_of_numbers",
    ),
    Finding(
        "A save of 10,000 × 31 numbers on polars, once more",
        "Each column took two calls of the system, of odd sizes; a megabyte at a time, the file system has less to do, "
        "in writing and in syncing.",
        "Write columns a megabyte at a time, and hash a file on the thread that wrote it",
        "saves_of_numbers",
    ),
    Finding(
        "A save of 50 × 4",
        "SQLite's journal grew anew in every commit, for which the file system commits a journal of its own; one that "
        "stays is written over.",
        "Keep the rollback journal rather than truncate it",
        "saves_of_a_small_table",
    ),
    Finding(
        "A save of 50 × 4, once more",
        "After a sync nothing is in the processor's caches, and a call takes several times as long as in a loop: those "
        "of a pool, where a list is enough, of a mapping of two kilobytes, and of an export of numbers by the way that "
        "texts need.",
        "Keep idle connections in a list, and read small files and numbers the shorter way",
        "saves_of_a_small_table",
    ),
    Finding(
        "A load of 3 of 31 columns on polars",
        "pyarrow makes a file's Arrow schema each time that it is asked for it, and we asked again and again.",
        "Make a file's schema, the types of its columns and its path once",
        "loads_of_three_columns",
    ),
    Finding(
        "160 saves by eight threads",
        "Each waited for the database's lock and then paid a sync of its own; what waits at the same time is now one "
        "transaction.",
        "Commit together what waits together, and run statements at the driver's speed",
        "saves_of_eight_threads",
    ),
    Finding(
        "Memory once the processor is imported",
        "memray's flamegraph showed pandas under two date constants: where that is installed, Arrow imports it to see "
        "whether a value is one of its own.",
        "Compare dates without making Arrow scalars on import, which loads pandas",
        "memory_after_import",
        "MB",
    ),
    Finding(
        "A refused record that holds itself twice",
        "Its description walked every way through it, to the depth where it gave up; now each object is described once "
        "on a way.",
        "Tell refused records as JSON in half the time, and one that holds itself at all",
        "record_that_holds_itself",
    ),
    Finding(
        "A collection of 600 files",
        "The disk was waited for one file after another; eight threads wait side by side.",
        "Take turns fairly between processes, delete side by side, and heed Ctrl-C with polars loaded",
        "collection_of_many_files",
    ),
    Finding(
        "features build --sample 1000, the whole process",
        "A quarter of a command's life was the garbage collector's, most of it after the work was done: on its way out "
        "Python looks through all that was imported. What is frozen is left alone.",
        "Leave without looking through all libraries once more",
        "whole_build",
    ),
    Finding(
        "The first load of 1,000 × 11 on pandas",
        "The file was opened twice, to compare its footer and to read it, and threads were woken for a few thousand "
        "values; now it is opened once, and small tables stay on one core.",
        "Compare a file's footer as it is opened to be read, not once more before",
        "first_small_load",
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and keep what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"of {', '.join(WORKS)}; all unless named")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {KEPT.name}")
    parser.add_argument("--only-work", choices=sorted(WORKS), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.only_work:
        print(median(WORKS[given.only_work]()))
        return 0
    chosen = [finding for finding in FINDINGS if not given.works or finding.work in given.works]
    found = [measured(finding, given.rounds) for finding in chosen]
    if given.write:
        keep(found)
    return 0


def measured(finding: Finding, rounds: int) -> dict[str, Any]:
    """The figures without and with the fix."""
    fix = commit_called(finding.fix)
    sides: tuple[list[float], list[float]] = ([], [])
    with sources_at(f"{fix}~1") as before, sources_at(fix) as after:
        for number in range(rounds):
            both = [(before, sides[0]), (after, sides[1])]
            for sources, values in both if number % 2 else reversed(both):
                values.append(figure(sources, finding.work))
    one, other = map(median, sides)
    print(f"{finding.title}: {number_text(one)} → {number_text(other)} {finding.unit}", flush=True)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return {**asdict(finding), "before": sides[0], "after": sides[1], "measured": today}


def commit_called(subject: str) -> str:
    """The commit with this subject."""
    for line in git("log", "--format=%H %s").splitlines():
        commit, _, told = line.partition(" ")
        if told == subject:
            return commit
    raise SystemExit(f"no commit is called {subject!r}: a clone with the whole history is needed")


def figure(sources: Path, work: str) -> float:
    """What a process of its own measures of the library in ``sources``."""
    done = run_on(sources, [str(Path(__file__).resolve()), "--only-work", work])
    if done.returncode:
        raise SystemExit(f"{work} broke on {sources}:\n{done.stderr}")
    return round(float(done.stdout), 4)


def keep(found: Sequence[dict[str, Any]]) -> None:
    """Write what was measured now in place of the same findings measured earlier, in the order of ``FINDINGS``."""
    kept = {each["title"]: each for each in json.loads(KEPT.read_text(encoding="utf-8"))}
    kept |= {each["title"]: each for each in found}
    ordered = [kept[finding.title] for finding in FINDINGS if finding.title in kept]
    KEPT.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
