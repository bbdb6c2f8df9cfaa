"""``Movies``: the typed input, with every record accounted for. All validation of movie data ends here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.engineering.arrow_values import python_value
from features.engineering.batch import Batch, FieldNames, batches_of_frame, batches_of_records, check_frame, check_input
from features.engineering.columns import Problems, typed_column
from features.engineering.genres import genre_masks
from features.engineering.readers import Format, PathLike, batches_of_file
from features.engineering.record_json import records_json
from features.engineering.sample import sample_movies
from features.engineering.schema import FIELDS, MOVIE_SCHEMA, REJECTED_SCHEMA
from features.engineering.values import integer_or_none
from features.errors import InvalidMoviesError
from features.frames import Frame

__all__ = ["Movies", "read_movies", "sample_movies"]


@dataclass(frozen=True)
class Movies:
    """Accepted movies as one Arrow table, and the account of those refused: ``len(table) + len(rejected) ==
    read``."""

    table: pa.Table
    """One row per accepted movie in input order, of ``MOVIE_SCHEMA``."""
    rejected: pa.Table
    """One row per refused record in input order, of ``REJECTED_SCHEMA``."""
    read: int
    """Records in the input."""

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, Any]]) -> Movies:
        """Movies from a list or generator of mappings; ``row`` counts them from 0.

        Raises:
            InvalidMoviesError: ``records`` is one record, text or a path.
        """
        check_input(records)
        return _collected(batches_of_records(records, FieldNames()))

    @classmethod
    def from_frame(cls, frame: Frame) -> Movies:
        """Movies from a pandas, polars (lazy too), pyarrow or other frame that speaks Arrow; ``row`` counts
        from 0.

        Raises:
            InvalidMoviesError: it is no frame, or has no id or no title column.
        """
        check_frame(frame)
        return _collected(batches_of_frame(frame, FieldNames()))

    @cached_property
    def columns(self) -> pa.Table:
        """What features are built from: the table's columns, and three derived ones instead of ``genre_ids``.

        ``rating`` (float64) is ``vote_average``, null where there were no votes: TMDB writes 0.0 there.
        ``votes`` (float64) is ``vote_count`` for arithmetic: Arrow refuses to divide integers above 2**53.
        ``genres`` (int32) is the bit mask of ``genres.py``.
        """
        votes, average = self.table["vote_count"], self.table["vote_average"]
        unrated = pc.fill_null(pc.equal(votes, 0), False)
        table = self.table.drop_columns(["genre_ids"])
        table = table.append_column("rating", pc.if_else(unrated, pa.scalar(None, pa.float64()), average))
        table = table.append_column("votes", votes.cast(pa.float64(), safe=False))
        return table.append_column("genres", pa.array(genre_masks(self.table["genre_ids"])))

    def check_accepted(self) -> None:
        """Raise if anything was refused.

        Raises:
            InvalidMoviesError: with the number of refused records and the first ten problems.
        """
        if not self.rejected.num_rows:
            return
        first = self.rejected.slice(0, 10).to_pylist()
        problems = tuple((one["row"], one["field"], one["reason"]) for one in first)
        shown = "; ".join(f"row {row}: {field} {reason}" for row, field, reason in problems[:3])
        message = (
            f"{self.rejected.num_rows} of {self.read} records are not movies ({shown}); "
            "correct them, or set them apart with on_invalid='reject'"
        )
        raise InvalidMoviesError(message, count=self.rejected.num_rows, problems=problems)


def read_movies(
    source: PathLike | IO[Any],
    *,
    format: Format | None = None,  # noqa: A002 - the word that users know from other readers
    rename: Mapping[str, str] | None = None,
) -> Movies:
    """Movies from a JSON, JSONL, CSV or Parquet file, or from an open file, text or binary.

    JSON may be a list of records, one record, or one or more pages of TMDB's API (objects with ``results``).
    Files that gzip or zstd compressed are told by how they start. Text is UTF-8, with or without a byte-order mark; a
    file opened as text is taken as it was decoded.

    Args:
        source: a path or an open file, which stays open.
        format: "json", "jsonl", "csv" or "parquet"; None tells by the ending, or else by the content.
        rename: the file's column → the field that it is, as in ``{"film": "title"}``. A JSON record that has both
            is read under the renamed one.

    Returns:
        Accepted movies and rejected records. ``row`` is the line where a record starts, from 1, for JSONL and
        CSV, and its position, from 0, for JSON and Parquet.

    Raises:
        SourceNotFoundError: no such file.
        InvalidMoviesError: neither a path nor an open file, a directory, an empty file, a broken one, or one
            without an id and a title; or CSV or Parquet without a column to be renamed, or that already has one
            with its new name; or JSON of which no record has the field to be renamed, but some have the other.
        ConfigError: an unknown format, or a ``rename`` that is no mapping to fields of a movie.
    """
    return _collected(batches_of_file(source, format, FieldNames(rename)))


def _collected(batches: Iterator[Batch]) -> Movies:
    """Judge each batch, and see that no id is accepted twice."""
    seen = _SeenIds()
    tables, rejected, read = [_no_rows(MOVIE_SCHEMA)], [_no_rows(REJECTED_SCHEMA)], 0
    for batch in batches:
        accepted, refused = _judged(batch, seen)
        tables.append(accepted)
        rejected.append(refused)
        read += len(batch.rows)
    return Movies(pa.concat_tables(tables), pa.concat_tables(rejected), read)


@cache
def _no_rows(schema: pa.Schema) -> pa.Table:
    return schema.empty_table()


def _judged(batch: Batch, seen: _SeenIds) -> tuple[pa.Table, pa.Table]:
    """The accepted movies of a batch, and the account of its other records."""
    size = len(batch.rows)
    arrays: dict[str, pa.Array] = {}
    problems: dict[int, tuple[str, str]] = {at: ("record", reason) for at, reason in batch.unreadable.items()}
    for field in FIELDS:
        column = batch.column(field)
        raw = pa.nulls(size) if column is None else column
        arrays[field], found = typed_column(field, raw, from_csv=batch.from_csv)
        _note(problems, field, found)
    good = np.ones(size, dtype=bool)
    good[list(problems)] = False
    ids = arrays["movie_id"].fill_null(-1).to_numpy(zero_copy_only=False)
    repeated = np.flatnonzero(good)[seen.again(ids[good])].tolist()
    _note(problems, "movie_id", dict.fromkeys(repeated, "is that of an earlier movie"))
    good[repeated] = False
    table = pa.table([arrays[field] for field in FIELDS], schema=_NULLABLE_SCHEMA)
    accepted = table if good.all() else table.filter(pa.array(good))
    return pa.table(accepted.columns, MOVIE_SCHEMA), _account(batch, problems, arrays["movie_id"])


_NULLABLE_SCHEMA = pa.schema([field.with_nullable(True) for field in MOVIE_SCHEMA])


def _note(problems: dict[int, tuple[str, str]], field: str, found: Problems) -> None:
    """Add what was found to what is known: a record is listed for its first problem only."""
    for position, reason in found.items():
        if position not in problems:
            problems[position] = (field, reason)


def _account(batch: Batch, problems: dict[int, tuple[str, str]], ids: pa.Array) -> pa.Table:
    if not problems:
        return _no_rows(REJECTED_SCHEMA)
    positions = sorted(problems)
    fields, reasons = zip(*map(problems.__getitem__, positions), strict=True)
    columns = [
        list(map(batch.rows.__getitem__, positions)),
        _readable_ids(batch, pa.array(positions), ids),
        fields,
        reasons,
        records_json(batch.records(positions)),
    ]
    return pa.table(columns, schema=REJECTED_SCHEMA)


def _readable_ids(batch: Batch, positions: pa.Array, ids: pa.Array) -> pa.Array:
    """The ids of refused records, where they are integers; also of those that were refused for their id."""
    found, raw = ids.take(positions), batch.column("movie_id")
    if raw is None or not found.null_count:
        return found
    taken = zip(positions.to_pylist(), found.to_pylist(), strict=True)
    read = [integer_or_none(_plain(raw[at]), from_csv=batch.from_csv) if one is None else one for at, one in taken]
    return pa.array(read, pa.int64())


def _plain(value: Any) -> Any:
    return python_value(value) if isinstance(value, pa.Scalar) else value


class _SeenIds:
    """The ids accepted so far, in sorted runs, each at least twice as long as the next: few to search, cheap to
    merge."""

    def __init__(self) -> None:
        self._runs: list[npt.NDArray[np.int64]] = []

    def again(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which of ``ids`` stood earlier, here or in a batch before. All of them count as seen from now
        on."""
        order = np.argsort(ids, kind="stable")  # stable: of equal ids the first in the input comes first
        ranked = ids[order]
        known = np.zeros(len(ids), dtype=bool)
        known[1:] = ranked[1:] == ranked[:-1]
        for run in self._runs:
            found = np.searchsorted(run, ranked)
            found[found == len(run)] = 0
            known |= run[found] == ranked
        self._add(ranked[~known])
        repeated = np.empty_like(known)
        repeated[order] = known
        return repeated

    def _add(self, run: npt.NDArray[np.int64]) -> None:
        if not len(run):
            return
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)
