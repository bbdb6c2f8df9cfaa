"""From a column of any values to a typed Arrow column and the positions of those refused, whole columns at a
time.

A column is taken in one strict step when the *set* of its types says that Arrow would change nothing silently
(Arrow alone takes 1.5 as 1 and True as 1), and its range is checked whole. Only a column that Arrow cannot take so is
judged value by value.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from itertools import chain
from operator import countOf
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.engineering import values
from features.engineering.arrow_values import python_values
from features.engineering.genres import genre_list
from features.engineering.scanning import text_bytes
from features.engineering.schema import MOVIE_SCHEMA, REQUIRED, TEXT

RawColumn: TypeAlias = "Sequence[Any] | pa.Array"
Problems: TypeAlias = dict[int, str]
_Judge: TypeAlias = Callable[[Any, bool], Any]

_NoneType = type(None)
_GENRE_LISTS = pa.large_list(pa.int64())
_FIRST_DAY, _LAST_DAY = ((day - dt.date(1970, 1, 1)).days for day in (dt.date.min, dt.date.max))
_ARROW_ERRORS = (
    pa.ArrowInvalid,
    pa.ArrowTypeError,
    pa.ArrowNotImplementedError,
    OverflowError,
    UnicodeEncodeError,
)


class TypedColumn(NamedTuple):
    """A column of the schema's type, null where a value is missing, and why values were refused, by position."""

    array: pa.Array
    problems: Problems


def typed_column(field: str, column: RawColumn, *, from_csv: bool = False) -> TypedColumn:
    """``column`` as ``field`` of the movie schema; ``from_csv`` says that numbers may be text."""
    fast = _from_arrow if isinstance(column, pa.Array) else _from_values
    try:
        array = fast(field, column, from_csv)
    except _ARROW_ERRORS:
        array = None
    if array is not None:
        if field == "genre_ids":
            return TypedColumn(_empty_where_null(array), {})
        return TypedColumn(array, _out_of_range(field, array))
    return _one_by_one(field, python_values(column) if isinstance(column, pa.Array) else column, from_csv)


def _genres(value: object, from_csv: bool) -> list[int]:  # noqa: ARG001 - one signature for all fields
    return genre_list(value)


_JUDGES: dict[str, _Judge] = {
    "movie_id": values.natural,
    "title": values.title,
    "overview": values.text,
    "original_title": values.text,
    "original_language": values.text,
    "release_date": values.date,
    "vote_average": values.vote,
    "vote_count": values.natural,
    "popularity": values.amount,
    "genre_ids": _genres,
    "adult": values.flag,
}


def _one_by_one(field: str, column: Sequence[Any], from_csv: bool) -> TypedColumn:
    judge, problems = _JUDGES[field], Problems()
    missing: Any = [] if field == "genre_ids" else None
    taken: list[Any] = []
    for position, value in enumerate(column):
        if values.is_missing(value):
            taken.append(missing)
            if field in REQUIRED:
                problems[position] = "is missing"
            continue
        try:
            taken.append(judge(value, from_csv))
        except ValueError as error:
            taken.append(missing)
            problems[position] = str(error)
    return TypedColumn(pa.array(taken, MOVIE_SCHEMA.field(field).type), problems)


def _from_values(field: str, column: Sequence[Any], from_csv: bool) -> pa.Array | None:
    """The whole column strictly, or None when its types do not allow that."""
    target = MOVIE_SCHEMA.field(field).type
    kinds = _kinds(column) - {_NoneType}
    if field == "genre_ids":
        return _genre_values(column, kinds)
    if not kinds:
        return pa.nulls(len(column), target)
    if kinds == {str}:
        return _from_text(field, pa.array(column, TEXT), from_csv)
    if kinds <= _STRICT_KINDS.get(target, set()):
        return pa.array(column, target)
    return None


_STRICT_KINDS: dict[pa.DataType, set[type]] = {
    pa.int64(): {int},
    pa.float64(): {int, float},
    pa.bool_(): {bool},
}


def _genre_values(column: Sequence[Any], kinds: set[type]) -> pa.Array | None:
    if kinds == {str}:
        return pa.array([_parsed(value) for value in column], _GENRE_LISTS)
    if not kinds <= {list, tuple}:
        return None
    items = _item_types(column)
    if items == {dict}:
        column = [[genre.get("id") for genre in value or ()] for value in column]
        items = _item_types(column)
    return pa.array(column, _GENRE_LISTS) if items <= {int} else None


def _item_types(lists: Sequence[Any]) -> set[type]:
    return _kinds(list(chain.from_iterable(filter(None, lists))))


def _kinds(column: Sequence[Any]) -> set[type]:
    """The types of the values. Most columns have one, and counting it takes half the time of collecting a set."""
    if column and countOf(map(type, column), type(column[0])) == len(column):
        return {type(column[0])}
    return set(map(type, column))


def _parsed(text: str | None) -> list[int]:
    try:
        return [] if text is None else genre_list(text)
    except ValueError as error:
        raise pa.ArrowInvalid(str(error)) from None  # as any other value that the whole column fails on


def _from_arrow(field: str, column: pa.Array, from_csv: bool) -> pa.Array | None:
    """The whole column strictly, or None when its type needs judging value by value."""
    target = MOVIE_SCHEMA.field(field).type
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _from_arrow(field, column.cast(kind.value_type), from_csv)
    if _is_text(kind):
        texts = column.cast(TEXT)
        if text_bytes(texts)[0].max(initial=0) > 0x7F:  # ASCII is valid, and seen sooner
            texts.validate(full=True)  # Arrow and Parquet take any bytes for text
        return _from_text(field, texts, from_csv)
    if pa.types.is_null(kind) or (kind == target and target != pa.date32()):
        return column.cast(target)
    if target == pa.date32():
        return _arrow_dates(column)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _arrow_genres(column) if target == _GENRE_LISTS else None
    if target == pa.int64() and pa.types.is_floating(kind):
        return None if pc.any(pc.is_nan(column)).as_py() else column.cast(target)
    if target in (pa.int64(), pa.float64()) and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return column.cast(target)
    return None


def _is_text(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def _arrow_dates(column: pa.Array) -> pa.Array | None:
    """The days of a date or time column, a time with a zone on its own wall clock; null outside the years 1
    to 9999."""
    if pa.types.is_timestamp(column.type):
        column = column if column.type.tz is None else pc.local_timestamp(column)
    elif not pa.types.is_date(column.type):
        return None
    return _possible_days(column.cast(pa.date32(), safe=False))


def _possible_days(days: pa.Array) -> pa.Array:
    number = days.cast(pa.int32())
    low, high = (found.as_py() for found in pc.min_max(number).values())
    if low is None or (low >= _FIRST_DAY and high <= _LAST_DAY):
        return days
    possible = pc.and_(pc.greater_equal(number, _FIRST_DAY), pc.less_equal(number, _LAST_DAY))
    return pc.if_else(possible, days, pa.scalar(None, pa.date32()))


def _arrow_genres(column: pa.Array) -> pa.Array | None:
    inner = column.type.value_type
    if pa.types.is_struct(inner) and inner.get_field_index("id") >= 0:
        lists = column.cast(pa.large_list(inner))
        ids = pc.struct_field(lists.values, "id")
        column = pa.LargeListArray.from_arrays(lists.offsets, ids, mask=lists.is_null())
        inner = ids.type
    if not (pa.types.is_integer(inner) or pa.types.is_null(inner)):
        return None
    lists = column.cast(_GENRE_LISTS)
    return None if lists.flatten().null_count else lists


def _from_text(field: str, column: pa.Array, from_csv: bool) -> pa.Array | None:
    """A text column as ``field``: as it is, as dates, as CSV numbers, as "True" and "False"; else None."""
    target = MOVIE_SCHEMA.field(field).type
    if target == TEXT:
        return column
    if target == pa.date32():
        return parse_dates(column)
    if target == _GENRE_LISTS:
        return _genre_values(column.to_pylist(), {str})
    if target == pa.bool_() and not pc.any(pc.invert(pc.is_in(column, pa.array(["True", "False"], TEXT)))).as_py():
        return pc.equal(column, "True")
    if from_csv and target in (pa.int64(), pa.float64()):
        pattern = "^[0-9]+$" if target == pa.int64() else f"^(?:{values.CSV_NUMBER})$"
        return column.cast(target) if pc.all(pc.match_substring_regex(column, pattern)).as_py() else None
    return None


def _empty_where_null(lists: pa.Array) -> pa.Array:
    if not lists.null_count:
        return lists
    return pc.if_else(lists.is_null(), pa.scalar([], _GENRE_LISTS), lists)


def _out_of_range(field: str, array: pa.Array) -> Problems:
    """The refused values of a column that has the right type, in the words of ``values``."""
    problems = Problems()
    if field in REQUIRED and array.null_count:
        problems |= _refused(array.is_null(), "is missing")
    if field == "title":
        problems |= _blank(array)
    elif pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        problems |= _improper_numbers(field, array)
    return problems


def _improper_numbers(field: str, array: pa.Array) -> Problems:
    known = array.drop_null().to_numpy(zero_copy_only=False)
    if not len(known):
        return {}
    low, high = known.min(), known.max()  # NaN makes both NaN, and every comparison with them false
    highest = 10 if field == "vote_average" else np.inf
    if low >= 0 and high <= highest and high != np.inf:
        return {}
    problems = _refused(pc.less(array, 0), "is negative")
    if field == "vote_average":
        problems = _refused(pc.or_(pc.less(array, 0), pc.greater(array, 10)), "is outside 0 to 10")
    if pa.types.is_floating(array.type):
        problems |= _refused(pc.invert(pc.is_finite(array)), "is not a finite number")
    return problems


def _refused(which: pa.Array, reason: str) -> Problems:
    return dict.fromkeys(np.flatnonzero(which.fill_null(False)).tolist(), reason)


def _blank(texts: pa.Array) -> Problems:
    """Texts that hold only white space. Those that start with an ASCII letter or the like do not."""
    source, offsets = text_bytes(texts)
    first = source.take(offsets[:-1], mode="clip") if len(source) else np.zeros(len(texts), np.uint8)
    suspects = np.flatnonzero((first <= ord(" ")) | (first > 0x7F) | (np.diff(offsets) == 0))
    if not len(suspects):
        return {}
    trimmed = pc.utf8_trim(texts.take(pa.array(suspects)), values.WHITE_SPACE)
    blank = pc.equal(pc.binary_length(trimmed), 0).fill_null(False)
    return dict.fromkeys(suspects[np.asarray(blank)].tolist(), "is empty")


def parse_dates(column: pa.Array) -> pa.Array:
    """A text column as date32, null for anything but "YYYY-MM-DD" with a real day in the years 1 to 9999."""
    exact = pc.equal(pc.binary_length(column), 10)
    try:
        return _possible_days(pc.if_else(exact, column, pa.scalar(None, column.type)).cast(pa.date32()))
    except pa.ArrowInvalid:
        pass  # Arrow says that one is no date, and not which: all are looked at
    days = np.zeros(len(column), dtype=np.int32)
    good = np.array(pc.fill_null(exact, False))
    spelled, _ = text_bytes(column.filter(exact))
    days[good], good[good] = _days(spelled.reshape(-1, 10))
    return pa.array(days, pa.date32(), mask=~good)


def _days(spelled: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    """Days since 1970-01-01 of an (n, 10) array of ASCII bytes, and which of them are dates."""
    digits = spelled[:, [0, 1, 2, 3, 5, 6, 8, 9]].astype(np.int64) - ord("0")
    good = ((digits >= 0) & (digits <= 9)).all(axis=1)
    good &= (spelled[:, 4] == ord("-")) & (spelled[:, 7] == ord("-"))
    year = digits[:, :4] @ np.array([1000, 100, 10, 1])
    month, day = digits[:, 4:6] @ np.array([10, 1]), digits[:, 6:] @ np.array([10, 1])
    good &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0)
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    following = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    good &= day <= following - first
    return (first + day - 1).astype(np.int32), good
