"""``features get``: a table as a file that other programs read."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from tests.cli.running import Run


def save(**columns: pa.Array) -> pa.Table:
    table = pa.table(columns)
    with SimpleFeatureStore(FeatureStoreConfig("store", backend="pyarrow")) as store:
        store.save_features("g", {"t": table})
    return table


def test_parquet_holds_the_same_table(run: Run, store: Path) -> None:
    with SimpleFeatureStore(FeatureStoreConfig(store, backend="pyarrow")) as opened:
        stored = opened.get_features(["statistical"], "movies")["statistical"]
    assert run("get", "movies", "statistical", "--out", "s.parquet").code == 0
    assert pq.read_table("s.parquet").equals(stored)


def test_csv_tells_an_empty_text_from_null(run: Run) -> None:
    save(x=pa.array([1, None, 3]), s=pa.array(["", None, 'a "b",c']))
    run("get", "g", "t", "--out", "t.csv")
    assert Path("t.csv").read_text().splitlines() == ['"x","s"', '1,""', ",", '3,"a ""b"",c"']


def test_csv_holds_categories_as_their_values(run: Run) -> None:
    save(kind=pa.array(["a", "b", "a"]).dictionary_encode())
    run("get", "g", "t", "--out", "t.csv")
    assert pacsv.read_csv("t.csv")["kind"].to_pylist() == ["a", "b", "a"]


def test_jsonl_has_one_object_a_row_with_text_as_it_is(run: Run) -> None:
    save(title=pa.array(["서울", None]), tags=pa.array([[1, 2], []]), day=pa.array([0, 1], pa.date32()))
    run("get", "g", "t", "--out", "t.jsonl")
    text = Path("t.jsonl").read_text(encoding="utf-8")
    assert "서울" in text
    assert [json.loads(line) for line in text.splitlines()] == [
        {"title": "서울", "tags": [1, 2], "day": "1970-01-01"},
        {"title": None, "tags": [], "day": "1970-01-02"},
    ]


def test_columns_are_those_asked_for_in_that_order(run: Run, store: Path) -> None:
    outcome = run("get", "movies", "basic", "--out", "b.csv", "--columns", "title, movie_id", "--columns", "adult")
    assert outcome.code == 0
    assert Path("b.csv").read_text().splitlines()[0] == '"title","movie_id","adult"'


def test_an_older_version_can_be_had(run: Run, store: Path) -> None:
    assert run("get", "movies", "text", "--out", "t.jsonl", "--version", 1, "--json").json["rows"] == 10
    assert len(Path("t.jsonl").read_text().splitlines()) == 10


@pytest.mark.parametrize(
    ("column", "ending"),
    [
        (pa.array([[1], [2]]), "csv"),
        (pa.array([{"a": 1}, {"a": 2}]), "csv"),
        (pa.array([b"x", b"y"]), "csv"),
        (pa.array([b"x", b"y"]), "jsonl"),
        (pa.array([1.0, float("nan")]), "jsonl"),
        (pa.array([1.0, float("-inf")]), "jsonl"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_and_leaves_no_file(run: Run, column: pa.Array, ending: str) -> None:
    save(good=pa.array([1, 2]), odd=column)
    outcome = run("get", "g", "t", "--out", f"t.{ending}")
    assert outcome.code == 1
    assert "column 'odd'" in outcome.err
    assert "--columns" in outcome.err
    assert [path.name for path in Path().iterdir()] == ["store"]
    assert run("get", "g", "t", "--out", f"t.{ending}", "--columns", "good").code == 0


def test_a_file_that_is_there_stays_unless_forced(run: Run, store: Path) -> None:
    Path("t.csv").write_text("mine")
    outcome = run("get", "movies", "text", "--out", "t.csv")
    assert outcome.code == 1
    assert "--force" in outcome.err
    assert Path("t.csv").read_text() == "mine"
    assert run("get", "movies", "text", "--out", "t.csv", "--force").code == 0
    assert Path("t.csv").read_text() != "mine"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    run: Run, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(table: pa.Table, path: Path, *_: object) -> None:
        path.write_text("half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    Path("t.parquet").write_text("old")
    outcome = run("get", "movies", "text", "--out", "t.parquet", "--force")
    assert outcome.code == 1
    assert "No space left on device" in outcome.err
    assert sorted(path.name for path in Path().iterdir()) == ["store", "t.parquet"]
    assert Path("t.parquet").read_text() == "old"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("movies", "basic"), 2, "--out"),
        (("movies", "basic", "--out", "b.xlsx"), 2, "must end in one of .parquet, .csv, .jsonl"),
        (("movies", "basic", "--out", "b.csv", "--columns", "titel"), 1, "did you mean 'title'"),
        (("movies", "basic", "--out", "b.csv", "--columns", ""), 2, "--columns: it is empty"),
        (("movies", "basic", "--out", "b.csv", "--columns", "title,title"), 2, "named twice"),
        (("movies", "basik", "--out", "b.csv"), 1, "did you mean 'basic'"),
        (("movies", "basic", "--out", "nowhere/b.csv"), 1, "nowhere/b.csv"),
        (("movies", "basic", "--out", "folder.csv"), 1, "is a folder"),
    ],
)
def test_mistakes_are_told(run: Run, store: Path, arguments: tuple[str, ...], code: int, told: str) -> None:
    Path("folder.csv").mkdir()
    outcome = run("get", *arguments)
    assert outcome.code == code
    assert told in outcome.err
