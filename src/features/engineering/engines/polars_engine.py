"""Features as polars expressions, all of them selected at once."""

# ruff: noqa: D102 - what each operation promises stands at Engine

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import islice

import polars as pl
import pyarrow as pa

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
from features.engineering.genres import GENRE_BITS
from features.engineering.scanning import with_scans
from features.frames import Frame

_TYPES: dict[pa.DataType, pl.DataType] = {
    pa.bool_(): pl.Boolean(),
    pa.int8(): pl.Int8(),
    pa.int16(): pl.Int16(),
    pa.int32(): pl.Int32(),
    pa.int64(): pl.Int64(),
    pa.float64(): pl.Float64(),
    pa.large_string(): pl.String(),
}
_ASCII_BOUNDARY = (r"\b", r"(?-u:\b)")


class PolarsEngine(Engine):
    """Columns are ``pl.Expr``; nothing is computed before ``transform`` selects them all."""

    def transform(
        self, movies: pa.Table, families: Mapping[str, Sequence[Feature]], fit: FittedState
    ) -> dict[str, Frame]:
        built, used = _expressions(tuple(feature for family in families.values() for feature in family), fit)
        parts = [movies.slice(start, SLICE_ROWS) for start in range(0, max(movies.num_rows, 1), SLICE_ROWS)]
        slices = [self._selected(with_scans(part, used), built) for part in parts]
        wide = pl.concat(slices, rechunk=False)
        columns = iter(wide.get_columns())
        ids = next(columns)
        return {
            family: pl.DataFrame([ids, *map(_declared, islice(columns, len(declared)), declared)])
            for family, declared in families.items()
        }

    def _selected(self, movies: pa.Table, built: Sequence[pl.Expr]) -> pl.DataFrame:
        """The built columns of some movies, beside their ids."""
        frame: pl.DataFrame = self.frame(movies)
        return frame.select("movie_id", *built)

    def frame(self, table: pa.Table) -> Frame:
        return pl.from_arrow(table, rechunk=False)

    def constant(self, like: pl.Expr, value: float | None) -> pl.Expr:
        return pl.when(like.is_not_null()).then(pl.lit(value, dtype=pl.Float64))

    def if_else(self, condition: pl.Expr, yes: pl.Expr | float | str, no: pl.Expr | float | str) -> pl.Expr:
        yes, no = (one if isinstance(one, pl.Expr) else pl.lit(one) for one in (yes, no))
        return pl.when(condition).then(yes).when(~condition).then(no)

    def tier(self, x: pl.Expr, bounds: Sequence[float], labels: Sequence[str]) -> pl.Expr:
        tiers: pl.Expr = pl.when(x.is_not_null()).then(pl.lit(labels[0]))
        for bound, label in zip(bounds, labels[1:], strict=True):
            tiers = pl.when(x >= bound).then(pl.lit(label)).otherwise(tiers)
        return tiers

    def lookup(self, index: pl.Expr, table: Sequence[float]) -> pl.Expr:
        return pl.lit(pl.Series(table, dtype=pl.Float64)).gather(index)

    def log1p(self, x: pl.Expr) -> pl.Expr:
        return x.log1p()

    def floor(self, x: pl.Expr) -> pl.Expr:
        return x.floor().cast(pl.Int32)

    def minimum(self, x: pl.Expr, bound: float) -> pl.Expr:
        return pl.when(x > bound).then(pl.lit(bound)).otherwise(x)  # clip would give the bound the type of x

    def date_part(self, date: pl.Expr, part: DatePart) -> pl.Expr:
        return _DATE_PARTS[part](date)

    def days_since_epoch(self, date: pl.Expr) -> pl.Expr:
        return date.to_physical()

    def has_genre(self, genres: pl.Expr, *ids: int) -> pl.Expr:
        return (genres & sum(GENRE_BITS[one] for one in set(ids))) != 0

    def genre_count(self, genres: pl.Expr) -> pl.Expr:
        return genres.bitwise_count_ones()

    def genre_sum(self, genres: pl.Expr, values: Sequence[float]) -> pl.Expr:
        low, high = halves(values)
        split = pl.lit(GENRE_SPLIT, dtype=pl.Int32)
        return self.lookup(genres % split, low) + self.lookup(genres // split, high)  # type: ignore[arg-type]

    def length(self, text: pl.Expr) -> pl.Expr:
        return text.str.len_chars()

    def contains(self, text: pl.Expr, part: str) -> pl.Expr:
        return text.str.contains(part, literal=True)

    def matches(self, text: pl.Expr, pattern: str) -> pl.Expr:
        return text.str.contains(pattern.replace(*_ASCII_BOUNDARY))

    def count_words_in(self, lowered: pl.Expr, words: Sequence[str]) -> pl.Expr:
        return lowered.str.count_matches(any_word(words).replace(*_ASCII_BOUNDARY))


_DATE_PARTS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "year": lambda date: date.dt.year(),
    "month": lambda date: date.dt.month(),
    "quarter": lambda date: date.dt.quarter(),
    "day_of_year": lambda date: date.dt.ordinal_day(),
    "weekday": lambda date: date.dt.weekday(),
}


@lru_cache(maxsize=16)
def _expressions(features: tuple[Feature, ...], fit: FittedState) -> tuple[list[pl.Expr], frozenset[str]]:
    """What to select for these features, and the columns needed: for one movie, making it is half of the work."""
    columns, op = Columns(pl.col), PolarsEngine()
    built = [_built(feature, columns, op, fit).alias(str(position)) for position, feature in enumerate(features)]
    return built, columns.asked_for


def _built(feature: Feature, columns: Columns, op: PolarsEngine, fit: FittedState) -> pl.Expr:
    expression = feature.build(columns, op, fit)
    if not isinstance(expression, pl.Expr):
        raise not_a_column(feature, expression)
    return expression


def _declared(column: pl.Series, feature: Feature) -> pl.Series:
    """The column under its name and type. Widths of integers are adapted, kinds of values are not.

    Raises:
        InvalidFeatureError: it is of another kind, or null where the feature is not nullable.
    """
    wanted, found, nulls = _TYPES[feature.dtype], column.dtype, column.null_count()
    if found == wanted and (feature.nullable or not nulls):  # nearly always
        return column.alias(feature.name)
    same_kind = found in (wanted, pl.Null) or (found.is_integer() and wanted.is_numeric())
    check_declared(feature, found, same_kind=same_kind, nulls=nulls)
    try:
        return column.cast(wanted).alias(feature.name)
    except pl.exceptions.PolarsError as error:
        raise out_of_range(feature, error) from error
