"""Whether the catalog's rows make sense together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from sqlalchemy import select

from features.errors import CorruptFileError
from features.store.catalog import lookups, seals
from features.store.catalog.statements import Statement
from features.store.catalog.tables import entries, groups, versions

_STRAY = [Statement(select(table).where(table.c.group_id.not_in(select(groups.c.id)))) for table in (versions, entries)]
_NEEDED = Statement(
    select(entries.c.schema.label("digest"))
    .union(select(versions.c.artifacts).where(versions.c.artifacts.is_not(None)))
    .order_by("digest")
)


def problems(connection: sqlite3.Connection) -> Iterator[str]:
    """What no commit of ours could have left behind, one sentence each."""
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"SQLite's own check says: {line}"
    yield from map(str, changed_rows(connection))


def changed_rows(connection: sqlite3.Connection) -> Iterator[CorruptFileError]:
    """Rows that are not as they were committed, or missing, or too many; of each group the first that is found."""
    try:
        known = lookups.groups(connection)
    except CorruptFileError as damage:
        yield damage
        return
    for group in known:
        try:
            lookups.lines(connection, group)
        except CorruptFileError as damage:
            yield damage
    for stray in _STRAY:
        for row in stray.run(connection):
            yield seals.damaged(connection, f"a row belongs to no group: {tuple(row)}")
    for row in _NEEDED.run(connection):
        try:
            lookups.document(connection, row["digest"])
        except CorruptFileError as damage:
            yield damage
