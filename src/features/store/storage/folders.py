"""Folders that are still there after a power cut."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from features.store.storage.disk import SYSTEM, Disk
from features.store.storage.refusal import told


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


def clear_folder(folder: Path, made: Iterable[Path]) -> None:
    """Remove what is in ``folder``, and the folders ``made`` for it, as far as the system and others let us."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
    for step in made:
        with suppress(OSError):
            step.rmdir()


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
