"""Opening a store that is there. Only ``build`` makes one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.cli.options import command
from features.errors import NotFoundError, StorageError
from features.store.names import CATALOG

if TYPE_CHECKING:
    from features.store.feature_store import SimpleFeatureStore


def existing_store(folder: Path) -> SimpleFeatureStore[Any]:
    """The store in ``folder``, whose tables come as Arrow's: neither pandas nor polars is needed to look at it.

    Raises:
        NotFoundError: there is none; nothing was created.
        StorageError: ``folder`` is a file.
    """
    refuse_file(folder)
    if not (folder.expanduser() / CATALOG).is_file():
        message = f"there is no store in {folder}; build one with: {command('build', 'MOVIES', store=folder)}"
        raise NotFoundError(message, kind="store", name=str(folder), nearest=())
    from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore

    return SimpleFeatureStore(FeatureStoreConfig(folder, backend="pyarrow", cache_enabled=False))


def refuse_file(folder: Path, *, called: str = "--store") -> None:
    """Raise unless ``folder`` is a folder, or nothing yet.

    Raises:
        StorageError: it is a file.
    """
    if folder.expanduser().exists() and not folder.expanduser().is_dir():
        raise StorageError(f"{folder} is a file; {called} must be a folder", path=str(folder))
