"""Python programs that run in a process of their own, as forks are nothing to do to the process of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap


def ends_well(program: str, *arguments: object, prelude: str = "") -> None:
    """Run ``prelude`` and ``program``, which find the arguments in ``sys.argv``, and see that it exits with 0."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(prelude) + textwrap.dedent(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": os.environ["PATH"]},
        check=False,
    )
    assert done.returncode == 0, done.stderr
