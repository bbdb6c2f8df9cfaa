"""The ways to keep a table that are compared: each library as its own documentation shows it, with its defaults."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import measuring  # noqa: F401  # it finds a clone's src, and so comes first

# isort: split
from features import FeatureStoreConfig, SimpleFeatureStore
from features.frames import Backend, Frame


class Peer(ABC):
    """One library's way to keep a table under a name and to give it back."""

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    distribution: ClassVar[str]
    """What to install for it."""
    frames: ClassVar[Backend]
    versions: ClassVar[bool] = True
    """Whether it is a store; plain files are the floor, not a choice between stores."""

    @abstractmethod
    def __init__(self, folder: Path) -> None: ...

    @abstractmethod
    def save(self, frame: Any) -> None:
        """Keep the frame in place of the last one."""

    @abstractmethod
    def load(self) -> Frame:
        """The frame kept last."""


class OnPolars(Peer):
    """This library, with polars frames."""

    name = "ours on polars"
    needs = ("polars",)
    distribution = "polars"
    frames = "polars"

    def __init__(self, folder: Path) -> None:
        self._store = SimpleFeatureStore(FeatureStoreConfig(folder, backend=self.frames, cache_enabled=False))

    def save(self, frame: Any) -> None:
        """See ``Peer.save``."""
        self._store.save_features("group", {"table": frame})

    def load(self) -> Frame:
        """See ``Peer.load``: without the cache."""
        return self._store.get_features(["table"], "group")["table"]


class OnPandas(OnPolars):
    """This library, with pandas frames."""

    name = "ours on pandas"
    needs = ("pandas",)
    distribution = "pandas"
    frames = "pandas"


class ArcticDB(Peer):
    """ArcticDB on LMDB."""

    name = "ArcticDB"
    needs = ("arcticdb", "pandas")
    distribution = "arcticdb"
    frames = "pandas"

    def __init__(self, folder: Path) -> None:
        import arcticdb

        self._library = arcticdb.Arctic(f"lmdb://{folder}").get_library("library", create_if_missing=True)

    def save(self, frame: Any) -> None:
        """See ``Peer.save``."""
        self._library.write("table", frame)

    def load(self) -> Frame:
        """See ``Peer.load``."""
        return self._library.read("table").data


class Delta(Peer):
    """Delta Lake, through delta-rs and polars' own function for it."""

    name = "Delta"
    needs = ("deltalake", "polars")
    distribution = "deltalake"
    frames = "polars"

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def save(self, frame: Any) -> None:
        """See ``Peer.save``."""
        import deltalake

        deltalake.write_deltalake(self._folder, frame, mode="overwrite")

    def load(self) -> Frame:
        """See ``Peer.load``."""
        import polars as pl

        return pl.read_delta(self._folder)


class Lance(Peer):
    """Lance, through its own reader and writer of Arrow tables."""

    name = "Lance"
    needs = ("lance", "polars")
    distribution = "pylance"
    frames = "polars"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, frame: Any) -> None:
        """See ``Peer.save``."""
        import lance

        lance.write_dataset(frame.to_arrow(), self._folder, mode="overwrite" if self._folder.exists() else "create")

    def load(self) -> Frame:
        """See ``Peer.load``."""
        import lance
        import polars as pl

        return pl.from_arrow(lance.dataset(self._folder).to_table())


class DuckDB(Peer):
    """A table in a DuckDB file."""

    name = "DuckDB"
    needs = ("duckdb", "polars")
    distribution = "duckdb"
    frames = "polars"

    def __init__(self, folder: Path) -> None:
        import duckdb

        folder.mkdir(parents=True)
        self._connection = duckdb.connect(folder / "tables.duckdb")

    def save(self, frame: Any) -> None:
        """See ``Peer.save``."""
        self._connection.register("given", frame)
        self._connection.execute("CREATE OR REPLACE TABLE kept AS SELECT * FROM given")

    def load(self) -> Frame:
        """See ``Peer.load``."""
        import polars as pl

        return pl.DataFrame(self._connection.sql("SELECT * FROM kept"))


class PlainPolars(Peer):
    """A Parquet file, written over the last one."""

    name = "plain polars file"
    needs = ("polars",)
    distribution = "polars"
    frames = "polars"
    versions = False

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._path = folder / "table.parquet"

    def save(self, frame: Any) -> None:
        """See ``Peer.save``."""
        frame.write_parquet(self._path)

    def load(self) -> Frame:
        """See ``Peer.load``."""
        import polars as pl

        return pl.read_parquet(self._path)


class PlainPandas(PlainPolars):
    """The same by pandas."""

    name = "plain pandas file"
    needs = ("pandas",)
    distribution = "pandas"
    frames = "pandas"

    def save(self, frame: Any) -> None:
        """See ``Peer.save``."""
        frame.to_parquet(self._path)

    def load(self) -> Frame:
        """See ``Peer.load``."""
        import pandas as pd

        return pd.read_parquet(self._path)


PEERS: tuple[type[Peer], ...] = (OnPolars, OnPandas, ArcticDB, Delta, Lance, DuckDB, PlainPolars, PlainPandas)
