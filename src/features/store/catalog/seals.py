"""Checksums of the catalog's own rows: what a file's digest is to the file.

SQLite notices a broken structure, not a changed value: a bit that flips in a page gives another version, another file
or another name, and no error. So each row carries a seal over its values. An entry's seal covers the table's file; a
version's covers its own line of history and ``content``, the sum of the seals of all entries that it holds; a group's
covers which versions it has, and the layout's which groups there are. A reader compares them all, so that rows which
were changed, lost, doubled or left over from an older state of a page are told as damage and never taken for an
answer.

A sum can be kept up by what a commit changes, however many tables a group has: take the seals that end from it, add
those that begin. It also keeps faith with what was committed: damage to an entry that carries over stays visible.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

import xxhash

from features.errors import CorruptFileError

EMPTY = bytes(16)
"""The content of a version without tables."""

_MODULUS = 1 << 128
_encode = json.JSONEncoder(check_circular=False).encode

Row = sqlite3.Row | Mapping[str, Any]

_OF_ENTRY = itemgetter("name", "file", "written_version", "write_id", "size", "rows", "digest", "schema")
_OF_VERSION = itemgetter("group_name", "version", "created_at", "message", "version_write_id", "artifacts", "content")


def of_entry(row: Row) -> bytes:
    """The seal of one table's file."""
    *values, digest, schema = _OF_ENTRY(row)
    return _seal(*values, digest.hex(), schema.hex())


def of_version(row: Row) -> bytes:
    """The seal of one line of a group's history."""
    *values, artifacts, content = _OF_VERSION(row)
    return _seal(*values, None if artifacts is None else artifacts.hex(), content.hex())


def of_group(name: str, oldest: int, latest: int, updated_at: int) -> bytes:
    """The seal of which versions a group has."""
    return _seal(name, oldest, latest, updated_at)


def of_name(group: str) -> bytes:
    """What a group adds to the seal of the whole catalog."""
    return _seal(group)


def of_catalog(number: int, groups: bytes) -> bytes:
    """The seal of the layout's number, and of which groups there are: the sum of their names' seals."""
    return _seal(number, groups.hex())


def content(before: bytes, ended: Iterable[bytes], begun: Iterable[bytes]) -> bytes:
    """The sum of seals ``before``, without those that ended and with those that begin."""
    total = int.from_bytes(before) - sum(map(int.from_bytes, ended)) + sum(map(int.from_bytes, begun))
    return (total % _MODULUS).to_bytes(16)


def check_group(connection: sqlite3.Connection, row: Row) -> None:
    """Compare the group's seal.

    Raises:
        CorruptFileError: it is not that of the row.
    """
    values = (row["group_name"], row["oldest"], row["latest"], row["updated_at"])
    if not _holds(lambda: of_group(*values), row["group_seal"]):
        raise damaged(connection, f"the row of group {row['group_name']!r} was changed")


def check_catalog(connection: sqlite3.Connection, row: Row | None) -> None:
    """Compare the seal of the one row of ``layout``.

    Raises:
        CorruptFileError: it is not that of the row, or there is none.
    """
    if row is None or not _holds(lambda: of_catalog(row["number"], row["groups"]), row["seal"]):
        raise damaged(connection, "the row of its layout was changed or is gone")


def check_groups(connection: sqlite3.Connection, row: Row, found: Iterable[str]) -> None:
    """Compare the groups that were found with those that were made.

    Raises:
        CorruptFileError: there are others, more or fewer.
    """
    if row["groups"] != content(EMPTY, (), map(of_name, found)):
        raise damaged(connection, "groups are missing, or there are too many")


def check_version(connection: sqlite3.Connection, row: Row) -> None:
    """Compare the version's seal.

    Raises:
        CorruptFileError: it is not that of the row.
    """
    if not _holds(lambda: of_version(row), row["version_seal"]):
        raise damaged(connection, f"version {row['version']} of group {row['group_name']!r} was changed or is gone")


def check_entry(connection: sqlite3.Connection, row: Row) -> None:
    """Compare the entry's seal.

    Raises:
        CorruptFileError: it is not that of the row.
    """
    if not _holds(lambda: of_entry(row), row["seal"]):
        raise damaged(connection, f"the row of table {row['name']!r} was changed")


def check_content(connection: sqlite3.Connection, version: Row, found: bytes) -> None:
    """Compare the sum of a version's entries, each checked, with the one that was committed.

    Raises:
        CorruptFileError: there are others, more or fewer.
    """
    if found != version["content"]:
        where = f"version {version['version']} of group {version['group_name']!r}"
        raise damaged(connection, f"{where} does not hold the tables that it was saved with")


def check_snapshot(connection: sqlite3.Connection, rows: list[sqlite3.Row]) -> None:
    """Compare everything about one version: its group, itself, and each of its tables.

    Args:
        connection: where the rows are from.
        rows: one for each table, all with the columns of the version and of its group; without tables, a single one.

    Raises:
        CorruptFileError: something was changed.
    """
    check_group(connection, rows[0])
    check_version(connection, rows[0])
    entries = [row for row in rows if row["name"] is not None]
    for row in entries:
        check_entry(connection, row)
    check_content(connection, rows[0], content(EMPTY, (), (row["seal"] for row in entries)))


def check_document(connection: sqlite3.Connection, digest: bytes, body: bytes | None) -> bytes:
    """The body, where it is the one that was kept.

    Raises:
        CorruptFileError: it is another, or gone.
    """
    if not isinstance(body, bytes) or xxhash.xxh3_128_digest(body) != digest:
        raise damaged(connection, "a schema or an artifact was changed or is gone")
    return body


def damaged(connection: sqlite3.Connection, what: str) -> CorruptFileError:
    """The error for a catalog that says what was never committed."""
    file = connection.execute("PRAGMA database_list").fetchone()["file"]
    return CorruptFileError(
        f"the catalog {file} is damaged: {what}; restore it from a backup", file=str(file), reason=what
    )


def _seal(*values: str | int | None) -> bytes:
    return xxhash.xxh3_128_digest(_encode(values).encode())


def _holds(compute: Any, seal: bytes) -> bool:
    try:
        return bool(compute() == seal)
    except (TypeError, AttributeError):  # a value of another type than was ever saved
        return False
