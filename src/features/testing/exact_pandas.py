"""Whether two pandas frames are the same to the bit: stricter than ``pandas.testing``, and blind to nothing stored."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pandas as pd


def differences(left: pd.DataFrame, right: pd.DataFrame) -> list[str]:
    """What differs, in words; empty where nothing does: types, dtypes, names, kinds of missing, bits, attrs, flags."""
    found = [
        f"{what}: {one!r} and {other!r}"
        for what, one, other in (
            ("class", type(left), type(right)),
            ("rows", len(left), len(right)),
            ("names", list(left.columns), list(right.columns)),
            ("dtype of names", left.columns.dtype, right.columns.dtype),
            ("index", _index(left.index), _index(right.index)),
            ("attrs", _typed(left.attrs), _typed(right.attrs)),
            ("flags", left.flags.allows_duplicate_labels, right.flags.allows_duplicate_labels),
        )
        if one != other
    ]
    if found:
        return found
    return [
        f"column {name!r}: {reason}"
        for position, name in enumerate(left.columns)
        if (reason := _column(left.iloc[:, position], right.iloc[:, position]))
    ]


def _index(index: pd.Index[Any]) -> tuple[Any, ...]:
    made = list(np.asarray(index)) if type(index) is pd.RangeIndex else None  # kept beside the range that says the same
    return type(index), type(index.array), index.dtype, index.name, list(index), made


def _column(left: Any, right: Any) -> str | None:
    if left.dtype != right.dtype or repr(left.dtype) != repr(right.dtype):
        return f"dtype {left.dtype!r} became {right.dtype!r}"
    if type(left.array) is not type(right.array):
        return f"array {type(left.array).__name__} became {type(right.array).__name__}"
    if isinstance(left.dtype, pd.DatetimeTZDtype):
        zones = left.dtype.tz, right.dtype.tz
        if type(zones[0]) is not type(zones[1]) or repr(zones[0]) != repr(zones[1]):
            return f"time zone {zones[0]!r} became {zones[1]!r}"
        # As instants: pandas holds moments, of the year 0 for one, that it cannot write out.
        left, right = (column.to_numpy(f"datetime64[{column.dtype.unit}]") for column in (left, right))
        return _values(left.view("i8").tolist(), right.view("i8").tolist())
    if isinstance(left.dtype, pd.CategoricalDtype):
        reason = _categories(left, right)
        if reason:
            return reason
        return _values(left.cat.codes.tolist(), right.cat.codes.tolist())
    if isinstance(left.dtype, pd.ArrowDtype):
        one, other = (column.array.__arrow_array__() for column in (left, right))
        if str(one.type) != str(other.type):
            return f"Arrow type {one.type} became {other.type}"
        return _values(one.to_pylist(), other.to_pylist())
    if left.dtype.kind in "mM" and isinstance(left.dtype, np.dtype):
        return _values(left.to_numpy().view("i8").tolist(), right.to_numpy().view("i8").tolist())
    return _values(left.tolist(), right.tolist())


def _categories(left: Any, right: Any) -> str | None:
    one, other = left.cat.categories, right.cat.categories
    if left.cat.ordered is not right.cat.ordered:
        return "order of the categories"
    if type(one) is not type(other) or getattr(one, "freq", None) != getattr(other, "freq", None):
        return f"categories {one!r} became {other!r}"
    if one.name != other.name:
        return f"name of the categories {one.name!r} became {other.name!r}"
    return _column(pd.Series(one, dtype=one.dtype), pd.Series(other, dtype=other.dtype))


def _values(left: list[Any], right: list[Any]) -> str | None:
    for position, (one, other) in enumerate(zip(left, right, strict=True)):
        if _typed(one) != _typed(other):
            return f"row {position}: {one!r} ({type(one).__name__}) became {other!r} ({type(other).__name__})"
    return None


def _typed(value: Any) -> Any:
    """Something that equals only its like: type beside value, bits of floats, digits of decimals, items in order."""
    kind = type(value)
    if kind is float:
        return kind, struct.pack("<d", value)
    if isinstance(value, np.floating):
        return kind, value.tobytes()
    if kind is np.ndarray:
        return kind, value.dtype, value.shape, [_typed(item) for item in value.ravel().tolist()]
    if isinstance(value, (list, tuple)):
        return kind, [_typed(item) for item in value]
    if isinstance(value, dict):
        return kind, [(_typed(key), _typed(item)) for key, item in value.items()]
    if value is pd.NaT or value is pd.NA:
        return kind, id(value)
    return kind, repr(value), value
