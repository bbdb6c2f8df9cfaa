"""How fast this library saves and loads beside what somebody might take instead: each with its own defaults.

The others are ArcticDB (on LMDB), Delta Lake (delta-rs), Lance, DuckDB, and plain files of pandas and of polars; one
that is not installed is left out, with a sentence. Each takes the frames of the library it is at home with. All take
turns, and the disk is quiet before each save, so that nobody waits for what another left to be written.

A save is timed to its return. What that is worth differs: strace counts the syncs of each one's saves, and without a
sync the table may be gone, or damaged, after a power cut. ``--backend`` has no meaning here.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from measuring import Report, settings_from  # first: it finds a clone's src
from side_by_side import Rounds
from store_sizes import QUICK_SIZES, Size
from tables import equal, random_floats

# isort: split
from features import FeatureStoreConfig, SimpleFeatureStore
from features.frames import Backend, Frame

SIZES = (Size(50, 4, 30), Size(10_000, 31, 20), Size(1_000_000, 31, 4))
SYNCS = ("fsync", "fdatasync", "sync_file_range", "msync")
SAME_WEIGHT, LARGE = 10_000, 1_000_000
"""Rows from which a save must be clearly faster than any that syncs, and where one that does not may be ahead."""


class Peer(ABC):
    """One library's way to keep a table under a name and to give it back."""

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
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
    frames = "pandas"


class ArcticDB(Peer):
    """ArcticDB on LMDB."""

    name = "ArcticDB"
    needs = ("arcticdb", "pandas")
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
    frames = "pandas"

    def save(self, frame: Any) -> None:
        """See ``Peer.save``."""
        frame.to_parquet(self._path)

    def load(self) -> Frame:
        """See ``Peer.load``."""
        import pandas as pd

        return pd.read_parquet(self._path)


PEERS: tuple[type[Peer], ...] = (OnPolars, OnPandas, ArcticDB, Delta, Lance, DuckDB, PlainPolars, PlainPandas)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report, and return the exit code."""
    settings = settings_from(arguments, __doc__)
    questions = (
        "How long does each take to save a table, and to load it?",
        "Whose saves are synced when they return?",
        "Is any of the stores faster than this library on polars?",
    )
    with settings.folder() as folder:
        report = Report("peers", settings, questions, folder)
        here = [peer for peer in PEERS if _is_installed(peer)]
        synced = {peer.name for peer in here if _syncs(report, peer)}
        for size in QUICK_SIZES if settings.quick else SIZES:
            compare(report, folder / f"{size.rows}", size, here, synced)
    return report.finish()


def _is_installed(peer: type[Peer]) -> bool:
    missing = [package for package in peer.needs if importlib.util.find_spec(package) is None]
    if missing:
        print(f"  {peer.name} is left out: {', '.join(missing)} is not installed")
    return not missing


# --- whether a save is synced ---------------------------------------------------------------------------------------


def _syncs(report: Report, peer: type[Peer]) -> bool:
    """Whether every save asks the system to write what it saved; taken for granted where that cannot be seen."""
    if shutil.which("strace") is None:
        print(f"  strace is not installed: that {peer.name} syncs its saves is taken for granted")
        return True
    calls = report.measured(f"{peer.name}: syncs for each save", "calls", (_traced(peer, 6) - _traced(peer, 1)) / 5)
    return calls.median >= 1


def _traced(peer: type[Peer], saves: int) -> int:
    """The syncs of a process that saves so many times."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "calls")
        work = f"import peers; peers.save_often(peers.{peer.__name__}, {saves}, {folder + '/data'!r})"
        command = ["strace", "-f", "-e", f"trace={','.join(SYNCS)}", "-o", str(log), sys.executable, "-c", work]
        subprocess.run(command, cwd=Path(__file__).parent, check=True, capture_output=True)  # noqa: S603
        return len(re.findall(rf"\b(?:{'|'.join(SYNCS)})\(", log.read_text(encoding="utf-8")))


def save_often(peer: type[Peer], saves: int, folder: str) -> None:
    """What is done under strace."""
    frame = random_floats(peer.frames, 10_000, 30)
    one = peer(Path(folder))
    for _ in range(saves):
        one.save(frame)


# --- the sizes ------------------------------------------------------------------------------------------------------


def compare(report: Report, folder: Path, size: Size, here: Sequence[type[Peer]], synced: set[str]) -> None:
    """Save and load one table with every peer in turn, tell every time, and require the ratios."""
    frames = {
        backend: random_floats(backend, size.rows, size.columns - 1) for backend in {each.frames for each in here}
    }
    peers = {each.name: each(folder / each.__name__) for each in here}
    rounds = Rounds()
    changed = dict.fromkeys(peers, 0)
    for _ in range(size.repeats + 1):
        rounds.begin()
        rounds.turn(
            {_saving(name): _bound(peer.save, frames[peer.frames]) for name, peer in peers.items()}, settle=True
        )
        for name, peer in peers.items():  # the first load, which has to check or to find things
            changed[name] += not equal(peer.load(), frames[peer.frames])
        rounds.turn({_loading(name): peer.load for name, peer in peers.items()})
    for name, times in rounds.times.items():
        report.measured(f"{size}: {name}", "ms", *times)
    for name, count in changed.items():
        report.measured(f"{size}: tables of {name} that came back changed", "tables", count)
    if OnPolars.name in peers:
        _require_saves(report, size, rounds, here, synced)
        _require_loads(report, size, rounds, here)
    report.require(f"{size}: tables of ours that came back changed", _ours(changed), "==", 0, "tables")
    shutil.rmtree(folder)


def _require_saves(report: Report, size: Size, rounds: Rounds, here: Sequence[type[Peer]], synced: set[str]) -> None:
    """No store may be ahead; where tables are large, one without a sync may, by little."""
    for peer in _others(here):
        if not peer.versions and size.rows < LARGE:
            continue
        limit = 1.3 if size.rows >= LARGE and peer.name not in synced else 1
        over = rounds.ratio(_saving(OnPolars.name), _saving(peer.name))
        note = "" if peer.name in synced else ", which does not sync"
        report.require(f"{size}: our save over that of {peer.name}{note}", over, "<", limit, "")
    behind = [rounds.ratio(_saving(peer.name), _saving(OnPolars.name)) for peer in _others(here) if peer.name in synced]
    if behind and size.rows >= SAME_WEIGHT:
        report.require(f"{size}: the best save that syncs over ours", min(behind), ">=", 1.4, "times")


def _require_loads(report: Report, size: Size, rounds: Rounds, here: Sequence[type[Peer]]) -> None:
    for peer in _others(here):
        over = rounds.ratio(_loading(OnPolars.name), _loading(peer.name))
        report.require(f"{size}: our load over that of {peer.name}", over, "<", 1.2, "")


def _others(here: Sequence[type[Peer]]) -> list[type[Peer]]:
    return [peer for peer in here if not issubclass(peer, OnPolars)]


def _ours(changed: dict[str, int]) -> int:
    return sum(count for name, count in changed.items() if name in {OnPolars.name, OnPandas.name})


def _saving(name: str) -> str:
    return f"save, {name}"


def _loading(name: str) -> str:
    return f"load, {name}"


def _bound(save: Any, frame: Frame) -> Any:
    return lambda: save(frame)


if __name__ == "__main__":
    sys.exit(main())
