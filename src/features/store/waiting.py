"""How threads of a store wait for each other: the seam for locks, pauses and the clock that they go by.

Production waits by ``threading`` and ``time``. A test hands in locks, events and a clock of its own, and decides
whose turn it is and how late it gets. A lock that is held for a few lines, in which nothing is announced to a
``point`` and nothing waits, need not come from here.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Protocol


class Turn(Protocol):
    """A lock, as far as the store uses one."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, waiting ``timeout`` seconds at most; whether it was had."""

    def release(self) -> None:
        """Let the next one have it."""

    def __enter__(self) -> bool: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Signal(Protocol):
    """An event, as far as the store uses one."""

    def set(self) -> None:
        """Let everybody go on who waits."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set."""


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
        return threading.Lock()

    def event(self) -> Signal:
        """An event, not yet set."""
        return threading.Event()


STANDARD = Waiting()
