"""Every pandas dtype that is stored exactly: how its column becomes an Arrow array, and how it comes back.

Arrow says less than pandas in some places (three string dtypes, three kinds of "missing", ordered categories) and
more in others, so each column is written with a *note*, a small JSON object that ``decode`` needs to rebuild the
very same column. A dtype without a row here is refused. A column without a note was written by another library and
comes back as ``pd.ArrowDtype``, the only pandas dtype that can say what an Arrow type says.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from features.store.codec.arrow_types import check_lasts, check_seconds, stored_as
from features.store.codec.pandas_categories import decode_categorical, decode_dictionary, encode_categorical
from features.store.codec.pandas_objects import check_texts, decode_objects, encode_objects
from features.store.codec.pandas_zones import arrow_zone, zone_note, zone_of
from features.store.codec.refusal import Refusal

Note: TypeAlias = dict[str, Any]
Encoded: TypeAlias = tuple[pa.Array | pa.ChunkedArray, Note]

_name: Callable[[np.dtype[Any]], str] = lru_cache(str)
"""NumPy spells a dtype out anew each time, which takes as long as converting a small column."""


def encode(column: pd.Series[Any]) -> Encoded:
    """The Arrow array of a column, in the chunks that the column is in, and the note that brings the column back.

    Raises:
        Refusal: the column cannot come back exactly.
    """
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return encode_objects(column.to_numpy()) if dtype.kind == "O" else _encode_numpy(column, dtype)
    encoder = _ENCODERS.get(type(dtype))
    if encoder is None:
        raise Refusal(f"{dtype} has no exact form in Parquet; convert it, for instance with astype(str)")
    return encoder(column)


def decode(column: pa.ChunkedArray, note: Note | None) -> Any:
    """What to build a DataFrame's column from: a NumPy or extension array, which may share the column's memory."""
    if note is None:
        return decode_dictionary(column) if pa.types.is_dictionary(column.type) else _decode_arrow(column, {})
    return _DECODERS[note["kind"]](column, note)


def is_plain(column: pa.ChunkedArray, note: Note | None) -> bool:
    """Whether ``pa.Table.to_pandas`` builds the very column that ``decode`` would: of numbers, which have no nulls."""
    if note is None or note["kind"] != "numpy":
        return False
    return np.dtype(note["dtype"]).kind in "biuf" and column.type == pa.from_numpy_dtype(note["dtype"])


def _encode_numpy(column: pd.Series[Any], dtype: np.dtype[Any]) -> Encoded:
    if not dtype.isnative:
        raise Refusal(f"{dtype} is not in this machine's byte order; use astype({dtype.newbyteorder('=').name!r})")
    if dtype.kind in "mM":
        moments = pa.array(column.to_numpy(), from_pandas=True)
        check_seconds(moments)
        return _lasting(moments), {"kind": "numpy", "dtype": _name(dtype)}
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise Refusal(f"{dtype} has no exact form in Parquet; split or convert the column")
    return pa.array(column.to_numpy(), from_pandas=False), {"kind": "numpy", "dtype": _name(dtype)}


def _decode_numpy(column: pa.ChunkedArray, note: Note) -> Any:
    dtype: Any = np.dtype(note["dtype"])
    if dtype.kind in "mM":
        unit = np.datetime_data(dtype)[0]
        column = column.cast(pa.timestamp(unit) if dtype.kind == "M" else pa.duration(unit))
    values = column.to_numpy()
    return values if values.dtype == dtype else values.astype(dtype)


def _lasting(values: pa.Array) -> pa.Array:
    """``values`` in the unit that Parquet keeps: it has no seconds, so those are written as milliseconds."""
    stored = stored_as(values.type)
    if stored is None or stored == values.type:
        return values
    try:
        return values.cast(stored)
    except pa.ArrowInvalid as error:
        raise Refusal(f"a value is out of the range of {stored}, the nearest type that Parquet has") from error


def _encode_zoned(column: pd.Series[Any]) -> Encoded:
    dtype: Any = column.dtype
    zone = zone_note(dtype.tz)
    instants = pa.array(column.to_numpy(f"datetime64[{dtype.unit}]"), from_pandas=True)
    values = _lasting(instants)
    return values.cast(pa.timestamp(values.type.unit, arrow_zone(zone))), {
        "kind": "zoned",
        "unit": dtype.unit,
        "zone": zone,
    }


def _decode_zoned(column: pa.ChunkedArray, note: Note) -> Any:
    naive = column.cast(pa.timestamp(note["unit"], "UTC")).cast(pa.timestamp(note["unit"])).to_numpy()
    return pd.DatetimeIndex(naive).tz_localize("UTC").tz_convert(zone_of(note["zone"])).array


def _encode_string(column: pd.Series[Any]) -> Encoded:
    dtype: Any = column.dtype
    if dtype.storage == "python":
        check_texts(column.to_numpy(object))
    try:
        values = pa.array(column.array, type=pa.large_string(), from_pandas=True).cast(pa.large_string())
    except UnicodeEncodeError as error:
        raise Refusal("a text holds a lone surrogate, which is no character; replace it") from error
    values.validate(full=True)
    missing = "NA" if dtype.na_value is pd.NA else "nan"
    return values, {"kind": "string", "storage": dtype.storage, "missing": missing}


def _decode_string(column: pa.ChunkedArray, note: Note) -> Any:
    storage = note["storage"]
    dtype: Any
    if note["missing"] == "NA":
        dtype = pd.StringDtype(storage)
    else:
        try:
            dtype = pd.StringDtype(storage.removesuffix("_numpy"), na_value=np.nan)
        except TypeError:  # pandas 2.2 has this dtype under another name
            dtype = pd.StringDtype("pyarrow_numpy")
    values = dtype.__from_arrow__(column)
    # pandas 2.3 makes an array of a class that has the dtype, but is unequal to those that have its own.
    return values if type(values) is dtype.construct_array_type() else pd.array(np.array(values, object), dtype=dtype)


def _encode_masked(column: pd.Series[Any]) -> Encoded:
    missing = column.isna().to_numpy()
    values = column.array._data  # to_numpy() takes NaN for NA in some releases
    rebuilt: Any = _masked(values, missing)
    if (rebuilt.isna() != missing).any():
        raise Refusal("this pandas would turn its NaN into NA; replace one by the other")
    return pa.array(values, mask=missing), {"kind": "masked", "dtype": str(column.dtype)}


def _decode_masked(column: pa.ChunkedArray, _note: Note) -> Any:
    missing = column.is_null().to_numpy()
    zero = False if pa.types.is_boolean(column.type) else 0
    return _masked(np.array(column.fill_null(zero).to_numpy()), np.array(missing))


def _masked(values: Any, missing: Any) -> Any:
    kinds = {"b": pd.arrays.BooleanArray, "f": pd.arrays.FloatingArray}
    return kinds.get(values.dtype.kind, pd.arrays.IntegerArray)(values, missing)


def _encode_arrow(column: pd.Series[Any]) -> Encoded:
    values = column.array.__arrow_array__()  # not as one array, which holds no more than 2 GiB of some types
    check_lasts(pa.field("column", values.type), values)
    return values, {"kind": "arrow"}


def _decode_arrow(column: pa.ChunkedArray, _note: Note) -> Any:
    return pd.arrays.ArrowExtensionArray(column)


_ENCODERS: dict[Any, Callable[[pd.Series[Any]], Encoded]] = {
    pd.DatetimeTZDtype: _encode_zoned,
    pd.StringDtype: _encode_string,
    pd.BooleanDtype: _encode_masked,
    pd.ArrowDtype: _encode_arrow,
    pd.CategoricalDtype: lambda column: encode_categorical(column, encode),
} | dict.fromkeys(
    [
        pd.Int8Dtype, pd.Int16Dtype, pd.Int32Dtype, pd.Int64Dtype,
        pd.UInt8Dtype, pd.UInt16Dtype, pd.UInt32Dtype, pd.UInt64Dtype,
        pd.Float32Dtype, pd.Float64Dtype,
    ],
    _encode_masked,
)  # fmt: skip

_DECODERS: dict[str, Callable[[pa.ChunkedArray, Note], Any]] = {
    "numpy": _decode_numpy,
    "zoned": _decode_zoned,
    "string": _decode_string,
    "masked": _decode_masked,
    "arrow": _decode_arrow,
    "categorical": lambda column, note: decode_categorical(column, note, decode),
    "object": decode_objects,
}
