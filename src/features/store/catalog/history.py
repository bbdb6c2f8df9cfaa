"""Versions joined with the tables they hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

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
    held: set[str] = set()
    content = seals.EMPTY
    lines = []
    for row in versions:
        ended, begun = ending.get(row["version"], ()), starting.get(row["version"], ())
        content = seals.content(content, _seals(ended), _seals(begun))
        held.difference_update(span["name"] for span in ended)
        held.update(span["name"] for span in begun)
        seals.check_content(connection, row, content)
        lines.append(
            GroupVersion(
                group=row["group_name"],
                version=row["version"],
                created_at=moment(row["created_at"]),
                message=row["message"],
                tables=tuple(sorted(held)),
                write_id=row["version_write_id"],
            )
        )
    return lines


def _seals(spans: Sequence[sqlite3.Row]) -> list[bytes]:
    return [span["seal"] for span in spans]


def _number(stored: object) -> int:
    """What no seal covers, as the sums do; where it is no number any more, they will not come out."""
    return stored if isinstance(stored, int) else 0
