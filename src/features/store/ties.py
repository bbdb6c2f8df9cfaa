"""Which folder and which catalog belong together, where the catalog is elsewhere.

Each leads to the other: ``catalog.link`` in the folder to the catalog, and beside the catalog a link with its name and
``.store`` to the folder's. Who opens either with something else is refused, as long as these links hold. Where one
leads nowhere, or the folder's to another catalog, something was moved: they count for nothing, and are put right.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from features.errors import UnsafeEnvironmentError
from features.store.names import CATALOG, ELSEWHERE, STORE
from features.store.storage.disk import Disk


def require_only_catalog(folder: Path, catalog: Path) -> None:
    """See that the folder's files are not those of another catalog: to this one they would be left over, and go.

    Raises:
        UnsafeEnvironmentError: another one is there.
    """
    for other in (folder / CATALOG, folder / ELSEWHERE):
        if other.exists() and not (catalog.exists() and other.samefile(catalog)):
            raise UnsafeEnvironmentError(
                f"the files in {folder} are those of the catalog {other.resolve()}, not of {catalog}; "
                f"name that one, choose another base_path, or move {other} away if it is no longer used"
            )


def require_only_folder(folder: Path, catalog: Path) -> None:
    """See that the catalog is not that of another folder: each would lack the files that were saved in the other.

    Raises:
        UnsafeEnvironmentError: it is.
    """
    other = _tied_to(catalog)
    if other is not None and not _same(other, folder):
        raise UnsafeEnvironmentError(
            f"the catalog {catalog} is of the store in {other}, not in {folder}; name that one as base_path, "
            f"choose another catalog_url, or move {other / ELSEWHERE} away if it is no longer used"
        )


def is_tied(folder: Path, catalog: Path) -> bool:
    """Whether both lead to each other."""
    other = _tied_to(catalog)
    return other is not None and _same(other, folder)


def tie(folder: Path, catalog: Path, disk: Disk) -> None:
    """Link the two to each other, for whoever opens either with something else."""
    if not (folder / ELSEWHERE).exists():
        _link(folder / ELSEWHERE, catalog, disk)
    if not is_tied(folder, catalog):
        _link(_beside(catalog), Path(os.path.realpath(folder)) / ELSEWHERE, disk)


def _tied_to(catalog: Path) -> Path | None:
    """The folder that leads to the catalog and that the catalog leads to."""
    back = _beside(catalog)
    if back.is_symlink() and back.exists() and catalog.exists() and back.samefile(catalog):
        return back.readlink().parent
    return None


def _beside(catalog: Path) -> Path:
    return catalog.with_name(catalog.name + STORE)


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _link(link: Path, to: Path, disk: Disk) -> None:
    try:
        if link.is_symlink():  # it led to where something was before
            link.unlink()
        link.symlink_to(to)
        disk.sync_folder(link.parent)
    except FileExistsError:
        return  # another process was faster, or it is somebody's file
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        # who may not write to the folder can do what is in it no harm
