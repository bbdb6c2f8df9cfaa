"""``features get``: a table as a file that other programs read."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from features.cli import exporting
from features.errors import UnsupportedDataError
from features.store.codec import arrow
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from features.testing.fidelity_pyarrow import cases
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


def test_parquet_keeps_the_names_inside_lists(run: Run) -> None:
    table = save(x=pa.array([[1], None], pa.list_(pa.field("mine", pa.int8()))))
    assert run("get", "g", "t", "--out", "t.parquet").code == 0
    assert pq.read_table("t.parquet").equals(table)


def test_the_rows_told_are_those_that_were_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    save(x=pa.array([1]))
    real = exporting._in_pieces

    def after_a_save(*arguments: Any) -> Any:
        save(x=pa.array([1, 2, 3]))
        return real(*arguments)

    monkeypatch.setattr(exporting, "_in_pieces", after_a_save)
    assert run("get", "g", "t", "--out", "t.csv", "--json").json["rows"] == 3


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


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_a_large_table_is_written_whole_and_in_order_one_row_group_at_a_time(
    run: Run, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(arrow, "GROUP_BYTES", 1)
    monkeypatch.setattr(exporting, "LARGE", 0)
    many = range(50_000)
    table = save(n=pa.array(many), x=pa.array([None if at % 3 else at / 8 for at in many]))
    with SimpleFeatureStore(FeatureStoreConfig("store", backend="pyarrow")) as store:
        assert (
            pq.read_metadata(store.config.folder / "files" / f"{store.get_feature_info('t').id}.parquet").num_row_groups
            > 2
        )
    assert run("get", "g", "t", "--out", f"t.{ending}", "--columns", "x,n", "--json").json["rows"] == len(many)
    table = table.select(["x", "n"])
    if ending == "parquet":
        assert pq.read_table("t.parquet").equals(table)
    elif ending == "csv":
        assert pacsv.read_csv("t.csv").equals(table)
    else:
        assert [json.loads(line) for line in Path("t.jsonl").read_text("utf-8").splitlines()] == table.to_pylist()


@pytest.mark.parametrize(
    ("column", "ending"),
    [
        (pa.array([[1], [2]]), "csv"),
        (pa.array([{"a": 1}, {"a": 2}]), "csv"),
        (pa.array([b"x", b"y"]), "csv"),
        (pa.array([b"x", b"y"]), "jsonl"),
        (pa.array([1.0, float("nan")]), "jsonl"),
        (pa.array([1.0, float("-inf")]), "jsonl"),
        (pa.array([[1.0], [float("nan")]]), "jsonl"),
        (pa.array([{"a": [float("inf")]}, None]), "jsonl"),
        (pa.array([[("a", float("nan"))], []], pa.map_(pa.string(), pa.float64())), "jsonl"),
        (pa.array([[b"x"], []]), "jsonl"),
        (pa.array([{"a": b"x"}, None]), "jsonl"),
        (pa.array([[30_000_000], None], pa.list_(pa.date32())), "jsonl"),
        *(
            (column, ending)
            for ending in ("csv", "jsonl")
            for column in (
                pa.array([b"xy", None], pa.binary(2)),
                pa.array([b"xy", None], pa.large_binary()),
                pa.array([0, 30_000_000], pa.date32()),
                pa.array([None, -800_000], pa.date32()),
                pa.array([0, 2**60], pa.timestamp("ms")),
                pa.array([0, 2**62], pa.timestamp("us", "Europe/Berlin")),
                pa.array([1, None], pa.duration("us")),
                pa.array([1, 2**62], pa.duration("ms")),
            )
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.type),
)
def test_what_a_format_cannot_hold_is_refused_and_leaves_no_file(run: Run, column: pa.Array, ending: str) -> None:
    save(good=pa.array([1, 2]), odd=column)
    outcome = run("get", "g", "t", "--out", f"t.{ending}")
    assert outcome.code == 1
    assert "column 'odd'" in outcome.err
    assert "--columns" in outcome.err
    assert [path.name for path in Path().iterdir()] == ["store"]
    assert run("get", "g", "t", "--out", f"t.{ending}", "--columns", "good").code == 0


def test_moments_are_the_same_text_in_both_formats_to_the_nanosecond_and_in_utc(run: Run) -> None:
    moments = {
        "date": pa.array([dt.date.min, dt.date.max, None]),
        "time": pa.array([3_723_000_004_001, 1, None], pa.time64("ns")),
        "naive": pa.array([1, 10**18, None], pa.timestamp("ns")),
        "longest": pa.array([-62_135_596_800_000_000, 253_402_300_799_999_999, None], pa.timestamp("us")),
        "berlin": pa.array([1, 10**18, None], pa.timestamp("ns", "Europe/Berlin")),
        "offset": pa.array([1, 10**15, None], pa.timestamp("us", "+01:00")),
        "unknown": pa.array([1, 10**12, None], pa.timestamp("ms", "Mars/Base")),
    }
    save(**moments)
    for ending in ("csv", "jsonl"):
        assert run("get", "g", "t", "--out", f"t.{ending}").code == 0
    rows = [json.loads(line) for line in Path("t.jsonl").read_text().splitlines()]
    with Path("t.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [{name: text or "" for name, text in row.items()} for row in rows]
    assert rows[0] == {
        "date": "0001-01-01",
        "time": "01:02:03.000004001",
        "naive": "1970-01-01 00:00:00.000000001",
        "longest": "0001-01-01 00:00:00.000000",
        "berlin": "1970-01-01 00:00:00.000000001Z",
        "offset": "1970-01-01 00:00:00.000001Z",
        "unknown": "1970-01-01 00:00:00.001Z",
    }


def test_parts_of_nested_values_are_written_as_they_would_be_alone(run: Run) -> None:
    clock = pa.time64("ns")
    save(
        many=pa.array([[1, None], None], pa.list_(clock)),
        large=pa.array([[1], []], pa.large_list(clock)),
        two=pa.array([[1, 2], [3, None]], pa.list_(clock, 2)),
        named=pa.array([{"at": 1, "n": 1.5}, None], pa.struct({"at": clock, "n": pa.float64()})),
        pairs=pa.array([[("a", 1)], None], pa.map_(pa.string(), clock)),
        half=pa.array(np.array([1.5, -0.5], np.float16)),
    )
    assert run("get", "g", "t", "--out", "t.jsonl").code == 0
    first, second = (f"00:00:00.00000000{at}" for at in (1, 2))
    assert [json.loads(line) for line in Path("t.jsonl").read_text().splitlines()] == [
        {
            "many": [first, None],
            "large": [first],
            "two": [first, second],
            "named": {"at": first, "n": 1.5},
            "pairs": [["a", first]],
            "half": 1.5,
        },
        {
            "many": None,
            "large": [],
            "two": ["00:00:00.000000003", None],
            "named": None,
            "pairs": None,
            "half": -0.5,
        },
    ]


def test_whatever_can_be_stored_is_written_or_refused_and_can_be_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alike in pieces and loaded whole."""
    tables, seen = {}, set()
    with SimpleFeatureStore(FeatureStoreConfig("store", backend="pyarrow")) as store:
        for at, case in enumerate(cases()):
            with suppress(UnsupportedDataError):
                store.save_features("g", {f"t{at}": case.build()})
                tables[f"t{at}"] = case.what
    for table, what in tables.items():
        for ending in ("csv", "jsonl"):
            outcome = run("get", "g", table, "--out", f"{table}.{ending}")
            seen.add((ending, outcome.code))
            assert outcome.code == 0 or f"table {table!r}" in outcome.err, what
            assert "bug" not in outcome.err, what
            with monkeypatch.context() as patch:
                patch.setattr(exporting, "LARGE", 0)
                again = run("get", "g", table, "--out", f"again {table}.{ending}")
            assert (again.code, again.err) == (outcome.code, outcome.err), what
            if outcome.code == 0:
                assert Path(f"again {table}.{ending}").read_bytes() == Path(f"{table}.{ending}").read_bytes(), what
        assert run("show", "g", table, "--json").json["table"] == table, what
    assert seen == {(ending, code) for ending in ("csv", "jsonl") for code in (0, 1)}


@pytest.mark.parametrize("column", [pa.array([1, None]), pa.nulls(2), pa.array(["", None])], ids=lambda one: one.type)
def test_nulls_alone_are_refused_by_csv_where_they_would_be_blank_lines(run: Run, column: pa.Array) -> None:
    save(odd=column, good=pa.array([1, 2]))
    outcome = run("get", "g", "t", "--out", "t.csv", "--columns", "odd")
    assert outcome.code == 1
    assert "column 'odd'" in outcome.err
    assert "a second column" in outcome.err
    assert not Path("t.csv").exists()
    assert run("get", "g", "t", "--out", "t.csv", "--columns", "good").code == 0
    assert run("get", "g", "t", "--out", "two.csv", "--columns", "odd,good").code == 0
    assert run("get", "g", "t", "--out", "t.jsonl", "--columns", "odd").code == 0


def test_csv_does_not_advise_a_second_column_where_the_first_cannot_be_written(run: Run) -> None:
    save(odd=pa.array([{"a": 1}, None]))
    assert "which CSV cannot hold" in run("get", "g", "t", "--out", "t.csv").err


def test_a_column_with_a_comma_in_its_name_can_be_named(run: Run) -> None:
    save(**{"a,b": pa.array([1]), "a": pa.array([2]), "c": pa.array([3]), "": pa.array([4])})
    assert run("get", "g", "t", "--out", "t.csv", "--columns", "a,b", "--columns", "c, a", "--columns", "").code == 0
    assert Path("t.csv").read_text().splitlines() == ['"a,b","c","a",""', "1,3,2,4"]


def test_one_is_told_in_the_singular(run: Run) -> None:
    save(a=pa.array([1]))
    assert "Wrote 1 row × 1 column to" in run("get", "g", "t", "--out", "t.csv").out
    assert "1 row × 1 column," in run("show", "g", "t").out


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("stem", [b"o\xff", "서울".encode(), b"x" * 240], ids=["not UTF-8", "not ASCII", "long"])
def test_a_file_may_have_any_name(run: Run, store: Path, stem: bytes, ending: str) -> None:
    name = os.fsdecode(stem) + f".{ending}"
    assert run("get", "movies", "text", "--out", name).code == 0
    assert run("get", "movies", "text", "--out", name, "--json", "--force").json["out"] == name
    assert sorted(path.name for path in Path().iterdir()) == sorted(["store", name])


def test_the_home_folder_may_be_called_by_its_sign(run: Run, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("home").mkdir()
    monkeypatch.setenv("HOME", str(Path("home").absolute()))
    monkeypatch.setenv("USERPROFILE", str(Path("home").absolute()))
    assert run("get", "movies", "text", "--out", "~/t.csv").code == 0
    assert run("sample", 1, "--out", "~/m.csv").code == 0
    assert sorted(path.name for path in Path("home").iterdir()) == ["m.csv", "t.csv"]


def test_a_link_to_nothing_stays_unless_forced(run: Run, store: Path) -> None:
    link = Path("t.csv")
    link.symlink_to("nowhere.csv")
    assert "--force" in run("get", "movies", "text", "--out", link).err
    assert link.is_symlink()
    assert run("get", "movies", "text", "--out", link, "--force").code == 0
    assert link.is_symlink()
    assert Path("nowhere.csv").is_file()


def test_a_link_in_a_circle_is_replaced_when_forced(run: Run, store: Path) -> None:
    link = Path("t.csv")
    link.symlink_to(link)
    assert "--force" in run("get", "movies", "text", "--out", link).err
    assert run("get", "movies", "text", "--out", link, "--force").code == 0
    assert link.is_file()


def test_a_file_that_is_written_over_keeps_its_permissions(run: Run, store: Path) -> None:
    out = Path("t.csv")
    out.write_text("secret")
    out.chmod(0o600)
    assert run("get", "movies", "text", "--out", out, "--force").code == 0
    assert out.read_text() != "secret"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_a_file_that_is_there_is_told_before_the_work(run: Run) -> None:
    Path("t.csv").write_text("mine")
    assert "t.csv is there already" in run("get", "g", "t", "--out", "t.csv", "--store", "none").err
    assert "t.csv is there already" in run("sample", 1, "--out", "t.csv").err


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_a_full_disk_is_told_with_the_file(run: Run, ending: str) -> None:
    import resource

    save(x=pa.array(np.random.default_rng(0).random(20_000)), y=pa.array(range(20_000)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 15, limits[1]))
    try:
        outcome = run("get", "g", "t", "--out", f"t.{ending}")
        made = run("sample", 1_000, "--out", f"m.{ending}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (outcome.code, made.code) == (1, 1)
    assert f"could not write t.{ending}: File too large; check its name and the free space" in outcome.err
    assert f"could not write m.{ending}: File too large" in made.err
    assert [path.name for path in Path().iterdir()] == ["store"]


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
    class Full(pq.ParquetWriter):  # type: ignore[misc]  # pyarrow has no types
        def write_table(self, *_: object) -> None:
            self.where.write(b"half of it")
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "ParquetWriter", Full)
    Path("t.parquet").write_text("old")
    outcome = run("get", "movies", "text", "--out", "t.parquet", "--force")
    assert outcome.code == 1
    assert "could not write t.parquet: No space left on device; check its name and the free space" in outcome.err
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
