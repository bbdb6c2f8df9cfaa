"""The statements that commits and reads are made of, built once."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, func, select, update
from sqlalchemy.dialects.sqlite import insert as insert_new

from features.store.catalog.tables import FOREVER, condemned, documents, entries, groups, versions

_current = select(groups).where(groups.c.name == bindparam("group")).subquery()
HEAD = select(
    select(_current.c.id).scalar_subquery().label("id"),
    select(_current.c.latest).scalar_subquery().label("latest"),
    select(_current.c.updated_at).scalar_subquery().label("updated_at"),
    select(versions.c.artifacts)
    .where(versions.c.group_id == _current.c.id, versions.c.version == _current.c.latest)
    .scalar_subquery()
    .label("artifacts"),
    select(func.count()).where(versions.c.write_id == bindparam("write_id")).scalar_subquery().label("applied"),
    select(func.min(condemned.c.file))
    .where(condemned.c.file.in_(bindparam("files", expanding=True)))
    .scalar_subquery()
    .label("condemned"),
)
"""All that a commit has to know before it writes, in one statement."""

LATEST = (
    select(groups.c.latest.label("version"), entries)
    .join_from(
        groups,
        entries,
        and_(entries.c.group_id == groups.c.id, entries.c.end_version == FOREVER),
        isouter=True,
    )
    .where(groups.c.name == bindparam("group"))
)
AT = (
    select(versions.c.version.label("version"), entries)
    .join_from(groups, versions, versions.c.group_id == groups.c.id)
    .join(
        entries,
        and_(
            entries.c.group_id == groups.c.id,
            entries.c.first_version <= versions.c.version,
            entries.c.end_version > versions.c.version,
        ),
        isouter=True,
    )
    .where(groups.c.name == bindparam("group"), versions.c.version == bindparam("version"))
)
WRITTEN = (
    select(versions.c.version, entries.c.name, entries.c.file)
    .join_from(
        versions,
        entries,
        and_(
            entries.c.group_id == versions.c.group_id,
            entries.c.write_id == versions.c.write_id,
            entries.c.first_version == versions.c.version,
        ),
        isouter=True,
    )
    .where(versions.c.write_id == bindparam("write_id"))
)
END = (
    update(entries)
    .where(
        entries.c.group_id == bindparam("of_group"),
        entries.c.end_version == FOREVER,
        entries.c.name.in_(bindparam("names", expanding=True)),
    )
    .values(end_version=bindparam("ending"))
)
ADVANCE = (
    update(groups)
    .where(groups.c.id == bindparam("of_group"))
    .values(latest=bindparam("now_latest"), updated_at=bindparam("now"))
)
KEEP_DOCUMENT = insert_new(documents).on_conflict_do_nothing()
CONDEMN = insert_new(condemned).on_conflict_do_nothing()
