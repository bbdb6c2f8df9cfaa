"""Some records as columns, not yet judged: the one shape in which dicts, frames and files enter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import Any

import pyarrow as pa

from features.engineering.arrow_values import UNHELD, distinct_names, python_values, values_at
from features.engineering.columns import RawColumn
from features.engineering.schema import ALIASES, FIELDS, REQUIRED, TEXT
from features.engineering.values import is_missing, is_missing_type
from features.errors import ConfigError, InvalidMoviesError
from features.frames import Frame, backend_of

RECORD_ROWS = 1 << 13
"""Records turned into columns at a time: few enough to stay in the processor's cache meanwhile."""
BATCH_ROWS = 1 << 16
"""Rows judged at a time: enough for whole-column work, few enough that a large input never is all Python
objects."""
_FRAME = "the frame"
"""What messages call an input that has no name of its own."""


@dataclass(frozen=True)
class Batch:
    """Records as columns of equal length."""

    column: Callable[[str], RawColumn | None]
    """The values of a field, taken from the records when asked for; None where the input has no such column."""
    rows: Sequence[int]
    """Where each record stands in the input."""
    records: Callable[[Sequence[int]], Sequence[object]]
    """The whole records at some positions, for the account of the rejected."""
    unreadable: Mapping[int, str] = field(default_factory=dict)
    """Positions that hold no record at all, and why."""
    from_csv: bool = False


class FieldNames:
    """Under which of the input's own names each field may stand, best first.

    Args:
        rename: the input's name → the field that it is, as in ``{"film": "title"}``.

    Raises:
        ConfigError: ``rename`` is no mapping, or names a field that movies do not have, or one twice.
    """

    def __init__(self, rename: Mapping[str, str] | None = None) -> None:
        if not isinstance(rename, Mapping | None):
            message = f"rename is {rename!r}; give a dict of their names and ours, such as {{'film': 'title'}}"
            raise ConfigError(message, field="rename", value=rename)
        self.rename = dict(rename or {})
        known = {*FIELDS, *ALIASES.values()}
        for ours in self.rename.values():
            if not isinstance(ours, str) or ours not in known:
                there = ", ".join(sorted(known))
                message = f"rename= maps to {ours!r}, which is no field of a movie; these are: {there}"
                raise ConfigError(message, field="rename", value=ours)
        self._not_found, self._instead = set(self.rename), set[str]()
        self._theirs: dict[str, str] = {}
        for theirs, ours in self.rename.items():
            other = self._theirs.setdefault(ours, theirs)
            if other != theirs:
                message = f"rename= maps both {other!r} and {theirs!r} to {ours!r}; leave one out"
                raise ConfigError(message, field="rename", value=self.rename)

    def candidates(self, name: str) -> list[str]:
        """The input's names for field ``name``: renamed, its own, its alias."""
        ours = [name, *([ALIASES[name]] if name in ALIASES else [])]
        renamed = [self._theirs[one] for one in ours if one in self._theirs]
        return renamed + [one for one in ours if one not in self._theirs and one not in self.rename]

    def look_for(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Note which of the names that are to be renamed stand in ``records``, and which only as they would be."""
        for record in records if self._not_found else ():
            self._instead |= {theirs for theirs in self._not_found if self.rename[theirs] in record}
            self._not_found.difference_update(record)
            if not self._not_found:
                break

    def require_found(self, source: str) -> None:
        """See that no renaming hid a field: one with a name that no record has, to one that they have themselves.

        Raises:
            InvalidMoviesError: one did.
        """
        for theirs, ours in self.rename.items():
            if theirs in self._not_found & self._instead:
                reason = (
                    f"{source} has no field {theirs!r} to rename, but {ours!r} itself; correct the name, or drop it"
                )
                raise InvalidMoviesError(reason, count=0, problems=())

    def present(self, names: Sequence[str], source: str) -> dict[str, list[str]]:
        """The columns of each field among ``names``, the header of ``source``.

        Raises:
            InvalidMoviesError: a name stands there twice, or beside one that is renamed to it, or there is no id
                or no title.
        """
        found = {one: [name for name in self.candidates(one) if name in names] for one in FIELDS}
        wanted = [name for candidates in found.values() for name in candidates]
        doubled = [name for name in wanted if names.count(name) > 1]
        absent = [name for name in self.rename if name not in names]
        taken = [ours for ours in self._theirs if ours in names and ours not in self.rename]
        missing = [one for one in REQUIRED if not found[one]]
        if doubled:
            reason = f"{source} has two columns named {doubled[0]!r}; drop one"
        elif absent:
            reason = f"{source} has no column {absent[0]!r} to rename; it has {_some(names)}"
        elif taken:
            theirs = self._theirs[taken[0]]
            reason = f"{source} already has a column {taken[0]!r}; drop it, rename it too, or leave {theirs!r} as it is"
        elif missing:
            what = " and ".join("movie_id (or id)" if one == "movie_id" else one for one in missing)
            hint = "if it has another name, "
            if source == _FRAME:
                hint += f"rename the frame's column to {missing[0]!r}"
            else:
                hint += "say so with rename={'their name': '" + missing[0] + "'}"
            reason = f"{source} has no column {what}; it has {_some(names)}: {hint}"
        else:
            return found
        raise InvalidMoviesError(reason, count=0, problems=())


def _some(names: Sequence[object]) -> str:
    shown = ", ".join(repr(name if len(name) <= 40 else f"{name[:39]}…") for name in map(str, names[:8]))
    return (shown or "no columns") + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def batches_of_records(records: Iterable[Any], names: FieldNames) -> Iterator[Batch]:
    """Batches of mappings; ``row`` is the position in ``records``."""
    remaining, start = iter(records), 0
    while chunk := list(islice(remaining, RECORD_ROWS)):
        yield batch_of_rows(chunk, range(start, start + len(chunk)), names)
        start += len(chunk)


def batch_of_rows(records: Sequence[Any], rows: Sequence[int], names: FieldNames) -> Batch:
    """One batch of mappings that stand at ``rows``."""
    unreadable: dict[int, str] = {}
    mappings: Sequence[Any] = records
    plain = not set(map(type, records)) - {dict}
    if not plain:
        unreadable = {
            at: "is not a mapping or JSON object" for at, one in enumerate(records) if not isinstance(one, Mapping)
        }
        mappings = [{} if at in unreadable else one for at, one in enumerate(records)]

    names.look_for(mappings)

    def column(name: str) -> list[Any]:
        return _values(mappings, names.candidates(name), plain=plain)

    return Batch(column, rows, lambda positions: [records[at] for at in positions], unreadable)


def _values(records: Sequence[Mapping[str, Any]], keys: Sequence[str], *, plain: bool) -> list[Any]:
    """The value of the first of ``keys`` that a record has and that is not missing; ``plain`` says that all are
    dicts."""
    if not keys:  # its one name is that of another field, by rename
        return [None] * len(records)
    try:  # most often all have it, and this is the fastest way; but a defaultdict would gain a key by it
        values = list(map(itemgetter(keys[0]), records)) if plain else [record.get(keys[0]) for record in records]
    except KeyError:
        values = [record.get(keys[0]) for record in records]
    for key in keys[1:]:
        if any(map(is_missing_type, set(map(type, values)))):
            pairs = zip(values, records, strict=True)
            values = [record.get(key) if is_missing(value) else value for value, record in pairs]
    return values


def batches_of_frame(frame: Frame, names: FieldNames) -> Iterator[Batch]:
    """Batches of any frame that speaks Arrow; a polars LazyFrame is collected. ``row`` is the position.

    Raises:
        InvalidMoviesError: no id or title column, or what speaks Arrow is no table: one column, say.
    """
    if backend_of(frame) == "pandas":
        yield from _batches_of_pandas(frame, names)
        return
    if backend_of(frame) == "polars" and hasattr(frame, "collect"):
        frame = frame.collect()
    table = _arrow_table(frame, names)
    yield from batches_of_arrow(table.to_batches(max_chunksize=BATCH_ROWS), table.schema, names)


def _arrow_table(frame: Frame, names: FieldNames) -> pa.Table:
    """The frame in Arrow. A polars column that has no type there becomes text, unless it is a movie's field."""
    try:
        return frame if isinstance(frame, pa.Table) else pa.table(frame)  # Arrow 19 would crash on a view without bytes
    except (TypeError, ValueError):
        if backend_of(frame) != "polars":
            raise _not_taken(frame) from None
    fields = {candidate for name in FIELDS for candidate in names.candidates(name)}
    columns: dict[str, pa.ChunkedArray] = {}
    for column in frame.iter_columns():
        try:
            columns[column.name] = pa.table(column.to_frame())[0]
        except (TypeError, ValueError) as error:
            if column.name in fields:
                reason = f"the frame's column {column.name!r} is {column.dtype}, which Arrow cannot read; cast it"
                raise InvalidMoviesError(f"{reason} ({error})", count=0, problems=()) from None
            texts = [None if value is None else str(value) for value in column.to_list()]
            columns[column.name] = pa.chunked_array([texts], TEXT)
    return pa.table(columns)


def batches_of_arrow(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, names: FieldNames, source: str = _FRAME
) -> Iterator[Batch]:
    """Batches of Arrow record batches of one ``schema``."""
    found = names.present(schema.names, source) if schema.names else {}
    start = 0
    for batch in batches:
        columns = {
            name: _coalesced([_owned(batch.column(one)) for one in ours]) for name, ours in found.items() if ours
        }
        yield Batch(columns.get, range(start, start + batch.num_rows), _arrow_records(batch))
        start += batch.num_rows


def _arrow_records(batch: pa.RecordBatch) -> Callable[[Sequence[int]], Sequence[object]]:
    def records(positions: Sequence[int]) -> list[object]:
        at = pa.array(positions, pa.int64())
        return _records(batch.schema.names, [values_at(column, at) for column in batch.columns], len(positions))

    return records


def _records(names: Sequence[str], columns: Sequence[Sequence[Any]], size: int) -> list[object]:
    """``size`` records of all columns, also of those that share a name."""
    named = dict(zip(distinct_names(names), columns, strict=True))
    return [{name: column[at] for name, column in named.items()} for at in range(size)]


def _coalesced(columns: Sequence[RawColumn]) -> RawColumn:
    """The first value that is not null in each row, of one column or two."""
    if len(columns) == 1:
        return columns[0]
    first, second = (python_values(column) if isinstance(column, pa.Array) else column for column in columns)
    return [other if value is None else value for value, other in zip(first, second, strict=True)]


def _batches_of_pandas(frame: Frame, names: FieldNames) -> Iterator[Batch]:
    columns = [name if isinstance(name, str) else str(name) for name in frame.columns]  # a name may be pd.NA
    found = names.present(columns, _FRAME) if columns else {}
    for start in range(0, len(frame), BATCH_ROWS):
        part = frame.iloc[start : start + BATCH_ROWS]
        raw = {
            name: _coalesced([_pandas_values(part.iloc[:, columns.index(one)]) for one in ours])
            for name, ours in found.items()
            if ours
        }
        yield Batch(raw.get, range(start, start + len(part)), _pandas_records(part, columns))


def _pandas_records(part: Frame, names: Sequence[str]) -> Callable[[Sequence[int]], Sequence[object]]:
    def records(positions: Sequence[int]) -> list[object]:
        rows = part.iloc[list(positions)]
        columns = [_pandas_objects(rows.iloc[:, at]) for at in range(len(names))]
        return _records(names, columns, len(positions))

    return records


def _pandas_objects(series: Any) -> list[Any]:
    try:
        return list(series.tolist())
    except UNHELD:
        return python_values(_one_chunk(pa.array(series, from_pandas=True)))


def _pandas_values(series: Any) -> RawColumn:
    """A typed column through Arrow, where pandas' NaN is null; an object column as what it holds, NaN being
    missing."""
    if series.dtype != object:
        try:
            return _owned(_one_chunk(pa.array(series, from_pandas=True)))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            pass  # a type that Arrow does not know: taken as Python objects, like any object column
    missing = series.isna().tolist()
    return [None if gone else value for gone, value in zip(missing, series.tolist(), strict=True)]


def _owned(column: pa.Array) -> pa.Array:
    """A column of numbers with memory of its own: what was given may be an array of NumPy's that its owner changes."""
    return pa.concat_arrays([column, column[:0]]) if pa.types.is_primitive(column.type) else column


def _one_chunk(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def is_frame(movies: object) -> bool:
    """Whether it is a dataframe, or anything else that speaks Arrow."""
    return backend_of(movies) is not None or any(hasattr(movies, f"__arrow_c_{kind}__") for kind in ("stream", "array"))


def check_frame(frame: object) -> None:
    """Refuse what is no frame, with the next step.

    Raises:
        InvalidMoviesError: it is none.
    """
    if not is_frame(frame):
        reason = f"movies is {type(frame).__name__}; give a dataframe, or records to Movies.from_records"
        raise InvalidMoviesError(reason, count=0, problems=())


def check_input(movies: object) -> None:
    """Refuse what is neither records nor a frame, with the next step.

    Raises:
        InvalidMoviesError: one record, text or a path, one column, or nothing that can be iterated.
    """
    if isinstance(movies, (str, bytes)) or hasattr(movies, "__fspath__"):
        reason = "movies is text or a path; read a file with read_movies(path) first"
    elif isinstance(movies, Mapping):
        reason = "movies is one mapping; give a list of records"
    elif backend_of(movies) is not None:  # whose column names would be taken for records
        reason = f"movies is {type(movies).__name__}; give a dataframe to Movies.from_frame"
    elif not isinstance(movies, Iterable) or hasattr(movies, "to_frame"):  # one column; before pandas 3 not Arrow's
        raise _not_taken(movies)
    else:
        return
    raise InvalidMoviesError(reason, count=0, problems=())


def _not_taken(movies: object) -> InvalidMoviesError:
    reason = f"movies is {type(movies).__name__}; give a list of dicts, a dataframe or Movies"
    return InvalidMoviesError(reason, count=0, problems=())
