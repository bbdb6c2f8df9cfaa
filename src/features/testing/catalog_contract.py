"""What every catalog must do: subclass ``CatalogContract`` and say how to open one."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from features.errors import ConfigError, ConflictError, NotFoundError
from features.store.catalog.base import Catalog
from features.store.versions import Change
from features.testing.sweeping_contract import SweepingContract, change, new_file


class CatalogContract(SweepingContract):
    """Commits and reads; what is swept is in the class above. Each test opens an empty catalog of its own."""

    def test_versions_count_from_one_without_gaps(self, catalog: Catalog) -> None:
        assert [catalog.commit(change("g", "t")).version for _ in range(3)] == [1, 2, 3]
        assert catalog.commit(change("other", "t")).version == 1
        assert catalog.groups() == {"g": range(1, 4), "other": range(1, 2)}

    def test_a_commit_says_which_files_it_wrote(self, catalog: Catalog) -> None:
        made = change("g", "a", "b")
        assert catalog.commit(made).files == {name: file.id for name, file in made.tables.items()}

    def test_a_snapshot_holds_what_was_committed(self, catalog: Catalog) -> None:
        schema = pa.schema([pa.field("x", pa.list_(pa.float64())), pa.field("é", pa.large_string())])
        made = Change("g", "w", tables={"t": new_file(schema)})
        catalog.commit(made)
        table = catalog.snapshot("g").tables["t"]
        file = made.tables["t"]
        assert (table.id, table.size, table.rows, table.digest) == (file.id, file.size, file.rows, file.digest)
        assert (table.group, table.name, table.version, table.write_id) == ("g", "t", 1, "w")
        assert table.schema == schema

    def test_tables_not_named_carry_over(self, catalog: Catalog) -> None:
        catalog.commit(change("g", "a", "b"))
        before = catalog.snapshot("g").tables
        catalog.commit(change("g", "b", "c"))
        after = catalog.snapshot("g").tables
        assert set(after) == {"a", "b", "c"}
        assert after["a"] == before["a"]
        assert after["b"].id != before["b"].id

    def test_old_versions_stay_as_they_were(self, catalog: Catalog) -> None:
        catalog.commit(change("g", "a", "b"))
        first = catalog.snapshot("g")
        catalog.commit(change("g", "a"))
        catalog.commit(change("g", delete="b"))
        assert catalog.snapshot("g", 1) == first
        assert set(catalog.snapshot("g", 3).tables) == {"a"}

    def test_a_wrong_expectation_changes_nothing(self, catalog: Catalog) -> None:
        catalog.commit(change("g", "t", expected_version=0))
        with pytest.raises(ConflictError) as caught:
            catalog.commit(change("g", "t", expected_version=0))
        assert (caught.value.group, caught.value.expected, caught.value.actual) == ("g", 0, 1)
        assert catalog.groups() == {"g": range(1, 2)}
        with pytest.raises(ConflictError):
            catalog.commit(change("new", "t", expected_version=1))
        assert "new" not in catalog.groups()

    def test_the_same_write_is_applied_once(self, catalog: Catalog) -> None:
        first = catalog.commit(change("g", "a", "b", write_id="same"))
        catalog.commit(change("g", "a"))
        again = catalog.commit(change("g", "b", "a", write_id="same"))
        assert again == first
        assert catalog.written_by("same") == first
        assert catalog.written_by("never") is None
        assert catalog.groups() == {"g": range(1, 3)}

    @pytest.mark.parametrize(("group", "tables"), [("h", ["a"]), ("g", ["b"]), ("g", ["a", "b"])])
    def test_the_write_of_another_group_or_other_tables_is_refused(
        self, catalog: Catalog, group: str, tables: list[str]
    ) -> None:
        catalog.commit(change("g", "a", write_id="same"))
        with pytest.raises(ConfigError, match="was used for version 1 of group 'g', with 'a'"):
            catalog.commit(change(group, *tables, write_id="same"))
        assert catalog.groups() == {"g": range(1, 2)}

    def test_deleting_leaves_a_table_out_from_then_on(self, catalog: Catalog) -> None:
        catalog.commit(change("g", "a"))
        assert catalog.commit(change("g", delete="a")).version == 2
        assert not catalog.snapshot("g").tables
        with pytest.raises(NotFoundError) as caught:
            catalog.commit(change("g", delete="a"))
        assert caught.value.kind == "table"
        assert catalog.groups() == {"g": range(1, 3)}

    def test_restoring_repeats_an_old_version(self, catalog: Catalog) -> None:
        catalog.commit(change("g", "a", "b", artifacts='{"x": 1}'))
        old = catalog.snapshot("g")
        catalog.commit(change("g", "a", "c", artifacts='{"x": 2}'))
        assert catalog.commit(change("g", restore=1)).version == 3
        assert catalog.snapshot("g").tables == old.tables
        assert catalog.artifacts("g") == '{"x": 1}'
        with pytest.raises(NotFoundError):
            catalog.commit(change("g", restore=9))
        assert catalog.groups() == {"g": range(1, 4)}

    def test_artifacts_carry_over_until_replaced(self, catalog: Catalog) -> None:
        catalog.commit(change("g", "a"))
        assert catalog.artifacts("g") is None
        catalog.commit(change("g", "a", artifacts='{"x": 1}'))
        catalog.commit(change("g", "a"))
        assert catalog.artifacts("g") == '{"x": 1}'
        catalog.commit(change("g", "a", artifacts="{}"))
        assert [catalog.artifacts("g", version) for version in (1, 2, 3, 4)] == [None, '{"x": 1}', '{"x": 1}', "{}"]

    def test_history_tells_messages_tables_and_times_in_order(self, catalog: Catalog) -> None:
        made = [change("g", "a", message="first"), change("g", "b"), change("g", delete="a")]
        for one in made:
            catalog.commit(one)
        history = catalog.versions("g")
        assert [line.write_id for line in history] == [one.write_id for one in made]
        assert [line.version for line in history] == [1, 2, 3]
        assert [line.message for line in history] == ["first", None, None]
        assert [line.tables for line in history] == [("a",), ("a", "b"), ("b",)]
        assert all(line.created_at.utcoffset() == timedelta(0) for line in history)
        assert sorted(line.created_at for line in history) == [line.created_at for line in history]

    def test_each_version_was_made_while_it_was_committed(self, catalog: Catalog) -> None:
        moments = [datetime.now(UTC)]
        for _ in range(3):
            catalog.commit(change("g", "a"))
            moments.append(datetime.now(UTC))
        made = [line.created_at for line in catalog.versions("g")]
        assert all(before <= at <= after for before, at, after in zip(moments, made, moments[1:], strict=False))

    def test_as_of_finds_the_version_that_was_current(self, catalog: Catalog) -> None:
        for _ in range(3):
            catalog.commit(change("g", "a"))
        for line in catalog.versions("g"):
            last_then = max(other.version for other in catalog.versions("g") if other.created_at <= line.created_at)
            assert catalog.snapshot("g", as_of=line.created_at).version == last_then
        assert catalog.snapshot("g", as_of=datetime.now(UTC) + timedelta(days=1)).version == 3
        with pytest.raises(NotFoundError):
            catalog.snapshot("g", as_of=datetime(1999, 1, 1, tzinfo=UTC))

    def test_what_is_not_there_is_said_by_kind(self, catalog: Catalog) -> None:
        catalog.commit(change("movies", "a"))
        for ask in (catalog.snapshot, catalog.versions, catalog.artifacts):
            with pytest.raises(NotFoundError) as caught:
                ask("movie")
            assert (caught.value.kind, caught.value.nearest) == ("group", ("movies",))
        with pytest.raises(NotFoundError) as caught:
            catalog.snapshot("movies", 2)
        assert caught.value.kind == "version"
        with pytest.raises(NotFoundError):
            catalog.artifacts("movies", 2)

    def test_the_latest_of_all_groups_are_the_last_of_each(self, catalog: Catalog) -> None:
        assert catalog.latest() == []
        for made in (change("b", "t", "u"), change("é", "t"), change("a", "t"), change("a", delete="t")):
            catalog.commit(made)
            assert catalog.latest() == [catalog.versions(group)[-1] for group in catalog.groups()]
        assert [(one.group, one.tables) for one in catalog.latest()] == [("a", ()), ("b", ("t", "u")), ("é", ("t",))]
        catalog.latest().clear()  # a list of the caller's own
        assert len(catalog.latest()) == 3

    def test_a_version_says_how_much_its_tables_take(self, catalog: Catalog) -> None:
        first = change("g", "a", "b")
        sizes = {name: file.size for name, file in first.tables.items()}
        catalog.commit(first)
        catalog.commit(change("g", delete="a"))
        catalog.commit(change("g", delete="b"))
        found = [line.bytes for line in catalog.versions("g")]
        assert found == [sizes["a"] + sizes["b"], sizes["b"], 0]

    def test_names_are_data(self, catalog: Catalog) -> None:
        names = ["'; DROP TABLE entries; --", "%", "_", "NULL", "日本語", "🎬", " x".strip()]
        for name in names:
            catalog.commit(change(name, name))
        assert set(catalog.groups()) == set(names)
        assert all(list(catalog.snapshot(name).tables) == [name] for name in names)

    def test_files_are_told_once_each(self, catalog: Catalog) -> None:
        catalog.commit(change("g", "a", "b"))
        catalog.commit(change("g", "a"))
        catalog.commit(change("g", restore=1))
        ids = [file.id for file in catalog.files()]
        assert len(ids) == len(set(ids)) == 3

    def test_a_sound_catalog_has_no_problems(self, catalog: Catalog) -> None:
        catalog.commit(change("g", "a", "b"))
        catalog.commit(change("g", delete="a"))
        catalog.commit(change("g", restore=1))
        catalog.sweep([], keep_last=1)
        assert catalog.problems() == []

    def test_threads_never_share_a_version(self, catalog: Catalog) -> None:
        made: list[int] = []

        def work() -> None:
            made.extend(catalog.commit(change("g", "t")).version for _ in range(5))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert sorted(made) == list(range(1, 21))

    def test_of_savers_with_one_expectation_one_wins(self, catalog: Catalog) -> None:
        catalog.commit(change("g", "t"))
        outcomes: list[str] = []

        def work() -> None:
            try:
                catalog.commit(change("g", "t", expected_version=1))
            except ConflictError:
                outcomes.append("conflict")
            else:
                outcomes.append("won")

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert sorted(outcomes) == ["conflict"] * 5 + ["won"]
        assert catalog.groups() == {"g": range(1, 3)}
