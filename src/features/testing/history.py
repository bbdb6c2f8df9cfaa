"""Whether what many sessions saw of a store could have happened one operation at a time.

An operation takes effect at one moment between its begin and its end: that is linearizability. To look for such
moments is hard in general, and easy here, since the store itself numbers its versions and every save writes a value
of its own. The numbers are the order of the writes. A read belongs after the write of a version that holds just what
it saw, and before the next one's. What is left to compare with is the clock: of two operations, one over before the
other began, the second may not see or make less than the first. Where each operation is given the least version that
the clock allows, one pass over the moments decides, and since the clock is common to all sessions, their own
guarantees (to read what they wrote, never to go back) are special cases, told apart only in the message.

Say of a history without violation that none was found in it; it says nothing about the next one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["save", "delete", "rollback", "load", "conflict", "missing"]
Content: TypeAlias = Mapping[str, str]
"""The write id that each table carries."""

NO_TABLES: Content = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Event:
    """One operation on one group, and what came of it. ``conflict`` and ``missing`` are refusals."""

    session: str
    """The store object that was asked."""
    group: str
    kind: Kind
    begin: float
    """In any unit, on one clock for all sessions."""
    end: float | None = None
    """None where it never returned: it may have taken effect at any time, or not at all."""
    version: int | None = None
    """Of a write: the version it made, which the store tells by write id; None where it made none.
    Of a load: the version it was given, where that is known."""
    expected: int | None = None
    """The ``expected_version`` of a save, or of a save that was refused with a conflict."""
    tables: Content = field(default_factory=lambda: NO_TABLES)
    """What a save wrote, or what a load returned, by table name."""
    asked: tuple[str, ...] | None = None
    """The tables named in a load or a delete, or in their refusal; None for all."""
    at: int | None = None
    """The version named in a load or a rollback, or in their refusal; None for the latest."""

    @property
    def writes(self) -> bool:
        """Whether it makes a version."""
        return self.kind in ("save", "delete", "rollback")

    def __str__(self) -> str:
        shown = "".join(f" {name}={value}" for name, value in self.tables.items())
        named = "" if self.at is None else f" version {self.at}"
        expecting = "" if self.expected is None else f" expecting {self.expected}"
        return f"{self.kind}{named}{expecting} of {self.group!r} by {self.session} [{self.begin}, {self.end}]{shown}"


def violations(events: Iterable[Event]) -> list[str]:
    """What no sequence of whole operations could explain, in sentences; empty where all is well.

    Each group is looked at by itself, from its first version on: the history must hold every write since then.
    """
    groups: dict[str, list[Event]] = {}
    for event in events:
        groups.setdefault(event.group, []).append(event)
    return [line for group in groups.values() for line in _of_group(group)]


def contents(events: Iterable[Event]) -> list[Content]:
    """What each version of one group held, if the history is right; the first is of version 0, before there was any."""
    held: list[Content] = [NO_TABLES]
    for write in _in_order(events):
        held.append(_after(write, held))
    return held


def _in_order(events: Iterable[Event]) -> list[Event]:
    return sorted((event for event in events if event.writes and event.version is not None), key=_version)


def _of_group(events: Sequence[Event]) -> list[str]:
    made = _in_order(events)
    wrong = [*_misnumbered(made)]
    if wrong:
        return wrong  # without an order of the writes there is nothing to compare the rest with
    held = contents(made)
    wrong = [line for write in made for line in _misapplied(write, held)]
    return [*wrong, *_out_of_order(events, _Contents(held))]


def _version(event: Event) -> int:
    return event.version or 0


def _misnumbered(made: Sequence[Event]) -> Iterator[str]:
    for number, write in enumerate(made, start=1):
        if write.version != number:
            fault = "made by two" if _version(write) < number else "made by nobody"
            yield f"versions: {min(number, _version(write))} was {fault}; next is {write} as {write.version}"
            return


def _misapplied(write: Event, held: Sequence[Content]) -> Iterator[str]:
    before = _version(write) - 1
    if write.expected is not None and write.expected != before:
        yield f"lost update: {write} followed version {before}"
    if write.kind == "delete" and not held[before].keys() >= set(write.asked or ()):
        yield f"deleted what was not there: {write} of {write.asked} followed version {before}"
    if write.kind == "rollback" and not 0 < (write.at or 0) <= before:
        yield f"rolled back to what was not there: {write} followed version {before}"


def _after(write: Event, held: Sequence[Content]) -> Content:
    if write.kind == "rollback":
        return held[write.at or 0] if (write.at or 0) < len(held) else NO_TABLES
    if write.kind == "delete":
        return {name: value for name, value in held[-1].items() if name not in (write.asked or ())}
    return {**held[-1], **write.tables}


class _Contents:
    """Which versions, at or after a given one, hold what an operation saw. Indexed by the tables asked for."""

    def __init__(self, contents: Sequence[Content]) -> None:
        self._contents = contents
        self._by_asked: dict[tuple[str, ...] | None, dict[object, list[int]]] = {}

    def least(self, event: Event, floor: int) -> int | None:
        """The least version from ``floor`` on at which ``event`` could have had its outcome."""
        if event.kind == "conflict":
            return floor if floor != event.expected else self._within(floor + 1)
        if event.at is not None:
            return self._least_with_old(event, floor)
        if event.kind == "missing":
            return self._next(event.asked, "missing", floor)
        if event.version is not None:
            exact = event.version in self._index(event.asked).get(_frozen(event.tables), ())
            return event.version if exact and event.version >= floor else None
        return self._next(event.asked, _frozen(event.tables), floor)

    def _least_with_old(self, event: Event, floor: int) -> int | None:
        """An old version may be read at any time from its commit on, until a collection drops it, which spares the
        latest."""
        at = event.at or 0
        if event.kind == "missing":
            return self._within(max(floor, at + 1)) if self.tells_of_a_collection(event, floor) else floor
        same = at in self._index(event.asked).get(_frozen(event.tables), ())
        return max(floor, at) if same and event.version in (None, at) else None

    def tells_of_a_collection(self, event: Event, floor: int) -> bool:
        """Whether a version was refused that had been made, and with the tables asked for: it must have been
        dropped."""
        there = event.kind == "missing" and event.at is not None and 0 < event.at <= floor
        return there and self._contents[event.at or 0].keys() >= set(event.asked or ())

    def _next(self, asked: tuple[str, ...] | None, seen: object, floor: int) -> int | None:
        versions = self._index(asked).get(seen, [])
        place = bisect_left(versions, floor)
        return versions[place] if place < len(versions) else None

    def _within(self, version: int) -> int | None:
        return version if version < len(self._contents) else None

    def _index(self, asked: tuple[str, ...] | None) -> dict[object, list[int]]:
        if asked not in self._by_asked:
            index = self._by_asked[asked] = {}
            for version, content in enumerate(self._contents):
                there = version > 0 and content.keys() >= set(asked or ())
                seen = _frozen(content if asked is None else {name: content[name] for name in asked} if there else {})
                index.setdefault(seen if there else "missing", []).append(version)
        return self._by_asked[asked]


def _frozen(content: Content) -> object:
    return frozenset(content.items())


def _out_of_order(events: Sequence[Event], contents: _Contents) -> Iterator[str]:
    """One pass over the moments; an operation that begins may not fall behind any that has ended."""
    moments = [(event.begin, 0, place) for place, event in enumerate(events)]
    moments += [(event.end, 1, place) for place, event in enumerate(events) if event.end is not None]
    seen: dict[int, int] = {}
    ended: dict[str | None, tuple[int, Event | None]] = {}
    dropped: dict[int, Event] = {}
    telling: set[int] = set()
    for _, over, place in sorted(moments):
        event = events[place]
        if over:
            for whose in (None, event.session):
                if seen.get(place, -1) > ended.get(whose, (-1, None))[0]:
                    ended[whose] = seen[place], event
            if place in telling:
                dropped.setdefault(event.at or 0, event)
            continue
        floor, newest = ended.get(None, (0, None))
        if contents.tells_of_a_collection(event, floor):
            telling.add(place)
        elif event.at in dropped and event.kind != "missing" and (event.version if event.writes else event.end):
            yield f"lost and found: {event} after {dropped[event.at or 0]}"
        if event.writes:
            if event.version is None:
                continue
            seen[place] = event.version
            if event.version <= floor and newest is not None:
                yield f"real time: {event} made version {event.version} after {newest} was over at version {floor}"
        elif event.end is not None:
            least = contents.least(event, floor)
            if least is None:
                yield _explained(event, contents, ended)
            else:
                seen[place] = least


def _explained(event: Event, contents: _Contents, ended: Mapping[str | None, tuple[int, Event | None]]) -> str:
    floor, earlier = ended.get(None, (0, None))
    if event.kind != "load":
        return f"unjustified refusal: {event}, and from version {floor} on no version was a reason to"
    if (possible := contents.least(event, 0)) is None:
        return f"torn read: no version explains {event}"
    mine, own = ended.get(event.session, (0, None))
    if own is not None and contents.least(event, mine) is None:
        name = "read-your-writes" if own.writes else "monotonic reads"
        return f"{name}: {event} saw version {possible} at best, after its own {own} was at version {mine}"
    return f"stale read: {event} saw version {possible} at best, after {earlier} was over at version {floor}"
