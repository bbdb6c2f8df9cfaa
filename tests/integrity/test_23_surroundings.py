"""Guarantee 23: surroundings in which promises could not be kept are refused, and all others change nothing.

What SQLite is asked for on which of its releases is in ``test_02_catalog_settings.py``.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from features.errors import BusyError, FeatureStoreError, StorageError, UnsafeEnvironmentError
from features.store import drivers
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from features.store.storage import surroundings
from features.store.storage.disk import SYSTEM, Disk
from features.store.storage.folders import settle_folder
from tests.integrity.another_process import ends_well
from tests.integrity.small_stores import contents, settings, table

REMOTE = ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "lustre", "fuse.sshfs", "fuse.glusterfs", "fuse.rclone"]
LOCAL = ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "apfs", "ntfs3", "fuseblk", "fuse.lxcfs"]


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces the system's table of mounts."""

    def are(*points: tuple[Path | str, str]) -> None:
        lines = [f"thing {str(point).replace(' ', chr(92) + '040')} {kind} rw 0 0\n" for point, kind in points]
        (tmp_path / "mounts").write_text("".join(lines))
        monkeypatch.setattr(surroundings, "MOUNTS", tmp_path / "mounts")

    return are


@pytest.mark.parametrize("kind", REMOTE)
def test_a_network_disk_is_refused_before_anything_is_written(tmp_path: Path, mounts, kind: str) -> None:
    place = tmp_path / "far away"
    place.mkdir()
    mounts(("/", "ext4"), (place, kind))
    with pytest.raises(UnsafeEnvironmentError, match="network file system") as caught:
        SimpleFeatureStore(settings(place / "store"))
    assert f"({kind}, mounted at {place})" in str(caught.value)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("kind", LOCAL)
def test_a_local_disk_is_not(tmp_path: Path, mounts, kind: str) -> None:
    mounts(("/", "nfs"), (tmp_path, kind), (tmp_path / "store" / "below", "nfs"), (f"{tmp_path}-2", "nfs"))
    SimpleFeatureStore(settings(tmp_path / "store")).close()


def test_the_mount_that_counts_is_the_last_and_nearest_behind_all_links(tmp_path: Path, mounts) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    mounts((tmp_path / "real", "ext4"), (tmp_path / "real", "nfs4"))
    with pytest.raises(UnsafeEnvironmentError):
        SimpleFeatureStore(settings(tmp_path / "link" / "store"))
    mounts((tmp_path / "real", "nfs4"), (tmp_path / "real", "ext4"))
    SimpleFeatureStore(settings(tmp_path / "link" / "store")).close()


def test_where_mounts_are_not_told_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "MOUNTS", tmp_path / "not there")
    SimpleFeatureStore(settings(tmp_path / "store")).close()


def test_a_catalog_elsewhere_may_not_be_on_a_network_disk_either(tmp_path: Path, mounts) -> None:
    (tmp_path / "far").mkdir()
    mounts((tmp_path / "far", "cifs"))
    config = FeatureStoreConfig(
        tmp_path / "near", backend="pyarrow", catalog_url=f"sqlite:///{tmp_path / 'far' / 'catalog.sqlite3'}"
    )
    with pytest.raises(UnsafeEnvironmentError, match="cifs"):
        SimpleFeatureStore(config)
    assert not (tmp_path / "near").exists()


@pytest.mark.parametrize("elsewhere", [True, False])
def test_the_files_may_not_be_on_a_network_disk_of_their_own(tmp_path: Path, mounts, elsewhere: bool) -> None:
    (tmp_path / "store" / "files").mkdir(parents=True)
    mounts((tmp_path / "store" / "files", "nfs4"))
    url = f"sqlite:///{tmp_path / 'catalog.sqlite3'}" if elsewhere else None
    with pytest.raises(UnsafeEnvironmentError, match=r"store/files is on a network file system \(nfs4"):
        SimpleFeatureStore(replace(settings(tmp_path / "store"), catalog_url=url))
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["files"]


def test_a_deadline_that_passes_while_the_mounts_are_read_is_the_callers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(*_: object) -> None:
        raise TimeoutError("mine")

    os.mkfifo(tmp_path / "mounts")  # nobody writes to it: to open it waits until the alarm
    monkeypatch.setattr(surroundings, "MOUNTS", tmp_path / "mounts")
    before = signal.signal(signal.SIGALRM, too_late)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(TimeoutError, match="mine"):
            surroundings.require_local(tmp_path)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_files_are_those_of_one_catalog(tmp_path: Path) -> None:
    """To another one they would be left over, and a collection would delete them."""
    here = settings(tmp_path / "store")
    there = replace(here, catalog_url=f"sqlite:///{tmp_path / 'there' / 'catalog.sqlite3'}")
    with SimpleFeatureStore(here) as store:
        store.save_features("g", {"t": table(1.0)})
    with SimpleFeatureStore(replace(there, base_path=tmp_path / "another")) as other:
        other.save_features("g", {"t": table(2.0)})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UnsafeEnvironmentError, match=r"store/catalog\.sqlite3, not of .*there.*; name that one"):
        SimpleFeatureStore(there)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("url", [None, "yet another"])
def test_files_of_a_catalog_elsewhere_are_nobody_elses_from_the_first_moment(tmp_path: Path, url: str | None) -> None:
    here = settings(tmp_path / "store")
    there = replace(here, catalog_url=f"sqlite:///{tmp_path / 'there' / 'catalog.sqlite3'}")
    other = replace(here, catalog_url=url and f"sqlite:///{tmp_path / url}")
    with SimpleFeatureStore(there) as store:
        with pytest.raises(UnsafeEnvironmentError, match=r"there/catalog\.sqlite3, not of"):
            SimpleFeatureStore(other)
        store.save_features("g", {"t": table(1.0)})
    shutil.copytree(tmp_path / "there", tmp_path / "copied")
    copied = replace(here, catalog_url=f"sqlite:///{tmp_path / 'copied' / 'catalog.sqlite3'}")
    with pytest.raises(UnsafeEnvironmentError, match=r"or move .*store/catalog\.link away if it is no longer used"):
        SimpleFeatureStore(copied)
    (tmp_path / "there").rename(tmp_path / "moved")
    moved = replace(here, catalog_url=f"sqlite:///{tmp_path / 'moved' / 'catalog.sqlite3'}")
    with SimpleFeatureStore(moved) as store:
        assert store.get_features(None, "g") == {"t": table(1.0)}
    with pytest.raises(UnsafeEnvironmentError, match=r"moved/catalog\.sqlite3, not of"):
        SimpleFeatureStore(copied)


def test_of_two_catalogs_for_one_folder_at_the_same_time_only_one_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = settings(tmp_path / "store")
    there = replace(here, catalog_url=f"sqlite:///{tmp_path / 'there' / 'catalog.sqlite3'}")
    opened: list[SimpleFeatureStore[pa.Table]] = []

    def meanwhile(folder: Path, disk: Disk) -> None:
        monkeypatch.undo()
        settle_folder(folder, disk)
        opened.append(SimpleFeatureStore(there))

    monkeypatch.setattr("features.store.drivers.settle_folder", meanwhile)
    with pytest.raises(UnsafeEnvironmentError, match=r"there/catalog\.sqlite3, not of"):
        SimpleFeatureStore(here)
    opened[0].close()


@pytest.mark.parametrize("filled", [True, False])
def test_a_catalog_elsewhere_is_of_one_folder(tmp_path: Path, filled: bool) -> None:
    """Each of two would lack the files that were saved in the other."""
    right = replace(settings(tmp_path / "right"), catalog_url=f"sqlite:///{tmp_path / 'there' / 'catalog.sqlite3'}")
    (tmp_path / "wrong").mkdir()
    with SimpleFeatureStore(right) as store:
        if filled:
            store.save_features("g", {"t": table(1.0)})
        before = sorted(tmp_path.rglob("*"))
        for folder in ("wrong", "not there"):
            with pytest.raises(UnsafeEnvironmentError, match=r"is of the store in .*right, not in .*; name that one"):
                SimpleFeatureStore(replace(right, base_path=tmp_path / folder))
        assert sorted(tmp_path.rglob("*")) == before
    SimpleFeatureStore(right).close()
    shutil.copytree(tmp_path / "right", tmp_path / "copied", symlinks=True)
    with pytest.raises(UnsafeEnvironmentError, match="is of the store in"):
        SimpleFeatureStore(replace(right, base_path=tmp_path / "copied"))
    (tmp_path / "right").rename(tmp_path / "moved")
    moved = replace(right, base_path=tmp_path / "moved")
    for _ in range(2):
        with SimpleFeatureStore(moved) as store:
            assert store.check(deep=True).ok
            store.save_features("g", {"t": table(2.0)})
    with pytest.raises(UnsafeEnvironmentError, match=r"is of the store in .*moved"):
        SimpleFeatureStore(replace(right, base_path=tmp_path / "copied"))
    (tmp_path / "moved" / "catalog.link").unlink()  # as one does who uses the folder no longer
    (tmp_path / "moved").rename(tmp_path / "used no longer")
    shutil.copytree(tmp_path / "used no longer" / "files", tmp_path / "copied" / "files", dirs_exist_ok=True)
    with SimpleFeatureStore(replace(right, base_path=tmp_path / "copied")) as store:
        assert store.check(deep=True).ok


@pytest.mark.parametrize("default", [True, False])
def test_a_catalog_whose_folder_is_not_known_yet_is_told_by_its_files(tmp_path: Path, default: bool) -> None:
    """As earlier releases left it, or one with the store in its own folder."""
    folder, catalog = tmp_path / "store", tmp_path / ("store" if default else "there") / "catalog.sqlite3"
    named = replace(settings(folder), catalog_url=f"sqlite:///{catalog}")
    right = settings(folder) if default else named
    with SimpleFeatureStore(right) as store:
        store.save_features("g", {"t": table(1.0)})
    for path in (folder / "catalog.link", catalog.with_name("catalog.sqlite3.store")):
        path.unlink(missing_ok=True)
    (tmp_path / "wrong").mkdir()
    for wrong in ("wrong", "not there"):
        with pytest.raises(UnsafeEnvironmentError, match=r"another folder: none of its files is in .*; name the"):
            SimpleFeatureStore(replace(named, base_path=tmp_path / wrong))
    assert not (tmp_path / "not there").exists()
    for _ in range(2):
        with SimpleFeatureStore(right) as store:
            assert store.get_features(None, "g") == {"t": table(1.0)}


def while_a_catalog_is_opened(monkeypatch: pytest.MonkeyPatch, work: Callable[[], None]) -> None:
    """Have ``work`` done just before the next catalog is, by whom has its folders alone."""
    opened = drivers._opened

    def meanwhile(config: FeatureStoreConfig[Any]) -> Any:
        monkeypatch.undo()
        work()
        return opened(config)

    monkeypatch.setattr(drivers, "_opened", meanwhile)


def told_to_wait(config: FeatureStoreConfig[Any], where: str) -> None:
    with pytest.raises(BusyError, match=rf"somebody else has been beginning a store in .*{where}"):
        SimpleFeatureStore(config)


def test_of_two_new_folders_for_one_catalog_at_the_same_time_only_one_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = replace(settings(tmp_path / "one"), catalog_url=f"sqlite:///{tmp_path / 'there' / 'catalog.sqlite3'}")
    other = replace(one, base_path=tmp_path / "other", busy_timeout_seconds=0.05)
    while_a_catalog_is_opened(monkeypatch, lambda: told_to_wait(other, "there"))
    with SimpleFeatureStore(one), pytest.raises(UnsafeEnvironmentError, match=r"is of the store in .*one"):
        SimpleFeatureStore(other)


@pytest.mark.parametrize("first", ["here", "there"])
def test_nobody_begins_a_catalog_while_another_is_begun_for_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """Each would find the other's, and the folder would be nobody's."""
    here = settings(tmp_path / "store", busy_timeout=0.05)
    there = replace(here, catalog_url=f"sqlite:///{tmp_path / 'there' / 'catalog.sqlite3'}")
    one, other = (here, there) if first == "here" else (there, here)
    while_a_catalog_is_opened(monkeypatch, lambda: told_to_wait(other, "store"))
    SimpleFeatureStore(one).close()
    with pytest.raises(UnsafeEnvironmentError, match=r"the files in .* are those of the catalog"):
        SimpleFeatureStore(other)
    SimpleFeatureStore(one).close()


@pytest.mark.parametrize("filled", [True, False])
def test_where_the_folder_is_another_stores_by_now_its_files_are_left_alone(tmp_path: Path, filled: bool) -> None:
    """As when a deployment points a link to its next folder, and the catalog is where it was."""
    (tmp_path / "first").mkdir()
    (tmp_path / "current").symlink_to(tmp_path / "first")
    config = replace(settings(tmp_path / "current"), catalog_url=f"sqlite:///{tmp_path / 'there' / 'catalog.sqlite3'}")
    (tmp_path / "second").mkdir()
    with SimpleFeatureStore(config) as store:
        store.save_features("g", {"t": table(1.0)})
        store.save_features("g", {"t": table(2.0)})
        if filled:
            with SimpleFeatureStore(settings(tmp_path / "second")) as other:
                other.save_features("g", {"t": table(3.0)})
        before = sorted((tmp_path / "second").rglob("*"))
        (tmp_path / "next").symlink_to(tmp_path / "second")
        (tmp_path / "next").rename(tmp_path / "current")
        told = "was moved or replaced; open the store anew" if filled else "its folder is gone|was moved"
        changes: list[Callable[[], object]] = [lambda: store.save_features("g", {"t": table(4.0)})]
        if filled:  # else there is nothing to collect
            changes += [lambda: store.gc(keep_last=1), lambda: store.check(repair=True)]
        for change in changes:
            with pytest.raises(StorageError, match=told):
                change()
        assert sorted((tmp_path / "second").rglob("*")) == before
    with SimpleFeatureStore(replace(config, base_path=tmp_path / "first")) as store:
        assert store.get_features(None, "g") == {"t": table(2.0)}
        assert len(store.versions("g")) == 2
        assert store.check(deep=True).ok


def test_a_catalog_with_two_names_is_refused(tmp_path: Path) -> None:
    """What is saved under one name would be in the store of the other, whose files it has not."""
    with SimpleFeatureStore(settings(tmp_path / "store")) as store:
        store.save_features("g", {"t": table(1.0)})
    shutil.copytree(tmp_path / "store", tmp_path / "snapshot", copy_function=os.link)
    for name in ("store", "snapshot"):
        with pytest.raises(UnsafeEnvironmentError, match="has a second name, a hard link"):
            SimpleFeatureStore(settings(tmp_path / name))
    (tmp_path / "snapshot" / "catalog.sqlite3").unlink()
    with SimpleFeatureStore(settings(tmp_path / "store")) as store:
        assert store.get_features(None, "g") == {"t": table(1.0)}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder that no store has any business in."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SimpleFeatureStore[pa.Table]]:
    with SimpleFeatureStore(settings(tmp_path / "store")) as store:
        store.save_features("g", {"t": table(1.0)})
        yield store


@pytest.mark.parametrize("name", ["files", "catalog.sqlite3"])
def test_a_store_whose_part_is_a_link_is_refused(tmp_path: Path, elsewhere: Path, name: str) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / name).symlink_to(elsewhere / ("new" if name != "files" else ""))
    with pytest.raises(UnsafeEnvironmentError, match="symbolic link"):
        SimpleFeatureStore(settings(tmp_path / "store"))
    assert [path.name for path in elsewhere.iterdir()] == ["mine"]


def test_nothing_is_quarantined_through_a_link(store: SimpleFeatureStore[pa.Table], elsewhere: Path) -> None:
    stray = store.config.folder / "files" / f"{'0' * 32}.parquet"
    stray.write_bytes(b"stray")
    (store.config.folder / "lost+found").symlink_to(elsewhere)
    with pytest.raises(UnsafeEnvironmentError, match="symbolic link"):
        store.check(repair=True)
    assert [path.name for path in elsewhere.iterdir()] == ["mine"]
    assert stray.read_bytes() == b"stray"


@pytest.mark.parametrize("verify", ["once", "always", "never"])
def test_a_link_in_a_files_place_is_not_followed(store, elsewhere: Path, verify: Any) -> None:
    (file,) = (store.config.folder / "files").iterdir()
    file.rename(elsewhere / file.name)
    file.symlink_to(elsewhere / file.name)
    config = FeatureStoreConfig(store.config.folder, backend="pyarrow", verify_reads=verify)
    with SimpleFeatureStore(config) as other:
        for read in (other.get_features, other.scan_features):
            with pytest.raises(StorageError, match="not a regular file"):
                read(["t"], "g")
        with pytest.raises(StorageError, match="not a regular file"):
            other.backup(elsewhere.parent / "copy")
        assert [problem.kind for problem in other.check(deep=True).problems] == ["missing"]
        other.delete_feature("t", "g")
        other.gc(keep_last=1)
    assert (elsewhere / file.name).exists()


def test_a_new_file_is_never_written_over_or_through_another(tmp_path: Path, elsewhere: Path) -> None:
    (tmp_path / "link").symlink_to(elsewhere / "mine")
    (tmp_path / "dangling").symlink_to(elsewhere / "new")
    for taken in (elsewhere / "mine", tmp_path / "link", tmp_path / "dangling"):
        with pytest.raises(FileExistsError):
            SYSTEM.create(taken)
    assert {path.name: path.read_text() for path in elsewhere.iterdir()} == {"mine": "mine"}


def test_modes_are_what_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with SimpleFeatureStore(settings(tmp_path / "store")) as store:
            store.save_features("g", {"t": table(1.0)})
            (tmp_path / "store" / "files" / f"{'0' * 32}.parquet").touch()
            store.check(repair=True)
    finally:
        os.umask(before)
    found = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "store").rglob("*")}
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o750}
    assert {mode for path, mode in found.items() if path.is_file()} == {0o640}


def test_a_read_only_folder_can_be_read_and_refuses_saves_by_name(store: SimpleFeatureStore[pa.Table]) -> None:
    held = contents(store)
    for path in (store.config.folder, *store.config.folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)

    def try_to_save() -> dict[str, Any]:
        with SimpleFeatureStore(store.config) as other:
            loaded = contents(other)
            try:
                other.save_features("g", {"t": table(2.0)})
            except StorageError as error:
                return {"error": str(error), "errno": error.errno, "equal": loaded == held}
        return {"error": None}

    told = as_nobody(store.config.folder, try_to_save)
    assert told["errno"] == errno.EACCES
    assert "permissions" in told["error"]
    assert told["equal"]
    assert contents(store) == held


def as_nobody(folder: Path, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``work`` returns in a process that has no privileges over ``folder``."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            for step in (folder, *folder.parents):  # temporary folders are their owner's only
                if step.owner() == "root" and step != Path("/"):
                    step.chmod(step.stat().st_mode | 0o555)
            os.setuid(65534)
        try:
            told = work()
        except FeatureStoreError as error:
            told = {"error": f"{type(error).__name__}: {error}", "errno": getattr(error, "errno", None)}
        os.write(writing, json.dumps(told).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        told = json.loads(answer.read())
    os.waitpid(child, 0)
    return told


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 400 kB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root")
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_keeps_what_was_saved_and_takes_more_once_there_is_room(small_disk: Path) -> None:
    with SimpleFeatureStore(settings(small_disk / "store")) as store:
        saved, refusal = 0, None
        while refusal is None:
            try:
                store.save_features("g", {"t": table(*range(1_000))}, message=str(saved))
                saved += 1
            except StorageError as error:
                refusal = str(error)
        assert "free some space" in refusal or "is full" in refusal
        assert [line.message for line in store.versions("g")] == [str(number) for number in range(saved)]
        assert store.check(deep=True).ok
        store.gc(keep_last=1)
        store.save_features("g", {"t": table(1.0)})
        assert store.get_features(["t"], "g") == {"t": table(1.0)}
        report = store.check(deep=True)
        assert (report.ok, report.orphans) == (True, ())


def test_a_backup_to_a_full_disk_names_the_disk_that_is_full(small_disk: Path, tmp_path: Path) -> None:
    room, refused = 10_000, 0
    with SimpleFeatureStore(settings(tmp_path / "store")) as store:
        store.save_features("g", {"t": table(1.0)})
        while room < 300_000:
            (small_disk / "other").write_bytes(bytes(400_000 - room))
            try:
                store.backup(small_disk / "copy")
                break
            except StorageError as error:
                assert str(small_disk) in str(error)
                assert str(tmp_path / "store") not in str(error)
            assert [path.name for path in small_disk.iterdir()] == ["other"]
            room, refused = room + 10_000, refused + 1
    assert refused > 5
    assert (small_disk / "copy").exists()


def test_a_fork_leaves_the_parents_store_alone(tmp_path: Path) -> None:
    program = """
        import os, sys
        import pyarrow as pa
        from features.errors import UnsafeEnvironmentError
        from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore

        store = SimpleFeatureStore(FeatureStoreConfig(sys.argv[1], backend="pyarrow"))
        store.save_features("g", {"t": pa.table({"x": [1]})})
        child = os.fork()
        if child == 0:
            other = {"t": pa.table({"x": [2]})}
            for use in (lambda: store.get_features(["t"], "g"), lambda: store.save_features("g", other)):
                try:
                    use()
                except UnsafeEnvironmentError:
                    continue
                os._exit(1)
            store.close()
            sys.exit(0)  # with all that an interpreter does on its way out
        assert os.waitpid(child, 0)[1] == 0
        store.save_features("g", {"t": pa.table({"x": [3]})})
        assert store.check(deep=True).ok
    """
    ends_well(program, tmp_path / "store")
    with SimpleFeatureStore(settings(tmp_path / "store")) as store:
        assert store.get_features(["t"], "g")["t"].column("x").to_pylist() == [3]
        assert len(store.versions("g")) == 2


@pytest.mark.parametrize("moment", ["catalog.read", "catalog.begin", "catalog.commit", "catalog.committed", "locks"])
def test_a_fork_beside_a_thread_that_is_at_work_leaves_both_processes_well(tmp_path: Path, moment: str) -> None:
    """The child has the thread's locks, which nobody will release there, and its connection, amid a transaction."""
    program = """
        import gc, os, signal, sys, threading, warnings
        import pyarrow as pa
        from features.store import forks
        from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore

        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: that is the case
        forks.PATIENCE = 0.1  # the thread does not go on before the fork
        store = SimpleFeatureStore(FeatureStoreConfig(sys.argv[1], backend="pyarrow"))
        reached, go_on = threading.Event(), threading.Event()

        def stop(label):
            if label == sys.argv[2]:
                reached.set()
                go_on.wait()

        def work():
            if sys.argv[2] == "locks":
                with store.cache._lock, store._catalog._watch._lock, store._catalog._queue._waiting_lock:
                    stop("locks")
            store.save_features("g", {"t": pa.table({"x": [1]})})
            store.get_features(["t"], "g")

        store._catalog.point = stop
        thread = threading.Thread(target=work)
        thread.start()
        reached.wait()
        child = os.fork()
        if child == 0:
            grandchild = os.fork()
            signal.alarm(60)  # nobody else would end them, should they wait for ever
            if grandchild:
                assert os.wait()[1] == 0
                store.close()
            del store  # in one process without closing it
            gc.collect()
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        go_on.set()
        thread.join()
        store.save_features("g", {"t": pa.table({"x": [3]})})
        assert store.check(deep=True).ok
    """
    ends_well(program, tmp_path / "store", moment)
    with SimpleFeatureStore(settings(tmp_path / "store")) as store:
        assert store.get_features(["t"], "g")["t"].column("x").to_pylist() == [3]
        assert len(store.versions("g")) == 2


@pytest.mark.parametrize("number", [1, 3, 99])
def test_another_layout_is_refused_and_left_as_it_is(store: SimpleFeatureStore[pa.Table], number: int) -> None:
    catalog = store.config.folder / "catalog.sqlite3"
    with closing(sqlite3.connect(catalog)) as connection, connection:
        connection.execute("UPDATE layout SET number = ?", (number,))
    before = catalog.read_bytes()
    with pytest.raises(UnsafeEnvironmentError, match=f"layout {number}"):
        SimpleFeatureStore(store.config)
    assert catalog.read_bytes() == before
