"""Every catalog keeps the contract."""

from pathlib import Path

from features.store.catalog.base import Catalog
from features.store.catalog.sql import SqlCatalog
from features.testing.catalog_contract import CatalogContract
from features.testing.memory_catalog import MemoryCatalog


class TestSqlCatalog(CatalogContract):
    def open(self, folder: Path) -> Catalog:
        return SqlCatalog.open(folder / "catalog.sqlite3", timeout=30)


class TestMemoryCatalog(CatalogContract):
    def open(self, folder: Path) -> Catalog:
        return MemoryCatalog()
