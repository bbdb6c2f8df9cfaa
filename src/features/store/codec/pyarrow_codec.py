"""pyarrow tables: stored as they are, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from features.store.codec.arrow import DTYPES, parquet_of, read_parquet, without_note
from features.store.codec.arrow_scan import scan_parquet
from features.store.codec.arrow_streams import arrow_stream
from features.store.codec.arrow_types import check_columns, check_described, check_metadata
from features.store.codec.base import Codec, Compression, Prepared, Storable, check_column_names
from features.store.codec.footers import Footer, Source
from features.store.versions import Content


class PyarrowCodec(Codec[pa.Table]):
    """Tables, record batches and streams in, ``pa.Table`` out: equal in schema and values, not in chunks."""

    backend = "pyarrow"

    def prepare(self, frame: Any, table: str) -> Storable:
        """See ``Codec.prepare``: every type must come back from Parquet as itself."""
        if isinstance(frame, pa.RecordBatch):
            frame = pa.Table.from_batches([frame])
        if not isinstance(frame, pa.Table):
            return arrow_stream(frame, table)
        check_column_names(frame.column_names, table)
        check_metadata(frame.schema, table)
        check_columns(frame, table)
        check_described(frame.schema, table)
        return Prepared(self, frame, frame.schema, frame.num_rows)

    def content(self, value: pa.Table, compression: Compression) -> Content:
        """See ``Codec.content``."""
        return parquet_of(value, compression)

    def read(self, source: Source, columns: Sequence[str] | None, footer: Footer | None = None) -> pa.Table:
        """See ``Codec.read``. A frame's dtypes, noted by the pandas codec, are no part of an Arrow table."""
        value = read_parquet(source, columns, footer, as_declared=True)
        if DTYPES not in (value.schema.metadata or {}):
            return value
        return value.replace_schema_metadata(without_note(value.schema.metadata))

    def scan(self, path: Path, columns: Sequence[str] | None) -> Any:
        """See ``Codec.scan``: a ``pyarrow.dataset.Dataset``."""
        return scan_parquet(path, columns)

    def hand_out(self, value: pa.Table) -> pa.Table:
        """See ``Codec.hand_out``: an Arrow table cannot be changed, and ``to_pandas(self_destruct=True)`` destroys no
        more than this slice. Who writes into the memory of its ``buffers()`` changes the cache."""
        return value.slice()

    def size(self, value: pa.Table) -> int:
        """See ``Codec.size``."""
        return int(value.get_total_buffer_size())
