"""Versions joined with the tables they hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from features.store.catalog import seals
from features.store.catalog.moments import moment
from features.store.versions import GroupVersion


def history(
    connection: sqlite3.Connection, versions: Sequence[sqlite3.Row], spans: Sequence[sqlite3.Row]
) -> list[GroupVersion]:
    """A group's versions, oldest first, in one pass over them and over the spans in which tables were held.

    Raises:
        CorruptFileError: a row was changed, a version or a table is missing, or there is one too many.
    """
    seals.check_group(connection, versions[0])
    for row in versions:
        seals.check_version(connection, row)
    oldest, latest = versions[0]["oldest"], versions[0]["latest"]
    if len(versions) != latest - oldest + 1 or any(row["version"] != oldest + at for at, row in enumerate(versions)):
        raise seals.damaged(connection, f"versions of group {versions[0]['group_name']!r} are missing")
    starting: dict[int, list[sqlite3.Row]] = {}
    ending: dict[int, list[sqlite3.Row]] = {}
    for span in spans:
        seals.check_entry(connection, span)
        if _number(span["end_version"]) <= oldest:
            raise seals.damaged(connection, f"table {span['name']!r} is kept for versions that are gone")
        starting.setdefault(max(_number(span["first_version"]), oldest), []).append(span)
        ending.setdefault(span["end_version"], []).append(span)
    held: dict[str, int] = {}
    content = seals.EMPTY
    lines = []
    for row in versions:
        ended, begun = ending.get(row["version"], ()), starting.get(row["version"], ())
        content = seals.content(content, _seals(ended), _seals(begun))
        for span in ended:
            held.pop(span["name"], None)
        held.update((span["name"], span["size"]) for span in begun)
        seals.check_content(connection, row, content)
        lines.append(line(row, held, sum(held.values())))
    return lines


def line(row: sqlite3.Row, tables: Iterable[str], size: int) -> GroupVersion:
    """One line of a group's history, from a version's row and what it is to say of the tables."""
    return GroupVersion(
        group=row["group_name"],
        version=row["version"],
        created_at=moment(row["created_at"]),
        message=row["message"],
        tables=tuple(sorted(tables)),
        write_id=row["version_write_id"],
        bytes=size,
    )


def _seals(spans: Sequence[sqlite3.Row]) -> list[bytes]:
    return [span["seal"] for span in spans]


def _number(stored: object) -> int:
    """What no seal covers, as the sums do; where it is no number any more, they will not come out."""
    return stored if isinstance(stored, int) else 0
