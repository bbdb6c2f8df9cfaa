"""From results to the page. It knows no script by name: one that is new shows itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from measuring import came_to_its_end, number_text
from page.charts import Dot, colours_of, curves, dots, variable

HERE = Path(__file__).resolve().parent
MOST_DOTS = 8
"""Measurements in one chart; more are parted, so that a phone shows one chart at a time."""
TIMES = ("µs", "ms", "s")

Part = Mapping[str, Any]
"""An object of results.json; results.schema.json says what is in it."""


class Chart(NamedTuple):
    """A drawing, and what its colours mean where there are several."""

    title: str
    drawing: Markup
    legend: Mapping[str, str]


def page_of(results: Part) -> str:
    """The whole page as HTML."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters.update(number=number_text, middle=median, change=change)
    reports = [run["report"] for run in results["runs"] if run["report"]]
    reports += [results["peers"]] if results["peers"] else []
    return environment.get_template("report.html.jinja").render(
        results=results,
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),  # noqa: S704 - our own
        criteria=reports_that_hold(results, "criteria"),
        targets=[
            report
            for report in reports_that_hold(results, "targets")
            if results["quick"] or not report["settings"]["quick"]  # small sizes say nothing of a target
        ],
        broken=[run for run in results["runs"] if broke(run)],
        charts={report["script"]: list(charts_of(report)) for report in reports},
        reports=reports,
    )


def broke(run: Part) -> bool:
    """Whether a script did not come to its end, or left no report."""
    return run["report"] is None or not came_to_its_end(run["exit_code"])


def reports_that_hold(results: Part, what: str) -> list[Part]:
    """The reports whose criteria are the users' (``criteria``), or the project's own (``targets``)."""
    reports = [run["report"] for run in results["runs"] if run["report"] and run["holds"] == what]
    return [report for report in reports if report["criteria"]]


def change(finding: Part) -> str:
    """How many times less a fix made something."""
    return f"÷ {number_text(median(finding['before']) / median(finding['after']))}"


def charts_of(report: Part) -> Iterator[Chart]:
    """A script's charts: its curves, then its measurements by unit."""
    for title, lines in grouped(report["series"]).items():
        named = {curve_of(line["name"]): line["points"] for line in lines if line["points"]}
        if named:
            along, unit = lines[0]["along"], lines[0]["along_unit"]
            drawing = curves(title, lines[0]["unit"], along if unit == along else f"{along}, {unit}", named)
            colours = {name: colour for name, colour in colours_of(named).items() if not name.endswith(", p95")}
            legend = {name: variable(colour) for name, colour in colours.items()} if len(colours) > 1 else {}
            yield Chart(title, Markup(drawing), legend)  # noqa: S704 - drawn by us
    for unit, measurements in by_unit(report["measurements"]).items():
        for part in parts_of(measurements):
            rows = [Dot(one["name"], one["median"], one["p95"] if one["repeats"] > 1 else None) for one in part]
            title = f"{'Times' if unit in TIMES else 'Figures'} in {unit}" if unit else "Counts"
            yield Chart(title, Markup(dots(title, unit, rows)), {})  # noqa: S704 - drawn by us


def grouped(series: Sequence[Part]) -> dict[str, list[Part]]:
    """Series by the chart that their names tell."""
    charts: dict[str, list[Part]] = {}
    for one in series:
        charts.setdefault(chart_of(one["name"]), []).append(one)
    return charts


def chart_of(name: str) -> str:
    """The chart that a series belongs to: what stands before a colon, or else before the last comma."""
    before, colon, _ = name.partition(": ")
    return before if colon else name.rpartition(", ")[0] or name


def curve_of(name: str) -> str:
    """What a series is called within its chart."""
    _, colon, after = name.partition(": ")
    return after if colon else name.rpartition(", ")[2]


def by_unit(measurements: Sequence[Part]) -> dict[str, list[Part]]:
    """Measurements that are worth a chart: repeated ones, speeds and memory. All of them are in the table below."""
    charts: dict[str, list[Part]] = {}
    for one in measurements:
        if one["repeats"] >= 3 or one["unit"].endswith("/s") or one["unit"] == "MB":
            charts.setdefault(one["unit"], []).append(one)
    return charts


def parts_of(measurements: Sequence[Part]) -> Iterator[Sequence[Part]]:
    """Even parts of at most ``MOST_DOTS``."""
    count = -(-len(measurements) // MOST_DOTS)
    size = -(-len(measurements) // count)
    for start in range(0, len(measurements), size):
        yield measurements[start : start + size]
