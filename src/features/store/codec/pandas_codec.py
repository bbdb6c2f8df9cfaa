"""pandas frames, 2.2 and later: through Arrow, with a note for what Arrow cannot say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from features.store.codec.arrow import DTYPES, parquet_of, read_from, read_parquet, worth_threads, write_to
from features.store.codec.arrow_scan import scan_parquet
from features.store.codec.base import Codec, Compression, Prepared, check_column_names, refused
from features.store.codec.footers import Footer, Source, open_parquet
from features.store.codec.pandas_dtypes import decode, encode, is_plain
from features.store.codec.pandas_frames import apply_note, check_frame, default_names, frame_note
from features.store.codec.refusal import DATA_ERRORS, Refusal
from features.store.versions import Content

_NOTE_AT_MOST = 16 << 20
"""Bytes of notes in a file. Readers of Parquet stop at about 100 MB of metadata, which holds a note twice, encoded."""
_BYTES_MORE = {"bool": 1, "masked": 1, "object": 48}
"""What a value takes in a frame beyond what it does in Arrow: a byte for a bit, a pointer and an object's head."""


class Decoded:
    """A file's columns, and frames made of them.

    The first frame is kept in place of the Arrow table, and deep copies of it go out, which is several times cheaper
    than building. Columns whose objects a deep copy would share (lists, arrays, categories) are built every time.
    """

    __slots__ = ("_note", "_source", "bytes")

    def __init__(self, table: pa.Table) -> None:
        self._source: Any = table
        self._note: dict[str, Any] = json.loads((table.schema.metadata or {}).get(DTYPES, b'{"columns": {}}'))
        noted = self._note["columns"]
        self._note["columns"] = notes = {name: noted[name] for name in table.column_names if name in noted}
        more = sum(_BYTES_MORE.get(_kind(note), 0) for note in notes.values())
        self.bytes = int(table.get_total_buffer_size()) + more * len(table)

    def frame(self) -> pd.DataFrame:
        """A frame that shares nothing that can be changed, neither with this nor with other frames of it."""
        source = self._source
        if isinstance(source, pd.DataFrame):
            return _copy(source)
        if _shared_by_copies(source, self._note):
            return _frame(source.columns, source.column_names, self._note)
        self._source = frame = _frame(source.columns, source.column_names, self._note)
        return _copy(frame)

    def last_frame(self) -> pd.DataFrame:
        """The same for a caller who is the last to ask: without a copy where that can be saved."""
        if isinstance(self._source, pd.DataFrame):
            return _copy(self._source)
        columns, names = self._source.columns, self._source.column_names
        self._source = None  # or it would keep the memory of what is freed on the way
        return _frame(columns, names, self._note, last=True)


class PandasCodec(Codec[Decoded]):
    """``pd.DataFrame`` in and out, with a default index and text column names."""

    backend = "pandas"

    def prepare(self, frame: Any, table: str) -> Prepared[Decoded]:
        """See ``Codec.prepare``. The Arrow table may share the frame's memory, so it does not outlive the save."""
        names = list(frame.columns)
        check_column_names(names, table)
        usual = default_names()
        check_frame(frame, table, usual)
        arrays, notes = [], {}
        for name, (_, column) in zip(names, frame.items(), strict=True):
            try:
                array, notes[name] = encode(column)
            except Refusal as refusal:
                raise refused(table, str(name), column.dtype, str(refusal)) from refusal
            except DATA_ERRORS as error:
                because = f"{column.dtype} with these values cannot be stored ({error}); convert the column"
                raise refused(table, str(name), column.dtype, because) from error
            arrays.append(array)
        note = _note(frame, {"columns": notes, **frame_note(frame, usual)}, table)
        schema = pa.schema([(name, array.type) for name, array in zip(names, arrays, strict=True)], {DTYPES: note})
        return Prepared(self, pa.Table.from_arrays(arrays, schema=schema), schema, len(frame))

    def content(self, value: Any, compression: Compression) -> Content:
        """See ``Codec.content``."""
        return parquet_of(value, compression)

    def read(self, source: Source, columns: Sequence[str] | None, footer: Footer | None = None) -> Decoded:
        """See ``Codec.read``. Columns of a file that pandas did not write come back as ``pd.ArrowDtype``."""
        return Decoded(read_parquet(source, columns, footer))

    def scan(self, path: Path, columns: Sequence[str] | None) -> Any:
        """See ``Codec.scan``: a ``pyarrow.dataset.Dataset``, since pandas itself reads nothing piece by piece."""
        return scan_parquet(path, columns)

    def hand_out(self, value: Decoded) -> pd.DataFrame:
        """See ``Codec.hand_out``."""
        return value.frame()

    def warm_up(self) -> None:
        """See ``Codec.warm_up``: two milliseconds, once in a process."""
        _warm_up()

    def give_away(self, value: Decoded) -> pd.DataFrame:
        """See ``Codec.give_away``."""
        return value.last_frame()

    def size(self, value: Decoded) -> int:
        """See ``Codec.size``: of the Arrow table, and what a frame made of it takes beyond that, about."""
        return value.bytes


@cache
def _warm_up() -> None:
    prepared = PandasCodec().prepare(pd.DataFrame({"number": [0.5], "text": ["a"]}), "warm-up")
    sink = pa.BufferOutputStream()
    write_to(sink, prepared.value, "lz4")
    with open_parquet(sink.getvalue().to_pybytes()) as file:
        Decoded(read_from(file)).frame()


def _note(frame: pd.DataFrame, note: Mapping[str, Any], table: str) -> str:
    text = json.dumps(note)
    if len(text) > _NOTE_AT_MOST:
        notes = note["columns"]
        longest = max(notes, key=lambda name: len(str(notes[name])))
        because = "categories and attrs together are too large for a file's metadata; use astype(str), or clear attrs"
        raise refused(table, longest, frame[longest].dtype, because)
    return text


def _frame(
    columns: list[pa.ChunkedArray], names: list[str], note: dict[str, Any], *, last: bool = False
) -> pd.DataFrame:
    """A frame of its own memory. Numbers are copied by pyarrow, on all cores; the other columns one by one.

    Args:
        columns: what was read; the list is emptied.
        names: theirs.
        note: what the codec noted beside them.
        last: nobody else has the columns: each column of numbers is freed as soon as it is copied.
    """
    others, notes = {}, note["columns"]
    room = _room(len(columns[0]))
    for position, name in enumerate(names):
        if not is_plain(columns[position], notes.get(name)):
            others[position] = _series(decode(columns[position], notes.get(name)))
            columns[position] = room
    # Put together once: a table made anew for each column would take the square of their number.
    table = pa.Table.from_arrays(columns, names)
    columns.clear()
    frame = table.to_pandas(ignore_metadata=True, self_destruct=last, use_threads=worth_threads(*table.shape))
    for position, values in others.items():
        frame.isetitem(position, values)
    return apply_note(frame, note)


def _room(rows: int) -> pa.ChunkedArray:
    """A column to be replaced, so that those around it stay in their places."""
    return pa.chunked_array([np.zeros(rows, np.int8)])


def _series(values: Any) -> Any:
    """``values``; Python objects as a series, since pandas 3 would make text of them where all are text."""
    return pd.Series(values, dtype=object) if values.dtype == object else values


def _copy(frame: pd.DataFrame) -> pd.DataFrame:
    copy, names = frame.copy(deep=True), frame.columns
    # A deep copy of a frame shares the array under its names. A slice of Arrow's has one of its own, over memory that
    # nobody can write, at a third of the price.
    arrow = isinstance(names.array, pd.arrays.ArrowStringArray)
    copy.columns = names[:] if arrow else names.copy(deep=True)
    copy.index = frame.index[:]  # its copy shares the array that it makes once somebody asks for its values
    return copy


def _shared_by_copies(table: pa.Table, note: dict[str, Any]) -> bool:
    """Whether a column's objects can be changed and would be shared by deep copies of the frame."""
    notes = note["columns"].values()
    return any(pa.types.is_dictionary(column.type) for column in table.schema) or any(
        note["kind"] == "categorical" or note.get("of") in {"list", "ndarray"} for note in notes
    )


def _kind(note: dict[str, Any]) -> str:
    return "bool" if note.get("dtype") == "bool" else str(note["kind"])
