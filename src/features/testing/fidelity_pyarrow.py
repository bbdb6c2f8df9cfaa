"""What an Arrow table may hold: the cases of the fidelity table."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from features.testing.fidelity import Case, Outcome

_DAY = dt.datetime(2024, 2, 29, 23, 59, 59, 999000)  # noqa: DTZ001  # Arrow has moments without a zone


def cases() -> list[Case]:
    """All of them."""
    return [*_flat(), *_nested(), *_dictionaries(), *_extensions(), *_described(), *_tables()]


def _flat() -> list[Case]:
    numbers = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
    floats = np.array([np.nan, -0.0, np.inf, 1.5])
    return [
        *(_case(kind, [1, None, 127]) for kind in numbers),
        _case(pa.bool_(), [True, None, False]),
        Case("float16", lambda: pa.table({"column": pa.array(floats.astype(np.float16))})),
        _case(pa.float32(), [1.5, None, float("nan"), -0.0]),
        _case(pa.float64(), [1.5, None, float("nan"), -0.0]),
        Case("double with unusual NaN bits", lambda: pa.table({"column": np.array([2**63 - 1, 1], "u8").view("f8")})),
        _case(pa.null(), [None, None]),
        *(_case(kind, ["", None, "né\0\n"]) for kind in (pa.string(), pa.large_string())),
        *(_case(kind, [b"", None, b"\xff\0"]) for kind in (pa.binary(), pa.large_binary())),
        *(_case(kind, ["a" * 40, None], None) for kind in (pa.string_view(), pa.binary_view())),
        _case(pa.binary(4), [b"\0abc", None]),
        *(_case(kind, [decimal.Decimal("-1.25"), None]) for kind in (pa.decimal128(5, 2), pa.decimal256(60, 2))),
        _case(pa.decimal128(5, -2), [None], "refused"),
        *(_case(kind(5, 2), [None], None) for name in ("decimal32", "decimal64") if (kind := getattr(pa, name, None))),
        _case(pa.date32(), [dt.date.min, dt.date.max, None]),
        _case(pa.date64(), [dt.date(2024, 1, 1)], "refused"),
        *(_case(kind, [dt.time(23, 59, 59), None]) for kind in (pa.time32("ms"), pa.time64("us"), pa.time64("ns"))),
        _case(pa.time32("s"), [dt.time(1)], "refused"),
        *(_case(pa.timestamp(unit), [_DAY, None]) for unit in ("ms", "us", "ns")),
        _case(pa.timestamp("s"), [0, 2**40], "refused"),
        *(_case(pa.timestamp("us", zone), [0, None]) for zone in ("UTC", "Europe/Berlin", "+05:30")),
        *(_case(pa.duration(unit), [-1, None, 2**53]) for unit in ("s", "ms", "us", "ns")),
        _case(pa.duration("s"), [2**62], "refused", "duration[s] beyond milliseconds"),
        _case(pa.list_(pa.duration("s")), [[1]], "refused"),
        _case(pa.month_day_nano_interval(), [None], "refused"),
        Case("text that is not UTF-8", _not_utf8, "refused"),
    ]


def _nested() -> list[Case]:
    struct = pa.struct([("a", pa.int8()), ("", pa.string())])
    required = pa.struct([pa.field("a", pa.int64(), nullable=False, metadata={"k": "v"})])
    return [
        _case(pa.list_(pa.int8()), [[1, None], None, []]),
        _case(pa.large_list(pa.string()), [["a", None], None, []]),
        _case(pa.list_(pa.field("other", pa.list_(pa.float64()))), [[[float("nan")], None], [[]]]),
        _case(pa.list_(pa.field("item", pa.int8(), nullable=False)), [[1], None]),
        _case(pa.list_(pa.int8(), 2), [[1, None], [3, 4]]),
        _case(pa.list_(pa.int8(), 2), [[1, None], None], None, "fixed_size_list with null lists"),
        _case(pa.list_view(pa.int8()), [[1]], None),
        _case(pa.list_(pa.timestamp("s")), [[1]], "refused"),
        _case(struct, [{"a": 1, "": None}, None, {"a": None, "": "x"}]),
        _case(pa.struct([]), [{}], "refused"),
        _case(required, [{"a": 1}]),
        _case(required, [{"a": None}], "refused", "struct with nulls in a field that is not null"),
        _case(pa.list_(struct), [[{"a": 1, "": None}, None], None, []]),
        _case(pa.map_(pa.string(), pa.int8()), [[("a", 1), ("a", None)], None, []]),
        _case(pa.map_(pa.string(), pa.field("other", pa.int8())), [[("a", 1)]], "refused"),
        _case(pa.list_(pa.map_(pa.string(), pa.null())), [[[("a", None), ("b", None)]]], None),
        _case(pa.struct([("m", pa.map_(pa.string(), pa.list_(pa.int8())))]), [{"m": [("a", [1])]}, None]),
    ]


def _dictionaries() -> list[Case]:
    texts = ["b", "a", None, "b"]
    return [
        _case(pa.dictionary(pa.int32(), pa.string()), texts),
        _case(pa.dictionary(pa.int8(), pa.string()), texts, None),
        Case("dictionary<values=large_string, indices=uint32>", _large_texts, "refused"),
        _case(pa.dictionary(pa.int32(), pa.string(), ordered=True), texts),
        _case(pa.dictionary(pa.int32(), pa.int64()), [1, None], "refused"),
        Case("ordered dictionary with unused values", lambda: _unused(["z", "unused", "a"])),
        Case("dictionary that holds null", lambda: _unused(["z", None, "a"]), "refused"),
        Case("ordered dictionary too large for a Parquet dictionary", _large_dictionary),
    ]


def _extensions() -> list[Case]:
    named = {name: made for name in ("uuid", "json_", "bool8") if (made := getattr(pa, name, None)) is not None}
    tensor = pa.fixed_shape_tensor(pa.int8(), [2])
    return [
        *(Case(f"extension {name}", partial(_made, made), None) for name, made in named.items()),
        Case("extension fixed_shape_tensor", lambda: _array(pa.array([[1, 2]], pa.list_(pa.int8(), 2)), tensor), None),
        _case(pa.run_end_encoded(pa.int32(), pa.int8()), [1, 1], "refused"),
        Case("sparse union", _union, "refused"),
    ]


def _described() -> list[Case]:
    named, number = "ARROW:extension:name", "PARQUET:field_id"
    twice = pa.KeyValueMetadata([("unit", "m"), ("unit", "km")])
    json, bytes_ = pa.field("a", pa.string(), metadata={named: "arrow.json"}), {b"k": b"\xff"}
    return [
        # Releases differ in what they know by name.
        _field(json, "metadata of a field that name an extension type", None),
        _field(pa.field("a", pa.list_(json)), "metadata inside a list that name an extension type", None),
        _field(json.with_metadata({named: "an unknown one"}), "metadata of a field that name an unknown type"),
        _field(json.with_metadata({number: "7"}), "metadata of a field that number it"),
        _field(json.with_metadata({number: "007"}), "metadata of a field that number it otherwise", "refused"),
        _field(json.with_metadata(twice), "metadata of a field with a key twice"),
        _field(json.with_metadata(bytes_), "metadata of a field that are not UTF-8", "refused"),
        _inside(json.with_metadata({number: "7"}), "metadata inside a struct that number a field"),
        _inside(json.with_metadata({number: "007"}), "metadata inside a struct that number it otherwise", "refused"),
        _inside(json.with_metadata(bytes_), "metadata inside a struct that are not UTF-8", "refused"),
        Case("schema metadata with a key twice", lambda: _field_table(pa.field("a", pa.string()), twice), "refused"),
    ]


def _tables() -> list[Case]:
    one = pa.table({"a": [1]})
    required = pa.schema([pa.field("a", pa.int64(), nullable=False, metadata={"unit": "m"})])
    return [
        Case("no rows", lambda: pa.schema([("a", pa.int8()), ("b", pa.list_(pa.string()))]).empty_table()),
        Case("no columns", lambda: pa.table({}), "refused"),
        Case("many chunks", lambda: pa.concat_tables([one, one, one.slice(0, 0)])),
        Case("a slice", lambda: pa.table({"a": list("abcdef")}).slice(2, 3)),
        Case("schema metadata", lambda: one.replace_schema_metadata({"a": "b", "": "é"})),
        Case("schema metadata that is not UTF-8", lambda: one.replace_schema_metadata({b"k": b"\xff"}), "refused"),
        Case(
            "schema metadata of the store's own",
            lambda: one.replace_schema_metadata({"features.pandas": ""}),
            "refused",
        ),
        Case("schema metadata of Parquet", lambda: one.replace_schema_metadata({"ARROW:schema": "x"}), "refused"),
        Case("a field that is not null, with metadata", lambda: pa.table([[1, 2]], schema=required)),
        Case("nulls in a field that is not null", lambda: pa.table([[1, None]], schema=required), "refused"),
        Case("names with dots, spaces, quotes", lambda: pa.table({"": [1], "a.b": [2], "a": [{"b": 3}], ' "é\n': [4]})),
        Case("two columns of one name", lambda: pa.table([[1], [2]], names=["a", "a"]), "refused"),
        Case("a NUL in a name", lambda: pa.table({"a\0b": [1]}), "refused"),
        Case("RecordBatch", lambda: pa.record_batch({"a": [1, None]})),
        Case("a stream", lambda: _Stream(pa.concat_tables([one, one]))),
        Case("a stream of ordered dictionaries", lambda: _Stream(_unused(["z", "unused", "a"])), "refused"),
    ]


class _Stream:
    """Something that speaks Arrow and is nothing else."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def _case(kind: pa.DataType, values: Sequence[Any], outcome: Outcome | None = "exact", what: str | None = None) -> Case:
    return Case(what or str(kind), lambda: _table(kind, values), outcome)


def _table(kind: pa.DataType, values: Sequence[Any]) -> pa.Table:
    if pa.types.is_run_end_encoded(kind):
        return pa.table({"column": pa.compute.run_end_encode(pa.array(values, kind.value_type), kind.run_end_type)})
    if all(value is None for value in values):
        return _nulls(kind, len(values))
    return pa.table({"column": pa.array(values, kind)})


def _nulls(kind: pa.DataType, count: int = 2) -> pa.Table:
    return pa.table({"column": pa.nulls(count, kind)})


def _field(field: pa.Field, what: str, outcome: Outcome | None = "exact") -> Case:
    return Case(what, lambda: _field_table(field), outcome)


def _inside(field: pa.Field, what: str, outcome: Outcome | None = "exact") -> Case:
    return _field(pa.field("a", pa.struct([field])), what, outcome)


def _field_table(field: pa.Field, metadata: pa.KeyValueMetadata | None = None) -> pa.Table:
    return pa.table([pa.nulls(2, field.type)], schema=pa.schema([field], metadata))


def _made(kind: Callable[[], pa.DataType]) -> pa.Table:
    return _nulls(kind())


def _array(storage: pa.Array, kind: pa.DataType) -> pa.Table:
    return pa.table({"column": pa.ExtensionArray.from_storage(kind, storage)})


def _unused(values: list[str | None]) -> pa.Table:
    codes = pa.array([2, 0, None], pa.int32())
    return pa.table({"column": pa.DictionaryArray.from_arrays(codes, pa.array(values), ordered=True)})


def _large_texts() -> pa.Table:
    codes = pa.array([0, None], pa.uint32())
    return pa.table({"column": pa.DictionaryArray.from_arrays(codes, pa.array(["a"], pa.large_string()))})


def _large_dictionary() -> pa.Table:
    values = pa.array([f"{index:0100}" for index in range(20_000)])
    codes = pa.array(np.arange(20_000, dtype=np.int32)[::-1])
    return pa.table({"column": pa.DictionaryArray.from_arrays(codes, values, ordered=True)})


def _union() -> pa.Table:
    return pa.table({"column": pa.UnionArray.from_sparse(pa.array([0, 0], pa.int8()), [pa.array([1, 2])])})


def _not_utf8() -> pa.Table:
    return pa.table({"column": pa.array([b"\xff"]).view(pa.string())})
