"""Which Arrow columns come back from Parquet as themselves.

Most types are known to, some are known not to; of the rest (structs, maps, dictionaries, extension types …) the
releases of pyarrow differ, so such a column is written to memory first, and refused where that fails.

A field's metadata may change its column, too: pyarrow reads ``ARROW:extension:name`` as the type, and takes
``PARQUET:field_id`` for a number. So fields that have any are tried as well, without values.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import lru_cache

import pyarrow as pa

from features.errors import is_of_the_moment
from features.store.codec.arrow import DTYPES, SCHEMA, read_from, write_to
from features.store.codec.base import refused
from features.store.codec.footers import open_parquet
from features.store.codec.refusal import DATA_ERRORS, Refusal

_METADATA_AT_MOST = 16 << 20
"""Bytes of metadata. Readers of Parquet stop at about 100 MB, which holds it twice, encoded."""

_PLAIN = (
    pa.types.is_null,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_temporal,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_decimal128,
)


def check_columns(rows: pa.Table, table: str) -> None:
    """Refuse a table one of whose columns Parquet would change or not take.

    Raises:
        UnsupportedDataError: names the column and its type, and says the next step.
    """
    for field, values in zip(rows.schema, rows.columns, strict=True):
        try:
            check_lasts(field, values)
        except Refusal as refusal:
            raise refused(table, field.name, field.type, str(refusal)) from refusal


def check_metadata(schema: pa.Schema, table: str) -> None:
    """Refuse metadata that would be taken for ours or Parquet's own, or that keeps other readers from the file.

    Raises:
        UnsupportedDataError: says which, and the next step.
    """
    for key in schema.metadata or {}:
        if key in {DTYPES, SCHEMA}:
            because = (
                f"the schema's metadata key {key!r} is used by the file itself; drop it with replace_schema_metadata"
            )
            raise refused(table, None, None, because)
    if schema.metadata and not schema.equals(schema.with_metadata(schema.metadata), check_metadata=True):
        because = "the schema's metadata have a key twice, of which one would be lost; use replace_schema_metadata"
        raise refused(table, None, None, because)
    owners = [(None, schema.metadata)]
    owners += [(field.name, inner.metadata) for field in schema for inner in _with_inner(field)]
    size = 0
    for column, metadata in owners:
        try:
            for text in (text for pair in (metadata or {}).items() for text in pair):
                text.decode()
                size += len(text)
        except UnicodeDecodeError as error:
            because = (
                "metadata that is not UTF-8 makes the file unreadable to other libraries; encode it, e.g. as base64"
            )
            raise refused(table, column, None, because) from error
    if size > _METADATA_AT_MOST:
        because = f"{size >> 20} MB of metadata are more than readers of Parquet take; save them as an artifact"
        raise refused(table, None, None, because)


def check_described(schema: pa.Schema, table: str) -> None:
    """Refuse a column that its field's metadata would change; its type must be one that lasts.

    Raises:
        UnsupportedDataError: names the column, what would become of it, and the next step.
    """
    fields = [field for field in schema if field.metadata]
    if not fields or _all_kept(fields):
        return
    for field in fields:
        try:
            _check_kept(field)
        except Refusal as refusal:
            raise refused(table, field.name, field.type, str(refusal)) from refusal


def check_lasts(field: pa.Field, values: pa.Array | pa.ChunkedArray) -> None:
    """Refuse a column that Parquet would change or not take.

    Raises:
        Refusal: with what would happen, and the next step.
    """
    check_type(field.type)
    try:
        values.validate(full=True)
    except pa.ArrowInvalid as error:
        raise Refusal(f"its bytes are not valid {field.type} ({_first_line(error)}); build the column anew") from error
    check_seconds(values)
    if values.null_count and not field.nullable:
        raise Refusal("it is declared not null but holds nulls; declare it nullable, or fill them")
    if not _is_plain(field.type):
        _try(field, values)


def check_seconds(values: pa.Array | pa.ChunkedArray) -> None:
    """Refuse durations in seconds that polars, which has milliseconds at the coarsest, would read as others.

    Raises:
        Refusal: says so, and the next step.
    """
    if "duration[s]" not in str(values.type):
        return
    if values.type != pa.duration("s"):
        raise Refusal("durations in seconds inside other types would overflow in polars; cast them to milliseconds")
    try:
        values.cast(pa.duration("ms"))
    except pa.ArrowInvalid as error:
        raise Refusal("a duration is out of the range of duration[ms], the coarsest that polars has") from error


def check_type(kind: pa.DataType) -> None:
    """Refuse a type that Parquet would change or not take.

    Raises:
        Refusal: with what would happen, and the next step.
    """
    back = stored_as(kind)
    if back is not None and back.equals(kind, check_metadata=True) and str(back) == str(kind):
        return  # equality looks past the names inside maps
    for inner in _inner(kind):  # first, since metadata inside may be the cause of either
        _check_inner(inner)
    if back is None:
        raise Refusal(f"{kind} cannot be written to Parquet; cast the column to a type that can")
    raise Refusal(f"{kind} would come back as {back}; cast the column to that or another type that lasts")


def stored_as(kind: pa.DataType) -> pa.DataType | None:
    """The type that a column of type ``kind`` has when it comes back from Parquet; None where it cannot be written."""
    described = any(map(_is_described, _inner(kind)))
    look_up = _stored_as if isinstance(kind, Hashable) else _stored_as.__wrapped__  # not every extension type is one
    try:
        return look_up(kind, pa.schema([("column", kind)]).serialize().to_pybytes() if described else b"")
    except _UnwritableError:
        return None


@lru_cache(maxsize=1024)
def _stored_as(kind: pa.DataType, _described: bytes) -> pa.DataType:
    """``_described`` tells apart types that are equal but for the metadata inside them. What is raised is not kept."""
    return _round_trip(pa.schema([("column", kind)])).schema.field("column").type


def _inner(kind: pa.DataType) -> list[pa.Field]:
    return [kind.field(position) for position in range(kind.num_fields)]


def _with_inner(field: pa.Field) -> Iterator[pa.Field]:
    waiting = [field]
    while waiting:  # and not by recursion, which a type of a thousand levels would bring to its end
        field = waiting.pop()
        yield field
        waiting += reversed(_inner(field.type))


def _is_described(field: pa.Field) -> bool:
    return any(inner.metadata for inner in _with_inner(field))


def _check_inner(field: pa.Field) -> None:
    if not _is_described(field):
        return  # then the metadata are not the cause
    try:
        check_type(field.type)
        if field.metadata:
            _check_kept(field)
    except Refusal as refusal:
        raise Refusal(f"of its inner field {field.name!r}: {refusal}") from refusal


def _all_kept(fields: list[pa.Field]) -> bool:
    try:
        back = _round_trip(pa.schema(fields)).schema
    except _UnwritableError:
        return False
    return all(map(_same, fields, back))


def _check_kept(field: pa.Field) -> None:
    drop = "drop them with field.remove_metadata()"
    try:
        back = _round_trip(pa.schema([field])).schema.field(0)
    except _UnwritableError as error:
        raise Refusal(f"its field's metadata keep it from being stored ({error}); {drop}") from error
    if str(back.type) != str(field.type):
        raise Refusal(f"its field's metadata would make it {back.type}; cast it to that, or {drop}")
    if not _same(field, back):
        raise Refusal(f"its field's metadata would come back as {back.metadata or {}}; change them to that, or {drop}")


def _same(field: pa.Field, back: pa.Field) -> bool:
    """Whether they are; what was declared not null is noted elsewhere."""
    return field.equals(back.with_nullable(field.nullable), check_metadata=True) and str(field.type) == str(back.type)


def _is_plain(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return bool(kind.value_field.nullable) and _is_plain(kind.value_type)
    return any(holds(kind) for holds in _PLAIN)


def _try(field: pa.Field, values: pa.Array | pa.ChunkedArray) -> None:
    table = pa.table([values], schema=pa.schema([field.with_name("column").remove_metadata()]))
    try:
        back = _round_trip(table)
    except _UnwritableError as error:
        raise Refusal(f"{field.type} with these values cannot be stored ({error}); cast it") from error
    if str(back.schema.field("column").type) != str(field.type):
        raise Refusal(f"the names inside {field.type} would be lost; give its nulls a type")
    if "ordered=1" in str(field.type) and not back.combine_chunks().equals(table.combine_chunks()):
        raise Refusal(f"the order of {field.type} would be lost; cast it to text")


class _UnwritableError(Exception):
    """What keeps pyarrow from writing a type or its values, in one line."""


def _round_trip(of: pa.Table | pa.Schema) -> pa.Table:
    """The table, or an empty one with the schema, as it comes back."""
    sink = pa.BufferOutputStream()
    try:
        write_to(sink, of.empty_table() if isinstance(of, pa.Schema) else of, "none")
        with open_parquet(sink.getvalue().to_pybytes()) as file:
            return read_from(file)
    except (*DATA_ERRORS, OSError) as error:  # no disk is touched: pyarrow says "OSError" of a decimal's scale
        if is_of_the_moment(error):
            raise
        raise _UnwritableError(_first_line(error)) from error


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
