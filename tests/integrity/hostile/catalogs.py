"""Catalogs that hold something else than the store put there, and files that no honest catalog would name."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow as pa

from features.store.versions import NewFile
from tests.integrity.hostile import files


def sql(*statements: str) -> Callable[[Path], None]:
    """A catalog changed by these statements, which SQLite takes even where they make no sense."""

    def run(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as catalog:
            catalog.execute("PRAGMA writable_schema = ON")
            for statement in statements:
                catalog.execute(statement)

    return run


def instead(make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Something else than a file at the catalog's path."""

    def put(path: Path) -> None:
        path.unlink()
        make(path)

    return put


def beside(ending: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Something at a path that SQLite looks at too."""

    def put(path: Path) -> None:
        path = path.with_name(path.name + ending)
        path.unlink(missing_ok=True)
        make(path)

    return put


def new_database(*statements: str) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        path.unlink()
        sql(*statements)(path)

    return put


_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS number, 'g' AS name FROM n"

CATALOGS: dict[str, Callable[[Path], None]] = {
    "a trigger that drops what is saved": sql(
        "CREATE TRIGGER t AFTER INSERT ON versions BEGIN DELETE FROM entries WHERE group_id = NEW.group_id; END"
    ),
    "a trigger that never ends": sql(
        "CREATE TRIGGER t AFTER INSERT ON versions "
        f"BEGIN INSERT INTO condemned SELECT number FROM ({_ENDLESS}); END"
    ),
    "a trigger that raises": sql(
        "CREATE TRIGGER t BEFORE UPDATE ON feature_groups BEGIN SELECT RAISE(FAIL, 'no'); END"
    ),
    "a view in place of the groups": sql("DROP TABLE feature_groups", f"CREATE VIEW feature_groups AS {_ENDLESS}"),
    "a view in place of the layout": sql("DROP TABLE layout", f"CREATE VIEW layout AS {_ENDLESS}"),
    "a view in place of the entries": sql("DROP TABLE entries", "CREATE VIEW entries AS SELECT * FROM versions"),
    "a view beside ours": sql("CREATE VIEW spy AS SELECT * FROM entries"),
    "an index on an expression": sql("CREATE INDEX i ON entries(abs(size), hex(digest), upper(name))"),
    "a table of full text": sql("CREATE VIRTUAL TABLE words USING fts5(body)"),
    "a table without its column": sql("ALTER TABLE entries DROP COLUMN rows"),
    "a table with another column": sql("ALTER TABLE entries ADD COLUMN more TEXT DEFAULT 'x'"),
    "no entries": sql("DROP TABLE entries"),
    "no versions": sql("DROP TABLE versions"),
    "no documents": sql("DROP TABLE documents"),
    "no layout": sql("DROP TABLE layout"),
    "an empty layout": sql("DELETE FROM layout"),
    "a layout of the future": sql("UPDATE layout SET number = 10000"),
    "a layout that is text": sql(
        "DROP TABLE layout", "CREATE TABLE layout (number)", "INSERT INTO layout VALUES ('x')"
    ),
    "a layout below zero": sql("UPDATE layout SET number = -1"),
    "a schema that is no SQL": sql("UPDATE sqlite_master SET sql = 'CREATE NONSENSE' WHERE name = 'entries'"),
    "a schema of other columns": sql(
        "UPDATE sqlite_master SET sql = 'CREATE TABLE entries (a)' WHERE name = 'entries'"
    ),
    "a schema whose root is elsewhere": sql("UPDATE sqlite_master SET rootpage = 1 WHERE name = 'entries'"),
    "a root page that is not there": sql("UPDATE sqlite_master SET rootpage = 99999 WHERE name = 'versions'"),
    "sizes that are text": sql("UPDATE entries SET size = 'large'"),
    "sizes below zero": sql("UPDATE entries SET size = -1"),
    "a digest that is text": sql("UPDATE entries SET digest = 'none'"),
    "a digest that is a number": sql("UPDATE entries SET digest = 5"),
    "schemas that are nowhere": sql("DELETE FROM documents"),
    "schemas that are noise": sql("UPDATE documents SET body = randomblob(500)"),
    "schemas that are text": sql("UPDATE documents SET body = 'schema'"),
    "artifacts that are noise": sql("UPDATE versions SET artifacts = randomblob(16)"),
    "names that are numbers": sql("UPDATE entries SET name = CAST(7 AS BLOB)"),
    "groups that are blobs": sql("UPDATE feature_groups SET name = x'FFFE'"),
    "a group that is a path": sql("UPDATE feature_groups SET name = '../../outside'"),
    "versions that are text": sql("UPDATE feature_groups SET latest = 'last'"),
    "a version beyond all numbers": sql("UPDATE feature_groups SET latest = 9223372036854775807"),
    "moments beyond all calendars": sql(
        "UPDATE versions SET created_at = 9223372036854775807",
        "UPDATE feature_groups SET updated_at = 9223372036854775807",
    ),
    "moments that are text": sql("UPDATE versions SET created_at = 'today'"),
    "ids that are paths": sql("UPDATE entries SET file = '../../outside/secret'"),
    "ids that are NULs": sql("UPDATE entries SET file = 'a' || char(0) || 'b'"),
    "another program's database": new_database("CREATE TABLE bookmarks (url)"),
    "an empty database with our number": new_database("PRAGMA user_version = 1"),
    "UTF-16": new_database(
        "PRAGMA encoding = 'UTF-16'", "CREATE TABLE layout (number)", "INSERT INTO layout VALUES (1)"
    ),
    "noise": instead(lambda path: path.write_bytes(bytes(range(256)) * 64)),
    "a header and nothing": instead(lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(84))),
    "half of it": lambda path: os.truncate(path, path.stat().st_size // 2),
    "a folder": instead(Path.mkdir),
    "a FIFO": instead(os.mkfifo),
    "a socket": instead(files.listening),
    "a link to itself": instead(lambda path: path.symlink_to(path.name)),
    "a link to a device": instead(lambda path: path.symlink_to("/dev/zero")),
    "a terabyte of nothing": instead(files.sparse(1 << 40)),
    "a journal that is a FIFO": beside("-journal", os.mkfifo),
    "a journal that is a folder": beside("-journal", Path.mkdir),
    "a journal that is noise": beside(
        "-journal", lambda path: path.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\xff" * 4096)
    ),
    "a journal that is a link": beside("-journal", lambda path: path.symlink_to("/dev/zero")),
    "a log that is noise": beside("-wal", lambda path: path.write_bytes(b"\x37\x7f\x06\x82" + b"\xff" * 4096)),
    "a log that is a FIFO": beside("-wal", os.mkfifo),
}  # fmt: skip


def file(name: object = "f" * 32, **other: object) -> Callable[[], NewFile]:
    """A file of this id; the rest is as it might be."""

    def make() -> NewFile:
        facts = {"size": 100, "rows": 10, "digest": b"\0" * 16, "schema": files.good().schema} | other
        return NewFile(name, **facts)  # type: ignore[arg-type]

    return make


def the_secret() -> NewFile:
    """A file outside of the store, with its true size and digest."""
    import xxhash

    return NewFile(
        "../../outside/secret",
        len(files.GOOD),
        files.ROWS,
        xxhash.xxh3_128_digest(files.GOOD),
        files.good().schema,
    )


ROWS: dict[str, Callable[[], NewFile]] = {
    "a path out of the store": the_secret,
    "an absolute path": file(str(Path("outside/secret").absolute())),
    "a path to a device": file("/dev/zero"),
    "a NUL": file("a\0b"),
    "nothing": file(""),
    "dots": file(".."),
    "upper case": file("F" * 32),
    "a line break": file("f" * 32 + "\n"),
    "other digits": file("١" * 32),
    "a name of five thousand characters": file("f" * 5000),
    "a size below zero": file(size=-1),
    "a size beyond all disks": file(size=2**62),
    "rows below zero": file(rows=-1),
    "no digest": file(digest=b""),
    "a digest of a megabyte": file(digest=b"\0" * (1 << 20)),
    "a schema of a thousand levels": file(schema=files.nested(1000).schema),
    "a schema without columns": file(schema=pa.schema([])),
    "a schema with one name twice": file(schema=pa.schema([("a", pa.int8()), ("a", pa.int8())])),
}
