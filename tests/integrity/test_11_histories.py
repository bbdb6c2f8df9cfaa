"""Guarantees 5, 7, 9, 10 and 11 rest on the history checker; here the checker itself is held to the definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import event as noted
from hypothesis import given
from hypothesis import strategies as st

from features.testing.history import Event, violations
from tests.integrity.brute_force import explainable

NAMES = st.sampled_from("ab")
WANTED = st.none() | st.sampled_from([("a",), ("b",), ("a", "b")])
KINDS = ("save", "save", "delete", "rollback", "load", "load", "load version", "conflict", "missing")


@st.composite
def true_histories(draw: st.DrawFn) -> list[Event]:
    """Operations done one after another, each stretched around its moment; some never returned."""
    versions: list[dict[str, str]] = [{}]
    kept = 1
    events = []
    for place in range(draw(st.integers(1, 6))):
        kept = draw(st.integers(kept, max(kept, len(versions) - 1)))  # a collection drops all before
        told = draw(outcomes(versions, kept, f"w{place}"))
        before, after = draw(st.integers(0, 5)), draw(st.integers(0, 5))
        lost = told.writes and draw(st.integers(0, 4)) == 0
        session = draw(st.sampled_from(["s", "t"]))
        end = None if lost else 2 * place + after
        events.append(replace(told, session=session, begin=2 * place - before, end=end))
    return events


@st.composite
def outcomes(draw: st.DrawFn, versions: list[dict[str, str]], kept: int, write_id: str) -> Event:
    """One operation on the store as it is, with its true outcome; a write adds its version. Those before ``kept`` are
    gone."""
    latest, now = len(versions) - 1, versions[-1]
    kind = draw(st.sampled_from(KINDS))
    told = Event("s", "g", "save", 0)
    if kind == "save" or latest == 0:
        tables = dict.fromkeys(draw(st.sets(NAMES, min_size=1)), write_id)
        versions.append({**now, **tables})
        expected = draw(st.sampled_from([None, latest]))
        return replace(told, version=latest + 1, tables=tables, expected=expected)
    if kind == "delete" and now:
        gone = draw(st.sampled_from(sorted(now)))
        versions.append({name: value for name, value in now.items() if name != gone})
        return replace(told, kind="delete", version=latest + 1, asked=(gone,))
    if kind == "rollback":
        old = draw(st.integers(1, latest))
        if old < kept:
            return replace(told, kind="missing", at=old)
        versions.append(versions[old])
        return replace(told, kind="rollback", version=latest + 1, at=old)
    if kind == "conflict":
        return replace(told, kind="conflict", expected=draw(st.integers(0, 4).filter(lambda each: each != latest)))
    if kind == "missing" and len(now) < 2:
        return replace(told, kind="missing", asked=("a", "b"))
    old = draw(st.integers(1, latest)) if kind == "load version" else None
    content = versions[latest if old is None else old]
    asked = draw(WANTED)
    if (old is not None and old < kept) or not content.keys() >= set(asked or ()):
        return replace(told, kind="missing", asked=asked, at=old)
    seen = content if asked is None else {name: content[name] for name in asked}
    known = draw(st.sampled_from([None, latest if old is None else old]))
    return replace(told, kind="load", asked=asked, at=old, tables=seen, version=known)


@st.composite
def bent_histories(draw: st.DrawFn) -> list[Event]:
    """True histories of which one to three facts have been changed."""
    events = draw(true_histories())
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(events) - 1))
        events[place] = draw(bent(events[place]))
    return events


def bent(event: Event) -> st.SearchStrategy[Event]:
    values = st.sampled_from([f"w{place}" for place in range(6)])
    ways = [st.builds(lambda by: replace(event, begin=event.begin - by), st.integers(1, 6))]
    if event.end is not None:
        ways.append(
            st.builds(lambda by: replace(event, begin=event.begin + by, end=event.end + by), st.integers(-6, 6))
        )
    if event.version is not None:
        ways.append(st.builds(lambda version: replace(event, version=version), st.integers(0, 5)))
    if event.kind == "load":
        ways.append(st.builds(lambda seen: replace(event, tables=seen, asked=None), st.dictionaries(NAMES, values)))
    if event.kind in ("save", "conflict"):
        ways.append(st.builds(lambda expected: replace(event, expected=expected), st.integers(0, 4)))
    if event.at is not None:
        ways.append(st.builds(lambda at: replace(event, at=at), st.integers(1, 5)))
    return st.one_of(ways)


@given(true_histories())
def test_what_happened_one_at_a_time_is_accepted(events: Sequence[Event]) -> None:
    assert violations(events) == []
    assert explainable(events)


@given(true_histories() | bent_histories())
def test_the_checker_agrees_with_trying_every_order(events: Sequence[Event]) -> None:
    found = violations(events)
    noted("refused" if found else "accepted")
    assert (not found) == explainable(events)


def save(session: str, begin: float, end: float | None, version: int, **more: object) -> Event:
    return replace(Event(session, "g", "save", begin, end, version, tables={"a": f"w{version}"}), **more)


def load(session: str, begin: float, end: float, *seen: int, **more: object) -> Event:
    tables = dict(zip("ab", (f"w{version}" for version in seen), strict=False))
    return replace(Event(session, "g", "load", begin, end, tables=tables), **more)


BOTH = {"a": "w1", "b": "w1"}
FOUND = {
    "lost update": [save("s", 0, 3, 1, expected=0), save("t", 1, 4, 2, expected=0)],
    "torn read": [
        save("s", 0, 1, 1, tables=BOTH),
        save("s", 2, 3, 2, tables={"a": "w2", "b": "w2"}),
        load("t", 2, 4, 1, 2),
    ],
    "read-your-writes": [save("s", 0, 1, 1), save("s", 2, 3, 2), load("s", 4, 5, 1)],
    "monotonic reads": [save("s", 0, 1, 1), save("s", 2, None, 2), load("t", 3, 4, 2), load("t", 5, 6, 1)],
    "stale read": [save("s", 0, 1, 1), save("s", 2, 3, 2), load("t", 4, 5, 1)],
    "real time": [save("s", 0, 1, 2), save("t", 2, 3, 1)],
    "versions: 2 was made by nobody": [save("s", 0, 1, 1), save("s", 2, 3, 3)],
    "versions: 1 was made by two": [save("s", 0, 1, 1), save("s", 2, 3, 1)],
    "unjustified refusal: conflict": [save("s", 0, 1, 1), Event("t", "g", "conflict", 2, 3, expected=1)],
    "unjustified refusal: missing": [save("s", 0, 1, 1), Event("t", "g", "missing", 2, 3, asked=("a",))],
    "unjustified refusal: missing version 1": [save("s", 0, 1, 1), Event("t", "g", "missing", 2, 3, at=1)],
    "lost and found: load": [
        save("s", 0, 1, 1),
        save("s", 2, 3, 2),
        Event("t", "g", "missing", 4, 5, at=1),
        load("t", 6, 7, 1, at=1),
    ],
    "lost and found: rollback": [
        save("s", 0, 1, 1),
        save("s", 2, 3, 2),
        Event("t", "g", "missing", 4, 5, at=1),
        Event("t", "g", "rollback", 6, 7, 3, at=1),
    ],
    "deleted what was not there": [save("s", 0, 1, 1), Event("s", "g", "delete", 2, 3, 2, asked=("b",))],
    "rolled back to what was not there": [save("s", 0, 1, 1), Event("s", "g", "rollback", 2, 3, 2, at=2)],
}


@pytest.mark.parametrize("name", FOUND)
def test_a_violation_is_called_by_its_name(name: str) -> None:
    assert [line for line in violations(FOUND[name]) if line.startswith(name)]


def test_a_save_that_never_returned_may_count_or_not() -> None:
    before = save("s", 0, 1, 1)
    seen, unseen = load("t", 3, 4, 2), load("t", 3, 4, 1)
    assert violations([before, save("s", 2, None, 2), unseen, load("t", 5, 6, 2)]) == []
    assert violations([before, save("s", 2, None, None), unseen]) == []
    assert violations([before, save("s", 2, None, None), seen]) != []


def test_a_version_may_be_read_beside_its_collection_and_be_refused_before_it_is_made() -> None:
    two = [save("s", 0, 1, 1), save("s", 2, 3, 2)]
    refused = Event("t", "g", "missing", 4, 6, at=1)
    assert violations([*two, refused, load("t", 5, 7, 1, at=1)]) == []
    assert violations([save("s", 0, 2, 1), Event("t", "g", "missing", 1, 3, at=1), load("t", 4, 5, 1, at=1)]) == []


def test_groups_are_apart() -> None:
    other = replace(save("s", 0, 1, 1), group="h")
    assert violations([save("s", 0, 1, 1), other, load("t", 2, 3, 1)]) == []
