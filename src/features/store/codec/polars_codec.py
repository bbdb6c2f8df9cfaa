"""polars frames: numbers and small tables through pyarrow's Parquet reader and writer, the others through polars' own.

polars sets its streaming engine up for every file, which takes longer than all the rest where a table is small. Numbers
pyarrow writes faster on one core than polars does on two, as it need not note which are null where none is, and reads
faster; the price is that eight threads that save numbers at once, in small tables, get an eighth less done. Texts, and
whatever else has no fixed width, polars does faster. Either reads the same frame from what either wrote.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import UnsupportedDataError, is_of_the_moment
from features.store.codec.arrow import STREAM_GROUP_BYTES, is_fixed, parquet_of, read_from, rows_of_a_group
from features.store.codec.base import (
    Codec,
    Compression,
    Prepared,
    Storable,
    check_column_names,
    refused,
    unreadable,
)
from features.store.codec.footers import Footer, Source, open_parquet
from features.store.codec.refusal import DATA_ERRORS, Refusal
from features.store.codec.streams import StagedSink, Stream
from features.store.versions import Content

_FIXED = frozenset(
    [
        pl.Boolean, pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64,
        pl.Float32, pl.Float64, pl.Date, pl.Time, pl.Datetime, pl.Duration,
    ]
)  # fmt: skip
"""See ``is_fixed``."""
_PLAIN = _FIXED | {pl.String, pl.Binary, pl.Decimal, pl.Null}
_READ_ALIKE = frozenset(
    [
        pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
        pa.float32(), pa.float64(), pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.null(),
        pa.date32(), pa.time64("ns"), *map(pa.timestamp, ("ms", "us", "ns")), *map(pa.duration, ("ms", "us", "ns")),
    ]
)  # fmt: skip
"""What pyarrow reads of a file, where polars makes the same of it as of the file itself."""

_COMPRESSIONS: dict[str, Any] = {"none": "uncompressed"}
"""The names that polars has for some of ours."""

_PANICS: Any = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What polars raises; a panic is no ``Exception``, and would pass every handler of the caller's."""

_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")


class PolarsCodec(Codec[pl.DataFrame]):
    """``pl.DataFrame`` and ``pl.LazyFrame`` in, ``pl.DataFrame`` out."""

    backend = "polars"
    written_small, read_small = 1 << 12, 1 << 15
    """Texts, and other values without a fixed width, up to which pyarrow does it. One thread alone gains by saving up
    to several times as many; but eight that save at once wait for each other in pyarrow's Python, and take a fifth
    longer than they would with polars. Reading breaks even at about as many, and loses a sixth at twice as many."""

    def prepare(self, frame: Any, table: str) -> Storable:
        """See ``Codec.prepare``."""
        if isinstance(frame, pl.LazyFrame):
            return _lazy_stream(frame, table)
        if type(frame) is not pl.DataFrame:
            kind = type(frame).__name__
            raise refused(
                table, None, kind, f"a {kind} would come back as a plain DataFrame; wrap it in pl.DataFrame(…)"
            )
        check_column_names(frame.columns, table)
        kinds = [dtype.base_type() for dtype in frame.dtypes]
        texts = sum(kind not in _FIXED for kind in kinds)
        if frame.height * texts <= self.written_small and _PLAIN.issuperset(kinds):
            converted = _to_arrow(frame, fixed=not texts)
            return Prepared(self, converted, converted.schema, frame.height)
        return Prepared(self, frame, _storable_schema(frame, table), frame.height)

    def content(self, value: pl.DataFrame | pa.Table, compression: Compression) -> Content:
        """See ``Codec.content``."""
        if isinstance(value, pa.Table):
            return parquet_of(value, compression)
        return partial(_write, value, compression=compression)

    def read(self, source: Source, columns: Sequence[str] | None, footer: Footer | None = None) -> pl.DataFrame:
        """See ``Codec.read``."""
        kept = footer is not None and footer.metadata is not None
        with open_parquet(source, footer, columns) as file:
            schema = file.schema_arrow
            fields = list(schema) if columns is None else [schema.field(name) for name in columns]
            texts = sum(not is_fixed(field.type) for field in fields)
            if file.metadata.num_rows * texts <= self.read_small and _are_read_alike(fields):
                return _from_arrow(read_from(file, columns))
            _require_readable(fields)
        try:
            if kept:
                with open_parquet(source):  # its own is parsed as well, before polars does
                    pass
            with _system_errors():
                if columns is not None and any(map(_is_pattern, columns)):
                    whole = _read(source)
                    return pl.DataFrame({name: whole.get_column(name) for name in columns})
                return _read(source, None if columns is None else list(columns))
        except _PANICS as error:
            raise unreadable(f"polars {pl.__version__}", error) from error

    def scan(self, path: Path, columns: Sequence[str] | None) -> pl.LazyFrame:
        """See ``Codec.scan``. The ``LazyFrame`` cannot be pickled, as its handle cannot."""
        with open_parquet(path) as opened:
            _require_readable(list(opened.schema_arrow))
        try:
            with _system_errors(), path.open("rb") as file:  # polars keeps a handle of its own
                os.close(os.dup(file.fileno()))  # where it gets none, it reads the whole file into memory, unsaid
                lazy = pl.scan_parquet(file, glob=False, hive_partitioning=False)
                schema = lazy.collect_schema()
                pl.DataFrame(schema=schema).to_arrow()  # as some types fail only when they are used
        except _PANICS as error:
            raise unreadable(f"polars {pl.__version__}", error) from error
        names = schema.names()
        if columns is None:
            return lazy
        lazy = lazy.select(pl.nth([names.index(name) for name in columns]))
        if lazy.collect_schema().names() != list(columns):
            raise _taken_for_patterns(columns)
        return lazy

    def hand_out(self, value: pl.DataFrame) -> pl.DataFrame:
        """See ``Codec.hand_out``: a clone shares columns, and in-place methods copy a shared one first."""
        return value.clone()

    def size(self, value: pl.DataFrame) -> int:
        """See ``Codec.size``."""
        return int(value.estimated_size())


def _write(value: pl.DataFrame, path: Path, compression: Compression) -> None:
    with _system_errors():
        value.write_parquet(path, compression=_COMPRESSIONS.get(compression, compression))


def _storable_schema(frame: pl.DataFrame, table: str) -> pa.Schema:
    """The Arrow schema that other libraries will see, of a frame all of whose columns can be stored."""
    for name, dtype in zip(frame.columns, frame.dtypes, strict=True):
        try:
            if dtype.base_type() not in _PLAIN:
                _check(dtype)
        except Refusal as refusal:
            raise refused(table, name, dtype, f"{dtype} cannot be stored: {refusal}") from refusal
    return _arrow_schema(frame)


def _lazy_stream(frame: pl.LazyFrame, table: str) -> Stream:
    try:
        schema = frame.collect_schema()
    except pl.exceptions.PanicException as panic:
        raise _panicked(table, panic) from panic
    check_column_names(schema.names(), table)
    announced = _storable_schema(pl.DataFrame(schema=schema), table)
    return Stream(table, announced, partial(_sink, frame, table, rows_of_a_group(announced, STREAM_GROUP_BYTES)))


def _sink(frame: pl.LazyFrame, table: str, group_rows: int | None, sink: StagedSink, compression: Compression) -> int:
    try:
        with sink.file() as file:  # through Python's write, polars would be slower, and gather what waits for it
            name = _COMPRESSIONS.get(compression, compression)
            frame.sink_parquet(file, compression=name, row_group_size=group_rows)
    except pl.exceptions.PanicException as panic:
        raise _panicked(table, panic) from panic
    except pl.exceptions.PolarsError as error:
        if _SYSTEM_ERROR.search(str(error)):  # of this file, or of one that the frame reads
            sink.ask_disk()
        raise
    with sink.reader() as written:
        return int(pq.read_metadata(written).num_rows)


def _panicked(table: str, panic: BaseException) -> UnsupportedDataError:
    return refused(table, None, "LazyFrame", f"polars panicked when it ran the LazyFrame ({panic}); save it collected")


def _are_read_alike(fields: Sequence[pa.Field]) -> bool:
    # A field with metadata may be of a type that extends the one it is stored as, which polars alone gives back.
    return all(field.type in _READ_ALIKE and field.metadata is None for field in fields)


def _require_readable(fields: Sequence[pa.Field]) -> None:
    """Refuse what polars reads and then panics at: when it is asked for its size, or given to another library."""
    for field in fields:
        if "decimal256" in str(field.type) and not pa.types.is_decimal(field.type):
            raise unreadable(f"polars {pl.__version__}", TypeError(f"column {field.name!r} is of {field.type}"))


def _from_arrow(table: pa.Table) -> pl.DataFrame:
    """The table as a frame, without what else its file notes of it: polars panics at a note that is no text."""
    table.validate(full=True)  # polars believes what it is handed, and a text that is none would take it down
    return pl.DataFrame(table.replace_schema_metadata(None).to_reader())


def _read(source: Any, columns: list[str] | None = None) -> pl.DataFrame:
    # Nothing may be read into the path: neither a pattern, nor folders named like a=b.
    return pl.read_parquet(source, columns=columns, glob=False, hive_partitioning=False)


def _is_pattern(name: str) -> bool:
    """Whether polars would take a column's name for those of several."""
    return name == "*" or (name.startswith("^") and name.endswith("$"))


def _taken_for_patterns(columns: Sequence[str]) -> UnsupportedDataError:
    name = next(filter(_is_pattern, columns))
    because = (
        f"column {name!r}: this polars takes the name for a pattern; scan all columns, or load it with get_features"
    )
    return UnsupportedDataError(because, table=None, column=name, dtype=None)


def _check(dtype: pl.DataType) -> None:
    """Refuse a dtype, none of the plain ones, that does not come back as itself or that others could not read."""
    for part in _parts(dtype):
        if part.base_type() is pl.Object:  # writing one could take the interpreter down
            raise Refusal("Python objects have no Parquet type; convert them to text or numbers")
        if isinstance(part, pl.Struct) and any("\0" in field.name for field in part.fields):
            raise Refusal("a name in it holds a NUL, which Arrow takes for its end; rename it")
    reason = _fault(dtype)
    if reason is not None:
        raise Refusal(reason)


def _parts(dtype: Any) -> Iterator[Any]:
    """The dtype and, at whatever depth, all that it is made of."""
    yield dtype
    within = [field.dtype for field in getattr(dtype, "fields", ())]
    within += [getattr(dtype, name) for name in ("inner", "key", "value") if hasattr(dtype, name)]
    within += [dtype.ext_storage()] if hasattr(dtype, "ext_storage") else []  # a type of others' making
    for part in within:
        yield from _parts(part)


def _fault(dtype: pl.DataType) -> str | None:
    """What becomes of the dtype when it is written and read back, where that is not the dtype; tried, not listed."""
    try:
        return _change(dtype, repr(dtype))
    except (*_PANICS, *DATA_ERRORS, OSError) as error:
        if is_of_the_moment(error):
            raise
        return f"{str(error).partition(chr(10))[0]}; cast it to a dtype that every reader knows"


@lru_cache(maxsize=1024)
def _change(dtype: pl.DataType, _spelling: str) -> str | None:
    """The releases of polars differ in what they can nest. Dtypes that differ only in their spelling are told apart.
    What is raised is not kept.
    """
    empty = pl.DataFrame([pl.Series("column", [], dtype=dtype)])
    for frame in (empty, empty.clear(1)):
        file = io.BytesIO()
        frame.write_parquet(file)
        back = _read(io.BytesIO(file.getvalue())).schema["column"]
        if back != dtype or repr(back) != repr(dtype):
            return f"it would come back as {back}; cast it to a dtype that lasts"
        if frame is empty:
            _arrow_schema(frame)
            with open_parquet(file.getvalue()) as opened:
                read_from(opened)
    return None


def _arrow_schema(frame: pl.DataFrame) -> pa.Schema:
    return _to_arrow(frame.clear()).schema


def _to_arrow(frame: pl.DataFrame, *, fixed: bool = False) -> pa.Table:
    """The frame as other libraries will see it; where all its columns are of a fixed width, without a copy.

    Of a clone: polars locks what it converts, and keeps Python's own lock while it waits for a thread that reads it.
    As a stream it takes less than half as long, but texts would come as views, which few other libraries know, and
    chunks would be copied into one.
    """
    if fixed and frame.n_chunks() == 1:
        return pa.RecordBatchReader.from_stream(frame.clone()).read_all()
    return frame.clone().to_arrow(compat_level=pl.CompatLevel.oldest())


@contextmanager
def _system_errors() -> Iterator[None]:
    """Give an error of the operating system back its class and number, which polars keeps in its message only."""
    try:
        yield
    except (*_PANICS, OSError) as error:
        number = _SYSTEM_ERROR.search(str(error))
        if number is None:
            raise
        code = int(number[1])
        raise OSError(code, os.strerror(code)) from error
