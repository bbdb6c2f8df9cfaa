"""The tables that the store scripts save and load, as frames of either backend."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from features.frames import Backend, Frame

TABLES = 5
"""Tables in a group that is loaded from the cache."""


def table(backend: Backend, columns: Mapping[str, Any]) -> Frame:
    """A frame of the backend's library."""
    return importlib.import_module(backend).DataFrame(dict(columns))


def random_floats(backend: Backend, rows: int, columns: int, *, seed: int = 0) -> Frame:
    """A frame of ``columns`` float columns and an ``id``."""
    draw = np.random.default_rng(seed)
    floats = {f"feature_{number}": draw.random(rows) for number in range(columns)}
    return table(backend, {**floats, "id": np.arange(rows)})


def five_tables(backend: Backend, rows: int) -> dict[str, Frame]:
    """Whole numbers and text, as in a small feature table."""
    text = [f"data_{row}" for row in range(rows)]
    return {
        f"table_{number}": table(
            backend, {"id": range(rows), "value": range(rows * number, rows * (number + 1)), "feature": text}
        )
        for number in range(TABLES)
    }


def equal(one: Frame, other: Frame) -> bool:
    """Whether two frames of the same library hold the same columns, types and values."""
    return bool(one.equals(other))
