"""pyarrow tables: stored as they are, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from features.store.codec.arrow import DTYPES, read_parquet, stored_as, write_parquet
from features.store.codec.base import Codec, Compression, Prepared, check_column_names, refused


class PyarrowCodec(Codec[pa.Table]):
    """``pa.Table`` and ``pa.RecordBatch`` in, ``pa.Table`` out: equal in schema and values, not in chunks."""

    backend = "pyarrow"

    def prepare(self, frame: Any, table: str) -> Prepared[pa.Table]:
        """See ``Codec.prepare``: every type must come back from Parquet as itself."""
        value = pa.table(frame)
        check_column_names(value.column_names, table)
        for column in value.schema:
            back = stored_as(column.type)
            if back != column.type:
                becomes = "cannot be written to Parquet" if back is None else f"would come back as {back}"
                raise refused(
                    table,
                    column.name,
                    column.type,
                    f"{column.type} {becomes}; cast the column to a type that lasts",
                )
        return Prepared(self, value, value.schema, value.num_rows)

    def write(self, value: pa.Table, path: Path, compression: Compression) -> None:
        """See ``Codec.write``."""
        write_parquet(value, path, compression)

    def read(self, path: Path, columns: Sequence[str] | None) -> pa.Table:
        """See ``Codec.read``. A frame's dtypes, noted by the pandas codec, are no part of an Arrow table."""
        value = read_parquet(path, columns)
        kept = {key: text for key, text in (value.schema.metadata or {}).items() if key != DTYPES}
        return value.replace_schema_metadata(kept or None)

    def hand_out(self, value: pa.Table) -> pa.Table:
        """See ``Codec.hand_out``: an Arrow table cannot be changed."""
        return value

    def size(self, value: pa.Table) -> int:
        """See ``Codec.size``."""
        return int(value.get_total_buffer_size())
