"""The codec port, and what all codecs refuse alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

import pyarrow as pa

from features.errors import UnsupportedDataError
from features.frames import Backend

Compression: TypeAlias = Literal["lz4", "snappy", "zstd", "gzip", "none"]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Prepared(Generic[Value]):
    """A frame found storable: nothing about its types can fail any more, only the disk."""

    codec: Codec[Value]
    value: Value
    schema: pa.Schema
    rows: int

    def write(self, path: Path, compression: Compression) -> None:
        """Write the frame as one Parquet file over the empty file at ``path``."""
        self.codec.write(self.value, path, compression)


class Codec(ABC, Generic[Value]):
    """One library's way to Parquet and back. ``Value`` is what the cache holds: never handed out itself."""

    backend: ClassVar[Backend]

    @abstractmethod
    def prepare(self, frame: Any, table: str) -> Prepared[Any]:
        """Check that ``frame`` can be stored exactly.

        Raises:
            UnsupportedDataError: it cannot; names the table, column and dtype, and the next step.
        """

    @abstractmethod
    def write(self, value: Any, path: Path, compression: Compression) -> None:
        """Write what ``prepare`` took to ``path``."""

    @abstractmethod
    def read(self, path: Path, columns: Sequence[str] | None) -> Value:
        """Read a file that any of the codecs wrote; ``columns`` in the order asked for, None for all."""

    @abstractmethod
    def hand_out(self, value: Value) -> Any:
        """A frame that its receiver may ruin without harm to ``value``."""

    @abstractmethod
    def size(self, value: Value) -> int:
        """Bytes of memory that ``value`` holds."""


def refused(table: str, column: str | None, dtype: object, because: str) -> UnsupportedDataError:
    """The error for data that cannot be stored exactly: ``because`` gives the reason and the next step."""
    place = f"table {table!r}" if column is None else f"table {table!r}, column {column!r}"
    return UnsupportedDataError(
        f"{place}: {because}", table=table, column=column, dtype=None if dtype is None else str(dtype)
    )


def check_column_names(names: Sequence[object], table: str) -> None:
    """Refuse tables without columns, and column names that Parquet or another library would not give back.

    Raises:
        UnsupportedDataError: names the first such column.
    """
    if not names:
        raise refused(table, None, None, "a table needs at least one column")
    for name in names:
        if not isinstance(name, str):
            kind = type(name).__name__
            raise refused(
                table,
                str(name),
                kind,
                f"column names must be text, this one is {kind}; rename it, e.g. to {str(name)!r}",
            )
        if "\0" in name or not _encodable(name):
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
