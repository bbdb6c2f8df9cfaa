"""Files in one folder of a local disk.

Names in the folder are ``<id>.parquet`` with ids of 32 hexadecimal digits and nothing else, so no group or table
name ever reaches a path, and whatever else stands there (an editor's backup, a symlink) is left alone.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import re
import resource
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock
from weakref import WeakSet, WeakValueDictionary

import xxhash

from features.errors import CorruptFileError, NotFoundError, StorageError
from features.store.storage.base import StagedFile, Storage, TakenAwayError, digest_of
from features.store.storage.disk import SYSTEM, Disk, Handle
from features.store.storage.folders import make_folder
from features.store.storage.refusal import told
from features.store.storage.surroundings import require_own
from features.store.versions import Content
from features.threads import begun

_ID = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(rf"({_ID.pattern})\.parquet")
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_HELD_AT_MOST = 256
"""Files that one storage holds locked, and no more than a quarter of what the process may have open. Beyond it a
staged file is safe all the same: see ``LocalStorage``."""

_READ_AT_ONCE = 1 << 20
"""Bytes of a file up to which to read it takes less time than to map it."""

_MAPPED_AT_ONCE = 16 << 20
"""Bytes of a file that are hashed at a time. All of them mapped would count as memory of the process."""

_COPIED_AT_ONCE = 1 << 20
"""Bytes of a file that are in memory while it is copied."""

_KEEP_UP_SECONDS = 0.005
"""Pause between two syncs of a large file that is being written."""


class LocalStorage(Storage):
    """Write-once files in one folder, which is created, durably, when it is first needed.

    A staged file is held with a lock of the system until it is released, so that a garbage collection sees that
    somebody still works on it. The lock dies with its process. It is a courtesy that saves work, not what safety
    rests on: a collection that misses it condemns the file in the catalog, and the save writes another.

    Where the path leads to another folder by now, as when a link to the store's was changed, that one's files are
    another store's: nothing is added to them, and nothing deleted. To read there does no harm, as ids are random.
    """

    def __init__(self, folder: Path, disk: Disk = SYSTEM) -> None:
        self._folder = folder
        self._disk = disk
        self._held: WeakValueDictionary[str, Handle] = WeakValueDictionary()
        self._place: tuple[int, int] | None = None
        """Device and number of the folder; None for as long as it is not there."""
        with told("open", folder):
            self._require_in_place()

    def stage(self, content: Content, *, large: bool = False) -> StagedFile:
        """See ``Storage.stage``. The name is reserved exclusively first, so that no writer can meet another's file."""
        file = secrets.token_hex(16)
        path = self.path(file)
        with told("write", path):
            self.point("storage.create")
            opened = self._create_or_leave_nothing(file)
            handle = opened.fileno()
            try:
                with suppress(BlockingIOError):  # a collection looks whether it is held: the file is safe without, too
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.point("storage.write")
                if large and callable(content):
                    size, digest = self._write_large(content, path, handle)
                else:
                    size, digest = self._write(content, path, handle)
                if not _is_at(path, handle):
                    raise FileNotFoundError(errno.ENOENT, "another file stands in its place", str(path))
            except BaseException as error:
                _let_go(opened)
                if isinstance(error, FileNotFoundError):
                    raise TakenAwayError(f"{path} was deleted while it was being written") from error
                if isinstance(error, Exception):
                    self.discard(file)
                raise
        return StagedFile(file, size, digest, self._hold(file, opened))

    def release(self, files: Iterable[str]) -> None:
        """See ``Storage.release``."""
        for file in files:
            opened = self._held.pop(file, None)
            if opened is not None:
                _let_go(opened)

    def in_use(self, file: str) -> bool:
        """See ``Storage.in_use``."""
        path = self.path(file)
        with told("read", path):
            self.point("storage.read")
            try:
                with _opened(path) as handle:
                    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # others may be asking just now
            except BlockingIOError:
                return True
            except FileNotFoundError:
                return False
        return False

    def adopt(self, file: str, source: Path) -> tuple[int, bytes]:
        """See ``Storage.adopt``."""
        path = self.path(file)
        with told("read", source):
            try:  # which is then read, whatever becomes of its name
                origin = os.open(source, os.O_RDONLY | os.O_NONBLOCK | _NO_FOLLOW)
            except FileNotFoundError as error:
                raise NotFoundError(f"file {source} is gone", kind="file", name=file, nearest=()) from error
        with os.fdopen(origin, "rb", buffering=0) as whole, told(f"copy {source} to", path):
            self.point("storage.create")
            with self._create(path) as opened:
                handle = opened.fileno()
                self.point("storage.write")
                with open(handle, "wb", closefd=False) as copy:  # which asks again where the disk took less
                    shutil.copyfileobj(whole, copy, _COPIED_AT_ONCE)
                self.point("storage.sync_file")
                found = _digest(handle)
                self._disk.sync(handle)
                return found

    def sync_directory(self) -> None:
        """See ``Storage.sync_directory``."""
        with told("write", self._folder):
            self.point("storage.sync_directory")
            self._disk.sync_folder(self._folder)

    def path(self, file: str) -> Path:
        """See ``Storage.path``."""
        return _path(self._folder, file)

    def size(self, file: str) -> int:
        """See ``Storage.size``. A symlink is not followed, and a pipe not opened."""
        path = self.path(file)
        with told("read", path):
            try:
                return _size_of_file(path.lstat())
            except FileNotFoundError as error:
                raise NotFoundError(f"file {path} is gone", kind="file", name=file, nearest=()) from error

    def read(self, file: str, most: int) -> bytes:
        """See ``Storage.read``."""
        with self._read(file) as handle, open(handle, "rb", closefd=False) as content:
            return content.read(most)  # which asks the system again where it gave less

    def digest(self, file: str) -> tuple[int, bytes]:
        """See ``Storage.digest``."""
        with self._read(file) as handle:
            return _digest(handle)

    @contextmanager
    def _read(self, file: str) -> Iterator[int]:
        """A handle for reading what is there now; announced, and told where it is gone."""
        path = self.path(file)
        with told("read", path):
            self.point("storage.read")
            try:
                with _opened(path) as handle:
                    yield handle
            except FileNotFoundError as error:
                raise NotFoundError(f"file {path} is gone", kind="file", name=file, nearest=()) from error

    def delete(self, file: str) -> bool:
        """See ``Storage.delete``."""
        path = self.path(file)
        with told("delete", path):
            self.point("storage.delete")
            self._require_in_place()
            try:
                self._disk.unlink(path)
            except FileNotFoundError:
                return False
        return True

    def quarantine(self, file: str) -> Path | None:
        """See ``Storage.quarantine``: into ``lost+found`` beside the folder of files."""
        path = self.path(file)
        aside = self._folder.parent / "lost+found"
        with told("move", path):
            self._require_in_place()
            require_own(aside)
            make_folder(aside, self._disk)
            self.point("storage.delete")
            try:
                self._disk.rename(path, aside / path.name)
            except FileNotFoundError:
                return None
            self._disk.sync_folder(aside)
            self._disk.sync_folder(self._folder)
        return aside / path.name

    def files(self) -> Iterator[tuple[str, int]]:
        """See ``Storage.files``. Symlinks and foreign names are not ours and are not listed."""
        with told("list", self._folder):
            self._require_in_place()
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

    def _create(self, path: Path) -> Handle:
        self._require_in_place()
        was_there = self._place is not None  # now: another thread may make the folder as soon as this one misses it
        try:
            return self._disk.create(path)
        except FileNotFoundError:
            if was_there or not self._folder.parent.exists():
                raise  # a store that was moved is not begun anew where it was
            make_folder(self._folder, self._disk)
            self._require_in_place()
            return self._disk.create(path)

    def _require_in_place(self) -> None:
        """See that the path leads to the folder that it led to at first, or to none: see the class.

        Raises:
            StorageError: it leads to another.
        """
        try:
            found = os.stat(self._folder)  # noqa: PTH116  # asked for every file, and a path takes as long again
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(found.st_mode):
            return  # in which nothing can be made or deleted
        there = found.st_dev, found.st_ino
        self._place = self._place or there
        if there != self._place:
            raise StorageError(
                f"the folder at {self._folder} was moved or replaced; open the store anew",
                path=str(self._folder),
                errno=None,
            )

    def _create_or_leave_nothing(self, file: str) -> Handle:
        """A new file. A call that failed may still have made the name; as it is random, nobody else's goes with it."""
        try:
            return self._create(self.path(file))
        except FileExistsError:
            raise
        except OSError:
            self.discard(file)
            raise

    def _write(self, content: Content, path: Path, handle: int) -> tuple[int, bytes]:
        if callable(content):
            content(path)
            self.point("storage.sync_file")
            found = _digest(handle)  # a second thread for it would cost what it saves
        else:
            _write_all(handle, content)
            self.point("storage.sync_file")
            found = len(content), digest_of(content)
        self._disk.sync(handle)
        return found

    def _write_large(self, write: Callable[[Path], None], path: Path, handle: int) -> tuple[int, bytes]:
        """Have the disk take what is written so far, again and again; hash the file while the last of it is synced."""
        writing = Lock()  # which nothing that is raised here leaves locked, as it could leave an event unset
        with ThreadPoolExecutor(max_workers=1) as beside:
            with writing:
                kept_up = begun(beside, self._keep_syncing, handle, writing)
                write(path)
                self.point("storage.sync_file")
            synced = begun(beside, self._disk.sync, handle)
            found = _digest(handle)
            kept_up()  # an error of the disk is told once only, to whoever syncs first
            synced()
        return found

    def _keep_syncing(self, handle: int, writing: Lock) -> None:
        while not writing.acquire(timeout=_KEEP_UP_SECONDS):
            self._disk.sync(handle)
        writing.release()

    def _hold(self, file: str, opened: Handle) -> Handle | None:
        open_at_most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        a_quarter = _HELD_AT_MOST if open_at_most == resource.RLIM_INFINITY else open_at_most // 4
        if len(self._held) < min(_HELD_AT_MOST, a_quarter):
            self._held[file] = opened
            _HELD.add(opened)
            return opened
        _let_go(opened)
        return None


def _let_go(opened: Handle) -> None:
    with opened:
        fcntl.flock(opened, fcntl.LOCK_UN)  # a child that was forked meanwhile has the handle, too


_HELD: WeakSet[Handle] = WeakSet()


def _let_go_in_child() -> None:
    """A lock is on the file as it was opened once, and lasts until all who have it open let go of it."""
    for opened in list(_HELD):
        opened.close()


os.register_at_fork(after_in_child=_let_go_in_child)


@lru_cache(maxsize=512)
def _path(folder: Path, file: str) -> Path:
    """Remembered, as a path takes longer to make than to look up, and every file's is asked for again and again."""
    if not isinstance(file, str) or _ID.fullmatch(file) is None:
        raise CorruptFileError(
            f"{file!r:.80} is no id of a file, so the catalog that names it is damaged; restore a backup",
            file=str(file),
            reason="id",
        )
    return folder / f"{file}.parquet"


def _write_all(handle: int, content: bytes | memoryview) -> None:
    rest = memoryview(content)
    while rest:  # the disk may take less than it was given
        rest = rest[os.write(handle, rest) :]


def _digest(handle: int) -> tuple[int, bytes]:
    size = os.fstat(handle).st_size
    if size <= _READ_AT_ONCE and len(whole := os.pread(handle, size, 0)) == size:
        return size, digest_of(whole)
    digest = xxhash.xxh3_128()
    for start in range(0, size, _MAPPED_AT_ONCE):
        length = min(_MAPPED_AT_ONCE, size - start)
        with mmap.mmap(handle, length, access=mmap.ACCESS_READ, offset=start) as content:
            digest.update(content)
    return size, digest.digest()


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A handle for reading. A symlink in place of a file is refused, not followed, and no pipe is waited for."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _NO_FOLLOW)
    except OSError as error:
        raise _no_file() if error.errno == errno.ELOOP else error from None
    try:
        _size_of_file(os.fstat(handle))
        yield handle
    finally:
        os.close(handle)


def _size_of_file(found: os.stat_result) -> int:
    if not stat.S_ISREG(found.st_mode):
        raise _no_file()
    return found.st_size


def _no_file() -> OSError:
    return OSError(errno.EINVAL, "it is not a regular file")


def _is_at(path: Path, handle: int) -> bool:
    """Whether ``path`` still names the file that ``handle`` has open."""
    named, opened = path.stat(follow_symlinks=False), os.fstat(handle)
    return (named.st_ino, named.st_dev) == (opened.st_ino, opened.st_dev)
