"""Saying what long work is at: on stderr, and only where that is a terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from rich.progress import Progress, TaskID


class Stages:
    """The steps of one long command, shown one after another."""

    def __init__(self, display: Progress | None) -> None:
        self._display = display
        self._task: TaskID | None = None

    def begin(self, doing: str, total: int | None = None) -> None:
        """A new step; ``total`` is what ``advance`` will add up to, where that is known."""
        if self._display is None:
            return
        if self._task is not None:
            self._display.remove_task(self._task)
        self._task = self._display.add_task(doing, total=total)

    def advance(self, amount: int) -> None:
        """So much more of the step is done."""
        if self._display is not None and self._task is not None:
            self._display.advance(self._task, amount)


@contextmanager
def stages(*, quiet: bool) -> Iterator[Stages]:
    """Steps that are shown, unless ``quiet`` is set or nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield Stages(None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    looks = (SpinnerColumn("line"), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*looks, console=Console(stderr=True), transient=True) as display:
        yield Stages(display)


class _CountedFile(io.FileIO):
    """A file that tells how much of it was read."""

    def __init__(self, path: Path, told: Callable[[int], None]) -> None:
        super().__init__(str(path))
        self._told = told

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        size = super().readinto(buffer)
        self._told(size or 0)
        return size


def counted_file(path: Path, told: Callable[[int], None]) -> IO[bytes]:
    """The file's bytes, ``told`` of each piece as it is read."""
    return cast(IO[bytes], io.BufferedReader(_CountedFile(path, told)))
