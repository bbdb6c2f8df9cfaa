"""How threads of a store wait for each other: the seam for locks, pauses and the clock that they go by.

Production waits by ``threading`` and ``time``. A test hands in locks, events and a clock of its own, and decides
whose turn it is and how late it gets. A lock that is held for a few lines, in which nothing is announced to a
``point`` and nothing waits, need not come from here.

A signal handler, or a finalizer, runs within whatever its thread was doing, may load and close stores there, and may
raise there. So locks are reentrant, and taken by ``with``, which no exception comes between; where that cannot be, who
has one is asked, not remembered. Who waits for another thread's work waits for a lock that it holds meanwhile, as an
event might never be set.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Protocol


class Turn(Protocol):
    """A reentrant lock, as far as the store uses one."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, waiting ``timeout`` seconds at most; whether it was had."""

    def release(self) -> None:
        """Let the next one have it."""

    def _is_owned(self) -> bool:
        """Whether this thread has it."""

    def __enter__(self) -> bool: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Waiting:
    """What to wait with, in production."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        """Let so many seconds pass before asking again for what others hold."""
        time.sleep(seconds)

    def lock(self) -> Turn:
        """A lock that may be held while others run."""
        return threading.RLock()  # type: ignore[return-value]  # how to ask who has it is not declared


STANDARD = Waiting()
