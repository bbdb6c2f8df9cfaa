"""Every storage keeps the contract."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from features.errors import StorageError
from features.store.storage.base import Storage
from features.store.storage.local import LocalStorage
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
        staged = storage.stage(lambda path: path.write_bytes(b"x"))
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
