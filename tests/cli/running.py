"""What a command is run by in these tests, and what it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from typer.main import get_command

from features.cli import app

COMMAND = get_command(app)
"""As ``app`` makes it anew at each call, which takes longer than most commands here."""


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
        COMMAND([str(one) for one in arguments], prog_name="features")
    except SystemExit as left:
        return int(left.code or 0)
    raise AssertionError("the command line must end by SystemExit")
