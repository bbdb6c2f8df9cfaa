"""Ctrl-C, or a signal handler's deadline, at any line of ours: nothing that was saved is lost, and all goes on."""

from __future__ import annotations

import ast
import gc
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
import pyarrow as pa
import pytest

import features
from features import FeatureStoreConfig, SimpleFeatureStore
from tests.integrity.profiles import budget, count

OURS = str(Path(features.__file__).parent)
TABLES = {
    "small": pa.table({"x": [1, 2]}),
    "large": pa.table({"x": pa.nulls(1 << 20, pa.int8())}),  # written with a second thread
}
PARTS = 40
"""Of so many lines only one is tried in each test, another one in each."""
TRIED = range(0, PARTS, PARTS // budget(dev=2, ci=5, thorough=PARTS))


class Interrupted(BaseException):
    """As ``KeyboardInterrupt``, which pytest takes for its own."""


class Interruption:
    """Raises an ``error`` at the ``at``-th line of ours that this thread comes to."""

    def __init__(self, at: int, error: type[BaseException]) -> None:
        self.left = at
        self._error = error
        self._lines: dict[FrameType, int] = {}

    @contextmanager
    def __call__(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            yield
        except self._error:
            pass
        finally:
            sys.settrace(before)
            self._lines.clear()

    def _trace(self, frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if event == "line" and not self._leaves_a_block(frame):
            self.left -= not (self.left == 1 and _in_finalizer(frame))  # what is raised there reaches nobody
            if self.left == 0:
                raise self._error("from outside")
        return self._trace

    def _leaves_a_block(self, frame: FrameType) -> bool:
        before, self._lines[frame] = self._lines.get(frame, 0), frame.f_lineno
        return frame.f_lineno < before <= _withs(frame.f_code.co_filename).get(frame.f_lineno, 0)


def _in_finalizer(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    return frame is not None


@cache
def _withs(source: str) -> dict[int, int]:
    """The lines of ``with`` statements, and where their blocks end. From there one comes back to the first, to leave:
    there the interpreter lets nothing come between, but would let a trace function."""
    found = [node for node in ast.walk(ast.parse(Path(source).read_text("utf-8"))) if isinstance(node, ast.With)]
    return {line: node.end_lineno or 0 for node in found for line in range(node.lineno, node.body[0].lineno)}


@pytest.mark.parametrize("error", [Interrupted, TimeoutError], ids=["Ctrl-C", "deadline"])
@pytest.mark.parametrize("table", list(TABLES))
@pytest.mark.parametrize("part", TRIED)
def test_a_save_that_is_interrupted_took_effect_or_did_not(
    tmp_path: Path, part: int, table: str, error: type[BaseException]
) -> None:
    config = FeatureStoreConfig(tmp_path / "store", backend="pyarrow", busy_timeout_seconds=20)
    with SimpleFeatureStore(config) as store, ThreadPoolExecutor(1) as another:
        store.save_features("g", {"t": TABLES[table]})
        acknowledged, at = 1, part + 1
        while True:
            interruption, done = Interruption(at, error), []
            with interruption():
                done.append(store.save_features("g", {"t": TABLES[table]}))
            acknowledged += len(done)
            another.submit(store.save_features, "g", {"u": TABLES["small"]}).result(60)
            acknowledged += 1
            assert store.get_features(["t"], "g")["t"].equals(TABLES[table])
            assert store.check().ok
            assert acknowledged <= len(store.versions("g")) <= acknowledged + 1 - len(done)
            acknowledged = len(store.versions("g"))
            store.gc()
            assert store.check().orphans == ()
            if interruption.left > 0:
                break
            count("interruptions")
            at += PARTS
        gc.collect()
        assert not [file.path for file in psutil.Process().open_files() if Path(file.path).parent.name == "files"]
        store.gc(keep_last=1)
        assert len(list((tmp_path / "store" / "files").iterdir())) == 2
