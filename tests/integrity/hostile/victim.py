"""The process that meets what is hostile: ``python -m tests.integrity.hostile.victim BACKEND``, cases on its input.

Run in an empty folder. For each case it prints a line before, so that whoever started it knows what killed it, and a
line after, with whatever came of it that should not have. It has little memory, and little time for each case.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from tests.integrity.hostile import files
from tests.integrity.hostile.meetings import KINDS, Findings

MEMORY = 8 << 30
"""Bytes of address space, of which libraries reserve most and use little."""
SECONDS = 15
FORBIDDEN = {"os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pickle.find_class"}
"""What Python announces before a program is started, or a pickle names what it wants to call."""
OUTSIDE = Path("outside")


def tell(**record: object) -> None:
    print(json.dumps(record), flush=True)


def forbid(event: str, arguments: tuple[Any, ...]) -> None:
    if event in FORBIDDEN:
        tell(wrong=[f"{event} {arguments!r:.200}"])


def left_outside() -> dict[str, bytes]:
    """All that is beside the store and its copies, which nothing but a case itself may change."""
    ours = {"store", "copies", "socket", "fifo"}
    return {
        str(path): path.read_bytes() if path.is_file() else b""
        for path in Path().rglob("*")
        if path.parts[0] not in ours
    }


def main(backend: str, cases: list[tuple[str, str]]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.addaudithook(forbid)
    for kind, case in cases:
        tell(case=[kind, case])
        OUTSIDE.mkdir(exist_ok=True)
        OUTSIDE.joinpath("secret.parquet").write_bytes(files.GOOD)
        before, found = left_outside(), Findings()
        signal.alarm(SECONDS)
        KINDS[kind](case, backend, found)
        signal.alarm(0)
        if left_outside() != before:
            found.wrong.append("something outside of the store was changed")
        tell(wrong=found.wrong)


if __name__ == "__main__":
    main(sys.argv[1], json.load(sys.stdin))
