"""Decoded files, kept for a while.

The key is an immutable file's id, so an entry can never be stale: a save changes which file a reader asks for, not
what a file holds. Entries leave by age (``ttl_seconds``), by number (``max_size``) or by memory (``max_bytes``),
the least recently used first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypedDict

from features.errors import FeatureStoreError
from features.store.waiting import STANDARD, Turn, Waiting


class CacheStats(TypedDict):
    """A consistent picture of a cache: all figures were true at the same moment."""

    size: int
    max_size: int
    bytes: int
    max_bytes: int
    ttl_seconds: float | None
    hits: int
    misses: int
    evictions: int
    expirations: int
    hit_ratio: float


@dataclass(slots=True)
class _Entry:
    value: Any
    bytes: int
    expires_at: float


@dataclass(slots=True)
class _Load:
    """A load under way, for the threads that wait for it."""

    under_way: Turn
    """Held by the thread that loads."""
    value: Any = None
    error: FeatureStoreError | None = None
    stopped: bool = True
    """It came to no end, as its thread was told to stop, by Ctrl-C for instance, which is nobody else's affair."""

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


class FeatureCache:
    """A bounded cache that loads each key once, however many threads ask for it at the same time.

    Args:
        max_size: most entries to keep, at least 1.
        max_bytes: most bytes to keep; a value larger than that is handed through and not kept.
        ttl_seconds: how long an entry serves; None for as long as it fits.
        waiting: the clock, and what to wait with for another thread's load.
    """

    def __init__(
        self,
        *,
        max_size: int = 100,
        max_bytes: int = 1 << 30,
        ttl_seconds: float | None = 3600,
        waiting: Waiting = STANDARD,
    ) -> None:
        self._max_size = max_size
        self.max_bytes = max_bytes
        self._ttl = ttl_seconds
        self._clock = waiting.now
        self._wait = waiting
        self._lock = threading.RLock()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._ages: deque[tuple[float, Hashable]] = deque()
        self._loading: dict[Hashable, _Load] = {}
        self._bytes = self._hits = self._misses = self._evictions = self._expirations = 0

    def get(self, key: Hashable, load: Callable[[], tuple[Any, int]]) -> Any:
        """The value under ``key``; ``load`` makes it and says its bytes where it is not here or has expired.

        While one thread loads a key, others that want it wait for that load and share its value, or its error where
        that is one of ours.
        """
        with self._lock:
            self._expire()
            entries = self._entries  # which a signal handler may replace within these lines
            entry = entries.get(key)
            if entry is not None:
                self._hits += 1
                entries.move_to_end(key)
                return entry.value
            self._misses += 1
        return self._load(key, load)

    def clear(self) -> None:
        """Forget every entry; the counts stay."""
        with self._lock:
            self._entries, self._ages, self._bytes = OrderedDict(), deque(), 0

    def get_stats(self) -> CacheStats:
        """Size and limits, bytes, and how often an entry was found, missing, pushed out or too old."""
        with self._lock:
            self._expire()
            asked = self._hits + self._misses
            return CacheStats(
                size=len(self._entries),
                max_size=self._max_size,
                bytes=self._bytes,
                max_bytes=self.max_bytes,
                ttl_seconds=self._ttl,
                hits=self._hits,
                misses=self._misses,
                evictions=self._evictions,
                expirations=self._expirations,
                hit_ratio=self._hits / asked if asked else 0.0,
            )

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def _load(self, key: Hashable, load: Callable[[], tuple[Any, int]]) -> Any:
        """What this thread loads, or another one does just now."""
        mine = _Load(self._wait.lock())
        while True:
            with mine.under_way:  # whatever stops this thread, the others do not wait for it any longer
                with self._lock:
                    if (entry := self._entries.get(key)) is not None:  # since it was looked for
                        return entry.value
                    loading = self._loading.setdefault(key, mine)
                if loading is mine:
                    return self._load_alone(key, load, mine)
            with loading.under_way:
                self._forget(key, loading)
            if not loading.stopped:
                return loading.result()

    def _load_alone(self, key: Hashable, load: Callable[[], tuple[Any, int]], mine: _Load) -> Any:
        try:
            value, size = load()
            with self._lock:
                self._keep(key, value, size)
            mine.value, mine.stopped = value, False
        except FeatureStoreError as error:  # any other may be this thread's alone, such as a deadline of its caller's
            mine.error, mine.stopped = error, False
            raise
        finally:
            self._forget(key, mine)
        return value

    def _forget(self, key: Hashable, loading: _Load) -> None:
        with self._lock:
            if self._loading.get(key) is loading:
                del self._loading[key]

    def _keep(self, key: Hashable, value: Any, size: int) -> None:
        if size > self.max_bytes:
            return
        expires_at = float("inf") if self._ttl is None else self._clock() + self._ttl
        self._entries[key] = _Entry(value, size, expires_at)
        self._bytes += size
        if self._ttl is not None:
            self._ages.append((expires_at, key))
            if len(self._ages) > 2 * len(self._entries) + 64:  # most are of entries that were pushed out
                self._ages = deque(
                    sorted(((entry.expires_at, key) for key, entry in self._entries.items()), key=itemgetter(0))
                )
        while self._entries and (len(self._entries) > self._max_size or self._bytes > self.max_bytes):
            _, evicted = self._entries.popitem(last=False)
            self._bytes -= evicted.bytes
            self._evictions += 1

    def _expire(self) -> None:
        """Free what is too old. All entries live equally long, so they expire in the order they were made."""
        now = self._clock()
        ages, entries = self._ages, self._entries  # which a signal handler may replace within these lines
        while ages and ages[0][0] <= now:
            expires_at, key = ages.popleft()
            entry = entries.get(key)
            if entry is not None and entry.expires_at == expires_at:
                del entries[key]
                self._bytes -= entry.bytes
                self._expirations += 1
