"""Object columns: exact where all values are of one kind that Arrow has too, refused otherwise.

An object column says nothing of what it holds, so each value's type is looked at; a subclass is another type. Missing
values may be ``None``, ``nan``, ``pd.NA`` or ``NaT``, one kind in a column: the note says which. What is mixed would
come back changed (an integer beside ``None`` as a float, a tuple as an array, a dict with keys it never had), so it is
refused.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from features.store.codec.refusal import DATA_ERRORS, Refusal

Objects = npt.NDArray[np.object_]
Mask = npt.NDArray[np.bool_]

_MISSING: dict[str, Any] = {"None": None, "nan": np.nan, "NA": pd.NA, "NaT": pd.NaT}
_ABSENT = {type(None): "None", type(pd.NA): "NA", type(pd.NaT): "NaT"}
_PLAIN: dict[type, Callable[[], pa.DataType]] = {
    str: pa.large_string,
    bytes: pa.large_binary,
    bool: pa.bool_,
    float: pa.float64,
    dt.date: pa.date32,
}
_HINTS = {
    dt.datetime: "use pd.to_datetime",
    pd.Timestamp: "use pd.to_datetime",
    dt.timedelta: "use pd.to_timedelta",
    pd.Timedelta: "use pd.to_timedelta",
    tuple: "turn each into a list, or into columns",
    set: "turn each into a list",
    dict: "turn each into JSON text, or into columns",
}


def encode_objects(values: Objects) -> tuple[pa.Array, dict[str, Any]]:
    """The Arrow array of an object column and its note.

    Raises:
        Refusal: the values are of several kinds, or of one that does not come back exactly.
    """
    kind, missing, absent = _kind(values)
    present = values[~missing] if missing.any() else values
    note = {"kind": "object", "of": kind.__name__ if kind else "nothing", "missing": absent}
    try:
        return _array(kind, values, missing, present), note
    except UnicodeEncodeError as error:
        raise Refusal("a text holds a lone surrogate, which is no character; replace it") from error
    except DATA_ERRORS as error:
        raise Refusal(f"a value of this object column is out of range for Arrow ({error})") from error


def decode_objects(column: pa.ChunkedArray, note: dict[str, Any]) -> Objects:
    """The object column that ``encode_objects`` was given."""
    if note["of"] in {"str", "bytes"}:
        values: Objects = _texts(column)
    elif note["of"] in {"date", "Decimal"}:  # a Python object at a time they take up to two hundred times as long
        values = np.array(column.to_pandas(date_as_object=True))
    else:
        values = np.empty(len(column), dtype=object)
        values[:] = _arrays(column) if note["of"] == "ndarray" else column.to_pylist()
    if note["missing"] != "None":
        values[column.is_null().to_numpy()] = _MISSING[note["missing"]]
    return values


def _texts(column: pa.ChunkedArray) -> Objects:
    """Each text made once: making Python objects is what takes time, and texts repeat."""
    encoded = column.dictionary_encode()
    if not encoded.num_chunks:
        return np.empty(0, object)
    texts: Objects = np.array([*encoded.chunk(0).dictionary.to_pylist(), None], dtype=object)  # -1 is missing
    codes = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in encoded.chunks]
    chosen: Objects = texts[np.concatenate(codes)]
    return chosen


def check_texts(values: Objects) -> None:
    """Refuse subclasses of ``str``, which would come back as ``str``.

    Raises:
        Refusal: names the class.
    """
    others = set(map(type, values.tolist())) - {str, float, *_ABSENT}
    if others:
        raise Refusal(f"it holds {_names(others)}, which would come back as str; convert each with str()")


def _kind(values: Objects) -> tuple[type | None, Mask, str]:
    """The one type of the values that are there, which are missing, and the one way in which they are."""
    types = set(map(type, values.tolist()))
    kinds = types - _ABSENT.keys()
    nan = float in kinds and len(kinds) > 1  # beside other values a NaN is a missing one, alone it is a number
    kinds -= {float} if nan else set()
    if len(kinds) > 1:
        raise Refusal(f"an object column that mixes {_names(kinds)} cannot come back as it is; convert it to one type")
    absent = types - kinds
    if len(absent) > 1:
        ways = ", ".join(sorted(_ABSENT.get(way, "nan") for way in absent))
        raise Refusal(f"missing values are written in different ways ({ways}), which would be merged; use one of them")
    if nan:
        _check_nan([value for value in values if type(value) is float])
    kind = next(iter(kinds), None)
    return kind, _which(values, absent, kind), _ABSENT.get(next(iter(absent)), "nan") if absent else "None"


def _which(values: Objects, absent: set[type], kind: type | None) -> Mask:
    """Which values are missing."""
    if not absent:
        return np.zeros(len(values), np.bool_)
    if kind in {float, decimal.Decimal}:  # whose own NaN is a value, or makes isna fail
        return np.fromiter((type(value) in absent for value in values), np.bool_, len(values))
    return np.asarray(pd.isna(values))


def _check_nan(values: list[float]) -> None:
    numbers = np.array(values)
    if not np.isnan(numbers).all():
        raise Refusal("an object column that mixes float with another type cannot come back; convert it to one type")
    if (numbers.view(np.uint64) != np.array(np.nan).view(np.uint64)).any():
        raise Refusal("a NaN among its values has unusual bits, which would be lost; replace it by np.nan")


def _array(kind: type | None, values: Objects, missing: Mask, present: Objects) -> pa.Array:
    if kind is None:
        return pa.nulls(len(values))
    if kind in _PLAIN:
        return pa.array(values, type=_PLAIN[kind](), mask=missing, from_pandas=False)
    if kind is int:
        unsigned = min(present) >= 0 and max(present) >= 2**63
        return pa.array(values, type=pa.uint64() if unsigned else pa.int64(), mask=missing, from_pandas=False)
    if kind is decimal.Decimal:
        return _decimals(values, missing, present)
    if kind is list:
        return _lists(values, missing, present)
    if kind is np.ndarray:
        return _from_arrays(missing, present)
    hint = _HINTS.get(kind, "convert it to text, numbers or lists")
    raise Refusal(f"an object column of {kind.__name__} cannot come back exactly; {hint}")


def _decimals(values: Objects, missing: Mask, present: Objects) -> pa.Array:
    exponents = {value.as_tuple().exponent for value in present}
    if len(exponents) > 1 or not isinstance(exponent := exponents.pop(), int) or not -38 <= exponent <= 0:
        raise Refusal(
            "decimals with different numbers of digits after the point, or beyond 38, would be changed; "
            "quantize them all alike"
        )
    if any(value.is_zero() and value.is_signed() for value in present):
        raise Refusal("a decimal is -0, which Arrow does not know; use 0")
    return pa.array(values, type=pa.decimal128(38, -exponent), mask=missing, from_pandas=False)


def _lists(values: Objects, missing: Mask, present: Objects) -> pa.Array:
    inner = {type(item) for value in present for item in value} - {type(None)}
    if len(inner) > 1 or inner - {str, int, float, bool, bytes}:
        raise Refusal(f"lists of {_names(inner)} cannot come back exactly; use lists of str, int, float, bool or bytes")
    kind = next(iter(inner), None)
    item = pa.null() if kind is None else pa.int64() if kind is int else _PLAIN[kind]()
    return pa.array(values, type=pa.large_list(item), mask=missing, from_pandas=False)


def _from_arrays(missing: Mask, present: Objects) -> pa.Array:
    dtypes = {value.dtype for value in present}
    dtype = next(iter(dtypes))
    if len(dtypes) > 1 or dtype.kind not in "biuf" or dtype.itemsize > 8 or not dtype.isnative:
        raise Refusal("arrays of different or unusual dtypes cannot come back exactly; use one numeric dtype")
    if any(value.ndim != 1 for value in present):
        raise Refusal("arrays of more than one dimension cannot come back exactly; flatten them")
    lengths = np.zeros(len(missing) + 1, np.int64)
    lengths[1:][~missing] = [len(value) for value in present]
    flat = pa.array(np.concatenate(list(present)), from_pandas=False)
    return pa.LargeListArray.from_arrays(pa.array(np.cumsum(lengths)), flat, mask=pa.array(missing))


def _arrays(column: pa.ChunkedArray) -> list[npt.NDArray[Any] | None]:
    dtype = column.type.value_type.to_pandas_dtype()
    return [item for chunk in column.chunks for item in _arrays_of(chunk, dtype)]


def _arrays_of(chunk: pa.LargeListArray, dtype: Any) -> Iterator[npt.NDArray[Any] | None]:
    """Cut from one array: a scalar of Arrow for each would take several times as long."""
    flat, ends = chunk.values.to_numpy(zero_copy_only=False).astype(dtype, copy=False), chunk.offsets.to_numpy()
    for valid, start, end in zip(chunk.is_valid().to_pylist(), ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        yield flat[start:end].copy() if valid else None


def _names(kinds: set[type]) -> str:
    return ", ".join(sorted(kind.__name__ for kind in kinds))
