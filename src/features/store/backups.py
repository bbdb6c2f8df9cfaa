"""A copy of a store in a folder of its own: what it takes in that folder, and how it is taken back where it fails."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.errors import StorageError
from features.store.catalog.base import Catalog
from features.store.drivers import catalog_path, files_folder
from features.store.names import UNFINISHED
from features.store.storage.base import Storage
from features.store.storage.folders import (
    alone_in,
    claim_folder,
    clear_away,
    make_folder,
    missing_folders,
    there_already,
)
from features.store.storage.local import LocalStorage
from features.store.storage.refusal import told
from features.store.upkeep import copy
from features.store.waiting import Waiting

if TYPE_CHECKING:
    from features.store.config import FeatureStoreConfig


def back_up(
    catalog: Catalog, storage: Storage, source: Path, target: FeatureStoreConfig[Any], waiting: Waiting
) -> None:
    """Copy the store in the folder ``source`` to where ``target`` says.

    Whoever opens a store there meanwhile waits. A process that dies leaves the folder ``UNFINISHED``, which comes
    first and goes last: for as long as it is there without a catalog, the folder is refused as a store.

    Raises:
        StorageError: the folder is not empty, or inside the store, or the disk refused.
        CorruptFileError, BusyError: see ``copy``; or somebody else works on the folder.
    """
    place = target.folder
    with told("open", place):
        _require_new(place)
        if Path(os.path.realpath(place)).is_relative_to(os.path.realpath(source)):
            reason = f"is inside the store that it would copy; name a folder outside {source}"
            raise StorageError(f"{place} {reason}", path=str(place))
        missing = missing_folders(place)
    try:
        make_folder(place)
        with alone_in([place], target.busy_timeout_seconds, waiting):
            with told("open", place):
                _require_new(place)  # again: another may have been there first
            _copy_alone(catalog, storage, target, waiting)
    except BaseException:
        clear_away((), missing)
        raise


def _require_new(place: Path) -> None:
    if place.is_file() or (place.is_dir() and any(place.iterdir())):
        raise there_already(place)


def _copy_alone(catalog: Catalog, storage: Storage, target: FeatureStoreConfig[Any], waiting: Waiting) -> None:
    unfinished, files = target.folder / UNFINISHED, files_folder(target)
    copied = _Noting(files)
    claim_folder(unfinished)
    try:
        make_folder(files)
        copy(catalog, storage, catalog_path(target), copied, waiting)
    except BaseException:
        if unfinished.exists():  # else it is a store already, and somebody may have saved in it
            clear_away(map(copied.path, copied.adopted), [files])
            shutil.rmtree(unfinished, ignore_errors=True)
            clear_away((), [unfinished])  # which is empty where the want of a descriptor is what has failed
        raise


class _Noting(LocalStorage):
    """Remembers what is copied into it, so that just that can be taken back."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.adopted: list[str] = []

    def adopt(self, file: str, source: Path) -> tuple[int, bytes]:
        """See ``Storage.adopt``."""
        self.adopted.append(file)
        return super().adopt(file, source)
