"""What one change does to the catalog's rows, inside the transaction of a commit.

Every check comes before the first write, so a change that is refused has written nothing, and the transaction may go
on with the next one.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import xxhash

from features.errors import ConflictError, NotFoundError
from features.store.catalog import lookups, seals, statements
from features.store.catalog.base import CondemnedError, applied_before
from features.store.catalog.seals import Row
from features.store.catalog.tables import FOREVER
from features.store.versions import Change, Committed, NewFile


class _Plan(NamedTuple):
    """What a change comes to: whose entries end, which begin, which documents both need."""

    ended: list[str]
    added: list[dict[str, Any]]
    documents: dict[bytes, bytes]
    artifacts: bytes | None
    content: bytes
    """The sum of the seals of all that the version then holds."""


def apply(connection: sqlite3.Connection, change: Change) -> Committed:
    """Write the next version of the change's group; what is raised is told at ``Catalog.commit``."""
    files = json.dumps([file.id for file in change.tables.values()])
    names = json.dumps([*change.tables] if change.delete is None else [change.delete])
    found = statements.HEAD.run(
        connection, group=change.group, write_id=change.write_id, files=files, names=names
    ).fetchall()
    head = found[0]
    if head["applied"] and (before := written_by(connection, change.write_id)):
        return applied_before(before, change.group, change.tables, change.write_id)
    if head["id"] is not None:
        seals.check_group(connection, head)
        seals.check_version(connection, head)
    latest = head["latest"] or 0
    _check_expectation(change, latest)
    if head["condemned"] is not None:
        raise CondemnedError(f"file {head['condemned']} was condemned before it was committed")
    plan = _plan(connection, change, found)
    _write(connection, change, head, plan)
    return Committed(latest + 1, {name: file.id for name, file in change.tables.items()}, change.group)


def written_by(connection: sqlite3.Connection, write_id: str) -> Committed | None:
    """What this write id committed, or None."""
    rows = statements.WRITTEN.run(connection, write_id=write_id).fetchall()
    if not rows:
        return None
    seals.check_version(connection, rows[0])
    for row in rows:
        if row["name"] is not None:
            seals.check_entry(connection, row)
    files = {row["name"]: row["file"] for row in rows if row["name"] is not None}
    return Committed(rows[0]["version"], files, rows[0]["group_name"])


def _check_expectation(change: Change, latest: int) -> None:
    if change.expected_version is not None and change.expected_version != latest:
        raise ConflictError(
            f"group {change.group!r} is at version {latest}, not {change.expected_version}; "
            "load it again, apply your change and save with the version you loaded",
            group=change.group,
            expected=change.expected_version,
            actual=latest,
        )


def _plan(connection: sqlite3.Connection, change: Change, found: list[sqlite3.Row]) -> _Plan:
    if change.restore is not None:
        return _plan_restore(connection, change.group, change.restore)
    head, ended = found[0], [row for row in found if row["name"] is not None]
    for row in ended:
        seals.check_entry(connection, row)
    if change.delete is not None and not ended:
        held = {row["name"] for row in lookups.snapshot(connection, change.group, None)} - {None}
        raise NotFoundError.of("table", change.delete, f"group {change.group!r}", sorted(held))
    documents, added, artifacts = {}, [], head["artifacts"]
    kept = {row["kept"] for row in ended}
    for name, file in change.tables.items():
        digest, body = _document(bytes(file.schema.remove_metadata().serialize()))
        if digest not in kept:  # most tables are saved again as they were
            documents[digest] = body
        added.append(_entry(name, file, change.write_id, digest, (head["latest"] or 0) + 1))
    if change.artifacts is not None:
        artifacts, body = _document(change.artifacts.encode())
        documents[artifacts] = body
    content = seals.content(head["content"] or seals.EMPTY, _seals(ended), _seals(added))
    return _Plan([row["name"] for row in ended], added, documents, artifacts, content)


def _plan_restore(connection: sqlite3.Connection, group: str, old: int) -> _Plan:
    """Hold again what ``old`` held; a table whose file is the same now carries over."""
    rows = statements.AT.run(connection, group=group, version=old).fetchall()
    if not rows:
        raise lookups.missing(connection, group, old)
    seals.check_snapshot(connection, rows)
    then = {row["name"]: row for row in rows}
    now = {row["name"]: row for row in statements.LATEST.run(connection, group=group)}
    changed = {name for name in {*now, *then} - {None} if _file(now, name) != _file(then, name)}
    added = [{key: then[name][key] for key in _ENTRY} for name in changed if name in then]
    return _Plan([name for name in changed if name in now], added, {}, rows[0]["artifacts"], rows[0]["content"])


def _write(connection: sqlite3.Connection, change: Change, head: sqlite3.Row, plan: _Plan) -> None:
    now = max(time.time_ns() // 1000, head["updated_at"] or 0)
    version = (head["latest"] or 0) + 1
    group_id, seal = head["id"], seals.of_group(change.group, head["oldest"] or 1, version, now)
    if group_id is None:
        group_id = _add_group(connection, change.group, now, seal)
    else:
        statements.ADVANCE.run(connection, of_group=group_id, now_latest=version, now=now, now_seal=seal)
        if plan.ended:
            ended = ({"of_group": group_id, "of_name": name, "ending": version} for name in plan.ended)
            statements.END.run_many(connection, ended)
    if plan.documents:
        documents = ({"digest": digest, "body": body} for digest, body in plan.documents.items())
        statements.KEEP_DOCUMENT.run_many(connection, documents)
    if plan.added:
        of_version = {"group_id": group_id, "first_version": version, "end_version": FOREVER}
        statements.ADD_ENTRIES.run_many(connection, (entry | of_version for entry in plan.added))
    made = {"version": version, "created_at": now, "message": change.message, "artifacts": plan.artifacts}
    made["content"] = plan.content
    sealed = seals.of_version(made | {"group_name": change.group, "version_write_id": change.write_id})
    statements.ADD_VERSION.run(connection, group_id=group_id, write_id=change.write_id, seal=sealed, **made)


def _add_group(connection: sqlite3.Connection, name: str, now: int, seal: bytes) -> int | None:
    laid_out = statements.LAID_OUT.run(connection).fetchone()
    seals.check_catalog(connection, laid_out)
    names = seals.content(laid_out["groups"], (), [seals.of_name(name)])
    sealed = seals.of_catalog(laid_out["number"], names)
    statements.COUNT_GROUP.run(connection, of_names=names, new_seal=sealed)
    return statements.ADD_GROUP.run(connection, name=name, now=now, seal=seal).lastrowid


def _file(rows: dict[str, sqlite3.Row], name: str) -> str | None:
    return rows[name]["file"] if name in rows else None


_ENTRY = ("name", "file", "written_version", "write_id", "size", "rows", "digest", "schema", "seal")


def _entry(name: str, file: NewFile, write_id: str, schema: bytes, version: int) -> dict[str, Any]:
    entry = {
        "name": name,
        "file": file.id,
        "written_version": version,
        "write_id": write_id,
        "size": file.size,
        "rows": file.rows,
        "digest": file.digest,
        "schema": schema,
    }
    return entry | {"seal": seals.of_entry(entry)}


def _seals(entries: Iterable[Row]) -> list[bytes]:
    return [entry["seal"] for entry in entries]


def _document(body: bytes) -> tuple[bytes, bytes]:
    return xxhash.xxh3_128_digest(body), body
