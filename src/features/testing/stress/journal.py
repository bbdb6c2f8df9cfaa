"""What a worker did, as lines in a file of its own: one write to the system each, so that a kill cuts no line in two.

A process that is killed leaves behind what it had handed to the system, whether or not that is on the disk yet. So
nothing is synced here: a journal outlives its process, not the machine.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, fields
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from features.store.versions import GroupVersion
from features.testing.history import Event


@dataclass(frozen=True, slots=True)
class Made:
    """What the catalog tells of a version: who made it, and the names of its tables."""

    write_id: str
    message: str | None
    tables: frozenset[str]

    @classmethod
    def of(cls, line: GroupVersion) -> Made:
        """The same out of a line of the group's history."""
        return cls(line.write_id, line.message, frozenset(line.tables))


@dataclass
class Records:
    """What one or more journals hold."""

    events: list[Event] = field(default_factory=list)
    """Writes that never returned have no end."""
    failures: list[str] = field(default_factory=list)
    """Errors that no operation should have met, in sentences."""
    busy: int = 0
    """Operations that gave up waiting for others."""
    versions: dict[str, dict[int, Made]] = field(default_factory=dict)
    """By group and number: what was there when a collection began."""

    def noted(self, group: str) -> dict[int, Made]:
        """The versions of a group that were there when some collection began."""
        return self.versions.setdefault(group, {})


class Journal:
    """The journal of one process, shared by its threads."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        self._keys = count()

    def event(self, event: Event, key: int | None = None) -> int:
        """Note an operation that begins, or, under the key it was given then, what came of it."""
        if key is None:
            key = next(self._keys)
        told = {part.name: getattr(event, part.name) for part in fields(event)}
        self._write({"key": key, "event": {**told, "tables": dict(event.tables)}})
        return key

    def withdraw(self, key: int, *, failure: str | None) -> None:
        """Note that an operation changed nothing: others kept the store busy, or it met a ``failure``."""
        self._write({"key": key, "event": None, "failure": failure})

    def failure(self, failure: str) -> None:
        """Note what should not have happened."""
        self._write({"failure": failure})

    def versions(self, group: str, versions: list[GroupVersion]) -> None:
        """Note versions that a collection may be about to drop."""
        made = {line.version: (line.write_id, line.message, line.tables) for line in versions}
        self._write({"group": group, "versions": made})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def _write(self, record: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(record).encode() + b"\n")


def read_journals(folder: Path) -> Records:
    """All journals in ``folder`` together. A last line that was cut off had not been acknowledged."""
    records = Records()
    for path in sorted(folder.iterdir()):
        events: dict[int, Event] = {}
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                _take(json.loads(line), events, records)
        records.events.extend(events.values())
    return records


def _take(record: dict[str, Any], events: dict[int, Event], records: Records) -> None:
    if "versions" in record:
        for number, (write_id, message, tables) in record["versions"].items():
            records.noted(record["group"])[int(number)] = Made(write_id, message, frozenset(tables))
    elif record.get("event") is not None:
        event = record["event"]
        asked = None if event["asked"] is None else tuple(event["asked"])
        events[record["key"]] = Event(**{**event, "asked": asked})
    else:
        if "key" in record:
            del events[record["key"]]
        if record["failure"] is None:
            records.busy += 1
        else:
            records.failures.append(record["failure"])
