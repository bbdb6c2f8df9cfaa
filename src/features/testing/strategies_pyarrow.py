"""Arrow tables to draw: types nested to depth two, with values that try their edges."""

from __future__ import annotations

import decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from features.testing.strategies import column_names

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_FLOATS = st.floats(width=32)


def _whole(bits: int, signed: bool) -> st.SearchStrategy[int]:
    low = -(2 ** (bits - 1)) if signed else 0
    return st.integers(low, low + 2**bits - 1)


FLAT: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    *((getattr(pa, f"int{bits}")(), _whole(bits, True)) for bits in (8, 16, 32, 64)),
    *((getattr(pa, f"uint{bits}")(), _whole(bits, False)) for bits in (8, 16, 32, 64)),
    (pa.bool_(), st.booleans()),
    (pa.float32(), _FLOATS),
    (pa.float64(), st.floats()),
    (pa.string(), _TEXT),
    (pa.large_string(), _TEXT),
    (pa.binary(), st.binary(max_size=5)),
    (pa.large_binary(), st.binary(max_size=5)),
    (pa.binary(3), st.binary(min_size=3, max_size=3)),
    (pa.date32(), st.dates()),
    (pa.time64("us"), st.times()),
    (pa.timestamp("ms"), _whole(40, True)),
    (pa.timestamp("us", "Europe/Berlin"), _whole(50, True)),
    (pa.timestamp("ns"), _whole(64, True)),
    (pa.duration("us"), _whole(50, True)),
    (pa.decimal128(10, 2), st.decimals(-99999, 99999, places=2).map(decimal.Decimal)),
    (pa.null(), st.none()),
]
"""Types that hold one value a row, and the values to draw for them."""

_IN_MAPS = [(pa.int8(), _whole(8, True)), (pa.float64(), st.floats()), (pa.string(), _TEXT)]  # old releases keep few

_Typed = tuple[pa.DataType, st.SearchStrategy[Any]]


def _nested(inner: st.SearchStrategy[_Typed]) -> st.SearchStrategy[_Typed]:
    return st.one_of(
        inner.map(lambda kind: (pa.list_(kind[0]), _lists(kind[1]))),
        inner.map(lambda kind: (pa.large_list(kind[0]), _lists(kind[1]))),
        st.tuples(inner, inner).map(
            lambda kinds: (
                pa.struct([("a", kinds[0][0]), ("b.c", kinds[1][0])]),
                st.fixed_dictionaries({"a": _maybe(kinds[0][1]), "b.c": _maybe(kinds[1][1])}),
            )
        ),
        st.sampled_from(_IN_MAPS).map(
            lambda kind: (pa.map_(pa.string(), kind[0]), st.lists(st.tuples(_TEXT, _maybe(kind[1])), max_size=3))
        ),
    )


def types() -> st.SearchStrategy[_Typed]:
    """A type and the values to draw for it."""
    flat = st.sampled_from(FLAT)
    any_of_them = st.one_of(flat, flat, _nested(flat), _nested(_nested(flat)))
    return any_of_them.filter(lambda kind: not _may_be_refused(kind[0]))


def _may_be_refused(kind: pa.DataType) -> bool:
    """Whether the names inside its maps would be lost with some values: see ``fidelity_pyarrow``."""
    return "map<" in str(kind) and "null" in str(kind)


@st.composite
def frames(draw: st.DrawFn) -> pa.Table:
    """Tables that come back exactly, in one chunk or two, with metadata or none."""
    rows = draw(st.integers(0, 8))
    columns = draw(st.dictionaries(column_names(), types(), min_size=1, max_size=4))
    arrays, fields = [], []
    for name, (kind, values) in columns.items():
        required = draw(st.booleans()) and kind != pa.null()
        value = values if required else _maybe(values)
        arrays.append(_array(draw(st.lists(value, min_size=rows, max_size=rows)), kind))
        fields.append(pa.field(name, kind, nullable=not required, metadata=draw(_metadata())))
    table = pa.table(arrays, schema=pa.schema(fields, draw(_metadata())))
    split = draw(st.integers(0, rows))
    return pa.concat_tables([table.slice(0, split), table.slice(split)])


@st.composite
def hostile_frames(draw: st.DrawFn) -> pa.Table:
    """Tables whose types, nullability and names may be such as Parquet does not keep."""
    kinds = [pa.timestamp("s"), pa.date64(), pa.time32("s"), pa.duration("s"), pa.month_day_nano_interval()]
    kinds += [pa.struct([]), pa.decimal128(5, -2), pa.list_(pa.int8(), 2), pa.dictionary(pa.int8(), pa.large_string())]
    rows = draw(st.integers(0, 3))
    kind = draw(st.sampled_from(kinds).flatmap(lambda kind: st.sampled_from([kind, pa.list_(kind)])))
    name = draw(st.sampled_from(["a", "a\0", ""]))
    field = pa.field(name, kind, nullable=draw(st.booleans()), metadata=draw(st.none() | st.just({b"k": b"\xff"})))
    key = draw(st.sampled_from(["k", "ARROW:schema", "features.pandas"]))
    return pa.table([pa.nulls(rows, kind)], schema=pa.schema([field], {key: "v"}))


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    return pa.array(values, type=kind)


def _maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def _lists(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(_maybe(values), max_size=3)


def _metadata() -> st.SearchStrategy[dict[str, str] | None]:
    return st.none() | st.dictionaries(st.sampled_from(["unit", "é", "pandas"]), _TEXT, max_size=2)
