"""pandas frames, 2.2 and later: through Arrow, with a note for what Arrow cannot say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from features.store.codec.arrow import DTYPES, read_parquet, write_parquet
from features.store.codec.base import Codec, Compression, Prepared, check_column_names, refused
from features.store.codec.pandas_dtypes import decode, encode
from features.store.codec.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file as pandas columns. ``frame`` is None where columns hold objects that a deep copy would share."""

    table: pa.Table
    frame: pd.DataFrame | None


class PandasCodec(Codec[Decoded]):
    """``pd.DataFrame`` in and out, with a default index and text column names."""

    backend = "pandas"

    def prepare(self, frame: Any, table: str) -> Prepared[pa.Table]:
        """See ``Codec.prepare``. The Arrow table may share the frame's memory, so it does not outlive the save."""
        _check_frame(frame, table)
        arrays, notes = [], {}
        for position, name in enumerate(frame.columns):
            column = frame.iloc[:, position]
            try:
                array, notes[name] = encode(column)
            except Refusal as refusal:
                raise refused(table, name, column.dtype, str(refusal)) from refusal
            arrays.append(array)
        note = json.dumps({"columns": notes, "attrs": frame.attrs})
        schema = pa.schema(
            [(name, array.type) for name, array in zip(frame.columns, arrays, strict=True)], {DTYPES: note}
        )
        value = pa.Table.from_arrays(arrays, schema=schema)
        return Prepared(self, value, schema, len(frame))

    def write(self, value: Any, path: Path, compression: Compression) -> None:
        """See ``Codec.write``."""
        write_parquet(value, path, compression)

    def read(self, path: Path, columns: Sequence[str] | None) -> Decoded:
        """See ``Codec.read``. Columns of a file that pandas did not write come back as ``pd.ArrowDtype``."""
        table = read_parquet(path, columns)
        frame = _frame(table)
        shared = any(pd.api.types.is_object_dtype(dtype) for dtype in frame.dtypes)
        return Decoded(table, None if shared else frame)

    def hand_out(self, value: Decoded) -> pd.DataFrame:
        """See ``Codec.hand_out``: a deep copy, or columns built anew where they hold Python objects."""
        return _frame(value.table) if value.frame is None else value.frame.copy(deep=True)

    def size(self, value: Decoded) -> int:
        """See ``Codec.size``."""
        arrow = int(value.table.get_total_buffer_size())
        return arrow if value.frame is None else arrow + int(value.frame.memory_usage(index=False).sum())


def _check_frame(frame: pd.DataFrame, table: str) -> None:
    if type(frame) is not pd.DataFrame:
        kind = type(frame).__name__
        raise refused(table, None, kind, f"a {kind} would come back as a plain DataFrame; wrap it in pd.DataFrame(…)")
    check_column_names(list(frame.columns), table)
    if frame.columns.nlevels > 1 or frame.columns.name is not None or frame.columns.dtype != pd.Index(["a"]).dtype:
        raise refused(
            table,
            None,
            None,
            "its columns carry more than their names; set frame.columns = list(frame.columns)",
        )
    index = frame.index
    if not (isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1 and index.name is None):
        raise refused(table, None, None, "its index would be lost; call reset_index() to keep it as a column")
    if frame.attrs and not _is_json(frame.attrs):
        raise refused(table, None, None, "its attrs are not JSON; clear or convert frame.attrs")


def _is_json(value: object) -> bool:
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError):
        return False


def _frame(table: pa.Table) -> pd.DataFrame:
    note = json.loads((table.schema.metadata or {}).get(DTYPES, b'{"columns": {}, "attrs": {}}'))
    columns = {
        name: decode(column, note["columns"].get(name))
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    frame = pd.DataFrame(columns, copy=True)
    frame.attrs = note["attrs"]
    return frame
