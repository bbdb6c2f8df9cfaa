"""What every catalog must do when old versions and left-over files are swept: part of ``CatalogContract``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pyarrow as pa
import pytest

from features.errors import NotFoundError
from features.store.catalog.base import Catalog, CondemnedError
from features.store.versions import Change, NewFile

_numbers = count(1)


def new_file(schema: pa.Schema | None = None) -> NewFile:
    """A file with an id that no other has."""
    number = next(_numbers)
    default = pa.schema([("movie_id", pa.int64())])
    return NewFile(f"{number:032x}", 100 + number, number, number.to_bytes(16), schema or default)


def change(group: str, *tables: str, write_id: str | None = None, **more: object) -> Change:
    """A change that writes the named tables into new files."""
    made = Change(group, write_id or f"write-{next(_numbers)}", tables={name: new_file() for name in tables})
    return replace(made, **more)  # type: ignore[arg-type]


class SweepingContract(ABC):
    """Each test opens an empty catalog of its own."""

    @abstractmethod
    def open(self, folder: Path) -> Catalog:
        """A catalog under ``folder``; opening the same folder again must show the same versions."""

    @pytest.fixture
    def catalog(self, tmp_path: Path) -> Iterator[Catalog]:
        """An empty catalog."""
        catalog = self.open(tmp_path)
        yield catalog
        catalog.close()

    def test_a_sweep_drops_old_versions_and_their_files(self, catalog: Catalog) -> None:
        first, second, third = (change("g", "a") for _ in range(3))
        for made in (first, second, third):
            catalog.commit(made)
        swept = catalog.sweep([], keep_last=2)
        assert swept.versions == 1
        assert swept.dropped == (first.tables["a"].id,)
        assert [line.version for line in catalog.versions("g")] == [2, 3]
        with pytest.raises(NotFoundError):
            catalog.snapshot("g", 1)
        assert catalog.snapshot("g", 2).tables["a"].id == second.tables["a"].id
        assert catalog.problems() == []

    def test_a_sweep_keeps_what_a_kept_version_carries(self, catalog: Catalog) -> None:
        carried = change("g", "old")
        catalog.commit(carried)
        for _ in range(3):
            catalog.commit(change("g", "a"))
        swept = catalog.sweep([], keep_last=1)
        assert carried.tables["old"].id not in swept.dropped
        assert set(catalog.snapshot("g").tables) == {"a", "old"}

    def test_a_sweep_keeps_files_that_a_rollback_brought_back(self, catalog: Catalog) -> None:
        first = change("g", "a")
        catalog.commit(first)
        catalog.commit(change("g", "a"))
        catalog.commit(change("g", restore=1))
        assert first.tables["a"].id not in catalog.sweep([], keep_last=1).dropped
        assert catalog.snapshot("g").tables["a"].id == first.tables["a"].id

    def test_a_sweep_by_age_keeps_the_latest(self, catalog: Catalog) -> None:
        for _ in range(3):
            catalog.commit(change("g", "a"))
        assert catalog.sweep([], before=datetime(2000, 1, 1, tzinfo=UTC)).versions == 0
        assert catalog.sweep([], before=datetime.now(UTC) + timedelta(days=1), keep_last=2).versions == 1
        assert catalog.sweep([], before=datetime.now(UTC) + timedelta(days=1)).versions == 1
        assert catalog.groups() == {"g": range(3, 4)}
        assert catalog.snapshot("g").version == 3

    def test_a_sweep_by_age_drops_what_was_made_before_the_moment_and_not_at_it(self, catalog: Catalog) -> None:
        for _ in range(3):
            catalog.commit(change("g", "a"))
        history = catalog.versions("g")
        moment = history[1].created_at
        catalog.sweep([], before=moment)
        kept = [line.version for line in history if line.created_at >= moment]
        assert [line.version for line in catalog.versions("g")] == kept

    def test_of_two_limits_both_must_let_a_version_go(self, catalog: Catalog) -> None:
        for _ in range(4):
            catalog.commit(change("g", "a"))
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        assert catalog.sweep([], keep_last=1, before=datetime(2000, 1, 1, tzinfo=UTC)).versions == 0
        assert catalog.sweep([], keep_last=4, before=tomorrow).versions == 0
        assert catalog.sweep([], keep_last=3, before=tomorrow).versions == 1
        assert [line.version for line in catalog.versions("g")] == [2, 3, 4]

    def test_a_sweep_counts_the_versions_of_each_group_by_themselves(self, catalog: Catalog) -> None:
        made = {group: [change(group, "a") for _ in range(number)] for group, number in (("g", 2), ("h", 5), ("i", 1))}
        for changes in made.values():
            for one in changes:
                catalog.commit(one)
        swept = catalog.sweep([], keep_last=2)
        assert swept.versions == 3
        assert swept.dropped == tuple(one.tables["a"].id for one in made["h"][:3])
        kept = {group: [line.version for line in catalog.versions(group)] for group in catalog.groups()}
        assert kept == {"g": [1, 2], "h": [4, 5], "i": [1]}
        assert catalog.problems() == []

    def test_a_sweep_keeps_the_artifacts_of_the_versions_that_it_keeps(self, catalog: Catalog) -> None:
        for number in range(3):
            catalog.commit(change("g", "a", artifacts=f'{{"x": {number}}}'))
        catalog.sweep([], keep_last=2)
        assert [catalog.artifacts("g", version) for version in (2, 3)] == ['{"x": 1}', '{"x": 2}']
        assert catalog.problems() == []

    def test_a_condemned_file_can_never_be_committed(self, catalog: Catalog) -> None:
        made = change("g", "a")
        orphan = made.tables["a"].id
        assert catalog.sweep([orphan], dry_run=True).orphans == (orphan,)
        assert catalog.sweep([orphan]).orphans == (orphan,)
        with pytest.raises(CondemnedError):
            catalog.commit(made)
        assert catalog.groups() == {}
        assert catalog.commit(change("g", "a")).version == 1

    def test_a_committed_file_is_never_condemned(self, catalog: Catalog) -> None:
        made = change("g", "a")
        catalog.commit(made)
        assert catalog.sweep([made.tables["a"].id]).orphans == ()

    def test_a_dry_sweep_changes_nothing(self, catalog: Catalog) -> None:
        for _ in range(3):
            catalog.commit(change("g", "a"))
        assert catalog.sweep([], keep_last=1, dry_run=True).versions == 2
        assert [line.version for line in catalog.versions("g")] == [1, 2, 3]

    def test_numbers_are_not_used_again_after_a_sweep(self, catalog: Catalog) -> None:
        for _ in range(3):
            catalog.commit(change("g", "a"))
        catalog.sweep([], keep_last=1)
        assert catalog.commit(change("g", "a")).version == 4
