"""What a command is run by in these tests, and what it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from features.cli import app


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Outcome]


def leave_code(*arguments: object) -> int:
    try:
        app([str(one) for one in arguments], prog_name="features")
    except SystemExit as left:
        return int(left.code or 0)
    raise AssertionError("the command line must end by SystemExit")
