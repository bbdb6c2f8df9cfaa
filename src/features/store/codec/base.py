"""The codec port, and what all codecs refuse alike.

**Across libraries.** Any codec reads what any codec wrote. The values are the same; the dtypes are the reader's own:

- *pandas* gives columns of other writers as ``pd.ArrowDtype``, which says whatever Arrow says, and Arrow dictionaries
  (polars' ``Categorical`` and ``Enum``) as ``category``, in the order of the file's dictionary. Its own columns come
  back as they were.
- *polars* gives every Arrow type its own name: text of any width as ``String``, a dictionary of text as
  ``Categorical``, seconds as milliseconds, ``float16`` as ``Float32`` where it has no ``Float16``. From pandas, missing
  values of any kind are null, NaN stays NaN; time zones without a name in the tz database are written as ``UTC``.
- *pyarrow* gives the file's Arrow schema: what pandas notes beside it (kinds of missing values, string storage) is left
  out, and what polars writes has the names of polars' own Arrow export.

A library that has no type for a column (a time zone given as an offset, in polars; nulls in fixed-size lists, in old
releases of pyarrow) refuses the whole read with ``UnsupportedDataError``, which says so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

import pyarrow as pa

from features.errors import UnsupportedDataError
from features.frames import Backend
from features.store.codec.footers import Footer, Source
from features.store.versions import Content

Compression: TypeAlias = Literal["lz4", "snappy", "zstd", "gzip", "none"]
Value = TypeVar("Value")


class Storable(ABC):
    """What a save writes into one file: a frame, or a stream, of which no more than the schema is known yet."""

    schema: pa.Schema
    rows: int
    """Of a stream: as many as there were when it was written."""

    @abstractmethod
    def content(self, compression: Compression) -> Content:
        """One Parquet file: its bytes where it is small, else what writes it. May be asked for again.

        To write it raises:
            UnsupportedDataError: a stream came to a value that could not be given back exactly.
            OSError: the disk refused.
        """

    def close(self) -> None:  # noqa: B027  # most have nothing
        """Let go of what another file of it would need."""


@dataclass(frozen=True)
class Prepared(Storable, Generic[Value]):
    """A frame found storable: nothing about its types can fail any more, only the disk."""

    codec: Codec[Value]
    value: Any
    schema: pa.Schema
    rows: int

    def content(self, compression: Compression) -> Content:
        """See ``Storable.content``."""
        return self.codec.content(self.value, compression)


class Codec(ABC, Generic[Value]):
    """One library's way to Parquet and back. ``Value`` is what the cache holds: never handed out itself."""

    backend: ClassVar[Backend]

    @abstractmethod
    def prepare(self, frame: Any, table: str) -> Storable:
        """Check that ``frame`` can be stored exactly; of a stream, whether its columns can.

        Raises:
            UnsupportedDataError: it cannot; names the table, column and dtype, and the next step.
        """

    @abstractmethod
    def content(self, value: Any, compression: Compression) -> Content:
        """The file of what ``prepare`` took: see ``Storable.content``."""

    @abstractmethod
    def read(self, source: Source, columns: Sequence[str] | None, footer: Footer | None = None) -> Value:
        """Read a file that any of the codecs wrote.

        Args:
            source: the file's path, or all its bytes.
            columns: in the order asked for; None for all.
            footer: the file's, if it is kept; else the file's is compared with it before any other parser sees the
                file and before any column is decoded.

        Raises:
            DisagreementError: the file's is of another table.
            UnsupportedDataError: another library wrote it with a type that this one does not have.
            OSError: the disk refused.
        """

    @abstractmethod
    def scan(self, path: Path, columns: Sequence[str] | None) -> Any:
        """What reads the file later, piece by piece, and through a handle of its own even where it was deleted.

        Raises:
            UnsupportedDataError: reading it so would not give back what ``read`` does.
            OSError: the disk refused.
        """

    @abstractmethod
    def hand_out(self, value: Value) -> Any:
        """A frame that its receiver may ruin without harm to ``value``."""

    def warm_up(self) -> None:
        """Let the library set itself up now, rather than in somebody's first save and load."""

    def give_away(self, value: Value) -> Any:
        """As ``hand_out``, for a value that nobody else has and that is not used again: its memory may be given."""
        return self.hand_out(value)

    @abstractmethod
    def size(self, value: Value) -> int:
        """Bytes of memory that ``value`` holds."""


def refused(table: str, column: str | None, dtype: object, because: str) -> UnsupportedDataError:
    """The error for data that cannot be stored exactly: ``because`` gives the reason and the next step."""
    place = f"table {table!r}" if column is None else f"table {table!r}, column {column!r}"
    return UnsupportedDataError(
        f"{place}: {because}", table=table, column=column, dtype=None if dtype is None else str(dtype)
    )


def unreadable(library: str, error: BaseException) -> UnsupportedDataError:
    """The error for a sound file with a type that ``library`` does not have."""
    reason = str(error).partition("\n")[0]
    return UnsupportedDataError(
        f"{library} cannot read its file: {reason}; read it with the library that saved it, or save it from there "
        "with other types",
        table=None,
        column=None,
        dtype=None,
    )


def check_column_names(names: Sequence[object], table: str) -> None:
    """Refuse tables without columns, and column names that Parquet or another library would not give back.

    Raises:
        UnsupportedDataError: names the first such column.
    """
    if not names:
        raise refused(table, None, None, "a table needs at least one column")
    for name in names:
        if type(name) is not str:
            kind = type(name).__name__
            because = f"column names must be plain str, this one is {kind}; rename it, e.g. to {str(name)!r}"
            raise refused(table, str(name), kind, because)
        if "\0" in name or not (name.isascii() or _encodable(name)):
            raise refused(table, name, None, "the column name holds a NUL or a lone surrogate; rename it")
    if len(set(names)) < len(names):
        twice = next(name for index, name in enumerate(names) if name in names[:index])
        raise refused(table, str(twice), None, "two columns have this name; rename one")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
