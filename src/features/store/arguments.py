"""What callers may pass to the store, checked before anything is done with it."""

from __future__ import annotations

import json
import operator
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from features.errors import ConfigError, NotFoundError, UnsupportedDataError
from features.frames import Backend, Frame, backend_of, is_stream
from features.names import check_name
from features.store.codec.base import Codec, Storable
from features.store.drivers import codec_for
from features.store.versions import Change, Snapshot, TableFile

Columns: TypeAlias = Sequence[str] | Mapping[str, Sequence[str]] | None
"""The columns wanted of every table, or by table name; None for all."""

_codec = cache(codec_for)
_LARGEST = 2**62 - 1
_DEEPEST = 200
"""Levels of artifacts. Python reads many more, but fewer the deeper the call that asks for them."""


def prepare(features: Mapping[str, Frame]) -> dict[str, Storable]:
    """Every frame, found storable by the codec of its own library, under its checked name.

    Raises:
        UnsupportedDataError: one is no frame or cannot be given back exactly, or there is none.
        InvalidNameError: the store does not take one of the names.
    """
    if not isinstance(features, Mapping):
        kind = type(features).__name__
        raise UnsupportedDataError(
            f"features is a {kind}; pass a mapping of table names to frames, e.g. {{'basic': frame}}",
            table=None,
            column=None,
            dtype=kind,
        )
    if not features:
        raise UnsupportedDataError("there is nothing to save: features is empty", table=None, column=None, dtype=None)
    prepared: dict[str, Storable] = {}
    for name, frame in features.items():
        normal = check_name(name, "table")
        if normal in prepared:
            raise UnsupportedDataError(
                f"two tables are named {normal!r} once their names are in Unicode normal form C",
                table=normal,
                column=None,
                dtype=None,
            )
        prepared[normal] = _prepare(frame, normal)
    return prepared


def change(
    group: str,
    expected_version: int | None,
    message: str | None,
    artifacts: Mapping[str, Any] | None,
    write_id: str | None,
) -> Change:
    """The change that a save asks for, still without files.

    Raises:
        InvalidNameError: the store does not take such a group name.
        ConfigError: another argument is not what it must be.
        UnsupportedDataError: the artifacts are not JSON.
    """
    group = check_name(group, "group")
    expected_version = whole_number("expected_version", expected_version, least=0)
    _require_text("message", message)
    _require_text("write_id", write_id)
    if write_id is not None and not 1 <= len(write_id) <= 255:
        raise ConfigError("write_id must have 1 to 255 characters", field="write_id", value=write_id)
    return Change(
        group,
        write_id or uuid.uuid4().hex,
        expected_version=expected_version,
        message=message,
        artifacts=None if artifacts is None else _json(artifacts),
    )


def table_names(names: Iterable[str] | None) -> list[str] | None:
    """The tables asked for, each once, in the order asked for; None for all.

    Raises:
        ConfigError: a single text, whose characters would be taken for names.
        InvalidNameError: no table can have such a name.
    """
    if names is None:
        return None
    if isinstance(names, (str, bytes)):
        raise ConfigError(f"names is the text {names!r}; pass a list, e.g. [{names!r}]", field="names", value=names)
    if not isinstance(names, Iterable):
        raise ConfigError(f"names is {names!r}; pass a list of names, or None for all", field="names", value=names)
    return list(dict.fromkeys(check_name(name, "table") for name in names))


def check_moment(version: int | None, as_of: datetime | None) -> None:
    """Refuse a moment without time zone, and one beside a version.

    Raises:
        ConfigError: ``as_of`` has no time zone, or ``version`` is given, too.
    """
    if as_of is None:
        return
    if version is not None:
        raise ConfigError(
            "version and as_of were both given; a version is one or the other", field="as_of", value=as_of
        )
    _require_aware("as_of", as_of)


def whole_number(field: str, value: int | None, *, least: int = 1) -> int | None:
    """``value`` as Python's own number, when it is None or a whole number from ``least`` on that SQLite can add to.

    Raises:
        ConfigError: it is neither.
    """
    if value is None:
        return None
    try:
        number = -1 if isinstance(value, (bool, np.bool_)) else operator.index(value)  # also numpy's
    except TypeError:
        number = -1
    if not least <= number <= _LARGEST:
        may_be = f"a whole number from {least} to {_LARGEST}"
        raise ConfigError(f"{field} is {value!r}; it must be {may_be}", field=field, value=value)
    return number


def flag(field: str, value: bool) -> bool:
    """``value``, when it is True or False: what else counts as one of them was hardly meant so.

    Raises:
        ConfigError: it is neither.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise ConfigError(f"{field} is {value!r}; it must be True or False", field=field, value=value)
    return bool(value)


def moment_before(older_than: timedelta | datetime | None) -> datetime | None:
    """The moment before which something is older than ``older_than``.

    Raises:
        ConfigError: it is neither a positive duration nor an aware datetime.
    """
    if older_than is None:
        return None
    if isinstance(older_than, timedelta):
        if older_than < timedelta(0):
            raise ConfigError(
                "older_than is negative; pass a duration from now back", field="older_than", value=older_than
            )
        try:
            return datetime.now(UTC) - older_than
        except OverflowError:
            raise ConfigError(
                "older_than reaches back before the year 1; pass a shorter duration",
                field="older_than",
                value=older_than,
            ) from None
    if not isinstance(older_than, datetime):
        raise ConfigError(
            f"older_than is {older_than!r}; pass a timedelta, e.g. timedelta(days=30), or a datetime with a time zone",
            field="older_than",
            value=older_than,
        )
    _require_aware("older_than", older_than)
    return older_than


def pick(snapshot: Snapshot, names: Sequence[str] | None) -> dict[str, TableFile]:
    """The tables asked for, in the order asked for; all, by name, where ``names`` is None.

    Raises:
        NotFoundError: the version has no such table.
    """
    if names is None:
        return dict(sorted(snapshot.tables.items()))
    try:
        return {name: snapshot.tables[name] for name in names}
    except KeyError as error:
        where = f"group {snapshot.group!r}, version {snapshot.version}"
        raise NotFoundError.of("table", error.args[0], where, snapshot.tables) from None


def columns_wanted(columns: Columns) -> Columns:
    """The same, to be looked at more than once: a generator is run, and tables go by their checked names.

    Raises:
        InvalidNameError: no table can have such a name.
    """
    if isinstance(columns, Mapping):
        return {check_name(name, "table"): _kept(of_table) for name, of_table in columns.items()}
    return None if columns is None else _kept(columns)


def _kept(names: Sequence[str]) -> Sequence[str]:
    return list(names) if isinstance(names, Iterator) else names


def columns_of(table: TableFile, columns: Columns) -> tuple[str, ...] | None:
    """The columns asked for of this table, in that order; None for all.

    Raises:
        NotFoundError: the table has no such column.
        ConfigError: ``columns`` is a single text, or empty, or names a column twice.
    """
    if columns is None:
        return None
    wanted = columns.get(table.name) if isinstance(columns, Mapping) else columns
    if wanted is None:
        return None
    is_list = isinstance(wanted, Iterable) and not isinstance(wanted, (str, bytes, set, frozenset))
    listed = tuple(wanted) if is_list else ()
    if not listed or not all(isinstance(name, str) for name in listed) or len(set(listed)) < len(listed):
        raise ConfigError(
            f"columns is {wanted!r}; pass a list of different column names, or None for all of them",
            field="columns",
            value=wanted,
        )
    existing = table.schema.names
    for name in listed:
        if name not in existing:
            raise NotFoundError.of("column", name, f"table {table.name!r} of group {table.group!r}", existing)
    return listed


def _prepare(frame: Frame, table: str) -> Storable:
    backend: Backend | None = backend_of(frame)
    if backend is None and is_stream(frame):
        backend = "pyarrow"
    if backend is None:
        kind = type(frame).__name__
        raise UnsupportedDataError(
            f"table {table!r} is a {kind}; pass a pandas, polars or pyarrow frame or stream",
            table=table,
            column=None,
            dtype=kind,
        )
    codec: Codec[Any] = _codec(backend)
    return codec.prepare(frame, table)


def _json(artifacts: Mapping[str, Any]) -> str:
    artifacts = dict(artifacts) if isinstance(artifacts, Mapping) else artifacts
    text, reason = _as_json(artifacts)
    if reason is not None:
        members = artifacts.items() if isinstance(artifacts, dict) else ()
        unfit = next((f": {key!r:.80}" for key, value in members if _as_json({key: value})[1]), "")
        raise UnsupportedDataError(
            f"artifacts must be a dict of JSON values with text keys{unfit}: {reason}",
            table=None,
            column=None,
            dtype=type(artifacts).__name__,
        )
    return text


def _as_json(artifacts: Any) -> tuple[str, str | None]:
    """The text, and what is against it."""
    try:
        text = json.dumps(artifacts, allow_nan=False)
        if not (isinstance(artifacts, dict) and json.loads(text) == artifacts):
            return text, "they would come back changed"
    except (TypeError, ValueError, RecursionError) as error:
        return "", str(error)
    return text, f"they are nested more than {_DEEPEST} deep" if _levels(artifacts) > _DEEPEST else None


def _levels(value: Any) -> int:
    """How deep dicts, lists and tuples are nested in one another."""
    levels, layer = 0, [value]
    while layer := [each for each in layer if isinstance(each, (dict, list, tuple))]:
        layer = [inner for each in layer for inner in (each.values() if isinstance(each, dict) else each)]
        levels += 1
    return levels


def _require_text(field: str, value: str | None) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise ConfigError(f"{field} is {value!r}; it must be text", field=field, value=value)
    unfit = re.search("[\0\ud800-\udfff]", value)
    if unfit is not None:
        raise ConfigError(
            f"{field} holds the character U+{ord(unfit[0]):04X}, which cannot be stored; leave it out",
            field=field,
            value=value,
        )


def _require_aware(field: str, moment: object) -> None:
    if not _is_aware(moment):
        shown = str(moment) if isinstance(moment, datetime) else repr(moment)  # some Timestamps have no repr
        raise ConfigError(
            f"{field} is {shown}; pass a datetime of the years 1 to 9999 with a time zone, e.g. datetime.now(UTC)",
            field=field,
            value=moment,
        )


def _is_aware(moment: object) -> bool:
    """Whether it is a datetime that can be told in UTC: neither without a zone, nor pandas' NaT, nor out of range.

    A Timestamp of pandas may be of years that a datetime has not.
    """
    try:
        return (
            isinstance(moment, datetime)
            and moment.utcoffset() is not None
            and MINYEAR <= moment.astimezone(UTC).year <= MAXYEAR
        )
    except (ValueError, OverflowError):
        return False
