"""The library's sources at other commits, and processes that run on them instead of on those beside this file."""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from measuring import ran

HERE = Path(__file__).resolve().parent
BRANCH = HERE.parent / "src"
"""The sources as they are now, changes that are not committed included."""


@contextmanager
def sources_at(revision: str) -> Iterator[Path]:
    """The sources at a commit, branch or tag of this clone, in a work tree that goes afterwards.

    Raises:
        SystemExit: it is no clone, or has no such commit.
    """
    with tempfile.TemporaryDirectory(prefix="perf-") as folder:
        tree = Path(folder) / "tree"
        git("worktree", "add", "--quiet", "--detach", str(tree), f"{revision}^{{commit}}")
        try:
            compileall.compile_dir(tree / "src", quiet=2)  # as those of the branch are, from their first use on
            yield tree / "src"
        finally:
            git("worktree", "remove", "--force", str(tree))


def git(*words: str) -> str:
    """What a git command prints.

    Raises:
        SystemExit: it failed, with what it said.
    """
    done = subprocess.run(["git", *words], cwd=HERE, capture_output=True, text=True, check=False)  # noqa: S603, S607
    if done.returncode:
        raise SystemExit(f"git {words[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def run_on(sources: Path, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run this Python with the library from ``sources``, whatever is installed."""
    path = os.pathsep.join(filter(None, [str(sources), os.environ.get("PYTHONPATH")]))
    return ran([sys.executable, *words], env={**os.environ, "PYTHONPATH": path}, cwd=HERE, capture_output=True)
