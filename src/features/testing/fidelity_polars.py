"""What a polars frame may hold: the cases of the fidelity table."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from features.testing.fidelity import Case, Outcome

_DAY = dt.datetime(2024, 2, 29, 23, 59, 59, 999000)  # noqa: DTZ001  # polars has moments without a zone


def cases() -> list[Case]:
    """All of them."""
    return [*_flat(), *_nested(), *_categories(), *_rare(), *_frames()]


def _flat() -> list[Case]:
    whole = [pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64]
    bits = np.array([0x7FF8000000000001, 0xFFF8000000000000, 2**63, 1], np.uint64)
    return [
        *(_case(dtype, [1, None, 127]) for dtype in whole),
        _case(pl.Boolean, [True, None, False]),
        *(_case(dtype, [1.5, None, float("nan"), -0.0, float("inf")]) for dtype in (pl.Float32, pl.Float64)),
        Case("Float64 with unusual NaN bits", lambda: pl.DataFrame({"column": bits.view(np.float64)})),
        _case(pl.String, ["", None, "né\0\n😀"]),
        _case(pl.Binary, [b"", None, b"\xff\0"]),
        _case(pl.Null, [None, None]),
        _case(pl.Date, [dt.date.min, dt.date.max, None]),
        _case(pl.Time, [dt.time.min, dt.time.max, None]),
        *(_case(pl.Datetime(unit), [_DAY, None]) for unit in ("ms", "us", "ns")),
        *(_case(pl.Datetime("us", zone), [_DAY, None]) for zone in ("UTC", "Europe/Berlin", "Asia/Kathmandu")),
        *(_case(pl.Duration(unit), [dt.timedelta(days=-1, milliseconds=1), None]) for unit in ("ms", "us", "ns")),
        *(_case(pl.Decimal(38, scale), [decimal.Decimal("0.1"), None]) for scale in (1, 37)),
    ]


def _nested() -> list[Case]:
    struct = pl.Struct({"a": pl.Int8, "": pl.String})
    rows = [{"a": 1, "": None}, None, {"a": None, "": None}]
    return [
        _case(pl.List(pl.Int8), [[1, None], None, []]),
        _case(pl.List(pl.Float64), [[float("nan"), -0.0], None, []]),
        _case(pl.List(pl.List(pl.String)), [[["a"], None, []], None, []]),
        _case(pl.List(pl.Null), [[None], None, []]),
        _case(pl.Array(pl.Int8, 2), [[1, None], None, [3, 4]]),
        _case(pl.Array(pl.Int8, (2, 1)), [[[1], [2]], None]),
        _case(pl.Array(pl.Int8, 0), [[], None]),
        _case(struct, rows),
        _case(pl.List(struct), [rows, None, []]),
        _case(pl.Struct({}), [None, {}], "refused"),
        _case(pl.List(pl.Struct({})), [[], None], "refused"),
        _case(pl.Array(pl.List(struct), 1), [[rows], None]),
    ]


def _categories() -> list[Case]:
    texts = ["b", "a", None, "b"]
    enum = pl.Enum(["b", "unused", "a"])
    own: Any = getattr(pl, "Categories", None)
    return [
        _case(pl.Categorical(), texts),
        _case(pl.Categorical("lexical"), texts, what="Categorical, lexical"),
        _case(enum, texts),
        _case(pl.Enum([]), [None]),
        _case(pl.List(pl.Categorical()), [texts, None, []]),
        _case(pl.Array(enum, 4), [texts, None], None),
        _case(pl.Struct({"a": enum}), [{"a": "b"}, None], None),
        _case(pl.List(pl.Struct({"a": pl.List(enum)})), [[{"a": ["b"]}], None], None),
        *([] if own is None else _own_categories(own, texts)),
    ]


def _own_categories(own: Any, texts: Sequence[Any]) -> list[Case]:
    named: list[Any] = [own("mine", "", physical=pl.UInt8), own("mine", "here", physical=pl.UInt16)]
    return [
        *(_case(pl.Categorical(one), texts, what=f"Categorical of {one!r}") for one in named),
        Case("Categorical of random Categories", lambda: _frame(texts, pl.Categorical(own.random())), None),
    ]


def _rare() -> list[Case]:
    rare: list[tuple[str, Callable[[], Any], Sequence[Any], Outcome | None]] = [
        ("Int128", lambda: pl.Int128, [1, None], "refused"),
        ("UInt128", lambda: pl.UInt128, [1, None], "refused"),
        ("Float16", lambda: pl.Float16, [1.5, None], None),  # type: ignore[attr-defined,unused-ignore]
        ("Map", lambda: pl.Map(pl.String, pl.Int8), [None], None),  # type: ignore[attr-defined,unused-ignore]
        ("Extension", lambda: pl.Extension("my.kind", pl.Int8, "m"), [None], None),  # type: ignore[attr-defined,unused-ignore]
    ]
    return [
        *(Case(name, _lazily(dtype, values), outcome) for name, dtype, values, outcome in rare if hasattr(pl, name)),
        _case(pl.List(pl.Int128), [[1]], "refused"),
        _case(pl.Enum(["Object", "b"]), ["b", None], what="Enum of the name of a type"),
        _case(pl.Enum(["a", "n\0l"]), ["n\0l", None], None, "Enum of a text with NUL"),
        _case(pl.Object, [object()], "refused"),
        _case(pl.Object, [], "refused", "Object without rows"),
    ]


def _frames() -> list[Case]:
    one = pl.DataFrame({"a": [1]})
    wide: Any = {"a": pl.Int8, "b": pl.List(pl.String), "c": pl.Enum(["x"]), "d": pl.Struct({"e": pl.Date})}
    return [
        Case("no rows", lambda: pl.DataFrame(schema=wide)),
        Case("no columns", pl.DataFrame, "refused"),
        Case("many chunks", lambda: pl.concat([one, one, one.clear()], rechunk=False)),
        Case("a slice", lambda: pl.DataFrame({"a": list("abcdef")}).slice(2, 3)),
        Case("LazyFrame", lambda: one.lazy().with_columns(b=pl.col("a") + 1)),
        Case(
            "names with dots, spaces, quotes",
            lambda: pl.DataFrame({"": [1], "a.b": [2], "a": [{"b": 3}], ' "é\n': [4]}),
        ),
        Case("names like those of types", lambda: pl.DataFrame({"Object": [{"ObjectId": "x"}]})),
        Case("a NUL in a name", lambda: pl.DataFrame({"a\0b": [1]}), "refused"),
        Case("a NUL in the name of a struct's field", lambda: pl.DataFrame({"a": [{"b\0": 1}]}), "refused"),
        Case("a subclass of DataFrame", lambda: _Subclass({"a": [1]}), "refused"),
    ]


class _Subclass(pl.DataFrame):
    pass


def _case(dtype: Any, values: Sequence[Any], outcome: Outcome | None = "exact", what: str | None = None) -> Case:
    return Case(what or str(dtype), lambda: _frame(values, dtype), outcome)


def _frame(values: Sequence[Any], dtype: Any) -> pl.DataFrame:
    return pl.DataFrame([pl.Series("column", values, dtype=dtype)])


def _lazily(dtype: Callable[[], Any], values: Sequence[Any]) -> Callable[[], pl.DataFrame]:
    return lambda: _frame(values, dtype())
