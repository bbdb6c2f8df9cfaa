"""The store does what the perfect store does, whatever is asked of it in whatever order."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from features.errors import ConflictError, NotFoundError
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from features.testing.model import ModelStore

GROUPS = st.sampled_from(["movies", "people", "名前"])
NAMES = st.sampled_from(["basic", "text", "é"])
TABLES = st.builds(
    lambda values: pa.table({"id": pa.array(range(len(values)), pa.int64()), "value": pa.array(values, pa.float64())}),
    st.lists(st.none() | st.floats(allow_nan=False), max_size=4),
)


class StoreAgainstModel(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.config = FeatureStoreConfig(self.folder / "store", backend="pyarrow", cache_max_size=3)
        self.store = SimpleFeatureStore(self.config)
        self.model: ModelStore[pa.Table] = ModelStore()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)

    def version_of(self, group: str, data: st.DataObject) -> int:
        """Any version number from 1 to one too high, kept or not."""
        latest = self.model.groups[group][-1].number if group in self.model.groups else 0
        return data.draw(st.integers(1, latest + 1))

    def same_or_missing(self, real, perfect) -> None:
        """Both give the same answer, or both say that it is not there."""
        try:
            expected = perfect()
        except KeyError:
            with pytest.raises(NotFoundError):
                real()
        else:
            assert real() == expected

    @rule(
        group=GROUPS,
        tables=st.dictionaries(NAMES, TABLES, min_size=1),
        message=st.none() | st.just("why"),
        artifacts=st.none() | st.dictionaries(st.just("k"), st.integers()),
    )
    def save(self, group, tables, message, artifacts) -> None:
        paths = self.store.save_features(group, tables, message=message, artifacts=artifacts)
        self.model.save(group, tables, message=message, artifacts=artifacts)
        assert set(paths) == set(tables)

    @rule(group=GROUPS, tables=st.dictionaries(NAMES, TABLES, min_size=1), expected=st.integers(0, 5))
    def save_expecting(self, group, tables, expected) -> None:
        latest = self.model.groups[group][-1].number if group in self.model.groups else 0
        if expected == latest:
            self.store.save_features(group, tables, expected_version=expected)
            self.model.save(group, tables)
        else:
            with pytest.raises(ConflictError):
                self.store.save_features(group, tables, expected_version=expected)

    @rule(group=GROUPS, table=TABLES)
    def save_twice_with_one_write_id(self, group, table) -> None:
        number = self.model.save(group, {"basic": table})
        paths = self.store.save_features(group, {"basic": table}, write_id=f"{group} {number}")
        assert self.store.save_features(group, {"basic": table}, write_id=f"{group} {number}") == paths

    @rule(group=GROUPS, name=NAMES)
    def delete(self, group, name) -> None:
        self.same_or_missing(lambda: self.store.delete_feature(name, group), lambda: self.model.delete(name, group))

    @rule(group=GROUPS, data=st.data())
    def rollback(self, group, data) -> None:
        version = self.version_of(group, data)
        self.same_or_missing(lambda: self.store.rollback(group, version), lambda: self.model.rollback(group, version))

    @rule(keep=st.integers(1, 3))
    def gc(self, keep) -> None:
        dry = self.store.gc(keep_last=keep, dry_run=True)
        report = self.store.gc(keep_last=keep)
        assert (dry.versions, dry.files, dry.bytes) == (report.versions, report.files, report.bytes)
        assert report.versions == self.model.gc(keep)

    @rule(group=GROUPS, data=st.data())
    def read(self, group, data) -> None:
        version = data.draw(st.none()) if data.draw(st.booleans()) else self.version_of(group, data)
        self.same_or_missing(
            lambda: self.store.get_features(None, group, version=version),
            lambda: dict(self.model.version(group, version).tables),
        )
        self.same_or_missing(
            lambda: self.store.get_artifacts(group, version=version),
            lambda: dict(self.model.version(group, version).artifacts),
        )

    @rule(group=GROUPS, name=NAMES, columns=st.sampled_from([["id"], ["value", "id"]]))
    def read_columns(self, group, name, columns) -> None:
        self.same_or_missing(
            lambda: self.store.get_features([name], group, columns=columns)[name],
            lambda: self.model.version(group).tables[name].select(columns),
        )

    @precondition(lambda self: self.model.groups)
    @rule(data=st.data())
    def read_as_of(self, data) -> None:
        group = data.draw(st.sampled_from(sorted(self.model.groups)))
        made = {line.version: line.created_at for line in self.store.versions(group)}
        moment = data.draw(st.sampled_from(sorted(made.values())))
        expected = self.model.as_of(group, moment, made.__getitem__)
        assert self.store.get_features(None, group, as_of=moment) == dict(expected.tables)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = SimpleFeatureStore(self.config)

    @rule()
    def back_up_and_open_the_copy(self) -> None:
        target = Path(tempfile.mkdtemp(dir=self.folder)) / "copy"
        self.store.backup(target)
        with SimpleFeatureStore(FeatureStoreConfig(target, backend="pyarrow")) as copy:
            assert copy.check(deep=True).ok
            for group, history in self.model.groups.items():
                assert copy.get_features(None, group) == dict(history[-1].tables)

    @invariant()
    def the_same_groups_versions_and_tables_are_there(self) -> None:
        if not hasattr(self, "store"):
            return
        assert self.store.list_feature_groups() == sorted(self.model.groups)
        for group, history in self.model.groups.items():
            lines = [(line.version, line.message, line.tables) for line in self.store.versions(group)]
            assert lines == [(kept.number, kept.message, tuple(sorted(kept.tables))) for kept in history]
            assert self.store.list_features(group) == sorted(history[-1].tables)

    @invariant()
    def nothing_is_wrong_and_nothing_is_left_over(self) -> None:
        if hasattr(self, "store"):
            report = self.store.check(deep=True)
            assert report.ok, report.problems
            assert report.orphans == ()


TestStoreAgainstModel = StoreAgainstModel.TestCase
TestStoreAgainstModel.settings = settings(max_examples=min(500, settings().max_examples))
