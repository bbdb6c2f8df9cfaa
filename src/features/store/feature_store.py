"""The feature store: groups of tables, committed together, one version after another."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Generic, Self

from features.errors import ConfigError, UnsafeEnvironmentError
from features.frames import Frame, Scan
from features.names import check_name
from features.store import arguments
from features.store.arguments import Columns
from features.store.backups import back_up
from features.store.cache import FeatureCache
from features.store.catalog.base import Catalog, applied_before, closed
from features.store.config import FeatureStoreConfig, FrameT
from features.store.drivers import codec_for, open_catalog, open_storage
from features.store.loading import Read, home, load, names_in
from features.store.reading import TableReader
from features.store.storage.base import Storage
from features.store.upkeep import check, collect
from features.store.versions import (
    Change,
    CheckReport,
    Committed,
    GcReport,
    GroupVersion,
    Snapshot,
    TableFile,
)
from features.store.waiting import STANDARD, Waiting
from features.store.writing import save

__all__ = ["FeatureStoreConfig", "SimpleFeatureStore"]


class SimpleFeatureStore(Generic[FrameT]):
    """An embedded, versioned, crash-safe store of feature tables.

    **What is promised.** A save that returned is never lost; a read is never torn and never mixes versions;
    a file whose bytes changed is never returned as data.

    **The order of effects.** A save encodes each table into a new file under a random name, syncs the file, then the
    folder; only then does one SQL transaction make the files the group's next version, and only when that has been
    committed does the save return. Whatever stops it earlier leaves the group as it was, and at most files that
    nothing refers to: ``check`` names those and ``gc`` removes them. A read asks the catalog once for all tables of
    one version, so what it sees was committed together; files never change, so nothing can change under it.

    Where the commit itself fails in doubt, the catalog is asked by the save's write id whether it took effect. A
    garbage collection first condemns files in the catalog and deletes them afterwards; a save whose file was
    condemned before its commit is refused that commit, and writes the file again.

    One store may be shared between threads, and any number of processes may open the same folder. It is pickled as
    its configuration. It may not be carried over a fork: open it in the child.

    Args:
        config: where the store is, and how it is used.

    Raises:
        ConfigError: ``config`` is no ``FeatureStoreConfig``.
        MissingExtraError: the library of its backend is not installed.
        UnsafeEnvironmentError: what is there is no store, or of another release's layout, or cannot be kept safe.
        CorruptFileError, StorageError, BusyError: as below.

    What any method may raise, beside what it says of itself:

    - ``StoreClosedError`` after ``close``, and ``UnsafeEnvironmentError`` in the child of a fork, or where the catalog
      is used by another release of SQLite in a way that is not safe for this one;
    - ``CorruptFileError``: the catalog, or a file that is read, is not what was saved;
    - ``StorageError``: the disk refused, or the catalog was moved;
    - ``BusyError``: other writers kept the store busy for ``busy_timeout_seconds``.

    A write that fails leaves the store as it was, with two exceptions: ``gc`` may have dropped versions without
    deleting all of their files, and after ``UnknownOutcomeError`` (of ``save_features``, ``delete_feature`` or
    ``rollback``) it is not known whether there is a new version.
    """

    def __init__(self, config: FeatureStoreConfig[FrameT]) -> None:
        if not isinstance(config, FeatureStoreConfig):
            raise ConfigError(f"config is {config!r}; pass FeatureStoreConfig(base_path)", field="config", value=config)
        config.resolved_backend()  # a missing library is better told before a folder is made
        self._set_up(config, open_catalog(config), open_storage(config))

    @classmethod
    def with_drivers(
        cls,
        config: FeatureStoreConfig[FrameT],
        catalog: Catalog,
        storage: Storage,
        waiting: Waiting = STANDARD,
    ) -> Self:
        """A store on the given drivers instead of those that ``config`` asks for: for tests and for new drivers."""
        store = cls.__new__(cls)
        store._set_up(config, catalog, storage, waiting)
        return store

    def _set_up(
        self,
        config: FeatureStoreConfig[FrameT],
        catalog: Catalog,
        storage: Storage,
        waiting: Waiting = STANDARD,
    ) -> None:
        self.config = config
        self.cache: FeatureCache | None = None
        """Decoded tables, or None where ``cache_enabled`` is False."""
        if config.cache_enabled:
            self.cache = FeatureCache(
                max_size=config.cache_max_size,
                max_bytes=config.cache_max_bytes,
                ttl_seconds=config.cache_ttl_seconds,
                waiting=waiting,
            )
        self._waiting = waiting
        self._catalog = catalog
        self._storage = storage
        codec = codec_for(config.resolved_backend())
        codec.warm_up()
        self._tables = TableReader(storage, codec, self.cache, verify=config.verify_reads)
        self._process = os.getpid()
        self._closed = False

    def save_features(
        self,
        group: str,
        features: Mapping[str, Frame],
        *,
        expected_version: int | None = None,
        message: str | None = None,
        artifacts: Mapping[str, Any] | None = None,
        write_id: str | None = None,
    ) -> dict[str, str]:
        """Commit tables as the group's next version, all of them or none; tables not named carry over.

        Args:
            group: name of the group; made where there is none.
            features: by table name, frames of pandas, polars or pyarrow, or streams: a polars ``LazyFrame``, a pyarrow
                ``RecordBatchReader``, dataset or scanner, or anything else with ``__arrow_c_stream__``. A stream is
                written as it comes, in the memory of a few batches; what it raises is raised here, and nothing saved.
                A reader is used up by a save, also by one that fails; one read elsewhere before has no rows left.
                The file of a stream, which may have to be copied, stays open until the save ends: one save takes
                no more streams than about half the files that the process may have open (``ulimit -n``).
            expected_version: commit only if this is the group's latest version; 0 for a group that is not there yet.
            message: kept with the version.
            artifacts: JSON values kept with the version, 200 deep at most; None carries the last version's over.
            write_id: at most one version is made for it, as long as that version is kept, so that a save can be
                repeated safely. Random if None.

        Returns:
            The path of each saved table's file. The files are immutable, and the store's: read, never written.

        Raises:
            UnsupportedDataError: a frame or the artifacts could not be given back exactly; nothing changed.
            InvalidNameError: the store does not take such a name; nothing was written.
            ConfigError: another argument is not what it may be, or ``write_id`` was used for another group or for other
                tables; nothing changed.
            ConflictError: the group is not at ``expected_version``; nothing changed.
            BusyError: other writers kept the store busy for ``busy_timeout_seconds``; nothing changed.
            StorageError: the disk refused; nothing changed.
            UnknownOutcomeError: the disk failed so that nobody can tell whether the version was committed; save again
                with its ``write_id``, which applies it at most once.
        """
        self._require_usable()
        change = arguments.change(group, expected_version, message, artifacts, write_id)
        prepared = arguments.prepare(features)
        if write_id is not None and (earlier := self._catalog.written_by(write_id)):
            return self._paths(applied_before(earlier, change.group, prepared, write_id))
        return self._paths(save(self._catalog, self._storage, change, prepared, self.config, self._waiting))

    def delete_feature(self, name: str, group: str) -> int:
        """Commit a version of the group without the table; older versions keep it.

        Returns:
            The new version.

        Raises:
            NotFoundError: there is no such group, or its latest version has no such table.
            UnknownOutcomeError: nobody can tell whether it was committed; look at ``versions`` before it is repeated.
        """
        self._require_usable()
        group, name = self._existing(group), check_name(name, "table")
        return self._catalog.commit(Change(group, uuid.uuid4().hex, delete=name, message=f"delete {name}")).version

    def rollback(self, group: str, version: int) -> int:
        """Commit a version equal to an older one: its tables and artifacts; nothing in between is lost.

        Returns:
            The new version.

        Raises:
            NotFoundError: there is no such group or version.
            ConfigError: ``version`` is no whole number from 1.
            UnknownOutcomeError: nobody can tell whether it was committed; look at ``versions`` before it is repeated.
        """
        self._require_usable()
        group = self._existing(group)
        restore = arguments.whole_number("version", version)
        if restore is None:
            raise ConfigError("version is None; name the version to go back to", field="version", value=None)
        message = f"rollback to version {restore}"
        return self._catalog.commit(Change(group, uuid.uuid4().hex, restore=restore, message=message)).version

    def get_features(
        self,
        names: Iterable[str] | None = None,
        group: str | None = None,
        *,
        version: int | None = None,
        as_of: datetime | None = None,
        columns: Columns = None,
    ) -> dict[str, FrameT]:
        """Tables of one version of a group, as frames of the configured backend, safe to change.

        What is larger than memory is read piece by piece with ``scan_features``.

        Args:
            names: the tables, in the order wanted; None for all.
            group: the group; None where each name is the name of a table in the latest version of just one group. A
                table that only an older version has is found in its group by name.
            version: None for the latest.
            as_of: an aware datetime: the version that was the latest then.
            columns: the columns wanted of every table, or by table name; None for all.

        Raises:
            NotFoundError: a group, table, version or column that is not there; proposes the nearest names.
            CorruptFileError: a file's bytes are not those that were saved.
            UnsupportedDataError: the backend's library has no type for a column.
            ConfigError: arguments that contradict each other.
            StorageError: the disk refused.
            BusyError: other writers kept the store busy for ``busy_timeout_seconds``.
        """
        return self._load(self._tables.read, names, group, version, as_of, columns)

    def scan_features(
        self,
        names: Iterable[str] | None = None,
        group: str | None = None,
        *,
        version: int | None = None,
        as_of: datetime | None = None,
        columns: Columns = None,
    ) -> dict[str, Scan]:
        """The tables that ``get_features`` would load, to be read later, piece by piece or only in part.

        Each is a polars ``LazyFrame`` where the backend is polars, else a ``pyarrow.dataset.Dataset``: filter it,
        aggregate it, or save it anew, all without holding the whole table in memory. Collected, it has the values and
        types of a load; a dataset has those that a store with the backend "pyarrow" loads, as it cannot say what pandas
        noted beside them.

        A file's digest is compared before the scan is given out, as ``verify_reads`` says. The scan keeps the file
        open, so that it can be read to the end whatever becomes of the version, and until it is let go of the file
        takes space on the disk. It stays in this process: it cannot be pickled.

        Args:
            names: see ``get_features``, as for the others.
            group: the group.
            version: None for the latest.
            as_of: an aware datetime: the version that was the latest then.
            columns: the columns wanted.

        Raises:
            NotFoundError: a group, table, version or column that is not there; proposes the nearest names.
            CorruptFileError: a file's bytes are not those that were saved.
            UnsupportedDataError: a column cannot be scanned exactly; load it with ``get_features``.
            ConfigError: arguments that contradict each other.
        """
        return self._load(self._tables.scan, names, group, version, as_of, columns)

    def get_artifacts(self, group: str, *, version: int | None = None) -> dict[str, Any]:
        """The artifacts of a version, the latest where none is given; empty where it has none.

        Raises:
            NotFoundError: there is no such group or version.
        """
        self._require_usable()
        text = self._catalog.artifacts(check_name(group, "group"), arguments.whole_number("version", version))
        return {} if text is None else dict(json.loads(text))

    def versions(self, group: str) -> list[GroupVersion]:
        """The group's versions that are still kept, oldest first.

        Raises:
            NotFoundError: there is no such group.
        """
        self._require_usable()
        return self._catalog.versions(check_name(group, "group"))

    def latest_versions(self) -> list[GroupVersion]:
        """The latest version of every group, sorted by the group's name: what the store holds, as of one moment."""
        self._require_usable()
        return self._catalog.latest()

    def list_feature_groups(self) -> list[str]:
        """The names of all groups, sorted."""
        self._require_usable()
        return list(self._catalog.groups())

    def list_features(self, group: str | None = None) -> list[str]:
        """The names of the tables in the group's latest version, or in that of any group; sorted, each once.

        Raises:
            NotFoundError: there is no such group.
        """
        self._require_usable()
        return names_in(self._catalog.latest()) if group is None else list(self.get_group_info(group))

    def get_group_info(self, group: str, *, version: int | None = None) -> dict[str, TableFile]:
        """What ``get_feature_info`` tells, of all tables of one version of a group, sorted by name: asked for at once.

        Raises:
            NotFoundError: there is no such group or version.
        """
        self._require_usable()
        return arguments.pick(self._snapshot(group, version), None)

    def get_feature_info(self, name: str, group: str | None = None, *, version: int | None = None) -> TableFile:
        """What the catalog knows of one table: its file, size, rows, digest and Arrow schema.

        Without a group it is that of the one group whose latest version has the table, whatever ``version`` is asked.

        Raises:
            NotFoundError: there is no such group, version or table.
            ConfigError: no group was given and the name is in several.
        """
        self._require_usable()
        name = check_name(name, "table")
        group = home(self._catalog, name) if group is None else group
        return arguments.pick(self._snapshot(group, version), [name])[name]

    def get_store_stats(self) -> dict[str, Any]:
        """Counts and sizes of the whole store: groups, versions, tables, files, bytes, backend, path, cache."""
        self._require_usable()
        groups = self._catalog.groups()
        files = list(self._catalog.files())
        return {
            "path": str(self.config.folder),
            "backend": self._tables.backend,
            "groups": len(groups),
            "versions": sum(len(self._catalog.versions(group)) for group in groups),  # which looks at every row
            "tables": sum(len(latest.tables) for latest in self._catalog.latest()),
            "files": len(files),
            "bytes": sum(file.size for file in files),
            "cache": None if self.cache is None else self.cache.get_stats(),
        }

    def check(self, *, deep: bool = False, repair: bool = False) -> CheckReport:
        """Compare the catalog with the disk; changes nothing, unless it is to repair.

        Args:
            deep: also read every file and compare its digest, rows and columns.
            repair: move files that no version refers to, and files found damaged, into ``lost+found``. A table whose
                file was damaged stays missing in its versions: load an older one, roll back, or save it anew.

        Raises:
            ConfigError: ``deep`` or ``repair`` is neither True nor False.
        """
        self._require_usable()
        deep, repair = arguments.flag("deep", deep), arguments.flag("repair", repair)
        return check(self._catalog, self._storage, deep=deep, repair=repair)

    def gc(
        self,
        *,
        keep_last: int | None = None,
        older_than: timedelta | datetime | None = None,
        dry_run: bool = False,
    ) -> GcReport:
        """Drop old versions and remove the files that no version refers to any more. The latest always stays.

        Args:
            keep_last: keep at least this many of each group's newest versions.
            older_than: keep versions younger than this, or made since this aware datetime. A version is dropped
                only when every limit given lets it go; without limits, only files never committed are removed.
            dry_run: say what would go, and change nothing.

        Raises:
            ConfigError: a limit that is none, or a ``dry_run`` that is neither True nor False.
        """
        self._require_usable()
        self._tables.let_go()
        return collect(
            self._catalog,
            self._storage,
            keep_last=arguments.whole_number("keep_last", keep_last),
            before=arguments.moment_before(older_than),
            dry_run=arguments.flag("dry_run", dry_run),
        )

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Copy the store, as of one moment, to a new folder that can be opened as a store; others may go on writing.

        The copy can be opened once it is whole: who opens it before waits, for ``busy_timeout_seconds`` at most. Where
        it fails, nothing of it stays. Where the process dies meanwhile, what stays is refused as a store; remove it.

        Raises:
            ConfigError: ``path`` is no path.
            StorageError: the folder is not empty, or inside this store, or the disk refused.
            CorruptFileError: a file is gone, or its bytes are not those that were saved.
            BusyError: collections kept taking away what was to be copied, or somebody else works on the folder.
        """
        self._require_usable()
        try:
            target = replace(self.config, base_path=path, catalog_url=None)
        except ConfigError as error:
            raise ConfigError(error.message.replace("base_path", "path", 1), field="path", value=path) from None
        back_up(self._catalog, self._storage, self.config.folder, target, self._waiting)

    def close(self) -> None:
        """Let go of connections and memory. Using the store afterwards raises ``StoreClosedError``."""
        if not self._closed:
            self._closed = True
            if os.getpid() != self._process:
                return  # a fork's copy: its locks may never be released, and it has nothing to close
            self._release()
            self._catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[Self], tuple[FeatureStoreConfig[FrameT]]]:
        return type(self), (self.config,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.config.folder)!r}, backend={self._tables.backend!r})"

    def _require_usable(self) -> None:
        if self._closed:
            raise closed()
        if os.getpid() != self._process:
            raise UnsafeEnvironmentError(
                "this store was opened before a fork, and its database connection must not be shared; "
                "open a store in the child process"
            )

    def _release(self) -> None:
        """Let go of what loads keep: decoded tables, and open files."""
        if self.cache is not None:
            self.cache.clear()
        self._tables.let_go()

    def _existing(self, group: str) -> str:
        """The group's checked name; a change to a group that is not there must not create it."""
        return self._snapshot(group, None).group

    def _snapshot(self, group: str, version: int | None) -> Snapshot:
        return self._catalog.snapshot(check_name(group, "group"), arguments.whole_number("version", version))

    def _paths(self, committed: Committed) -> dict[str, str]:
        return {name: str(self._storage.path(file)) for name, file in committed.files.items()}

    def _load(
        self,
        read: Read,
        names: Iterable[str] | None,
        group: str | None,
        version: int | None,
        as_of: datetime | None,
        columns: Columns,
    ) -> dict[str, Any]:
        self._require_usable()
        wanted = arguments.table_names(names)
        version = arguments.whole_number("version", version)
        arguments.check_moment(version, as_of)
        group = None if group is None else check_name(group, "group")
        try:
            return load(self._catalog, read, wanted, group, version, as_of, arguments.columns_wanted(columns))
        finally:
            if self._closed:  # meanwhile
                self._release()
