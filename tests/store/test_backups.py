"""Backups beside others who want their folder, killed, interrupted, and in want of descriptors."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from features.errors import BusyError, StorageError
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from features.store.storage.base import nothing
from features.store.storage.folders import make_folder, put_in_place


def table(value: float) -> pa.Table:
    return pa.table({"value": [value]})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SimpleFeatureStore[pa.Table]]:
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path / "store", backend="pyarrow")) as store:
        store.save_features("g", {"t": table(1.0)})
        yield store


@pytest.fixture
def target(tmp_path: Path) -> FeatureStoreConfig[pa.Table]:
    return FeatureStoreConfig(tmp_path / "copy", backend="pyarrow", busy_timeout_seconds=0.05)


def test_who_opens_the_copy_before_it_is_whole_waits_and_keeps_what_was_saved(
    store: SimpleFeatureStore[pa.Table], target: FeatureStoreConfig[pa.Table]
) -> None:
    program = """
        import sys
        import pyarrow as pa
        from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore

        print("ready", flush=True)
        with SimpleFeatureStore(FeatureStoreConfig(sys.argv[1], backend="pyarrow")) as store:
            store.save_features("mine", {"t": pa.table({"value": [2.0]})})
    """
    opening: list[subprocess.Popen[str]] = []

    def open_it(_label: str) -> None:
        store._catalog.point = nothing
        with pytest.raises(BusyError, match=r"backing one up to it; try again when that has ended"):
            SimpleFeatureStore(target)
        command = [sys.executable, "-c", textwrap.dedent(program), str(target.folder)]
        environment = {"PYTHONPATH": ":".join(sys.path), "PATH": os.environ["PATH"]}
        opening.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
        assert opening[0].stdout is not None
        opening[0].stdout.readline()

    store._catalog.point = open_it
    store.backup(target.folder)
    with opening[0] as process:
        assert process.wait(60) == 0
    with SimpleFeatureStore(target) as copy:
        assert copy.get_features(None, "g") == {"t": table(1.0)}
        assert copy.get_features(None, "mine") == {"t": table(2.0)}
        report = copy.check(deep=True)
        assert (report.ok, report.orphans) == (True, ())


def test_nobody_opens_a_copy_that_may_yet_be_taken_back(
    store: SimpleFeatureStore[pa.Table], target: FeatureStoreConfig[pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    def then_interrupted(file: Path, place: Path) -> None:
        put_in_place(file, place)
        with pytest.raises(BusyError):
            SimpleFeatureStore(target)
        raise KeyboardInterrupt

    monkeypatch.setattr("features.store.catalog.sql.put_in_place", then_interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.backup(target.folder)
    assert not target.folder.exists()


def test_a_store_that_was_opened_first_is_left_alone(
    store: SimpleFeatureStore[pa.Table], target: FeatureStoreConfig[pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(folder: Path) -> None:
        with SimpleFeatureStore(target) as first:
            first.save_features("mine", {"t": table(2.0)})
        make_folder(folder)

    monkeypatch.setattr("features.store.backups.make_folder", meanwhile)
    with pytest.raises(StorageError, match="is there already; name a new folder"):
        store.backup(target.folder)
    with SimpleFeatureStore(target) as first:
        assert first.get_features(None, "mine") == {"t": table(2.0)}
        assert first.check(deep=True).ok


@pytest.mark.parametrize("whole", [True, False])
def test_a_backup_that_is_interrupted_while_it_tidies_up_leaves_nothing(
    store: SimpleFeatureStore[pa.Table],
    target: FeatureStoreConfig[pa.Table],
    monkeypatch: pytest.MonkeyPatch,
    whole: bool,
) -> None:
    if not whole:  # it tidies up after a failure
        (file,) = (store.config.folder / "files").iterdir()
        file.write_bytes(bytes(file.stat().st_size))

    def interrupted(files: list[Path], folders: list[Path]) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr("features.store.catalog.sql.clear_away", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.backup(target.folder)
    assert not target.folder.exists()


@pytest.mark.parametrize("there", [True, False])
def test_a_backup_in_want_of_descriptors_leaves_nothing(
    store: SimpleFeatureStore[pa.Table], target: FeatureStoreConfig[pa.Table], there: bool
) -> None:
    store.backup(target.folder.with_name("warm"))  # which opens whatever else it needs
    if there:
        target.folder.mkdir()
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    refused, done = 0, False
    while not done:
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + refused, most))
        try:
            store.backup(target.folder)
            done = True
        except StorageError:
            refused += 1
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))
        assert done or (list(target.folder.iterdir()) == [] if there else not target.folder.exists())
    assert refused > 5
    with SimpleFeatureStore(replace(target, busy_timeout_seconds=30)) as copy:
        assert copy.check(deep=True).ok
