"""The catalog in a SQL database: SQLite beside the files."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
from sqlalchemy import and_, bindparam, func, insert, select
from sqlalchemy.schema import CreateTable

from features.errors import FeatureStoreError, NotFoundError, UnsafeEnvironmentError
from features.store.catalog import committing, inspection, statements, sweeping
from features.store.catalog.base import Catalog, Swept, UnknownOutcomeError
from features.store.catalog.history import history
from features.store.catalog.moments import microseconds, moment
from features.store.catalog.queue import CommitQueue
from features.store.catalog.sqlite import Database
from features.store.catalog.statements import Statement
from features.store.catalog.tables import FOREVER, LAYOUT, documents, entries, groups, layout, metadata, versions
from features.store.versions import Change, Committed, GroupVersion, Snapshot, TableFile
from features.store.waiting import STANDARD, Waiting

_of_group = and_(groups.c.id == versions.c.group_id, groups.c.name == bindparam("group"))
_GROUPS = Statement(select(groups.c.name, groups.c.latest).order_by(groups.c.name))
_VERSIONS = Statement(select(versions).join(groups, _of_group).order_by(versions.c.version))
_SPANS = Statement(
    select(entries.c.name, entries.c.first_version, entries.c.end_version)
    .join(groups, and_(groups.c.id == entries.c.group_id, groups.c.name == bindparam("group")))
    .order_by(entries.c.first_version)
)
_HOLDERS = Statement(
    select(groups.c.name)
    .join(entries, and_(entries.c.group_id == groups.c.id, entries.c.end_version == FOREVER))
    .where(entries.c.name == bindparam("table"))
    .order_by(groups.c.name)
)
_ARTIFACTS = Statement(
    select(documents.c.body)
    .select_from(versions)
    .join(groups, _of_group)
    .join(documents, documents.c.digest == versions.c.artifacts, isouter=True)
    .where(versions.c.version == func.coalesce(bindparam("version"), groups.c.latest))
)
_FILES = Statement(
    select(groups.c.name.label("group"), entries)
    .join(groups, groups.c.id == entries.c.group_id)
    .group_by(entries.c.file)
    .order_by(groups.c.name, entries.c.name, entries.c.first_version)
)
_KEPT = Statement(
    select(
        func.min(versions.c.version).label("first"),
        func.max(versions.c.version).label("last"),
        func.min(versions.c.created_at).label("since"),
        func.max(versions.c.version).filter(versions.c.created_at <= bindparam("moment")).label("then"),
    ).join(groups, _of_group)
)
_LAYOUT = Statement(select(layout.c.number))
_STAMP = Statement(insert(layout).values(number=LAYOUT))


class SqlCatalog(Catalog):
    """One SQLite database, opened with ``SqlCatalog.open``; shared by any number of threads and processes."""

    def __init__(self, path: Path, *, timeout: float, waiting: Waiting = STANDARD) -> None:
        self._watch: sqlite3.Connection | None = None
        self._watch_lock = waiting.lock()
        self._database = Database(path, timeout=timeout, waiting=waiting)
        self._queue = CommitQueue(self._commit_together, timeout=timeout, waiting=waiting)
        self._schemas: dict[bytes, pa.Schema] = {}
        self._seen = 0
        self._latest: dict[str, Snapshot] = {}

    @classmethod
    def open(cls, path: Path, *, timeout: float, waiting: Waiting = STANDARD) -> SqlCatalog:
        """Open the catalog at ``path``, laying it out where there is none.

        Raises:
            UnsafeEnvironmentError: the file is another program's database, or was laid out by a newer release.
            CorruptFileError: it is no database.
            StorageError: it cannot be created or opened.
            BusyError: another process kept it locked.
        """
        catalog = cls(path, timeout=timeout, waiting=waiting)
        try:
            catalog._settle_layout()
            with catalog._database.told():
                catalog._watch = catalog._database.connect()
        except BaseException:
            catalog.close()
            raise
        for statement in statements.HOT:
            statement.warm()
        return catalog

    def commit(self, change: Change) -> Committed:
        """See ``Catalog.commit``. Changes that arrive while another commit is under way are committed together."""
        return self._queue.commit(change)

    def snapshot(self, group: str, version: int | None = None, as_of: datetime | None = None) -> Snapshot:
        """See ``Catalog.snapshot``."""
        if version is None and as_of is None:
            return self._latest_snapshot(group)
        with self._reading() as connection:
            if as_of is not None:
                version = self._version_at(connection, group, as_of)
                self._announce("catalog.read")
            return self._snapshot(connection, group, version)

    def written_by(self, write_id: str) -> Committed | None:
        """See ``Catalog.written_by``."""
        with self._reading() as connection:
            return committing.written_by(connection, write_id)

    def groups(self) -> dict[str, int]:
        """See ``Catalog.groups``."""
        with self._reading() as connection:
            return {row["name"]: row["latest"] for row in _GROUPS.run(connection)}

    def versions(self, group: str) -> list[GroupVersion]:
        """See ``Catalog.versions``."""
        with self._reading() as connection:
            kept = _VERSIONS.run(connection, group=group).fetchall()
            if not kept:
                raise _missing(connection, group, None)
            self._announce("catalog.read")
            return history(group, kept, _SPANS.run(connection, group=group).fetchall())

    def holders(self, table: str) -> list[str]:
        """See ``Catalog.holders``."""
        with self._reading() as connection:
            return [row["name"] for row in _HOLDERS.run(connection, table=table)]

    def artifacts(self, group: str, version: int | None = None) -> str | None:
        """See ``Catalog.artifacts``."""
        with self._reading() as connection:
            row = _ARTIFACTS.run(connection, group=group, version=version).fetchone()
            if row is None:
                raise _missing(connection, group, version)
        return None if row["body"] is None else bytes(row["body"]).decode()

    def files(self) -> Iterator[TableFile]:
        """See ``Catalog.files``."""
        with self._reading() as connection:
            found = [self._table(connection, row["group"], row) for row in _FILES.run(connection)]
        return iter(found)

    def sweep(
        self,
        on_disk: Collection[str],
        *,
        keep_last: int | None = None,
        before: datetime | None = None,
        dry_run: bool = False,
    ) -> Swept:
        """See ``Catalog.sweep``."""
        with self._queue.alone():
            self._announce("catalog.begin")
            with self._database.writing() as connection:
                swept = sweeping.sweep(connection, on_disk, keep_last, before)
                if not dry_run:
                    self.point("catalog.commit")
                    connection.execute("COMMIT")
                    self.point("catalog.committed")
        return swept

    def problems(self) -> list[str]:
        """See ``Catalog.problems``."""
        with self._reading() as connection:
            return list(inspection.problems(connection))

    def backup(self, target: Path) -> list[TableFile]:
        """See ``Catalog.backup``: by SQLite's own means, since any other access to its file drops its locks."""
        with self._database.told():
            copy = sqlite3.connect(target)
            try:
                copy.execute("PRAGMA journal_mode=TRUNCATE")  # one that is deleted may be back after a power cut
                with self._reading() as connection:
                    _LAYOUT.run(connection)  # waits for its lock as any read does; ``backup`` would wait without end
                    connection.backup(copy)
            finally:
                copy.close()
        backup = SqlCatalog.open(target, timeout=self._database.timeout, waiting=self._database.waiting)
        try:
            return list(backup.files())
        finally:
            backup.close()

    def close(self) -> None:
        """See ``Catalog.close``."""
        with self._watch_lock:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        self._database.close()

    def __del__(self) -> None:
        # Most stores are never closed by their users: their connections should not wait for the collector to do it.
        self.close()

    # --- committing -------------------------------------------------------------------------------------------------

    def _commit_together(self, changes: list[Change]) -> list[Committed | Exception]:
        """Commit the changes in one transaction, in their order; a change that is refused leaves the others alone."""
        outcomes: list[Committed | Exception] = []
        self._announce("catalog.begin")
        with self._database.writing() as connection:
            for change in changes:
                try:
                    outcomes.append(committing.apply(connection, change))
                except FeatureStoreError as refusal:  # raised before the change wrote anything
                    outcomes.append(refusal)
            try:
                self.point("catalog.commit")
                connection.execute("COMMIT")
                self.point("catalog.committed")
                return outcomes
            except Exception as error:  # noqa: BLE001  # whatever it was: it is resolved, never swallowed
                failure = error
        return [self._resolve(change, one, failure) for change, one in zip(changes, outcomes, strict=True)]

    def _resolve(self, change: Change, outcome: Committed | Exception, error: Exception) -> Committed | Exception:
        """What became of a commit that ended in ``error``: it took effect, or it did not; never a guess."""
        if isinstance(outcome, Exception):
            return outcome
        try:
            committed = self.written_by(change.write_id)
        except FeatureStoreError as unreachable:
            return UnknownOutcomeError(
                f"the commit to {self._database.path} failed ({error}) and it cannot be told whether it took effect "
                f"({unreachable}); save again with write_id={change.write_id!r}, which applies it at most once",
                write_id=change.write_id,
            )
        if committed is not None:
            return committed
        return self._database.translated(error) if isinstance(error, sqlite3.Error) else error

    def _announce(self, effect: str) -> None:
        try:
            self.point(effect)
        except sqlite3.Error as error:  # a test's: what it stands for would be told in our terms
            raise self._database.translated(error) from error

    # --- reading ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        self._announce("catalog.read")
        with self._database.reading() as connection:
            yield connection

    def _latest_snapshot(self, group: str) -> Snapshot:
        """The latest version, from memory for as long as SQLite says that no connection has committed anything.

        The counter is read before the rows are, so what is remembered can only be newer than the counter says.
        """
        seen = self._counter()
        known = self._latest.get(group)
        if known is not None:
            return known
        with self._reading() as connection:
            found = self._snapshot(connection, group, None)
        with self._watch_lock:
            if self._seen == seen and len(self._latest) < 4096:
                self._latest[group] = found
        return found

    def _counter(self) -> int:
        """A number that changes whenever another connection, of this or any process, has committed."""
        self._announce("catalog.read")
        with self._watch_lock, self._database.told():
            if self._watch is None:
                raise sqlite3.ProgrammingError("the catalog was closed")
            (counter,) = self._watch.execute("PRAGMA data_version").fetchone()
            if counter != self._seen:
                self._latest = {}
                self._seen = counter
            return int(counter)

    def _snapshot(self, connection: sqlite3.Connection, group: str, version: int | None) -> Snapshot:
        if version is None:
            rows = statements.LATEST.run(connection, group=group).fetchall()
        else:
            rows = statements.AT.run(connection, group=group, version=version).fetchall()
        if not rows:
            raise _missing(connection, group, version)
        tables = {row["name"]: self._table(connection, group, row) for row in rows if row["name"] is not None}
        return Snapshot(group, rows[0]["version"], MappingProxyType(tables))

    def _table(self, connection: sqlite3.Connection, group: str, row: sqlite3.Row) -> TableFile:
        return TableFile(
            group=group,
            name=row["name"],
            version=row["written_version"],
            id=row["file"],
            size=row["size"],
            rows=row["rows"],
            digest=row["digest"],
            schema=self._schema(connection, row["schema"]),
            write_id=row["write_id"],
        )

    def _schema(self, connection: sqlite3.Connection, digest: bytes) -> pa.Schema:
        schema = self._schemas.get(digest)
        if schema is None:
            self._announce("catalog.read")
            row = statements.DOCUMENT.run(connection, digest=digest).fetchone()
            schema = pa.ipc.read_schema(pa.py_buffer(row["body"]))
            if len(self._schemas) >= 1024:  # distinct schemas are few; this bounds a store where they are not
                self._schemas.clear()
            self._schemas[digest] = schema
        return schema

    def _version_at(self, connection: sqlite3.Connection, group: str, as_of: datetime) -> int:
        kept = _KEPT.run(connection, group=group, moment=microseconds(as_of)).fetchone()
        if kept["first"] is None:
            raise _missing(connection, group, None)
        if kept["then"] is None:
            raise NotFoundError(
                f"group {group!r} has no version from {as_of.isoformat()} or before; "
                f"the oldest kept is from {moment(kept['since']).isoformat()}",
                kind="version",
                name=as_of.isoformat(),
                nearest=(),
            )
        return int(kept["then"])

    # --- layout -----------------------------------------------------------------------------------------------------

    def _settle_layout(self) -> None:
        with self._database.reading() as connection:
            number = self._stamped(connection)
        if number is None:
            number = self._lay_out()
        if number > LAYOUT:
            raise UnsafeEnvironmentError(
                f"the store at {self._database.path.parent} has layout {number}; this release reads up to {LAYOUT}: "
                "upgrade typed-feature-store"
            )

    def _lay_out(self) -> int:
        with self._database.writing() as connection:
            number = self._stamped(connection)  # another process may have been first
            if number is None:
                for table in metadata.sorted_tables:
                    Statement(CreateTable(table)).run(connection)
                _STAMP.run(connection)
                connection.execute("COMMIT")
                return LAYOUT
            return number

    def _stamped(self, connection: sqlite3.Connection) -> int | None:
        names = [row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if not names:
            return None
        if layout.name not in names:
            raise UnsafeEnvironmentError(
                f"{self._database.path} is another program's database (tables {', '.join(names[:3])}); "
                "choose another base_path"
            )
        return int(_LAYOUT.run(connection).fetchone()["number"])


def _missing(connection: sqlite3.Connection, group: str, version: int | None) -> NotFoundError:
    kept = _KEPT.run(connection, group=group, moment=0).fetchone()
    if kept["first"] is None:
        return NotFoundError.of("group", group, "this store", [row["name"] for row in _GROUPS.run(connection)])
    return NotFoundError(
        f"no version {version} in group {group!r}; it keeps versions {kept['first']} to {kept['last']}",
        kind="version",
        name=str(version),
        nearest=(str(kept["first"]), str(kept["last"])),
    )
