"""The worker processes: started behind a gate, killed at will, and every one of them reaped."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Literal, Self

from features.testing.stress.worker import Plan, work

PATIENCE = 60.0
"""Seconds after which a worker that should have answered counts as hanging."""


class CrewError(RuntimeError):
    """A worker that hangs, or that ended though nobody killed it."""


@dataclass
class _Worker:
    name: str
    process: BaseProcess
    gate: Connection
    working: bool = False


class Crew:
    """Processes that work on the store of ``plan``; none outlives the ``with`` block.

    Args:
        plan: what they work on, and how.
        method: how they are started. A worker is forked off a server that has imported the store and opened nothing,
            which takes some milliseconds; "spawn" starts an interpreter for each, which takes a second.
    """

    def __init__(self, plan: Plan, *, method: Literal["forkserver", "spawn"] = "forkserver") -> None:
        self._plan = plan
        self._context: ForkServerContext | SpawnContext = (
            multiprocessing.get_context("forkserver")
            if method == "forkserver"
            else multiprocessing.get_context("spawn")
        )
        self._context.set_forkserver_preload(["features.testing.stress.preload"])
        self._names = count()
        self._workers: list[_Worker] = []

    def __len__(self) -> int:
        return len(self._workers)

    def hire(self, number: int) -> None:
        """Start so many workers. Each opens the store and then waits at the gate."""
        for _ in range(number):
            name = f"p{next(self._names)}"
            gate, theirs = self._context.Pipe()
            process = self._context.Process(target=work, args=(self._plan, name, theirs))
            with _interrupts_later():
                process.start()
                self._workers.append(_Worker(name, process, gate))
            theirs.close()

    def open_gate(self) -> None:
        """Let those who wait at the gate go together, once all of them are there.

        Raises:
            CrewError: one did not get that far, or ended by itself.
        """
        waiting = [worker for worker in self._workers if not worker.working]
        for worker in waiting:
            if not worker.gate.poll(PATIENCE) or not _heard(worker.gate):
                raise CrewError(f"worker {worker.name} did not open the store; its exit code is {self._end(worker)}")
        for worker in waiting:
            self._tell(worker, "go")
            worker.working = True

    def watch(self, seconds: float) -> None:
        """Let them work for a while.

        Raises:
            CrewError: one ended by itself.
        """
        if wait([worker.process.sentinel for worker in self._workers], seconds):
            ended = next(worker for worker in self._workers if wait([worker.process.sentinel], 0))
            raise CrewError(f"worker {ended.name} ended by itself with exit code {self._end(ended)}")

    def kill(self, position: int) -> None:
        """End one with SIGKILL, at whatever it does just then.

        Raises:
            CrewError: it had ended before.
        """
        worker = self._workers[position]
        worker.process.kill()
        code = self._end(worker)
        if code != -signal.SIGKILL:
            raise CrewError(f"worker {worker.name} ended by itself with exit code {code}")

    def dismiss(self) -> None:
        """Let each finish what it is at, and leave.

        Raises:
            CrewError: one hangs, or failed.
        """
        for worker in tuple(self._workers):
            self._tell(worker, "stop")
        for worker in tuple(self._workers):
            worker.process.join(PATIENCE)
            code = self._end(worker)
            if code != 0:
                raise CrewError(f"worker {worker.name} did not leave when told to; its exit code is {code}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.process.kill()  # all at once, whatever becomes of reaping them
        for worker in tuple(self._workers):
            self._end(worker)

    def _tell(self, worker: _Worker, word: str) -> None:
        try:
            worker.gate.send(word)
        except (BrokenPipeError, ConnectionResetError):
            code = self._end(worker)
            raise CrewError(f"worker {worker.name} ended by itself with exit code {code}") from None

    def _end(self, worker: _Worker) -> int | None:
        """Kill it where it lives, reap it, forget it; its exit code."""
        self._workers.remove(worker)
        worker.process.kill()
        worker.process.join(PATIENCE)
        code = worker.process.exitcode
        if code is not None:  # else it is stuck in the kernel, on a disk that does not answer
            worker.process.close()
        worker.gate.close()
        return code


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Have Ctrl-C wait until the block is left: amid a start it would leave a worker that nobody knows of.

    The signal is blocked too, which the fork server inherits: at a terminal it is sent Ctrl-C as well, and would end
    amid its imports with a traceback. The tracker of resources is started before, since that unblocks the signal.
    """
    resource_tracker.ensure_running()
    came: list[int] = []
    usual = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGINT, usual)
        if came:
            signal.raise_signal(signal.SIGINT)


def _heard(gate: Connection) -> bool:
    try:
        return bool(gate.recv() == "ready")
    except EOFError:
        return False
