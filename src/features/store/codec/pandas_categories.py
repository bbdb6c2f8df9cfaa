"""Categorical columns: the values themselves in the file, the categories and their order in the note."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.store.codec.refusal import Refusal

Note = dict[str, Any]


def encode_categorical(column: pd.Series[Any], encode: Callable[[pd.Series[Any]], tuple[Any, Note]]) -> Any:
    """The values as an Arrow dictionary where they are text, else plain, and the note for ``decode_categorical``.

    Raises:
        Refusal: the categories could not be given back.
    """
    dtype: Any = column.dtype
    name = dtype.categories.name
    if name is not None and type(name) is not str:
        raise Refusal(f"its categories are named {name!r}, which is not text; rename them")
    try:
        encoded, note = encode(pd.Series(dtype.categories, dtype=dtype.categories.dtype))
        categories = _whole(encoded)
        values = _values(column.cat.codes.to_numpy(), categories)
    except Refusal as refusal:
        raise Refusal(f"its categories: {refusal}") from refusal
    return values, {
        "kind": "categorical",
        "ordered": bool(dtype.ordered),
        "categories": _to_text(categories),
        "note": note,
        "name": name,
        **_index_note(dtype.categories),
    }


def decode_categorical(column: pa.ChunkedArray, note: Note, decode: Callable[[pa.ChunkedArray, Note], Any]) -> Any:
    """The categorical column that ``encode_categorical`` was given."""
    stored = _from_text(note["categories"])
    categories = _index(decode(pa.chunked_array([stored]), note["note"]), note)
    codes = _codes(column, stored)
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(categories, ordered=note["ordered"]))


def decode_dictionary(column: pa.ChunkedArray) -> Any:
    """What another library wrote as a dictionary, in the order of that dictionary."""
    column = column.unify_dictionaries()
    values = column.chunk(0).dictionary if column.num_chunks else pa.array([], column.type.value_type)
    unique = values.drop_null().unique()
    return pd.Categorical.from_codes(_codes(column, unique), pd.Index(unique.to_pandas()), ordered=column.type.ordered)


def _index_note(categories: Any) -> Note:
    """What an index knows of its values besides them: that they are a range, or evenly spaced moments."""
    if isinstance(categories, pd.RangeIndex):
        return {"range": [categories.start, categories.stop, categories.step]}
    freq = getattr(categories, "freq", None)
    if freq is None:
        return {}
    if pd.tseries.frequencies.to_offset(freq.freqstr) != freq:
        raise Refusal(f"their frequency {freq!r} has no name to store it by; use categories without one")
    return {"freq": freq.freqstr}


def _index(values: Any, note: Note) -> Any:
    if "range" in note:
        start, stop, step = note["range"]
        return pd.RangeIndex(start, stop, step, name=note["name"])
    index: Any = pd.Index(values, dtype=values.dtype, name=note["name"], copy=True)
    if "freq" in note:
        index.freq = note["freq"]
    return index


def _values(codes: np.ndarray[Any, Any], categories: pa.Array) -> pa.Array:
    values = pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), categories)
    if pa.types.is_large_string(categories.type):
        return values
    if pa.types.is_nested(categories.type) or pa.types.is_dictionary(categories.type):
        raise Refusal(f"{categories.type} cannot be looked up; use text or numbers")
    return values.dictionary_decode()


def _codes(column: pa.ChunkedArray, categories: pa.Array) -> np.ndarray[Any, Any]:
    found = [_places(chunk, categories).fill_null(-1).to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.concatenate(found) if found else np.empty(0, np.int32)


def _places(values: pa.Array, categories: pa.Array) -> pa.Array:
    if isinstance(values, pa.DictionaryArray):
        return _places(values.dictionary, categories).take(values.indices)
    return pc.index_in(values.cast(categories.type), categories)


def _to_text(values: pa.Array) -> str:
    sink = pa.BufferOutputStream()
    table = pa.table({"": values})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return base64.b64encode(sink.getvalue()).decode()


def _from_text(text: str) -> pa.Array:
    return _whole(pa.ipc.open_stream(base64.b64decode(text)).read_all().column(0))


def _whole(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array, as a dictionary has to be."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole  # of extension types in old releases
