"""Looking after a store: is everything there, what may go, and a copy of it all.

Functions over the two ports, so that any catalog and any storage are looked after the same way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from features.errors import BusyError, CorruptFileError, NotFoundError, is_the_callers
from features.store.catalog.base import Catalog
from features.store.codec.footers import DisagreementError, check_file
from features.store.storage.base import Storage
from features.store.versions import CheckReport, GcReport, Problem, TableFile
from features.store.waiting import STANDARD, Waiting

_ATTEMPTS = 8
_DAMAGED = {"size", "digest", "rows", "schema"}
"""Problems that are the file's own. One that the system would not read just now may be sound: it stays in its place."""

_DELETING_THREADS = 8
_DELETED_ALONE = 16
"""Files up to which starting threads takes longer than it saves."""


def check(catalog: Catalog, storage: Storage, *, deep: bool, repair: bool) -> CheckReport:
    """Compare what the catalog refers to with what is on disk; with ``repair``, move aside what should not be there.

    The disk is listed before and after the catalog is read. A file that a save commits meanwhile is no orphan, since
    the catalog is asked once more after it was seen to be idle; one that a collection removes meanwhile is not missing,
    since the catalog lets go of it first. A repair has the catalog condemn an orphan before it moves it, as a
    collection does: whoever was about to commit the file writes another. A damaged catalog is not repaired by: what it
    does not refer to may be what somebody saved.
    """
    early = dict(storage.files())
    faults = [Problem("catalog", None, "catalog", fault) for fault in catalog.problems()]
    try:
        files = list(catalog.files())
    except CorruptFileError as error:
        faults = faults or [Problem("catalog", None, "catalog", error.message)]
        return CheckReport(problems=tuple(faults), orphans=(), files=0, bytes=0, deep=deep)
    late = dict(storage.files())
    suspects = [problem for file in files if (problem := _problem(file, storage, late, deep=deep))]
    if suspects:
        still = {file.id for file in catalog.files()}
        suspects = [problem for problem in suspects if problem.file in still]
    idle = {file for file in early.keys() - {file.id for file in files} if not storage.in_use(file)}
    orphans = idle - {file.id for file in catalog.files()} if idle else idle
    quarantined: list[str] = []
    if repair and not faults:
        orphans = {*catalog.sweep(orphans).orphans}
        damaged = [problem.file for problem in suspects if problem.file and problem.kind in _DAMAGED]
        quarantined = [*orphans, *damaged]
    return CheckReport(
        problems=(*faults, *suspects),
        orphans=tuple(sorted(orphans)),
        files=len(files),
        bytes=sum(file.size for file in files),
        deep=deep,
        quarantined=tuple(str(path) for file in quarantined if (path := storage.quarantine(file))),
    )


def collect(
    catalog: Catalog, storage: Storage, *, keep_last: int | None, before: datetime | None, dry_run: bool
) -> GcReport:
    """Take old versions out of the catalog, then delete the files that are out of reach.

    What somebody else deletes at the same time is theirs to tell.
    """
    on_disk = dict(storage.files())
    referred = {file.id for file in catalog.files()}
    idle = {file for file in on_disk if file not in referred and not storage.in_use(file)}
    swept = catalog.sweep(idle, keep_last=keep_last, before=before, dry_run=dry_run)
    doomed = (*swept.dropped, *swept.orphans)
    removed = set(doomed if dry_run else _deleted(storage, doomed))
    return GcReport(
        versions=swept.versions,
        files=len(removed),
        bytes=sum(on_disk.get(file, 0) for file in removed),
        orphans=len(removed.intersection(swept.orphans)),
        dry_run=dry_run,
    )


def _deleted(storage: Storage, files: Sequence[str]) -> list[str]:
    """Delete the files, and say which of them were there."""
    removed: list[str] = []

    def delete(file: str) -> None:
        if storage.delete(file):
            removed.append(file)

    if len(files) > _DELETED_ALONE:
        try:
            with ThreadPoolExecutor(_DELETING_THREADS) as threads:  # each waits for the disk, not for the others
                deque(threads.map(delete, files), maxlen=0)
            return removed
        except RuntimeError:
            pass  # no more threads, as when the interpreter exits: this one deletes what they left
    for file in files:
        delete(file)
    return removed


def copy(
    catalog: Catalog, storage: Storage, catalog_copy: Path, storage_copy: Storage, waiting: Waiting = STANDARD
) -> None:
    """Copy every file that the catalog refers to at one moment, then the catalog as of then.

    A collection may remove a file before it is copied; then the catalog has moved on, and the copy starts again.

    Raises:
        CorruptFileError: a file is gone, or its bytes are not those that were saved; there is no copy.
        StorageError: the disk refused.
        BusyError: that went on.
    """
    begin = waiting.now()
    copied: set[str] = set()
    gone: set[str] = set()

    def bring(files: list[TableFile]) -> None:
        for file in files:
            if file.id in gone:  # the catalog refers to it still
                raise _not_copied(file, "its file is gone", "missing")
            if file.id not in copied:
                try:
                    _copy_file(file, storage, storage_copy)
                except NotFoundError:
                    gone.add(file.id)
                    raise
                copied.add(file.id)
        for extra in copied - {file.id for file in files}:
            storage_copy.delete(extra)
        if copied:
            storage_copy.sync_directory()

    for _ in range(_ATTEMPTS):
        try:
            return catalog.backup(catalog_copy, bring)
        except NotFoundError:
            continue
    raise BusyError(
        f"garbage collections removed files during {_ATTEMPTS} attempts to copy; try again",
        seconds=waiting.now() - begin,
    )


def _copy_file(file: TableFile, storage: Storage, storage_copy: Storage) -> None:
    same = storage.size(file.id) == file.size  # before it is copied, since it may be of any size
    if not same or storage_copy.adopt(file.id, storage.path(file.id)) != (file.size, file.digest):
        raise _not_copied(file, "it is damaged", "digest")


def _not_copied(file: TableFile, because: str, reason: str) -> CorruptFileError:
    return CorruptFileError(
        f"table {file.name!r} of group {file.group!r}, version {file.version}: {because}, so nothing was copied; "
        "see check(deep=True)",
        file=file.id,
        reason=reason,
    )


def _problem(file: TableFile, storage: Storage, on_disk: Mapping[str, int], *, deep: bool) -> Problem | None:
    where = f"{file.group}/{file.name} (version {file.version})"
    size = on_disk.get(file.id)
    if size is None:
        return Problem("missing", file.id, where, f"{where}: its file {file.id} is gone")
    if size != file.size:
        return Problem("size", file.id, where, f"{where}: its file has {size} bytes, {file.size} were saved")
    return _deep_problem(file, storage, where) if deep else None


def _deep_problem(file: TableFile, storage: Storage, where: str) -> Problem | None:
    try:
        if storage.digest(file.id) != (file.size, file.digest):
            return Problem("digest", file.id, where, f"{where}: the bytes of its file are not those that were saved")
        check_file(storage.path(file.id), file)
    except (NotFoundError, FileNotFoundError):
        return Problem("missing", file.id, where, f"{where}: its file {file.id} is gone")
    except (OSError, CorruptFileError) as error:
        if is_the_callers(error):
            raise
        return Problem("unreadable", file.id, where, f"{where}: its file cannot be read: {error}")
    except DisagreementError as difference:
        return Problem(difference.kind, file.id, where, f"{where}: its file {difference}")
    return None
