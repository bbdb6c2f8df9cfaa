"""Letting go of old versions, inside the transaction of a sweep."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from features.store.catalog.moments import microseconds
from features.store.catalog.tables import documents, entries, groups, versions


def drop_versions(connection: Connection, keep_last: int | None, before: datetime | None) -> tuple[int, set[str]]:
    """Delete the versions that both limits let go; return how many, and the files of entries that went with them."""
    if keep_last is None and before is None:
        return 0, set()
    newest = select(groups.c.latest).where(groups.c.id == versions.c.group_id).scalar_subquery()
    doomed = [versions.c.version < newest]
    if keep_last is not None:
        doomed.append(versions.c.version <= newest - keep_last)
    if before is not None:
        doomed.append(versions.c.created_at < microseconds(before))
    dropped = connection.execute(delete(versions).where(*doomed)).rowcount
    oldest = select(func.min(versions.c.version)).where(versions.c.group_id == entries.c.group_id).scalar_subquery()
    out_of_reach = entries.c.end_version <= oldest
    files = set(connection.scalars(select(entries.c.file).where(out_of_reach)))
    connection.execute(delete(entries).where(out_of_reach))
    return dropped, files


def drop_documents(connection: Connection) -> None:
    """Delete the schemas and artifacts that no version refers to any more."""
    used = select(entries.c.schema).union(select(versions.c.artifacts).where(versions.c.artifacts.is_not(None)))
    connection.execute(delete(documents).where(documents.c.digest.not_in(used)))
