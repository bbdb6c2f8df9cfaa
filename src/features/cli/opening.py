"""Opening a store that is there. Only ``build`` makes one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from features.cli.options import command
from features.errors import NotFoundError, StorageError
from features.store.names import CATALOG, ELSEWHERE

if TYPE_CHECKING:
    from features.store.config import FeatureStoreConfig
    from features.store.feature_store import SimpleFeatureStore


LARGE = 16 << 20
"""Bytes of a file from which on no more of it is loaded than is needed at a time. For smaller ones, to import what can
do so (a third of a second) would take longer."""


def existing_store(folder: Path) -> SimpleFeatureStore[Any]:
    """The store in ``folder``, whose tables come as Arrow's: neither pandas nor polars is needed to look at it.

    Raises:
        NotFoundError: there is none, or its catalog elsewhere is gone; nothing was created.
        UnsafeEnvironmentError: of a store there are only the files.
        StorageError: ``folder`` is a file.
    """
    refuse_file(folder)
    config = config_of(folder, backend="pyarrow")
    if not (config.catalog_file or config.folder / CATALOG).is_file() and not _has_files(config):
        message = f"there is no store in {folder}; build one with: {command('build', 'MOVIES', store=folder)}"
        raise NotFoundError(message, kind="store", name=str(folder), nearest=())
    from features.store.feature_store import SimpleFeatureStore

    return SimpleFeatureStore(config)


def _has_files(config: FeatureStoreConfig[Any]) -> bool:
    """Whether tables are left: the store that lost its catalog is told by itself, as it is in Python."""
    from features.store.drivers import files_folder
    from features.store.storage.local import LocalStorage

    return any(True for _ in LocalStorage(files_folder(config)).files())


def config_of(folder: Path, **settings: Any) -> FeatureStoreConfig[Any]:
    """The settings for the store in ``folder``, which may have its catalog elsewhere.

    Raises:
        NotFoundError: it has, and the catalog is gone.
    """
    from features.store.config import FeatureStoreConfig

    link = folder.expanduser() / ELSEWHERE
    place = str(link.readlink()) if link.is_symlink() else None
    if place is not None and not link.exists():
        message = f"the catalog of the store in {folder} is gone: it was {place}; put it back, or restore a backup"
        raise NotFoundError(message, kind="catalog", name=place, nearest=())
    url = None if place is None else f"sqlite:///{quote(place)}"
    return FeatureStoreConfig(folder, catalog_url=url, cache_enabled=False, **settings)


def refuse_file(folder: Path, *, called: str = "--store") -> None:
    """Raise unless ``folder`` is a folder, or nothing yet.

    Raises:
        StorageError: it is a file.
    """
    if folder.expanduser().exists() and not folder.expanduser().is_dir():
        raise StorageError(f"{folder} is a file; {called} must be a folder", path=str(folder))
