"""What a feature is: a name, a type, a meaning, and how it is built from the columns of the movies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

if TYPE_CHECKING:
    from features.engineering.engines.base import Columns, Engine
    from features.engineering.fitting import FittedState

Column: TypeAlias = Any
"""A column of an engine: a polars expression or an Arrow-backed pandas series. ``Any``, since neither need be
installed; both have the operators ``+ - * /``, for numbers alone, and ``< <= == != >= > & | ~``. To divide by a
number, multiply with its reciprocal: polars does that itself for many rows and not for one, so that ``x / 3`` may
differ by a bit."""

Build: TypeAlias = Callable[["Columns", "Engine", "FittedState"], Column]

TYPE_NAMES: dict[pa.DataType, str] = {
    pa.bool_(): "bool",
    pa.int8(): "int8",
    pa.int16(): "int16",
    pa.int32(): "int32",
    pa.int64(): "int64",
    pa.float64(): "float64",
    pa.large_string(): "string",
}
"""The types that a feature may have, and what ``describe()`` calls them."""


@dataclass(frozen=True, eq=False)  # a declaration is itself, and equal to no other
class Feature:
    """One column of one feature table, declared once for every engine.

    ``build(m, op, fit)`` gets the movies' columns (``m.title``, ``m.rating`` …), the engine's operations
    (``op.log1p`` …) and the fitted figures (``fit.rating_mean`` …), and returns a column with one value per
    movie that depends on that movie and on ``fit`` alone.

    Example:
        >>> import pyarrow as pa
        >>> from features.engineering.feature import Feature
        >>> popular_and_good = Feature(
        ...     name="is_popular_and_good",
        ...     dtype=pa.bool_(),
        ...     description="popularity of 20 or more and a rating of 7 or more",
        ...     nullable=True,
        ...     family="mine",
        ...     build=lambda m, op, fit: (m.popularity >= 20) & (m.rating >= 7),
        ... )
    """

    name: str
    dtype: pa.DataType
    """One of ``TYPE_NAMES``."""
    description: str
    nullable: bool
    """Whether a movie may have no value; where False, ``build`` must give every movie one."""
    family: str
    """The table that the feature stands in."""
    build: Build
