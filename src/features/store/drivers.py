"""The one place where the store's drivers are chosen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.errors import StorageError, UnsafeEnvironmentError
from features.frames import Backend
from features.store.names import CATALOG, ELSEWHERE, UNFINISHED
from features.store.storage.disk import SYSTEM, Disk
from features.store.storage.folders import alone_in, make_folder, settle_folder
from features.store.storage.local import LocalStorage
from features.store.storage.refusal import told
from features.store.storage.surroundings import require_local, require_own
from features.store.ties import is_tied, require_only_catalog, require_only_folder, tie

if TYPE_CHECKING:
    from features.store.catalog.base import Catalog
    from features.store.codec.base import Codec
    from features.store.config import FeatureStoreConfig
    from features.store.storage.base import Storage


def open_catalog(config: FeatureStoreConfig[Any], disk: Disk = SYSTEM) -> Catalog:
    """The catalog that ``config`` asks for: SQLite in the store's folder, or at its ``catalog_url``.

    The folders come first, durably: once there is a catalog, it is known that they survive a power cut. Who begins one,
    or ties one elsewhere to its folder, is alone there: of two, the second finds what the first has made, and a backup
    is waited for.
    """
    path = catalog_path(config)
    with told("open", config.folder):
        require_own(config.folder / CATALOG)
        require_own(files_folder(config))
        for folder in (config.folder, files_folder(config), path.parent):
            require_local(folder)
            if folder.exists() and not folder.is_dir():
                raise StorageError(
                    f"{folder} is a file; base_path must be a folder, or not exist yet", path=str(folder)
                )
        _require_of_each_other(config)
        if _is_settled(config):
            return _opened(config)
        there = path.exists()
    if not there:
        settle_folder(files_folder(config), disk)
        if path.parent != config.folder:
            settle_folder(path.parent, disk)
    # With the catalog elsewhere, a folder that is gone is not made anew: that is refused below.
    folders = [folder for folder in (config.folder, path.parent) if folder.exists()]
    with alone_in(folders, config.busy_timeout_seconds), told("open", config.folder):
        _require_of_each_other(config)  # again: another may have been there first
        _require_finished(config)
        catalog = _opened(config)
        try:
            if config.catalog_file is not None:
                if not (config.folder / ELSEWHERE).exists():
                    _require_its_files(config, catalog)
                tie(config.folder, path, disk)
        except BaseException:
            catalog.close()
            raise
        return catalog


def _require_of_each_other(config: FeatureStoreConfig[Any]) -> None:
    require_only_catalog(config.folder, catalog_path(config))
    require_only_folder(config.folder, catalog_path(config))


def _is_settled(config: FeatureStoreConfig[Any]) -> bool:
    """Whether whoever opens the folder with another catalog would be refused, and nobody is about to take it back."""
    if config.catalog_file is not None:
        return is_tied(config.folder, config.catalog_file)
    return (config.folder / CATALOG).exists() and not (config.folder / UNFINISHED).exists()


def _opened(config: FeatureStoreConfig[Any]) -> Catalog:
    from features.store.catalog.sql import SqlCatalog

    # A store has a catalog before it has its first file. To a new one they would all be left over, and go.
    begin = not any(True for _ in LocalStorage(files_folder(config)).files())
    return SqlCatalog.open(catalog_path(config), timeout=config.busy_timeout_seconds, begin=begin)


def _require_finished(config: FeatureStoreConfig[Any]) -> None:
    """See that the folder is not what a backup left that was killed: a new store there would pass for its copy.

    Raises:
        UnsafeEnvironmentError: it is.
    """
    unfinished = config.folder / UNFINISHED
    if unfinished.exists() and not (config.folder / CATALOG).exists():
        raise UnsafeEnvironmentError(
            f"there is no catalog in {config.folder}, only what a backup left that never ended ({unfinished}); "
            "remove the folder and back up again, or choose another base_path"
        )


def _require_its_files(config: FeatureStoreConfig[Any], catalog: Catalog) -> None:
    """See that a catalog that no folder is tied to is not of another one: of its files some would be here.

    Raises:
        UnsafeEnvironmentError: it refers to files, and none is.
    """
    referred = {file.id for file in catalog.files()}
    if referred and referred.isdisjoint(file for file, _ in LocalStorage(files_folder(config)).files()):
        raise UnsafeEnvironmentError(
            f"the catalog {catalog_path(config)} is of a store in another folder: none of its files is in "
            f"{config.folder}; name the folder that they are in as base_path, or choose another catalog_url"
        )


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
