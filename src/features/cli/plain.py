"""Tables as text files hold them: what CSV and JSON have no way to say is refused, never written as something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from features.engineering.arrow_values import UNHELD
from features.errors import UnsupportedDataError

Form = Literal["CSV", "JSON"]

_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # of the years 1 and 9999


def as_plain(frame: pa.Table, form: Form, table: str) -> pa.Table:
    """``frame`` with values for categories, moments of time zones in UTC and, for JSON, times and moments as text: of
    their nanoseconds Python has none.

    Raises:
        UnsupportedDataError: a column holds what ``form`` does not.
    """
    plain = _changed(frame, _common)
    for field, column in zip(frame.schema, plain.columns, strict=True):
        reason = next((said for part in _parts(column) for why, said in _REFUSED[form].items() if why(part)), None)
        if reason is not None:
            raise _unfit(table, field, f"{reason.format(field.type)}, which {form} cannot hold")
    return _changed(plain, _as_text) if form == "JSON" else plain


def refuse_blank_lines(frame: pa.Table, table: str) -> None:
    """Raise unless every row is more than an empty line of CSV, which readers skip.

    Raises:
        UnsupportedDataError: the only column has nulls.
    """
    if frame.num_columns == 1 and frame.column(0).null_count:
        reason = "is the only one and has nulls, which are blank lines in CSV, that readers skip"
        step = "add a second column with --columns, or write .parquet or .jsonl"
        raise _unfit(table, frame.schema.field(0), reason, step)


@contextmanager
def hold_all(form: Form, table: str) -> Iterator[None]:
    """A block that writes a table as ``form``.

    Raises:
        UnsupportedDataError: Arrow or Python cannot.
    """
    try:
        yield
    except UNHELD as error:
        raise UnsupportedDataError(
            f"table {table!r} does not go into {form}: {error}; write .parquet, or choose others with --columns",
            table=table,
            column=None,
            dtype=None,
        ) from error


def _changed(frame: pa.Table, change: Callable[[pa.DataType], pa.DataType]) -> pa.Table:
    fields = [field.with_type(_made_of(field.type, change)) for field in frame.schema]
    columns = [
        column if column.type == field.type else column.cast(field.type)
        for field, column in zip(fields, frame.columns, strict=True)
    ]
    return pa.table(columns, pa.schema(fields))


def _made_of(kind: pa.DataType, change: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """``kind`` with its parts changed, and values in place of categories and of what extensions make of them."""
    if isinstance(kind, pa.BaseExtensionType):
        return pa.bool_() if kind.extension_name == "arrow.bool8" else _made_of(kind.storage_type, change)
    if pa.types.is_dictionary(kind):
        return _made_of(kind.value_type, change)
    if pa.types.is_map(kind):
        return pa.map_(_made_of(kind.key_type, change), _made_of(kind.item_type, change))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_made_of(field.type, change)) for field in kind])
    if not pa.types.is_nested(kind) or not hasattr(kind, "value_field"):
        return change(kind)
    items = kind.value_field.with_type(_made_of(kind.value_type, change))
    if items == kind.value_field:
        return kind
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(items, kind.list_size)
    large = pa.types.is_large_list(kind) or pa.types.is_large_list_view(kind)
    return pa.large_list(items) if large else pa.list_(items)


def _common(kind: pa.DataType) -> pa.DataType:
    """What any version of Arrow says alike on any system, be the zone known there or not."""
    if pa.types.is_float16(kind):
        return pa.float32()
    return pa.timestamp(kind.unit, "UTC") if pa.types.is_timestamp(kind) and kind.tz else kind


def _as_text(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_temporal(kind) else kind


def _parts(column: pa.ChunkedArray) -> Iterator[pa.Array]:
    """The column, and all that it is made of."""
    for chunk in column.chunks or [pa.nulls(0, column.type)]:
        yield from _parts_of(chunk)


def _parts_of(array: pa.Array) -> Iterator[pa.Array]:
    yield array
    if pa.types.is_map(array.type):
        yield from _parts_of(array.keys)
        yield from _parts_of(array.items)
    elif pa.types.is_struct(array.type):
        for part in array.flatten():
            yield from _parts_of(part)
    elif pa.types.is_nested(array.type):
        yield from _parts_of(array.flatten())


def _is_of_bytes(part: pa.Array) -> bool:
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(test(part.type) for test in tests)


def _is_of_spans(part: pa.Array) -> bool:
    return bool(pa.types.is_duration(part.type) or pa.types.is_interval(part.type))


def _has_far_days(part: pa.Array) -> bool:
    """Whether a year has not four digits, as ISO 8601 and every reader want them."""
    if not (pa.types.is_date(part.type) or pa.types.is_timestamp(part.type)):
        return False
    first, last = (scalar.value for scalar in pc.min_max(part).values())
    a_day = 1 if pa.types.is_date32(part.type) else _DAY[getattr(part.type, "unit", "ms")]
    return first is not None and not _FIRST_DAY <= first // a_day <= last // a_day <= _LAST_DAY


def _has_no_number(part: pa.Array) -> bool:
    return bool(pa.types.is_floating(part.type)) and not pc.all(pc.is_finite(part), min_count=0).as_py()


def _is_nested(part: pa.Array) -> bool:
    return bool(pa.types.is_nested(part.type))


_TYPE, _FAR = "is of type {}", "has years before 1 or after 9999"
_REFUSED: dict[Form, dict[Callable[[pa.Array], bool], str]] = {
    "CSV": {_is_of_bytes: _TYPE, _is_of_spans: _TYPE, _is_nested: _TYPE, _has_far_days: _FAR},
    "JSON": {
        _is_of_bytes: _TYPE,
        _is_of_spans: _TYPE,
        _has_far_days: _FAR,
        _has_no_number: "holds NaN or infinity",
    },
}


def _unfit(
    table: str, field: pa.Field, reason: str, step: str = "write .parquet, or choose other columns with --columns"
) -> UnsupportedDataError:
    return UnsupportedDataError(
        f"column {field.name!r} of table {table!r} {reason}; {step}",
        table=table,
        column=field.name,
        dtype=str(field.type),
    )
