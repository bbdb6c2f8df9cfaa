"""Commits of many threads, made together.

A commit costs a few syncs of the disk however much it holds. So whoever gets hold of the catalog commits everything
that waits by then, and each thread takes its own outcome away: eight savers need two commits rather than eight, and
none waits longer than one commit of another and its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from threading import RLock
from typing import TypeAlias

from features.errors import BusyError, FeatureStoreError
from features.store.catalog.base import StoppedError
from features.store.versions import Change, Committed
from features.store.waiting import STANDARD, Turn, Waiting

Outcome: TypeAlias = Committed | Exception | None
"""What became of a change; None where nobody can tell, since whoever was to commit it was stopped."""
CommitTogether: TypeAlias = Callable[[list[Change], list[Outcome]], None]


class _Request:
    """A change and, once somebody has dealt with it, its outcome."""

    __slots__ = ("change", "outcome", "under_way")

    def __init__(self, change: Change) -> None:
        self.change = change
        self.outcome: Outcome = None
        self.under_way: Turn | None = None
        """Held by the thread that has the change in its batch, for as long as it commits it."""


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
        self._waiting_lock = RLock()

    def commit(self, change: Change, commit_together: CommitTogether) -> Committed:
        """The outcome of ``change``, committed by this thread or in another one's batch.

        Args:
            change: to be committed.
            commit_together: commits all changes at once, and puts each one's outcome into the list that it is given.
                It may raise afterwards, or without any outcome: an error of ours where none took effect, another one
                where nobody can tell. Handed in at each call, since a queue that kept its owner's method would keep
                its owner.

        Raises:
            BusyError: its turn did not come in time; it was not committed.
            StoppedError: see there.
        """
        request = _Request(change)
        try:
            with self._waiting_lock:
                self._waiting.append(request)
            with self.alone():
                if request.outcome is None:
                    self._commit_waiting(commit_together)
        except BaseException as error:
            # Left in the queue, it would be committed with somebody else's, long after this thread was told to stop.
            if self._withdraw(request) or not isinstance(error, BusyError):
                raise
            if request.under_way is not None:
                with request.under_way:  # it is in a batch that is being committed just now
                    pass
        if isinstance(request.outcome, Exception):
            raise request.outcome
        if request.outcome is not None:
            return request.outcome
        if change.tables:
            raise StoppedError("the thread that was committing this, too, was stopped; try again")
        return self.commit(change, commit_together)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other writer of this process out.

        Raises:
            BusyError: they did not leave in time.
        """
        if self._turn._is_owned():
            raise BusyError(
                "this thread is in the midst of a commit, which a signal handler or a finalizer has interrupted; "
                "change the store after that",
                seconds=0,
            )
        try:
            try:
                if not self._turn.acquire(timeout=self._timeout):
                    raise BusyError(
                        f"other threads kept the catalog busy for {self._timeout:g} s; try again", seconds=self._timeout
                    )
                yield
            finally:
                self._leave()
        finally:  # where Ctrl-C came just before
            self._leave()

    def _leave(self) -> None:
        if self._turn._is_owned():
            self._turn.release()

    def _commit_waiting(self, commit_together: CommitTogether) -> None:
        outcomes: list[Outcome] = []
        under_way = self._wait.lock()
        with under_way:
            with self._waiting_lock:
                batch, self._waiting = self._waiting, []
                for request in batch:
                    request.under_way = under_way
            try:
                commit_together([request.change for request in batch], outcomes)
            except FeatureStoreError as error:
                outcomes[:] = [_again(error) for _ in batch]
            finally:
                for request, outcome in zip(batch, outcomes, strict=False):
                    request.outcome = outcome

    def _withdraw(self, request: _Request) -> bool:
        with self._waiting_lock:
            if request in self._waiting:
                self._waiting.remove(request)
                return True
        return False


def _again(error: FeatureStoreError) -> FeatureStoreError:
    """The same error for one of several threads, each of which adds to it where it was raised."""
    one = copy(error)
    one.__cause__ = error.__cause__
    return one
