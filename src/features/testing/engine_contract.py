"""What every engine must do, as tests to inherit: one subclass per engine is enough.

    class TestPolarsEngine(EngineContract):
        engine = PolarsEngine()

Expected values are computed here in plain Python, operation by operation, so that an engine cannot vouch for itself.
"""

# ruff: noqa: ARG005 - every build is given the same

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.engineering.engines.base import Columns, Engine
from features.engineering.feature import Column, Feature
from features.engineering.fitting import FittedState
from features.engineering.genres import GENRE_BITS
from features.engineering.movies import Movies
from features.errors import InvalidFeatureError

_FLOATS = st.none() | st.floats(0, 1e6) | st.sampled_from([0.0, -0.0, 5.0, 4.999999999999999, 5e-324])
_DATES = st.none() | st.dates() | st.sampled_from([dt.date.min, dt.date.max, dt.date(2000, 2, 29)])
_TEXTS = st.text(st.sampled_from("war lovE:2_éİſK\x00\u3000\n😀."), max_size=12)
_GENRES = st.lists(st.sampled_from([*GENRE_BITS, 1]), max_size=5)


# One test is inherited by each engine's class, which Hypothesis takes for one test run in several ways.
_ONE_PER_ENGINE = settings(
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow, HealthCheck.data_too_large]
)


def movies_with(**columns: Sequence[Any]) -> pa.Table:
    """``Movies.columns`` of movies that differ in the given fields only."""
    size = len(next(iter(columns.values())))
    records = [
        {"movie_id": row, "title": "x", **{name: values[row] for name, values in columns.items()}}
        for row in range(size)
    ]
    return Movies.from_records(records).columns


def _close(found: Sequence[float | None], expected: Sequence[float | None]) -> bool:
    """Null where null, and otherwise within 1e-12."""
    return [None if x is None else pytest.approx(x, rel=1e-12, abs=1e-300) for x in expected] == list(found)


class EngineContract:
    """The contract. A subclass sets ``engine``."""

    engine: Engine

    def built(
        self, movies: pa.Table, dtype: pa.DataType, build: Callable[[Columns, Engine], Column], *, nullable: bool = True
    ) -> list[Any]:
        """The values of one feature built by ``build``."""
        feature = Feature("it", dtype, "", nullable, "family", lambda m, op, _: build(m, op))
        state = FittedState.from_json(_EMPTY_STATE)
        table = pa.table(self.engine.transform(movies, {"family": [feature]}, state)["family"])
        assert table.column_names == ["movie_id", "it"]
        assert table["movie_id"].to_pylist() == movies["movie_id"].to_pylist()
        values: list[Any] = table["it"].to_pylist()
        return values

    @_ONE_PER_ENGINE
    @given(values=st.lists(_FLOATS, min_size=1))
    def test_arithmetic_and_comparison_keep_nulls(self, values: list[float | None]) -> None:
        """Operators are those of Python on known values, and null on null."""
        movies = movies_with(popularity=values)
        found = self.built(movies, pa.float64(), lambda m, op: (m.popularity - 3) / (m.popularity + 1) * 2)
        assert _close(found, [None if x is None else (x - 3) / (x + 1) * 2 for x in values])
        found = self.built(
            movies, pa.bool_(), lambda m, op: (m.popularity >= 5) & ~(m.popularity > 9) | (m.popularity == 0)
        )
        assert found == [None if x is None else 5 <= x <= 9 or x == 0 for x in values]

    @_ONE_PER_ENGINE
    @given(values=st.lists(_FLOATS, min_size=1))
    def test_choosing(self, values: list[float | None]) -> None:
        """``constant``, ``if_else``, ``minimum`` and ``tier`` give null for null, and for nothing else."""
        movies = movies_with(popularity=values)

        def each(of: Callable[[float], Any]) -> list[Any]:
            return [None if x is None else of(x) for x in values]

        assert self.built(movies, pa.float64(), lambda m, op: op.constant(m.popularity, 2.5)) == each(lambda _: 2.5)
        assert self.built(movies, pa.float64(), lambda m, op: op.constant(m.popularity, None)) == each(lambda _: None)
        chosen = self.built(movies, pa.float64(), lambda m, op: op.if_else(m.popularity >= 5, m.popularity, 1.0))
        assert chosen == each(lambda x: x if x >= 5 else 1.0)
        assert self.built(movies, pa.float64(), lambda m, op: op.minimum(m.popularity, 5)) == each(lambda x: min(x, 5))
        tiers = self.built(movies, pa.large_string(), lambda m, op: op.tier(m.popularity, (5, 50), ("a", "b", "c")))
        assert tiers == each(lambda x: "a" if x < 5 else "b" if x < 50 else "c")

    @_ONE_PER_ENGINE
    @given(values=st.lists(st.none() | st.integers(0, 2**53), min_size=1), bound=st.floats(0, 1e6))
    def test_choosing_between_constants_and_kinds_of_numbers(self, values: list[int | None], bound: float) -> None:
        """Text for every row is text like that of a column, and an integer's bound may have a fraction."""
        movies = movies_with(vote_count=values)
        chosen = self.built(movies, pa.large_string(), lambda m, op: op.if_else(m.vote_count >= bound, "yes", "no"))
        assert chosen == [None if x is None else "yes" if x >= bound else "no" for x in values]
        titled = self.built(movies, pa.large_string(), lambda m, op: op.if_else(m.vote_count >= bound, m.title, "no"))
        assert titled == [None if x is None else "x" if x >= bound else "no" for x in values]
        found = self.built(movies, pa.float64(), lambda m, op: op.minimum(m.vote_count, bound))
        assert found == [None if x is None else min(x, bound) for x in values]
        whole = int(bound)
        assert self.built(movies, pa.int64(), lambda m, op: op.minimum(m.vote_count, whole)) == [
            None if x is None else min(x, whole) for x in values
        ]

    @_ONE_PER_ENGINE
    @given(values=st.lists(st.none() | st.floats(0, 10), min_size=1))
    def test_numbers(self, values: list[float | None]) -> None:
        """``log1p``, ``floor`` and ``lookup``."""
        movies = movies_with(popularity=values)
        found = self.built(movies, pa.float64(), lambda m, op: op.log1p(m.popularity))
        assert _close(found, [None if x is None else math.log1p(x) for x in values])
        found = self.built(movies, pa.int32(), lambda m, op: op.floor(m.popularity))
        assert found == [None if x is None else math.floor(x) for x in values]
        table = [index / 7 for index in range(11)]
        found = self.built(movies, pa.float64(), lambda m, op: op.lookup(op.floor(m.popularity), table))
        assert found == [None if x is None else table[math.floor(x)] for x in values]

    @_ONE_PER_ENGINE
    @given(values=st.lists(_DATES, min_size=1))
    def test_dates(self, values: list[dt.date | None]) -> None:
        """Parts of dates from the year 1 to 9999, and days since 1970."""
        movies = movies_with(release_date=values)
        parts: dict[Any, Callable[[dt.date], int]] = {
            "year": lambda day: day.year,
            "month": lambda day: day.month,
            "quarter": lambda day: (day.month + 2) // 3,
            "day_of_year": lambda day: day.timetuple().tm_yday,
            "weekday": lambda day: day.isoweekday(),
        }
        for part, of in parts.items():
            found = self.built(movies, pa.int16(), lambda m, op, part=part: op.date_part(m.release_date, part))  # type: ignore[misc]
            assert found == [None if day is None else of(day) for day in values]
        found = self.built(movies, pa.int32(), lambda m, op: op.days_since_epoch(m.release_date))
        assert found == [None if day is None else (day - dt.date(1970, 1, 1)).days for day in values]

    @_ONE_PER_ENGINE
    @given(values=st.lists(_GENRES, min_size=1))
    def test_genres(self, values: list[list[int]]) -> None:
        """Flags, counts and sums over the known genres of a movie, each counted once."""
        movies = movies_with(genre_ids=values)
        known = [set(genres) & GENRE_BITS.keys() for genres in values]
        found = self.built(movies, pa.bool_(), lambda m, op: op.has_genre(m.genres, 18, 37), nullable=False)
        assert found == [bool(genres & {18, 37}) for genres in known]
        assert self.built(movies, pa.bool_(), lambda m, op: op.has_genre(m.genres)) == [False] * len(values)
        assert self.built(movies, pa.int8(), lambda m, op: op.genre_count(m.genres)) == [len(one) for one in known]
        worth = [float(2**position) for position in range(len(GENRE_BITS))]
        found = self.built(movies, pa.float64(), lambda m, op: op.genre_sum(m.genres, worth))
        assert found == [sum(GENRE_BITS[genre] for genre in genres) for genres in known]

    @_ONE_PER_ENGINE
    @given(values=st.lists(st.none() | _TEXTS, min_size=1))
    def test_text(self, values: list[str | None]) -> None:
        """Lengths in code points, literal parts, ASCII patterns and whole lower-case words."""
        movies = movies_with(overview=values)

        def each(of: Callable[[str], Any]) -> list[Any]:
            return [None if text is None else of(text) for text in values]

        assert self.built(movies, pa.int32(), lambda m, op: op.length(m.overview)) == each(len)
        assert self.built(movies, pa.bool_(), lambda m, op: op.contains(m.overview, ".")) == each(
            lambda text: "." in text
        )
        found = self.built(movies, pa.bool_(), lambda m, op: op.matches(m.overview, r"\bwar\b|2\z"))
        assert found == each(lambda text: re.search(r"\bwar\b|2\Z", text, re.ASCII) is not None)
        found = self.built(movies, pa.int32(), lambda m, op: op.count_words_in(m.overview, ["war", "love"]))
        assert found == each(lambda text: len(re.findall(r"\b(?:war|love)\b", text, re.ASCII)))

    def test_names_may_hold_any_text(self) -> None:
        """Families and features are told apart where both names hold dots."""
        families = {
            family: [Feature(name, pa.int64(), "", True, family, lambda m, op, _, plus=plus: m.vote_count + plus)]  # type: ignore[misc]
            for plus, (family, name) in enumerate([("a", "b.c"), ("a.b", "c"), ("0", "1")])
        }
        state = FittedState.from_json(_EMPTY_STATE)
        frames = self.engine.transform(movies_with(vote_count=[5]), families, state)
        assert [pa.table(frame).to_pylist() for frame in frames.values()] == [
            [{"movie_id": 0, "b.c": 5}],
            [{"movie_id": 0, "c": 6}],
            [{"movie_id": 0, "1": 7}],
        ]

    def test_integers_are_fitted_to_the_declared_width(self) -> None:
        """Widths are adapted where the value fits."""
        movies = movies_with(vote_count=[1, None])
        assert self.built(movies, pa.int8(), lambda m, op: m.vote_count) == [1, None]
        assert self.built(movies, pa.float64(), lambda m, op: m.vote_count) == [1.0, None]

    @pytest.mark.parametrize(
        ("dtype", "build"),
        [
            (pa.int32(), lambda m, op: m.popularity),
            (pa.float64(), lambda m, op: m.title),
            (pa.bool_(), lambda m, op: m.vote_count),
            (pa.large_string(), lambda m, op: m.release_date),
            (pa.int8(), lambda m, op: m.vote_count),
        ],
    )
    def test_another_type_than_declared_is_refused(self, dtype: pa.DataType, build: Callable[[Any, Any], Any]) -> None:
        """Kinds are never converted, and values that do not fit are not cut."""
        movies = movies_with(vote_count=[1000], popularity=[1.5], release_date=["2020-01-01"])
        with pytest.raises(InvalidFeatureError, match="'it'"):
            self.built(movies, dtype, build)

    def test_null_where_none_is_declared_is_refused(self) -> None:
        """A feature that is not nullable has a value for every movie."""
        movies = movies_with(popularity=[1.5, None])
        with pytest.raises(InvalidFeatureError, match="nullable"):
            self.built(movies, pa.float64(), lambda m, op: m.popularity, nullable=False)

    def test_no_movies_give_typed_frames(self) -> None:
        """Types are those declared, with no rows to tell them by."""
        frame = self.engine.frame(Movies.from_records([]).table)
        assert len(frame) == 0
        assert self.built(Movies.from_records([]).columns, pa.int8(), lambda m, op: op.genre_count(m.genres)) == []


_EMPTY_STATE = (
    '{"version": 1, "as_of": "2024-02-29", "movies": 0, "rating_mean": null, "rating_deviation": null, "rating_bins": ['
    + ", ".join("0" * 101)
    + '], "popularity_mean": null, "popularity_deviation": null, "vote_count_quantile": null, "genre_means": ['
    + ", ".join(["null"] * len(GENRE_BITS))
    + '], "popular_genres": []}'
)
