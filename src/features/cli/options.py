"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import datetime as dt
import os
import re
import shlex
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


def folder(text: str) -> Path:
    """``text`` as a folder; nothing, as an unset variable of the shell leaves it, is not the current one.

    Raises:
        typer.BadParameter: it is empty, a URL, in the home of an unknown user, or a name that pyarrow cannot be told.
    """
    if not str(text):
        raise typer.BadParameter("it is empty; name a folder, or . for the current one")
    if "://" in str(text):
        raise typer.BadParameter(f"{str(text)!r} is a URL; name a folder of this machine")
    try:
        str(text).encode()
        Path(text).expanduser()
    except UnicodeEncodeError:
        raise typer.BadParameter(f"{str(text)!r} is not text in UTF-8; name another folder") from None
    except RuntimeError:
        raise typer.BadParameter(f"{str(text)!r} is in the home of an unknown user; name another folder") from None
    return Path(text)


StoreFolder = Annotated[
    Path,
    typer.Option("--store", envvar="FEATURES_STORE", metavar="DIR", parser=folder, help="Folder of the store."),
]
# Eager, which is read before all others: whatever prints and leaves while options are read knows how.
AsJson = Annotated[bool, typer.Option("--json", is_eager=True, help="Print one JSON document instead.")]
Group = Annotated[str, typer.Argument(metavar="GROUP", help="Name of the group.")]
Table = Annotated[str, typer.Argument(metavar="TABLE", help="Name of the table.")]
Version = Annotated[int | None, typer.Option("--version", metavar="N", min=1, help="This version, not the latest.")]
Force = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]

DEFAULT_STORE = Path("store")
MOST_MADE_UP = 100_000_000
"""Movies that a sample may have: some 30 GB of JSON."""


def command(*words: object, store: Path) -> str:
    """A command line to propose: quoted for a shell, and naming ``store`` where it would not be taken anyway."""
    there = [] if store == Path(os.environ.get("FEATURES_STORE") or DEFAULT_STORE) else ["--store", store]
    return shlex.join(map(str, ("features", *words, *there)))


class Engine(StrEnum):
    """The libraries that features can be computed with."""

    PANDAS = "pandas"
    POLARS = "polars"


class OnInvalid(StrEnum):
    """What becomes of records that are not movies."""

    RAISE = "raise"
    REJECT = "reject"


class Compression(StrEnum):
    """How files are compressed."""

    LZ4 = "lz4"
    SNAPPY = "snappy"
    ZSTD = "zstd"
    GZIP = "gzip"
    NONE = "none"


class MovieFormat(StrEnum):
    """The kinds of files that movies are read from."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


_SPAN = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def day(text: str | None) -> dt.date | None:
    """``YYYY-MM-DD`` as a date.

    Raises:
        typer.BadParameter: it is no such day.
    """
    from features.engineering.values import date

    found = date(text, from_csv=False)
    if found is None and text is not None:
        raise typer.BadParameter(f"{text!r} is not a day such as 2026-01-31", param_hint="--as-of")
    return found


def span(text: str | None) -> dt.timedelta | None:
    """``30d``, ``12h`` … as a duration.

    Raises:
        typer.BadParameter: it is no such duration.
    """
    if text is None:
        return None
    parts = _SPAN.fullmatch(text)
    if parts is None:
        hint = f"{text!r} is not a duration such as 30d, 12h, 45m, 90s or 2w"
        raise typer.BadParameter(hint, param_hint="--older-than")
    return dt.timedelta(**{_UNITS[parts[2]]: int(parts[1])})


def renames(pairs: list[str]) -> dict[str, str]:
    """``old=new`` pairs as a mapping.

    Raises:
        typer.BadParameter: one is no such pair, or two have the same name on the left.
    """
    mapping: dict[str, str] = {}
    for pair in pairs:
        old, equals, new = pair.rpartition("=")
        if not (old and equals and new):
            raise typer.BadParameter(f"{pair!r} is not of the form old=new, e.g. film=title", param_hint="--rename")
        if old in mapping:
            both = f"{old + '=' + mapping[old]!r} and {pair!r}"
            raise typer.BadParameter(f"{both} rename one column to two fields; leave one out", param_hint="--rename")
        mapping[old] = new
    return mapping


def names(lists: list[str], existing: Collection[str]) -> list[str] | None:
    """Names separated by commas, or one of those ``existing``, the option given once or more; None where it was not
    given.

    Raises:
        typer.BadParameter: it was given, but names nothing, or one name twice.
    """
    found = [
        name
        for each in lists
        for name in ([each] if each in existing else filter(None, map(str.strip, each.split(","))))
    ]
    if lists and not found:
        raise typer.BadParameter("it is empty; name columns, or leave it out for all of them", param_hint="--columns")
    if twice := next((name for name in found if found.count(name) > 1), None):
        raise typer.BadParameter(f"{twice!r} is named twice; name each column once", param_hint="--columns")
    return found or None
