"""The cache keeps what fits, for as long as it may, loads once, and counts truly."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import StorageError
from features.store.cache import FeatureCache
from features.store.waiting import Waiting


class Clock(Waiting):
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds


def load(value: object, size: int = 1):
    return lambda: (value, size)


def refuse():
    raise AssertionError("loaded again")


def test_a_second_get_does_not_load() -> None:
    cache = FeatureCache()
    assert cache.get("k", load("v")) == "v"
    assert cache.get("k", refuse) == "v"
    stats = cache.get_stats()
    assert (stats["hits"], stats["misses"], stats["hit_ratio"], stats["size"]) == (1, 1, 0.5, 1)


def test_the_least_recently_used_leaves_first() -> None:
    cache = FeatureCache(max_size=2)
    cache.get("a", load(1))
    cache.get("b", load(2))
    cache.get("a", refuse)
    cache.get("c", load(3))
    assert cache.get("a", refuse) == 1
    assert cache.get("b", load("again")) == "again"
    assert cache.get_stats()["evictions"] == 2


def test_bytes_are_bounded_and_a_giant_is_not_kept() -> None:
    cache = FeatureCache(max_bytes=10)
    cache.get("a", load(1, 6))
    cache.get("giant", load(2, 11))
    assert cache.get("a", refuse) == 1
    cache.get("b", load(3, 6))
    stats = cache.get_stats()
    assert (stats["size"], stats["bytes"], stats["evictions"]) == (1, 6, 1)


def test_an_expired_entry_is_freed_and_loads_again() -> None:
    clock = Clock()
    cache = FeatureCache(ttl_seconds=10, waiting=clock)
    cache.get("k", load("old", 5))
    clock.seconds = 9.9
    assert cache.get("k", refuse) == "old"
    clock.seconds = 10.0
    assert cache.get_stats()["bytes"] == 0
    assert cache.get("k", load("new")) == "new"
    stats = cache.get_stats()
    assert (stats["expirations"], stats["hits"], stats["misses"]) == (1, 1, 2)


def test_a_failed_load_is_not_kept() -> None:
    cache = FeatureCache()

    def fail():
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        cache.get("k", fail)
    assert cache.get("k", load("v")) == "v"


def test_eight_threads_that_want_one_key_load_it_once() -> None:
    cache = FeatureCache()
    loads: list[int] = []
    started, release = threading.Event(), threading.Event()
    answers: list[object] = []

    def slow():
        loads.append(1)
        started.set()
        assert release.wait(60)
        return "v", 1

    def work() -> None:
        answers.append(cache.get("k", slow))

    threads = [threading.Thread(target=work) for _ in range(8)]
    threads[0].start()
    assert started.wait(60)
    for thread in threads[1:]:
        thread.start()
    release.set()
    for thread in threads:
        thread.join(60)
    assert answers == ["v"] * 8
    assert len(loads) == 1


def test_what_was_pushed_out_leaves_nothing_behind() -> None:
    clock = Clock()
    cache = FeatureCache(max_size=2, waiting=clock)
    for number in range(1000):
        clock.seconds += 1
        cache.get(("file", number, None), load(number))
        cache.get(("file", 0, None if number % 2 else ("a",)), load(0))
    assert len(cache._ages) < 100
    clock.seconds += 3599
    assert cache.get_stats()["size"] == 2
    clock.seconds += 2
    assert cache.get_stats()["size"] == 0


class Key(str):
    """A key that tells when its owner is about to wait for another's load."""

    waiting: threading.Event

    def __eq__(self, other: object) -> bool:
        self.waiting.set()
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_a_load_that_fails_fails_for_all_who_wait_for_it() -> None:
    cache, loading, key = FeatureCache(), threading.Event(), Key("k")
    key.waiting = threading.Event()
    loads: list[int] = []

    def fail():
        loads.append(1)
        loading.set()
        assert key.waiting.wait(60)
        raise StorageError("the disk refused", path="p", errno=None)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(cache.get, "k", fail)
        assert loading.wait(60)
        second = threads.submit(cache.get, key, fail)
        for outcome in (first, second):
            with pytest.raises(StorageError, match="the disk refused"):
                outcome.result(60)
    assert len(loads) == 1
    assert cache.get("k", load("v")) == "v"


def test_what_stops_one_load_is_nothing_to_who_waits_for_it() -> None:
    cache, loading, key = FeatureCache(), threading.Event(), Key("k")
    key.waiting = threading.Event()

    def stopped():
        loading.set()
        assert key.waiting.wait(60)
        raise TimeoutError("a deadline of this thread's")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(cache.get, "k", stopped)
        assert loading.wait(60)
        assert threads.submit(cache.get, key, load("v")).result(60) == "v"
        with pytest.raises(TimeoutError, match="this thread's"):
            first.result(60)


def test_a_load_within_a_load_of_the_same_is_done_by_itself() -> None:
    """As from a signal handler: to wait for what it has interrupted would never end."""
    cache = FeatureCache()
    assert cache.get("k", lambda: ((cache.get("k", load("inner")), "outer"), 1)) == ("inner", "outer")


def test_what_fits_exactly_is_kept() -> None:
    cache = FeatureCache(max_bytes=10)
    cache.get("whole", load(1, 10))
    assert cache.get("whole", refuse) == 1
    cache = FeatureCache(max_bytes=10)
    for key, size in (("a", 4), ("b", 6)):
        cache.get(key, load(key, size))
    assert [cache.get(key, refuse) for key in "ab"] == ["a", "b"]


def test_an_entry_that_is_used_again_and_again_expires_among_many_others() -> None:
    clock = Clock()
    cache = FeatureCache(max_size=2, ttl_seconds=3600, waiting=clock)
    cache.get("old", load("old"))
    for number in range(1, 200):
        clock.seconds = float(number)
        cache.get(number, load(number))
        assert cache.get("old", refuse) == "old"
    clock.seconds = 3600.0
    assert cache.get("old", load("new")) == "new"


def test_a_cleared_cache_has_room_again() -> None:
    cache = FeatureCache(max_bytes=10)
    assert cache.get_stats()["hit_ratio"] == 0
    cache.get("a", load(1, 8))
    cache.clear()
    assert (cache.get_stats()["size"], cache.get_stats()["bytes"]) == (0, 0)
    for key, size in (("a", 8), ("b", 2)):
        cache.get(key, load(key, size))
    assert cache.get_stats()["size"] == 2


def test_a_thread_that_is_told_to_stop_stops_alone() -> None:
    cache, loading, key = FeatureCache(), threading.Event(), Key("k")
    waiting = key.waiting = threading.Event()

    def stop():
        loading.set()
        assert waiting.wait(60)
        raise KeyboardInterrupt

    def first() -> None:
        with pytest.raises(KeyboardInterrupt):
            cache.get("k", stop)

    with ThreadPoolExecutor(2) as threads:
        stopped = threads.submit(first)
        assert loading.wait(60)
        served = threads.submit(cache.get, key, load("v"))
        stopped.result(60)
        assert served.result(60) == "v"


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6), st.integers(0, 4)), max_size=60),
    st.integers(1, 4),
    st.integers(1, 12),
)
def test_it_answers_rightly_and_within_bounds_whatever_is_asked(asked, max_size: int, max_bytes: int) -> None:
    clock = Clock()
    cache = FeatureCache(max_size=max_size, max_bytes=max_bytes, ttl_seconds=5, waiting=clock)
    loaded: dict[Hashable, float] = {}
    misses = 0
    for key, size, wait in asked:
        clock.seconds += wait
        fresh = False

        def make(key=key, size=size):
            nonlocal fresh
            fresh = True
            return key, size

        assert cache.get(key, make) == key
        misses += fresh
        if fresh:
            loaded[key] = clock.seconds
        assert clock.seconds - loaded[key] < 5, "served too old"
        stats = cache.get_stats()
        assert stats["size"] <= max_size
        assert 0 <= stats["bytes"] <= max_bytes
    stats = cache.get_stats()
    assert (stats["misses"], stats["hits"]) == (misses, len(asked) - misses)
    clock.seconds += 5
    assert cache.get_stats()["size"] == cache.get_stats()["bytes"] == 0
