"""Whether the catalog's rows make sense together."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, and_, func, or_, select

from features.store.catalog.tables import FOREVER, documents, entries, groups, versions


def inconsistencies(connection: Connection) -> Iterator[tuple[str, str]]:
    """Rows that no commit of ours could have left behind, as (group, fault)."""
    ends = select(
        groups.c.name,
        groups.c.latest,
        func.min(versions.c.version),
        func.max(versions.c.version),
        func.count(),
    ).join_from(groups, versions, versions.c.group_id == groups.c.id, isouter=True)
    for name, latest, first, last, count in connection.execute(ends.group_by(groups.c.id)):
        if last != latest:
            yield name, f"its latest version is {last}, but {latest} was committed"
        elif last - first + 1 != count:
            yield name, f"of its versions {first} to {last} only {count} are there"
    odd = (
        select(groups.c.name, entries.c.name)
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
    for name, table in connection.execute(odd):
        yield name, f"table {table!r} has an impossible range of versions or no schema"
    other = entries.alias()
    overlaps = (
        select(groups.c.name, entries.c.name)
        .join_from(entries, groups, groups.c.id == entries.c.group_id)
        .join(
            other,
            and_(
                other.c.group_id == entries.c.group_id,
                other.c.name == entries.c.name,
                other.c.first_version > entries.c.first_version,
                other.c.first_version < entries.c.end_version,
            ),
        )
    )
    for name, table in connection.execute(overlaps):
        yield name, f"table {table!r} has two files in one version"
