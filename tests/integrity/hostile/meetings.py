"""How the store is made to meet each kind of hostile thing, and what may come of it: our own errors, or the truth."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any

import pyarrow as pa

from features.errors import FeatureStoreError
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from features.store.versions import Change, NewFile
from tests.integrity.hostile import catalogs, files, fuzz, names

Store = SimpleFeatureStore[Any]
STORE, COPIES = Path("store"), Path("copies")
FORGED = "f" * 32


class Findings:
    """What should not have happened in one case."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    @contextmanager
    def only_ours(self, doing: str) -> Iterator[None]:
        """Whatever is done inside succeeds, or fails with an error of ours that says something."""
        try:
            yield
        except FeatureStoreError as error:
            if not str(error).strip():
                self.wrong.append(f"{doing}: {type(error).__name__} says nothing")
        except BaseException as error:
            self.wrong.append(f"{doing}: {type(error).__name__}: {error!s:.300}")

    def expect(self, doing: str, frame: Any, table: pa.Table) -> None:
        """``frame`` holds what was saved."""
        if pa.table(frame).to_pydict() != table.to_pydict():
            self.wrong.append(f"{doing}: other data came back")

    def expect_announced(self, doing: str, frame: Any, table: pa.Table) -> None:
        """Whoever commits a file may have put any values in it, but it is the table that was announced."""
        came = pa.table(frame)
        if (came.column_names, came.num_rows) != (table.column_names, table.num_rows):
            self.wrong.append(f"{doing}: {came.num_rows} rows of {came.column_names} came back")


def opened(backend: Any) -> Store:
    return SimpleFeatureStore(FeatureStoreConfig(STORE, backend=backend))


COLUMNS = ["text", "id"]
LOADS: dict[str, Callable[[Store], Any]] = {
    "load": lambda store: store.get_features(["t"], "g")["t"],
    "load columns": lambda store: store.get_features(["t"], "g", columns=COLUMNS)["t"],
    "load from anywhere": lambda store: store.get_features(["t"])["t"],
}
ACTS: dict[str, Callable[[Store], Any]] = {
    "look": lambda store: (store.versions("g"), store.get_feature_info("t", "g"), store.get_store_stats()),
    "artifacts": lambda store: store.get_artifacts("g"),
    "check": lambda store: store.check(),
    "deep check": lambda store: store.check(deep=True),
    "backup": lambda store: store.backup(COPIES),
    "collect": lambda store: store.gc(),
    "save": lambda store: store.save_features("g", {"u": files.good()}),
    "rollback": lambda store: store.rollback("g", 1),
    "delete": lambda store: store.delete_feature("u", "g"),
    "drop": lambda store: store.gc(keep_last=1, older_than=timedelta(0)),
    "repair": lambda store: store.check(deep=True, repair=True),
}


def do_everything(backend: Any, found: Findings, expect: Callable[[str, Any, pa.Table], None]) -> None:
    """Every operation there is, each by a store object of its own, with loads before, and a load after all.

    Loads alone depend on the backend, so the rest is done on one.
    """
    for doing, act in {**LOADS, **(ACTS if backend == "pyarrow" else {}), "load after all": LOADS["load"]}.items():
        with found.only_ours(doing), opened(backend) as store:
            answer = act(store)
            if doing.startswith("load"):
                expect(doing, answer, files.good().select(COLUMNS) if doing == "load columns" else files.good())


def new_store() -> Path:
    """A store with two versions of the group ``g``; the path of the file of its table ``t``."""
    for folder in (STORE, COPIES):
        shutil.rmtree(folder, ignore_errors=True)
    Path("fifo").unlink(missing_ok=True)
    with opened("pyarrow") as store:
        store.save_features("g", {"t": files.good()}, artifacts={"a": 1})
        return Path(store.save_features("g", {"t": files.good()})["t"])


def meet_file(case: str, backend: Any, found: Findings) -> None:
    """Something else stands where the table's file should be."""
    path = new_store()
    path.unlink()
    files.FILES[case](path)
    do_everything(backend, found, found.expect)


def meet_committed_file(case: str, backend: Any, found: Findings) -> None:
    """The same, and the catalog refers to just that, with its size and digest."""
    path = new_store().with_name(f"{FORGED}.parquet")
    files.FILES[case](path)
    commit({"t": announced(FORGED, path)})
    do_everything(backend, found, found.expect_announced)


def announced(file: str, path: Path) -> NewFile:
    """Whatever is at ``path``, as if it were a file of the good table."""
    size, digest = 0, bytes(16)
    if path.is_file() and not path.is_symlink():
        with opened("pyarrow") as store:
            size, digest = store._storage.digest(file)
    return NewFile(file, size, files.ROWS, digest, files.good().schema)


def commit(tables: dict[str, NewFile]) -> None:
    with opened("pyarrow") as store:
        store._catalog.commit(Change("g", "forged", tables=tables))


def meet_catalog(case: str, backend: Any, found: Findings) -> None:
    """A catalog with something in it that is none of ours."""
    new_store()
    catalogs.CATALOGS[case](STORE / "catalog.sqlite3")
    do_everything(backend, found, found.expect)


def meet_row(case: str, backend: Any, found: Findings) -> None:
    """A row that was committed like any other, about a file that no storage ever made."""
    new_store()
    with found.only_ours("commit"):
        commit({"t": catalogs.ROWS[case]()})
    do_everything(backend, found, found.expect_announced)


@cache
def store_of_names() -> None:
    """One for all names: that they are many is part of it."""
    new_store()


def meet_name(case: str, backend: Any, found: Findings) -> None:
    """A name in every place where one is given: it comes back in its normal form, or is refused."""
    store_of_names()
    name, normal = json.loads(case), names.normal(json.loads(case))
    table = files.good().slice(0, 3)
    with opened(backend) as store:
        with found.only_ours("group"):
            store.save_features(name, {"t": table})
            found.expect("group", store.get_features(["t"], name)["t"], table)
            if normal not in store.list_feature_groups():
                found.wrong.append("group: it is not listed under its name")
        with found.only_ours("table"):
            store.save_features("tables", {name: table})
            found.expect("table", store.get_features([name], "tables")[normal], table)
            store.delete_feature(name, "tables")
        with found.only_ours("column"):
            renamed = _renamed(table, name)
            store.save_features("columns", {"t": renamed})
            found.expect("column", store.get_features(["t"], "columns")["t"], renamed)
            found.expect("column", store.get_features(["t"], "columns", columns=[name])["t"], renamed.select([name]))
        with found.only_ours("words"):
            store.save_features(
                "words", {"t": table}, message=name, write_id=name + token_hex(4), artifacts={name: name}
            )
            if store.get_artifacts("words") != {name: name} or store.versions("words")[-1].message != name:
                found.wrong.append("words: the message or the artifacts came back changed")
        with found.only_ours("asking"):
            store.get_features([name], name, columns=[name])


def _renamed(table: pa.Table, name: str) -> pa.Table:
    try:
        return table.rename_columns([name, "b", "c"])
    except UnicodeEncodeError:  # pyarrow itself does not take half a character
        return table


def meet_all_names(_case: str, _backend: Any, found: Findings) -> None:
    """What the other cases left behind is whole, and can be copied."""
    with opened("pyarrow") as store:
        if not store.check(deep=True).ok:
            found.wrong.append("there are problems")
        store.backup(COPIES)
        store.gc(keep_last=1)


def meet_fuzzed_name(case: str, backend: Any, found: Findings) -> None:
    meet_name(json.dumps(fuzz.name(int(case))), backend, found)


def meet_fuzzed_files(case: str, backend: Any, found: Findings) -> None:
    """A range of files changed at random, each committed as it is, in one version."""
    folder = new_store().parent
    tables = {}
    for seed in range(*json.loads(case)):
        file = f"{seed:032x}"
        path = folder / f"{file}.parquet"
        path.write_bytes(fuzz.changed(files.GOOD, seed))
        tables[f"t{seed}"] = announced(file, path)
    commit(tables)
    with opened(backend) as store:
        for name in tables:
            with found.only_ours(f"load {name}"):
                frame = store.get_features([name], "g", columns=COLUMNS)[name]
                found.expect_announced(name, frame, files.good().select(COLUMNS))
            with found.only_ours(f"load all of {name}"):
                found.expect_announced(name, store.get_features([name], "g")[name], files.good())
        with found.only_ours("deep check"):
            store.check(deep=True)


def meet_bait(case: str, _backend: Any, _found: Findings) -> None:
    """What must be noticed, so that the rest can be believed."""
    if case == "a pickle is loaded":
        pickle.loads(files.PICKLE)
    elif case == "the interpreter dies":
        os.abort()
    elif case == "something outside is changed":
        Path("outside/secret.parquet").unlink()


KINDS: dict[str, Callable[[str, Any, Findings], None]] = {
    "file": meet_file,
    "committed file": meet_committed_file,
    "fuzzed files": meet_fuzzed_files,
    "catalog": meet_catalog,
    "row": meet_row,
    "name": meet_name,
    "fuzzed name": meet_fuzzed_name,
    "all names": meet_all_names,
    "bait": meet_bait,
}
