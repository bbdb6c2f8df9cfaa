"""The catalog in a SQL database: SQLite beside the files."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import pyarrow as pa
from sqlalchemy import insert, select
from sqlalchemy.schema import CreateTable

from features.errors import FeatureStoreError, UnknownOutcomeError, UnsafeEnvironmentError, is_the_callers
from features.store.catalog import committing, inspection, lookups, seals, statements, sweeping
from features.store.catalog.base import Catalog, Swept
from features.store.catalog.queue import CommitQueue, Outcome
from features.store.catalog.sqlite import ENDINGS, Database, primary_code
from features.store.catalog.statements import Statement
from features.store.catalog.tables import LAYOUT, layout, metadata
from features.store.catalog.watch import State, Watch
from features.store.forks import FORKS
from features.store.names import UNFINISHED
from features.store.storage.folders import clear_away, put_in_place
from features.store.storage.refusal import told
from features.store.versions import Change, Committed, GroupVersion, Snapshot, TableFile
from features.store.waiting import STANDARD, Waiting

T = TypeVar("T")

_NUMBER = Statement(select(layout.c.number))
_STAMP = Statement(insert(layout))

_OURS = (FeatureStoreError, sqlite3.Error, OSError)
"""What a commit that fails raises. Anything else comes from outside: Ctrl-C, or a signal handler's deadline."""

_OF_THE_COPY = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
"""What goes wrong where a copy is written, rather than where it is copied from."""


class SqlCatalog(Catalog):
    """One SQLite database, opened with ``SqlCatalog.open``; shared by any number of threads and processes."""

    def __init__(self, path: Path, *, timeout: float, waiting: Waiting = STANDARD) -> None:
        self._process, self._forks = os.getpid(), FORKS
        self._database = Database(path, timeout=timeout, waiting=waiting)
        self._watch = Watch(self._database, waiting)
        self._queue = CommitQueue(timeout=timeout, waiting=waiting)
        self._schemas: dict[bytes, pa.Schema] = {}
        self._memory: tuple[State, dict[str | None, Any]] = ((0, 0), {})
        """What is latest, by group and of all groups, and the state of the database that it is from."""
        FORKS.follow(self)

    @classmethod
    def open(cls, path: Path, *, timeout: float, waiting: Waiting = STANDARD, begin: bool = True) -> SqlCatalog:
        """Open the catalog at ``path``; where there is none, lay it out, or with ``begin=False`` refuse to.

        Raises:
            UnsafeEnvironmentError: what is there is no file, or another program's database, or has something in it that
                is none of ours, or was laid out by another release; or there is no catalog, and none may begin.
            CorruptFileError: it is no database.
            StorageError: it cannot be created or opened.
            BusyError: another process kept it locked.
        """
        catalog = cls(path, timeout=timeout, waiting=waiting)
        try:
            catalog._database.require_files()
            if not begin and not path.exists():
                raise _no_catalog(path)
            catalog._settle_layout(begin=begin)
            with catalog._database.told():
                catalog._watch.connect()
            with FORKS.kept_out():  # what is computed once has a lock in some releases of Python
                statements.compile_all()
            with catalog._database.reading() as connection:
                statements.warm_up(connection)
        except BaseException:
            catalog.close()
            raise
        return catalog

    def commit(self, change: Change) -> Committed:
        """See ``Catalog.commit``. Changes that arrive while another commit is under way are committed together."""
        return self._queue.commit(change, self._commit_together)

    def snapshot(self, group: str, version: int | None = None, as_of: datetime | None = None) -> Snapshot:
        """See ``Catalog.snapshot``."""
        if version is None and as_of is None:
            return self._remembered(group, lambda connection: self._snapshot(connection, group, None))
        with self._reading() as connection:
            if as_of is not None:
                version = lookups.version_at(connection, group, as_of)
                self._announce("catalog.read")
            return self._snapshot(connection, group, version)

    def written_by(self, write_id: str) -> Committed | None:
        """See ``Catalog.written_by``."""
        with self._reading() as connection:
            return committing.written_by(connection, write_id)

    def groups(self) -> dict[str, range]:
        """See ``Catalog.groups``."""
        with self._reading() as connection:
            return lookups.groups(connection)

    def latest(self) -> list[GroupVersion]:
        """See ``Catalog.latest``."""
        return list(self._remembered(None, lookups.latest))

    def versions(self, group: str) -> list[GroupVersion]:
        """See ``Catalog.versions``."""
        with self._reading() as connection:
            return lookups.lines(connection, group, lambda: self._announce("catalog.read"))

    def artifacts(self, group: str, version: int | None = None) -> str | None:
        """See ``Catalog.artifacts``."""
        with self._reading() as connection:
            return lookups.artifacts(connection, group, version)

    def files(self) -> Iterator[TableFile]:
        """See ``Catalog.files``."""
        with self._reading() as connection:
            found = [self._table(connection, row["group"], row) for row in lookups.files(connection)]
        return iter(found)

    def sweep(
        self,
        on_disk: Collection[str],
        *,
        keep_last: int | None = None,
        before: datetime | None = None,
        dry_run: bool = False,
    ) -> Swept:
        """See ``Catalog.sweep``. A dry run sweeps a copy in memory: it may be all that a reader is allowed to."""
        if dry_run:
            with self._reading() as connection, closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
                sweeping.require_sound(connection)
                connection.backup(copy)
                copy.row_factory = sqlite3.Row
                return sweeping.sweep(copy, on_disk, keep_last, before)
        with self._queue.alone():
            self._announce("catalog.begin")
            with self._database.writing() as connection:
                sweeping.require_sound(connection)
                swept = sweeping.sweep(connection, on_disk, keep_last, before)
                self.point("catalog.commit")
                connection.execute("COMMIT")
                self.point("catalog.committed")
        return swept

    def problems(self) -> list[str]:
        """See ``Catalog.problems``."""
        with self._reading() as connection:
            return list(inspection.problems(connection))

    def backup(self, target: Path, bring: Callable[[list[TableFile]], None]) -> None:
        """See ``Catalog.backup``: by SQLite's own means, since any other access to its file drops its locks."""
        scratch = target.with_name(UNFINISHED)
        moment, whole = scratch / "moment", scratch / "whole"
        made = [file.with_name(file.name + ending) for file in (moment, whole) for ending in ENDINGS]
        mine: os.stat_result | None = None
        try:
            with told("write", target.parent):
                scratch.mkdir(exist_ok=True)
                self._copy_to(moment, target)
                copy = SqlCatalog.open(moment, timeout=self._database.timeout, waiting=self._database.waiting)
                try:
                    bring(list(copy.files()))
                    copy._copy_to(whole, target)
                    mine = whole.stat()
                    put_in_place(whole, target)
                finally:
                    copy.close()
                clear_away(made, ())
                scratch.rmdir()  # from here on it is a store
        except BaseException:  # also while it is tidied up: a copy that failed must not open as a store
            if mine is not None and scratch.exists() and target.exists() and os.path.samestat(mine, target.stat()):
                target.unlink()
            clear_away(made, ())
            raise

    def _copy_to(self, path: Path, place: Path) -> None:
        """Copy the database to ``path``; errors of the copy are told of ``place``, which it is for."""
        with self._database.told():
            copy = sqlite3.connect(path)
            try:
                copy.execute("PRAGMA journal_mode=TRUNCATE")  # one that is deleted may be back after a power cut
                with self._reading() as connection:
                    _NUMBER.run(connection)  # waits for its lock as any read does; ``backup`` would wait without end
                    try:
                        connection.backup(copy)
                    except sqlite3.OperationalError as error:
                        if primary_code(error) not in _OF_THE_COPY:
                            raise
                        raise Database(place, timeout=self._database.timeout).translated(error) from error
            finally:
                copy.close()

    def close(self) -> None:
        """See ``Catalog.close``."""
        with self._forks.kept_out():
            self._watch.close()
            self._database.close()

    @property
    def path(self) -> Path:
        """The database's file."""
        return self._database.path

    def let_go(self) -> None:
        """Close every connection until one is next needed: a fork must not copy any."""
        self._watch.let_go()
        self._database.let_go()

    def __del__(self, getpid: Callable[[], int] = os.getpid) -> None:
        # Most stores are never closed by their users: their connections should not wait for the collector to do it.
        # Nothing is looked up in modules, which may be gone by then.
        if getpid() == self._process:  # in a fork, a lock that another thread had would never be released
            self.close()

    def _commit_together(self, changes: list[Change], outcomes: list[Outcome]) -> None:
        """Commit the changes in one transaction, in their order; a change that is refused leaves the others alone."""
        made: list[Committed | Exception] = []
        committing_begun = False
        self._announce("catalog.begin")
        try:
            with self._database.writing() as connection:
                for change in changes:
                    try:
                        made.append(committing.apply(connection, change))
                    except FeatureStoreError as refusal:  # raised before the change wrote anything
                        made.append(refusal)
                committing_begun = True
                self.point("catalog.commit")
                connection.execute("COMMIT")
                self.point("catalog.committed")
                outcomes[:] = made
        except BaseException as failure:
            if not committing_begun:
                raise
            error = failure if isinstance(failure, _OURS) and not is_the_callers(failure) else None
            if not outcomes:
                outcomes[:] = [self._resolve(*each, error) for each in zip(changes, made, strict=True)]
            if error is None:  # what stops this thread is nothing to the others
                raise

    def _resolve(self, change: Change, outcome: Committed | Exception, error: Exception | None) -> Outcome:
        """What became of a commit that ended in ``error``: it took effect, or it did not; never a guess."""
        if isinstance(outcome, Exception):
            return outcome
        try:
            committed = self.written_by(change.write_id)
        except FeatureStoreError as unreachable:
            if error is None:
                return None
            is_save = change.delete is None and change.restore is None
            step = f"save again with write_id={change.write_id!r}, which applies it at most once"
            return UnknownOutcomeError(
                f"the commit to {self._database.path} failed ({error}) and it cannot be told whether it took effect "
                f"({unreachable}); {step if is_save else 'look at the versions before you repeat it'}",
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

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        self._announce("catalog.read")
        with self._database.reading() as connection:
            yield connection

    def _remembered(self, group: str | None, ask: Callable[[sqlite3.Connection], T]) -> T:
        """What is latest, from memory for as long as no connection of any process has committed anything.

        It is remembered where the state was the same before and then within the transaction: what is the state of a
        commit under way, which may yet be rolled back, is not that of what is read.
        """
        self._announce("catalog.read")
        state = self._watch.state()
        remembered, latest = self._memory
        if remembered == state and group in latest:
            return latest[group]  # type: ignore[no-any-return]
        with self._reading() as connection:
            found = ask(connection)
            # To connect, as after a fork, may wait for the end of this very transaction.
            settled = not self._watch.connects and self._watch.state() == state
        if settled:
            if remembered != state:
                latest = {}
                self._memory = state, latest
            if len(latest) < 4096:
                latest[group] = found
        return found

    def _snapshot(self, connection: sqlite3.Connection, group: str, version: int | None) -> Snapshot:
        rows = lookups.snapshot(connection, group, version)
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
            body = lookups.document(connection, digest)
            try:
                schema = pa.ipc.read_schema(pa.py_buffer(body))
            except (pa.ArrowException, OSError) as error:
                if is_the_callers(error):
                    raise
                raise seals.damaged(connection, "it has a schema that cannot be read") from error
            if len(self._schemas) >= 1024:  # distinct schemas are few; this bounds a store where they are not
                self._schemas.clear()
            self._schemas[digest] = schema
        return schema

    def _settle_layout(self, *, begin: bool) -> None:
        with self._database.reading() as connection:
            number = self._stamped(connection)
        if number is None and not begin:
            raise _no_catalog(self._database.path)
        if number is None:
            number = self._lay_out()
        if number != LAYOUT:
            newer = "upgrade typed-feature-store" if number > LAYOUT else "open it with the release that made it"
            raise UnsafeEnvironmentError(
                f"the store at {self._database.path.parent} has layout {number}; this release reads {LAYOUT}: {newer}"
            )

    def _lay_out(self) -> int:
        with self._database.writing() as connection:
            number = self._stamped(connection)  # another process may have been first
            if number is None:
                for table in metadata.sorted_tables:
                    Statement(CreateTable(table)).run(connection)
                seal = seals.of_catalog(LAYOUT, seals.EMPTY)
                _STAMP.run(connection, number=LAYOUT, groups=seals.EMPTY, seal=seal)
                connection.execute("COMMIT")
                return LAYOUT
            return number

    def _stamped(self, connection: sqlite3.Connection) -> int | None:
        made = connection.execute("SELECT type, name FROM sqlite_master").fetchall()
        names = [row["name"] for row in made if row["type"] == "table"]
        foreign = [f"{row['type']} {row['name']!r}" for row in made if row["type"] in ("trigger", "view")]
        if foreign:  # which would change what is saved, or never end, under any of our statements
            raise UnsafeEnvironmentError(
                f"{self._database.path} holds what this library never makes (the {foreign[0]}); drop it, or restore a "
                "backup"
            )
        if not names:
            return None
        if layout.name not in names:
            raise UnsafeEnvironmentError(
                f"{self._database.path} is another program's database (tables {', '.join(names[:3])}); "
                "choose another base_path"
            )
        row = _NUMBER.run(connection).fetchone()
        if row is None or not isinstance(row["number"], int):
            raise seals.damaged(connection, "the row of its layout was changed or is gone")
        return row["number"]


def _no_catalog(path: Path) -> UnsafeEnvironmentError:
    return UnsafeEnvironmentError(
        f"there are files of a store, but no catalog of theirs at {path}; restore it from a backup, "
        "or name the catalog_url that the store was made with"
    )
