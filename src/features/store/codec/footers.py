"""What a Parquet file says of itself, against what was saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias
from weakref import WeakSet

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import is_the_callers
from features.store.codec.refusal import DATA_ERRORS
from features.store.versions import TableFile

Source: TypeAlias = Path | bytes
"""A file by its path, or all that it holds."""

_MAPPED = 3 << 20
"""Bytes to be read from which on a file is mapped. Less is read up to a quarter faster through a handle, which leaves
no pages to be found one by one; more would be copied once too often."""

_OPEN_AT_MOST = 64
"""Files that stay open in a process, which some systems allow 256."""


class ParquetFile(pq.ParquetFile):  # type: ignore[misc]  # pyarrow has no types
    """An open file that makes its Arrow schema once. pyarrow's own makes it each time that it is asked for.

    Args:
        source: what is open; closed with this.
        footer: the file's, if it is known; then it is not parsed.
    """

    def __init__(self, source: pa.NativeFile, footer: Footer | None = None) -> None:
        # To have a thread gather what will be read is worth it where the file is far away.
        super().__init__(source, metadata=None if footer is None else footer.metadata, pre_buffer=False)
        self._made = None if footer is None else footer.schema
        self._opened = source

    @property
    def is_in_memory(self) -> bool:
        """Whether it was read into memory, or is mapped there."""
        return not isinstance(self._opened, pa.OSFile)

    def close(self, force: bool = False) -> None:
        """Let go of the file."""
        super().close(force)
        self._opened.close()

    @property
    def schema_arrow(self) -> pa.Schema:
        """The schema of what ``read`` returns. A ``cached_property`` has a lock in Python 3.11, shared by all files."""
        if self._made is None:
            self._made = super().schema_arrow
        return self._made


class Footer:
    """The footer of a saved file: compared with the catalog where it is parsed, and kept, as parsing takes a while.

    So is the open file, unless it is large: to open it anew would take as long as to read a few columns.

    Args:
        table: what the catalog says of the file.
    """

    def __init__(self, table: TableFile) -> None:
        self._table = table
        self.metadata: pq.FileMetaData | None = None
        self.schema: pa.Schema | None = None
        self._idle: list[ParquetFile] = []
        """The open file, while nobody reads it. Threads share the list as it is: to add and to take are one step."""

    def lend(self) -> ParquetFile | None:
        """The open file for one reader, if there is one that nobody has; see ``keep``."""
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def keep(self, file: ParquetFile) -> bool:
        """Have ``file`` for the next reader; False where it is to be closed."""
        if file.is_in_memory or self._idle or self.bytes_of(None) >= _MAPPED:
            return False
        _OPEN.add(self)
        if len(_OPEN) > _OPEN_AT_MOST:
            _OPEN.discard(self)
            return False
        self._idle.append(file)
        return True

    def take(self, file: ParquetFile) -> None:
        """Compare an open file's footer, before anything else of the file is read, and keep it.

        Raises:
            DisagreementError: it announces another table.
        """
        check_footer(file, self._table)
        self.schema, self.metadata = file.schema_arrow, file.metadata

    def bytes_of(self, columns: Sequence[str] | None) -> int:
        """About as many as ``columns`` take in the file; None stands for all of them."""
        size = self._table.size
        return size if columns is None else size * len(columns) // max(1, len(self._table.schema))


_OPEN: WeakSet[Footer] = WeakSet()
"""Those whose file stays open, for as long as they are in memory."""


class DisagreementError(Exception):
    """A file announces another table than the catalog; the text goes after "its file".

    Args:
        kind: of difference: "unreadable", "rows" or "schema".
        what: the difference in words.
    """

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(what)
        self.kind = kind


@contextmanager
def open_parquet(
    source: Source, footer: Footer | None = None, columns: Sequence[str] | None = None
) -> Iterator[ParquetFile]:
    """The file with its footer: the one that was kept, or parsed. ``columns`` are those that will be read of it.

    pyarrow's is the parser that is the hardest to bring down: no other gets to see a file that this one refuses.

    Raises:
        DisagreementError: what was parsed announces another table than ``footer``'s.
    """
    lent = None if footer is None or isinstance(source, bytes) else footer.lend()
    file = lent or _opened(source, footer, columns)
    kept = False
    try:
        if footer is not None and footer.metadata is None:
            footer.take(file)
        yield file
        kept = footer is not None and footer.keep(file)
    finally:
        if not kept:
            file.close()


def _opened(source: Source, footer: Footer | None, columns: Sequence[str] | None) -> ParquetFile:
    if isinstance(source, bytes):
        opened = pa.BufferReader(source)
    elif footer is not None and footer.bytes_of(columns) < _MAPPED:
        opened = pa.OSFile(str(source))
    else:
        opened = pa.memory_map(str(source))
    try:
        return ParquetFile(opened, footer)
    except BaseException:
        opened.close()
        raise


def check_footer(file: ParquetFile, table: TableFile) -> None:
    """Compare rows and column names.

    Raises:
        DisagreementError: they are not those of ``table``.
    """
    try:
        names = file.schema_arrow.names
    except DATA_ERRORS as error:
        raise DisagreementError("unreadable", f"cannot be read: {error}") from error
    if file.metadata.num_rows != table.rows:
        raise DisagreementError("rows", f"has {file.metadata.num_rows} rows, not {table.rows}")
    if names != table.schema.names:
        raise DisagreementError("schema", f"has the columns {names}, not {table.schema.names}")


def check_file(path: Path, table: TableFile) -> None:
    """The same of a file that is not open yet.

    Raises:
        DisagreementError: its rows or columns are not those of ``table``, or it is no Parquet file.
        OSError: the disk refused.
    """
    try:
        with open_parquet(path) as file:
            check_footer(file, table)
    except DATA_ERRORS as error:
        raise DisagreementError("unreadable", f"cannot be read: {error}") from error
    except OSError as error:
        if error.errno is not None or is_the_callers(error):
            raise
        raise DisagreementError("unreadable", f"cannot be read: {error}") from error  # the parser's, not the system's
