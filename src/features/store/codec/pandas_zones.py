"""Time zones of pandas columns: the very zone object's kind and name are noted beside the instants."""

from __future__ import annotations

import datetime as dt
import importlib
import pickle
import zoneinfo
from typing import Any

from features.errors import UnsupportedDataError
from features.store.codec.refusal import Refusal


def zone_note(zone: Any) -> list[Any]:
    """How to name ``zone``, so that ``zone_of`` gives an equal one.

    Raises:
        Refusal: it has no name that lasts.
    """
    note = _note(zone)
    if note is None or type(zone_of(note)) is not type(zone) or repr(zone_of(note)) != repr(zone):
        raise Refusal(f"its time zone {zone!r} has no name to store it by; use tz_convert with a named zone")
    return note


def arrow_zone(note: list[Any]) -> str:
    """The zone in the file's Arrow schema, for other libraries: not all of them take an offset, all take UTC."""
    kind, *what = note
    return str(what[0]) if kind in {"zoneinfo", "pytz"} and isinstance(what[0], str) else "UTC"


def zone_of(note: list[Any]) -> dt.tzinfo:
    """The zone that ``note`` names; a zoneinfo one where it was pytz's and pytz is not installed.

    Raises:
        UnsupportedDataError: this machine does not know it.
    """
    try:
        return _zone(*note)
    except zoneinfo.ZoneInfoNotFoundError as error:
        raise UnsupportedDataError(
            f"this machine does not know the time zone {note[1]!r}; pip install tzdata",
            table=None,
            column=None,
            dtype=None,
        ) from error


def _zone(kind: str, *what: Any) -> dt.tzinfo:
    if kind == "offset":
        return dt.timezone(dt.timedelta(seconds=what[0], microseconds=what[1]), *what[2:])
    if kind == "zoneinfo":
        return zoneinfo.ZoneInfo(what[0])
    try:
        pytz: Any = importlib.import_module("pytz")
    except ImportError:
        offset = dt.timezone(dt.timedelta(minutes=what[0])) if isinstance(what[0], int) else None
        return offset or zoneinfo.ZoneInfo(what[0])
    zone: dt.tzinfo = pytz.FixedOffset(what[0]) if isinstance(what[0], int) else pytz.timezone(what[0])
    return zone


def _note(zone: Any) -> list[Any] | None:
    if isinstance(zone, dt.timezone):
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return ["offset", offset.days * 86400 + offset.seconds, offset.microseconds, *name]
    if isinstance(zone, zoneinfo.ZoneInfo):
        try:
            pickle.dumps(zone)  # fails for a zone read from a file, whose name says nothing of its rules
        except pickle.PicklingError:
            return None
        return ["zoneinfo", zone.key]
    if type(zone).__module__.partition(".")[0] == "pytz":
        return ["pytz", zone.zone or zone._minutes]
    return None
