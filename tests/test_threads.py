"""Work is done once and in order, whether or not the system grants threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.threads import begun


@contextmanager
def refusing(refused):
    """The system starts all threads but these, counted from 0."""
    start, asked = threading.Thread.start, count()

    def granted(thread):
        if next(asked) in refused:
            raise RuntimeError("can't start new thread")
        start(thread)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", granted)
        yield


@given(st.sets(st.integers(0, 3)), st.integers(1, 3), st.integers(1, 8))
def test_work_is_returned_in_order(refused, at_once, works):
    with refusing(refused), ThreadPoolExecutor(at_once) as threads:
        found = [begun(threads, divmod, work, 3) for work in range(works)]
        assert [result() for result in found] == [divmod(work, 3) for work in range(works)]


@given(st.sets(st.integers(0, 3)))
def test_one_thread_takes_each_item_once(refused):
    items = iter(range(5))
    with refusing(refused), ThreadPoolExecutor(1) as threads:
        assert [begun(threads, next, items)() for _ in range(5)] == [0, 1, 2, 3, 4]


def test_an_error_is_raised_where_the_result_is_asked_for():
    with ThreadPoolExecutor(1) as threads:
        found = begun(threads, divmod, 1, 0)
        with pytest.raises(ZeroDivisionError):
            found()
