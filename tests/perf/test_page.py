"""One run gathers what the scripts wrote into a file, laid out as documented, and a page that needs nothing else."""

from __future__ import annotations

import importlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.perf.conftest import PERF, Run

NOT_IN_A_RUN = {
    "run",  # itself
    "compare",
    "findings",  # measures two revisions
    "memray_profiles",  # slows down what it measures
    "workloads",  # is what that traces
    "peers",  # has an environment of its own
}


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PERF))
    return importlib.import_module("page.drawing")


@pytest.fixture
def charts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PERF))
    return importlib.import_module("page.charts")


def problems(results: dict[str, Any]) -> str | None:
    """What is wrong with the layout of results.json, if anything."""
    fastjsonschema = pytest.importorskip("fastjsonschema")
    schema = json.loads((PERF / "results.schema.json").read_text(encoding="utf-8"))
    try:
        fastjsonschema.validate(schema, results)
    except fastjsonschema.JsonSchemaException as error:
        return str(error)
    return None


def test_a_run_leaves_a_page_and_results_in_the_layout_that_is_documented(run: Run, tmp_path: Path) -> None:
    ran = run("run.py", "cache_effect", "--quick", "--out", str(tmp_path))
    assert "Traceback" not in ran.stderr
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert problems(results) is None
    assert ran.returncode == (0 if results["passed"] else 1)
    assert [one["script"] for one in results["runs"]] == ["cache_effect"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for criterion in results["runs"][0]["report"]["criteria"]:
        assert criterion["name"] in page
    assert "sizes are small" in page


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("raise SystemExit('no such disk')", "no such disk\n"),
        ("import threading; threading.Event().wait()", "killed, as it had not ended after 2 seconds\n"),
        ("import os, pathlib, sys; pathlib.Path(sys.argv[2]).write_text('{}'); os.abort()", "it said nothing"),
    ],
    ids=["no report", "hangs", "dies after its report"],
)
def test_a_script_that_breaks_fails_the_run_and_is_named_on_the_page(
    run: Run, tmp_path: Path, script: str, said: str
) -> None:
    (tmp_path / "broken.py").write_text(script)
    ran = run(
        "-c",
        "import pathlib, sys, measuring, run\n"
        "measuring.SCRIPT_SECONDS = 2\n"
        "run.HERE = pathlib.Path(sys.argv[1])\n"
        "run.SCRIPTS = (run.Script('broken', 'targets'),)\n"
        "(run.HERE / 'findings.json').write_text('[]')\n"
        "sys.exit(run.main(['--out', sys.argv[1]]))",
        str(tmp_path),
    )
    assert ran.returncode == 1
    assert "BROKE  broken" in ran.stdout
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert problems(results) is None
    assert results["runs"][0]["error"] == said
    assert said in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("exit_code", "passed", "verdict"),
    [(0, True, "PASS"), (1, False, "FAIL"), (-11, True, "BROKE"), (2, True, "BROKE")],
)
def test_a_script_that_died_broke_whatever_it_had_reported(
    drawing: ModuleType, exit_code: int, passed: bool, verdict: str
) -> None:
    results = some_results()
    (one,) = results["runs"]
    one["exit_code"], one["report"]["passed"] = exit_code, passed
    assert importlib.import_module("run").verdict(one) == verdict
    assert ("broke with exit code" in drawing.page_of(results)) == (verdict == "BROKE")


def test_every_measurement_is_part_of_a_run(drawing: ModuleType) -> None:
    scripts = {path.stem for path in PERF.glob("*.py") if '__name__ == "__main__"' in path.read_text(encoding="utf-8")}
    assert {script.name for script in importlib.import_module("run").SCRIPTS} == scripts - NOT_IN_A_RUN


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": 2}, "schema"),
        ({"runs": [{"script": "x"}]}, "runs"),
        ({"more": 1}, "must not contain"),
        ({"environment": {"CPU": "fast"}}, "environment"),
    ],
)
def test_another_layout_is_refused(change: dict[str, Any], said: str) -> None:
    assert problems(some_results()) is None
    assert said in str(problems(some_results() | change))


def test_the_page_is_whole_and_loads_nothing(drawing: ModuleType) -> None:
    page = drawing.page_of(some_results())
    Tags().check(page)
    assert re.findall(r"(?:src|srcset|@import|url\((?!#))", page) == []
    links = re.findall(r'href="([^"]*)"', page)
    assert {link for link in links if not link.startswith("#")} == {"saving.peak.html"}
    assert {link[1:] for link in links if link.startswith("#")} <= set(re.findall(r'id="([^"]+)"', page))


def test_names_from_the_results_are_text_on_the_page(drawing: ModuleType) -> None:
    results = some_results()
    results["runs"][0]["report"]["criteria"][0]["name"] = "<b>speed & more</b>"
    page = drawing.page_of(results)
    assert "<b>speed" not in page
    assert "&lt;b&gt;speed &amp; more&lt;/b&gt;" in page


def test_a_fix_is_told_with_its_middle_figures(drawing: ModuleType) -> None:
    assert "9 → 3 ms (÷ 3)" in drawing.page_of(some_results())


def test_a_drawing_has_no_colour_of_its_own_and_is_the_same_each_time(charts: ModuleType) -> None:
    lines = {"save": [(1, 1.0), (1000, 50.0)], "save, p95": [(1, 2.0), (1000, 90.0)], "load": [(1, 0.5), (1000, 4.0)]}
    drawn = charts.curves("saving", "ms", "rows", lines)
    assert drawn == charts.curves("saving", "ms", "rows", lines)
    assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", drawn)) <= {"none"} | {
        f"var({name})" for name in charts._VARIABLES.values()
    }
    assert 'aria-label="saving"' in drawn


def test_a_line_and_its_p95_have_one_colour(charts: ModuleType) -> None:
    colours = charts.colours_of(["save", "save, p95", "load"])
    assert colours["save"] == colours["save, p95"] != colours["load"]


@pytest.mark.parametrize(
    ("name", "chart", "curve"),
    [
        ("memory", "memory", "memory"),
        ("movies, result held", "movies", "result held"),
        ("pandas, saving: save, p95", "pandas, saving", "save, p95"),
    ],
)
def test_a_series_tells_its_chart_by_its_name(drawing: ModuleType, name: str, chart: str, curve: str) -> None:
    assert (drawing.chart_of(name), drawing.curve_of(name)) == (chart, curve)


def test_charts_are_parted_evenly(drawing: ModuleType) -> None:
    assert [len(part) for part in drawing.parts_of(list(range(9)))] == [5, 4]
    assert [len(part) for part in drawing.parts_of(list(range(8)))] == [8]


def test_readme_gets_its_figures_from_the_results_once(drawing: ModuleType) -> None:
    readme = importlib.import_module("page.readme")
    results = results_that_readme_tells(readme)
    told = readme.with_figures("# Ours\n\n## Contributing\n\nPlease do.\n", results)
    assert told.count("| 12 MB/s | ≥ 10 | `store_throughput.py` |") == 4
    assert told.startswith("# Ours\n\n## What it costs\n")
    assert told.endswith(" no longer.\n\n## Contributing\n\nPlease do.\n")
    assert readme.with_figures(told, results) == told
    results["runs"][0]["report"]["criteria"][0].update(figure=9, passed=False)
    assert readme.with_figures(told, results).count("| 9 MB/s (not reached) | ≥ 10 | `feature_generation.py` |") == 1
    with pytest.raises(KeyError, match="feature_generation"):
        readme.with_figures(told, some_results())


def test_readme_tells_what_other_stores_take(drawing: ModuleType) -> None:
    readme = importlib.import_module("page.readme")
    results = results_that_readme_tells(readme)
    told = readme.with_figures("## Contributing\n", results).splitlines()
    assert "| save / load, ms | syncs | 50 × 4 | 1,000 × 31 |" in told
    assert "| ours | 7 | 1 / 2 | 10 / 20 |" in told
    assert "| theirs | not known | 3 / 4 | 30 / 40 |" in told
    assert any(line.endswith("in the same rounds, take 0.500, 5") for line in told)
    with pytest.raises(KeyError, match="peers"):
        readme.with_figures("## Contributing\n", {**results, "peers": None})


def results_that_readme_tells(readme: ModuleType) -> dict[str, Any]:
    results = some_results()
    criterion = results["runs"][0]["report"]["criteria"][0]
    results["runs"] = [
        {"report": {"script": script, "criteria": [{**criterion, "name": name}]}} for _, script, name in readme.TOLD
    ]
    medians: dict[str, float] = {"ours: syncs for each save": 7, "50 × 4: tables of ours that came back changed": 0}
    for size, times in (("50 × 4", 1), ("1,000 × 31", 10)):
        medians |= {f"{size}: save, ours": 1 * times, f"{size}: load, ours": 2 * times}
        medians |= {f"{size}: save, theirs": 3 * times, f"{size}: load, theirs": 4 * times}
        medians[f"{size}: the values' bytes alone, written and synced"] = 0.5 * times
    results["peers"]["measurements"] = [{"name": name, "median": median} for name, median in medians.items()]
    return results


def some_results() -> dict[str, Any]:
    """The smallest results that have one of everything."""
    report = {
        "schema": 1,
        "script": "speed",
        "settings": {"backend": "pandas", "quick": False, "seconds": None, "megabytes": None},
        "environment": {"libraries": "pandas 3"},
        "questions": ["How fast?"],
        "measurements": [
            {"name": "save", "unit": "ms", "values": [1.0, 2.0, 9.0], "repeats": 3, "median": 2.0, "p95": 9.0}
        ],
        "series": [
            {"name": "memory", "unit": "MB", "along": "time", "along_unit": "s", "points": [[0, 100], [1, 101]]}
        ],
        "criteria": [
            {
                "name": "speed",
                "figure": 12,
                "relation": ">=",
                "limit": 10,
                "unit": "MB/s",
                "margin": 2,
                "passed": True,
                "excellent": None,
                "is_excellent": None,
            }
        ],
        "passed": True,
    }
    run = {"script": "speed", "holds": "criteria", "options": [], "seconds": 1.5, "exit_code": 0, "error": None}
    names = ("CPU", "load", "memory", "disk", "Python", "features", "libraries", "SQLite")
    return {
        "schema": 1,
        "began": "2026-01-31T12:00:00+00:00",
        "seconds": 90.0,
        "quick": False,
        "revision": None,
        "environment": dict.fromkeys(names, "known"),
        "passed": True,
        "runs": [{**run, "report": report}],
        "peers": {**report, "script": "peers"},
        "flamegraphs": [{"workload": "saving", "view": "peak", "file": "saving.peak.html"}],
        "findings": [
            {
                "title": "Slow",
                "learned": "It waited.",
                "unit": "ms",
                "before": [9, 8, 10],
                "after": [3, 3, 4],
                "fix": "Do not wait",
                "work": "saving",
                "measured": "2026-01-31",
            }
        ],
    }


class Tags(HTMLParser):
    """Sees that every element that is opened is closed, in its turn."""

    VOID = frozenset({"meta", "br", "link", "img", "input", "hr"})

    def check(self, page: str) -> None:
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
