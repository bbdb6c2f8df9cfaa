"""The figures that README tells, taken from results: its section is written anew by ``run.py --readme``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from measuring import number_text

HEADING = "## What it costs"
NEXT = "## Contributing"
TOLD = (
    ("1,000 movies to feature tables", "feature_generation", "feature generation at 1,000 movies"),
    ("memory of the process that does", "feature_generation", "memory of the whole process at 1,000 movies"),
    ("three tables saved durably, pandas", "store_throughput", "pandas: saving the three tables"),
    ("the same, polars", "store_throughput", "polars: saving the three tables"),
    ("loaded for the first time, pandas", "store_throughput", "pandas: loading the three tables for the first time"),
    ("the same, polars", "store_throughput", "polars: loading the three tables for the first time"),
    ("second load, against the first", "cache_effect", "second load faster than the first"),
    ("rounds of 8 threads on one store that succeed", "concurrent_access", "8 threads, one store: success rate"),
    ("their saves that were lost", "concurrent_access", "8 threads, one store: acknowledged saves lost or changed"),
    ("memory growth over 20 seconds of saves and loads", "stability", "memory growth over the run"),
    ("`features build --sample 1000`, the whole process", "startup", "features build --sample 1000"),
)
"""What is told, and the script and criterion that it comes from."""


def with_figures(readme: str, results: Mapping[str, Any]) -> str:
    """README with its section on cost as ``results`` have it; put before "Contributing" where there is none yet.

    Raises:
        KeyError: a figure is not in the results: they are not of a whole run.
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
        "",
        "| what | figure | must be | measured by |",
        "| --- | --- | --- | --- |",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def amount(criterion: Mapping[str, Any]) -> str:
    """The figure with its unit, and a mark where it is not what is asked for."""
    figure = f"{number_text(criterion['figure'])} {criterion['unit']}".rstrip()
    return figure if criterion["passed"] else f"{figure} (not reached)"


def asked(criterion: Mapping[str, Any]) -> str:
    """The limit, as one writes it."""
    signs = {">=": "≥", ">": ">", "<": "<", "==": "="}
    return f"{signs[criterion['relation']]} {number_text(criterion['limit'])}"
