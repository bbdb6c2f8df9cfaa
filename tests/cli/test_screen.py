"""How values look."""

from __future__ import annotations

import datetime as dt
import io
import json
from contextlib import redirect_stdout

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from features.cli.screen import brief, counted, json_value, moment_text, print_table, printable, size_text

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.timedeltas()
    | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=8,
)


@given(values)
def test_every_value_has_a_form_in_json(value: object) -> None:
    json.loads(json.dumps(json_value(value), allow_nan=False))


@given(st.text())
def test_nothing_but_printable_characters_reaches_a_terminal(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()


@given(st.lists(st.tuples(st.text(), st.text(), st.integers()), max_size=5))
def test_rows_that_fit_stand_as_rich_would_set_them(rows: list[tuple[object, ...]]) -> None:
    table = Table("ONE", "LONGER", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("NUMBER", justify="right")
    for row in rows:
        table.add_row(*(printable(str(value)) for value in row))
    with (console := Console(width=10_000, markup=False, highlight=False, emoji=False)).capture() as expected:
        console.print(table)
    with redirect_stdout(io.StringIO()) as printed:
        print_table({"one": "left", "longer": "left", "number": "right"}, rows)
    assert printed.getvalue() == "".join(line.rstrip() + "\n" for line in expected.get().splitlines())


@given(values)
def test_a_cell_is_never_longer_than_its_column(value: object) -> None:
    assert len(brief(value, 20)) <= 20 or isinstance(value, (int, float))


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_951, "1.0 MB"),
        (10**18, "1000000.0 TB"),
    ],
)
def test_sizes_are_in_the_unit_that_suits(size: int, text: str) -> None:
    assert size_text(size) == text


def test_moments_are_in_utc() -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    assert moment_text(dt.datetime(2026, 1, 1, 1, 30, tzinfo=zone)) == "2025-12-31 23:30:00 UTC"


def test_one_thing_is_not_many() -> None:
    assert [counted(number, "file") for number in (0, 1, 1234)] == ["0 files", "1 file", "1,234 files"]
