"""pandas frames to draw: NumPy, nullable, text, Arrow, categorical and object columns."""

from __future__ import annotations

import datetime as dt
import decimal
import zoneinfo
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from features.testing.strategies import column_names
from features.testing.strategies_pyarrow import types as arrow_types

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_WHOLE = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
_ZONES = [dt.UTC, zoneinfo.ZoneInfo("Europe/Berlin"), dt.timezone(dt.timedelta(minutes=-90))]
_LABELS: list[Sequence[Any]] = [["b", "é", "", "a"], [3, 1, 2], [1.5, -0.0], [True, False], [b"x", b""], range(0, 6, 2)]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
_OBJECTS: list[st.SearchStrategy[Any]] = [
    _TEXT,
    st.binary(max_size=4),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 2**64 - 1),
    st.dates(),
    st.decimals(-99, 99, places=2).filter(lambda value: not value.is_zero()).map(decimal.Decimal),
    st.integers(1 - 10**38, 10**38 - 1).map(lambda digits: decimal.Decimal(f"{digits}E-30")),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=3),
    st.lists(st.none() | _TEXT, max_size=3),
    st.lists(st.none() | st.floats(), max_size=3),
    st.lists(st.floats(width=32), max_size=3).map(lambda items: np.array(items, np.float32)),
    st.lists(st.booleans(), max_size=3).map(lambda items: np.array(items, bool)),
]
_ANYTHING = st.one_of(
    *_OBJECTS,
    st.none(),
    st.floats(),
    st.just(pd.NA),
    st.just(pd.NaT),
    st.text(max_size=3),
    st.integers(),
    st.decimals(),
    st.datetimes(),
    st.tuples(st.integers()),
    st.frozensets(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.sampled_from(
        [np.int64(1), np.float64(1.5), np.str_("a"), np.True_, np.datetime64("NaT", "ns"), pd.Timestamp(0), int]
    ),
    st.lists(st.none() | st.integers() | st.floats() | st.text(max_size=2), max_size=2),
)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Frames that come back exactly, with attrs or without."""
    rows = draw(st.integers(0, 8))
    named = draw(st.lists(column_names(), min_size=1, max_size=4, unique=True))
    frame = pd.DataFrame({name: draw(_columns(rows)) for name in named})
    frame.attrs = draw(st.just({}) | st.dictionaries(st.text(max_size=3), _JSON, max_size=2))
    return frame


@st.composite
def hostile_frames(draw: st.DrawFn) -> pd.DataFrame:
    """Frames with columns of any objects, names that need not be text, an index that may mean something."""
    rows = draw(st.integers(0, 4))
    columns = st.lists(_ANYTHING, min_size=rows, max_size=rows).map(_objects) | _columns(rows)
    frame = pd.DataFrame({position: draw(columns) for position in range(draw(st.integers(0, 3)))})
    name = st.sampled_from(["a", "b", "a.b", "", "\0", "\ud800", 1, None, ("a", "b"), np.str_("c")])
    frame.columns = pd.Index([draw(name) for _ in frame.columns], dtype=object, tupleize_cols=False)
    if len(frame.columns) and draw(st.booleans()):
        frame.index = draw(st.sampled_from([pd.RangeIndex(1, rows + 1), pd.Index(list(range(rows)))]))
    frame.attrs = draw(st.sampled_from([{}, {"a": (1,)}, {1: 2}, {"a": float("inf")}, {"a": [1]}]))
    return frame


def _columns(rows: int) -> st.SearchStrategy[Any]:
    return st.one_of(
        _numpy(rows), _moments(rows), _nullable(rows), _text(rows), _arrow(rows), _categorical(rows), _object(rows)
    )


def _numpy(rows: int) -> st.SearchStrategy[Any]:
    """Any bits at all: they are numbers, NaN with and without payload, and both zeros."""
    names = st.sampled_from([*_WHOLE, "float16", "float32", "float64"])
    bits = st.binary(min_size=8 * rows, max_size=8 * rows)
    numbers = st.builds(lambda name, raw: pd.Series(np.frombuffer(raw, name)[:rows]), names, bits)
    return numbers | st.lists(st.booleans(), min_size=rows, max_size=rows).map(
        lambda items: pd.Series(items, dtype=bool)
    )


@st.composite
def _moments(draw: st.DrawFn, rows: int) -> Any:
    unit = draw(st.sampled_from(["s", "ms", "us", "ns"]))
    counts = draw(st.lists(st.integers(-(2**40), 2**40) | st.just(-(2**63)), min_size=rows, max_size=rows))
    values = np.array(counts, np.int64)
    if draw(st.booleans()):
        return pd.Series(values.view(f"m8[{unit}]"))
    series: Any = pd.Series(values.view(f"M8[{unit}]"))
    zone = draw(st.none() | st.sampled_from(_ZONES))
    return series if zone is None else series.dt.tz_localize("UTC").dt.tz_convert(zone)


def _nullable(rows: int) -> st.SearchStrategy[Any]:
    kinds = [(name.replace("i", "I").replace("u", "U"), st.integers(0, 127)) for name in _WHOLE]
    kinds += [("boolean", st.booleans()), ("Float32", st.floats(width=32, allow_nan=False))]  # type: ignore[list-item]
    kinds += [("Float64", st.floats(allow_nan=False))]  # type: ignore[list-item]
    return st.sampled_from(kinds).flatmap(
        lambda kind: _rows(kind[1], rows).map(lambda items: pd.Series(items, dtype=kind[0]))
    )


def _text(rows: int) -> st.SearchStrategy[Any]:
    dtypes: list[Any] = [pd.StringDtype("python"), pd.StringDtype("pyarrow")]
    try:
        dtypes += [pd.StringDtype(storage, na_value=np.nan) for storage in ("python", "pyarrow")]
    except TypeError:
        dtypes += [pd.StringDtype("pyarrow_numpy")]
    return st.builds(lambda dtype, items: pd.Series(items, dtype=dtype), st.sampled_from(dtypes), _rows(_TEXT, rows))


def _arrow(rows: int) -> st.SearchStrategy[Any]:
    import pyarrow as pa

    def column(kind: pa.DataType, items: list[Any], split: int) -> Any:
        chunks = pa.chunked_array([pa.array(items[:split], kind), pa.array(items[split:], kind)])
        return pd.Series(pd.arrays.ArrowExtensionArray(chunks))

    return arrow_types().flatmap(
        lambda kind: st.builds(column, st.just(kind[0]), _rows(kind[1], rows), st.integers(0, rows))
    )


@st.composite
def _categorical(draw: st.DrawFn, rows: int) -> Any:
    labels = draw(st.sampled_from(_LABELS))
    dtype = pd.CategoricalDtype(labels, ordered=draw(st.booleans()))
    codes = draw(st.lists(st.integers(-1, len(labels) - 1), min_size=rows, max_size=rows))
    return pd.Series(pd.Categorical.from_codes(codes, dtype=dtype))


def _object(rows: int) -> st.SearchStrategy[Any]:
    missing = st.sampled_from([None, np.nan, pd.NA, pd.NaT])
    return st.tuples(st.sampled_from(_OBJECTS), missing).flatmap(
        lambda kind: st.lists(st.just(kind[1]) | kind[0], min_size=rows, max_size=rows).map(_objects)
    )


def _rows(values: st.SearchStrategy[Any], rows: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.none() | values, min_size=rows, max_size=rows)


def _objects(values: Sequence[Any]) -> Any:
    array = np.empty(len(values), object)
    for position, value in enumerate(values):  # assigned at once, lists of one length would become a matrix
        array[position] = value
    return pd.Series(array, dtype=object)
