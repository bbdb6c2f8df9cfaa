"""Arrow's values as Python's, also those that Python cannot hold: years beyond 9999, parts of a microsecond, time zones
that it does not know, text that is not UTF-8."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

import pyarrow as pa

UNHELD = (OverflowError, ValueError, KeyError, pa.ArrowException)
"""What is raised on the way to Python by a value that Python cannot hold."""


def python_values(column: pa.Array) -> list[Any]:
    """The values of a column, each as ``python_value`` has it."""
    try:
        values: list[Any] = column.to_pylist()
    except UNHELD:
        return list(map(python_value, column))
    return values


def values_at(column: pa.Array, positions: pa.Array) -> list[Any]:
    """The values at some positions."""
    try:
        return python_values(column.take(positions))
    except pa.ArrowNotImplementedError:  # Arrow cannot take from views of text, as polars' are, nor from some others
        return [python_value(column[at]) for at in positions.to_pylist()]


def python_value(scalar: pa.Scalar) -> Any:
    """The value in Python; what Python cannot hold remains an Arrow scalar, and bytes that are no text become
    surrogates."""
    try:
        return scalar.as_py()
    except UNHELD:
        pass
    if isinstance(scalar, pa.BinaryScalar):
        return scalar.as_buffer().to_pybytes().decode(errors="surrogateescape")
    if isinstance(scalar, pa.ListScalar):
        return list(map(python_value, scalar.values))
    if isinstance(scalar, pa.StructScalar):
        names = distinct_names(field.name for field in scalar.type)
        return {name: python_value(scalar[at]) for at, name in enumerate(names)}
    inner = getattr(scalar, "value", None)  # of a dictionary, a run, a union or an extension
    return python_value(inner) if isinstance(inner, pa.Scalar) else scalar


def distinct_names(names: Iterable[str]) -> list[str]:
    """``names``, those that stood before with a number: "name" and "name (2)"."""
    found: dict[str, None] = {}
    numbers: defaultdict[str, Iterator[int]] = defaultdict(lambda: count(2))  # a sheet may have thousands of ""
    for name in names:
        one = name
        while one in found:
            one = f"{name} ({next(numbers[name])})"
        found[one] = None
    return list(found)
