"""The questions put to the catalog, each answered with rows whose seals hold.

What is not found is looked for once more, row by row, before that is said: a damaged index must not make a group or
a version look as if it had never been.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from sqlalchemy import and_, bindparam, func, select

from features.errors import NotFoundError
from features.store.catalog import seals, statements
from features.store.catalog.history import history, line
from features.store.catalog.moments import microseconds, moment
from features.store.catalog.statements import OF_GROUP, OF_VERSION, Statement
from features.store.catalog.tables import entries, versions
from features.store.catalog.tables import groups as _groups
from features.store.versions import GroupVersion

_of_group = and_(_groups.c.id == versions.c.group_id, _groups.c.name == bindparam("group"))
_GROUPS = Statement(select(*OF_GROUP).order_by(_groups.c.name))
_LINES = Statement(select(*OF_GROUP, *OF_VERSION).join_from(_groups, versions, _of_group).order_by(versions.c.version))
_LINE = Statement(
    select(*OF_GROUP, *OF_VERSION)
    .join_from(_groups, versions, _of_group)
    .where(versions.c.version == func.coalesce(bindparam("version"), _groups.c.latest))
)
_SPANS = Statement(
    select(entries)
    .join(_groups, and_(_groups.c.id == entries.c.group_id, _groups.c.name == bindparam("group")))
    .order_by(entries.c.first_version)
)
_FILES = Statement(
    select(_groups.c.name.label("group"), entries)
    .join(_groups, and_(_groups.c.id == entries.c.group_id, entries.c.end_version > _groups.c.oldest))
    .group_by(entries.c.file)
    .order_by(_groups.c.name, entries.c.name, entries.c.first_version)
)
_THEN = Statement(
    select(func.max(versions.c.version).label("version"))
    .join(_groups, _of_group)
    .where(versions.c.created_at <= bindparam("moment"))
)


def groups(connection: sqlite3.Connection) -> dict[str, range]:
    """Every group's name and the numbers of the versions that it keeps, sorted by name."""
    found = {}
    for row in _GROUPS.run(connection):
        seals.check_group(connection, row)
        found[row["group_name"]] = range(row["oldest"], row["latest"] + 1)
    _require_all(connection, found)
    return found


def latest(connection: sqlite3.Connection) -> list[GroupVersion]:
    """Every group's latest version, sorted by the group's name."""
    found = []
    for _, rows in groupby(statements.ALL_LATEST.run(connection), itemgetter("group_name")):
        of_one = list(rows)
        seals.check_snapshot(connection, of_one)
        tables = [row for row in of_one if row["name"] is not None]
        found.append(line(of_one[0], (row["name"] for row in tables), sum(row["size"] for row in tables)))
    _require_all(connection, [one.group for one in found])
    return found


def _require_all(connection: sqlite3.Connection, found: Iterable[str]) -> None:
    laid_out = statements.LAID_OUT.run(connection).fetchone()
    seals.check_catalog(connection, laid_out)
    seals.check_groups(connection, laid_out, found)


def snapshot(connection: sqlite3.Connection, group: str, version: int | None) -> list[sqlite3.Row]:
    """One version's rows, the latest's where none is given: one for each table, or a single one without.

    Raises:
        NotFoundError: there is no such group or version.
    """
    if version is None:
        rows = statements.LATEST.run(connection, group=group).fetchall()
    else:
        rows = statements.AT.run(connection, group=group, version=version).fetchall()
    if not rows:
        raise missing(connection, group, version)
    seals.check_snapshot(connection, rows)
    return rows


def lines(connection: sqlite3.Connection, group: str, between: Callable[[], None] = lambda: None) -> list[GroupVersion]:
    """A group's versions that are still kept, oldest first; ``between`` is called between the two statements.

    Raises:
        NotFoundError: there is no such group.
    """
    kept = _LINES.run(connection, group=group).fetchall()
    if not kept:
        raise missing(connection, group, None)
    between()
    return history(connection, kept, _SPANS.run(connection, group=group).fetchall())


def artifacts(connection: sqlite3.Connection, group: str, version: int | None) -> str | None:
    """The artifacts of a version, the latest where none is given, as JSON text; None where it has none.

    Raises:
        NotFoundError: there is no such group or version.
    """
    line = _line(connection, group, version)
    return None if line["artifacts"] is None else document(connection, line["artifacts"]).decode()


def document(connection: sqlite3.Connection, digest: bytes) -> bytes:
    """A schema or artifacts, by digest."""
    row = statements.DOCUMENT.run(connection, digest=digest).fetchone()
    return seals.check_document(connection, digest, None if row is None else row["body"])


def files(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    """The entry of every file that some version refers to, one for each, with its group's name."""
    rows = _FILES.run(connection).fetchall()
    for row in rows:
        seals.check_entry(connection, row)
    return rows


def version_at(connection: sqlite3.Connection, group: str, as_of: datetime) -> int:
    """The version that was the latest then: made by then, and the next one was not.

    Raises:
        NotFoundError: there is no such group, or none of its versions is that old.
    """
    latest = _line(connection, group, None)
    then = _THEN.run(connection, group=group, moment=microseconds(as_of)).fetchone()["version"]
    if then is None:
        since = moment(_line(connection, group, latest["oldest"])["created_at"])
        raise NotFoundError(
            f"group {group!r} has no version from {as_of.isoformat()} or before; "
            f"the oldest kept is from {since.isoformat()}",
            kind="version",
            name=as_of.isoformat(),
            nearest=(),
        )
    if then > latest["version"]:
        raise seals.damaged(connection, f"group {group!r} has versions after its latest")
    if then != latest["version"]:
        _line(connection, group, then)
        _line(connection, group, then + 1)
    return int(then)


def missing(connection: sqlite3.Connection, group: str, version: int | None) -> NotFoundError:
    """The error for a group or version that is not there.

    Raises:
        CorruptFileError: it should be there.
    """
    known = groups(connection)
    if group not in known:
        return NotFoundError.of("group", group, "this store", known)
    first, last = known[group][0], known[group][-1]
    if version is None or version in known[group]:
        raise seals.damaged(connection, f"rows of group {group!r} are not found where they should be")
    for end in (first, last):
        _line(connection, group, end)
    return NotFoundError(
        f"no version {version} in group {group!r}; it keeps "
        + (f"versions {first} to {last}" if first < last else f"version {last} alone"),
        kind="version",
        name=str(version),
        nearest=(str(first), str(last)),
    )


def _line(connection: sqlite3.Connection, group: str, version: int | None) -> sqlite3.Row:
    line: sqlite3.Row | None = _LINE.run(connection, group=group, version=version).fetchone()
    if line is None:
        raise missing(connection, group, version)
    seals.check_group(connection, line)
    seals.check_version(connection, line)
    return line
