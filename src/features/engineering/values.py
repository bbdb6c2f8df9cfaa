"""What one field's value may be, judged value by value: the slow and exact half of validation.

Each function takes a value that is not missing and returns what is stored, or raises ``ValueError`` with a
reason that reads on from the field's name. ``columns.py`` has the fast half, and comes here only for columns
that fail it.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import sys
from decimal import Decimal
from typing import Any

import numpy as np

WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""The characters with the Unicode property White_Space; ``str.isspace`` knows four more (U+001C to
U+001F)."""

_LARGEST = 2**63 - 1
_LARGEST_FLOAT = sys.float_info.max
_INTEGER = re.compile(r"-?[0-9]+")
_CSV_INTEGER = re.compile(r"-?[0-9]+(?:\.0*)?")
CSV_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_CSV_NUMBER = re.compile(CSV_NUMBER)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def is_missing(value: object) -> bool:
    """None, or the markers pandas has for a missing scalar and a missing time. NaN in a record is a wrong
    number."""
    return is_missing_type(type(value))


def is_missing_type(kind: type) -> bool:
    """Whether values of this type are missing; pandas' own types go by their names, as pandas may not be there."""
    return kind.__name__ in ("NoneType", "NAType", "NaTType")


def text(value: Any, from_csv: bool) -> str:  # noqa: ARG001 - one signature for all fields
    """Text that can be encoded."""
    if not isinstance(value, str):
        raise ValueError("is not text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        if "\udc80" <= value[error.start] <= "\udcff":  # how Python spells a byte that is no UTF-8
            raise ValueError("is not valid UTF-8") from None
        raise ValueError("holds a lone surrogate, which is no character") from None
    return str.__str__(value)  # the characters; an enum's own str() is its name


def title(value: object, from_csv: bool) -> str:
    """Text with something besides white space."""
    value = text(value, from_csv)
    if not value.strip(WHITE_SPACE):
        raise ValueError("is empty")
    return value


def natural(value: object, from_csv: bool) -> int:
    """An integer from 0 to the largest of 64 bits: an int, an integral float or Decimal, or integral text."""
    number = integer(value, from_csv)
    if number < 0:
        raise ValueError("is negative")
    return number


def integer(value: Any, from_csv: bool) -> int:
    """As ``natural``, or negative."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, str):
        return _integer_text(value, from_csv)
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)) or not _is_finite(value):
        raise ValueError("is not an integer")
    if not -_LARGEST <= value <= _LARGEST:  # before int(), which would spell out Decimal("1e1000000")
        raise ValueError("is too large for 64 bits")
    if value != int(value):
        raise ValueError("is not an integer")
    return int(value)


def integer_or_none(value: object, *, from_csv: bool) -> int | None:
    """The integer that ``value`` is, if it is one: the id under which a refused record is listed."""
    if type(value) is int and -_LARGEST <= value <= _LARGEST:
        return value
    try:
        return None if is_missing(value) else integer(value, from_csv)
    except ValueError:
        return None


def _integer_text(value: str, from_csv: bool) -> int:
    value = value.strip(" ") if from_csv else value
    if not (_CSV_INTEGER if from_csv else _INTEGER).fullmatch(value):
        raise ValueError("is not an integer")
    digits = value.lstrip("-").partition(".")[0].lstrip("0") or "0"
    if len(digits) > 19 or int(digits) > _LARGEST:  # int() of very long text is slow and limited
        raise ValueError("is too large for 64 bits")
    return -int(digits) if value.startswith("-") else int(digits)


def amount(value: object, from_csv: bool) -> float:
    """A finite number of at least 0."""
    number = _number(value, from_csv)
    if number < 0:
        raise ValueError("is negative")
    return number


def vote(value: object, from_csv: bool) -> float:
    """A finite number from 0 to 10."""
    number = _number(value, from_csv)
    if not (0 <= number <= 10):
        raise ValueError("is outside 0 to 10")
    return number


def _number(value: Any, from_csv: bool) -> float:
    """A finite float. A number that is only rounded into range (Decimal("-1e-400")) is not in range."""
    value = value.item() if isinstance(value, np.generic) else value
    if from_csv and isinstance(value, str):
        return _number_text(value)
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError("is not a number")
    if not _is_finite(value):
        raise ValueError("is not a finite number")
    if not -_LARGEST_FLOAT <= value <= _LARGEST_FLOAT:
        raise ValueError("is too large for a 64-bit float")
    number = float(value)
    if number == 0 and value < 0:
        raise ValueError("is negative")
    return math.nextafter(10, 11) if number == 10 and value > 10 else number


def _number_text(value: str) -> float:
    value = value.strip(" ")
    if not _CSV_NUMBER.fullmatch(value):
        raise ValueError("is not a finite number" if value.lower() in ("nan", "inf", "-inf") else "is not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("is too large for a 64-bit float")
    return number


def _is_finite(value: float | Decimal) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite()
    return isinstance(value, int) or math.isfinite(value)  # isfinite of an int beyond floats would overflow


def date(value: object, from_csv: bool) -> dt.date | None:  # noqa: ARG001
    """The day, or None where it is impossible: a date is never a reason to reject."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    if isinstance(value, np.datetime64):
        return _numpy_date(value)
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            return None
    return None


def _numpy_date(value: np.datetime64) -> dt.date | None:
    day = value.astype("datetime64[D]").item()
    return day if isinstance(day, dt.date) else None  # NaT is None, years beyond 9999 are plain ints


def flag(value: object, from_csv: bool) -> bool:
    """True or False, or their names."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, str):
        if value in ("True", "False"):
            return value == "True"
        if from_csv and value in ("true", "false"):
            return value == "true"
    raise ValueError("is neither true nor false")
