"""What a pandas frame may hold: the cases of the fidelity table."""

from __future__ import annotations

import datetime as dt
import importlib
import zoneinfo
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from features.testing.fidelity import Case, Outcome
from features.testing.fidelity_objects import object_cases

_MOMENTS = ["2024-02-29 23:59:59", None, "1900-01-01"]


def cases() -> list[Case]:
    """All of them."""
    return [*_numpy(), *_moments(), *_extension(), *_categoricals(), *_refused(), *object_cases(), *_frames()]


def _numpy() -> list[Case]:
    whole = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
    bits = np.array([0x7FF8000000000001, 0xFFF8000000000000, 2**63, 1], np.uint64).view(np.float64)
    return [
        *(_case(name, [0, np.iinfo(name).min, np.iinfo(name).max], name) for name in whole),
        _case("bool", [True, False], "bool"),
        *(_case(name, [1.5, np.nan, -0.0, np.inf], name) for name in ("float16", "float32", "float64")),
        Case("float64 with unusual NaN bits", lambda: pd.DataFrame({"column": bits})),
        Case("every other row of an array", lambda: pd.DataFrame({"column": np.arange(10)[::2]})),
        Case("columns of one Fortran block", lambda: pd.DataFrame(np.asfortranarray(np.eye(3)), columns=list("abc"))),
        Case("a read-only block", _read_only),
    ]


def _moments() -> list[Case]:
    units = ("s", "ms", "us", "ns")
    zones: list[tuple[str, Callable[[], Any], Outcome]] = [
        ("zoneinfo", lambda: zoneinfo.ZoneInfo("Europe/Berlin"), "exact"),
        ("offset", lambda: dt.timezone(dt.timedelta(hours=5, minutes=30)), "exact"),
        ("offset with seconds", lambda: dt.timezone(dt.timedelta(seconds=-3601)), "exact"),
        ("offset with a name", lambda: dt.timezone(dt.timedelta(hours=1), "mine"), "exact"),
        ("dateutil", _dateutil, "refused"),
    ]
    return [
        *(_case(f"datetime64[{unit}]", _MOMENTS, f"datetime64[{unit}]") for unit in units),
        *(Case(f"timedelta64[{unit}]", partial(_durations, unit)) for unit in units),
        *(Case(f"extremes of datetime64[{unit}]", partial(_extremes, "M", unit)) for unit in units[1:]),
        *(Case(f"extremes of timedelta64[{unit}]", partial(_extremes, "m", unit)) for unit in units[1:]),
        Case("datetime64[s] beyond milliseconds", lambda: _extremes("M", "s"), "refused"),
        Case("timedelta64[s] beyond milliseconds", lambda: _extremes("m", "s"), "refused"),
        *(_case(f"datetime64[{unit}], UTC", _MOMENTS, f"datetime64[{unit}, UTC]") for unit in units),
        *(Case(f"datetime64[ns], {name}", partial(_zoned, zone), outcome) for name, zone, outcome in zones),
        *_pytz(),
    ]


def _extension() -> list[Case]:
    whole = ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"]
    texts = ["", None, "né\0\n😀"]
    arrow: list[tuple[Any, list[Any]]] = [
        (pa.int8(), [1, None]), (pa.float64(), [1.5, None, float("nan")]), (pa.bool_(), [True, None]),
        (pa.string(), texts), (pa.large_string(), texts), (pa.binary(), [b"\xff", None]),
        (pa.decimal128(5, 2), [None]), (pa.date32(), [dt.date(1, 1, 1), None]), (pa.time64("us"), [dt.time(1), None]),
        (pa.timestamp("us"), [0, None]), (pa.timestamp("ns", "Europe/Berlin"), [0, None]),
        (pa.duration("ms"), [1, None]),
        (pa.list_(pa.int8()), [[1, None], None, []]), (pa.struct([("a", pa.int8())]), [{"a": 1}, None]),
        (pa.map_(pa.string(), pa.int8()), [[("a", 1)], None]), (pa.null(), [None]),
        (pa.dictionary(pa.int32(), pa.string()), ["b", "a", None]),
    ]  # fmt: skip
    views = [(kind, ["a", None]) for kind in (pa.string_view(), pa.binary_view())]
    gone = [
        (pa.timestamp("s"), [0]),
        (pa.time32("s"), [0]),
        (pa.date64(), [0]),
        (pa.dictionary(pa.int32(), pa.int64()), [1]),
    ]
    return [
        *(_case(name, [1, None, 100], name) for name in whole),
        _case("boolean", [True, None, False], "boolean"),
        *(_case(name, [1.5, None, -0.0], name) for name in ("Float32", "Float64")),
        Case("Float64 that holds NaN beside NA", _nan_beside_na, None),
        *(_case(f"string[{storage}]", texts, f"string[{storage}]") for storage in ("python", "pyarrow")),
        *(Case(f"string, {name}, missing as NaN", build) for name, build in _nan_strings(texts)),
        Case("string that holds a subclass of str", lambda: _frame([np.str_("a")], "string[python]"), None),
        *(_arrow_case(kind, values) for kind, values in arrow),
        *(_arrow_case(kind, values, "refused") for kind, values in gone),
        *(_arrow_case(kind, values, None) for kind, values in views),
    ]


def _categoricals() -> list[Case]:
    days = pd.date_range("2024-01-01", periods=3)
    categories: list[tuple[str, Callable[[], Any]]] = [
        ("text", lambda: ["b", "unused", "a"]),
        ("text as objects", lambda: pd.Index(["b", "a"], dtype=object)),
        ("text as string[python]", lambda: pd.Index(["b", "a"], dtype="string[python]")),
        ("text as string[pyarrow]", lambda: pd.Index(["b", "a"], dtype="string[pyarrow]")),
        ("int64", lambda: [3, 1, 2]),
        ("int8", lambda: np.array([3, 1], np.int8)),
        ("uint64", lambda: np.array([2**64 - 1, 0], np.uint64)),
        ("float64", lambda: [1.5, -0.0, np.inf]),
        ("bool", lambda: [True, False]),
        ("Int64", lambda: pd.Index([3, 1], dtype="Int64")),
        ("boolean", lambda: pd.Index([True, False], dtype="boolean")),
        ("moments", lambda: pd.DatetimeIndex(["2024-01-02", "2023-01-01"])),
        ("moments of datetime64[s]", lambda: pd.DatetimeIndex(["2024-01-02", "2023-01-01"]).as_unit("s")),
        ("moments with a frequency", lambda: days),
        ("moments with a time zone", lambda: days.tz_localize("UTC").tz_convert("Europe/Berlin")),
        ("durations", lambda: pd.to_timedelta([2, 1], unit="s")),
        ("dates", lambda: pd.Index([dt.date(2024, 1, 1), dt.date(2023, 1, 1)])),
        ("bytes", lambda: pd.Index([b"b", b"a"])),
        ("a range", lambda: pd.RangeIndex(2, 8, 2)),
        ("ArrowDtype(string)", lambda: pd.Index(["b", "a"], dtype=pd.ArrowDtype(pa.string()))),
        ("ArrowDtype(int8)", lambda: pd.Index([2, 1], dtype=pd.ArrowDtype(pa.int8()))),
    ]
    return [
        *(_category(name, build) for name, build in categories),
        *(_category(f"{name}, ordered", build, ordered=True) for name, build in categories[:5]),
        _category("text, under a name", lambda: pd.Index(["b", "a"], name="n")),
        _category("text, under a number as name", lambda: pd.Index(["b"], name=1), "refused"),
        Case("category without categories", lambda: _frame(pd.Categorical([None, None], categories=[]))),
        Case("category without values", lambda: _frame(pd.Categorical([None, None], categories=["a"]))),
        Case("category of 300 texts", lambda: _frame(pd.Categorical([f"t{n % 300}" for n in range(999)]))),
        _category("mixed objects", lambda: pd.Index([1, "a"], dtype=object), "refused"),
        Case("category of intervals (pd.cut)", lambda: _frame(pd.cut(np.arange(4), 2)), "refused"),
        _category("periods", lambda: pd.period_range("2024", periods=2, freq="D"), "refused"),
        _category("lone surrogates", lambda: pd.Index(["\ud800"], dtype=object), "refused"),
    ]


def _refused() -> list[Case]:
    built: list[tuple[str, Callable[[], Any]]] = [
        ("period", lambda: pd.period_range("2024", periods=2, freq="D")),
        ("interval", lambda: pd.interval_range(0, 2)),
        ("Sparse", lambda: pd.arrays.SparseArray([0, 1])),
        ("complex128", lambda: np.array([1j])),
        ("longdouble", lambda: np.array([1], np.longdouble)),
        ("big-endian int64", lambda: np.array([1], ">i8")),
        ("big-endian float64", lambda: np.array([1.0], ">f8")),
    ]
    return [Case(name, partial(_built, build), "refused") for name, build in built]


def _frames() -> list[Case]:
    attrs = {"unit": "m", "list": [1, None, 2.5, True], "nested": {"é\ud800": -0.0}}
    return [
        Case("no rows", lambda: _mixed().iloc[:0].reset_index(drop=True)),
        Case("many dtypes", lambda: _mixed()),
        Case("no columns", pd.DataFrame, "refused"),
        Case("rows without columns", lambda: pd.DataFrame(index=pd.RangeIndex(3)), "refused"),
        Case("attrs that are JSON", lambda: _with(attrs=attrs)),
        Case("attrs with a tuple", lambda: _with(attrs={"a": (1, 2)}), "refused"),
        Case("attrs with a number as key", lambda: _with(attrs={1: "a"}), "refused"),
        Case("attrs with NaN", lambda: _with(attrs={"a": np.nan}), "refused"),
        Case("attrs with a NumPy number", lambda: _with(attrs={"a": np.float64(1)}), "refused"),
        Case("attrs with an object", lambda: _with(attrs={"a": object()}), "refused"),
        Case("flags against duplicate labels", lambda: _mixed().set_flags(allows_duplicate_labels=False)),
        Case("names as objects", lambda: _with(columns=pd.Index(["a", "b"], dtype=object))),
        Case("names with dots, spaces, quotes", lambda: _with(columns=["", ' "a.b\né'])),
        Case("names that are numbers", lambda: _with(columns=[0, 1]), "refused"),
        Case("names that are mixed", lambda: _with(columns=["a", None]), "refused"),
        Case(
            "names of a subclass of str", lambda: _with(columns=pd.Index(["a", np.str_("b")], dtype=object)), "refused"
        ),
        Case("two columns of one name", lambda: _with(columns=["a", "a"]), "refused"),
        Case("a NUL in a name", lambda: _with(columns=["a", "b\0"]), "refused"),
        Case("a lone surrogate in a name", lambda: _with(columns=pd.Index(["a", "\ud800"], dtype=object)), "refused"),
        Case(
            "MultiIndex columns", lambda: _with(columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])), "refused"
        ),
        Case("a name of the columns", lambda: _with(columns=pd.Index(["a", "b"], name="n")), "refused"),
        Case("categorical names", lambda: _with(columns=pd.CategoricalIndex(["a", "b"])), "refused"),
        Case("an index of text", lambda: _with(index=["x", "y"]), "refused"),
        Case("an index with gaps", lambda: _with(index=[0, 2]), "refused"),
        Case("a default index of integers, not a range", lambda: _with(index=pd.Index([0, 1])), "refused"),
        Case("a range from 1", lambda: _with(index=pd.RangeIndex(1, 3)), "refused"),
        Case("a range in steps", lambda: _with(index=pd.RangeIndex(0, 4, 2)), "refused"),
        Case("a name of the index", lambda: _with(index=pd.RangeIndex(2, name="n")), "refused"),
        Case("a subclass of DataFrame", lambda: _Subclass({"a": [1]}), "refused"),
    ]


class _Subclass(pd.DataFrame):
    pass


def _case(what: str, values: Any, dtype: Any, outcome: Outcome | None = "exact") -> Case:
    return Case(what, lambda: _frame(values, dtype), outcome)


def _frame(values: Any, dtype: Any = None) -> pd.DataFrame:
    return pd.DataFrame({"column": pd.Series(values, dtype=dtype)})


def _built(values: Callable[[], Any]) -> pd.DataFrame:
    return _frame(values())


def _read_only() -> pd.DataFrame:
    values = np.eye(3)
    values.flags.writeable = False
    return pd.DataFrame(values, columns=list("abc"), copy=False)


def _extremes(kind: str, unit: str) -> pd.DataFrame:
    counts = np.array([-(2**63) + 1, 2**63 - 1, -(2**63), 0])
    if kind == "M" and unit in {"s", "ms"}:  # pandas stops at the year 292277026
        counts = counts // 2 if unit == "s" else counts
    return pd.DataFrame({"column": counts.view(f"{kind}8[{unit}]")})


def _durations(unit: str) -> pd.DataFrame:
    return pd.DataFrame({"column": np.array([-1, 2**40, -(2**63)]).view(f"m8[{unit}]")})


def _zoned(zone: Callable[[], Any]) -> pd.DataFrame:
    return _frame(pd.DatetimeIndex([0, 2**60, pd.NaT]).tz_localize("UTC").tz_convert(zone()))


def _dateutil() -> Any:
    tz: Any = importlib.import_module("dateutil.tz")
    return tz.tzoffset("mine", 3600)


def _pytz() -> list[Case]:
    try:
        pytz: Any = importlib.import_module("pytz")
    except ImportError:
        return []
    zones = {"named": pytz.timezone("Europe/Berlin"), "UTC": pytz.utc, "offset": pytz.FixedOffset(90)}
    return [
        Case(f"datetime64[ns], pytz, {name}", partial(_zoned, partial(_same, zone))) for name, zone in zones.items()
    ]


def _same(value: Any) -> Any:
    return value


def _nan_beside_na() -> pd.DataFrame:
    array: Any = pd.array([0.0, None, 1.0], dtype="Float64")
    return _frame(array / pd.array([0.0, 1.0, 2.0], dtype="Float64"))


def _nan_strings(texts: Sequence[str | None]) -> list[tuple[str, Callable[[], pd.DataFrame]]]:
    try:
        dtypes: list[Any] = [pd.StringDtype(storage, na_value=np.nan) for storage in ("python", "pyarrow")]
    except TypeError:
        return [("pyarrow", lambda: _frame(texts, "string[pyarrow_numpy]"))]
    return [(dtype.storage, partial(_frame, texts, dtype)) for dtype in dtypes]


def _arrow_case(kind: pa.DataType, values: Sequence[Any], outcome: Outcome | None = "exact") -> Case:
    def build() -> pd.DataFrame:
        return pd.DataFrame({"column": pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values, kind)]))})

    return Case(f"ArrowDtype({kind})", build, outcome)


def _category(what: str, categories: Callable[[], Any], outcome: Outcome = "exact", *, ordered: bool = False) -> Case:
    def build() -> pd.DataFrame:
        dtype = pd.CategoricalDtype(categories(), ordered=ordered)
        codes = [index % len(dtype.categories) for index in (2, 0, 1, 0)]
        return _frame(pd.Categorical.from_codes([*codes, -1], dtype=dtype))

    return Case(f"category of {what}", build, outcome)


def _mixed() -> pd.DataFrame:
    moments: Any = ["2024-01-01", None]
    columns: dict[str, Any] = {
        "whole": [1, 2],
        "number": [1.5, np.nan],
        "text": ["a", None],
        "object": pd.Series(["a", np.nan], dtype=object),
        "lists": pd.Series([[1], []], dtype=object),
        "moment": pd.to_datetime(moments),
        "zoned": pd.to_datetime(moments, utc=True),
        "kind": pd.Categorical(["b", "a"], ordered=True),
        "masked": pd.array([1, None], dtype="Int64"),
        "arrow": pd.Series([[1], None], dtype=pd.ArrowDtype(pa.list_(pa.int8()))),
    }
    return pd.DataFrame(columns)


def _with(columns: Any = None, index: Any = None, attrs: dict[Any, Any] | None = None) -> pd.DataFrame:
    frame = pd.DataFrame({"a": [1, 2], "b": [1.5, 2.5]})
    if columns is not None:
        frame.columns = columns
    if index is not None:
        frame.index = pd.Index(index)
    frame.attrs = attrs or {}
    return frame
