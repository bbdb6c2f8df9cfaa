"""Parquet through pyarrow: what the pandas and the pyarrow codec share."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from features.store.codec.base import Compression, unreadable
from features.store.codec.footers import Check, Source, open_parquet
from features.store.codec.refusal import DATA_ERRORS

DTYPES = b"features.pandas"
"""The key, in the file's schema metadata, under which the pandas codec notes what Arrow cannot say."""

SCHEMA = b"ARROW:schema"
"""The key under which pyarrow and polars keep the Arrow schema that a file was written with."""


_SMALL = 1 << 18
"""Values up to which one core was measured to be faster than two, at reading as at making frames."""


_BUFFER = 1 << 16
"""Bytes gathered for one call of the system: a small column alone takes two, its header and its values."""


def write_parquet(table: pa.Table, path: Path, compression: Compression) -> None:
    """Write ``table`` as one file.

    The file is opened here, not by pyarrow: on failure that would delete whatever stands at the path.
    """
    with pa.OSFile(str(path), "wb") as file, pa.BufferedOutputStream(file, _BUFFER) as sink:
        write_to(sink, table, compression)


def write_to(sink: Any, table: pa.Table, compression: Compression) -> None:
    """Write ``table`` to an open file."""
    pq.write_table(table, sink, **options(table.schema, compression))


def options(schema: pa.Schema, compression: Compression) -> dict[str, Any]:
    """How every file is written. Dictionaries are built for text only: built for floats they double the time."""
    texts = [column.name for column in schema if _repeats(column.type)]
    return {
        "compression": compression,
        "use_dictionary": texts or False,
        "write_statistics": False,
        "store_schema": True,
        "use_compliant_nested_type": False,  # which would rename the items of lists
    }


def read_parquet(source: Source, columns: Sequence[str] | None, check: Check | None = None) -> pa.Table:
    """Read a whole file, or some of its columns in the order asked for, once ``check`` has seen its footer.

    Raises:
        UnsupportedDataError: polars wrote it, with a type that this pyarrow does not read.
    """
    with open_parquet(source) as file:
        if check is not None:
            check(file)
        try:
            return read_from(file, columns)
        except DATA_ERRORS as error:
            raise unreadable(f"pyarrow {pa.__version__}", error) from error


def read_from(file: pq.ParquetFile, columns: Sequence[str] | None = None) -> pa.Table:
    """The table in an open file."""
    if file.num_row_groups == 0:  # which old releases cannot read
        table = file.schema_arrow.empty_table()
    else:
        wanted = file.schema_arrow.names if columns is None else list(columns)
        threads = worth_threads(file.metadata.num_rows, len(wanted))
        table = file.read(None if columns is None else wanted, use_threads=threads)
    # A dot in a name is read as a path into a struct, so more columns than those asked for may have come.
    return _named(table if columns is None else table.select(list(columns)), file.metadata.metadata)


def worth_threads(rows: int, columns: int) -> bool:
    """Whether to convert so many values on all cores: to wake the others costs more than a small table."""
    return rows * columns >= _SMALL


def _named(table: pa.Table, metadata: dict[bytes, bytes] | None) -> pa.Table:
    """``table`` with the inner field names of its maps, which Parquet does not keep, but the written schema does."""
    maps = [position for position, column in enumerate(table.schema) if "map<" in str(column.type)]
    written = written_schema(metadata) if maps else None
    if written is None:
        return table
    for position in maps:
        column = table.schema.field(position)
        original = written.field(column.name).type
        if original == column.type and (values := _cast(table.column(position), original)) is not None:
            table = table.set_column(position, column.with_type(original), values)
    return table


def written_schema(metadata: Mapping[bytes, bytes] | None) -> pa.Schema | None:
    """The Arrow schema that a file was written with, out of the file's metadata; None where it is not kept there."""
    kept = (metadata or {}).get(SCHEMA)
    return None if kept is None else pa.ipc.read_schema(pa.py_buffer(base64.b64decode(kept)))


def without_note(metadata: Mapping[bytes, bytes] | None) -> dict[bytes, bytes] | None:
    """A schema's metadata less what the pandas codec notes there, which is no part of an Arrow table."""
    return {key: text for key, text in (metadata or {}).items() if key != DTYPES} or None


def _cast(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    """``values`` under other inner names; None where pyarrow breaks them, as it does nulls without a type in lists."""
    cast = values.cast(kind)
    try:
        cast.validate()
    except pa.ArrowInvalid:
        return None
    return cast


def _repeats(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))
