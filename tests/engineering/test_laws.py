"""The laws that make features safe to compute in parts, to store and to serve."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pyarrow as pa
import pytest
from frames_compared import ENGINES, columns_of, types_of
from hypothesis import example, given
from hypothesis import strategies as st
from movie_strategies import movies

from features.engineering.fitting import FittedState
from features.engineering.movies import Movies
from features.engineering.tmdb_processor import AdvancedTMDBPreProcessor
from features.errors import ConfigError

AS_OF = dt.date(2024, 2, 29)


def transformed(records, engine, state):
    return AdvancedTMDBPreProcessor(records, backend=engine, state=state).extract_all_features()


def rows_of(tables):
    """Each movie's features in all families, bit for bit but for the sign of zero, in order."""
    families = [columns_of(table) for table in tables.values()]
    columns = {(at, name): column for at, family in enumerate(families) for name, column in family.items()}
    return [
        {key: exact(value) for key, value in zip(columns, row, strict=True)}
        for row in zip(*columns.values(), strict=True)
    ]


def exact(value):
    return repr(value + 0.0 if isinstance(value, float) else value)


def unequal(found, expected):
    """What differs, and no more: rows are too wide to be compared by the assertion itself."""
    assert len(found) == len(expected)
    pairs = list(zip(found, expected, strict=True))
    return [
        (at, key, one[key], other[key])
        for at, (one, other) in enumerate(pairs)
        for key in other
        if one[key] != other[key]
    ]


def fitted(records, engine):
    return AdvancedTMDBPreProcessor(records, backend=engine, as_of=AS_OF).state


@pytest.mark.parametrize("engine", ENGINES)
@given(records=movies(), cut=st.integers(0, 12))
def test_the_features_of_two_lists_are_those_of_both_together(engine, records, cut):
    state = fitted(records, engine)
    together = rows_of(transformed(records, engine, state))
    apart = [rows_of(transformed(part, engine, state)) for part in (records[:cut], records[cut:])]
    assert not unequal(apart[0] + apart[1], together)


@pytest.mark.parametrize("engine", ENGINES)
@given(data=st.data(), records=movies())
def test_permuting_the_movies_permutes_the_features(engine, data, records):
    order = data.draw(st.permutations(range(len(records))))
    rows = rows_of(AdvancedTMDBPreProcessor(records, backend=engine, as_of=AS_OF).extract_all_features())
    shuffled = [records[at] for at in order]
    found = rows_of(AdvancedTMDBPreProcessor(shuffled, backend=engine, as_of=AS_OF).extract_all_features())
    assert not unequal(found, [rows[at] for at in order])


@pytest.mark.parametrize("engine", ENGINES)
@given(data=st.data(), records=movies())
def test_one_movie_with_the_state_gets_its_row_of_the_batch(engine, data, records):
    batch = AdvancedTMDBPreProcessor(records, backend=engine, as_of=AS_OF)
    rows = rows_of(batch.extract_all_features())
    state = FittedState.from_json(batch.state.to_json())
    for at in data.draw(st.sets(st.integers(0, len(records) - 1), max_size=3)) if records else ():
        assert not unequal(rows_of(transformed(records[at : at + 1], engine, state)), [rows[at]])


@given(data=st.data(), records=movies())
def test_the_fit_depends_on_neither_order_nor_engine(data, records):
    states = [fitted(records, engine) for engine in ENGINES]
    states += [fitted(data.draw(st.permutations(records)), engine) for engine in ENGINES]
    assert {state.to_json() for state in states} == {states[0].to_json()}


@given(records=movies())
def test_a_state_comes_back_from_json_to_the_bit(records):
    state = fitted(records, ENGINES[0])
    back = FittedState.from_json(state.to_json())
    assert back == state
    assert back.to_json() == state.to_json()


@given(records=movies())
@example(records=[{"movie_id": 1, "title": "x", "vote_average": 5, "popularity": 1e308}])
def test_a_state_may_pass_through_a_tool_that_writes_whole_numbers_plainly(records):
    state = fitted(records, ENGINES[0])

    def rewritten(text):
        return int(figure) if (figure := float(text)).is_integer() else figure

    text = json.dumps(json.loads(state.to_json(), parse_float=rewritten))
    assert FittedState.from_json(text).to_json() == state.to_json()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_state_made_with_lists_is_one_made_with_tuples(engine):
    state = fitted([], engine)
    listed = replace(state, rating_bins=[*state.rating_bins], genre_means=[*state.genre_means], popular_genres=[18, 35])
    assert listed == replace(state, popular_genres=(18, 35))
    record = {"movie_id": 1, "title": "x", "genre_ids": [35]}
    assert columns_of(transformed([record], engine, listed)["basic"])["movie_id"] == [1]


@given(text=st.one_of(st.text(), st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps)))
def test_json_that_is_no_state_is_refused(text):
    with pytest.raises(ConfigError, match="not a fitted state"):
        FittedState.from_json(text)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"as_of": "yesterday"},
        {"movies": -1},
        {"rating_mean": "6"},
        {"rating_bins": [1]},
        {"more": 1},
        {"popular_genres": [1]},
        {"genre_means": None},
        {"rating_mean": float("nan")},
        {"movies": True},
        {"rating_mean": True},
        {"rating_mean": -1},
        {"popularity_mean": 10**400},
    ],
)
def test_a_state_with_a_wrong_field_is_refused(change):
    good = json.loads(fitted([], ENGINES[0]).to_json())
    with pytest.raises(ConfigError, match="not a fitted state"):
        FittedState.from_json(json.dumps(good | change))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_large_input_is_transformed_in_slices_without_a_trace(engine, monkeypatch):
    from features.engineering.movies import sample_movies

    records = sample_movies(300)
    state = fitted(records, engine)
    whole = transformed(records, engine, state)
    monkeypatch.setattr(f"features.engineering.engines.{engine}_engine.SLICE_ROWS", 7)
    sliced = transformed(records, engine, state)
    assert not unequal(rows_of(sliced), rows_of(whole))
    assert [types_of(table) for table in sliced.values()] == [types_of(table) for table in whole.values()]


@given(records=movies())
def test_movies_survive_a_round_trip_through_their_own_table(records):
    once = Movies.from_records(records)
    again = Movies.from_frame(once.table)
    assert again.table.equals(once.table)
    assert isinstance(again.table, pa.Table)
