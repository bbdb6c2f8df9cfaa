"""Parquet through pyarrow: what the pandas and the pyarrow codec share, and which types come back as themselves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.store.codec.base import Compression

DTYPES = b"features.pandas"
"""The key, in the file's schema metadata, under which the pandas codec notes what Arrow cannot say."""


def write_parquet(table: pa.Table, path: Path, compression: Compression) -> None:
    """Write ``table`` as one file. Dictionaries are built for text only: built for floats they double the time."""
    texts = [column.name for column in table.schema if _repeats(column.type)]
    pq.write_table(
        table,
        path,
        compression=compression,
        use_dictionary=texts or False,
        write_statistics=texts == [],
        store_schema=True,
    )


def read_parquet(path: Path, columns: Sequence[str] | None) -> pa.Table:
    """Read a whole file, or some of its columns in the order asked for."""
    with pq.ParquetFile(path, memory_map=True) as file:
        if columns is None:
            return file.read(use_threads=True)
        # A dot in a name would be read as a path into a struct, so columns are chosen by what the file calls them.
        return file.read(columns=list(columns), use_threads=True).select(list(columns))


def _repeats(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))


@lru_cache(maxsize=1024)
def stored_as(kind: pa.DataType) -> pa.DataType | None:
    """The type that a column of type ``kind`` has when it comes back from Parquet; None where it cannot be written."""
    sink = pa.BufferOutputStream()
    try:
        pq.write_table(pa.schema([("column", kind)]).empty_table(), sink)
        return pq.read_schema(pa.BufferReader(sink.getvalue())).field("column").type
    except (pa.ArrowException, NotImplementedError):
        return None
