"""Letting go of old versions, inside the transaction of a sweep."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, delete, func, or_, select, update

from features.store.catalog import inspection, seals
from features.store.catalog.base import Swept
from features.store.catalog.moments import microseconds
from features.store.catalog.statements import CONDEMN, OF_GROUP, Statement
from features.store.catalog.tables import documents, entries, groups, versions

_newest = select(groups.c.latest).where(groups.c.id == versions.c.group_id).scalar_subquery()
_oldest = select(func.min(versions.c.version)).where(versions.c.group_id == entries.c.group_id).scalar_subquery()
_out_of_reach = entries.c.end_version <= _oldest

_DROP_VERSIONS = Statement(
    delete(versions).where(
        versions.c.version < _newest,
        or_(bindparam("keep_last").is_(None), versions.c.version <= _newest - bindparam("keep_last")),
        or_(bindparam("before").is_(None), versions.c.created_at < bindparam("before")),
    )
)
_first = select(func.min(versions.c.version)).where(versions.c.group_id == groups.c.id).scalar_subquery()
_MOVED_ON = Statement(select(groups.c.id, *OF_GROUP, _first.label("first")).where(groups.c.oldest != _first))
_MOVE_ON = Statement(
    update(groups)
    .where(groups.c.id == bindparam("of_group"))
    .values(oldest=bindparam("first"), seal=bindparam("new_seal"))
)
_OUT_OF_REACH = Statement(select(entries.c.file).where(_out_of_reach))
_DROP_ENTRIES = Statement(delete(entries).where(_out_of_reach))
_REFERRED = Statement(select(entries.c.file).distinct())
_DROP_DOCUMENTS = Statement(
    delete(documents).where(
        documents.c.digest.not_in(
            select(entries.c.schema).union(select(versions.c.artifacts).where(versions.c.artifacts.is_not(None)))
        )
    )
)


def require_sound(connection: sqlite3.Connection) -> None:
    """Raise unless every row is as it was committed.

    Raises:
        CorruptFileError: the catalog is damaged. What it no longer refers to may be what somebody saved.
    """
    for damage in inspection.changed_rows(connection):
        raise damage


def sweep(
    connection: sqlite3.Connection, on_disk: Collection[str], keep_last: int | None, before: datetime | None
) -> Swept:
    """Drop what both limits let go and condemn what nothing refers to; told at ``Catalog.sweep``."""
    dropped, candidates = 0, set[str]()
    if keep_last is not None or before is not None:
        limit = None if before is None else microseconds(before)
        dropped = _DROP_VERSIONS.run(connection, keep_last=keep_last, before=limit).rowcount
        for row in _MOVED_ON.run(connection).fetchall():
            seal = seals.of_group(row["group_name"], row["first"], row["latest"], row["updated_at"])
            _MOVE_ON.run(connection, of_group=row["id"], first=row["first"], new_seal=seal)
        candidates = {row["file"] for row in _OUT_OF_REACH.run(connection)}
        _DROP_ENTRIES.run(connection)
        _DROP_DOCUMENTS.run(connection)
    referred = {row["file"] for row in _REFERRED.run(connection)}
    orphans = sorted(set(on_disk) - referred - candidates)
    CONDEMN.run_many(connection, [{"file": file} for file in orphans])
    return Swept(dropped, tuple(sorted(candidates - referred)), tuple(orphans))
