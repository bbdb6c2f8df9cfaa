"""Every pandas dtype that is stored exactly: how its column becomes an Arrow array, and how it comes back.

Arrow says less than pandas in some places (three string dtypes, three kinds of "missing", ordered categories) and
more in others, so each column is written with a *note*, a small JSON object that ``decode`` needs to rebuild the
very same column. A dtype without a row here is refused. A column without a note was written by another library and
comes back as ``pd.ArrowDtype``, the only pandas dtype that can say what an Arrow type says.
"""

from __future__ import annotations

import base64
import datetime as dt
import zoneinfo
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from features.store.codec.arrow import stored_as
from features.store.codec.pandas_objects import decode_objects, encode_objects
from features.store.codec.refusal import Refusal

Note: TypeAlias = dict[str, Any]
Encoded: TypeAlias = tuple[pa.Array, Note]


def encode(column: pd.Series[Any]) -> Encoded:
    """The Arrow array of a column and the note that brings the column back.

    Raises:
        Refusal: the column cannot come back exactly.
    """
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return encode_objects(column.to_numpy()) if dtype.kind == "O" else _encode_numpy(column, dtype)
    for kind, encoder in _ENCODERS.items():
        if isinstance(dtype, kind):
            return encoder(column)
    raise Refusal(f"{dtype} has no exact form in Parquet; convert it, for instance with astype(str)")


def decode(column: pa.ChunkedArray, note: Note | None) -> Any:
    """What to build a DataFrame's column from: a NumPy or extension array."""
    if note is None:
        return _decode_foreign(column)
    return _DECODERS[note["kind"]](column, note)


# --- NumPy dtypes ---------------------------------------------------------------------------------------------------


def _encode_numpy(column: pd.Series[Any], dtype: np.dtype[Any]) -> Encoded:
    if not dtype.isnative:
        raise Refusal(f"{dtype} is not in this machine's byte order; use astype({dtype.newbyteorder('=').name!r})")
    if dtype.kind in "mM":
        return _lasting(pa.array(column.to_numpy(), from_pandas=True)), {"kind": "numpy", "dtype": str(dtype)}
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise Refusal(f"{dtype} has no exact form in Parquet; split or convert the column")
    return pa.array(column.to_numpy(), from_pandas=False), {"kind": "numpy", "dtype": str(dtype)}


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


# --- extension dtypes -----------------------------------------------------------------------------------------------


def _encode_zoned(column: pd.Series[Any]) -> Encoded:
    dtype: Any = column.dtype
    note = {"kind": "zoned", "unit": dtype.unit, "zone": _zone_note(dtype.tz)}
    if _zoned_dtype(note) != dtype:
        raise Refusal(f"{dtype}: the time zone has no name to store it by; use tz_convert with a named zone")
    return _lasting(pa.array(column, from_pandas=True)), note


def _decode_zoned(column: pa.ChunkedArray, note: Note) -> Any:
    naive = column.cast(pa.timestamp(note["unit"], "UTC")).cast(pa.timestamp(note["unit"])).to_numpy()
    return pd.DatetimeIndex(naive).tz_localize("UTC").tz_convert(_zoned_dtype(note).tz).array


def _zone_note(zone: Any) -> list[Any]:
    if isinstance(zone, zoneinfo.ZoneInfo):
        return ["name", zone.key]
    if isinstance(zone, dt.timezone):
        return ["offset", zone.utcoffset(None).total_seconds()]
    return ["pandas", str(zone)]


def _zoned_dtype(note: Note) -> pd.DatetimeTZDtype:
    how, what = note["zone"]
    zone: Any = what
    if how == "name" and what is not None:
        zone = zoneinfo.ZoneInfo(what)
    elif how == "offset":
        zone = dt.timezone(dt.timedelta(seconds=what))
    return pd.DatetimeTZDtype(note["unit"], zone)


def _encode_string(column: pd.Series[Any]) -> Encoded:
    dtype: Any = column.dtype
    missing = "NA" if dtype.na_value is pd.NA else "nan"
    try:
        values = pa.array(column.array, type=pa.large_string(), from_pandas=True)
    except UnicodeEncodeError as error:
        raise Refusal("a text holds a lone surrogate, which is no character; replace it") from error
    return _whole(values), {"kind": "string", "storage": dtype.storage, "missing": missing}


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
    return dtype.__from_arrow__(column)


def _encode_masked(column: pd.Series[Any]) -> Encoded:
    return pa.array(column.array), {"kind": "masked", "dtype": str(column.dtype)}


def _decode_masked(column: pa.ChunkedArray, note: Note) -> Any:
    dtype: Any = pd.api.types.pandas_dtype(note["dtype"])
    return dtype.__from_arrow__(column)


def _encode_arrow(column: pd.Series[Any]) -> Encoded:
    values = _whole(column.array.__arrow_array__())
    if stored_as(values.type) != values.type:
        raise Refusal(f"{values.type} does not come back from Parquet as itself; cast the column")
    return values, {"kind": "arrow"}


def _decode_arrow(column: pa.ChunkedArray, _note: Note) -> Any:
    return pd.arrays.ArrowExtensionArray(column)


def _encode_categorical(column: pd.Series[Any]) -> Encoded:
    dtype: Any = column.dtype
    try:
        categories, note = encode(dtype.categories.to_series(index=range(len(dtype.categories))))
    except Refusal as refusal:
        raise Refusal(f"its categories: {refusal}") from refusal
    codes = column.cat.codes.to_numpy()
    values = pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), categories)
    text = pa.types.is_large_string(categories.type)
    return values if text else values.dictionary_decode(), {
        "kind": "categorical",
        "ordered": bool(dtype.ordered),
        "categories": _to_text(categories),
        "note": note,
        "name": _json_name(dtype.categories.name),
    }


def _decode_categorical(column: pa.ChunkedArray, note: Note) -> Any:
    categories = pd.Index(
        pd.Series(decode(pa.chunked_array([_from_text(note["categories"])]), note["note"])), name=note["name"]
    )
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    values = pd.Series(decode(column, _nullable(note["note"])))
    codes = np.where(values.isna(), -1, categories.get_indexer(pd.Index(values)))
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(categories, ordered=note["ordered"]))


def _nullable(note: Note) -> Note:
    """The categories' own note, loosened where their dtype cannot hold the missing values that a column may."""
    if note["kind"] == "numpy" and np.dtype(note["dtype"]).kind in "biu":
        return {"kind": "arrow"}
    return note


def _json_name(name: object) -> str | None:
    if name is not None and not isinstance(name, str):
        raise Refusal(f"its categories are named {name!r}, which is not text")
    return name


_ENCODERS: dict[Any, Callable[[pd.Series[Any]], Encoded]] = {
    pd.DatetimeTZDtype: _encode_zoned,
    pd.StringDtype: _encode_string,
    pd.BooleanDtype: _encode_masked,
    pd.ArrowDtype: _encode_arrow,
    pd.CategoricalDtype: _encode_categorical,
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
    "categorical": _decode_categorical,
    "object": decode_objects,
}


# --- what another library wrote -------------------------------------------------------------------------------------


def _decode_foreign(column: pa.ChunkedArray) -> Any:
    if pa.types.is_dictionary(column.type):
        combined = column.unify_dictionaries().combine_chunks()
        if isinstance(combined, pa.ChunkedArray):
            combined = combined.chunk(0)
        categories = pd.Index(combined.dictionary.to_pandas())
        codes = combined.indices.fill_null(-1).cast(pa.int64()).to_numpy()
        return pd.Categorical.from_codes(codes, categories, ordered=column.type.ordered)
    return pd.arrays.ArrowExtensionArray(column)


def _whole(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array; chunks are no part of a frame's value."""
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _to_text(values: pa.Array) -> str:
    sink = pa.BufferOutputStream()
    table = pa.table({"": values})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return base64.b64encode(sink.getvalue()).decode()


def _from_text(text: str) -> pa.Array:
    return _whole(pa.ipc.open_stream(base64.b64decode(text)).read_all().column(0))
