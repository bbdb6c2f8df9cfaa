"""Work done in another thread while this one goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

_Result = TypeVar("_Result")


def begun(threads: ThreadPoolExecutor, work: Callable[..., _Result], *arguments: object) -> Callable[[], _Result]:
    """Have one of ``threads`` do ``work(*arguments)``, and return how to wait for what it returns or raises.

    Where there are no more threads, as when the interpreter exits, it is done when waited for.
    """
    try:
        return threads.submit(work, *arguments).result
    except RuntimeError:
        threads.shutdown(wait=False)  # it is in the queue: a thread that starts later would do it a second time
        return partial(work, *arguments)
