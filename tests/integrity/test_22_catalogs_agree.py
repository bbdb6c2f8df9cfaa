"""Guarantee 22: the catalog in SQL answers as the plainest one does, whatever is asked in whatever order."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from features.errors import FeatureStoreError
from features.store.catalog.base import Catalog
from features.store.catalog.sql import SqlCatalog
from features.store.versions import Change, NewFile
from features.testing.memory_catalog import MemoryCatalog
from tests.integrity.profiles import budget

GROUPS = st.sampled_from(["g", "h", "名前"])
TABLES = st.sampled_from(["a", "b", "é"])
SCHEMA = pa.schema([("x", pa.int64())])


class TwoCatalogs(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.both: list[Catalog] = [
            SqlCatalog.open(self.folder / "catalog.sqlite3", timeout=5),
            MemoryCatalog(),
        ]
        self.numbers = count()
        self.changes: list[Change] = []
        self.staged: list[NewFile] = []

    def teardown(self) -> None:
        if hasattr(self, "both"):
            self.both[0].close()
            shutil.rmtree(self.folder)

    def agree(self, ask: Callable[[Catalog], Any]) -> Any:
        """Both give the same answer, or both refuse with the same kind of error."""
        answers = [answer(ask, catalog) for catalog in self.both]
        assert answers[0] == answers[1]
        return answers[0]

    def new_file(self) -> NewFile:
        number = next(self.numbers)
        file = NewFile(f"{number:032x}", number, number, number.to_bytes(16), SCHEMA)
        self.staged.append(file)
        return file

    def commit(self, change: Change) -> None:
        self.changes.append(change)
        self.agree(lambda catalog: catalog.commit(change))

    @rule(
        group=GROUPS,
        names=st.sets(TABLES, min_size=1),
        expected=st.none() | st.integers(0, 6),
        artifacts=st.none() | st.just('{"k": 1}'),
    )
    def save(self, group, names, expected, artifacts) -> None:
        files = {name: self.new_file() for name in sorted(names)}
        write_id = f"write {next(self.numbers)}"
        self.commit(Change(group, write_id, tables=files, expected_version=expected, artifacts=artifacts, message="m"))

    @rule(group=GROUPS, data=st.data())
    def save_a_file_staged_long_ago(self, group, data) -> None:
        committed = {file.id for file in self.both[1].files()}
        left = [file for file in self.staged if file.id not in committed]
        if left:
            file = data.draw(st.sampled_from(left))
            self.commit(Change(group, f"write {next(self.numbers)}", tables={"a": file}))

    @rule(group=GROUPS, name=TABLES)
    def delete(self, group, name) -> None:
        if group in self.both[1].groups():  # the store asks for that first
            self.commit(Change(group, f"write {next(self.numbers)}", delete=name))

    @rule(group=GROUPS, version=st.integers(1, 6))
    def restore(self, group, version) -> None:
        if group in self.both[1].groups():
            self.commit(Change(group, f"write {next(self.numbers)}", restore=version))

    @rule(data=st.data())
    def repeat(self, data) -> None:
        if self.changes:
            change = data.draw(st.sampled_from(self.changes))
            files = {name: self.new_file() for name in change.tables}  # a save that is repeated stages its own
            again = replace(change, expected_version=None, tables=files)
            self.agree(lambda catalog: catalog.commit(again))

    @rule(keep=st.none() | st.integers(1, 3), dry=st.booleans())
    def sweep(self, keep, dry) -> None:
        on_disk = [file.id for file in self.staged]
        self.agree(lambda catalog: catalog.sweep(on_disk, keep_last=keep, dry_run=dry))

    @invariant()
    def they_tell_the_same(self) -> None:
        if not hasattr(self, "both"):
            return
        groups = self.agree(lambda catalog: catalog.groups())
        self.agree(lambda catalog: {file.id: file.write_id for file in catalog.files()})
        self.agree(lambda catalog: [replace(v, created_at=None) for v in catalog.latest()])
        for group in groups:
            self.agree(lambda catalog, group=group: [replace(v, created_at=None) for v in catalog.versions(group)])
            for version in (None, *range(groups[group][-1] + 2)):
                self.agree(lambda catalog, group=group, version=version: catalog.snapshot(group, version))
                self.agree(lambda catalog, group=group, version=version: catalog.artifacts(group, version))
        for change in self.changes:
            self.agree(lambda catalog, change=change: catalog.written_by(change.write_id))
        assert self.both[0].problems() == []


def answer(ask: Callable[[Catalog], Any], catalog: Catalog) -> Any:
    try:
        return ask(catalog)
    except FeatureStoreError as error:
        return type(error)


TestTwoCatalogs = TwoCatalogs.TestCase
TestTwoCatalogs.settings = settings(max_examples=budget(dev=2, ci=20, thorough=600))
