"""Versions joined with the tables they hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from features.store.catalog.moments import moment
from features.store.versions import GroupVersion


def history(group: str, versions: Sequence[sqlite3.Row], spans: Sequence[sqlite3.Row]) -> list[GroupVersion]:
    """A group's versions, oldest first, in one pass over them and over the spans in which tables were held."""
    oldest = versions[0]["version"]
    starting: dict[int, list[str]] = {}
    ending: dict[int, list[str]] = {}
    for span in spans:
        starting.setdefault(max(span["first_version"], oldest), []).append(span["name"])
        ending.setdefault(span["end_version"], []).append(span["name"])
    held: set[str] = set()
    lines = []
    for row in versions:
        held.difference_update(ending.get(row["version"], ()))
        held.update(starting.get(row["version"], ()))
        lines.append(
            GroupVersion(
                group=group,
                version=row["version"],
                created_at=moment(row["created_at"]),
                message=row["message"],
                tables=tuple(sorted(held)),
                write_id=row["write_id"],
            )
        )
    return lines
