"""A version's tables → what their files hold, read again where a collection was faster."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from features.errors import ConfigError, CorruptFileError, NotFoundError
from features.store import arguments
from features.store.arguments import Columns
from features.store.catalog.base import Catalog
from features.store.reading import VanishedError
from features.store.versions import GroupVersion, TableFile

Read: TypeAlias = Callable[[TableFile, Sequence[str] | None], Any]
"""Makes of a table's file and the columns wanted what the caller gets: ``TableReader.read`` or ``.scan``."""


def load(
    catalog: Catalog,
    read: Read,
    names: list[str] | None,
    group: str | None,
    version: int | None,
    as_of: datetime | None,
    columns: Columns,
) -> dict[str, Any]:
    """Tables by name, all of one version of ``group``; without a group, each from the one group that has it.

    Raises:
        NotFoundError: a group, table, version or column that is not there.
        CorruptFileError: a file is missing, or its bytes are not those that were saved.
        ConfigError: neither names nor a group, or a name that is in several groups.
    """
    if group is not None:
        return _retrying(lambda: _of_group(catalog, read, names, group, version, as_of, columns))
    if names is None:
        raise ConfigError(
            "there is neither a name nor a group; pass names, a group, or both", field="group", value=None
        )
    _require_asked_for(columns, names)
    homes: dict[str, list[str]] = {}
    for name in names:
        homes.setdefault(home(catalog, name), []).append(name)
    found: dict[str, Any] = {}
    for place, members in homes.items():
        theirs = (
            {name: columns[name] for name in members if name in columns} if isinstance(columns, Mapping) else columns
        )
        found |= load(catalog, read, members, place, version, as_of, theirs)
    return {name: found[name] for name in names}


def _require_asked_for(columns: Columns, tables: Collection[str]) -> None:
    if isinstance(columns, Mapping) and (unknown := [name for name in columns if name not in tables]):
        raise NotFoundError.of("table", unknown[0], "the tables asked for", tables)


def home(catalog: Catalog, table: str) -> str:
    """The group that has ``table`` in its latest version.

    Raises:
        NotFoundError: there is none.
        ConfigError: there are several.
    """
    latest = catalog.latest()
    holders = [version.group for version in latest if table in version.tables]
    if len(holders) == 1:
        return holders[0]
    if not holders:
        raise NotFoundError.of("table", table, "any group", names_in(latest))
    raise ConfigError(
        f"table {table!r} is in several groups ({', '.join(map(repr, holders))}); say which with group=…",
        field="group",
        value=None,
    )


def names_in(versions: Iterable[GroupVersion]) -> list[str]:
    """The names of the tables in ``versions``; sorted, each once."""
    return sorted({name for version in versions for name in version.tables})


def _retrying(attempt: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Load again where a file was gone once it was to be read: a collection took it, or the disk lost it.

    In the first case the catalog knows better by now: it names another file, or says that the version is gone.
    """
    seen: str | None = None
    while True:
        try:
            return attempt()
        except VanishedError as vanished:
            if vanished.file == seen:  # the catalog still refers to it
                raise CorruptFileError(vanished.message, file=vanished.file, reason="missing") from vanished
            seen = vanished.file


def _of_group(
    catalog: Catalog,
    read: Read,
    names: list[str] | None,
    group: str,
    version: int | None,
    as_of: datetime | None,
    columns: Columns,
) -> dict[str, Any]:
    tables = arguments.pick(catalog.snapshot(group, version, as_of), names)
    wanted = {name: arguments.columns_of(table, columns) for name, table in tables.items()}
    _require_asked_for(columns, tables)
    return {name: read(table, wanted[name]) for name, table in tables.items()}
