"""``features ls``, ``show`` and ``log``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.cli.opening import existing_store
from features.errors import NotFoundError
from features.store.catalog.sql import SqlCatalog
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from features.store.names import CATALOG
from features.store.versions import Snapshot
from tests.cli.running import Run


def save(group: str, **tables: pa.Table) -> None:
    with SimpleFeatureStore(FeatureStoreConfig("store", backend="pyarrow")) as store:
        store.save_features(group, tables)


def test_ls_lists_groups_with_version_tables_and_size(run: Run, store: Path) -> None:
    save("other", t=pa.table({"x": [1]}))
    lines = run("ls", "--store", store).out.splitlines()
    assert lines[0].split() == ["GROUP", "VERSION", "TABLES", "SIZE", "SAVED"]
    assert [line.split()[:3] for line in lines[1:]] == [["movies", "2", "6"], ["other", "1", "1"]]


def test_ls_for_machines_counts_bytes_exactly(run: Run, store: Path) -> None:
    (group,) = run("ls", "--json").json["groups"]
    with SimpleFeatureStore(FeatureStoreConfig(store, backend="pyarrow")) as opened:
        names = opened.list_features("movies")
        assert group["bytes"] == sum(opened.get_feature_info(name, "movies").size for name in names)


def test_an_empty_store_says_how_to_fill_it(run: Run) -> None:
    SimpleFeatureStore(FeatureStoreConfig("store", backend="pyarrow")).close()
    outcome = run("ls")
    assert outcome.code == 0
    assert "features build" in outcome.out


@pytest.mark.parametrize("typed", [("show", "movies"), ("log", "movies"), ("get", "movies", "t", "--out", "t.csv")])
def test_what_an_empty_store_lacks_is_told_with_how_to_make_it(run: Run, typed: tuple[str, ...]) -> None:
    SimpleFeatureStore(FeatureStoreConfig("store", backend="pyarrow")).close()
    outcome = run(*typed)
    assert outcome.code == 1
    assert "no group 'movies' in this store; there is none yet, so make one with features build" in outcome.err


@given(st.text(" '\"$;&|*~\\ax", min_size=1, max_size=20))
def test_a_command_to_type_next_is_quoted_for_the_shell(name: str) -> None:
    with pytest.raises(NotFoundError) as told:
        existing_store(Path("nowhere") / name)
    proposed = str(told.value).rpartition("build one with: ")[2]
    assert shlex.split(proposed) == ["features", "build", "MOVIES", "--store", str(Path("nowhere") / name)]


def test_log_lists_versions_newest_first_with_messages(run: Run, store: Path) -> None:
    lines = run("log", "movies").out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["2", "1"]
    assert lines[1].endswith("ten")
    assert "built from" in lines[0]
    assert [one["version"] for one in run("log", "movies", "--json").json["versions"]] == [2, 1]


def test_show_of_a_group_lists_its_tables_and_artifacts(run: Run, store: Path) -> None:
    outcome = run("show", "movies")
    assert "version 2" in outcome.out
    rows = {line.split()[0]: line.split()[1] for line in outcome.out.splitlines() if line}
    assert rows["rejected"] == "2"
    assert rows["basic"] == "8"
    assert rows["as_of"] == "2026-01-01"


@pytest.mark.parametrize("typed", [("show", "g"), ("build", "--sample", "3", "--group", "g")])
def test_a_group_is_asked_for_its_tables_at_once(
    run: Run, monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...]
) -> None:
    asked: list[str] = []
    snapshot = SqlCatalog.snapshot

    def counted(catalog: SqlCatalog, *which: Any) -> Snapshot:
        asked.append(which[0])
        return snapshot(catalog, *which)

    save("g", **{f"t{number}": pa.table({"x": [number]}) for number in range(10)})
    monkeypatch.setattr(SqlCatalog, "snapshot", counted)
    assert run(*typed).code == 0
    assert asked == ["g"]


def test_show_of_an_older_version_shows_that_one(run: Run, store: Path) -> None:
    document = run("show", "movies", "--version", 1, "--json").json
    assert document["version"] == 1
    assert {one["table"]: one["rows"] for one in document["tables"]} == dict.fromkeys(
        ("basic", "interaction", "statistical", "temporal", "text"), 10
    )


def test_show_of_a_table_has_types_meanings_and_first_rows(run: Run, store: Path) -> None:
    out = run("show", "movies", "temporal", "--rows", 2).out
    assert "8 rows × 15 columns" in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "release_year int16 year of release" in " ".join(lines) or any(
        line.startswith("release_year int16 ") and len(line) > len("release_year int16 ") for line in lines
    )
    header = next(line for line in out.splitlines() if line.startswith("FIRST ROWS"))
    assert header.split() == ["FIRST", "ROWS", "1", "2"]
    assert "movie_id 1 2" in lines


def test_show_of_an_older_table_has_the_rows_of_then(run: Run, store: Path) -> None:
    assert run("show", "movies", "basic", "--version", 1, "--json").json["rows"] == 10


def test_show_for_machines_has_every_column_and_plain_values(run: Run, store: Path) -> None:
    document = run("show", "movies", "basic", "--rows", 1, "--json").json
    (row,) = document["first_rows"]
    assert list(row) == [one["column"] for one in document["schema"]]
    assert row["movie_id"] == 1
    assert all(one["description"] for one in document["schema"])


def test_a_table_of_somebody_else_is_shown_without_made_up_meanings(run: Run) -> None:
    save("mine", basic=pa.table({"adult": ["yes"], "movie_id": [1]}))
    document = run("show", "mine", "basic", "--json").json
    assert [one["description"] for one in document["schema"]] == [None, None]
    assert "DESCRIPTION" not in run("show", "mine", "basic").out


def test_a_table_without_rows_is_shown(run: Run) -> None:
    save("mine", t=pa.table({"x": pa.array([], pa.int64())}))
    outcome = run("show", "mine", "t")
    assert outcome.code == 0
    assert "0 rows × 1 column, " in outcome.out


@pytest.mark.parametrize("rows", [1, 2, 3, 10**20])
def test_as_many_first_rows_are_shown_as_there_are(run: Run, rows: int) -> None:
    save("mine", t=pa.table({"x": [1, 2]}))
    assert len(run("show", "mine", "t", "--rows", rows, "--json").json["first_rows"]) == min(rows, 2)


@pytest.mark.parametrize("rows", [0, 3, 5000])
def test_the_first_rows_of_a_large_table_are_shown_without_the_others(run: Run, rows: int) -> None:
    numbers = np.random.default_rng(1).standard_normal(2_200_000)
    save("g", t=pa.table({"x": numbers}))
    document = run("show", "g", "t", "--rows", rows, "--json").json
    assert document["bytes"] > 16 << 20
    assert [row["x"] for row in document["first_rows"]] == numbers[:rows].tolist()


def test_a_large_table_that_cannot_be_read_in_pieces_is_shown(run: Run) -> None:
    maps = pa.array([[("a", 1)], [("b", 2)]], pa.map_(pa.string(), pa.int8()))
    numbers = np.random.default_rng(1).integers(0, 1 << 62, (1 << 20, 4)).tobytes()
    save("g", t=pa.table({"m": maps, "x": [numbers, b""]}))
    document = run("show", "g", "t", "--rows", 1, "--json").json
    assert document["bytes"] > 16 << 20
    assert document["first_rows"][0]["m"] == [["a", 1]]


def test_values_that_json_lacks_are_told_as_text(run: Run) -> None:
    save("mine", t=pa.table({"x": [float("nan"), 1.5], "b": [b"\x00\xff", None]}))
    assert run("show", "mine", "t", "--json").json["first_rows"] == [{"x": "nan", "b": "00ff"}, {"x": 1.5, "b": None}]


def test_what_is_stored_cannot_command_the_terminal(run: Run) -> None:
    save("mine", t=pa.table({"x": ["\x1b[31mred\nnext[bold]"]}))
    out = run("show", "mine", "t").out
    assert "\x1b" not in out
    assert "\\x1b[31mred\\nnext[bold]" in out


def test_a_pipe_gets_one_line_a_row_however_wide(run: Run) -> None:
    save("mine", **{f"{'long_name_' * 20}{number}": pa.table({"x": [1]}) for number in range(3)})
    lines = run("show", "mine").out.splitlines()
    assert [line.split()[0][-1] for line in lines[3:]] == ["0", "1", "2"]
    assert all(line.split()[1:3] == ["1", "1"] for line in lines[3:])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "movis"), "did you mean 'movies'"),
        (("log", "movis"), "did you mean 'movies'"),
        (("show", "movies", "basik"), "did you mean 'basic'"),
        (("show", "movies", "--version", "9"), "no version 9"),
        (("show", "movies", "basic", "--version", "9"), "no version 9"),
    ],
)
def test_what_is_not_there_is_named_with_what_is_near(
    run: Run, store: Path, arguments: tuple[str, ...], told: str
) -> None:
    outcome = run(*arguments)
    assert outcome.code == 1
    assert told in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("ls",),
        ("show", "g"),
        ("show", "g", "t"),
        ("log", "g"),
        ("get", "g", "t", "--out", "t.csv"),
        ("check",),
        ("gc",),
        ("rollback", "g", "1"),
        ("delete", "g", "t"),
        ("backup", "copy"),
    ],
)
def test_where_there_is_no_store_none_is_made(run: Run, arguments: tuple[str, ...]) -> None:
    outcome = run(*arguments, "--store", "nowhere")
    assert outcome.code == 1
    assert "there is no store in nowhere; build one with: features build" in outcome.err
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("typed", [("ls",), ("check",), ("build", "--sample", "3")])
def test_a_store_that_lost_its_catalog_is_told_as_one(run: Run, store: Path, typed: tuple[str, ...]) -> None:
    (store / CATALOG).unlink()
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    outcome = run(*typed)
    assert outcome.code == 1
    catalog = store.absolute() / CATALOG
    assert f"there are files of a store, but no catalog of theirs at {catalog}; restore it" in outcome.err
    assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == before


def test_a_store_with_its_catalog_elsewhere_is_opened_with_that(run: Run) -> None:
    place = Path("far #1").absolute() / "catalog"
    config = FeatureStoreConfig("near", backend="pyarrow", catalog_url=f"sqlite:///{quote(str(place))}")
    with SimpleFeatureStore(config) as store:
        store.save_features("g", {"t": pa.table({"x": [1]})})
        store.save_features("g", {"t": pa.table({"x": [2]})})
        assert "g" in run("ls", "--store", "near").out
        assert run("rollback", "g", "1", "--store", "near").code == 0
        assert store.get_features(None, "g") == {"t": pa.table({"x": [1]})}
        run("sample", 30, "--out", "movies.parquet")
        assert run("build", "movies.parquet", "--group", "g", "--store", "near").code == 0
        assert [line.version for line in store.versions("g")] == [1, 2, 3, 4]
        assert run("backup", "copy", "--store", "near").code == 0
    assert run("check", "--deep", "--store", "copy").code == 0
    place.rename("moved")
    for arguments in (("ls",), ("build", "movies.parquet")):
        outcome = run(*arguments, "--store", "near")
        assert outcome.code == 1
        assert f"the catalog of the store in near is gone: it was {place}; put it back" in outcome.err
    assert not place.exists()


def test_a_file_is_no_store(run: Run) -> None:
    Path("file").touch()
    outcome = run("ls", "--store", "file")
    assert outcome.code == 1
    assert "file is a file" in outcome.err


@pytest.mark.parametrize("command", [("build", "--sample", "2"), ("ls",), ("check",), ("stress",), ("backup", "")])
def test_an_empty_folder_name_is_not_the_current_folder(run: Run, command: tuple[str, ...]) -> None:
    outcome = run(*command, *([] if "" in command else ["--store", ""]))
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "it is empty; name a folder" in outcome.err
    assert list(Path().iterdir()) == []


def test_the_environment_names_the_store_and_the_option_wins(
    run: Run, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.rename("elsewhere")
    monkeypatch.setenv("FEATURES_STORE", "elsewhere")
    assert run("ls").code == 0
    assert run("ls", "--store", "nowhere").code == 1


def test_the_fidelity_table_knows_two_outcomes(run: Run) -> None:
    outcome = run("show", "--fidelity")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0].split() == ["BACKEND", "WHAT", "OUTCOME", "NOTE"]
    assert len(lines) > 50
    assert all(" exact" in line or " refused " in line for line in lines[1:])


@pytest.mark.parametrize("arguments", [("--fidelity", "--json"), ("--json", "--fidelity")])
def test_the_fidelity_table_for_machines_is_a_document(run: Run, arguments: tuple[str, ...]) -> None:
    rows = run("show", *arguments).json["fidelity"]
    assert len(rows) > 50
    assert {row["outcome"] for row in rows} == {"exact", "refused"}
    assert all(bool(row["note"]) == (row["outcome"] == "refused") for row in rows)


def test_values_that_python_cannot_hold_are_shown_as_text(run: Run) -> None:
    columns = {
        "day": pa.array([30_000_000, 0, None], pa.date32()),
        "moment": pa.array([2**60, 0, None], pa.timestamp("ms")),
        "zoned": pa.array([2**62, 0, None], pa.timestamp("us", "UTC")),
        "unknown": pa.array([1, 0, None], pa.timestamp("us", "Mars/Base")),
        "span": pa.array([2**62, 0, None], pa.duration("ms")),
        "nano": pa.array([1, 0, None], pa.timestamp("ns")),
        "days": pa.array([[30_000_000], [0], None], pa.list_(pa.date32())),
    }
    save("g", t=pa.table(columns))
    assert run("show", "g", "t").code == 0
    far, near, missing = run("show", "g", "t", "--json").json["first_rows"]
    assert far["day"] == far["days"] == "<value out of range: 30000000>"
    assert str(2**60) in far["moment"]
    assert str(2**62) in far["zoned"]
    assert far["unknown"] == "1970-01-01 00:00:00.000001Z"
    assert far["span"] == str(2**62)
    assert far["nano"].endswith("00:00:00.000000001")
    assert near["day"] == "1970-01-01"
    assert near["days"] == ["1970-01-01"]
    assert set(missing.values()) == {None}
