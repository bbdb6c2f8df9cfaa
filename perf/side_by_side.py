"""Things measured in turn, so that a busy machine is busy for all of them, and the least that a durable save can cost.

A figure of one thing alone says what the machine did just then. Here the contestants take turns, the order reversed
every second round, and what is judged is the ratio within a round: the middle one of all rounds.
"""

from __future__ import annotations

import importlib
import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, Self

import numpy as np

from measuring import milliseconds  # first: it finds a clone's src

# isort: split
from features.frames import Backend, Frame
from features.store.catalog.sqlite import journal_mode

Times = dict[str, list[float]]


class Rounds:
    """The times of things that take turns, in milliseconds, by name.

    Args:
        warm_up: rounds at the beginning whose times are not kept.
    """

    def __init__(self, *, warm_up: int = 1) -> None:
        self._warm_up = warm_up
        self._round = -1
        self.times: Times = {}

    def begin(self) -> None:
        """Start a round."""
        self._round += 1

    def turn(self, works: Mapping[str, Callable[[], object]], *, settle: bool = False) -> None:
        """Do each work once, in this order or, every second round, in the reverse one.

        Args:
            works: what to do, by name.
            settle: have the disk quiet before each, so that nobody's sync pays for what another left to be written.
        """
        names = list(works)
        for name in names if self._round % 2 else reversed(names):
            if settle:
                os.sync()
            time = milliseconds(works[name])
            if self._round >= self._warm_up:
                self.times.setdefault(name, []).append(time)

    def ratio(self, name: str, other: str, *, times: float = 1.0, plus: float = 0.0) -> float:
        """``name`` over what ``other`` allows it (``times`` of it, ``plus`` milliseconds), at the median round."""
        pairs = zip(self.times[name], self.times[other], strict=True)
        return median(one / (two * times + plus) for one, two in pairs)


class BareFiles:
    """The least that saves a table as durably: one file, synced with its folder, and a row in a synced database.

    The file is written with the options of our own, so what a store takes longer is the store's. The database has the
    journal mode and the ``synchronous=FULL`` of our catalog, and one row is added in one transaction.
    """

    def __init__(self, folder: Path, backend: Backend) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._backend = backend
        self._saved = 0
        self._database = sqlite3.connect(folder / "rows.sqlite3", isolation_level=None)
        self._database.execute(f"PRAGMA journal_mode={journal_mode()}")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE files (name TEXT PRIMARY KEY) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    @property
    def path(self) -> Path:
        """The file saved last."""
        return self._folder / f"{self._saved:08}.parquet"

    def save(self, frame: Frame) -> None:
        """Write, sync, and add a row."""
        self._saved += 1
        write(self._backend, frame, self.path)
        synced(self.path)
        synced(self._folder)
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute("INSERT INTO files VALUES (?)", (self.path.name,))
        self._database.execute("COMMIT")

    def read(self) -> Frame:
        """The last file, through the library's own reader."""
        return read(self._backend, self.path)

    def forget(self) -> None:
        """Delete the last file, so that large ones do not pile up."""
        self.path.unlink()


class BareBytes:
    """What the disk alone takes: bytes in a new file, written at once and then synced, and no more.

    Neither the file's name is synced, nor is there a format, a checksum or a catalog.
    """

    name = "the values' bytes alone, written and synced"

    def __init__(self, folder: Path, size: int) -> None:
        folder.mkdir(parents=True)
        self._path = folder / "bytes"
        self._content = np.random.default_rng(0).bytes(size)

    def save(self) -> None:
        """Write all of them, and sync."""
        with self._path.open("xb", buffering=0) as file:
            written = file.write(self._content)
            os.fsync(file.fileno())
        if written != len(self._content):
            raise OSError(f"only {written:,} of {len(self._content):,} bytes were written to {self._path}")

    def forget(self) -> None:
        """Delete the file, so that the next one is new."""
        self._path.unlink()


def write(backend: Backend, frame: Any, path: Path) -> None:
    """One Parquet file with the options of the library's codec, written by the library's own writer."""
    if backend == "polars":
        frame.write_parquet(path, compression="lz4")
    else:
        texts = [name for name in frame.columns if frame[name].dtype.kind not in "biufmM"]
        frame.to_parquet(path, compression="lz4", use_dictionary=texts or False, write_statistics=False)


def read(backend: Backend, path: Path) -> Frame:
    """A whole file through ``read_parquet``."""
    return importlib.import_module(backend).read_parquet(path)  # type: ignore[no-any-return]


def synced(path: Path) -> None:
    """Sync a file, or a folder's names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
