"""Whether the catalog's rows make sense together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from sqlalchemy import and_, func, or_, select

from features.store.catalog.statements import Statement
from features.store.catalog.tables import FOREVER, documents, entries, groups, versions

_ENDS = Statement(
    select(
        groups.c.name,
        groups.c.latest,
        func.min(versions.c.version).label("first"),
        func.max(versions.c.version).label("last"),
        func.count().label("count"),
    )
    .join_from(groups, versions, versions.c.group_id == groups.c.id, isouter=True)
    .group_by(groups.c.id)
)
_ODD = Statement(
    select(groups.c.name.label("group"), entries.c.name.label("table"))
    .join_from(entries, groups, groups.c.id == entries.c.group_id, isouter=True)
    .join(documents, documents.c.digest == entries.c.schema, isouter=True)
    .where(
        or_(
            groups.c.id.is_(None),
            entries.c.first_version >= entries.c.end_version,
            and_(entries.c.end_version != FOREVER, entries.c.end_version > groups.c.latest),
            documents.c.digest.is_(None),
        )
    )
)
_other = entries.alias()
_OVERLAPS = Statement(
    select(groups.c.name.label("group"), entries.c.name.label("table"))
    .join_from(entries, groups, groups.c.id == entries.c.group_id)
    .join(
        _other,
        and_(
            _other.c.group_id == entries.c.group_id,
            _other.c.name == entries.c.name,
            _other.c.first_version > entries.c.first_version,
            _other.c.first_version < entries.c.end_version,
        ),
    )
)


def problems(connection: sqlite3.Connection) -> Iterator[str]:
    """What no commit of ours could have left behind, one sentence each."""
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"SQLite's own check says: {line}"
    for name, latest, first, last, count in _ENDS.run(connection):
        if last != latest:
            yield f"group {name!r}: its latest version is {last}, but {latest} was committed"
        elif last - first + 1 != count:
            yield f"group {name!r}: of its versions {first} to {last} only {count} are there"
    for name, table in _ODD.run(connection):
        yield f"group {name!r}: table {table!r} has an impossible range of versions or no schema"
    for name, table in _OVERLAPS.run(connection):
        yield f"group {name!r}: table {table!r} has two files in one version"
