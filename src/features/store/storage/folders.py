"""Folders that are still there after a power cut."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from features.errors import BusyError, StorageError, is_the_callers
from features.store.storage.disk import SYSTEM, Disk
from features.store.storage.refusal import told
from features.store.waiting import STANDARD, Waiting

_PAUSE_SECONDS = 0.002
"""Between two attempts to have a folder alone; to begin a store takes a few milliseconds."""

_NO_LOCKS = {errno.EBADF, errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS}
"""What network disks answer to whom wants to lock a folder. They take backups, but no store is opened there."""


def make_folder(folder: Path, disk: Disk = SYSTEM) -> None:
    """Create ``folder`` and its missing ancestors, each one's name made durable in its parent.

    Raises:
        StorageError: the disk refused.
    """
    with told("create", folder):
        missing = missing_folders(folder)
        for step in reversed(missing):
            disk.make_folder(step)
        for step in missing:
            disk.sync_folder(step.parent)


def missing_folders(folder: Path) -> list[Path]:
    """``folder`` and its ancestors, as far as they are not there; the innermost first."""
    return [step for step in (folder, *folder.parents) if not step.exists()]


def claim_folder(folder: Path, disk: Disk = SYSTEM) -> None:
    """Create one folder, durably, as the only one to do so.

    Raises:
        StorageError: it is there already, or the disk refused.
    """
    with told("create", folder):
        try:
            folder.mkdir()
        except FileExistsError:
            raise there_already(folder.parent) from None
        try:
            disk.sync_folder(folder.parent)
        except BaseException:
            folder.rmdir()
            raise


@contextmanager
def alone_in(folders: Iterable[Path], timeout: float, waiting: Waiting = STANDARD) -> Iterator[None]:
    """Be the only one who begins a store in these folders, or copies one there. The locks die with their process.

    Raises:
        BusyError: somebody else was at it for ``timeout`` seconds.
        StorageError: a folder is gone, or another by now, or the disk refused.
    """
    with ExitStack() as held:
        places: dict[tuple[int, int], tuple[Path, int]] = {}
        for folder in folders:
            with told("open", folder):
                handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            held.callback(os.close, handle)
            found = os.fstat(handle)
            places[found.st_dev, found.st_ino] = folder, handle
        for _, (folder, handle) in sorted(places.items()):  # in one order, or two could wait for each other
            _lock(folder, handle, timeout, waiting)
            held.callback(_unlock, handle)
        yield


def _lock(folder: Path, handle: int, timeout: float, waiting: Waiting) -> None:
    begin = waiting.now()
    with told("lock", folder):
        while not _locked(handle):
            if waiting.now() - begin >= timeout:
                raise BusyError(
                    f"for {timeout:g} s somebody else has been beginning a store in {folder}, or backing one up to it; "
                    "try again when that has ended, or choose another folder",
                    seconds=timeout,
                )
            waiting.pause(_PAUSE_SECONDS)
        if not (folder.exists() and os.path.samestat(folder.stat(), os.fstat(handle))):
            raise StorageError(f"{folder} was moved or replaced meanwhile; try again", path=str(folder), errno=None)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def _unlock(handle: int) -> None:
    with suppress(OSError):  # where there are no locks
        fcntl.flock(handle, fcntl.LOCK_UN)  # a child that was forked meanwhile has the handle, too


def put_in_place(file: Path, target: Path, disk: Disk = SYSTEM) -> None:
    """Give ``file`` the name ``target``, durably, and all at once for whoever looks there.

    Raises:
        StorageError: something has that name, or the disk refused.
    """
    with told("write", target):
        try:
            os.link(file, target)  # a rename would put it over what has come there meanwhile
        except FileExistsError:
            raise there_already(target.parent) from None
        except OSError as error:
            if is_the_callers(error):
                raise
            if target.exists():
                raise there_already(target.parent) from None
            file.rename(target)  # on a file system without links
        else:
            file.unlink()
        try:
            disk.sync_folder(target.parent)
        except BaseException:
            target.rename(file)
            raise


def clear_away(files: Iterable[Path], folders: Iterable[Path]) -> None:
    """Remove files, as far as they are there, and then folders, the innermost first, as far as they are empty.

    By their names alone: to list a folder takes a descriptor, and the want of one may be what has failed.
    """
    for file in files:
        with suppress(OSError):
            file.unlink()
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def there_already(folder: Path) -> StorageError:
    """The refusal of a folder that must be a new one."""
    return StorageError(f"{folder} is there already; name a new folder", path=str(folder))


def settle_folder(folder: Path, disk: Disk = SYSTEM) -> None:
    """Create ``folder``, and make durable also what was there: another process may have made it just now.

    It may be cut off between making a folder and syncing the parent. Whoever then finds the folder in place, and
    acknowledges a save in it, would have promised what a power cut can still take away. As everyone does this until
    there is a catalog, a catalog that is there tells that the folders are durable.

    Raises:
        StorageError: the disk refused.
    """
    make_folder(folder, disk)
    with told("create", folder):
        for step in (folder, *folder.parents):
            if step.is_mount():
                return
            try:
                disk.sync_folder(step.parent)
            except PermissionError:
                return  # made by somebody else, so not for this store
