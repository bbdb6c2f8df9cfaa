"""A small store with a past, every operation that changes one, and all that a caller can get from it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from features.store.catalog.base import Catalog
from features.store.drivers import catalog_path, open_catalog, open_storage
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from features.store.storage.base import Storage
from features.store.storage.disk import SYSTEM, Disk
from features.store.storage.folders import make_folder
from features.store.upkeep import copy
from features.testing.crashdisk import CrashDisk, Remains

MEMORY = Path("/dev/shm")  # a folder of each test's own is made in it
STRAY = "0" * 31 + "1"
"""A file that no version refers to."""


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder, in memory where the system has such."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as made:
        yield Path(made)


def table(*values: float) -> pa.Table:
    return pa.table({"id": pa.array(range(len(values)), pa.int64()), "value": pa.array(values, pa.float64())})


def settings(folder: Path, busy_timeout: float = 30) -> FeatureStoreConfig[pa.Table]:
    return FeatureStoreConfig(folder, backend="pyarrow", busy_timeout_seconds=busy_timeout)


@dataclass
class Workplace:
    """A store below ``root``, and the disk that it is on."""

    root: Path
    disk: Disk = SYSTEM
    prepare: Callable[[Catalog, Storage], None] = lambda _catalog, _storage: None
    """Called with the drivers of a store before anything is done with it."""
    busy_timeout: float = 30
    """In seconds."""

    @property
    def config(self) -> FeatureStoreConfig[pa.Table]:
        return settings(self.root / "store", self.busy_timeout)

    @contextmanager
    def opened(self) -> Iterator[SimpleFeatureStore[pa.Table]]:
        catalog = open_catalog(self.config, self.disk)
        storage = open_storage(self.config, self.disk)
        self.prepare(catalog, storage)
        store = SimpleFeatureStore.with_drivers(self.config, catalog, storage)
        try:
            yield store
        finally:
            storage.release([file for file, _ in storage.files()])
            store.close()

    def back_up(self, store: SimpleFeatureStore[pa.Table]) -> None:
        """What ``store.backup`` does, on this disk."""
        target = settings(self.root / "copy")
        make_folder(target.folder, self.disk)
        copy(store._catalog, store._storage, catalog_path(target), open_storage(target, self.disk))


Run = Callable[[Workplace, SimpleFeatureStore[pa.Table]], Any]
OPERATIONS: dict[str, Run] = {
    "open": lambda place, store: store.list_feature_groups(),
    "save into a new group": lambda place, store: store.save_features("new", {"t": table(1.0)}),
    "save into a group": lambda place, store: store.save_features("movies", {"a": table(4.0)}),
    "save three tables": lambda place, store: store.save_features(
        "movies", {"a": table(5.0), "b": table(5.0), "c": table(5.0)}, artifacts={"k": 5}, message="five"
    ),
    "delete a table": lambda place, store: store.delete_feature("a", "movies"),
    "rollback": lambda place, store: store.rollback("movies", 1),
    "gc": lambda place, store: store.gc(keep_last=1),
    "repair": lambda place, store: store.check(deep=True, repair=True),
    "backup": lambda place, store: place.back_up(store),
}


def fill(store: SimpleFeatureStore[pa.Table]) -> None:
    """Two versions of one group, one of another, and a file that a save which died has left."""
    store.save_features("movies", {"a": table(1.0), "b": table(1.0)}, artifacts={"k": 1}, message="one")
    store.save_features("movies", {"a": table(2.0, 2.0)}, artifacts={"k": 2})
    store.save_features("people", {"a": table(0.5)})
    (store.config.folder / "files" / f"{STRAY}.parquet").write_bytes(b"left by a save that died")


@cache
def filled() -> Remains:
    """A disk with the small store on it, all of it synced."""
    with folder() as root:
        with Workplace(root).opened() as store:
            fill(store)
        with closing(CrashDisk(root, [root / "store" / "catalog.sqlite3"])) as disk:
            return disk.cut(lambda _many: 0)


def contents(store: SimpleFeatureStore[pa.Table]) -> dict[str, Any]:
    """Everything that a caller can load, by group and version, as plain values."""
    return {
        group: {
            line.version: (
                line.message,
                line.tables,
                store.get_artifacts(group, version=line.version),
                {name: got.to_pydict() for name, got in store.get_features(None, group, version=line.version).items()},
            )
            for line in store.versions(group)
        }
        for group in store.list_feature_groups()
    }
