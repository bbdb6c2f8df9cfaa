"""Whether two Arrow tables are the same to the bit, chunks and the padding under nulls aside."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def differences(left: pa.Table, right: pa.Table) -> list[str]:
    """What differs, in words; empty where nothing does: schema with all metadata and inner names, values, bits."""
    if type(left) is not type(right):
        return [f"class {type(left)} became {type(right)}"]
    same = left.schema.equals(right.schema, check_metadata=True)
    if not same or _spelled(left.schema) != _spelled(right.schema):
        return [f"schema {left.schema} became {right.schema}"]
    return [
        f"column {field.name!r}: {reason}"
        for field, one, other in zip(left.schema, left.columns, right.columns, strict=True)
        if (reason := _column(one, other)) is not None
    ]


def _spelled(schema: pa.Schema) -> list[str]:
    return [f"{field.name} {field.type} {field.nullable} {field.metadata or {}}" for field in schema]


def _column(left: pa.ChunkedArray, right: pa.ChunkedArray) -> str | None:
    if pa.types.is_dictionary(left.type) and left.type.ordered:
        one, other = (column.unify_dictionaries().chunks[:1] for column in (left, right))
        if [chunk.dictionary.to_pylist() for chunk in one] != [chunk.dictionary.to_pylist() for chunk in other]:
            return "the order of the dictionary"
    return _array(
        *(pa.concat_arrays(column.unify_dictionaries().chunks or [_empty(column)]) for column in (left, right))
    )


def _array(left: pa.Array, right: pa.Array) -> str | None:
    """Compare level by level: Python knows no nanoseconds, and would not tell what is inside."""
    if left.is_null().to_pylist() != right.is_null().to_pylist():
        return f"nulls of {left.type}"
    if pa.types.is_struct(left.type):
        pairs = zip(left.flatten(), right.flatten(), strict=True)
        return next((reason for one, other in pairs if (reason := _array(one, other)) is not None), None)
    if pa.types.is_list(left.type) or pa.types.is_large_list(left.type):
        if pc.list_value_length(left).to_pylist() != pc.list_value_length(right).to_pylist():
            return f"lengths of {left.type}"
        return _array(left.flatten(), right.flatten())
    if pa.types.is_temporal(left.type):
        left, right = (
            values.cast(pa.int32() if values.type.bit_width == 32 else pa.int64()) for values in (left, right)
        )
    for position, (one, other) in enumerate(zip(left.to_pylist(), right.to_pylist(), strict=True)):
        if typed(one) != typed(other):
            return f"item {position}: {one!r} became {other!r}"
    return None


def _empty(column: pa.ChunkedArray) -> pa.Array:
    return pa.nulls(0, column.type)


def typed(value: Any) -> Any:
    """Something that equals only its like."""
    if type(value) is float:
        return struct.pack("<d", value)
    if isinstance(value, np.floating):
        return value.tobytes()
    if isinstance(value, (list, tuple)):
        return [typed(item) for item in value]
    if isinstance(value, dict):
        return [(key, typed(item)) for key, item in value.items()]
    return type(value), repr(value), value
