"""polars frames, through polars' own Parquet reader and writer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from features.store.codec.base import Codec, Compression, Prepared, check_column_names, refused

_REFUSED = {
    "Object": "Python objects have no Parquet type; convert them to text or numbers",
    "Int128": "other readers do not know 128-bit integers; cast to Int64 or Decimal",
    "UInt128": "other readers do not know 128-bit integers; cast to UInt64 or Decimal",
    "Unknown": "its type is not known; cast it",
}


class PolarsCodec(Codec[pl.DataFrame]):
    """``pl.DataFrame`` and ``pl.LazyFrame`` in, ``pl.DataFrame`` out."""

    backend = "polars"

    def prepare(self, frame: Any, table: str) -> Prepared[pl.DataFrame]:
        """See ``Codec.prepare``."""
        value: pl.DataFrame = frame.collect() if isinstance(frame, pl.LazyFrame) else frame
        check_column_names(value.columns, table)
        for name, dtype in value.schema.items():
            _check(dtype, name, table)
        schema: pa.Schema = value.clear().to_arrow(compat_level=pl.CompatLevel.oldest()).schema
        return Prepared(self, value, schema, value.height)

    def write(self, value: pl.DataFrame, path: Path, compression: Compression) -> None:
        """See ``Codec.write``."""
        value.write_parquet(path, compression="uncompressed" if compression == "none" else compression)

    def read(self, path: Path, columns: Sequence[str] | None) -> pl.DataFrame:
        """See ``Codec.read``."""
        return pl.read_parquet(path, columns=None if columns is None else list(columns), glob=False)

    def hand_out(self, value: pl.DataFrame) -> pl.DataFrame:
        """See ``Codec.hand_out``: a clone shares columns, and in-place methods copy a shared one first."""
        return value.clone()

    def size(self, value: pl.DataFrame) -> int:
        """See ``Codec.size``."""
        return int(value.estimated_size())


def _check(dtype: pl.DataType, column: str, table: str) -> None:
    """Refuse a dtype that does not come back as itself, wherever it is nested."""
    reason = _REFUSED.get(str(dtype.base_type()))
    if reason is not None:
        raise refused(table, column, dtype, f"{dtype} cannot be stored: {reason}")
    if isinstance(dtype, (pl.List, pl.Array)):
        _check(dtype.inner, column, table)  # type: ignore[arg-type]  # an instance, once it is a column's
    elif isinstance(dtype, pl.Struct):
        if not dtype.fields:
            raise refused(table, column, dtype, "a struct without fields cannot be stored; drop the column")
        for field in dtype.fields:
            _check(field.dtype, column, table)  # type: ignore[arg-type]
