"""Frames of either library as plain columns, and comparison of feature tables."""

from __future__ import annotations

import importlib.util
import math

import pyarrow as pa

ENGINES = [name for name in ("pandas", "polars") if importlib.util.find_spec(name)]
"""The engines whose library this environment has."""

TYPES = {"string_view": "large_string", "string": "large_string"}
"""Libraries export text under several Arrow types, which mean the same."""


def columns_of(frame) -> dict[str, list]:
    table = pa.table(frame)
    return {name: table[name].to_pylist() for name in table.column_names}


def types_of(frame) -> dict[str, str]:
    schema = pa.table(frame).schema
    return {field.name: TYPES.get(str(field.type), str(field.type)) for field in schema}


def differences(found: list, expected: list, relative: float) -> list:
    """Where two columns differ: floats by more than ``relative`` of the larger, other values at all."""
    assert len(found) == len(expected)
    pairs = enumerate(zip(found, expected, strict=True))
    return [(at, one, other) for at, (one, other) in pairs if not same(one, other, relative)]


def same(one, other, relative: float) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return relative == math.inf or math.isclose(one, other, rel_tol=relative, abs_tol=relative)
    return type(one) is type(other) and one == other
