"""Whether two polars frames are the same to the bit."""

from __future__ import annotations

import struct
from typing import Any

import polars as pl


def differences(left: pl.DataFrame, right: pl.DataFrame) -> list[str]:
    """What differs, in words; empty where nothing does: class, names, dtypes with all they hold, values, bits."""
    if type(left) is not type(right):
        return [f"class {type(left)} became {type(right)}"]
    if left.columns != right.columns or left.height != right.height:
        return [f"{left.columns} × {left.height} became {right.columns} × {right.height}"]
    return [
        f"column {name!r}: {reason}"
        for name in left.columns
        if (reason := _column(left[name], right[name])) is not None
    ]


def _column(left: pl.Series, right: pl.Series) -> str | None:
    if left.dtype != right.dtype or repr(left.dtype) != repr(right.dtype):
        return f"dtype {left.dtype!r} became {right.dtype!r}"
    for position, (one, other) in enumerate(zip(_python(left), _python(right), strict=True)):
        if _typed(one) != _typed(other):
            return f"row {position}: {one!r} became {other!r}"
    return None


def _python(column: pl.Series) -> list[Any]:
    """The values as Python objects, of moments and durations as counts: Python knows no nanoseconds."""
    if isinstance(column.dtype, (pl.Datetime, pl.Duration, pl.Time, pl.Date)):
        return column.to_physical().to_list()
    return column.to_list()


def _typed(value: Any) -> Any:
    if type(value) is float:
        return struct.pack("<d", value)
    if isinstance(value, pl.Series):
        return [_typed(item) for item in _python(value)]
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if isinstance(value, dict):
        return [(key, _typed(item)) for key, item in value.items()]
    return type(value), repr(value), value
