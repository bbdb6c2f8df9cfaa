"""pyarrow tables: stored as they are, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from features.store.codec.arrow import DTYPES, SCHEMA, read_parquet, write_parquet
from features.store.codec.arrow_types import check_lasts
from features.store.codec.base import Codec, Compression, Prepared, check_column_names, refused
from features.store.codec.refusal import DATA_ERRORS, Refusal


class PyarrowCodec(Codec[pa.Table]):
    """Tables, record batches and streams in, ``pa.Table`` out: equal in schema and values, not in chunks."""

    backend = "pyarrow"

    def prepare(self, frame: Any, table: str) -> Prepared[pa.Table]:
        """See ``Codec.prepare``: every type must come back from Parquet as itself."""
        value = _table(frame, table)
        check_column_names(value.column_names, table)
        _check_metadata(value.schema, table)
        for field, values in zip(value.schema, value.columns, strict=True):
            try:
                check_lasts(field, values)
            except Refusal as refusal:
                raise refused(table, field.name, field.type, str(refusal)) from refusal
        return Prepared(self, value, value.schema, value.num_rows)

    def write(self, value: pa.Table, path: Path, compression: Compression) -> None:
        """See ``Codec.write``."""
        write_parquet(value, path, compression)

    def read(self, path: Path, columns: Sequence[str] | None) -> pa.Table:
        """See ``Codec.read``. A frame's dtypes, noted by the pandas codec, are no part of an Arrow table."""
        value = read_parquet(path, columns)
        if DTYPES not in (value.schema.metadata or {}):
            return value
        kept = {key: text for key, text in value.schema.metadata.items() if key != DTYPES}
        return value.replace_schema_metadata(kept or None)

    def hand_out(self, value: pa.Table) -> pa.Table:
        """See ``Codec.hand_out``: an Arrow table cannot be changed."""
        return value

    def size(self, value: pa.Table) -> int:
        """See ``Codec.size``."""
        return int(value.get_total_buffer_size())


def _table(frame: Any, table: str) -> pa.Table:
    if isinstance(frame, pa.Table):
        return frame
    try:
        return pa.table(frame)
    except DATA_ERRORS as error:
        kind = type(frame).__name__
        raise refused(table, None, kind, f"this {kind} is no table for Arrow ({error}); pass a frame") from error


def _check_metadata(schema: pa.Schema, table: str) -> None:
    """Refuse metadata that would be taken for ours or Parquet's own, or that keeps other readers from the file."""
    for key in schema.metadata or {}:
        if key in {DTYPES, SCHEMA}:
            because = (
                f"the schema's metadata key {key!r} is used by the file itself; drop it with replace_schema_metadata"
            )
            raise refused(table, None, None, because)
    owners = [(None, schema.metadata), *((field.name, field.metadata) for field in schema)]
    for column, metadata in owners:
        try:
            for text in (text for pair in (metadata or {}).items() for text in pair):
                text.decode()
        except UnicodeDecodeError as error:
            because = (
                "metadata that is not UTF-8 makes the file unreadable to other libraries; encode it, e.g. as base64"
            )
            raise refused(table, column, None, because) from error
