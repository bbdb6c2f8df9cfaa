"""The calls by which a storage changes a disk: all that an acknowledged save depends on, in one place.

Bytes are not among them: they are written by the file's path or its handle, and nothing depends on them before
``sync``. What is left are the calls whose order decides what a power cut leaves behind. A test's disk does the same and
takes notes, or fails on purpose: see ``features.testing.crashdisk`` and ``features.testing.faults``.
"""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path


class Handle(FileIO):
    """An open file. Where it was let go of unclosed, as Ctrl-C may come at any moment, it closes without a word."""

    def __del__(self) -> None:
        self.close()


class Disk:
    """The system's calls, each in its durable form. Every method may raise ``OSError``."""

    def create(self, path: Path) -> Handle:
        """A new file, open to read and write; the modes are those that the umask leaves.

        Raises:
            FileExistsError: something has that name; nothing is ever written over or through it.
        """
        return Handle(path, "x+")

    def sync(self, handle: int) -> None:
        """Return once the file's bytes would survive a power cut. Its name is its folder's affair."""
        os.fsync(handle)

    def sync_folder(self, folder: Path) -> None:
        """Return once the names made and removed in the folder so far would survive a power cut."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def make_folder(self, folder: Path) -> None:
        """Create one folder, in one that is there; nothing where another was faster.

        Raises:
            FileExistsError: something that is no folder has that name.
        """
        folder.mkdir(exist_ok=True)

    def rename(self, source: Path, target: Path) -> None:
        """Move a file within one file system."""
        source.rename(target)

    def unlink(self, path: Path) -> None:
        """Remove a file's name.

        Raises:
            FileNotFoundError: it is gone.
        """
        path.unlink()


SYSTEM = Disk()
"""The disk that production uses."""
