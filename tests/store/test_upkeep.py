"""Checks, collections and backups beside others who use the store, and on disks that refuse."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from features.errors import CorruptFileError, StorageError
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from features.store.storage.base import nothing
from features.store.storage.disk import Disk
from features.store.storage.local import LocalStorage
from features.store.versions import GcReport
from features.testing.memory_catalog import MemoryCatalog

MANY = 40
"""More files than one thread deletes alone."""


def table(value: float) -> pa.Table:
    return pa.table({"value": [value]})


@pytest.fixture
def store(tmp_path: Path):
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path / "store", backend="pyarrow")) as store:
        yield store


def test_a_collection_of_many_files_deletes_all_of_them(store: SimpleFeatureStore) -> None:
    for version in range(2):
        store.save_features("g", {f"t{number}": table(number + version) for number in range(MANY)})
    assert store.gc(keep_last=1).files == MANY
    assert len(list(store._storage.files())) == MANY
    assert store.check().ok
    assert store.check().orphans == ()


def test_a_deadline_that_passes_within_a_check_is_no_problem_of_a_file(store: SimpleFeatureStore) -> None:
    store.save_features("g", {"t": table(1.0)})

    def late(effect: str) -> None:
        if effect == "storage.read":
            raise TimeoutError("the caller's deadline")

    store._storage.point = late
    with pytest.raises(TimeoutError, match="the caller's"):
        store.check(deep=True)


def test_of_two_collections_at_once_each_tells_of_what_it_removed(store: SimpleFeatureStore) -> None:
    for version in range(5):
        store.save_features("g", {"t": table(version)})
    with SimpleFeatureStore(store.config) as other:
        reports: list[GcReport] = []

        def point(effect: str) -> None:
            if effect == "catalog.begin" and not reports:
                reports.append(other.gc(keep_last=1))

        store._catalog.point = point
        reports.append(store.gc(keep_last=1))
    assert [(report.versions, report.files, report.orphans) for report in reports] == [(4, 4, 0), (0, 0, 0)]
    with closing(sqlite3.connect(store.config.folder / "catalog.sqlite3")) as raw:
        assert raw.execute("SELECT count(*) FROM condemned").fetchone() == (0,)


def test_a_disk_that_deletes_none_of_many_files_is_told(tmp_path: Path) -> None:
    class Refusing(Disk):
        def unlink(self, path: Path) -> None:
            raise OSError(errno.EIO, "Input/output error", str(path))

    storage = LocalStorage(tmp_path / "files", Refusing())
    config = FeatureStoreConfig(tmp_path, backend="pyarrow")
    with SimpleFeatureStore.with_drivers(config, MemoryCatalog(), storage) as store:
        for version in range(2):
            store.save_features("g", {f"t{number}": table(number + version) for number in range(MANY)})
        with pytest.raises(StorageError, match="Input/output error"):
            store.gc(keep_last=1)


def test_a_repair_moves_a_file_of_another_size(store: SimpleFeatureStore) -> None:
    Path(store.save_features("g", {"t": table(1.0)})["t"]).write_bytes(b"short")
    report = store.check(repair=True)
    assert [problem.kind for problem in report.problems] == ["size"]
    assert len(report.quarantined) == 1


def test_a_file_that_is_named_nearly_as_ours_is_not_taken_for_it(store: SimpleFeatureStore) -> None:
    file = Path(store.save_features("g", {"t": table(1.0)})["t"])
    for name in (f"{file.name}~", f"{file.name}.bak", f"_{file.name}"):
        file.with_name(name).write_bytes(b"somebody's")
    report = store.check(repair=True)
    assert report.ok
    assert report.quarantined == ()
    assert store.get_features(["t"], "g") == {"t": table(1.0)}


def test_what_is_saved_during_a_check_is_not_missing(
    store: SimpleFeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save_features("g", {"a": table(1.0)})
    files, saved = store._catalog.files, []
    with SimpleFeatureStore(store.config) as other:

        def once_more() -> object:
            if not saved:
                saved.append(other.save_features("g", {"b": table(2.0)}))
            return files()

        monkeypatch.setattr(store._catalog, "files", once_more)
        assert store.check().ok


def test_what_is_collected_during_a_check_is_not_missing(
    store: SimpleFeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        store.save_features("g", {"a": table(number)})
    files, collected = store._catalog.files, []
    with SimpleFeatureStore(store.config) as other:

        def then_less() -> object:
            found = list(files())
            if not collected:
                collected.append(other.gc(keep_last=1))
            return found

        monkeypatch.setattr(store._catalog, "files", then_less)
        assert store.check().ok


def test_a_catalog_whose_files_cannot_be_told_is_not_ok(tmp_path: Path) -> None:
    class Damaged(MemoryCatalog):
        def files(self) -> object:
            raise CorruptFileError("the catalog is damaged", file="catalog", reason="row")

    storage = LocalStorage(tmp_path / "files")
    config = FeatureStoreConfig(tmp_path, backend="pyarrow")
    with SimpleFeatureStore.with_drivers(config, Damaged(), storage) as store:
        report = store.check()
    assert [problem.message for problem in report.problems] == ["the catalog is damaged"]


@pytest.mark.parametrize("becomes", ["missing", "unreadable", "refused"])
def test_a_file_that_changes_between_the_listing_and_the_look_is_a_problem_and_no_error(
    store: SimpleFeatureStore, becomes: str
) -> None:
    file = Path(store.save_features("g", {"t": table(1.0)})["t"])

    def change(_label: str) -> None:
        store._storage.point = nothing
        if becomes == "refused":
            raise OSError(errno.EIO, "Input/output error")
        file.unlink()
        if becomes == "unreadable":
            file.mkdir()

    store._storage.point = change
    assert [problem.kind for problem in store.check(deep=True).problems] == [
        "missing" if becomes == "missing" else "unreadable"
    ]


@pytest.mark.parametrize("moment", ["storage.create", "storage.sync_file"])
def test_a_backup_that_a_collection_overtakes_begins_again_and_keeps_nothing_of_before(
    store: SimpleFeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    store.save_features("g", {"a": table(1.0), "b": table(2.0)})
    overtaken: list[str] = []
    with SimpleFeatureStore(store.config) as other:

        def overtake(label: str) -> None:
            if label == moment and not overtaken:
                overtaken.append(label)
                other.save_features("g", {"a": table(3.0), "b": table(4.0)})
                other.gc(keep_last=1)

        monkeypatch.setattr(LocalStorage, "point", staticmethod(overtake))
        store.backup(tmp_path / "copy")
    assert overtaken == [moment]
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path / "copy", backend="pyarrow")) as copy:
        assert copy.get_features(None, "g") == {"a": table(3.0), "b": table(4.0)}
        report = copy.check(deep=True)
        assert report.ok
        assert report.orphans == ()
