"""The catalog in a SQL database: SQLite beside the files."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import xxhash
from sqlalchemy import Connection, Row, and_, func, insert, inspect, select
from sqlalchemy.exc import DBAPIError

from features.errors import (
    BusyError,
    ConflictError,
    FeatureStoreError,
    NotFoundError,
    UnsafeEnvironmentError,
)
from features.store.catalog.base import Catalog, CondemnedError, Swept, UnknownOutcomeError
from features.store.catalog.inspection import inconsistencies
from features.store.catalog.moments import microseconds, moment
from features.store.catalog.sqlite import open_engine, told, translated
from features.store.catalog.statements import ADVANCE, AT, CONDEMN, END, HEAD, KEEP_DOCUMENT, LATEST, WRITTEN
from features.store.catalog.sweeping import drop_documents, drop_versions
from features.store.catalog.tables import FOREVER, LAYOUT, documents, entries, groups, layout, metadata, versions
from features.store.versions import Change, Committed, GroupVersion, NewFile, Snapshot, TableFile


class SqlCatalog(Catalog):
    """One SQLite database, opened with ``SqlCatalog.open``; shared by any number of threads and processes."""

    def __init__(self, path: Path, *, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._engine = open_engine(str(path), timeout=timeout)
        # Threads of one process queue here, in order, rather than in SQLite's sleep-and-retry loop.
        self._writer = threading.Lock()
        self._schemas: dict[bytes, pa.Schema] = {}

    @classmethod
    def open(cls, path: Path, *, timeout: float) -> SqlCatalog:
        """Open the catalog at ``path``, laying it out where there is none.

        Raises:
            UnsafeEnvironmentError: the file is another program's database, or was laid out by a newer release.
            CorruptFileError: it is no database.
            StorageError: it cannot be created or opened.
            BusyError: another process kept it locked.
        """
        catalog = cls(path, timeout=timeout)
        try:
            catalog._settle_layout()
        except BaseException:
            catalog.close()
            raise
        return catalog

    def commit(self, change: Change) -> Committed:
        """See ``Catalog.commit``."""
        with self._writing() as connection:
            committed = self._apply(connection, change)
            try:
                self.point("catalog.commit")
                connection.exec_driver_sql("COMMIT")
                self.point("catalog.committed")
            except Exception as error:  # noqa: BLE001  # whatever it was: it is resolved, never swallowed
                _abandon(connection)
                return self._resolve(change.write_id, error)
        return committed

    def snapshot(self, group: str, version: int | None = None, as_of: datetime | None = None) -> Snapshot:
        """See ``Catalog.snapshot``."""
        with self._reading() as connection:
            if as_of is not None:
                version = self._version_at(connection, group, as_of)
            if version is None:
                rows = connection.execute(LATEST, {"group": group}).all()
            else:
                rows = connection.execute(AT, {"group": group, "version": version}).all()
            if not rows:
                raise self._missing(connection, group, version)
            return Snapshot(group, rows[0].version, MappingProxyType(self._tables(connection, group, rows)))

    def written_by(self, write_id: str) -> Committed | None:
        """See ``Catalog.written_by``."""
        with self._reading() as connection:
            return _written_by(connection, write_id)

    def groups(self) -> dict[str, int]:
        """See ``Catalog.groups``."""
        with self._reading() as connection:
            return dict(connection.execute(select(groups.c.name, groups.c.latest).order_by(groups.c.name)).all())

    def versions(self, group: str) -> list[GroupVersion]:
        """See ``Catalog.versions``."""
        with self._reading() as connection:
            history = connection.execute(
                select(versions)
                .join(groups, groups.c.id == versions.c.group_id)
                .where(groups.c.name == group)
                .order_by(versions.c.version)
            ).all()
            if not history:
                raise self._missing(connection, group, None)
            spans: Any = connection.execute(
                select(entries.c.name, entries.c.first_version, entries.c.end_version)
                .where(entries.c.group_id == history[0].group_id)
                .order_by(entries.c.first_version)
            ).all()
        return _history(group, history, spans)

    def holders(self, table: str) -> list[str]:
        """See ``Catalog.holders``."""
        holding = (
            select(groups.c.name)
            .join(entries, and_(entries.c.group_id == groups.c.id, entries.c.end_version == FOREVER))
            .where(entries.c.name == table)
            .order_by(groups.c.name)
        )
        with self._reading() as connection:
            return list(connection.scalars(holding))

    def artifacts(self, group: str, version: int | None = None) -> str | None:
        """See ``Catalog.artifacts``."""
        asked = (
            select(documents.c.body)
            .select_from(versions)
            .join(groups, groups.c.id == versions.c.group_id)
            .join(documents, documents.c.digest == versions.c.artifacts, isouter=True)
            .where(
                groups.c.name == group,
                versions.c.version == (groups.c.latest if version is None else version),
            )
        )
        with self._reading() as connection:
            row = connection.execute(asked).one_or_none()
            if row is None:
                raise self._missing(connection, group, version)
        return None if row.body is None else bytes(row.body).decode()

    def files(self) -> Iterator[TableFile]:
        """See ``Catalog.files``."""
        once = (
            select(groups.c.name.label("group_name"), entries)
            .join(groups, groups.c.id == entries.c.group_id)
            .group_by(entries.c.file)
            .order_by(groups.c.name, entries.c.name, entries.c.first_version)
        )
        with self._reading() as connection:
            rows = connection.execute(once).all()
            found = [self._table(connection, row.group_name, row) for row in rows]
        yield from found

    def sweep(
        self,
        on_disk: Collection[str],
        *,
        keep_last: int | None = None,
        before: datetime | None = None,
        dry_run: bool = False,
    ) -> Swept:
        """See ``Catalog.sweep``."""
        with self._writing() as connection:
            dropped_versions, candidates = drop_versions(connection, keep_last, before)
            referred = set(connection.scalars(select(entries.c.file).distinct()))
            orphans = sorted(set(on_disk) - referred - candidates)
            if orphans:
                connection.execute(CONDEMN, [{"file": file} for file in orphans])
            drop_documents(connection)
            if dry_run:
                connection.exec_driver_sql("ROLLBACK")
            else:
                self.point("catalog.commit")
                connection.exec_driver_sql("COMMIT")
                self.point("catalog.committed")
        return Swept(dropped_versions, tuple(sorted(candidates - referred)), tuple(orphans))

    def problems(self) -> list[str]:
        """See ``Catalog.problems``."""
        with self._reading() as connection:
            found = [
                f"SQLite's own check says: {line}"
                for (line,) in connection.exec_driver_sql("PRAGMA integrity_check")
                if line != "ok"
            ]
            found += [f"group {name!r}: {fault}" for name, fault in inconsistencies(connection)]
        return found

    def backup(self, target: Path) -> list[TableFile]:
        """See ``Catalog.backup``: by SQLite's own means, since any other access to its file drops its locks."""
        with self._reading() as connection:
            raw: Any = connection.connection.driver_connection
            copy = sqlite3.connect(target)
            try:
                raw.backup(copy)
            finally:
                copy.close()
        backup = SqlCatalog.open(target, timeout=self._timeout)
        try:
            return list(backup.files())
        finally:
            backup.close()

    def close(self) -> None:
        """See ``Catalog.close``."""
        self._engine.dispose()

    # --- transactions -------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        self.point("catalog.read")
        with told(str(self._path), self._timeout), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                if not connection.invalidated:
                    connection.exec_driver_sql("ROLLBACK")

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """An immediate transaction, which the block must end; it is rolled back where the block raises."""
        if not self._writer.acquire(timeout=self._timeout):
            raise BusyError(
                f"other threads kept the catalog {self._path} busy for {self._timeout:g} s; try again",
                seconds=self._timeout,
            )
        try:
            with told(str(self._path), self._timeout), self._engine.connect() as connection:
                self.point("catalog.begin")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    _abandon(connection)
                    raise
        finally:
            self._writer.release()

    def _resolve(self, write_id: str, error: Exception) -> Committed:
        """What became of a commit that ended in ``error``: it took effect, or it did not; never a guess."""
        try:
            committed = self.written_by(write_id)
        except FeatureStoreError as unreachable:
            raise UnknownOutcomeError(
                f"the commit to {self._path} failed ({error}) and it cannot be told whether it took effect "
                f"({unreachable}); save again with write_id={write_id!r}, which applies it at most once",
                write_id=write_id,
            ) from error
        if committed is not None:
            return committed
        if isinstance(error, (DBAPIError, sqlite3.Error)):
            raise translated(error, str(self._path), self._timeout) from error
        raise error

    # --- writing ------------------------------------------------------------------------------------------------

    def _apply(self, connection: Connection, change: Change) -> Committed:
        head = connection.execute(
            HEAD,
            {
                "group": change.group,
                "write_id": change.write_id,
                "files": [file.id for file in change.tables.values()],
            },
        ).one()
        if head.applied and (before := _written_by(connection, change.write_id)):
            return before
        latest = head.latest or 0
        if change.expected_version is not None and change.expected_version != latest:
            raise ConflictError(
                f"group {change.group!r} is at version {latest}, not {change.expected_version}; "
                "load it again, apply your change and save with the version you loaded",
                group=change.group,
                expected=change.expected_version,
                actual=latest,
            )
        if head.condemned is not None:
            raise CondemnedError(f"file {head.condemned} was condemned before it was committed")
        version = latest + 1
        created_at = max(time.time_ns() // 1000, head.updated_at or 0)
        group_id = self._advance(connection, change.group, head.id, version, created_at)
        if change.restore is not None:
            artifacts = _restore(connection, change.group, group_id, change.restore, version)
        else:
            artifacts = head.artifacts if change.artifacts is None else _keep(connection, change.artifacts.encode())
        if change.delete is not None:
            _end(connection, change.group, group_id, change.delete, version)
        if change.tables:
            self._write_tables(connection, group_id, change, version, grown=latest > 0)
        connection.execute(
            insert(versions),
            {
                "group_id": group_id,
                "version": version,
                "created_at": created_at,
                "message": change.message,
                "artifacts": artifacts,
                "write_id": change.write_id,
            },
        )
        return Committed(version, {name: file.id for name, file in change.tables.items()})

    def _advance(self, connection: Connection, name: str, group_id: int | None, version: int, now: int) -> int:
        if group_id is not None:
            connection.execute(ADVANCE, {"of_group": group_id, "now_latest": version, "now": now})
            return group_id
        made = connection.execute(insert(groups), {"name": name, "latest": version, "updated_at": now})
        key: Any = made.inserted_primary_key
        return int(key[0])

    def _write_tables(
        self, connection: Connection, group_id: int, change: Change, version: int, *, grown: bool
    ) -> None:
        if grown:
            connection.execute(END, {"of_group": group_id, "names": list(change.tables), "ending": version})
        schemas = {name: _document(_serialized(file.schema)) for name, file in change.tables.items()}
        connection.execute(
            KEEP_DOCUMENT, list({document["digest"]: document for document in schemas.values()}.values())
        )
        connection.execute(
            insert(entries),
            [
                _entry(group_id, name, file, version, change.write_id, schemas[name]["digest"])
                for name, file in change.tables.items()
            ],
        )

    # --- reading ------------------------------------------------------------------------------------------------

    def _tables(self, connection: Connection, group: str, rows: Iterable[Row[Any]]) -> dict[str, TableFile]:
        return {row.name: self._table(connection, group, row) for row in rows if row.name is not None}

    def _table(self, connection: Connection, group: str, row: Row[Any]) -> TableFile:
        return TableFile(
            group=group,
            name=row.name,
            version=row.written_version,
            id=row.file,
            size=row.size,
            rows=row.rows,
            digest=bytes(row.digest),
            schema=self._schema(connection, bytes(row.schema)),
            write_id=row.write_id,
        )

    def _schema(self, connection: Connection, digest: bytes) -> pa.Schema:
        schema = self._schemas.get(digest)
        if schema is None:
            body = connection.scalar(select(documents.c.body).where(documents.c.digest == digest))
            schema = pa.ipc.read_schema(pa.py_buffer(body))
            if len(self._schemas) >= 1024:  # distinct schemas are few; this bounds a store where they are not
                self._schemas.clear()
            self._schemas[digest] = schema
        return schema

    def _version_at(self, connection: Connection, group: str, as_of: datetime) -> int:
        found = connection.scalar(
            select(func.max(versions.c.version))
            .join(groups, groups.c.id == versions.c.group_id)
            .where(groups.c.name == group, versions.c.created_at <= microseconds(as_of))
        )
        if found is None:
            first = connection.scalar(
                select(func.min(versions.c.created_at))
                .join(groups, groups.c.id == versions.c.group_id)
                .where(groups.c.name == group)
            )
            if first is None:
                raise self._missing(connection, group, None)
            raise NotFoundError(
                f"group {group!r} has no version from {as_of.isoformat()} or before; "
                f"the oldest kept is from {moment(first).isoformat()}",
                kind="version",
                name=as_of.isoformat(),
                nearest=(),
            )
        return int(found)

    def _missing(self, connection: Connection, group: str, version: int | None) -> NotFoundError:
        kept = connection.execute(
            select(func.min(versions.c.version), func.max(versions.c.version))
            .join(groups, groups.c.id == versions.c.group_id)
            .where(groups.c.name == group)
        ).one()
        if kept[0] is None:
            names = connection.scalars(select(groups.c.name).order_by(groups.c.name))
            return NotFoundError.of("group", group, "this store", names)
        return NotFoundError(
            f"no version {version} in group {group!r}; it keeps versions {kept[0]} to {kept[1]}",
            kind="version",
            name=str(version),
            nearest=(str(kept[0]), str(kept[1])),
        )

    def _settle_layout(self) -> None:
        with self._reading() as connection:
            number = self._stamped(connection)
        if number is None:
            with self._writing() as connection:
                if self._stamped(connection) is None:  # another process may have been first
                    metadata.create_all(connection)
                    connection.execute(insert(layout), {"number": LAYOUT})
                connection.exec_driver_sql("COMMIT")
        elif number > LAYOUT:
            raise UnsafeEnvironmentError(
                f"the store at {self._path.parent} has layout {number}; this release reads up to {LAYOUT}: "
                "upgrade typed-feature-store"
            )

    def _stamped(self, connection: Connection) -> int | None:
        names = inspect(connection).get_table_names()
        if not names:
            return None
        if layout.name not in names:
            raise UnsafeEnvironmentError(
                f"{self._path} is another program's database (tables {', '.join(names[:3])}); choose another base_path"
            )
        return connection.scalar(select(layout.c.number))


def _abandon(connection: Connection) -> None:
    """Roll back; where even that fails, throw the connection away, which rolls back too."""
    try:
        raw: Any = connection.connection.driver_connection
        if raw.in_transaction:
            connection.exec_driver_sql("ROLLBACK")
    except (DBAPIError, sqlite3.Error):
        connection.invalidate()


def _written_by(connection: Connection, write_id: str) -> Committed | None:
    rows = connection.execute(WRITTEN, {"write_id": write_id}).all()
    if not rows:
        return None
    return Committed(rows[0].version, {row.name: row.file for row in rows if row.name is not None})


def _entry(group_id: int, name: str, file: NewFile, version: int, write_id: str, schema: bytes) -> dict[str, Any]:
    return {
        "group_id": group_id,
        "name": name,
        "first_version": version,
        "end_version": FOREVER,
        "file": file.id,
        "written_version": version,
        "write_id": write_id,
        "size": file.size,
        "rows": file.rows,
        "digest": file.digest,
        "schema": schema,
    }


def _end(connection: Connection, group: str, group_id: int, name: str, version: int) -> None:
    ended = connection.execute(END, {"of_group": group_id, "names": [name], "ending": version})
    if not ended.rowcount:
        names = connection.scalars(
            select(entries.c.name).where(entries.c.group_id == group_id, entries.c.end_version == FOREVER)
        )
        raise NotFoundError.of("table", name, f"group {group!r}", names)


def _restore(connection: Connection, group: str, group_id: int, old: int, version: int) -> bytes | None:
    """Make ``version`` hold what ``old`` held; a table whose file is the same in both carries over."""
    kept = connection.execute(
        select(versions.c.artifacts).where(versions.c.group_id == group_id, versions.c.version == old)
    ).one_or_none()
    if kept is None:
        raise NotFoundError(
            f"no version {old} in group {group!r}; see its versions()",
            kind="version",
            name=str(old),
            nearest=(),
        )
    then = {row.name: row._mapping for row in connection.execute(AT, {"group": group, "version": old})}
    now = {row.name: row.file for row in connection.execute(LATEST, {"group": group})}
    changed = [name for name, file in now.items() if name and (name not in then or then[name]["file"] != file)]
    if changed:
        connection.execute(END, {"of_group": group_id, "names": changed, "ending": version})
    back = [
        {column.name: row[column.name] for column in entries.c} | {"first_version": version, "end_version": FOREVER}
        for name, row in then.items()
        if name and now.get(name) != row["file"]
    ]
    if back:
        connection.execute(insert(entries), back)
    return kept.artifacts  # type: ignore[no-any-return]  # a column of LargeBinary


def _history(group: str, rows: Sequence[Row[Any]], spans: Iterable[tuple[str, int, int]]) -> list[GroupVersion]:
    """Join versions with the tables they hold, in one pass over both in order of version."""
    starting: dict[int, list[str]] = {}
    ending: dict[int, list[str]] = {}
    oldest = rows[0].version
    for name, first, end in spans:
        starting.setdefault(max(first, oldest), []).append(name)
        ending.setdefault(end, []).append(name)
    held: set[str] = set()
    history = []
    for row in rows:
        held.difference_update(ending.get(row.version, ()))
        held.update(starting.get(row.version, ()))
        history.append(
            GroupVersion(group, row.version, moment(row.created_at), row.message, tuple(sorted(held)), row.write_id)
        )
    return history


def _keep(connection: Connection, body: bytes) -> bytes:
    document = _document(body)
    connection.execute(KEEP_DOCUMENT, document)
    return document["digest"]


def _document(body: bytes) -> dict[str, bytes]:
    return {"digest": xxhash.xxh3_128_digest(body), "body": body}


def _serialized(schema: pa.Schema) -> bytes:
    return bytes(schema.remove_metadata().serialize())
