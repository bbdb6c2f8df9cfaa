"""Every catalog keeps the contract."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import CorruptFileError
from features.store.catalog.base import Catalog
from features.store.catalog.sql import SqlCatalog
from features.store.versions import Change
from features.testing.catalog_contract import CatalogContract
from features.testing.memory_catalog import MemoryCatalog
from features.testing.sweeping_contract import change, new_file


class TestSqlCatalog(CatalogContract):
    def open(self, folder: Path) -> Catalog:
        return SqlCatalog.open(folder / "catalog.sqlite3", timeout=30)


class TestMemoryCatalog(CatalogContract):
    def open(self, folder: Path) -> Catalog:
        return MemoryCatalog()


SCHEMAS = [pa.schema([(name, pa.int64())]) for name in ("one", "other")]
ARTIFACTS = ["{}", '{"x": 1}']


@given(
    saved=st.lists(st.tuples(st.sampled_from(SCHEMAS), st.none() | st.sampled_from(ARTIFACTS)), min_size=1, max_size=5),
    keep=st.integers(1, 3),
)
def test_of_schemas_and_artifacts_a_sweep_keeps_what_is_needed_and_no_more(
    tmp_path_factory: pytest.TempPathFactory,
    saved: list[tuple[pa.Schema, str | None]],
    keep: int,
) -> None:
    folder = tmp_path_factory.mktemp("catalog")
    with closing(SqlCatalog.open(folder / "catalog.sqlite3", timeout=30)) as catalog:
        for number, (schema, artifacts) in enumerate(saved):
            catalog.commit(Change("g", f"write {number}", tables={"t": new_file(schema)}, artifacts=artifacts))
        catalog.sweep([], keep_last=keep)
        assert catalog.problems() == []
        needed = {schema.serialize().to_pybytes() for schema, _ in saved[-keep:]}
        for line in catalog.versions("g"):
            artifacts = catalog.artifacts("g", line.version)
            needed |= set() if artifacts is None else {artifacts.encode()}
    with closing(sqlite3.connect(folder / "catalog.sqlite3")) as raw:
        assert {body for (body,) in raw.execute("SELECT body FROM documents")} == needed


def test_all_groups_are_one_question_and_none_where_nothing_has_changed(tmp_path: Path) -> None:
    """Ten thousand groups take ten thousand times as long where each is asked for by itself."""
    with closing(SqlCatalog.open(tmp_path / "catalog.sqlite3", timeout=30)) as catalog:
        for number in range(3):
            catalog.commit(change(f"g{number}", "t"))
        statements: list[str] = []

        def asked() -> int:
            statements.clear()
            assert len(catalog.latest()) == 3
            return sum("feature_groups" in statement for statement in statements)

        for connection in catalog._database._idle:
            connection.set_trace_callback(statements.append)
        assert (asked(), asked()) == (1, 0)
        catalog.commit(change("g0", "t"))
        assert (asked(), asked()) == (1, 0)


OF_G = "(SELECT id FROM feature_groups WHERE name = 'g')"
COPIED_LINES = """
    SELECT group_id + 99, version, created_at, message, artifacts, 'copy of ' || write_id, content, seal FROM versions
"""
COPIED_TABLES = """
    SELECT group_id + 99, end_version, name, first_version, file, written_version, write_id, size, rows, digest, schema,
    seal FROM entries
"""
OF_ARTIFACTS, OF_SCHEMAS = "SELECT artifacts FROM versions", "SELECT schema FROM entries"
DAMAGES = {
    "a line of each group": ("UPDATE versions SET message = 'other' WHERE version = 1", ["was changed"] * 2),
    "the last line": (f"DELETE FROM versions WHERE version = 2 AND group_id = {OF_G}", ["versions of group 'g' are"]),
    "the first line": (f"DELETE FROM versions WHERE version = 1 AND group_id = {OF_G}", ["versions of group 'g' are"]),
    "the only line": (f"DELETE FROM versions WHERE group_id <> {OF_G}", ["not found where they should be"]),
    "the row of a group": ("UPDATE feature_groups SET latest = latest + 1 WHERE name = 'g'", ["'g' was changed"]),
    "the time of a group": ("UPDATE feature_groups SET updated_at = 1 WHERE name = 'g'", ["'g' was changed"]),
    "a group": ("DELETE FROM feature_groups WHERE name = 'h'", ["groups are missing"]),
    "lines without a group": (f"INSERT INTO versions {COPIED_LINES}", ["belongs to no group"] * 3),
    "tables without a group": (f"INSERT INTO entries {COPIED_TABLES}", ["belongs to no group"] * 3),
    "a table's file": ("UPDATE entries SET rows = rows + 1 WHERE name = 'b'", ["table 'b' was changed"]),
    "a table's file, to no number": (
        "UPDATE entries SET end_version = 'x' WHERE name = 'b'",
        ["is kept for versions"],
    ),
    "a table": ("DELETE FROM entries WHERE name = 'b'", ["does not hold the tables"]),
    "artifacts": (f"DELETE FROM documents WHERE digest IN ({OF_ARTIFACTS})", ["a schema or an artifact"] * 2),
    "schemas": (f"DELETE FROM documents WHERE digest IN ({OF_SCHEMAS})", ["a schema or an artifact"] * 2),
    "what schemas say": (f"UPDATE documents SET body = x'00' WHERE digest IN ({OF_SCHEMAS})", ["a schema or an"] * 2),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told_group_by_group_and_nothing_is_swept(tmp_path: Path, damage: str) -> None:
    statement, told = DAMAGES[damage]
    with closing(SqlCatalog.open(tmp_path / "catalog.sqlite3", timeout=30)) as catalog:
        for number, (group, name) in enumerate([("g", "a"), ("g", "b"), ("h", "c")]):
            tables = {name: new_file(SCHEMAS[number % 2])}
            catalog.commit(Change(group, f"write {number}", tables=tables, artifacts=ARTIFACTS[number % 2]))
        with closing(sqlite3.connect(tmp_path / "catalog.sqlite3")) as raw:
            with raw:
                raw.execute(statement)
            before = list(raw.iterdump())
            problems = catalog.problems()
            assert len(problems) == len(told)
            assert all(part in problem for part, problem in zip(told, problems, strict=True))
            for dry_run in (True, False):
                with pytest.raises(CorruptFileError) as caught:
                    catalog.sweep(["0" * 32], keep_last=1, dry_run=dry_run)
                assert str(caught.value) == problems[0]
            assert list(raw.iterdump()) == before


def test_damage_that_no_row_shows_is_told(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    with closing(SqlCatalog.open(path, timeout=30)) as catalog:
        catalog.commit(change("g", "a"))
    content = path.read_bytes()
    path.write_bytes(content[:36] + (5).to_bytes(4) + content[40:])  # so many pages would be free
    with closing(SqlCatalog.open(path, timeout=30)) as catalog:
        assert catalog.versions("g")
        assert any("SQLite's own check says" in problem for problem in catalog.problems())


@pytest.mark.parametrize("table", ["versions", "entries"])
def test_rows_that_were_swept_and_are_back_are_damage(tmp_path: Path, table: str) -> None:
    """As when a page of the disk is that of before. Each still has the seal that it was given."""
    with closing(SqlCatalog.open(tmp_path / "catalog.sqlite3", timeout=30)) as catalog:
        catalog.commit(change("g", "a", "b"))
        catalog.commit(change("g", delete="a"))
        with closing(sqlite3.connect(tmp_path / "catalog.sqlite3")) as raw:
            old = raw.execute(f"SELECT * FROM {table}").fetchall()
            catalog.sweep([], keep_last=1)
            with raw:
                for row in old:
                    raw.execute(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        with pytest.raises(CorruptFileError):
            catalog.versions("g")
        assert len(catalog.problems()) == 1


def test_a_line_that_was_swept_and_is_back_in_the_place_of_one_that_is_gone_is_damage(tmp_path: Path) -> None:
    with closing(SqlCatalog.open(tmp_path / "catalog.sqlite3", timeout=30)) as catalog:
        for made in (change("g", "a"), change("g", delete="a"), change("g", restore=2), change("g", "b")):
            catalog.commit(made)
        with closing(sqlite3.connect(tmp_path / "catalog.sqlite3")) as raw:
            (old,) = raw.execute("SELECT * FROM versions WHERE version = 2").fetchall()
            catalog.sweep([], keep_last=2)
            with raw:
                raw.execute("DELETE FROM versions WHERE version = 3")
                raw.execute(f"INSERT INTO versions VALUES ({', '.join('?' * len(old))})", old)
        with pytest.raises(CorruptFileError, match="versions of group 'g' are missing"):
            catalog.versions("g")


def test_the_history_of_a_group_whose_row_was_changed_is_not_told(tmp_path: Path) -> None:
    with closing(SqlCatalog.open(tmp_path / "catalog.sqlite3", timeout=30)) as catalog:
        catalog.commit(change("g", "a"))
        with closing(sqlite3.connect(tmp_path / "catalog.sqlite3")) as raw, raw:
            raw.execute("UPDATE feature_groups SET updated_at = updated_at + 1")
        with pytest.raises(CorruptFileError, match="the row of group 'g' was changed"):
            catalog.versions("g")
