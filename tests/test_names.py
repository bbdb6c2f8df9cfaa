"""What groups and tables may be called."""

import unicodedata
from enum import Enum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InvalidNameError
from features.names import check_name

HOSTILE = [
    "", " ", ".", "..", "../etc/passwd", "/etc/passwd", "a/b", "a\\b", "C:\\x", "a:b", "a@b", "a\0b", "a\nb", "\ta",
    "a ", " a", "a\u00a0", "\u200bhidden", "\u202egnp.exe", "\ud800", "\ufeffbom", "\ufdd0", "x" * 256, "\u2028",
    "\x7f", "\x1b[31mred", "\ue000",
]  # fmt: skip
FINE = [
    "movies",
    "a.b",
    "..a",
    "-",
    "_",
    "a b",
    "日本語",
    "🎬",
    "é",
    "x" * 255,
    "'; DROP TABLE x; --",
    "%s",
    "CON",
    "~",
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_names_that_hide_or_separate_are_refused(name: str) -> None:
    with pytest.raises(InvalidNameError) as caught:
        check_name(name, "group")
    assert caught.value.name == name
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", [None, 1, b"movies", ("a",), 1.5])
def test_names_are_text(name: object) -> None:
    with pytest.raises(InvalidNameError):
        check_name(name, "table")


@pytest.mark.parametrize("name", FINE)
def test_names_that_print_are_taken(name: str) -> None:
    assert check_name(name, "table") == name


@given(st.text(max_size=300))
def test_a_name_is_normal_and_printable_or_refused(name: str) -> None:
    try:
        normal = check_name(name, "table")
    except InvalidNameError as error:
        assert str(error).isprintable()
    else:
        assert normal == unicodedata.normalize("NFC", name)
        assert check_name(normal, "table") == normal
        assert not set(normal) & set("/\\:@\0\n")


def test_two_spellings_of_one_name_are_one_name() -> None:
    assert check_name("e\u0301", "group") == check_name("\u00e9", "group")


class Plain(str):
    """Text of a class of its own that cannot be a key."""

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)

    __hash__ = None


class Names(str, Enum):  # noqa: UP042  # str() of such a member is not its text
    MOVIES = "movies of an enumeration"


@pytest.mark.parametrize("name", [Names.MOVIES, np.str_("movies of numpy"), Plain("movies of a class")])
def test_a_name_is_plain_text_whatever_the_caller_has(name: str) -> None:
    assert type(check_name(name, "table")) is str
    assert check_name(name, "table") == str.__str__(name)
