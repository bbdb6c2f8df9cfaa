"""Commits of many threads, made together.

A commit costs a few syncs of the disk however much it holds. So whoever gets hold of the catalog commits everything
that waits by then, and each thread takes its own outcome away: eight savers need two commits rather than eight, and
none waits longer than one commit of another and its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from threading import Lock
from typing import TypeAlias

from features.errors import BusyError
from features.store.versions import Change, Committed
from features.store.waiting import STANDARD, Waiting

CommitTogether: TypeAlias = Callable[[list[Change]], list[Committed | Exception]]


class _Request:
    """A change and, once somebody has dealt with it, its outcome."""

    __slots__ = ("change", "dealt_with", "outcome")

    def __init__(self, change: Change, waiting: Waiting) -> None:
        self.change = change
        self.outcome: Committed | Exception | None = None
        self.dealt_with = waiting.event()


class CommitQueue:
    """Hands the changes that wait to ``commit_together``, one batch at a time, in the order they came.

    Args:
        timeout: seconds that a change may wait for its turn.
        waiting: what threads wait by.
    """

    def __init__(
        self,
        *,
        timeout: float,
        waiting: Waiting = STANDARD,
    ) -> None:
        self._timeout = timeout
        self._wait = waiting
        self._turn = waiting.lock()
        self._waiting: list[_Request] = []
        self._waiting_lock = Lock()

    def commit(self, change: Change, commit_together: CommitTogether) -> Committed:
        """The outcome of ``change``, committed by this thread or in another one's batch.

        Args:
            change: to be committed.
            commit_together: commits all changes at once; returns each one's outcome, or raises where none took effect.
                Handed in at each call, since a queue that kept its owner's method would keep its owner.

        Raises:
            BusyError: its turn did not come in time; it was not committed.
        """
        request = _Request(change, self._wait)
        with self._waiting_lock:
            self._waiting.append(request)
        try:
            with self.alone():
                if request.outcome is None:
                    self._commit_waiting(commit_together)
        except BaseException as error:
            # Left in the queue, it would be committed with somebody else's, long after this thread was told to stop.
            if self._withdraw(request) or not isinstance(error, BusyError):
                raise
            request.dealt_with.wait()  # it is in a batch that is being committed just now
        if isinstance(request.outcome, Exception):
            raise request.outcome
        if request.outcome is None:  # the thread that had it in its batch was stopped: try again, at most once applied
            return self.commit(change, commit_together)
        return request.outcome

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other writer of this process out.

        Raises:
            BusyError: they did not leave in time.
        """
        if not self._turn.acquire(timeout=self._timeout):
            raise BusyError(
                f"other threads kept the catalog busy for {self._timeout:g} s; try again", seconds=self._timeout
            )
        try:
            yield
        finally:
            self._turn.release()

    def _commit_waiting(self, commit_together: CommitTogether) -> None:
        with self._waiting_lock:
            batch, self._waiting = self._waiting, []
        try:
            outcomes = commit_together([request.change for request in batch])
            for request, outcome in zip(batch, outcomes, strict=True):
                request.outcome = outcome
        except Exception as error:  # noqa: BLE001  # it is raised in every thread whose change it stopped
            for request in batch:
                request.outcome = copy(error)
                request.outcome.__cause__ = error.__cause__
        finally:
            for request in batch:
                request.dealt_with.set()

    def _withdraw(self, request: _Request) -> bool:
        with self._waiting_lock:
            if request in self._waiting:
                self._waiting.remove(request)
                return True
        return False
