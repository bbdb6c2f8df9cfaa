"""What an engine must be able to do: the operations that feature declarations use where operators end.

Each operation works element by element and gives null for null, unless it says otherwise. Two engines may
differ by the last bits of a logarithm, and in nothing else: ``features.testing.engine_contract`` holds them
to it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.engineering.feature import TYPE_NAMES, Column, Feature
from features.engineering.fitting import FittedState
from features.errors import InvalidFeatureError
from features.frames import Frame

DatePart: TypeAlias = Literal["year", "month", "quarter", "day_of_year", "weekday"]

SLICE_ROWS = 1 << 17
"""Movies transformed at a time: features are row-wise, so this bounds what is alive at once and changes nothing."""

GENRE_SPLIT = 1024
"""A genre mask is looked up in two halves: one table of all 2**19 masks would cost more to build than it
saves."""


class Columns:
    """The movies' columns by name, made when a declaration first asks for one."""

    movie_id: Column
    title: Column
    overview: Column
    original_title: Column
    original_language: Column
    release_date: Column
    vote_average: Column
    vote_count: Column
    popularity: Column
    adult: Column
    rating: Column
    votes: Column
    genres: Column
    title_words: Column
    overview_words: Column
    overview_lower: Column

    def __init__(self, make: Callable[[str], Column]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Column:
        if name not in COLUMNS:
            raise AttributeError(f"movies have no column {name!r}; available: {', '.join(COLUMNS)}")
        column = self.__dict__[name] = self._make(name)
        return column

    @property
    def asked_for(self) -> frozenset[str]:
        """The names of the columns made so far."""
        return frozenset(self.__dict__.keys() & set(COLUMNS))


COLUMNS: tuple[str, ...] = tuple(Columns.__annotations__)
"""What a declaration finds on ``m``: the columns of ``Movies.columns`` and those of ``scanning.SCANS``."""


class Engine(ABC):
    """One dataframe library, computing features natively."""

    @abstractmethod
    def transform(
        self, movies: pa.Table, families: Mapping[str, Sequence[Feature]], fit: FittedState
    ) -> dict[str, Frame]:
        """One frame per family, ``movie_id`` first, with the declared types; ``movies`` is
        ``Movies.columns``.

        Raises:
            InvalidFeatureError: a feature builds something other than what it declares.
        """

    @abstractmethod
    def frame(self, table: pa.Table) -> Frame:
        """An Arrow table as a frame of this library."""

    @abstractmethod
    def constant(self, like: Column, value: float | None) -> Column:
        """The float ``value`` wherever ``like`` is known; None is null everywhere."""

    @abstractmethod
    def if_else(self, condition: Column, yes: Column | float | str, no: Column | float | str) -> Column:
        """``yes`` where the condition holds, ``no`` where it does not, null where it is null."""

    @abstractmethod
    def tier(self, x: Column, bounds: Sequence[float], labels: Sequence[str]) -> Column:
        """A label per value: the first below ``bounds[0]``, the second from there to below ``bounds[1]`` …"""

    @abstractmethod
    def lookup(self, index: Column, table: Sequence[float]) -> Column:
        """``table[index]`` for integers within the table."""

    @abstractmethod
    def log1p(self, x: Column) -> Column:
        """ln(1 + x) for x ≥ 0."""

    @abstractmethod
    def floor(self, x: Column) -> Column:
        """The largest integer not above x, as int32."""

    @abstractmethod
    def minimum(self, x: Column, bound: float) -> Column:
        """x, or ``bound`` where x is above it."""

    @abstractmethod
    def date_part(self, date: Column, part: DatePart) -> Column:
        """An integer part of a date; weekdays count from Monday, 1."""

    @abstractmethod
    def days_since_epoch(self, date: Column) -> Column:
        """Days from 1970-01-01, as int32, negative before."""

    @abstractmethod
    def has_genre(self, genres: Column, *ids: int) -> Column:
        """Whether the movie is of any of these genres."""

    @abstractmethod
    def genre_count(self, genres: Column) -> Column:
        """How many of the nineteen genres the movie is of."""

    @abstractmethod
    def genre_sum(self, genres: Column, values: Sequence[float]) -> Column:
        """The sum, over the movie's genres, of the value of each, ``values`` being in the order of
        ``GENRES``."""

    @abstractmethod
    def length(self, text: Column) -> Column:
        """Unicode code points."""

    @abstractmethod
    def contains(self, text: Column, part: str) -> Column:
        """Whether ``part`` occurs in the text, as it is."""

    @abstractmethod
    def matches(self, text: Column, pattern: str) -> Column:
        r"""Whether a regex matches somewhere. In the dialect that all engines share: explicit ASCII classes,
        ``\b`` for the boundary of an ASCII word, ``\z`` for the end; neither ``\w \d \s`` nor flags, which
        mean different characters to different libraries."""

    @abstractmethod
    def count_words_in(self, lowered: Column, words: Sequence[str]) -> Column:
        """Occurrences of these lower-case ASCII words in a text in lower case, such as ``m.overview_lower``, bounded by
        anything but ``[0-9a-z_]``."""


def check_declared(feature: Feature, found: object, *, same_kind: bool, nulls: int) -> None:
    """Raise unless what a feature built, of type ``found`` with so many nulls, is what it declares.

    Raises:
        InvalidFeatureError: it is of another kind, or null where the feature is not nullable.
    """
    if not same_kind:
        wanted = TYPE_NAMES[feature.dtype]
        reason = f"is declared {wanted} but builds {found}; correct its dtype or its build"
    elif nulls and not feature.nullable:
        reason = f"is declared never null but builds {nulls} nulls; declare nullable=True"
    else:
        return
    raise InvalidFeatureError(f"feature {feature.name!r} {reason}", feature=feature.name)


def not_a_column(feature: Feature, built: object) -> InvalidFeatureError:
    """The error for a feature whose ``build`` returned no column, or one of another length."""
    reason = f"builds {type(built).__name__}, not a column with one value per movie"
    return InvalidFeatureError(f"feature {feature.name!r} {reason}", feature=feature.name)


def out_of_range(feature: Feature, error: Exception) -> InvalidFeatureError:
    """The error for integers that the declared type cannot hold."""
    reason = f"builds values that {TYPE_NAMES[feature.dtype]} cannot hold ({error}); declare a wider dtype"
    return InvalidFeatureError(f"feature {feature.name!r} {reason}", feature=feature.name)


def any_word(words: Sequence[str]) -> str:
    r"""A regex for one of ``words`` as a whole ASCII word. In lower-case text they stand as they are, which lets a
    regex library look for all of them at once, byte by byte."""
    return rf"\b(?:{'|'.join(words)})\b"


def halves(values: Sequence[float]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sums over all masks of the low bits, and over all masks of the high bits, for ``genre_sum``."""
    bits = GENRE_SPLIT.bit_length() - 1
    return _mask_sums(values[:bits]), _mask_sums(values[bits:])


def _mask_sums(values: Sequence[float]) -> npt.NDArray[np.float64]:
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums
