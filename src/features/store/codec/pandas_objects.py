"""Object columns: exact where all values are of one kind that Arrow has too, refused otherwise.

An object column says nothing of what it holds, so each value's type is looked at. Missing values may be ``None``,
``nan``, ``pd.NA`` or ``NaT``, one kind in a column: the note says which. What is mixed would come back changed (an
integer beside ``None`` as a float, a tuple as an array, a dict with keys it never had), so it is refused.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from features.store.codec.refusal import Refusal

Objects = npt.NDArray[np.object_]

_MISSING = {"None": None, "nan": np.nan, "NA": pd.NA, "NaT": pd.NaT}
_PLAIN: dict[type, Callable[[], pa.DataType]] = {
    str: pa.large_string,
    bytes: pa.large_binary,
    bool: pa.bool_,
    float: pa.float64,
    dt.date: pa.date32,
}


def encode_objects(values: Objects) -> tuple[pa.Array, dict[str, Any]]:
    """The Arrow array of an object column and its note.

    Raises:
        Refusal: the values are of several kinds, or of one that does not come back exactly.
    """
    missing, name = _missing(values)
    present = values[~missing]
    kinds = set(map(type, present))
    if len(kinds) > 1:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise Refusal(f"an object column that mixes {names} cannot come back as it is; convert it to one type")
    kind = kinds.pop() if kinds else None
    note = {"kind": "object", "of": kind.__name__ if kind else "nothing", "missing": name}
    try:
        return _array(kind, values, missing, present), note
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise Refusal(f"a value of this object column is out of range for Arrow ({error})") from error


def decode_objects(column: pa.ChunkedArray, note: dict[str, Any]) -> Objects:
    """The object column that ``encode_objects`` was given."""
    values = np.empty(len(column), dtype=object)
    values[:] = _arrays(column) if note["of"] == "ndarray" else column.to_pylist()
    if note["missing"] != "None":
        values[column.is_null().to_numpy()] = _MISSING[note["missing"]]
    return values


def _missing(values: Objects) -> tuple[npt.NDArray[np.bool_], str]:
    """Which values are missing, and the one way in which they are."""
    missing = np.fromiter((_name_of_missing(value) is not None for value in values), np.bool_, len(values))
    names = {_name_of_missing(value) for value in values[missing]}
    if len(names) > 1:
        raise Refusal(
            f"missing values are written in different ways ({', '.join(sorted(map(str, names)))}), which would be "
            "merged; use one of them"
        )
    return missing, names.pop() or "None" if names else "None"


def _name_of_missing(value: object) -> str | None:
    if value is None:
        return "None"
    if value is pd.NA:
        return "NA"
    if value is pd.NaT:
        return "NaT"
    return "nan" if type(value) is float and value != value else None


def _array(kind: type | None, values: Objects, missing: npt.NDArray[np.bool_], present: Objects) -> pa.Array:
    if kind is None:
        return pa.nulls(len(values))
    if kind in _PLAIN:
        return pa.array(values, type=_PLAIN[kind](), mask=missing)
    if kind is int:
        unsigned = len(present) > 0 and min(present) >= 0 and max(present) >= 2**63
        return pa.array(values, type=pa.uint64() if unsigned else pa.int64(), mask=missing)
    if kind is decimal.Decimal:
        return _decimals(values, missing, present)
    if kind is list:
        return _lists(values, missing, present)
    if kind is np.ndarray:
        return _from_arrays(values, missing, present)
    raise Refusal(f"an object column of {kind.__name__} cannot come back exactly; convert it to text, numbers or lists")


def _decimals(values: Objects, missing: npt.NDArray[np.bool_], present: Objects) -> pa.Array:
    exponents = {value.as_tuple().exponent for value in present}
    if len(exponents) != 1 or not isinstance(exponent := exponents.pop(), int) or exponent > 0:
        raise Refusal("decimals of different precision would be merged; quantize them to the same number of digits")
    if any(value.is_zero() and value.is_signed() for value in present):
        raise Refusal("a decimal is -0, which Arrow does not know; use 0")
    return pa.array(values, type=pa.decimal128(38, -exponent), mask=missing)


def _lists(values: Objects, missing: npt.NDArray[np.bool_], present: Objects) -> pa.Array:
    inner = {type(item) for value in present for item in value}
    if len(inner - {type(None)}) > 1 or inner - {type(None), str, int, float, bool, bytes}:
        names = ", ".join(sorted(kind.__name__ for kind in inner))
        raise Refusal(f"lists of {names} cannot come back exactly; use lists of one of str, int, float, bool, bytes")
    kind = next(iter(inner - {type(None)}), None)
    item = pa.null() if kind is None else pa.int64() if kind is int else _PLAIN[kind]()
    return pa.array(values, type=pa.large_list(item), mask=missing)


def _from_arrays(values: Objects, missing: npt.NDArray[np.bool_], present: Objects) -> pa.Array:
    dtypes = {value.dtype for value in present}
    dtype = next(iter(dtypes))
    if len(dtypes) > 1 or dtype.kind not in "biuf" or dtype.itemsize > 8 or not dtype.isnative:
        raise Refusal("arrays of different or unusual dtypes cannot come back exactly; use one numeric dtype")
    if any(value.ndim != 1 for value in present):
        raise Refusal("arrays of more than one dimension cannot come back exactly; flatten them")
    lengths = np.zeros(len(values) + 1, np.int64)
    lengths[1:][~missing] = [len(value) for value in present]
    flat = pa.array(np.concatenate(list(present)) if len(present) else np.empty(0, dtype), from_pandas=False)
    offsets = pa.array(np.cumsum(lengths))
    return pa.LargeListArray.from_arrays(offsets, flat, mask=pa.array(missing))


def _arrays(column: pa.ChunkedArray) -> list[npt.NDArray[Any] | None]:
    dtype = column.type.value_type.to_pandas_dtype()
    return [
        None if not item.is_valid else np.array(item.values.to_numpy(zero_copy_only=False), dtype) for item in column
    ]
