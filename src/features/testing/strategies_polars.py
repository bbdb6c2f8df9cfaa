"""polars frames to draw: dtypes nested to depth two, with values that try their edges."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
from hypothesis import reject
from hypothesis import strategies as st

from features.testing.strategies import column_names

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_MOMENTS = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2250, 1, 1))  # noqa: DTZ001  # polars adds the zone
_CATEGORIES = ["b", "é", "", "a"]

_Typed = tuple[Any, st.SearchStrategy[Any]]


def _whole(bits: int, signed: bool) -> st.SearchStrategy[int]:
    low = -(2 ** (bits - 1)) if signed else 0
    return st.integers(low, low + 2**bits - 1)


FLAT: list[_Typed] = [
    *((getattr(pl, f"Int{bits}"), _whole(bits, True)) for bits in (8, 16, 32, 64)),
    *((getattr(pl, f"UInt{bits}"), _whole(bits, False)) for bits in (8, 16, 32, 64)),
    (pl.Boolean, st.booleans()),
    (pl.Float32, st.floats(width=32)),
    (pl.Float64, st.floats()),
    (pl.String, _TEXT),
    (pl.Binary, st.binary(max_size=5)),
    (pl.Date, st.dates()),
    (pl.Time, st.times()),
    (pl.Datetime("ms"), _MOMENTS.map(lambda moment: moment.replace(microsecond=0))),
    (pl.Datetime("us"), _MOMENTS),
    (pl.Datetime("ns"), _MOMENTS),
    (pl.Duration("us"), st.timedeltas(dt.timedelta(days=-9999), dt.timedelta(days=9999))),
    (pl.Decimal(20, 2), st.decimals(-99999, 99999, places=2)),
    (pl.Null, st.none()),
]
"""Dtypes that hold one value a row, and the values to draw for them."""

_LABELS: list[_Typed] = [
    (pl.Categorical(), st.sampled_from(_CATEGORIES)),
    (pl.Enum(_CATEGORIES), st.sampled_from(_CATEGORIES)),
    (pl.Datetime("us", "Europe/Berlin"), _MOMENTS),
]


def _nested(inner: st.SearchStrategy[_Typed]) -> st.SearchStrategy[_Typed]:
    return st.one_of(
        inner.map(lambda kind: (pl.List(kind[0]), st.lists(_maybe(kind[1]), max_size=3))),
        inner.map(lambda kind: (pl.Array(kind[0], 2), st.lists(_maybe(kind[1]), min_size=2, max_size=2))),
        st.tuples(inner, inner).map(
            lambda kinds: (
                pl.Struct({"a": kinds[0][0], "b.c": kinds[1][0]}),
                st.fixed_dictionaries({"a": _maybe(kinds[0][1]), "b.c": _maybe(kinds[1][1])}),
            )
        ),
    )


def types() -> st.SearchStrategy[_Typed]:
    """A dtype and the values to draw for it."""
    flat = st.sampled_from(FLAT)
    return st.one_of(flat, st.sampled_from(_LABELS), _nested(flat), _nested(_nested(flat)))


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    """Frames that come back exactly, in one chunk or two."""
    rows = draw(st.integers(0, 8))
    columns = draw(st.dictionaries(column_names(), types(), min_size=1, max_size=4))
    drawn = {
        name: draw(st.lists(_maybe(values), min_size=rows, max_size=rows)) for name, (_, values) in columns.items()
    }
    try:
        frame = pl.DataFrame([pl.Series(name, drawn[name], dtype=dtype) for name, (dtype, _) in columns.items()])
    except pl.exceptions.PanicException:  # old releases cannot build arrays of decimals inside structs
        reject()
    split = draw(st.integers(0, rows))
    return pl.concat([frame.slice(0, split), frame.slice(split)], rechunk=False)


@st.composite
def hostile_frames(draw: st.DrawFn) -> pl.DataFrame:
    """Frames whose dtypes and names may be such as Parquet, or another library, does not keep."""
    rare: list[Any] = [pl.Int128, pl.Object, pl.Struct({}), pl.Enum(["a"]), pl.Categorical()]
    rare += [getattr(pl, name) for name in ("UInt128", "Float16") if hasattr(pl, name)]
    dtype = draw(st.sampled_from(rare))
    if dtype is not pl.Object:
        nested = [dtype, pl.List(dtype), pl.Struct({"a": dtype})]
        if not isinstance(dtype, (pl.Enum, pl.Categorical)):  # old releases cannot show such arrays, wherever from
            nested += [pl.Array(dtype, 1), pl.List(pl.Array(dtype, 2))]
        dtype = draw(st.sampled_from([*nested, pl.Struct({"a\0": pl.List(dtype)})]))
    name = draw(st.sampled_from(["a", "a\0", ""]))
    return pl.DataFrame([pl.Series(name, [None] * draw(st.integers(0, 3)), dtype=dtype)])


def _maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values
