"""Files in one folder of a local disk.

Names in the folder are ``<id>.parquet`` with ids of 32 hexadecimal digits and nothing else, so no group or table
name ever reaches a path, and whatever else stands there (an editor's backup, a symlink) is left alone.
"""

from __future__ import annotations

import errno
import mmap
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import xxhash

from features.errors import NotFoundError, StorageError
from features.store.storage.base import StagedFile, Storage, TakenAwayError

_NAME = re.compile(r"([0-9a-f]{32})\.parquet")
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_HINTS = {
    errno.ENOSPC: "free some space, for instance with gc(keep_last=…), and try again",
    errno.EDQUOT: "the quota is used up; free some space and try again",
    errno.EROFS: "the disk is mounted read-only; choose another base_path",
    errno.EACCES: "check the folder's owner and permissions, or choose another base_path",
    errno.EPERM: "check the folder's owner and permissions, or choose another base_path",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another base_path",
    errno.EEXIST: "a file stands where a folder is needed; choose another base_path",
    errno.EMFILE: "too many files are open in this process; close some or raise the limit (ulimit -n)",
}


class LocalStorage(Storage):
    """Write-once files in ``<base_path>/files``; the folder is created, durably, when the first file is staged."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def stage(self, encode: Callable[[Path], None]) -> StagedFile:
        """See ``Storage.stage``. The name is reserved exclusively first, so that no writer can meet another's file."""
        file = secrets.token_hex(16)
        path = self.path(file)
        with _told("write", path):
            self.point("storage.create")
            self._create(path)
            try:
                self.point("storage.write")
                encode(path)
                size, digest = _digest(path)
                self.point("storage.sync_file")
                _sync(path, os.O_RDWR)
            except FileNotFoundError as error:
                raise TakenAwayError(f"{path} was deleted while it was being written") from error
            except Exception:
                self.discard(file)
                raise
        return StagedFile(file, size, digest)

    def adopt(self, file: str, source: Path) -> tuple[int, bytes]:
        """See ``Storage.adopt``."""
        path = self.path(file)
        with _told("copy", source):
            if not source.exists():
                raise NotFoundError(f"file {source} is gone", kind="file", name=file, nearest=())
            self.point("storage.create")
            self._create(path)
            self.point("storage.write")
            shutil.copyfile(source, path, follow_symlinks=False)
            self.point("storage.sync_file")
            _sync(path, os.O_RDWR)
            return _digest(path)

    def seal(self) -> None:
        """See ``Storage.seal``."""
        with _told("write", self._folder):
            self.point("storage.sync_directory")
            _sync(self._folder, os.O_RDONLY)

    def path(self, file: str) -> Path:
        """See ``Storage.path``."""
        return self._folder / f"{file}.parquet"

    def digest(self, file: str) -> tuple[int, bytes]:
        """See ``Storage.digest``. A symlink in place of a file is refused, not followed."""
        path = self.path(file)
        with _told("read", path):
            self.point("storage.read")
            try:
                return _digest(path)
            except FileNotFoundError as error:
                raise NotFoundError(f"file {path} is gone", kind="file", name=file, nearest=()) from error

    def delete(self, file: str) -> bool:
        """See ``Storage.delete``."""
        path = self.path(file)
        with _told("delete", path):
            self.point("storage.delete")
            try:
                path.unlink()
            except FileNotFoundError:
                return False
        return True

    def files(self) -> Iterator[tuple[str, int]]:
        """See ``Storage.files``. Symlinks and foreign names are not ours and are not listed."""
        with _told("list", self._folder):
            if not self._folder.exists():
                return
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    name = _NAME.fullmatch(entry.name)
                    if name and entry.is_file(follow_symlinks=False):
                        try:
                            size = entry.stat(follow_symlinks=False).st_size
                        except FileNotFoundError:
                            continue  # deleted between the listing and the look: it is not there
                        yield name[1], size

    def _create(self, path: Path) -> None:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
        try:
            handle = os.open(path, flags, 0o666)
        except FileNotFoundError:
            make_folder(self._folder)
            handle = os.open(path, flags, 0o666)
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create ``folder`` and its missing ancestors, each one's name made durable in its parent.

    Raises:
        StorageError: the disk refused.
    """
    with _told("create", folder):
        missing = [step for step in (folder, *folder.parents) if not step.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for step in missing:
            _sync(step.parent, os.O_RDONLY)


def _digest(path: Path) -> tuple[int, bytes]:
    handle = os.open(path, os.O_RDONLY | _NO_FOLLOW)
    try:
        size = os.fstat(handle).st_size
        if size == 0:  # which mmap does not take
            return 0, xxhash.xxh3_128_digest(b"")
        with mmap.mmap(handle, size, access=mmap.ACCESS_READ) as content:
            return size, xxhash.xxh3_128_digest(content)
    finally:
        os.close(handle)


def _sync(path: Path, mode: int) -> None:
    handle = os.open(path, mode)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _told(doing: str, path: Path) -> Iterator[None]:
    """Turn the system's errors into one sentence that names the path and the next step."""
    try:
        yield
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        hint = _HINTS.get(error.errno or 0, "nothing was committed; try again once the cause is mended")
        reason = error.strerror or str(error)
        raise StorageError(f"could not {doing} {path}: {reason}; {hint}", errno=error.errno, path=str(path)) from error
