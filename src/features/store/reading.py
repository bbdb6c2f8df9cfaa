"""Files → frames: verified before any parser sees them, decoded once, handed out safe to change."""

from __future__ import annotations

import errno
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from features.errors import (
    CorruptFileError,
    FeatureStoreError,
    NotFoundError,
    StorageError,
    UnsupportedDataError,
    is_the_callers,
)
from features.frames import Backend
from features.store.cache import FeatureCache
from features.store.codec.base import Codec
from features.store.codec.footers import DisagreementError, Footer, Source, open_parquet
from features.store.config import Reads
from features.store.storage.base import Storage, digest_of
from features.store.storage.refusal import told
from features.store.versions import TableFile

_VERIFIED_AT_MOST = 65_536
_FOOTERS_AT_MOST, _FOOTER_BYTES = 32, 1 << 15
"""Footers that are kept, some with their open file, and bytes that the largest takes in its file. Parsed, they take up
to fourteen times as many."""
_LIBRARIES = frozenset({"builtins", "features", "json", "numpy", "pandas", "polars", "pyarrow"})
"""Whose errors a file may be the cause of."""
_WANTING: dict[str, tuple[int | None, str]] = {
    "thread": (errno.EAGAIN, "threads (ulimit -u), or memory"),
    os.strerror(errno.ENOMEM): (errno.ENOMEM, "memory (ulimit -v)"),
    "recursion depth": (None, "room on the stack (sys.setrecursionlimit)"),
}
"""What messages say where the system grants no more of something, which libraries tell as errors of their own kinds."""
_SMALL = 1 << 20
"""Values of a table below which its bytes are not counted: it is always offered to the cache."""
_READ_ONCE, _READ_WHOLE = 4 << 20, 1 << 18
"""Bytes up to which a file is read into memory: one that is hashed, as it is parsed there too, and any."""


class VanishedError(FeatureStoreError):
    """A file that the catalog named a moment ago is not on disk."""

    file: str


class TableReader:
    """Reads tables with one codec. Its methods may be called from many threads at once.

    Args:
        storage: where the files are.
        codec: of the backend whose frames are wanted.
        cache: for decoded files; None to decode at every read.
        verify: when a file's digest is compared; see ``FeatureStoreConfig``.
    """

    def __init__(self, storage: Storage, codec: Codec[Any], cache: FeatureCache | None, *, verify: Reads) -> None:
        self._storage = storage
        self._codec = codec
        self._cache = cache
        self._verify_reads = verify
        self._verified: OrderedDict[str, None] = OrderedDict()
        self._footers: OrderedDict[str, Footer] = OrderedDict()
        self._lock = threading.RLock()

    @property
    def backend(self) -> Backend:
        """The library of the frames that come back."""
        return self._codec.backend

    def read(self, table: TableFile, columns: Sequence[str] | None) -> Any:
        """The table as a frame of its own, with the columns in the order asked for; None for all.

        Raises:
            CorruptFileError: the file's bytes are not those that were saved.
            VanishedError: there is no such file.
        """
        wanted = None if columns is None else tuple(columns)
        try:
            if self._cache is None or _bytes_at_least(table, wanted) > self._cache.max_bytes:
                value, _ = self._load(table, wanted)
                return self._codec.give_away(value)  # it is ours alone: a value from the cache others may have got too
            value = self._cache.get((table.id, wanted), lambda: self._load(table, wanted))
            return self._codec.hand_out(value)
        except UnsupportedDataError as error:  # pandas makes a frame of what was read only here
            if error.table is not None:
                raise
            raise _of_table(table, error) from error
        except (FeatureStoreError, MemoryError):
            raise
        except Exception as error:
            self._require_of_file(table, error)
            raise _not_understood(table, error) from error

    def scan(self, table: TableFile, columns: Sequence[str] | None) -> Any:
        """What reads the table later, piece by piece; verified now, if it is to be.

        Raises:
            CorruptFileError: the file's bytes are not those that were saved.
            VanishedError: there is no such file.
        """
        try:
            with self._opened(table, at_once=False) as (source, footer):
                if footer is not None and footer.metadata is None:
                    with open_parquet(source, footer):
                        pass  # which has compared it
                return self._codec.scan(self._storage.path(table.id), columns)
        except UnsupportedDataError as error:
            raise _of_table(table, error) from error
        except (FeatureStoreError, MemoryError):
            raise
        except Exception as error:
            self._require_of_file(table, error)
            raise _not_understood(table, error) from error

    def let_go(self) -> None:
        """Close the files that nobody reads just now: those that are deleted take their place on disk until then."""
        with self._lock:
            self._footers.clear()

    def _load(self, table: TableFile, columns: tuple[str, ...] | None) -> tuple[Any, int]:
        at_once = 0 <= table.size <= (_READ_ONCE if self._is_due(table) else _READ_WHOLE)
        with self._opened(table, at_once=at_once) as (source, footer):
            try:
                value = self._codec.read(source, columns, footer)
            except UnsupportedDataError as error:
                self._require_digest(table, source)  # else it would be told as a type that the library does not have
                raise _of_table(table, error) from error
        return value, self._codec.size(value)

    @contextmanager
    def _opened(self, table: TableFile, *, at_once: bool) -> Iterator[tuple[Source, Footer | None]]:
        """The file, and its footer; what the system refuses is told in our terms.

        The file counts as verified once the block has ended well.
        """
        path = self._storage.path(table.id)
        with told("read", path):
            try:
                source = self._storage.read(table.id, table.size + 1) if at_once else path
                self._verify(table, source)
                footer = self._footer(table)
                if source is path:
                    self._storage.point("storage.read")
                yield source, footer
                if footer is not None:
                    self._remember(table.id, footer)
            except (FileNotFoundError, NotFoundError) as error:
                raise _vanished(table) from error
            except OSError as error:
                if error.errno is not None:
                    raise
                self._require_of_file(table, error)
                raise _damaged(table, str(error), "unreadable") from error  # a parser's complaint, not the system's

    def _verify(self, table: TableFile, source: Source) -> None:
        """Compare the size, which costs next to nothing, and, where it is due, the digest."""
        if not isinstance(source, bytes) or len(source) != table.size:
            size = self._storage.size(table.id)
            if size != table.size or isinstance(source, bytes):
                raise _damaged(table, f"it has {size} bytes, but {table.size} were saved", "size")
        if self._is_due(table):
            self._require_digest(table, source)

    def _footer(self, table: TableFile) -> Footer | None:
        """The one that is kept, or will be; None where nothing is verified, so that a file may be exchanged."""
        return None if self._verify_reads == "never" else self._footers.get(table.id) or Footer(table)

    def _is_due(self, table: TableFile) -> bool:
        """Whether the digest is to be compared."""
        return self._verify_reads == "always" or (self._verify_reads == "once" and table.id not in self._verified)

    def _require_digest(self, table: TableFile, source: Source) -> None:
        digest = digest_of(source) if isinstance(source, bytes) else self._storage.digest(table.id)[1]
        if digest != table.digest:
            raise _damaged(table, f"its digest is {digest.hex()}, but {table.digest.hex()} was saved", "digest")

    def _require_of_file(self, table: TableFile, error: Exception) -> None:
        """Raise ``error`` itself where it has nothing to do with the file, and that is what was saved.

        A signal handler may raise anything, anywhere. The libraries raise what is builtin or of their own modules, but
        no ``OSError`` of these kinds. Where there is no more of something, each has another word for it.
        """
        library = type(error).__module__.partition(".")[0] in _LIBRARIES
        wanted = next((wanted for word, wanted in _WANTING.items() if word in str(error)), None)
        if (library and not is_the_callers(error) and wanted is None) or not self._is_intact(table):
            return
        if wanted is not None:
            path = self._storage.path(table.id)
            number, more = wanted
            message = f"could not read {path}: {error}; let this process have more {more}"
            raise StorageError(message, path=str(path), errno=number) from error
        raise error

    def _is_intact(self, table: TableFile) -> bool:
        try:
            return self._storage.digest(table.id) == (table.size, table.digest)
        except NotFoundError as error:
            raise _vanished(table) from error

    def _remember(self, file: str, footer: Footer) -> None:
        with self._lock:
            self._verified[file] = None
            if len(self._verified) > _VERIFIED_AT_MOST:
                self._verified.popitem(last=False)
            if footer.metadata is not None and footer.metadata.serialized_size <= _FOOTER_BYTES:
                self._footers.pop(file, None)
                self._footers[file] = footer
                if len(self._footers) > _FOOTERS_AT_MOST:
                    self._footers.popitem(last=False)


def _bytes_at_least(table: TableFile, columns: tuple[str, ...] | None) -> int:
    """Memory that the columns of a fixed width take. Zero where it is small: this is asked at every read."""
    width = len(table.schema) if columns is None else len(columns)
    if table.rows * width < _SMALL:
        return 0
    types = table.schema.types if columns is None else [table.schema.field(name).type for name in columns]
    return sum(table.rows * kind.bit_width // 8 for kind in types if pa.types.is_primitive(kind))


def _of_table(table: TableFile, error: UnsupportedDataError) -> UnsupportedDataError:
    message = f"table {table.name!r} of group {table.group!r}: {error}"
    return UnsupportedDataError(message, table=table.name, column=error.column, dtype=error.dtype)


def _not_understood(table: TableFile, error: Exception) -> CorruptFileError:
    """What stopped a codec is damage: the catalog refers to just these bytes, but no codec of ours wrote them."""
    if isinstance(error, DisagreementError):
        return _damaged(table, f"it {error}", error.kind)
    return _damaged(table, f"{type(error).__name__}: {error}", "unreadable")


def _damaged(table: TableFile, what: str, reason: str) -> CorruptFileError:
    return CorruptFileError(
        f"table {table.name!r} of group {table.group!r} is damaged: its file {table.id} is not what was saved: {what}; "
        "load an older version, or restore a backup",
        file=table.id,
        reason=reason,
    )


def _vanished(table: TableFile) -> VanishedError:
    return VanishedError(
        f"table {table.name!r} of group {table.group!r}: its file {table.id} is gone from the disk; "
        "load an older version, or restore a backup",
        file=table.id,
    )
