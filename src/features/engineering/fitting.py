"""The few figures that features take from all movies together: computed once, in NumPy, whatever the engine.

Sums are exactly rounded, so a figure does not depend on the order of the movies.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.engineering.genres import GENRE_BITS, GENRES
from features.errors import ConfigError

_Floats: TypeAlias = npt.NDArray[np.float64]
_Kind = TypeVar("_Kind", bound=np.generic)

STATE_VERSION = 1
RATING_BINS = 101
_POPULAR = 5
_PIECE = 1 << 15
"""Movies processed at a time: what is made of them on the way stays in the processor's cache. So many whole numbers
below 2**27 are also added exactly: they make less than 2**53."""


@dataclass(frozen=True)
class FittedState:
    """What was learnt from the fitted movies. None means that no movie had the value."""

    as_of: dt.date
    """The day that counts as today."""
    movies: int
    """How many movies were fitted."""
    rating_mean: float | None
    rating_deviation: float | None
    """Population standard deviation of the ratings."""
    rating_bins: tuple[int, ...]
    """How many ratings fall in each of 101 bins: bin i holds those with floor(10 rating + 0.5) = i."""
    popularity_mean: float | None
    popularity_deviation: float | None
    """Population standard deviation of the popularities."""
    vote_count_quantile: float | None
    """The 0.90 quantile of vote_count, by linear interpolation."""
    genre_means: tuple[float | None, ...]
    """Mean rating of the movies of each of the nineteen genres, in the order of ``GENRES``."""
    popular_genres: tuple[int, ...]
    """Ids of the most frequent genres, five at most, most frequent first."""

    def __post_init__(self) -> None:
        for name in ("rating_bins", "genre_means", "popular_genres"):  # lists would not be hashable
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def to_json(self) -> str:
        """The state as JSON text, from which ``from_json`` makes an equal one, to the last bit."""
        return json.dumps({"version": STATE_VERSION, **asdict(self), "as_of": self.as_of.isoformat()}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> FittedState:
        """The state that ``to_json`` wrote.

        Raises:
            ConfigError: the text is not a state, or one of another version.
        """
        try:
            return _decoded(json.loads(text))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            message = f"this is not a fitted state ({error}); give what FittedState.to_json() returned"
            raise ConfigError(message, field="state", value=text) from None


def _decoded(data: Any) -> FittedState:
    """A state from parsed JSON, each field checked.

    Raises:
        ValueError: anything is missing, extra or of another type.
    """
    if not isinstance(data, dict) or data.get("version") != STATE_VERSION:
        raise ValueError(f"it has no version {STATE_VERSION}")
    names = {field.name for field in fields(FittedState)}
    if data.keys() != names | {"version"}:
        raise ValueError(f"its fields are {', '.join(sorted(map(str, data)))}")
    genre_means = _tuple(data["genre_means"], len(GENRES), _figure)
    popular = _tuple(data["popular_genres"], None, _count)
    if len(popular) > _POPULAR or not set(popular) <= set(GENRES):
        raise ValueError("popular_genres are not genres")
    return FittedState(
        as_of=dt.date.fromisoformat(data["as_of"]),
        movies=_count(data["movies"]),
        rating_mean=_figure(data["rating_mean"]),
        rating_deviation=_figure(data["rating_deviation"]),
        rating_bins=_tuple(data["rating_bins"], RATING_BINS, _count),
        popularity_mean=_figure(data["popularity_mean"]),
        popularity_deviation=_figure(data["popularity_deviation"]),
        vote_count_quantile=_figure(data["vote_count_quantile"]),
        genre_means=genre_means,
        popular_genres=popular,
    )


def _tuple(value: Any, size: int | None, item: Any) -> tuple[Any, ...]:
    if not isinstance(value, list) or size not in (None, len(value)):
        raise ValueError("a list in it has the wrong length")
    return tuple(map(item, value))


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _figure(value: Any) -> float | None:
    if value is None:
        return None
    # Some JSON tools write 5.0 as 5.
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= sys.float_info.max:
        raise ValueError(f"{value!r} is no figure")
    return float(value)


@np.errstate(all="ignore")  # whatever the caller has NumPy do with sums that underflow
def fit(columns: pa.Table, as_of: dt.date) -> FittedState:
    """Fit on ``Movies.columns``: ratings, popularities, vote counts and genres where they are known."""
    rating_known = _known(columns["rating"])
    ratings = columns["rating"].to_numpy()
    masks = columns["genres"].to_numpy()
    popularity = columns["popularity"].drop_null().to_numpy()
    rated, rated_masks = ratings[rating_known], masks[rating_known]
    rating_mean, rating_deviation = _mean_and_deviation(rated)
    popularity_mean, popularity_deviation = _mean_and_deviation(popularity)
    return FittedState(
        as_of=as_of,
        movies=columns.num_rows,
        rating_mean=rating_mean,
        rating_deviation=rating_deviation,
        rating_bins=tuple(np.bincount(rating_bin(rated), minlength=RATING_BINS).tolist()),
        popularity_mean=popularity_mean,
        popularity_deviation=popularity_deviation,
        vote_count_quantile=_ninth_decile(columns["vote_count"].drop_null().to_numpy()),
        genre_means=tuple(_mean(_of_genre(bit, rated, rated_masks)) for bit in GENRE_BITS.values()),
        popular_genres=_most_frequent(masks),
    )


def _known(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    return np.asarray(column.is_valid().to_numpy(), dtype=bool)


def rating_bin(ratings: _Floats) -> npt.NDArray[np.int64]:
    """The bin of each rating from 0 to 10: tenths, rounded half up."""
    return np.floor(10 * ratings + 0.5).astype(np.int64)


def exact_sum(pieces: Iterable[_Floats]) -> float:
    """The sum of finite numbers, rounded once: what ``math.fsum`` gives, in half the time. No piece is larger than
    those of ``in_pieces``.

    Each number is two whole ones, of its upper 26 bits and of the 27 below, times a power of two. Those that share the
    power are added without rounding, as 64-bit floats hold all whole numbers up to 2**53; ``fsum`` adds what is left.
    """
    parts: list[float] = []
    for piece in pieces:
        fractions, exponents = np.frexp(piece)
        shifted = fractions * 2.0**26
        upper = np.trunc(shifted)
        least = int(exponents.min())
        for whole, bits in ((upper, 26), ((shifted - upper) * 2.0**27, 53)):
            sums = np.bincount(exponents - least, weights=whole)
            parts += np.ldexp(sums, np.arange(len(sums)) + least - bits).tolist()
    return math.fsum(parts)


def in_pieces(values: npt.NDArray[_Kind]) -> Iterator[npt.NDArray[_Kind]]:
    """The values in order, ``_PIECE`` at a time."""
    return (values[start : start + _PIECE] for start in range(0, len(values), _PIECE))


def _of_genre(bit: int, ratings: _Floats, masks: npt.NDArray[np.int32]) -> _Floats:
    pairs = zip(in_pieces(ratings), in_pieces(masks), strict=True)
    return np.concatenate([np.zeros(0), *(piece[(mask & bit) != 0] for piece, mask in pairs)])


def _mean(values: _Floats) -> float | None:
    if not len(values):
        return None
    low, high = float(values.min()), float(values.max())
    if low == high:
        return low + 0.0  # dividing a sum could miss the common value; + 0.0 makes -0.0 plain
    shrink = 2.0**-64 if high > 2.0**900 else 1.0  # sums of the largest floats would overflow
    return exact_sum(piece * shrink for piece in in_pieces(values)) / len(values) / shrink


def _mean_and_deviation(values: _Floats) -> tuple[float | None, float | None]:
    """Mean and population deviation, without overflow or underflow of the squares."""
    mean = _mean(values)
    if mean is None:
        return None, None
    low, high = float(values.min()), float(values.max())
    furthest = max(high - mean, mean - low)
    if furthest == 0 or low == high:
        return mean, 0.0
    exponent = math.frexp(furthest)[1]
    scaled = (np.ldexp(piece - mean, -exponent) for piece in in_pieces(values))  # exact: only exponents change
    deviation = math.ldexp(math.sqrt(exact_sum(piece * piece for piece in scaled) / len(values)), exponent)
    # Libraries divide by multiplying with the reciprocal, which is infinite for a subnormal number.
    return mean, deviation if deviation >= sys.float_info.min else 0.0


def _ninth_decile(counts: npt.NDArray[np.int64]) -> float | None:
    """The 0.90 quantile with linear interpolation; its position is split in integers, exactly."""
    if not len(counts):
        return None
    below, tenths = divmod(9 * (len(counts) - 1), 10)
    above = min(below + 1, len(counts) - 1)
    ranked = np.partition(counts, [below, above])
    low, high = int(ranked[below]), int(ranked[above])
    return (10 * low + (high - low) * tenths) / 10


def _most_frequent(masks: npt.NDArray[np.int32]) -> tuple[int, ...]:
    counts = {
        genre: sum(int(np.count_nonzero(piece & bit)) for piece in in_pieces(masks))
        for genre, bit in GENRE_BITS.items()
    }
    ranked = sorted((genre for genre in counts if counts[genre]), key=lambda genre: -counts[genre])
    return tuple(ranked[:_POPULAR])
