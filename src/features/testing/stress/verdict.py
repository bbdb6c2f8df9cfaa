"""Was anything lost, torn, stale or left broken? What the journals say, against a store that is opened anew."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from features.errors import FeatureStoreError
from features.store.feature_store import SimpleFeatureStore
from features.testing.history import Event, violations
from features.testing.stress.journal import Made, Records, read_journals
from features.testing.stress.worker import Plan, contents, table_of

Known: TypeAlias = dict[str, dict[int, Made]]
"""All versions there have been, by group and number."""

_AFTERWARDS = "afterwards"
"""The session that looks at the store once all others have ended."""


@dataclass(frozen=True)
class Verdict:
    """What a crew did to a store, and what is wrong with it; ``ok`` where nothing is."""

    events: tuple[Event, ...]
    """The whole history: each operation and its outcome."""
    busy: int
    """Operations that gave up waiting for others; they changed nothing."""
    lost: tuple[str, ...]
    """Writes that were acknowledged and made no version."""
    violations: tuple[str, ...]
    """What no order of whole operations explains."""
    problems: tuple[str, ...]
    """What ``check(deep=True)`` found."""
    failures: tuple[str, ...]
    """Errors that workers met and should not have."""

    @property
    def ok(self) -> bool:
        """Whether nothing of the kind was found."""
        return not (self.lost or self.violations or self.problems or self.failures)

    @property
    def faults(self) -> tuple[str, ...]:
        """All that was found, in sentences."""
        return (*self.lost, *self.violations, *self.problems, *self.failures)

    @property
    def acknowledged(self) -> int:
        """The crew's writes that returned: saves, deletions, rollbacks."""
        return sum(event.writes and event.end is not None and event.session != _AFTERWARDS for event in self.events)

    @property
    def cut_short(self) -> int:
        """Writes that had begun when their process was killed."""
        return sum(event.writes and event.end is None for event in self.events)

    @property
    def cut_short_and_stored(self) -> int:
        """Of those, the ones that had been committed, and so must be there whole."""
        return sum(event.writes and event.end is None and event.version is not None for event in self.events)

    def seconds(self, kind: str) -> list[float]:
        """How long each of the crew's operations of a kind took, the quickest first."""
        return sorted(
            event.end - event.begin
            for event in self.events
            if event.kind == kind and event.end is not None and event.session != _AFTERWARDS
        )


def verdict(plan: Plan) -> Verdict:
    """Read the journals of a crew that has ended, then reopen its store, look at all of it, and use it once more.

    Every version that is kept is loaded and becomes part of the history, so what was acknowledged has to be there
    with equal content, not only in name.
    """
    records = read_journals(plan.journals)
    known: Known = {}
    with replace(plan, backend="pyarrow").open() as store:
        report = store.check(deep=True)
        groups = sorted({*plan.groups} & {*store.list_feature_groups()})
        for group in groups:
            kept = {line.version: Made.of(line) for line in store.versions(group)}
            dropped = {number: made for number, made in records.noted(group).items() if number < min(kept)}
            known[group] = dropped | kept
            for at in (*kept, None):
                _load(store, group, at, records)
        events = _numbered(records.events, known)
        further = Records(failures=records.failures)
        for group in groups:
            _save_and_load(store, group, further)
    lost = [event for event in events if _is_lost(event, known)]
    events = [event for event in events if not _is_lost(event, known)] + further.events
    return Verdict(
        events=tuple(events),
        busy=records.busy,
        lost=tuple(f"lost: {event} was acknowledged" for event in lost),
        violations=tuple(violations(events)),
        problems=tuple(problem.message for problem in report.problems),
        failures=tuple(records.failures),
    )


def _load(store: SimpleFeatureStore[Any], group: str, at: int | None, records: Records) -> None:
    """One version, or the latest without naming it, becomes a load in the history."""
    begin = time.monotonic()
    try:
        seen = contents(store.get_features(None, group, version=at))
    except FeatureStoreError as error:
        records.failures.append(f"{_AFTERWARDS}: {error}")
        return
    records.events.append(Event(_AFTERWARDS, group, "load", begin, time.monotonic(), tables=seen, at=at))


def _save_and_load(store: SimpleFeatureStore[Any], group: str, records: Records) -> None:
    """A save on top of the latest version, which is where the history ends."""
    latest = store.versions(group)[-1].version
    write_id = f"{_AFTERWARDS} {group} {latest}"
    begin = time.monotonic()
    try:
        store.save_features(group, {"a": table_of(write_id)}, expected_version=latest, write_id=write_id)
    except FeatureStoreError as error:
        records.failures.append(f"{_AFTERWARDS}: {error}")
        return
    records.events.append(
        Event(_AFTERWARDS, group, "save", begin, time.monotonic(), latest + 1, latest, {"a": write_id})
    )
    _load(store, group, None, records)


def _numbered(recorded: list[Event], known: Known) -> list[Event]:
    """The events, each write with the version it made.

    A save is found by its write id. A deletion or a rollback returned its version; those that never returned are
    matched with the versions that nobody else made and that they would have made, in the order in which they began: an
    earlier one explains whatever a later one of the same kind would.
    """
    numbers = {made.write_id: number for versions in known.values() for number, made in versions.items()}
    events = []
    for event in recorded:
        if event.kind == "save":
            events.append(replace(event, version=numbers.get(next(iter(event.tables.values())))))
        else:
            events.append(event)
    for group, versions in known.items():
        _claim(versions, group, events)
    return events


def _claim(versions: Mapping[int, Made], group: str, events: list[Event]) -> None:
    claimed = {event.version for event in events if event.group == group and event.writes}
    waiting = [
        (event.begin, place)
        for place, event in enumerate(events)
        if event.group == group and event.kind in ("delete", "rollback") and event.end is None
    ]
    for number in sorted(versions.keys() - claimed):
        for begin, place in sorted(waiting):
            if _could_have_made(events[place], number, versions):
                events[place] = replace(events[place], version=number)
                waiting.remove((begin, place))
                break


def _could_have_made(event: Event, number: int, versions: Mapping[int, Made]) -> bool:
    """Whether a deletion or a rollback makes a version that looks like this one."""
    made, before = versions[number], versions.get(number - 1)
    if event.kind == "rollback":
        return made.message == f"rollback to version {event.at}"
    (gone,) = event.asked or ("",)
    return made.message == f"delete {gone}" and gone not in made.tables and (before is None or gone in before.tables)


def _is_lost(event: Event, known: Known) -> bool:
    """Whether a write was acknowledged and its version is neither there nor among those that a collection dropped."""
    return event.writes and event.end is not None and event.version not in known.get(event.group, {})
