"""Parquet through pyarrow: what the pandas and the pyarrow codec share."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from features.store.codec.base import Compression, unreadable
from features.store.codec.footers import Footer, ParquetFile, Source, open_parquet
from features.store.codec.refusal import DATA_ERRORS
from features.store.versions import Content

DTYPES = b"features.pandas"
"""The key, in the file's schema metadata, under which the pandas codec notes what Arrow cannot say."""

SCHEMA = b"ARROW:schema"
"""The key under which pyarrow and polars keep the Arrow schema that a file was written with."""


_SMALL = 1 << 18
"""Values up to which one core was measured to be faster than two, at reading texts as at making frames."""
_NUMBERS_ARE_EASIER = 3
"""How many times as many it is where only numbers are read."""


_IN_MEMORY = 1 << 13
"""Bytes of a table up to which a save takes a fiftieth less where its file is made in memory first, rather than written
as it is made. From about twice as many it makes no difference, and from a hundred times as many it takes longer."""

_REMEMBERED = 1 << 14
"""Bytes of a schema up to which its layout is kept."""

_BUFFER = 1 << 20
"""Bytes gathered for one call of the system, of which a column alone would take two: 10,000 x 31 numbers reach the
disk a seventh sooner than with 64 kB; with 4 MB, which holds all of them, they took longer than with either."""


GROUP_ROWS, GROUP_BYTES, STREAM_GROUP_BYTES = 1 << 20, 32 << 20, 8 << 20
"""At most what is written as one row group, whichever comes first. A scan holds many groups in memory, so those of a
stream, which may be larger than memory, are smaller; a frame is read a twentieth faster from larger ones."""
_GROUP_LEAST = 1 << 14


_BATCH = 1 << 16
"""Values of a fixed width that pyarrow encodes at a time: a tenth faster than its 1,024, which bound pages of text."""


def parquet_of(table: pa.Table, compression: Compression) -> Content:
    """The file of ``table``: see ``Storable.content``."""
    if table.get_total_buffer_size() > _IN_MEMORY:
        return partial(_write_parquet, table, compression=compression)
    sink = pa.BufferOutputStream()
    write_to(sink, table, compression)
    return memoryview(sink.getvalue())


def _write_parquet(table: pa.Table, path: Path, compression: Compression) -> None:
    # The file is opened here, not by pyarrow: on failure that would delete whatever stands at the path.
    with pa.OSFile(str(path), "wb") as file, pa.BufferedOutputStream(file, _BUFFER) as sink:
        write_to(sink, table, compression)


def write_to(sink: Any, table: pa.Table, compression: Compression) -> None:
    """Write ``table`` to an open file."""
    schema = table.schema.serialize().to_pybytes()
    lay_out = _laid_out if len(schema) <= _REMEMBERED else _lay_out
    layout = lay_out(schema, tuple(not column.null_count for column in table.columns), compression)
    with pq.ParquetWriter(sink, layout.schema, **layout.options) as writer:
        writer.write_table(pa.Table.from_arrays(table.columns, schema=layout.schema), layout.rows)
        writer.add_key_value_metadata(layout.metadata)


class _Layout(NamedTuple):
    """How tables with one schema are written, which takes as long to find out as to write a small one."""

    schema: pa.Schema
    options: dict[str, Any]
    rows: int
    """At most, of a row group."""
    metadata: dict[bytes, bytes]


def _lay_out(serialized: bytes, whole: tuple[bool, ...], compression: Compression) -> _Layout:
    """The layout of tables with this schema, whose columns are ``whole`` or have nulls.

    Numbers without nulls are written as a column that cannot have any: to note which values are there would take a
    third of the time, in writing and in reading. What the table said is kept in the Arrow schema beside it, where our
    readers look; others see such columns as not null.
    """
    schema = pa.ipc.read_schema(pa.py_buffer(serialized))
    fields = [
        field.with_nullable(False) if is_fixed(field.type) and has_all else field
        for field, has_all in zip(schema, whole, strict=True)
    ]
    # A large dictionary's order would not outlast the first group, so tables with one are not divided.
    rows = rows_of_a_group(schema, GROUP_BYTES) or GROUP_ROWS
    metadata = {**(schema.metadata or {}), SCHEMA: base64.b64encode(serialized)}
    return _Layout(pa.schema(fields), {**options(schema, compression), "store_schema": False}, rows, metadata)


_laid_out = lru_cache(maxsize=64)(_lay_out)


def rows_of_a_group(schema: pa.Schema, most_bytes: int) -> int | None:
    """As many as take ``most_bytes``, and no fewer than are worth it; None where rows are not of one width."""
    if not all(map(is_fixed, schema.types)):
        return None
    of_one_row = sum(kind.bit_width for kind in schema.types) / 8
    return max(_GROUP_LEAST, min(GROUP_ROWS, int(most_bytes / of_one_row)))


def options(schema: pa.Schema, compression: Compression) -> dict[str, Any]:
    """How files are written. Dictionaries are built for text only: built for floats they double the time."""
    texts = [column.name for column in schema if _repeats(column.type)]
    return {
        "compression": compression,
        "write_batch_size": _BATCH if all(map(is_fixed, schema.types)) else None,
        "use_dictionary": texts or False,
        "write_statistics": False,
        "use_compliant_nested_type": False,  # which would rename the items of lists
    }


def read_parquet(
    source: Source, columns: Sequence[str] | None, footer: Footer | None = None, *, as_declared: bool = False
) -> pa.Table:
    """Read a whole file, or some of its columns in the order asked for.

    Args:
        source: the file.
        columns: None for all.
        footer: see ``Codec.read``.
        as_declared: whether it matters to the reader which columns were declared nullable.

    Raises:
        DisagreementError: see ``Codec.read``.
        UnsupportedDataError: polars wrote it, with a type that this pyarrow does not read.
    """
    with open_parquet(source, footer, columns) as file:
        try:
            table = read_from(file, columns)
            if not as_declared:
                return table
            return pa.Table.from_arrays(table.columns, schema=declared(table.schema, file.metadata.metadata))
        except DATA_ERRORS as error:
            raise unreadable(f"pyarrow {pa.__version__}", error) from error


def read_from(file: ParquetFile, columns: Sequence[str] | None = None) -> pa.Table:
    """The table in an open file, or some of its columns in the order asked for."""
    schema = file.schema_arrow
    types = schema.types if columns is None else [schema.field(name).type for name in columns]
    fixed = all(map(is_fixed, types))
    if file.num_row_groups == 0:  # which old releases cannot read
        table = schema.empty_table()
    else:
        threads = worth_threads(file.metadata.num_rows, len(types), _NUMBERS_ARE_EASIER if fixed else 1)
        table = file.read(None if columns is None else list(columns), use_threads=threads)
    if columns is not None:  # a dot in a name is read as a path into a struct, so others may have come, too
        table = table.select(list(columns))
    return table if fixed else _named(table, file.metadata.metadata)


def worth_threads(rows: int, columns: int, easy: int = 1) -> bool:
    """Whether to convert so many values, ``easy`` times easier than others, on all cores: waking them costs, too."""
    return rows * columns >= _SMALL * easy


def _named(table: pa.Table, metadata: dict[bytes, bytes] | None) -> pa.Table:
    """``table`` with the inner field names of its maps, which Parquet does not keep, but the written schema does."""
    maps = [position for position, column in enumerate(table.schema) if "map<" in str(column.type)]
    written = written_schema(metadata) if maps else None
    if written is None:
        return table
    columns, fields = table.columns, list(table.schema)
    for position in maps:
        original = written.field(fields[position].name).type
        if original == fields[position].type and (values := _cast(columns[position], original)) is not None:
            columns[position], fields[position] = values, fields[position].with_type(original)
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, table.schema.metadata))


def written_schema(metadata: Mapping[bytes, bytes] | None) -> pa.Schema | None:
    """The Arrow schema that a file was written with, out of the file's metadata; None where it is not kept there."""
    kept = (metadata or {}).get(SCHEMA)
    return None if kept is None else pa.ipc.read_schema(pa.py_buffer(base64.b64decode(kept)))


def declared(found: pa.Schema, metadata: Mapping[bytes, bytes] | None) -> pa.Schema:
    """The schema found in a file, nullable or not as in the table that was written; see ``write_to``."""
    written = None if all(field.nullable for field in found) else written_schema(metadata)
    if written is None:
        return found
    return pa.schema([field.with_nullable(written.field(field.name).nullable) for field in found], found.metadata)


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


def is_fixed(kind: pa.DataType) -> bool:
    """Whether all values of the type have one width: numbers, moments, truth values."""
    return bool(pa.types.is_primitive(kind))


def _repeats(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))
