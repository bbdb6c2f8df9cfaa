"""Every value of every feature is what the catalogue says, on each engine."""

from __future__ import annotations

import datetime as dt
import math
from fractions import Fraction
from pathlib import Path

import oracle
import pytest
from frames_compared import ENGINES, columns_of, differences, types_of
from hypothesis import example, given
from movie_strategies import movies, titles

from features.engineering.movies import Movies, read_movies
from features.engineering.tmdb_processor import AdvancedTMDBPreProcessor

AS_OF = dt.date(2024, 2, 29)
REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "tmdb_5000_movies.csv"
SEQUELS = [
    "Rocky 2", "Rocky II", "Rocky IX", "Rocky x", "Rocky I", "Rocky 123", "Rocky xi", "Rocky 2 ", "Rocky2", "2", " 2",
    "Kill Bill: Vol. 1", "Vol.1", "Vol.  1", "vol 12345", "Part One", "Part 2nd", "The Party 2x", "Part\t2",
    "Part I's", "Dune: Part Two", "Chapter\u00a02", "EPISODE IV - A New Hope",
    "volumes 3", "Volume .3", "Part.. 2", "part 2b part 3",
    "x\n2", "Rocky 2\n", "Rocky\u30002", "Rocky ２", "_part 2", "épart 2", "ſ part ii", "Mission: Part vıı", "Part v_",
]  # fmt: skip


# One movie a day on either side of where flags change, and a rating and a popularity on each side of each tier.
_DAYS = [1, 0, -1, -1825, -1826, -1827, -9131, -9132]
_DAYS += [-300 - 31 * month for month in range(12)]
_RATINGS = [4.999, 5, 5.999, 6, 6.999, 7, 7.999, 8, 10, 0, 0.05, 0.04]
_POPULARITIES = [4.99, 5, 19.99, 20, 49.99, 50, 99.99, 100]
_ROMANS = "i ii iii iv v vi vii viii ix x xi iiii".split()  # noqa: SIM905 - reads better
BOUNDARIES = [
    {"movie_id": row, "title": f"X {_ROMANS[row % 12]}", "release_date": AS_OF + dt.timedelta(days=days)}
    | {"vote_average": _RATINGS[row % 12], "popularity": _POPULARITIES[row % 8], "vote_count": row * 5 + 1}
    for row, days in enumerate(_DAYS)
]
BOUNDARIES += [{"movie_id": 100 + row, "title": f"Part {roman}"} for row, roman in enumerate(_ROMANS)]


def assert_as_defined(tables, accepted, fitted, as_of):
    expected = [oracle.features(movie, fitted, as_of) for movie in accepted]
    ids = [movie["movie_id"] for movie in accepted]
    for family, table in tables.items():
        columns = columns_of(table)
        assert columns.pop("movie_id") == ids
        rows = [one[family] for one in expected]
        if rows:
            assert list(columns) == list(rows[0])
        for name, column in columns.items():
            assert not differences(column, [row[name] for row in rows], tolerance(name, fitted)), name


def tolerance(name, fitted):
    """1e-9; for z-scores of values within rounding of each other, what one rounding of the mean does to them."""
    figure = name.removesuffix("_zscore")
    deviation = fitted.get(f"{figure}_deviation")
    if figure == name or deviation is None or deviation is oracle.NO_DEVIATION:
        return 1e-9
    if deviation < oracle.SMALLEST_DEVIATION:
        return math.inf
    return max(1e-9, 2**-52 * float(fitted[f"{figure}_mean"] / Fraction(deviation)))


@pytest.mark.parametrize("engine", ENGINES)
@given(records=movies())
@example(records=[])
@example(records=BOUNDARIES)
@example(records=[{"movie_id": row, "title": title} for row, title in enumerate(SEQUELS)])
def test_every_feature_is_what_the_catalogue_defines(engine, records):
    accepted, refused = oracle.sift(records)
    assert not refused
    tables = AdvancedTMDBPreProcessor(records, backend=engine, as_of=AS_OF).extract_all_features()
    assert_as_defined(tables, accepted, oracle.fit(accepted), AS_OF)


CLOSE_TOGETHER = [{"movie_id": row, "title": "x", "popularity": 5e-308 * row} for row in range(2)]
"""So close that a served movie's distance in deviations is more than a float can say."""


@pytest.mark.parametrize("engine", ENGINES)
@given(fitted=movies(), served=movies())
@example(fitted=CLOSE_TOGETHER, served=[{"movie_id": 1, "title": "x", "popularity": 1e308}])
def test_movies_are_measured_against_the_movies_that_were_fitted(engine, fitted, served):
    state = AdvancedTMDBPreProcessor(fitted, backend=engine, as_of=AS_OF).state
    tables = AdvancedTMDBPreProcessor(served, backend=engine, state=state).extract_all_features()
    assert_as_defined(tables, oracle.sift(served)[0], oracle.fit(oracle.sift(fitted)[0]), AS_OF)


@pytest.mark.parametrize("engine", ENGINES)
@given(title=titles, number=titles)
def test_sequels_are_recognised_as_defined(engine, title, number):
    records = [
        {"movie_id": row, "title": one}
        for row, one in enumerate([title, f"{title} {number}", f"part {title}", f"vol. {number}"])
    ]
    accepted, _ = oracle.sift(records)
    tables = AdvancedTMDBPreProcessor(records, backend=engine, as_of=AS_OF).extract("text")
    assert_as_defined(tables, accepted, oracle.fit(accepted), AS_OF)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_very_long_overview_is_counted_to_its_end(engine):
    overview = "war İ love\u3000 " * 10_000
    records = [{"movie_id": 1, "title": "x" * 100_000, "overview": overview}]
    accepted, _ = oracle.sift(records)
    tables = AdvancedTMDBPreProcessor(records, backend=engine, as_of=AS_OF).extract_all_features()
    assert_as_defined(tables, accepted, oracle.fit(accepted), AS_OF)


@pytest.mark.parametrize("engine", ENGINES)
def test_empty_input_gives_typed_tables_without_rows(engine):
    empty = AdvancedTMDBPreProcessor([], backend=engine, as_of=AS_OF).extract_all_features()
    one = AdvancedTMDBPreProcessor([{"movie_id": 1, "title": "x"}], backend=engine, as_of=AS_OF)
    for family, table in one.extract_all_features().items():
        assert len(empty[family]) == 0
        assert types_of(empty[family]) == types_of(table)


@pytest.mark.skipif(len(ENGINES) < 2, reason="needs both pandas and polars")
@given(fitted=movies(), served=movies())
def test_engines_agree_given_the_same_state(fitted, served):
    state = AdvancedTMDBPreProcessor(fitted, backend="polars", as_of=AS_OF).state
    one, other = (
        AdvancedTMDBPreProcessor(served, backend=engine, state=state).extract_all_features()
        for engine in ("pandas", "polars")
    )
    assert list(one) == list(other)
    for family in one:
        assert types_of(one[family]) == types_of(other[family])
        here, there = columns_of(one[family]), columns_of(other[family])
        assert list(here) == list(there)
        for name in here:
            assert not differences(here[name], there[name], 1e-12), name


@pytest.mark.skipif(not REAL.exists(), reason="the real file of movies is not here")
@pytest.mark.parametrize("engine", ENGINES)
def test_three_thousand_real_movies_are_as_defined(engine):
    found = read_movies(REAL)
    assert (found.table.num_rows, found.rejected.num_rows, found.read) == (3000, 0, 3000)
    accepted = oracle.sift(found.table.to_pylist())[0]
    tables = AdvancedTMDBPreProcessor(found, backend=engine, as_of=AS_OF).extract_all_features()
    assert_as_defined(tables, accepted, oracle.fit(accepted), AS_OF)


@given(records=movies())
def test_accepted_values_are_stored_exactly(records):
    accepted, _ = oracle.sift(records)
    stored = Movies.from_records(records).table.to_pylist()
    for movie, row in zip(accepted, stored, strict=True):
        found = row.pop("genre_ids")
        genres = [genre for genre in oracle.GENRE_IDS if genre in found]
        assert {**row, "genres": genres} == movie
