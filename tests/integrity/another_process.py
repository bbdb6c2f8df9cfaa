"""Python programs that run in a process of their own, as forks are nothing to do to the process of the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

SECONDS = 110
"""That a program may take. One that takes longer says where each of its threads is, and is ended."""


def ends_well(program: str, *arguments: object, prelude: str = "") -> None:
    """Run ``prelude`` and ``program``, which find the arguments in ``sys.argv``, and see that it exits with 0."""
    with subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(prelude) + textwrap.dedent(program)]
        + [str(argument) for argument in arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": os.environ["PATH"]},
    ) as process:
        try:
            _, told = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            _, told = process.communicate(timeout=SECONDS)  # its children may be left, and write there too
    assert process.returncode == 0, told
