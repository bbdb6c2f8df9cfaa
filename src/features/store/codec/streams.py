"""Tables that come piece by piece and are written as they come, in as much memory as a few pieces take."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from features.errors import UnsupportedDataError
from features.store.codec.base import Compression, Storable
from features.store.versions import Content

_ASKED = 1 << 20
"""Bytes: a disk that refused many may have room for a few."""


class StreamFailedError(Exception):
    """A stream raised the error that is this one's cause: nobody should take it for the disk's."""


class StagedSink(io.RawIOBase):
    """A staged file, open for a writer of Parquet; remembers the error with which the disk refused.

    Libraries wrap what ``write`` raises into errors of their own, and a stream may fail with an ``OSError`` too. So
    it is asked here which of the two it was. A library that writes through ``file`` leaves nothing here to remember:
    then ``ask_disk`` is to be called once it has failed.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR)  # not created: where it has been taken away, nothing is read in vain
        self._size = 0
        self.error: OSError | None = None

    def writable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Bytes written."""
        return self._size

    def write(self, data: Any) -> int:
        """Write all of ``data``."""
        rest = memoryview(data).cast("B")
        length = len(rest)
        try:
            while len(rest):
                written = os.write(self._handle, rest)
                self._size += written
                rest = rest[written:]
        except OSError as error:
            self.error = error
            raise
        return length

    def file(self) -> io.FileIO:
        """The same as a file of the system, to be closed, for a library that writes without Python."""
        return os.fdopen(self._another(), "wb", buffering=0)

    def ask_disk(self) -> None:
        """Write to the file, which is of no use any more, to see whether the disk refuses."""
        with contextlib.suppress(OSError):  # it is remembered
            self.write(bytes(_ASKED))

    def reader(self) -> io.BufferedReader:
        """The file from its beginning, whether or not it still has a name; to be closed."""
        file = os.fdopen(self._another(), "rb")
        file.seek(0)
        return file

    def _another(self) -> int:
        try:
            return os.dup(self._handle)
        except OSError as error:
            self.error = error
            raise

    def let_go(self) -> None:
        """Close the file. ``close`` does not: writers of Parquet call it when they have ended."""
        os.close(self._handle)


WriteTo: TypeAlias = Callable[[StagedSink, Compression], int]


class Stream(Storable):
    """A stream whose columns can be stored; its values are checked as they are written, from first to last.

    Most streams can be read only once, but a save may have to write its file twice: where a collection took the first
    for left over. So the first file is kept open, which keeps its bytes, deleted or not, and the second is a copy.

    Args:
        table: name of the table, for errors.
        schema: the Arrow schema that other libraries will see.
        write_to: reads the stream, writes it to an open file, and returns the number of rows.
    """

    def __init__(self, table: str, schema: pa.Schema, write_to: WriteTo) -> None:
        self.schema = schema
        self.rows = 0
        self._table = table
        self._write_to = write_to
        self._written: StagedSink | None = None

    def content(self, compression: Compression) -> Content:
        """See ``Storable.content``. It raises ``StreamFailedError`` where the stream raised that one's cause."""
        return partial(self._write, compression=compression)

    def close(self) -> None:
        """See ``Storable.close``."""
        if self._written is not None:
            self._written.let_go()
            self._written = None

    def _write(self, path: Path, compression: Compression) -> None:
        if self._written is not None:
            with self._written.reader() as written, path.open("r+b") as copy:
                shutil.copyfileobj(written, copy, 1 << 20)
            return
        sink = self._written = StagedSink(path)
        try:
            self.rows = self._write_to(sink, compression)
        except Exception as error:
            if sink.error is not None:
                raise sink.error from None
            if isinstance(error, UnsupportedDataError):
                raise
            error.add_note(f"raised by the stream of table {self._table!r}; nothing was saved")
            raise StreamFailedError from error
