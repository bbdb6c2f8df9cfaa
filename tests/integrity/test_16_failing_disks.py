"""Guarantees 14, 15 and 16: let every effect of every operation fail, before it happened and after it did.

An operation that was refused has changed nothing; one that succeeded, or whose answer was lost on the way, is there
once; and saving again under the same write id ends in exactly one version, whatever became of the first attempt.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from features.errors import FeatureStoreError, UnknownOutcomeError
from features.store.catalog.base import Catalog
from features.store.feature_store import SimpleFeatureStore
from features.store.storage.base import Storage
from features.testing.crashdisk import build
from features.testing.faults import ERRORS, Fault, FaultyDisk
from tests.integrity.profiles import PROFILE, budget, count
from tests.integrity.small_stores import OPERATIONS, Run, Workplace, contents, filled, folder, settings, table

CHANGES = ["save into a new group", "save into a group", "save three tables", "delete a table", "rollback"]
SAVES = CHANGES[:3]
STRIDE = budget(dev=5, ci=1, thorough=1)


@contextmanager
def store_with(fault: Fault) -> Iterator[tuple[Workplace, SimpleFeatureStore[Any]]]:
    """The small store; its operations fail where ``outcome`` runs them."""

    def prepare(catalog: Catalog, storage: Storage) -> None:
        catalog.point, storage.point = fault.at_catalog, fault.at_storage

    with folder() as made:
        build(filled(), made / "disk")
        place = Workplace(made / "disk", FaultyDisk(fault), prepare)
        with place.opened() as store:
            yield place, store


def ways_to_fail(run: Run) -> Iterator[Fault]:
    """Each effect with every error, and with one of them after it took place, and for good from then on."""
    counting = Fault()
    with store_with(counting) as (place, store):
        contents(store)  # as each trial does, so that the same is known by heart
        outcome(run, place, store, counting)
    for number in range(0, len(counting.effects), STRIDE):
        one = [*ERRORS][number % len(ERRORS)]
        for error in [one] if PROFILE == "dev" else ERRORS:
            yield Fault(number, error)
        if counting.effects[number].startswith("disk."):
            yield Fault(number, one, after=True)
        yield Fault(number, one, lasting=True)


def outcome(run: Run, place: Workplace, store: Any, fault: Fault) -> FeatureStoreError | None:
    """The error in which it ended, failing as told; one that is not ours ends the test."""
    with fault.armed():
        try:
            run(place, store)
        except FeatureStoreError as error:
            return error
        return None


def rows(root: Path) -> list[str]:
    """All that the catalog holds, as SQL."""
    with closing(sqlite3.connect(root / "store" / "catalog.sqlite3")) as connection:
        return list(connection.iterdump())


def files(root: Path) -> dict[str, bytes]:
    """All files but the catalog's."""
    found = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith("catalog"))
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def after(run: Run) -> dict[str, Any]:
    """What the store holds once it went well."""
    with store_with(Fault()) as (place, store):
        run(place, store)
        return contents(store)


def assert_sound(root: Path, expected: dict[str, Any]) -> None:
    """Another process finds the expected contents, and a collection whatever was left over."""
    with SimpleFeatureStore(settings(root / "store")) as store:
        report = store.check(deep=True)
        assert report.ok, report.problems
        assert contents(store) == expected
        store.gc()
        assert store.check().orphans == ()
        assert contents(store) == expected


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_fails_leaves_everything_byte_for_byte_and_one_whose_answer_is_lost_counts(name: str) -> None:
    run = OPERATIONS[name]
    changed = after(run)
    for fault in ways_to_fail(run):
        with store_with(fault) as (place, store):
            held, on_disk, before = rows(place.root), files(place.root), contents(store)
            error = outcome(run, place, store, fault)
            assert fault.raised
            if isinstance(error, UnknownOutcomeError):
                assert fault.lasting
                expected = contents(store)
                assert expected in (before, changed)
            elif error is not None:
                expected = before
                assert rows(place.root) == held
                assert files(place.root).items() >= on_disk.items()
                assert fault.lasting or files(place.root) == on_disk  # a disk that stays broken keeps what was begun
            else:
                expected = changed
            assert_sound(place.root, expected)
        count("faults")


@pytest.mark.parametrize("name", SAVES)
def test_a_save_repeated_with_its_write_id_is_applied_once(name: str) -> None:
    def run(place: Workplace, store: SimpleFeatureStore[Any]) -> None:
        saved = {"movies": {"a": table(4.0), "c": table(5.0)}, "new": {"t": table(1.0)}}
        group = "new" if name == "save into a new group" else "movies"
        store.save_features(group, saved[group], write_id="the same", artifacts={"k": 7})

    changed = after(run)
    for fault in ways_to_fail(run):
        with store_with(fault) as (place, store):
            outcome(run, place, store, fault)
            run(place, store)
            assert contents(store) == changed
            run(place, store)
            assert_sound(place.root, changed)
        count("faults")


@pytest.mark.parametrize("name", ["gc", "repair", "backup"])
def test_upkeep_that_fails_loses_nothing_and_can_be_done_again(name: str) -> None:
    run = OPERATIONS[name]
    done = after(run)
    for fault in ways_to_fail(run):
        with store_with(fault) as (place, store):
            before, bytes_before = contents(store), set(files(place.root).values())
            error = outcome(run, place, store, fault)
            assert contents(store) in ((before, done) if error else (done,))
            if name != "gc":
                assert set(files(place.root).values()) >= bytes_before
            if name == "backup":
                shutil.rmtree(place.root / "copy", ignore_errors=True)
            run(place, store)
            assert_sound(place.root, done)
        count("faults")


def open_and_save(place: Workplace, _store: object) -> None:
    with place.opened() as store:
        store.save_features("g", {"t": table(1.0)})


def test_a_store_that_could_not_be_opened_can_be_opened_later() -> None:
    counting = Fault()
    with folder() as made:
        outcome(open_and_save, Workplace(made, FaultyDisk(counting)), None, counting)
    for number, error in product(range(0, len(counting.effects), STRIDE), ERRORS):
        fault = Fault(number, error)
        with folder() as made:
            place = Workplace(made, FaultyDisk(fault))
            failed = outcome(open_and_save, place, None, fault) is not None
            with SimpleFeatureStore(settings(made / "store")) as store:
                if failed:
                    store.save_features("g", {"t": table(1.0)})
                assert store.get_features(["t"], "g") == {"t": table(1.0)}
                assert [line.version for line in store.versions("g")] == [1]
                assert store.check(deep=True).ok
        count("faults")
