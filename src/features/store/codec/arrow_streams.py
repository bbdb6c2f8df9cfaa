"""Arrow streams: record batches one after another, gathered into row groups and checked before each is written."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from threading import Lock
from typing import Any
from weakref import WeakSet

import pyarrow as pa
import pyarrow.parquet as pq

from features.frames import loaded
from features.store.codec.arrow import GROUP_ROWS, STREAM_GROUP_BYTES, options
from features.store.codec.arrow_types import check_columns, check_described, check_metadata, check_type
from features.store.codec.base import Compression, check_column_names, refused
from features.store.codec.refusal import DATA_ERRORS, Refusal
from features.store.codec.streams import StagedSink, Stream
from features.store.forks import FORKS

_BATCH_ROWS = 1 << 16
"""Rows that a dataset gives at a time."""

_read: WeakSet[pa.RecordBatchReader] = WeakSet()
"""Readers that were read here. What is left of them looks like a table without rows."""
_reading = Lock()


def arrow_stream(frame: Any, table: str) -> Stream:
    """The stream of a ``RecordBatchReader``, a dataset or scanner, or whatever else gives Arrow record batches.

    Raises:
        UnsupportedDataError: it gives none, it was read before, or one of its columns cannot be stored.
    """
    try:
        reader = _reader(frame)
    except DATA_ERRORS as error:
        kind = type(frame).__name__
        raise refused(table, None, kind, f"this {kind} is no table for Arrow ({error}); pass a frame") from error
    schema = reader.schema
    check_column_names(schema.names, table)
    check_metadata(schema, table)
    for field in schema:
        try:
            check_type(field.type)
            _check_order(field.type)
        except Refusal as refusal:
            raise refused(table, field.name, field.type, str(refusal)) from refusal
    check_described(schema, table)
    _require_unread(reader, table)
    return Stream(table, schema, partial(_write, reader, table))


def _reader(frame: Any) -> pa.RecordBatchReader:
    if isinstance(frame, pa.RecordBatchReader):
        return frame
    if isinstance(frame, loaded("pyarrow.dataset", "Dataset")):
        # On threads it would read on until a gigabyte waits to be written.
        frame = frame.scanner(batch_size=_BATCH_ROWS, batch_readahead=1, fragment_readahead=1, use_threads=False)
    if isinstance(frame, loaded("pyarrow.dataset", "Scanner")):
        return frame.to_reader()
    return pa.RecordBatchReader.from_stream(frame)


def _check_order(kind: pa.DataType) -> None:
    if "ordered=1" in str(kind):
        raise Refusal("batches may order their categories differently; cast it to text, or save read_all()")


def _require_unread(reader: pa.RecordBatchReader, table: str) -> None:
    if reader in _read:
        because = "this stream was saved, or tried to be, and can be read only once; make a new one from its source"
        raise refused(table, None, type(reader).__name__, because)


def _write(reader: pa.RecordBatchReader, table: str, sink: StagedSink, compression: Compression) -> int:
    with FORKS.kept_out(), _reading:  # it may stand twice among the tables of one save, or of two
        _require_unread(reader, table)
        _read.add(reader)
    rows = 0
    with pq.ParquetWriter(sink, reader.schema, **options(reader.schema, compression)) as writer:
        for group in _row_groups(reader, table):
            check_columns(group, table)
            writer.write_table(group)
            rows += group.num_rows
    return rows


def _row_groups(reader: pa.RecordBatchReader, table: str) -> Iterator[pa.Table]:
    gathered: list[pa.RecordBatch] = []
    rows = size = 0
    for number, batch in enumerate(reader):
        gathered.append(_as_announced(batch, reader.schema, table, number))
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= GROUP_ROWS or size >= STREAM_GROUP_BYTES:
            yield pa.Table.from_batches(gathered, reader.schema)
            gathered, rows, size = [], 0, 0
    if rows:
        yield pa.Table.from_batches(gathered, reader.schema)


def _as_announced(batch: pa.RecordBatch, announced: pa.Schema, table: str, number: int) -> pa.RecordBatch:
    """``batch``, whose columns must be those that the stream announced; some readers leave that unchecked."""
    if batch.schema.equals(announced):
        return batch
    if batch.schema.names != announced.names:
        because = (
            f"batch {number} of its stream has the columns {batch.schema.names}, but {announced.names} were announced"
        )
        raise refused(table, None, None, because)
    for field in batch.schema:
        if field.type != announced.field(field.name).type:
            because = f"it is of {field.type} in batch {number} of its stream, but was announced as "
            raise refused(table, field.name, field.type, because + str(announced.field(field.name).type))
    return pa.RecordBatch.from_arrays(batch.columns, schema=announced)
