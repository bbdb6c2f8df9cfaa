"""A refused record as JSON text, whatever it holds."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np

_DEPTH = 20
"""Deeper than any real record; what nests further is described, not written."""
_LONGEST_INTEGER = 4_000  # bits: Python refuses to spell integers of more than 4,300 digits


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def record_json(record: object) -> str:
    """Valid JSON for any object: what JSON cannot say (NaN, dates, bytes, other classes) is said as text."""
    try:
        text = _ENCODER.encode(record)
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(record, allow_nan=False)  # lone surrogates, as \\u escapes
    except (TypeError, ValueError, RecursionError):
        return json.dumps(_plain(record, _DEPTH), allow_nan=False)
    return text


def _plain(value: Any, depth: int) -> Any:
    """``value`` made of dicts, lists and scalars that JSON has."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if value.bit_length() < _LONGEST_INTEGER else f"<integer of {value.bit_length()} bits>"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (Decimal, dt.date, dt.time)):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if depth and isinstance(value, Mapping):
        return {_key(key): _plain(item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, np.ndarray):
        value = value.tolist()
    if depth and isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth - 1) for item in value]
    return f"<{type(value).__qualname__}>"


def _key(key: object) -> str:
    return key if isinstance(key, str) else str(_plain(key, 1))
