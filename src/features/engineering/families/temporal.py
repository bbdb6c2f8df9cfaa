"""When a movie came out, and how long ago. All null without a release date."""

# ruff: noqa: ARG005 - every build is given the same three

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from features.engineering.feature import Column, Feature

if TYPE_CHECKING:
    from features.engineering.engines.base import Columns, DatePart, Engine
    from features.engineering.fitting import FittedState

_feature = partial(Feature, family="temporal", nullable=True)
_EPOCH = dt.date(1970, 1, 1)
_DAYS_PER_YEAR = 365.25


def _days_since_release(m: Columns, op: Engine, fit: FittedState) -> Column:
    return (fit.as_of - _EPOCH).days - op.days_since_epoch(m.release_date)


def _years_since_release(m: Columns, op: Engine, fit: FittedState) -> Column:
    return _days_since_release(m, op, fit) * (1 / _DAYS_PER_YEAR)


def _is_recent(m: Columns, op: Engine, fit: FittedState) -> Column:
    years = _years_since_release(m, op, fit)
    return (years >= 0) & (years < 5)


def _decade(m: Columns, op: Engine, fit: FittedState) -> Column:  # noqa: ARG001 - what build is given
    return op.floor(op.date_part(m.release_date, "year") / 10) * 10


def _part(name: str, dtype: pa.DataType, description: str, part: DatePart) -> Feature:
    return _feature(name, dtype, description, build=lambda m, op, fit: op.date_part(m.release_date, part))


def _months(name: str, description: str, first: int, last: int) -> Feature:
    def between(m: Columns, op: Engine, fit: FittedState) -> Column:  # noqa: ARG001 - what build is given
        month = op.date_part(m.release_date, "month")
        return (month >= first) & (month <= last)

    return _feature(name, pa.bool_(), description, build=between)


TEMPORAL: tuple[Feature, ...] = (
    _part("release_year", pa.int16(), "year of release", "year"),
    _part("release_month", pa.int8(), "month of release, 1 to 12", "month"),
    _part("release_quarter", pa.int8(), "quarter of release, 1 to 4", "quarter"),
    _part("release_day_of_year", pa.int16(), "day of the year of release, 1 to 366", "day_of_year"),
    _part("release_weekday", pa.int8(), "weekday of release, Monday 1 to Sunday 7", "weekday"),
    _feature("release_decade", pa.int16(), "first year of the decade of release, as 1990", build=_decade),
    _feature(
        "days_since_release",
        pa.int32(),
        "days from release to as_of, negative before it",
        build=_days_since_release,
    ),
    _feature("years_since_release", pa.float64(), "days_since_release / 365.25", build=_years_since_release),
    _feature(
        "is_future_release",
        pa.bool_(),
        "released after as_of",
        build=lambda m, op, fit: _days_since_release(m, op, fit) < 0,
    ),
    _feature("is_recent", pa.bool_(), "0 ≤ years_since_release < 5", build=_is_recent),
    _feature(
        "is_classic",
        pa.bool_(),
        "years_since_release ≥ 25",
        build=lambda m, op, fit: _years_since_release(m, op, fit) >= 25,
    ),
    _months("is_spring_release", "released in months 3 to 5", 3, 5),
    _months("is_summer_release", "released in months 6 to 8", 6, 8),
    _months("is_holiday_release", "released in month 11 or 12", 11, 12),
)
