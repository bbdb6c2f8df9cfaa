"""The threads of a schedule, what each is to do in it, and what they wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

WaitFor: TypeAlias = Callable[[Callable[[], bool], float | None], bool]


class Killed(BaseException):
    """Raised at the points of a process that has been killed. None of its effects happen from then on."""


class Worker:
    """A thread that is used again: to start one for each operation would take most of the time."""

    _free: ClassVar[list[Worker]] = []

    def __init__(self) -> None:
        self.gate = threading.Lock()
        """Held while the thread is parked; released to let it go on."""
        self.gate.acquire()
        self._job: Callable[[], None] | None = None
        thread = threading.Thread(target=self._work, name="scheduled", daemon=True)
        thread.start()
        self.ident = thread.ident

    @classmethod
    def free(cls) -> Worker:
        """One that has nothing to do."""
        return cls._free.pop() if cls._free else cls()

    @property
    def resting(self) -> bool:
        """Whether it has nothing to do."""
        return self._job is None

    def start(self, job: Callable[[], None]) -> None:
        """Do ``job``, whose last act but one is to call ``rest``."""
        self._job = job
        self.gate.release()

    def rest(self) -> None:
        """Be free for the next schedule."""
        self._job = None
        self._free.append(self)

    def _work(self) -> None:
        while True:
            self.gate.acquire()
            if self._job is not None:
                self._job()


class Task:
    """One operation: what it does, in which logical process, and what came of it."""

    def __init__(self, number: int, work: Callable[[], Any], process: object) -> None:
        self.number = number
        self.work = work
        self.process = process
        self.worker = Worker.free()
        self.ready: Callable[[], bool] | None = None
        self.until: float | None = None
        self.late = self.dying = self.over = False
        self.value: Any = None
        self.error: BaseException | None = None

    @property
    def runnable(self) -> bool:
        """Whether it could go on now."""
        return not self.over and (self.ready is None or self.ready())


class ScheduledLock:
    """A reentrant lock among tasks."""

    def __init__(self, wait_for: WaitFor) -> None:
        self._wait_for = wait_for
        self._owner: int | None = None
        self._times = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """See ``Turn.acquire``."""
        if not (self._owner is None or self._is_owned()):
            seconds = None if timeout < 0 else timeout
            if not (blocking and self._wait_for(lambda: self._owner is None, seconds)):
                return False
        self._owner = threading.get_ident()
        self._times += 1
        return True

    def release(self) -> None:
        """See ``Turn.release``."""
        self._times -= 1
        if not self._times:
            self._owner = None

    def _is_owned(self) -> bool:
        """See ``Turn._is_owned``."""
        return self._owner == threading.get_ident()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_error: object) -> None:
        self.release()
