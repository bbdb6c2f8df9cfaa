"""Processes that share one folder keep every acknowledged save, also when they are killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore

WRITER = Path(__file__).with_name("writer.py")


@contextmanager
def writers(folder: Path, names: str, saves: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Start a writer for each letter of ``names``, all let go at once; whatever happens, every child is reaped."""
    children = [
        subprocess.Popen(
            [sys.executable, str(WRITER), str(folder), name, str(saves)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    try:
        for child in children:
            assert child.stdout.readline() == "ready\n", child.communicate(timeout=60)[1]
        for child in children:
            child.stdin.write("go\n")
            child.stdin.flush()
        yield children
    finally:
        for child in children:
            child.kill()
            child.communicate(timeout=60)


def assert_nothing_is_lost(folder: Path, acknowledged: dict[str, int]) -> None:
    """Every acknowledged save is there, whole; of those not acknowledged at most the one under way."""
    with SimpleFeatureStore(FeatureStoreConfig(folder, backend="pyarrow")) as store:
        assert store.check(deep=True).ok
        shared = [line.message for line in store.versions("shared")]
        assert [line.version for line in store.versions("shared")] == list(range(1, len(shared) + 1))
        assert len(set(shared)) == len(shared)
        for writer, count in acknowledged.items():
            promised = [f"{writer} {number}" for number in range(count)]
            assert [message for message in shared if message.startswith(writer)][:count] == promised
            own = store.versions(f"own-{writer}") if count else []
            assert [line.message for line in own][:count] == promised
            assert len(own) <= count + 1
            for line in own:
                number = int(line.message.split()[1])
                expected = pa.table({"writer": [writer] * 20, "number": [number] * 20})
                assert store.get_features(["t"], f"own-{writer}", version=line.version) == {"t": expected}
        store.gc()
        assert store.check().orphans == ()


def test_four_processes_keep_every_acknowledged_save(tmp_path: Path) -> None:
    SimpleFeatureStore(FeatureStoreConfig(tmp_path)).close()
    with writers(tmp_path, "abcd", saves=10) as children:
        acknowledged = {}
        for name, child in zip("abcd", children, strict=True):
            output, errors = child.communicate(timeout=120)
            assert child.returncode == 0, errors
            acknowledged[name] = output.count("saved")
    assert acknowledged == dict.fromkeys("abcd", 10)
    assert_nothing_is_lost(tmp_path, acknowledged)


def test_processes_that_open_a_new_store_at_once_share_it(tmp_path: Path) -> None:
    with writers(tmp_path / "new", "abcd", saves=2) as children:
        for child in children:
            assert child.wait(120) == 0, child.stderr.read()
    assert_nothing_is_lost(tmp_path / "new", dict.fromkeys("abcd", 2))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_processes_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with writers(tmp_path, "abc", saves=10_000) as children:
        # Each is killed after a different number of acknowledged saves, at whatever it does just then.
        acknowledged = {}
        for child, enough in zip(children, (2, 5, 9), strict=True):
            for number in range(enough):
                assert child.stdout.readline() == f"saved {number}\n"
            child.send_signal(signal.SIGKILL)
        for name, child, enough in zip("abc", children, (2, 5, 9), strict=True):
            assert child.wait(60) == -signal.SIGKILL
            acknowledged[name] = enough + child.stdout.read().count("\n")
    assert_nothing_is_lost(tmp_path, acknowledged)
