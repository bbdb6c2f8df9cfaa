"""Linearizability by its definition: try every order. For histories of one group and a handful of operations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from features.testing.history import Event


def explainable(events: Sequence[Event]) -> bool:
    """Whether some order of the operations, true to the clock, has each one's outcome."""
    told = [event for event in events if (event.version is not None if event.writes else event.end is not None)]
    return any(_true_to_the_clock(order) and _replays(order) for order in permutations(told))


def _true_to_the_clock(order: Sequence[Event]) -> bool:
    return not any(
        later.end is not None and later.end < earlier.begin
        for place, earlier in enumerate(order)
        for later in order[place + 1 :]
    )


def _replays(order: Sequence[Event]) -> bool:
    versions: list[dict[str, str]] = [{}]
    dropped: set[int] = set()
    return all(_step(event, versions, dropped) for event in order)


def _step(event: Event, versions: list[dict[str, str]], dropped: set[int]) -> bool:
    """Do one operation; whether its outcome is the one that was told."""
    latest = len(versions) - 1
    if event.kind == "conflict":
        return latest != event.expected
    if event.kind != "missing" and event.at in dropped:
        return False
    at = latest if event.at is None else event.at
    if event.kind == "missing":
        if not 0 < at <= latest or any(name not in versions[at] for name in event.asked or ()):
            return True
        dropped.add(at)
        return at < latest
    if event.kind == "load":
        if not 0 < at <= latest or event.version not in (None, at):
            return False
        names = versions[at] if event.asked is None else event.asked
        return all(name in versions[at] for name in names) and event.tables == {n: versions[at][n] for n in names}
    return _write(event, versions)


def _write(event: Event, versions: list[dict[str, str]]) -> bool:
    latest = len(versions) - 1
    if event.expected not in (None, latest):
        return False
    if event.kind == "save":
        versions.append({**versions[-1], **event.tables})
    elif event.kind == "delete":
        if any(name not in versions[-1] for name in event.asked or ()):
            return False
        versions.append({name: value for name, value in versions[-1].items() if name not in (event.asked or ())})
    elif 0 < (event.at or 0) <= latest:
        versions.append(versions[event.at or 0])
    else:
        return False
    return event.version == latest + 1
