"""The figures that README tells, taken from results: its section is written anew by ``run.py --readme``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from measuring import number_text
from side_by_side import BareBytes

HEADING = "## What it costs"
NEXT = "## Contributing"
TOLD = (
    ("1,000 movies to feature tables", "feature_generation", "feature generation at 1,000 movies"),
    ("peak memory of that process", "feature_generation", "memory of the whole process at 1,000 movies"),
    ("three tables saved durably, pandas", "store_throughput", "pandas: saving the three tables"),
    ("the same, polars", "store_throughput", "polars: saving the three tables"),
    ("loaded for the first time, pandas", "store_throughput", "pandas: loading the three tables for the first time"),
    ("the same, polars", "store_throughput", "polars: loading the three tables for the first time"),
    ("second load, against the first", "cache_effect", "second load faster than the first"),
    ("8 threads on one store: rounds without error", "concurrent_access", "8 threads, one store: success rate"),
    (
        "their acknowledged saves that were lost",
        "concurrent_access",
        "8 threads, one store: acknowledged saves lost or changed",
    ),
    ("memory growth over 20 seconds of saves and loads", "stability", "memory growth over the run"),
    (
        "memory that a save takes beside the table, as a share of it, pandas",
        "store_memory",
        "pandas: rise of a save over the frame",
    ),
    ("the same, polars", "store_memory", "polars: rise of a save over the frame"),
    (
        "that saving a stream takes, as a share of all that it brings",
        "store_memory",
        "polars: rise of saving a stream over the whole table",
    ),
    ("`features build --sample 1000`, the whole process", "startup", "features build --sample 1000"),
)
"""What is told, and the script and criterion that it comes from."""

_SAVED = re.compile("(.+): save, (.+)")


def with_figures(readme: str, results: Mapping[str, Any]) -> str:
    """README with its section on cost as ``results`` have it; put before "Contributing" where there is none yet.

    Raises:
        KeyError: a figure is not in the results: they are not of a whole run, or ``tox -e peers`` did not run.
    """
    before, found, after = readme.partition(f"{HEADING}\n")
    if found:
        after = after[after.index(NEXT) :]
    else:
        before, _, rest = readme.partition(NEXT)
        after = NEXT + rest
    return f"{before}{section(results)}\n{after}"


def section(results: Mapping[str, Any]) -> str:
    """The section: where it was measured, the figures beside what the users ask for, and how to do it again."""
    criteria = {
        (run["report"]["script"], each["name"]): each
        for run in results["runs"]
        if run["report"]
        for each in run["report"]["criteria"]
    }
    rows = [
        f"| {what} | {amount(criteria[script, name])} | {asked(criteria[script, name])} | `{script}.py` |"
        for what, script, name in TOLD
    ]
    surroundings = results["environment"]
    lines = [
        HEADING,
        "",
        f"On {surroundings['CPU']}, {surroundings['memory']}, {surroundings['Python']},",
        f"{results['began'][:10]}; `tox -e perf` measures it on your machine, and leaves a page with all the rest.",
        "What must be is what the library's users asked for, or more; the scripts fail where it is not kept.",
        "",
        "| what | figure | must be | measured by |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        *beside_others(results["peers"]),
    ]
    return "\n".join(lines) + "\n"


def beside_others(report: Mapping[str, Any] | None) -> list[str]:
    """A table of the libraries that were compared: one line each, with its syncs, saves and loads."""
    if report is None:
        raise KeyError("peers")
    medians = {each["name"]: number_text(each["median"]) for each in report["measurements"]}
    told = [found.groups() for found in map(_SAVED.fullmatch, medians) if found]
    sizes, names = (list(dict.fromkeys(column)) for column in zip(*told, strict=True))
    rows = [
        [
            name,
            medians.get(f"{name}: syncs for each save", "not known"),
            *(f"{medians[f'{size}: save, {name}']} / {medians[f'{size}: load, {name}']}" for size in sizes),
        ]
        for name in names
    ]
    alone = ", ".join(medians[f"{size}: {BareBytes.name}"] for size in sizes)
    return [
        "Beside what else keeps tables, each with its own defaults: milliseconds to save and to load a table of",
        "floats, uncached, and how often a save asks the disk to write. After one that does not, a power cut may take",
        "what was saved. `tox -e peers` measures it.",
        "",
        f"| save / load, ms | syncs | {' | '.join(sizes)} |",
        f"| --- | --- |{' --- |' * len(sizes)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f"The bytes of the values alone, written to a file and synced in the same rounds, take {alone}",
        "ms, one after the other; large tables of ours are synced while they are written, which takes no longer.",
    ]


def amount(criterion: Mapping[str, Any]) -> str:
    """The figure with its unit, and a mark where it is not what is asked for."""
    figure = f"{number_text(criterion['figure'])} {criterion['unit']}".rstrip()
    return figure if criterion["passed"] else f"{figure} (not reached)"


def asked(criterion: Mapping[str, Any]) -> str:
    """The limit, as one writes it."""
    signs = {">=": "≥", ">": ">", "<": "<", "==": "="}
    return f"{signs[criterion['relation']]} {number_text(criterion['limit'])}"
