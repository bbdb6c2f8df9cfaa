"""What every storage driver must do: subclass ``StorageContract`` and say how to open one and look behind it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from features.errors import CorruptFileError, NotFoundError
from features.store.storage.base import EFFECTS, Storage, TakenAwayError
from features.store.versions import Content


def _writer_of(content: bytes | bytearray) -> Content:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


class StorageContract(ABC):
    """The raw methods must not go through the driver: a storage does not vouch for itself."""

    @abstractmethod
    def open(self, folder: Path) -> Storage:
        """A storage that keeps its files under ``folder``."""

    @abstractmethod
    def raw_read(self, folder: Path, file: str) -> bytes | None:
        """The bytes kept for ``file``, None where there are none."""

    @abstractmethod
    def raw_write(self, folder: Path, file: str, content: bytes) -> None:
        """Replace the bytes kept for ``file``."""

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        """An empty storage."""
        return self.open(tmp_path)

    @given(content=st.binary(max_size=300), as_content=st.sampled_from([bytes, memoryview, _writer_of]))
    def test_what_is_staged_is_what_is_kept(
        self, tmp_path_factory: pytest.TempPathFactory, content: bytes, as_content: Callable[[bytes], Content]
    ) -> None:
        folder = tmp_path_factory.mktemp("storage")
        storage = self.open(folder)
        staged = storage.stage(as_content(content))
        storage.sync_directory()
        assert self.raw_read(folder, staged.id) == content
        assert storage.path(staged.id).read_bytes() == content
        assert (staged.size, staged.digest) == (len(content), xxhash.xxh3_128_digest(content))
        assert storage.digest(staged.id) == (staged.size, staged.digest)

    def test_a_large_file_is_digested_to_its_last_byte(self, tmp_path: Path, storage: Storage) -> None:
        content = bytearray(40 << 20)
        staged = storage.stage(_writer_of(content))
        assert (staged.size, staged.digest) == (len(content), xxhash.xxh3_128_digest(content))
        content[-1] = 1
        self.raw_write(tmp_path, staged.id, bytes(content))
        assert storage.digest(staged.id) == (len(content), xxhash.xxh3_128_digest(content))

    def test_ids_are_random_and_no_two_alike(self, storage: Storage) -> None:
        ids = {storage.stage(b"x").id for _ in range(20)}
        assert len(ids) == 20
        assert all(len(file) == 32 and int(file, 16) >= 0 for file in ids)

    def test_files_lists_ids_with_their_sizes(self, storage: Storage) -> None:
        assert dict(storage.files()) == {}
        sizes = {}
        for size in (0, 1, 500):
            staged = storage.stage(b"x" * size)
            sizes[staged.id] = size
        assert dict(storage.files()) == sizes

    def test_a_failing_writer_leaves_no_file(self, storage: Storage) -> None:
        def fail(path: Path) -> None:
            path.write_bytes(b"half")
            raise ValueError("no more")

        with pytest.raises(ValueError, match="no more"):
            storage.stage(fail)
        assert dict(storage.files()) == {}

    def test_a_file_deleted_while_it_is_written_is_told(self, storage: Storage) -> None:
        with pytest.raises(TakenAwayError):
            storage.stage(lambda path: path.unlink())
        assert dict(storage.files()) == {}

    def test_a_staged_file_is_in_use_until_it_is_released(self, tmp_path: Path, storage: Storage) -> None:
        staged = storage.stage(b"x")
        other = self.open(tmp_path)
        assert storage.in_use(staged.id)
        assert other.in_use(staged.id)
        storage.release([staged.id, "0" * 32])
        assert not storage.in_use(staged.id)
        assert not other.in_use("0" * 32)

    def test_a_quarantined_file_is_out_of_the_way_and_kept(self, tmp_path: Path, storage: Storage) -> None:
        staged = storage.stage(b"x")
        aside = storage.quarantine(staged.id)
        assert aside is not None
        assert aside.read_bytes() == b"x"
        assert dict(storage.files()) == {}
        assert self.raw_read(tmp_path, staged.id) is None
        assert storage.quarantine(staged.id) is None

    def test_digest_tells_of_changed_bytes(self, tmp_path: Path, storage: Storage) -> None:
        staged = storage.stage(b"good")
        self.raw_write(tmp_path, staged.id, b"evil")
        assert storage.digest(staged.id) == (4, xxhash.xxh3_128_digest(b"evil"))

    def test_no_more_is_read_than_was_asked_for(self, tmp_path: Path, storage: Storage) -> None:
        staged = storage.stage(b"content")
        assert [storage.read(staged.id, most) for most in (0, 3, 7, 8)] == [b"", b"con", b"content", b"content"]
        self.raw_write(tmp_path, staged.id, b"other")
        assert storage.read(staged.id, 7) == b"other"
        storage.delete(staged.id)
        with pytest.raises(NotFoundError):
            storage.read(staged.id, 7)

    def test_size_is_told_of_what_is_there(self, storage: Storage) -> None:
        staged = storage.stage(b"four")
        assert storage.size(staged.id) == 4
        storage.delete(staged.id)
        with pytest.raises(NotFoundError):
            storage.size(staged.id)

    @pytest.mark.parametrize(
        "forged",
        ["", "..", "../outside", "/etc/passwd", "F" * 32, "f" * 31, "f" * 32 + "\n", "١" * 32, "a\0b"],
        ids=ascii,
    )
    def test_only_ids_of_its_own_making_become_paths(self, storage: Storage, forged: str) -> None:
        for use in (storage.path, storage.size, storage.digest, storage.delete, storage.quarantine, storage.in_use):
            with pytest.raises(CorruptFileError):
                use(forged)
        with pytest.raises(CorruptFileError):
            storage.read(forged, 1)

    def test_deleting_says_whether_there_was_anything(self, tmp_path: Path, storage: Storage) -> None:
        staged = storage.stage(b"x")
        assert storage.delete(staged.id) is True
        assert self.raw_read(tmp_path, staged.id) is None
        assert storage.delete(staged.id) is False
        with pytest.raises(NotFoundError):
            storage.digest(staged.id)

    def test_a_file_can_be_adopted_under_its_id(
        self, tmp_path: Path, storage: Storage, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        staged = storage.stage(b"content")
        other = tmp_path_factory.mktemp("other")
        assert self.open(other).adopt(staged.id, storage.path(staged.id)) == (staged.size, staged.digest)
        assert self.raw_read(other, staged.id) == b"content"
        with pytest.raises(NotFoundError):
            self.open(other).adopt("0" * 32, storage.path("0" * 32))

    def test_every_effect_is_announced_before_it_happens(self, tmp_path: Path, storage: Storage) -> None:
        seen: list[tuple[str, int]] = []
        storage.point = lambda label: seen.append((label, len(dict(self.open(tmp_path).files()))))
        staged = storage.stage(b"x")
        storage.sync_directory()
        storage.digest(staged.id)
        storage.delete(staged.id)
        assert [label for label, _ in seen] == list(EFFECTS)
        assert seen[0] == ("storage.create", 0)
        assert seen[-1] == ("storage.delete", 1)

    def test_threads_stage_without_meeting(self, storage: Storage) -> None:
        staged: list[tuple[str, bytes]] = []

        def work(number: int) -> None:
            content = bytes([number]) * 100
            staged.append((storage.stage(content).id, content))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert len(staged) == 8
        assert all(storage.path(file).read_bytes() == content for file, content in staged)
