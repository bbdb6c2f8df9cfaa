"""The one place where the store's drivers are chosen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.errors import StorageError
from features.frames import Backend
from features.store.names import CATALOG
from features.store.storage.disk import SYSTEM, Disk
from features.store.storage.folders import make_folder, settle_folder
from features.store.storage.local import LocalStorage
from features.store.storage.refusal import told
from features.store.storage.surroundings import require_local, require_own

if TYPE_CHECKING:
    from features.store.catalog.base import Catalog
    from features.store.codec.base import Codec
    from features.store.config import FeatureStoreConfig
    from features.store.storage.base import Storage


def open_catalog(config: FeatureStoreConfig[Any], disk: Disk = SYSTEM) -> Catalog:
    """The catalog that ``config`` asks for: SQLite in the store's folder, or at its ``catalog_url``.

    The folders come first, durably: once there is a catalog, it is known that they survive a power cut.
    """
    from features.store.catalog.sql import SqlCatalog

    path = catalog_path(config)
    with told("open", config.folder):
        require_own(config.folder / CATALOG)
        require_own(files_folder(config))
        for folder in (config.folder, path.parent):
            require_local(folder)
            if folder.exists() and not folder.is_dir():
                raise StorageError(
                    f"{folder} is a file; base_path must be a folder, or not exist yet", path=str(folder)
                )
        there = path.exists()
    if not there:
        settle_folder(files_folder(config), disk)
        if path.parent != config.folder:
            settle_folder(path.parent, disk)
    # A store has a catalog before it has its first file. To a new one they would all be left over, and go.
    begin = not any(True for _ in LocalStorage(files_folder(config)).files())
    return SqlCatalog.open(path, timeout=config.busy_timeout_seconds, begin=begin)


def catalog_path(config: FeatureStoreConfig[Any]) -> Path:
    """Where the SQLite catalog is: in the store's folder, or where ``catalog_url`` says."""
    return config.catalog_file or config.folder / CATALOG


def files_folder(config: FeatureStoreConfig[Any]) -> Path:
    """Where the files of tables are."""
    return config.folder / "files"


def open_storage(config: FeatureStoreConfig[Any], disk: Disk = SYSTEM) -> Storage:
    """The storage that ``config`` asks for: a folder of local files, made here rather than in somebody's first save."""
    folder = files_folder(config)
    make_folder(folder, disk)
    return LocalStorage(folder, disk)


def codec_for(backend: Backend) -> Codec[Any]:
    """The codec of a dataframe library, importing that library and no other."""
    if backend == "pandas":
        from features.store.codec.pandas_codec import PandasCodec

        return PandasCodec()
    if backend == "polars":
        from features.store.codec.polars_codec import PolarsCodec

        return PolarsCodec()
    from features.store.codec.pyarrow_codec import PyarrowCodec

    return PyarrowCodec()
