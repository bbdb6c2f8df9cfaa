"""Guarantee 2 on a real file system: cut the power under writers, remount, and count what was acknowledged and is lost.

    python -m tests.integrity.powerloss --cuts 500 --mode PERSIST

It needs root and Linux: an ext4 image is mounted on a loop device, processes save and back up in it and report every
acknowledgement through a pipe, and after a drawn number of these the file system is shut down by ioctl, as a
power cut does: what only the page cache had is gone, with the journal's last transactions (``NOLOGFLUSH``) or without
them (``LOGFLUSH``). Then it is mounted again, and another process looks for every acknowledged save and backup.

``PERSIST`` and ``WAL`` are the journal modes that the catalog chooses from. ``TRUNCATE`` would be as safe, but slower.
``DELETE`` it never uses: the run in that mode shows that the script can see a loss. So many did one machine with
Linux 6.18 and SQLite 3.40.1:

| journal | cuts | acknowledged | lost | in cuts |
| --- | --- | --- | --- | --- |
| PERSIST | 1,100 | 7,868 | 0 | 0 |
| TRUNCATE | 1,100 | 7,960 | 0 | 0 |
| WAL | 1,100 | 7,634 | 0 | 0 |
| DELETE | 200 | 1,350 | 136 | 136 |
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from features.errors import FeatureStoreError
from features.store.catalog import sqlite
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore

SHUTDOWN = 0x8004587D
"""``EXT4_IOC_SHUTDOWN``, of the kernel's ``ext4.h``."""
LOGFLUSH, NOLOGFLUSH = 1, 2
MEGABYTES = 256
CUTS_OF_A_STORE, CUTS_OF_AN_IMAGE = 4, 200
MOST_ACKNOWLEDGED = 14
SECONDS = 120
"""Bounds a process that hangs."""


@dataclass
class Tally:
    """What came of the cuts."""

    mode: str
    cuts: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    cuts_with_a_loss: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.mode}: {self.cuts} cuts, {self.acknowledged} acknowledged saves and backups, "
            f"{len(self.lost)} lost in {self.cuts_with_a_loss} cuts, {len(self.problems)} other problems"
        )


def why_not() -> str | None:
    """Why this machine cannot run this, or None."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux"
    if missing := [tool for tool in ("mkfs.ext4", "losetup", "mount", "umount") if shutil.which(tool) is None]:
        return f"needs {', '.join(missing)}"
    try:
        with image() as mounted, mounted():
            return None
    except (OSError, subprocess.CalledProcessError) as error:
        return f"cannot mount a loop device here: {error}"


def cut_often(cuts: int, mode: str, seed: int = 0) -> Tally:
    """Cut the power so many times under a catalog with the given journal mode."""
    tally, choice = Tally(mode), random.Random(seed)
    with tempfile.TemporaryDirectory() as practice, opened(Path(practice) / "store", mode) as store:
        store.save_features(
            "w", {"a": table(1)}, message="1"
        )  # so that no child has to compile and import all that again
        store.check(deep=True)
        list(saved(store))
    while tally.cuts < cuts:
        with image() as mounted:
            for _ in range(min(CUTS_OF_AN_IMAGE, cuts - tally.cuts)):
                if tally.cuts % CUTS_OF_A_STORE == 0:
                    acknowledged: set[str] = set()
                    store = f"store-{tally.cuts}"
                before = len(acknowledged)
                with mounted() as place:
                    acknowledged |= written_until_cut(place / store, mode, choice)
                with mounted() as place:
                    judge(place / store, mode, acknowledged, tally)
                tally.cuts += 1
                tally.acknowledged += len(acknowledged) - before
    return tally


@contextmanager
def image() -> Iterator[Callable[[], object]]:
    """A new file system; what is given mounts it, at the same place each time."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        disk, place = Path(made) / "image", Path(made) / "mounted"
        place.mkdir()
        with disk.open("wb") as file:
            file.truncate(MEGABYTES << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", disk], check=True, capture_output=True)

        @contextmanager
        def mounted() -> Iterator[Path]:
            subprocess.run(["mount", "-o", "loop,commit=60", disk, place], check=True, capture_output=True)
            try:
                yield place
            finally:
                subprocess.run(["umount", place], check=True, capture_output=True)

        yield mounted


def written_until_cut(folder: Path, mode: str, choice: random.Random) -> set[str]:
    """Let one or two writers save until enough is acknowledged, and cut; what had been acknowledged by then.

    A writer goes on when it is told to. The last one is not: a commit that needs a later sync is found out by that.
    What is told after the cut does not count: no power cut lets a program go on, and a sync that the shutdown overtakes
    may return as if it had succeeded.
    """
    enough, how = choice.randrange(1, MOST_ACKNOWLEDGED), choice.choice([NOLOGFLUSH, NOLOGFLUSH, NOLOGFLUSH, LOGFLUSH])
    names = [f"w{n}" for n in range(choice.randint(1, 2))]
    going_on = {name: os.pipe() for name in names}
    reading, writing = os.pipe()
    writers = [forked(lambda name=name: save_on(folder, name, mode, writing, going_on[name][0])) for name in names]
    os.close(writing)
    seen = []
    with os.fdopen(reading) as lines:
        for line in lines:
            seen.append(line.strip())
            if len(seen) == enough:
                break
            os.write(going_on[line.split()[1]][1], b".")
        handle = os.open(folder.parent, os.O_RDONLY)
        fcntl.ioctl(handle, SHUTDOWN, struct.pack("I", how))
        os.close(handle)
        for ends in going_on.values():
            os.write(ends[1], b"." * MOST_ACKNOWLEDGED)  # so that nobody waits: the disk is gone, and each will see
        lines.read()  # until every writer has met its error and gone
    for writer in writers:
        os.waitpid(writer, 0)
    for ends in going_on.values():
        os.close(ends[0])
        os.close(ends[1])
    return set(seen)


def save_on(folder: Path, writer: str, mode: str, acknowledgements: int, going_on: int) -> None:
    """Save and back up until the disk is gone. A line says what has been promised, so it is written after that."""

    def acknowledge(what: str) -> None:
        os.write(acknowledgements, f"{what}\n".encode())
        os.read(going_on, 1)

    with opened(folder, mode) as store:
        past = store.versions(writer) if writer in store.list_feature_groups() else []
        number = 1 + max((int(line.message or 0) for line in past), default=0)
        while True:
            store.save_features(writer, {"a": table(number), "b": table(number)}, message=str(number))
            acknowledge(f"save {writer} {number}")
            store.save_features("shared", {writer: table(number)}, message=f"{writer} {number}")
            acknowledge(f"shared {writer} {number}")
            if number % 3 == 0:
                store.backup(backup(folder, writer, number))
                acknowledge(f"backup {writer} {number}")
            number += 1


def judge(folder: Path, mode: str, acknowledged: set[str], tally: Tally) -> None:
    """Look, from another process, for all that was acknowledged; what is missing is counted once."""
    reading, writing = os.pipe()
    judging = forked(lambda: os.write(writing, json.dumps(missing(folder, mode, acknowledged)).encode()))
    os.close(writing)
    with os.fdopen(reading) as answer:
        verdict = answer.read()
    os.waitpid(judging, 0)
    lost, problems = json.loads(verdict) if verdict else ([], ["it could not be opened"])
    acknowledged -= set(lost)
    tally.lost += lost
    tally.cuts_with_a_loss += bool(lost or problems)
    tally.problems += problems


def missing(folder: Path, mode: str, acknowledged: set[str]) -> tuple[list[str], list[str]]:
    """What was acknowledged and is not there, and what ``check`` finds wrong."""
    if not folder.exists():
        return sorted(acknowledged), []
    with opened(folder, mode) as store:
        problems = [problem.message for problem in store.check(deep=True).problems]
        there = set(saved(store))
    for line in acknowledged:
        what, writer, number = line.split()
        if what == "backup" and backup(folder, writer, number).is_dir():
            with opened(backup(folder, writer, number), mode) as copy:
                whole = copy.check(deep=True).ok and f"save {writer} {number}" in set(saved(copy))
            there |= {line} if whole else set()
    return sorted(acknowledged - there), problems


def backup(folder: Path, writer: str, number: object) -> Path:
    """Where a backup of the store in ``folder`` goes."""
    return folder.with_name(f"{folder.name}-backup-{writer}-{number}")


def saved(store: SimpleFeatureStore[pa.Table]) -> Iterator[str]:
    """Every version as its acknowledgement would say it, loaded and compared with what was saved then."""
    for group in store.list_feature_groups():
        for line in store.versions(group):
            message = line.message or ""
            writer, number = message.split() if group == "shared" else (group, message)
            names = [writer] if group == "shared" else list(line.tables)
            loaded = store.get_features(names, group, version=line.version)
            assert loaded == dict.fromkeys(names, table(int(number)))
            yield f"{'shared' if group == 'shared' else 'save'} {writer} {number}"


def table(number: int) -> pa.Table:
    return pa.table({"number": pa.array([number] * 50, pa.int64())})


def opened(folder: Path, mode: str) -> SimpleFeatureStore[pa.Table]:
    sqlite.journal_mode = lambda *_: mode
    return SimpleFeatureStore(FeatureStoreConfig(folder, backend="pyarrow"))


def forked(work: Callable[[], object]) -> int:
    """Run ``work`` in a child that ends by itself; an error of ours is how it is expected to end."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        try:
            work()
        except FeatureStoreError:
            pass
        except BaseException:
            traceback.print_exc()
        os._exit(0)
    return child


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=100)
    parser.add_argument("--mode", choices=["PERSIST", "TRUNCATE", "WAL", "DELETE"], default=sqlite.journal_mode())
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if reason := why_not():
        sys.exit(reason)
    tally = cut_often(options.cuts, options.mode, options.seed)
    print(tally, *tally.lost[:10], *tally.problems[:10], sep="\n")
    sys.exit(1 if tally.lost or tally.problems else 0)


if __name__ == "__main__":
    main()
