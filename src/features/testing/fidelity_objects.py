"""What a pandas column of Python objects may hold: cases of the fidelity table."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from features.testing.fidelity import Case, Outcome

_NAN = float("nan")


class _Text(str):
    __slots__ = ()


class _Whole(int):
    pass


class _Real(float):
    pass


class _Colour(enum.Enum):
    RED = 1


class _Level(enum.IntEnum):
    LOW = 1


def object_cases() -> list[Case]:
    """All of them."""
    return [
        *(_case(f"objects: {what}", values) for what, values in _EXACT.items()),
        *(_case(f"objects: {what}", values, "refused") for what, values in _REFUSED.items()),
        *(_case(f"objects: {what}", build(), outcome) for what, build, outcome in _arrays()),
    ]


_EXACT: dict[str, Sequence[Any]] = {
    "str": ["", "né\0\n😀"],
    "str with None": ["a", None],
    "str with NaN": ["a", _NAN],
    "str with NA": ["a", pd.NA],
    "bytes": [b"", b"\xff", None],
    "bool": [True, False],
    "bool with None": [True, None],
    "int": [1, -(2**63), 2**63 - 1],
    "int with None, beyond 2**53": [2**53 + 1, None],
    "int with NaN": [1, _NAN],
    "int from 0 to 2**64": [0, 2**64 - 1, None],
    "float": [1.5, -0.0, _NAN, float("inf")],
    "float with None beside NaN": [1.5, None, _NAN],
    "Decimal of equal digits": [decimal.Decimal("1.50"), decimal.Decimal("-0.01"), None],
    "dates": [dt.date.min, dt.date.max, None],
    "dates with NaT": [dt.date(2024, 1, 1), pd.NaT],
    "only None": [None, None],
    "only NaN": [_NAN, _NAN],
    "only NA": [pd.NA, pd.NA],
    "only NaT": [pd.NaT, pd.NaT],
    "nothing": [],
    "lists of str": [["a", None], [], None],
    "lists of int": [[1, None, 2**62], []],
    "lists of float": [[1.5, _NAN, None, -0.0]],
    "lists of bool": [[True, None]],
    "lists of bytes": [[b"\0"]],
    "empty lists": [[], []],
    "lists of None": [[None], []],
    "lists with NaN as missing": [["a"], _NAN],
}

_REFUSED: dict[str, Sequence[Any]] = {
    "int and str": [1, "a"],
    "int and float": [1, 1.5],
    "int and bool": [1, True],
    "str and bytes": ["a", b"a"],
    "str and float": ["a", 1.5],
    "str with None and NaN": ["a", None, _NAN],
    "str with None and NA": ["a", None, pd.NA],
    "only None and NaN and NA": [None, _NAN, pd.NA],
    "str with a lone surrogate": ["\ud800"],
    "int beyond 64 bits": [2**64],
    "int from below 0 to beyond 2**63": [-1, 2**63],
    "np.str_": [np.str_("a")],
    "np.int64": [np.int64(1)],
    "np.float64": [np.float64(1.5)],
    "np.float64 NaN among str": ["a", np.float64("nan")],
    "np.bool": [np.True_],
    "np.datetime64": [np.datetime64("2024-01-01")],
    "np.datetime64 NaT": [np.datetime64("NaT", "ns")],
    "a subclass of str": [_Text("a")],
    "a subclass of int": [_Whole(1)],
    "a subclass of float": [_Real(1)],
    "enum members": [_Colour.RED],
    "IntEnum members": [_Level.LOW],
    "Timestamps": [pd.Timestamp("2024-01-01")],
    "datetimes": [dt.datetime(2024, 1, 1)],  # noqa: DTZ001  # one without a zone is a case of its own
    "dates and datetimes": [dt.date(2024, 1, 1), dt.datetime(2024, 1, 1)],  # noqa: DTZ001
    "times": [dt.time(1)],
    "timedeltas": [dt.timedelta(1)],
    "tuples": [(1, 2)],
    "sets": [{1}],
    "frozensets": [frozenset([1])],
    "dicts": [{"a": 1}],
    "UUIDs": [uuid.UUID(int=1)],
    "complex": [1j],
    "objects": [object()],
    "classes": [int],
    "Decimal NaN": [decimal.Decimal("NaN")],
    "Decimal sNaN": [decimal.Decimal("sNaN")],
    "Decimal infinity": [decimal.Decimal("Infinity")],
    "Decimal -0": [decimal.Decimal("-0.0")],
    "Decimal of different digits": [decimal.Decimal("1.5"), decimal.Decimal("1.50")],
    "Decimal with exponent": [decimal.Decimal("1E+2")],
    "Decimal beyond 38 digits": [decimal.Decimal("1" * 39)],
    "Decimal beyond 38 digits after the point": [decimal.Decimal("1E-40")],
    "lists of int and str": [[1, "a"]],
    "lists of int and float": [[1], [1.5]],
    "lists of int and bool": [[1, True]],
    "lists of lists": [[[1]]],
    "lists of dicts": [[{"a": 1}]],
    "lists of tuples": [[(1, 2)]],
    "lists of NumPy numbers": [[np.int64(1)]],
    "lists with NA": [["a", pd.NA]],
    "lists of int beyond 64 bits": [[2**63]],
    "lists of lone surrogates": [["\ud800"]],
    "lists and str": [["a"], "a"],
}


def _arrays() -> list[tuple[str, Callable[[], list[Any]], Outcome]]:
    def of(*values: Any) -> Callable[[], list[Any]]:
        return lambda: list(values)

    numbers = [np.array([1, 2], name) for name in ("int8", "uint64", "float16", "float32", "float64", "bool")]
    return [
        *((f"arrays of {one.dtype}", of(one, one[:0], None), "exact") for one in numbers),
        ("arrays with NaN", of(np.array([np.nan, -0.0]), np.array([1.5])), "exact"),
        ("arrays that are views", of(np.arange(6)[::2], np.arange(3)), "exact"),
        ("arrays of different dtypes", of(np.array([1]), np.array([1.5])), "refused"),
        ("arrays of two dimensions", of(np.eye(2)), "refused"),
        ("arrays of no dimension", of(np.array(1)), "refused"),
        ("arrays of text", of(np.array(["a"])), "refused"),
        ("arrays of objects", of(np.array([1, None], object)), "refused"),
        ("arrays of moments", of(np.array(["2024"], "M8[s]")), "refused"),
        ("arrays of complex", of(np.array([1j])), "refused"),
        ("big-endian arrays", of(np.array([1], ">i4")), "refused"),
        ("masked arrays", of(np.ma.masked_array([1], [True])), "refused"),
        ("arrays and lists", of(np.array([1]), [1]), "refused"),
    ]


def _case(what: str, values: Sequence[Any], outcome: Outcome = "exact") -> Case:
    return Case(what, lambda: pd.DataFrame({"column": pd.Series(_objects(values), dtype=object)}), outcome)


def _objects(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    array = np.empty(len(values), object)
    for position, value in enumerate(values):  # assigned at once, lists of one length would become a matrix
        array[position] = value
    return array
