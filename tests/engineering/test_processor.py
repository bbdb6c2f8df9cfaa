"""The processor's own promises: what it takes, what it tells, and features of one's own."""

from __future__ import annotations

import datetime as dt
import doctest
import subprocess
import sys
from dataclasses import replace

import pyarrow as pa
import pytest
from frames_compared import ENGINES, columns_of, differences, types_of

from features.engineering import feature as feature_module
from features.engineering.families import default_features
from features.engineering.feature import TYPE_NAMES, Feature
from features.engineering.movies import Movies, sample_movies
from features.engineering.tmdb_processor import AdvancedTMDBPreProcessor
from features.errors import ConfigError, InvalidFeatureError, InvalidMoviesError, NotFoundError

AS_OF = dt.date(2024, 2, 29)
RECORDS = sample_movies(50)


def custom(build, *, name="mine", dtype=None, nullable=True, family="custom"):
    return Feature(name, dtype or pa.float64(), "a feature of my own", nullable, family, build)


@pytest.mark.parametrize("engine", ENGINES)
def test_describe_tells_every_feature_as_it_is_computed(engine):
    processor = AdvancedTMDBPreProcessor(RECORDS, backend=engine)
    told = columns_of(processor.describe())
    assert list(told) == ["family", "feature", "dtype", "nullable", "description"]
    tables = processor.extract_all_features()
    computed = [(family, name) for family, table in tables.items() for name in columns_of(table) if name != "movie_id"]
    assert list(zip(told["family"], told["feature"], strict=True)) == computed
    assert all(told["description"])
    names = {str(kind): name for kind, name in TYPE_NAMES.items()}
    types = [names[types_of(tables[family])[name]] for family, name in computed]
    assert told["dtype"] == types


@pytest.mark.parametrize("engine", ENGINES)
def test_extract_computes_only_what_is_asked_for(engine):
    processor = AdvancedTMDBPreProcessor(RECORDS, backend=engine, as_of=AS_OF)
    everything = processor.extract_all_features()
    some = processor.extract("text", "basic")
    assert list(some) == ["text", "basic"]
    assert all(columns_of(some[family]) == columns_of(everything[family]) for family in some)
    with pytest.raises(NotFoundError, match="temporal"):
        processor.extract("tempral")
    with pytest.raises(ConfigError, match=r"a family is list; .*extract\('basic', 'text'\)"):
        processor.extract(["basic", "text"])


@pytest.mark.skipif("pandas" not in ENGINES, reason="needs pandas")
def test_pandas_frames_are_of_arrow_types_with_a_plain_index():
    import pandas as pd

    for table in AdvancedTMDBPreProcessor(RECORDS, backend="pandas").extract_all_features().values():
        assert all(isinstance(dtype, pd.ArrowDtype) for dtype in table.dtypes)
        assert isinstance(table.index, pd.RangeIndex)


@pytest.mark.parametrize("as_of", [AS_OF, dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC), "2024-02-29"])
def test_as_of_may_be_a_date_or_text(as_of):
    assert AdvancedTMDBPreProcessor(RECORDS, backend=ENGINES[0], as_of=as_of).state.as_of == AS_OF


@pytest.mark.parametrize("as_of", ["2024-2-29", "20240229", "2024-W09-4", "2023-02-29", "yesterday", "", 20240229])
def test_what_is_no_day_as_movies_have_it_is_refused(as_of):
    with pytest.raises(ConfigError, match="it must be a date or 'YYYY-MM-DD'"):
        AdvancedTMDBPreProcessor(RECORDS, backend=ENGINES[0], as_of=as_of)


def test_no_time_is_no_day():
    pd = pytest.importorskip("pandas")
    with pytest.raises(ConfigError, match="as_of is NaT"):
        AdvancedTMDBPreProcessor(RECORDS, backend=ENGINES[0], as_of=pd.NaT)


def test_features_may_come_from_a_generator_and_are_tried_all_the_same():
    mean = custom(lambda m, op, fit: m.popularity - m.popularity.mean())
    with pytest.raises(InvalidFeatureError, match="other movies"):
        AdvancedTMDBPreProcessor([], backend=ENGINES[0], features=(one for one in [mean]))


def test_as_of_is_the_states_unless_given_and_today_without_either():
    today = dt.datetime.now(dt.UTC).date()
    assert AdvancedTMDBPreProcessor([], backend=ENGINES[0]).state.as_of in (today, dt.datetime.now(dt.UTC).date())
    state = AdvancedTMDBPreProcessor(RECORDS, backend=ENGINES[0], as_of=AS_OF).state
    assert AdvancedTMDBPreProcessor([], backend=ENGINES[0], state=state).state is state
    later = AdvancedTMDBPreProcessor([], backend=ENGINES[0], state=state, as_of="2025-01-01").state
    assert (later.as_of, later.rating_mean) == (dt.date(2025, 1, 1), state.rating_mean)


@pytest.mark.parametrize(
    "arguments",
    [
        {"backend": "pyarrow"},
        {"backend": "spark"},
        {"on_invalid": "drop"},
        {"as_of": "29.02.2024"},
        {"as_of": "2023-02-30"},
        {"as_of": 20240229},
        {"state": "{}"},
        {"features": custom(None)},
        {"features": 7},
    ],
)
def test_a_wrong_argument_is_a_config_error_that_names_it(arguments):
    with pytest.raises(ConfigError) as raised:
        AdvancedTMDBPreProcessor([], **{"backend": ENGINES[0], **arguments})
    assert raised.value.field in arguments


def test_a_default_for_tables_that_computes_no_features_leaves_that_to_an_engine(monkeypatch):
    monkeypatch.setenv("FEATURES_BACKEND", "pyarrow")
    table = AdvancedTMDBPreProcessor(RECORDS).extract("basic")["basic"]
    assert type(table).__module__.startswith(ENGINES[0])
    with pytest.raises(ConfigError, match="pandas, polars"):
        AdvancedTMDBPreProcessor(RECORDS, backend="pyarrow")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_column_is_no_table_of_movies(engine):
    column = pytest.importorskip(engine).Series([1])
    for given in (column, pa.chunked_array([[1]])):
        with pytest.raises(InvalidMoviesError, match=f"movies is {type(given).__name__}; give a list of dicts"):
            AdvancedTMDBPreProcessor(given, backend=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_frame_without_an_id_is_told_to_rename_the_column(engine):
    frame = pytest.importorskip(engine).DataFrame({"number": [1], "title": ["Alien"]})
    for given in (frame, pa.table({"number": [1], "title": ["Alien"]})):
        with pytest.raises(InvalidMoviesError, match=r"rename the frame's column to 'movie_id'$"):
            AdvancedTMDBPreProcessor(given, backend=engine)


def test_movies_may_come_from_anything_that_is_iterated():
    movies = Movies.from_records(RECORDS)
    expected = AdvancedTMDBPreProcessor(RECORDS, backend=ENGINES[0], as_of=AS_OF).extract("basic")["basic"]
    for given in (movies, iter(RECORDS), tuple(RECORDS), movies.table):
        found = AdvancedTMDBPreProcessor(given, backend=ENGINES[0], as_of=AS_OF).extract("basic")["basic"]
        assert columns_of(found) == columns_of(expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_feature_of_ones_own_is_one_declaration(engine):
    mine = custom(lambda m, op, fit: op.log1p(m.popularity) * m.rating)
    processor = AdvancedTMDBPreProcessor(RECORDS, backend=engine, features=[*default_features(), mine])
    tables = processor.extract_all_features()
    assert list(tables)[-1] == "custom"
    logs, ratings = columns_of(tables["basic"])["log_popularity"], columns_of(tables["basic"])["vote_average"]
    votes = columns_of(tables["basic"])["vote_count"]
    expected = [log * rating if count else None for log, rating, count in zip(logs, ratings, votes, strict=True)]
    assert not differences(columns_of(tables["custom"])["mine"], expected, 1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda m, op, fit: m.popularity.mean(), r"one value per movie|other movies"),
        (lambda m, op, fit: m.popularity - m.popularity.mean(), "other movies"),
        (lambda m, op, fit: m.popularity.shift(1), "other movies"),
        (lambda m, op, fit: m.popularity.head(3), r"one value per movie|cannot be built"),
        (lambda m, op, fit: m.popularity.sum() + m.popularity * 0, "other movies"),
        (lambda m, op, fit: m.title, "declared float64 but builds"),
        (lambda m, op, fit: m.revenue, "no column 'revenue'"),
        (lambda m, op, fit: 1.0, "one value per movie"),
        (lambda m, op, fit: None, "one value per movie"),
    ],
)
def test_a_wrong_feature_is_refused_by_name_before_anything_is_computed(engine, build, message):
    with pytest.raises(InvalidFeatureError, match=message) as raised:
        AdvancedTMDBPreProcessor([], backend=engine, features=[*default_features(), custom(build)])
    assert raised.value.feature == "mine"


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([custom(None, name="rating_tier", family="basic")], "twice"),
        ([custom(None), custom(None)], "twice"),
        ([custom(None, name="movie_id")], "movie_id"),
        ([custom(None, name="")], "name"),
        ([custom(None, dtype=pa.date32())], "declared date32"),
        ([custom(None, dtype="int64")], "declared .int64.; give a type of pyarrow"),
        ([custom(None, family="a/b")], "family 'a/b'; a family is the name of a table: it holds '/'"),
        ([custom(None, family=5)], "family 5; a family is the name of a table: names are text"),
        ([custom(None, nullable="no")], "nullable='no'; it is True or False"),
        ([replace(custom(None), description=None)], "description None; say in a text"),
        (["rating"], "not a Feature"),
    ],
)
def test_contradicting_declarations_are_refused(features, message):
    with pytest.raises(InvalidFeatureError, match=message):
        AdvancedTMDBPreProcessor([], backend=ENGINES[0], features=[*default_features(), *features])


def test_the_declared_example_runs():
    assert doctest.testmod(feature_module).failed == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_one_library_is_computed_with_without_the_other(engine):
    # pyarrow itself loads pandas, where it is installed, to build an array: what counts is that we never ask for it.
    other = {"pandas": "polars", "polars": "features.engineering.engines.pandas_engine"}[engine]
    program = (
        "import sys; from features import AdvancedTMDBPreProcessor, sample_movies;"
        "assert not {'pandas', 'polars', 'sqlalchemy'} & set(sys.modules);"
        f"AdvancedTMDBPreProcessor(sample_movies(20), backend={engine!r}).extract_all_features();"
        f"assert {other!r} not in sys.modules and 'sqlalchemy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {program}"], check=True)
