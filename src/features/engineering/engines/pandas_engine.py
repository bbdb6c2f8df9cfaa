"""Features as Arrow-backed pandas series, with pyarrow's functions where pandas has no operator.

Arrow columns have one null, as polars has, and none of pandas' three; polars need not be installed.
"""

# ruff: noqa: D102 - what each operation promises stands at Engine

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.engineering.engines.base import (
    GENRE_SPLIT,
    SLICE_ROWS,
    Columns,
    DatePart,
    Engine,
    any_word,
    check_declared,
    halves,
    not_a_column,
    out_of_range,
)
from features.engineering.feature import Feature
from features.engineering.fitting import FittedState
from features.engineering.genres import GENRE_BITS, GENRES
from features.engineering.scanning import SCANS, with_scans
from features.frames import Frame
from features.threads import begun

_AT_ONCE = min(4, os.cpu_count() or 1)
"""Slices transformed beside each other; each needs some 100 MB meanwhile."""

_WORTH_A_THREAD = 1 << 15
"""Movies that a slice has at least, if there are more: whatever their number, some 10 ms of it are Python's alone."""


class PandasEngine(Engine):
    """Columns are ``pd.Series`` of ``pd.ArrowDtype``, computed as they are declared."""

    def transform(
        self, movies: pa.Table, families: Mapping[str, Sequence[Feature]], fit: FittedState
    ) -> dict[str, Frame]:
        rows = min(SLICE_ROWS, max(_WORTH_A_THREAD, -(-movies.num_rows // _AT_ONCE)))
        first, *others = (movies.slice(start, rows) for start in range(0, max(movies.num_rows, 1), rows))
        if not others:
            slices = [_tables(self, first, families, fit)]
        else:
            with ThreadPoolExecutor(_AT_ONCE) as threads:  # Arrow computes on one core, and leaves others to others
                tables = [begun(threads, _tables, self, part, families, fit) for part in (first, *others)]
                slices = [ready() for ready in tables]
        return {family: self.frame(pa.concat_tables([part[family] for part in slices])) for family in families}

    def frame(self, table: pa.Table) -> Frame:
        return table.to_pandas(types_mapper=pd.ArrowDtype)

    def constant(self, like: pd.Series, value: float | None) -> pd.Series:
        known = pc.is_valid(_arrow(like))
        return _series(pc.if_else(known, pa.scalar(value, pa.float64()), pa.scalar(None, pa.float64())))

    def if_else(self, condition: pd.Series, yes: Any, no: Any) -> pd.Series:
        return _series(pc.if_else(_arrow(condition), _arrow(yes), _arrow(no)))

    def tier(self, x: pd.Series, bounds: Sequence[float], labels: Sequence[str]) -> pd.Series:
        index = sum((x >= bound).astype(_INT32) for bound in bounds)
        return _series(pc.take(pa.array(labels, pa.large_string()), _arrow(index)))

    def lookup(self, index: pd.Series, table: Sequence[float]) -> pd.Series:
        return _series(pc.take(pa.array(table, pa.float64()), _arrow(index)))

    def log1p(self, x: pd.Series) -> pd.Series:
        return _series(pc.log1p(_arrow(x)))

    def floor(self, x: pd.Series) -> pd.Series:
        return _series(pc.floor(_arrow(x)).cast(pa.int32()))

    def minimum(self, x: pd.Series, bound: float) -> pd.Series:
        return _series(pc.min_element_wise(_arrow(x), pa.scalar(bound), skip_nulls=False))

    def date_part(self, date: pd.Series, part: DatePart) -> pd.Series:
        return _series(_DATE_PARTS[part](_arrow(date)))

    def days_since_epoch(self, date: pd.Series) -> pd.Series:
        return _series(_arrow(date).cast(pa.int32()))

    def has_genre(self, genres: pd.Series, *ids: int) -> pd.Series:
        mask = pa.scalar(sum(GENRE_BITS[one] for one in set(ids)), pa.int32())
        return _series(pc.not_equal(pc.bit_wise_and(_arrow(genres), mask), pa.scalar(0, pa.int32())))

    def genre_count(self, genres: pd.Series) -> pd.Series:
        return self.genre_sum(genres, [1.0] * len(GENRES)).astype(_INT32)

    def genre_sum(self, genres: pd.Series, values: Sequence[float]) -> pd.Series:
        low, high = halves(values)
        masks = _arrow(genres).to_numpy()
        return _series(pa.array(low[masks % GENRE_SPLIT] + high[masks // GENRE_SPLIT]))

    def length(self, text: pd.Series) -> pd.Series:
        return _series(pc.utf8_length(_arrow(text)))

    def contains(self, text: pd.Series, part: str) -> pd.Series:
        return _series(pc.match_substring(_arrow(text), part))

    def matches(self, text: pd.Series, pattern: str) -> pd.Series:
        return _series(pc.match_substring_regex(_arrow(text), pattern))

    def count_words_in(self, lowered: pd.Series, words: Sequence[str]) -> pd.Series:
        return _series(pc.count_substring_regex(_arrow(lowered), any_word(words)))


_INT32 = pd.ArrowDtype(pa.int32())

_DATE_PARTS: dict[str, Callable[[Any], Any]] = {
    "year": pc.year,
    "month": pc.month,
    "quarter": pc.quarter,
    "day_of_year": pc.day_of_year,
    "weekday": lambda date: pc.day_of_week(date, count_from_zero=False, week_start=1),
}


def _tables(
    op: PandasEngine, movies: pa.Table, families: Mapping[str, Sequence[Feature]], fit: FittedState
) -> dict[str, pa.Table]:
    """Each family's features of some of the movies."""

    def column(name: str) -> pd.Series:
        scanned = with_scans(movies, frozenset([name])) if name in SCANS else movies
        return _series(scanned[name])

    def declared(feature: Feature) -> pa.ChunkedArray:
        return _declared(feature.build(columns, op, fit), feature, movies.num_rows)

    columns = Columns(column)
    return {
        family: pa.table(
            [movies["movie_id"], *map(declared, features)],
            names=["movie_id", *(feature.name for feature in features)],
        )
        for family, features in families.items()
    }


def _series(column: pa.Array | pa.ChunkedArray) -> pd.Series:
    return pd.Series(pd.arrays.ArrowExtensionArray(column))


def _arrow(value: Any) -> Any:
    """The Arrow column of a series; anything else is a value for every row."""
    if isinstance(value, pd.Series):
        return pa.array(value)
    return pa.scalar(value, pa.large_string() if isinstance(value, str) else None)


def _declared(column: Any, feature: Feature, size: int) -> pa.ChunkedArray:
    """The column in its type. Widths of integers are adapted, kinds of values are not.

    Raises:
        InvalidFeatureError: it is of another kind, or null where the feature is not nullable.
    """
    if not isinstance(column, pd.Series) or len(column) != size:
        raise not_a_column(feature, column)
    array = _arrow(column)
    wanted, found = feature.dtype, array.type
    same_kind = found == wanted or pa.types.is_null(found)
    same_kind |= pa.types.is_integer(found) and (pa.types.is_integer(wanted) or pa.types.is_floating(wanted))
    check_declared(feature, found, same_kind=same_kind, nulls=array.null_count)
    try:
        return array.cast(wanted)
    except pa.ArrowInvalid as error:
        raise out_of_range(feature, error) from error
