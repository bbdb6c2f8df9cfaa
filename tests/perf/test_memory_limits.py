"""What the hot paths may allocate at most, and that repeating them leaves nothing behind, as memray counts it.

A limit is about one and a half times what is needed, so that a copy too many breaks it. polars takes memory with an
allocator of its own, of which memray sees only what it asks the system for: limits are tried with pandas, which takes
all of its own through malloc, and what is left behind with both.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.perf.conftest import PERF

pytest.importorskip("pytest_memray", reason="pytest-memray is not installed here; it never is on Windows")

Work = Callable[[], object]


@pytest.fixture
def work(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Work]:
    """A workload, by name and backend, after rounds in which libraries and connections did what they do once."""
    monkeypatch.syspath_prepend(str(PERF))
    name, backend = request.param
    usual = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own allocator takes much at once: memray would see only that
    try:
        with importlib.import_module("workloads").WORKLOADS[name](backend, tmp_path) as prepared:
            for _ in range(5):
                prepared()
            gc.collect()
            yield prepared
    finally:
        pa.set_memory_pool(usual)


def of(name: str, *backends: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("work", [(name, backend) for backend in backends], indirect=True, ids=backends)


@pytest.mark.limit_memory("3 MB")
@of("process_movies", "pandas")
def test_a_thousand_movies_become_features_in_little_more_than_their_columns(work: Work) -> None:
    work()


@pytest.mark.limit_memory("3.6 MB")
@of("save", "pandas")
def test_a_table_of_2_mb_is_saved_in_little_more_than_its_size(work: Work) -> None:
    work()


@pytest.mark.limit_memory("8 MB")
@of("first_load", "pandas")
def test_a_table_of_2_mb_is_loaded_in_three_times_its_size(work: Work) -> None:
    work()


@pytest.mark.limit_memory("3.6 MB")
@of("cached_load", "pandas")
def test_a_cached_table_of_2_mb_is_copied_once(work: Work) -> None:
    work()


def is_kept(stack: Any) -> bool:
    """Whether memory that was not given back counts: what polars' allocator takes at once, it keeps for later."""
    return not any(frame.function.startswith("_rjem_") for frame in stack.frames)


@pytest.mark.limit_leaks("60 KB", filter_fn=is_kept)
@of("save", "pandas", "polars")
def test_saving_again_and_again_leaves_nothing(work: Work) -> None:
    repeat(work)


@pytest.mark.limit_leaks("60 KB", filter_fn=is_kept)
@of("first_load", "pandas", "polars")
def test_loading_again_and_again_leaves_nothing(work: Work) -> None:
    repeat(work)


@pytest.mark.limit_leaks("24 KB", filter_fn=is_kept)
@of("process_movies", "pandas", "polars")
def test_processing_again_and_again_leaves_nothing(work: Work) -> None:
    repeat(work, rounds=4)


@pytest.mark.limit_leaks("60 KB", filter_fn=is_kept)
@of("open_store", "pandas", "polars")
def test_opening_again_and_again_leaves_nothing(work: Work) -> None:
    repeat(work)


def repeat(work: Work, rounds: int = 10) -> None:
    for _ in range(rounds):
        work()
    gc.collect()
