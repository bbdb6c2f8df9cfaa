"""The statements that the catalog is made of: written in SQLAlchemy Core, compiled once, run by the driver.

Running a Core statement through an engine costs several times what SQLite needs for it, at every run, so each is
compiled to text when it is first used and given to the driver from then on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, insert, literal, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert as insert_new

from features.store.catalog.tables import FOREVER, condemned, documents, entries, groups, layout, versions

_DIALECT = sqlite.dialect(paramstyle="named")


class Statement:
    """One statement with named parameters. A list is passed as JSON text and unfolded by the database."""

    def __init__(self, core: Any) -> None:
        self._core = core

    @cached_property
    def _compiled(self) -> tuple[str, dict[str, Any]]:
        compiled = self._core.compile(dialect=_DIALECT)
        constants = {name: value for name, value in (compiled.params or {}).items() if value is not None}
        return str(compiled), constants

    def run(self, connection: sqlite3.Connection, **parameters: Any) -> sqlite3.Cursor:
        """Run it once; rows come back with their columns' names."""
        text, constants = self._compiled
        return connection.execute(text, constants | parameters)

    def run_many(self, connection: sqlite3.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run it for each row."""
        text, constants = self._compiled
        connection.executemany(text, [constants | dict(row) for row in rows])

    def compile(self) -> None:
        """Compile it now rather than when it is first run."""
        self._compiled  # noqa: B018


def _listed(name: str) -> Select[Any]:
    return select(func.json_each(bindparam(name)).table_valued("value").c.value)


OF_GROUP = (
    groups.c.name.label("group_name"),
    groups.c.oldest,
    groups.c.latest,
    groups.c.updated_at,
    groups.c.seal.label("group_seal"),
)
OF_VERSION = (
    versions.c.version.label("version"),
    versions.c.created_at,
    versions.c.message,
    versions.c.artifacts,
    versions.c.write_id.label("version_write_id"),
    versions.c.content,
    versions.c.seal.label("version_seal"),
)
"""What the seals of a group and a version are of, named so that an entry can stand beside them."""

_one_row = select(literal(1).label("one")).subquery()
HEAD = Statement(
    select(
        groups.c.id,
        *OF_GROUP,
        *OF_VERSION,
        select(func.count()).where(versions.c.write_id == bindparam("write_id")).scalar_subquery().label("applied"),
        select(func.min(condemned.c.file))
        .where(condemned.c.file.in_(_listed("files")))
        .scalar_subquery()
        .label("condemned"),
        entries,
        documents.c.digest.label("kept"),
    )
    .select_from(_one_row)
    .join(groups, groups.c.name == bindparam("group"), isouter=True)
    .join(versions, and_(versions.c.group_id == groups.c.id, versions.c.version == groups.c.latest), isouter=True)
    .join(
        entries,
        and_(
            entries.c.group_id == groups.c.id,
            entries.c.end_version == FOREVER,
            entries.c.name.in_(_listed("names")),
        ),
        isouter=True,
    )
    .join(documents, documents.c.digest == entries.c.schema, isouter=True)
)
"""All that a commit has to know before it writes, in one statement: a row for each of the named tables that there is,
or a single one without."""

_latest = (
    select(*OF_GROUP, *OF_VERSION, entries)
    .join_from(
        groups,
        versions,
        and_(versions.c.group_id == groups.c.id, versions.c.version == groups.c.latest),
        isouter=True,
    )
    .join(
        entries,
        and_(entries.c.group_id == groups.c.id, entries.c.end_version == FOREVER),
        isouter=True,
    )
)
LATEST = Statement(_latest.where(groups.c.name == bindparam("group")))
ALL_LATEST = Statement(_latest.order_by(groups.c.name))

AT = Statement(
    select(*OF_GROUP, *OF_VERSION, entries)
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

WRITTEN = Statement(
    select(*OF_GROUP, *OF_VERSION, entries)
    .join_from(versions, groups, groups.c.id == versions.c.group_id)
    .join(
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

END = Statement(
    update(entries)
    .where(
        entries.c.group_id == bindparam("of_group"),
        entries.c.end_version == FOREVER,
        entries.c.name == bindparam("of_name"),
    )
    .values(end_version=bindparam("ending"))
)

ADVANCE = Statement(
    update(groups)
    .where(groups.c.id == bindparam("of_group"))
    .values(latest=bindparam("now_latest"), updated_at=bindparam("now"), seal=bindparam("now_seal"))
)

KEEP_DOCUMENT = Statement(insert_new(documents).on_conflict_do_nothing())

CONDEMN = Statement(insert_new(condemned).on_conflict_do_nothing())

LAID_OUT = Statement(select(layout))
COUNT_GROUP = Statement(update(layout).values(groups=bindparam("of_names"), seal=bindparam("new_seal")))

ADD_GROUP = Statement(
    insert(groups).values(
        name=bindparam("name"), oldest=1, latest=1, updated_at=bindparam("now"), seal=bindparam("seal")
    )
)
ADD_VERSION = Statement(insert(versions))
ADD_ENTRIES = Statement(insert(entries))
DOCUMENT = Statement(select(documents.c.body).where(documents.c.digest == bindparam("digest")))
HOT = (
    *(HEAD, LATEST, AT, WRITTEN, DOCUMENT, LAID_OUT),
    *(END, ADVANCE, KEEP_DOCUMENT, COUNT_GROUP, ADD_GROUP, ADD_VERSION, ADD_ENTRIES),
)
"""What a save and a load are made of."""


def compile_all() -> None:
    """Compile them now rather than in somebody's first save."""
    for statement in HOT:
        statement.compile()


def warm_up(connection: sqlite3.Connection) -> None:
    """The same for SQLite, with those that can be run without a change: it keeps what it has prepared."""
    HEAD.run(connection, group="", write_id="", files="[]", names="[]").fetchall()
    LATEST.run(connection, group="").fetchall()
    DOCUMENT.run(connection, digest=b"").fetchall()
    LAID_OUT.run(connection).fetchall()
