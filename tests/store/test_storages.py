"""Every storage keeps the contract."""

import errno
import fcntl
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import takewhile
from pathlib import Path

import pytest
import xxhash

from features.errors import BusyError, StorageError
from features.store.storage import local
from features.store.storage.base import Storage
from features.store.storage.disk import Disk, Handle
from features.store.storage.folders import alone_in, claim_folder, clear_away, make_folder, put_in_place, settle_folder
from features.store.storage.local import LocalStorage
from features.store.waiting import Waiting
from features.testing.storage_contract import StorageContract


class TestLocalStorage(StorageContract):
    def open(self, folder: Path) -> Storage:
        return LocalStorage(folder / "files")

    def raw_read(self, folder: Path, file: str) -> bytes | None:
        path = folder / "files" / f"{file}.parquet"
        return path.read_bytes() if path.exists() else None

    def raw_write(self, folder: Path, file: str, content: bytes) -> None:
        (folder / "files" / f"{file}.parquet").write_bytes(content)

    def test_a_symlink_or_a_foreign_file_is_not_ours(self, tmp_path: Path) -> None:
        storage = self.open(tmp_path)
        staged = storage.stage(b"x")
        folder = tmp_path / "files"
        (folder / "notes.txt").write_text("mine")
        (folder / f"{'0' * 32}.parquet").symlink_to(folder / "notes.txt")
        assert dict(storage.files()) == {staged.id: 1}

    @pytest.mark.parametrize(
        "put",
        [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(__file__)],
        ids=["pipe", "folder", "link to a device", "link to a file"],
    )
    def test_what_is_no_file_is_neither_followed_nor_waited_for(
        self, tmp_path: Path, put: Callable[[Path], None]
    ) -> None:
        storage = self.open(tmp_path)
        file = "0" * 32
        (tmp_path / "files").mkdir()
        put(storage.path(file))
        for look in (storage.size, storage.digest, storage.in_use, lambda file: storage.read(file, 1)):
            with pytest.raises(StorageError):
                look(file)


class Watched(Disk):
    """The system's disk, which says when it is asked to sync, and how much, and may fail then.

    Args:
        failures: what the first syncs raise.
    """

    def __init__(self, *failures: OSError) -> None:
        self.asked = threading.Event()
        self.sizes: list[int] = []
        self._failures = list(failures)

    def sync(self, handle: int) -> None:
        self.sizes.append(os.fstat(handle).st_size)
        self.asked.set()
        if self._failures:
            raise self._failures.pop()
        super().sync(handle)


def test_a_large_file_is_synced_while_it_is_written_and_is_whole(tmp_path: Path) -> None:
    disk = Watched()
    storage = LocalStorage(tmp_path / "files", disk)

    def encode(path: Path) -> None:
        with path.open("wb", buffering=0) as file:
            file.write(b"one")
            assert disk.asked.wait(60)
            file.write(b"two")

    staged = storage.stage(encode, large=True)
    assert storage.digest(staged.id) == (staged.size, staged.digest) == (6, xxhash.xxh3_128_digest(b"onetwo"))


def test_the_end_of_a_large_file_is_synced_once_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_KEEP_UP_SECONDS", 60)  # too long for any sync meanwhile
    disk = Watched()
    LocalStorage(tmp_path / "files", disk).stage(lambda path: _is_true(path.write_bytes(b"one") == 3), large=True)
    assert disk.sizes == [3]


def test_a_large_file_that_could_not_be_made_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_KEEP_UP_SECONDS", 60)
    disk = Watched()
    with pytest.raises(ZeroDivisionError):
        LocalStorage(tmp_path / "files", disk).stage(lambda _path: _is_true(1 / 0), large=True)
    assert disk.sizes == []


def test_an_error_that_the_disk_told_while_a_large_file_was_written_is_not_lost(tmp_path: Path) -> None:
    """The system tells it to the first that syncs, and to nobody after."""
    disk = Watched(OSError(errno.EIO, "lost what was written"))
    storage = LocalStorage(tmp_path / "files", disk)
    with pytest.raises(StorageError, match="lost what was written"):
        storage.stage(lambda _path: _is_true(disk.asked.wait(60)), large=True)
    assert list(storage.files()) == []


def _is_true(value: object) -> None:
    assert value is True


def test_an_error_that_the_disk_told_at_the_end_of_a_large_file_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_KEEP_UP_SECONDS", 60)
    storage = LocalStorage(tmp_path / "files", Watched(OSError(errno.EIO, "lost what was written")))
    with pytest.raises(StorageError, match="lost what was written"):
        storage.stage(lambda path: _is_true(path.write_bytes(b"one") == 3), large=True)
    assert list(storage.files()) == []


class Folders(Disk):
    """The system's disk, which notes whose names it synced, and may fail then."""

    def __init__(self, failure: BaseException | None = None) -> None:
        self.synced: list[Path] = []
        self._failure = failure

    def sync_folder(self, folder: Path) -> None:
        self.synced.append(folder)
        if self._failure is not None:
            raise self._failure
        super().sync_folder(folder)


class Noting(Folders):
    """Only notes whose names it would sync: nobody may sync the folders around the tests' own everywhere."""

    def sync_folder(self, folder: Path) -> None:
        self.synced.append(folder)


def test_a_folder_is_made_with_those_around_it_and_all_their_names_are_durable(tmp_path: Path) -> None:
    folder, disk = tmp_path / "a" / "b" / "c", Folders()
    for _ in range(2):
        make_folder(folder, disk)
        assert folder.is_dir()
        assert sorted(disk.synced) == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
    with pytest.raises(StorageError, match=r"could not create .*: refused"):
        make_folder(tmp_path / "d", Folders(OSError(errno.EIO, "refused")))


def test_a_folder_that_is_settled_is_durable_as_far_up_as_its_file_system_goes(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    around = [step.parent for step in takewhile(lambda step: not step.is_mount(), (folder, *folder.parents))]
    disk = Noting()
    settle_folder(folder, disk)
    assert folder.is_dir()
    disk.synced.clear()
    settle_folder(folder, disk)  # another process made it, and may have been cut off
    assert disk.synced == around


def test_a_folder_is_settled_up_to_those_of_others_and_not_beside_a_failure(tmp_path: Path) -> None:
    disk = Folders(PermissionError(errno.EACCES, "Permission denied"))
    settle_folder(tmp_path, disk)
    assert disk.synced == [tmp_path.parent]
    with pytest.raises(StorageError, match=r"could not create .*: lost"):
        settle_folder(tmp_path, Folders(OSError(errno.EIO, "lost")))


def test_what_is_cleared_away_leaves_what_others_put_beside_it(tmp_path: Path) -> None:
    outer, inner, filled = (tmp_path / name for name in ("outer", "outer/inner", "outer/inner/filled"))
    filled.mkdir(parents=True)
    (filled / "file").write_text("ours")
    (outer / "notes.txt").write_text("theirs")
    for _ in range(2):  # the second time most of it is gone
        clear_away([filled / "file"], [filled, inner, outer])
        assert sorted(tmp_path.rglob("*")) == [outer, outer / "notes.txt"]


@pytest.mark.parametrize("make", [make_folder, claim_folder, settle_folder])
def test_a_folder_below_a_file_is_told_as_such(tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / "file").write_text("theirs")
    with pytest.raises(StorageError, match="a file stands where a folder is needed"):
        make(tmp_path / "file" / "folder")


def test_a_folder_is_claimed_alone_and_not_with_those_around_it(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file or directory"):
        claim_folder(tmp_path / "gone" / "folder")
    assert not (tmp_path / "gone").exists()


def test_a_file_that_cannot_be_put_in_place_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("ours")
    with pytest.raises(StorageError, match="could not write"):
        put_in_place(tmp_path / "file", tmp_path / "gone" / "target")
    assert (tmp_path / "file").read_text() == "ours"


def test_what_is_interrupted_before_it_is_durable_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("ours")
    for interrupted in (
        lambda: claim_folder(tmp_path / "folder", Folders(KeyboardInterrupt())),
        lambda: put_in_place(tmp_path / "file", tmp_path / "target", Folders(KeyboardInterrupt())),
    ):
        with pytest.raises(KeyboardInterrupt):
            interrupted()
    assert sorted(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_claimed_folder_is_durable_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="refused"):
        claim_folder(tmp_path / "folder", Folders(OSError(errno.EIO, "refused")))
    assert not (tmp_path / "folder").exists()
    disk = Folders()
    claim_folder(tmp_path / "folder", disk)
    assert disk.synced == [tmp_path]
    with pytest.raises(StorageError, match="is there already"):
        claim_folder(tmp_path / "folder", disk)


@pytest.mark.parametrize("links", [True, False])
def test_what_is_put_in_place_is_durable_and_over_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "this file system has no links")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    file, target = tmp_path / "file", tmp_path / "target"
    target.write_text("theirs")
    file.write_text("ours")
    with pytest.raises(StorageError, match="is there already"):
        put_in_place(file, target)
    assert target.read_text() == "theirs"
    target.unlink()
    with pytest.raises(StorageError, match="refused"):
        put_in_place(file, target, Folders(OSError(errno.EIO, "refused")))
    assert not target.exists()
    file.write_text("ours")
    disk = Folders()
    put_in_place(file, target, disk)
    assert target.read_text() == "ours"
    assert disk.synced == [tmp_path]


def test_a_deadline_that_passes_while_a_file_is_put_in_place_is_the_callers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(*_: object) -> None:
        raise TimeoutError("mine")

    (tmp_path / "file").write_text("ours")
    monkeypatch.setattr(os, "link", too_late)
    with pytest.raises(TimeoutError, match="mine"):
        put_in_place(tmp_path / "file", tmp_path / "target")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("change", ["stage", "adopt", "delete", "quarantine", "files"])
def test_a_folder_in_place_of_the_one_that_was_opened_is_left_alone(tmp_path: Path, change: str) -> None:
    storage = LocalStorage(tmp_path / "files")
    file = storage.stage(b"ours").id
    (tmp_path / "files").rename(tmp_path / "away")
    (tmp_path / "files").mkdir()
    storage.path(file).write_bytes(b"theirs")
    changes = {
        "stage": lambda: storage.stage(b"ours"),
        "adopt": lambda: storage.adopt("0" * 32, storage.path(file)),
        "delete": lambda: storage.delete(file),
        "quarantine": lambda: storage.quarantine(file),
        "files": lambda: list(storage.files()),
    }
    with pytest.raises(StorageError, match=r"the folder at .*files was moved or replaced; open the store anew"):
        changes[change]()
    assert [path.read_bytes() for path in (tmp_path / "files").iterdir()] == [b"theirs"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["away", "files"]


def test_a_folder_that_another_thread_makes_just_then_is_written_to(tmp_path: Path) -> None:
    class Missing(Disk):
        missed = False

        def create(self, path: Path) -> Handle:
            try:
                return super().create(path)
            except FileNotFoundError:
                if not self.missed:
                    self.missed = True
                    assert storage.stage(b"ours").size == 4
                raise

    disk = Missing()
    storage = LocalStorage(tmp_path / "files", disk)
    assert storage.stage(b"ours").size == 4
    assert disk.missed
    assert len(list(storage.files())) == 2


def test_folders_are_had_alone_by_one_at_a_time(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    b.mkdir()
    (tmp_path / "link").symlink_to(a)
    with alone_in([a, tmp_path / "link", a], 0):  # one folder
        with pytest.raises(BusyError) as caught, alone_in([b, tmp_path / "link"], 0.01):
            pass
        assert caught.value.seconds == 0.01
        with alone_in([b], 0):
            pass
    with alone_in([a, b], 0):
        pass


def test_two_who_want_the_same_folders_in_another_order_do_not_wait_for_each_other(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()

    def often(order: list[Path]) -> int:
        for _ in range(200):
            with alone_in(order, 20):
                pass
        return 200

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(often, (folders, folders[::-1]))) == [200, 200]


@pytest.mark.parametrize("again", [True, False])
def test_a_folder_that_went_while_it_was_waited_for_is_told(tmp_path: Path, again: bool) -> None:
    folder, first = tmp_path / "folder", ExitStack()
    folder.mkdir()
    first.enter_context(alone_in([folder], 0))

    class Meanwhile(Waiting):
        def pause(self, seconds: float) -> None:
            folder.rmdir()
            if again:
                folder.mkdir()
            first.close()

    refused = pytest.raises(StorageError, match="was moved or replaced meanwhile; try again")
    with refused, alone_in([folder], 20, Meanwhile()):
        pass


def test_a_file_is_in_use_by_who_works_on_it_and_by_nobody_who_only_looks(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "files")
    staged = storage.stage(b"content")
    looks = LocalStorage(tmp_path / "files")
    assert looks.in_use(staged.id)
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    # A child that has the handle, as one that is forked would: its lock ends with the last that has it.
    with subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[storage._held[staged.id].fileno()]):
        storage.release([staged.id])
        assert not looks.in_use(staged.id)
        with storage.path(staged.id).open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH)
            assert not looks.in_use(staged.id)


def test_a_file_is_in_use_for_no_longer_than_anybody_knows_of_it(tmp_path: Path) -> None:
    """Also where what was to release it was stopped before it could."""
    storage = LocalStorage(tmp_path / "files")
    staged = storage.stage(b"content")
    file = staged.id
    assert storage.in_use(file)
    del staged
    assert not storage.in_use(file)


def test_a_child_that_outlives_its_parent_keeps_no_file_in_use(tmp_path: Path) -> None:
    work = """if True:
        import os, pathlib, sys
        from features.store.storage.local import LocalStorage
        staged = LocalStorage(pathlib.Path(sys.argv[1])).stage(b"content")
        if os.fork():
            os.kill(os.getpid(), 9)
        print(staged.id, flush=True)
        sys.stdin.read()
    """
    command = [sys.executable, "-c", work, str(tmp_path / "files")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        file = parent.stdout.readline().strip()
        os.waitid(os.P_PID, parent.pid, os.WEXITED | os.WNOWAIT)
        assert not LocalStorage(tmp_path / "files").in_use(file)


def test_a_file_that_somebody_looks_at_just_then_is_written_without_waiting(tmp_path: Path) -> None:
    """A collection that was stopped while it looked whether the file is in use may not go on for long."""

    class LookedAt(Disk):
        def create(self, path: Path) -> Handle:
            opened = super().create(path)
            self.look = path.open("rb")
            fcntl.flock(self.look, fcntl.LOCK_SH)
            return opened

    disk = LookedAt()
    with ThreadPoolExecutor(1) as thread:
        staged = thread.submit(LocalStorage(tmp_path / "files", disk).stage, b"content")
        try:
            assert staged.result(60).size == 7
        finally:
            disk.look.close()


def test_bytes_that_the_system_cuts_short_are_refused_and_not_left(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "files")
    allowed, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, most))
    try:
        with pytest.raises(StorageError, match="choose another folder, or raise the limit"):
            storage.stage(b"x" * 300)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, most))
    assert list(storage.files()) == []


def test_a_copy_that_the_disk_refuses_is_told_of_the_copy(tmp_path: Path) -> None:
    class Full(Disk):
        def sync(self, handle: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    source, copy = tmp_path / "sound", LocalStorage(tmp_path / "copy" / "files", Full())
    source.write_bytes(b"sound")
    copy.path("0" * 32).parent.mkdir(parents=True)
    with pytest.raises(StorageError, match=rf"could not copy {source} to .*: No space left") as caught:
        copy.adopt("0" * 32, source)
    assert caught.value.path == str(copy.path("0" * 32))
