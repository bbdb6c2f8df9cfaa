"""Errors are what a caller would expect, and carry facts, not only text."""

import copy
import pickle
import threading

import pytest

from features import errors

EXAMPLES = [
    errors.NotFoundError.of("table", "moveis", "group 'g'", ["movies", "people"]),
    errors.ConflictError("m", group="g", expected=1, actual=2),
    errors.CorruptFileError("m", file="f", reason="digest"),
    errors.UnsupportedDataError("m", table="t", column="c", dtype="object"),
    errors.InvalidNameError("m", name="a/b", reason="r"),
    errors.ConfigError("m", field="f", value=[1]),
    errors.BusyError("m", seconds=3.0),
    errors.StorageError("m", path="/p", errno=28),
    errors.InvalidMoviesError("m", count=2, problems=((0, "title", "missing"),)),
    errors.SourceNotFoundError("m", path="/p"),
    errors.MissingExtraError("m", package="polars"),
    errors.UnknownOutcomeError("m", write_id="w"),
]
EXPECTED = {
    errors.NotFoundError: KeyError,
    errors.UnsupportedDataError: TypeError,
    errors.InvalidNameError: ValueError,
    errors.ConfigError: ValueError,
    errors.BusyError: TimeoutError,
    errors.StorageError: OSError,
    errors.InvalidMoviesError: ValueError,
    errors.SourceNotFoundError: FileNotFoundError,
    errors.MissingExtraError: ImportError,
}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_with_its_facts(error: errors.FeatureStoreError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert twin._attributes == error._attributes
        assert all(getattr(twin, name) == value for name, value in error._attributes.items())


@pytest.mark.parametrize("value", [lambda: 0, threading.Lock(), (letter for letter in "a")], ids=type)
def test_an_error_about_what_cannot_be_pickled_is_pickled_with_its_repr(value: object) -> None:
    twin = pickle.loads(pickle.dumps(errors.ConfigError("m", field="f", value=value)))
    assert (str(twin), twin.field, twin.value) == ("m", "f", repr(value))


@pytest.mark.parametrize(("kind", "builtin"), EXPECTED.items(), ids=lambda kind: kind.__name__)
def test_an_error_is_the_builtin_that_a_caller_expects(kind: type, builtin: type) -> None:
    assert issubclass(kind, builtin)
    assert issubclass(kind, errors.FeatureStoreError)


def test_every_error_is_listed_and_documented() -> None:
    found = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert found == set(errors.__all__)
    assert all(getattr(errors, name).__doc__ for name in found)


def test_what_is_not_found_proposes_the_nearest() -> None:
    error = EXAMPLES[0]
    assert str(error) == "no table 'moveis' in group 'g'; did you mean 'movies'?"
    assert error.nearest == ("movies",)
