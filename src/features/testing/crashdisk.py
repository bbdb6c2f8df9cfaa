"""A disk that knows what a power cut may leave of it.

A program that survives a crash in a test has usually survived the wrong one. Killing a process loses nothing that it
gave to the system; pulling the plug loses whatever the system had not yet given to the disk, and the system gives in
an order of its own. POSIX promises little: ``fsync`` of a file makes its bytes durable, but not its name; ``fsync``
of a folder makes the names in it durable, but neither their bytes nor the folder's own name in its parent. All else
may have happened or not, in any combination: a file may have a name and no bytes, or zeros, or the first half; a
deleted file may be back; a new folder may be gone with everything in it.

``CrashDisk`` is that promise and nothing more. It carries the calls out in a real folder, where pyarrow, polars and
SQLite work as always, and of every sync it remembers what that made durable. Since what a cut leaves depends only on
what was done and synced before it, nothing has to die: at any moment ``cut`` tells one of the disks that pulling the
plug right then could leave, and the program goes on to its next effect and the next cut. One run of an operation so
visits every place at which it can be cut off, and ``every_cut`` all that a place may leave; ``build`` makes a folder
of it, to be opened.

Real file systems promise more (ext4 makes a new file's name durable with its bytes, and orders much by its journal),
so a store that survives here leans on none of that. A rename is taken to be atomic, as every file system in use has it.
So is the catalog, once its folder is durable: ``tests/integrity/powerloss.py`` asks a real one whether that holds.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from features.store.storage.base import Point, nothing
from features.store.storage.disk import Disk, Handle

Choose: TypeAlias = Callable[[int], int]
"""Picks one of so many possibilities: a number from 0; 0 is what was last synced."""

Remains: TypeAlias = frozenset[tuple[Path, bytes | None]]
"""What stands on a disk: each path below its root with the file's bytes, or None for a folder."""


@dataclass(slots=True)
class _File:
    """What a name stands for. It is held open, so its bytes outlive its name and its inode is not given away."""

    handle: int
    synced: bytes | None = None
    """The bytes as last synced; None before the first sync."""

    def now(self) -> bytes:
        return os.pread(self.handle, os.fstat(self.handle).st_size, 0)

    def after_a_cut(self) -> list[bytes | None]:
        """What the file's bytes may be afterwards, the synced ones first."""
        now = self.now()
        if now == self.synced:
            return [now]
        torn = [now[:size] for size in sorted({0, 1, len(now) // 2, len(now) - 1}) if 0 <= size < len(now)]
        return [*([] if self.synced is None else [self.synced]), *torn, bytes(len(now)), now]


_FOLDER = "folder"
_Node: TypeAlias = "_File | str | None"


@dataclass(slots=True)
class _Unsynced:
    """A name that was made (``becomes`` a file or a folder) or removed (None), and may yet turn out not to be."""

    name: Path
    becomes: _Node
    only_with: Path | None = None
    """The new name, where this is the old one's removal in a rename."""


class CrashDisk(Disk):
    """A disk on which everything below ``root`` can be cut off from power.

    Args:
        root: a folder; what it holds at first counts as synced.
        catalogs: the SQLite databases of stores below ``root``, there or not yet.
        point: announced to before each effect, with the effect's name; the place to ``cut``.
    """

    def __init__(self, root: Path, catalogs: Sequence[Path], point: Point = nothing) -> None:
        self.root = root
        self.catalogs = [_Catalog(path) for path in catalogs]
        self.point = point
        self._lock = threading.RLock()
        self._inodes: dict[int, _File] = {}
        self._synced: dict[Path, _Node] = {}
        self._unsynced: list[_Unsynced] = []
        for path in root.rglob("*"):
            if path.is_dir():
                self._synced[path] = _FOLDER
            elif not any(path.name.startswith(catalog.name) for catalog in catalogs):
                self._synced[path] = file = self._remember(os.open(path, os.O_RDONLY))
                file.synced = file.now()

    def create(self, path: Path) -> Handle:
        """See ``Disk.create``."""
        with self._effect("create"):
            opened = super().create(path)
            self._unsynced.append(_Unsynced(path, self._remember(os.dup(opened.fileno()))))
            return opened

    def sync(self, handle: int) -> None:
        """See ``Disk.sync``."""
        with self._effect("sync"):
            file = self._inodes[os.fstat(handle).st_ino]
            file.synced = file.now()

    def sync_folder(self, folder: Path) -> None:
        """See ``Disk.sync_folder``."""
        with self._effect("sync_folder"):
            for change in self._unsynced:
                if change.name.parent == folder:
                    self._synced[change.name] = change.becomes
            self._unsynced = [change for change in self._unsynced if change.name.parent != folder]

    def make_folder(self, folder: Path) -> None:
        """See ``Disk.make_folder``."""
        with self._effect("make_folder"):
            new = not folder.exists()
            super().make_folder(folder)
            if new:
                self._unsynced.append(_Unsynced(folder, _FOLDER))

    def rename(self, source: Path, target: Path) -> None:
        """See ``Disk.rename``."""
        with self._effect("rename"):
            file = self._inodes.get(source.stat().st_ino)
            super().rename(source, target)
            self._unsynced.append(_Unsynced(target, file))
            self._unsynced.append(_Unsynced(source, None, only_with=target))

    def unlink(self, path: Path) -> None:
        """See ``Disk.unlink``."""
        with self._effect("unlink"):
            super().unlink(path)
            self._unsynced.append(_Unsynced(path, None))

    def cut(self, choose: Choose) -> Remains:
        """One of the disks that a power cut right now could leave."""
        with self._lock:
            names = self._names(choose)
            left: dict[Path, bytes | None] = {}
            for path in sorted(name for name, node in names.items() if node is not None):
                if path.parent == self.root or path.parent in left:  # else it went with its folder
                    node = names[path]
                    bytes_left = node.after_a_cut() if isinstance(node, _File) else [None]
                    left[path] = bytes_left[choose(len(bytes_left))]
            for catalog in self.catalogs:
                path = catalog.path
                if path.exists() and (path.parent == self.root or path.parent in left):
                    left[path] = catalog.committed()
        return frozenset((path.relative_to(self.root), content) for path, content in left.items())

    def close(self) -> None:
        """Let go of the files and the catalogs."""
        for catalog in self.catalogs:
            catalog.close()
        for file in self._inodes.values():
            os.close(file.handle)
        self._inodes.clear()

    def _names(self, choose: Choose) -> dict[Path, _Node]:
        """The names that a cut leaves: of each one's unsynced changes the first few, be it none or all."""
        names = dict(self._synced)
        changes: dict[Path, list[_Unsynced]] = {}
        for change in self._unsynced:  # a rename's new name stands before the old one's removal
            changes.setdefault(change.name, []).append(change)
        for path, unsynced in changes.items():
            done = unsynced[: choose(len(unsynced) + 1)]
            if done and (done[-1].only_with is None or names.get(done[-1].only_with) is not None):
                names[path] = done[-1].becomes
        return names

    def _remember(self, handle: int) -> _File:
        return self._inodes.setdefault(os.fstat(handle).st_ino, _File(handle))

    def _effect(self, name: str) -> threading.RLock:
        """Announce an effect; the lock to have it under, so that no cut finds it half noted down."""
        self.point(f"disk.{name}")
        return self._lock


def every_cut(cut: Callable[[Choose], Remains]) -> list[Remains]:
    """All that ``cut`` can tell: it is called with one sequence of choices after the other until it has had them all.

    It must ask the same way whenever it was answered the same way.
    """
    found: dict[Remains, None] = {}
    answers: list[int] = []
    while True:
        asked: list[tuple[int, int]] = []
        found[cut(partial(_answer, answers, asked))] = None
        while asked and asked[-1][0] + 1 == asked[-1][1]:
            asked.pop()
        if not asked:
            return list(found)
        answers = [answer for answer, _ in asked[:-1]] + [asked[-1][0] + 1]


def build(remains: Remains, folder: Path) -> None:
    """Make ``folder``, which is not there yet, and in it what remains."""
    folder.mkdir()
    for path, content in sorted(remains, key=lambda entry: entry[0]):
        place = folder / path
        if content is None:
            place.mkdir()
        else:
            place.write_bytes(content)


def _answer(answers: list[int], asked: list[tuple[int, int]], possibilities: int) -> int:
    """The next of the answers, 0 once they have run out; ``asked`` notes it with the possibilities it had."""
    asked.append((answers[len(asked)] if len(asked) < len(answers) else 0, possibilities))
    return asked[-1][0]


class _Catalog:
    """A database as of its last commit. It is read through SQLite: a plain ``open`` would drop its locks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._seen: tuple[int, bytes] = (-1, b"")

    def committed(self) -> bytes:
        """Its bytes; read anew only where somebody has committed since."""
        if self.path.stat().st_size == 0:
            return b""
        if self._connection is None:
            self._connection = sqlite3.connect(self.path, timeout=30, check_same_thread=False)
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self._seen[0]:
            self._seen = (version, self._connection.serialize())
        return self._seen[1]

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
