"""How fast this library saves and loads beside what somebody might take instead: each with its own defaults.

The others are ArcticDB (on LMDB), Delta Lake (delta-rs), Lance, DuckDB, and plain files of pandas and of polars; one
that is not installed is left out, with a sentence. Each takes the frames of the library it is at home with. All take
turns, and the disk is quiet before each save, so that nobody waits for what another left to be written.

The bytes of the table's values, written to a new file and then synced, without a format or a name, take their turn,
too: they tell how much of a save is the disk. Who syncs while it writes may take less.

A save is timed to its return. What that is worth differs: strace counts the syncs of each one's saves, and without a
sync the table may be gone, or damaged, after a power cut. ``--backend`` has no meaning here.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from measuring import Report, settings_from  # first: it finds a clone's src
from peer_libraries import PEERS, OnPandas, OnPolars, Peer
from side_by_side import BareBytes, Rounds
from store_sizes import QUICK_SIZES, Size
from tables import random_floats

# isort: split
from features.frames import Frame

SIZES = (Size(50, 4, 30), Size(10_000, 31, 20), Size(1_000_000, 31, 8))
SYNCS = ("fsync", "fdatasync", "sync_file_range", "msync")
TRACED = ("-f", "--seccomp-bpf", "-e", f"trace={','.join(SYNCS)}")
"""With the filter only these calls are stopped at; without it every call is, and a traced process crawls."""
SAME_WEIGHT, LARGE = 10_000, 1_000_000
"""Rows from which a save must be clearly faster than any that syncs, and where one that does not may be ahead."""


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
        synced = {peer.name for peer in here if _syncs(report, peer)} if _can_trace() else {peer.name for peer in here}
        for size in QUICK_SIZES if settings.quick else SIZES:
            compare(report, folder / f"{size.rows}", size, here, synced)
    return report.finish()


def _is_installed(peer: type[Peer]) -> bool:
    missing = [package for package in peer.needs if importlib.util.find_spec(package) is None]
    if missing:
        print(f"  {peer.name} is left out: {', '.join(missing)} is not installed")
    elif not issubclass(peer, OnPolars):
        print(f"  {peer.name}: {peer.distribution} {metadata.version(peer.distribution)}")
    return not missing


def _can_trace() -> bool:
    strace = shutil.which("strace")
    if strace:
        tried = subprocess.run([strace, *TRACED, "-o", os.devnull, "true"], capture_output=True, check=False)  # noqa: S603
        if tried.returncode == 0:
            return True
    print("  strace is not installed or not allowed here: that everybody syncs what was saved is taken for granted")
    return False


def _syncs(report: Report, peer: type[Peer]) -> bool:
    """Whether every save asks the system to write what it saved."""
    calls = report.measured(f"{peer.name}: syncs for each save", "calls", (_traced(peer, 6) - _traced(peer, 1)) / 5)
    return calls.median >= 1


def _traced(peer: type[Peer], saves: int) -> int:
    """The syncs of a process that saves so many times."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "calls")
        work = f"import peers; peers.save_often({peer.__name__!r}, {saves}, {folder + '/data'!r})"
        command = ["strace", *TRACED, "-o", str(log), sys.executable, "-c", work]
        subprocess.run(command, cwd=Path(__file__).parent, check=True, capture_output=True)  # noqa: S603
        return len(re.findall(rf"\b(?:{'|'.join(SYNCS)})\(", log.read_text(encoding="utf-8")))


def save_often(name: str, saves: int, folder: str) -> None:
    """What is done under strace, by the class of this name."""
    (peer,) = (each for each in PEERS if each.__name__ == name)
    frame = random_floats(peer.frames, 10_000, 30)
    one = peer(Path(folder))
    for _ in range(saves):
        one.save(frame)


def compare(report: Report, folder: Path, size: Size, here: Sequence[type[Peer]], synced: set[str]) -> None:
    """Save and load one table with every peer in turn, tell every time, and require the ratios."""
    frames = {
        backend: random_floats(backend, size.rows, size.columns - 1) for backend in {each.frames for each in here}
    }
    peers = {each.name: each(folder / each.__name__) for each in here}
    bare = BareBytes(folder / "bare", 8 * size.rows * size.columns)
    rounds = Rounds()
    changed = dict.fromkeys(peers, 0)
    for _ in range(size.repeats + 1):
        rounds.begin()
        rounds.turn(
            {
                **{_saving(name): _bound(peer.save, frames[peer.frames]) for name, peer in peers.items()},
                BareBytes.name: bare.save,
            },
            settle=True,
        )
        bare.forget()
        for name, peer in peers.items():  # the first load, which has to check or to find things
            changed[name] += not _same(peer.load(), frames[peer.frames])
        rounds.turn({_loading(name): peer.load for name, peer in peers.items()})
    for name, times in rounds.times.items():
        report.measured(f"{size}: {name}", "ms", *times)
    for name in peers:
        over = rounds.ratio(_saving(name), BareBytes.name)
        report.measured(f"{size}: a save of {name} over {BareBytes.name}", "times", over)
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


def _same(one: Frame, other: Frame) -> bool:
    """Whether values, dtypes and column names are the same, however pandas has grouped the columns in memory."""
    if list(one.columns) != list(other.columns):
        return False
    return all(one[name].dtype == other[name].dtype and one[name].equals(other[name]) for name in one.columns)


def _saving(name: str) -> str:
    return f"save, {name}"


def _loading(name: str) -> str:
    return f"load, {name}"


def _bound(save: Any, frame: Frame) -> Any:
    return lambda: save(frame)


if __name__ == "__main__":
    sys.exit(main())
