"""What the rooms of the store pass to each other and to callers: frozen records, no behaviour.

A *group* has versions 1, 2, 3 …; a version maps each table name to one immutable file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import pyarrow as pa

Content: TypeAlias = bytes | memoryview | Callable[[Path], None]
"""All bytes of a file, or what writes them over the empty file at a path."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that is durable on disk and not yet in the catalog."""

    id: str
    """32 hexadecimal digits, random: never derived from a name, never used twice."""
    size: int
    """In bytes."""
    rows: int
    digest: bytes
    """xxh3-128 of the whole file, 16 bytes."""
    schema: pa.Schema


@dataclass(frozen=True, slots=True)
class TableFile:
    """One table of a group, as some range of versions has it."""

    group: str
    name: str
    version: int
    """The version that brought this file; later ones carry it over until another replaces it."""
    id: str
    size: int
    """In bytes."""
    rows: int
    digest: bytes
    schema: pa.Schema
    write_id: str
    """The save that wrote it: unique, and the key by which a repeated save is recognised."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything one version of a group holds; read in one statement, so never a mix of two versions."""

    group: str
    version: int
    tables: Mapping[str, TableFile]


@dataclass(frozen=True, slots=True)
class GroupVersion:
    """One line of a group's history."""

    group: str
    version: int
    created_at: datetime
    """Time of the commit, in UTC; never earlier than the version before it, even when the clock was set back."""
    message: str | None
    tables: tuple[str, ...]
    """The names of all tables of this version, sorted: those it wrote and those it carried over."""
    write_id: str
    bytes: int
    """Of these tables' files, of which versions share those that were carried over."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit does to one group, all of it or nothing."""

    group: str
    write_id: str
    tables: Mapping[str, NewFile] = field(default_factory=lambda: MappingProxyType({}))
    """Tables written anew; those not named carry over."""
    delete: str | None = None
    """A table to leave out from this version on."""
    restore: int | None = None
    """An older version whose tables and artifacts the new one repeats."""
    expected_version: int | None = None
    message: str | None = None
    artifacts: str | None = None
    """JSON text kept with the version; None carries the previous version's over."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A version that is durable, and the files that this very save wrote into it, by table name."""

    version: int
    files: Mapping[str, str]
    group: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that ``check`` found wrong."""

    kind: str
    """"missing", "unreadable", "size", "digest", "rows", "schema" or "catalog"."""
    file: str | None
    where: str
    """group/table and the version that brought the file, or the catalog."""
    message: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The outcome of ``check``: truthful, and read-only unless a repair was asked for."""

    problems: tuple[Problem, ...]
    orphans: tuple[str, ...]
    """Files that no version refers to: left by a save that died or is under way. Harmless; ``gc`` removes them."""
    files: int
    bytes: int
    deep: bool
    quarantined: tuple[str, ...] = ()
    """Where a repair moved orphans and damaged files to: nothing is deleted."""

    @property
    def ok(self) -> bool:
        """Whether every version can be read back. Orphans take space, not data, and leave this true."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class GcReport:
    """What ``gc`` removed, or would remove where ``dry_run`` is set."""

    versions: int
    files: int
    bytes: int
    orphans: int
    """How many of ``files`` had never been committed."""
    dry_run: bool
