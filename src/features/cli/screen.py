"""How results look: tables that fit a terminal and are never cut in a pipe, and JSON for machines."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from features.errors import StorageError

_UNCUT = 100_000
"""Columns of a pipe: wide enough that no row ever wraps there, so that a line is a row."""
_GAP = "  "
"""Between two columns."""


@contextmanager
def stdout_told() -> Iterator[None]:
    """Tell a stdout that takes no more apart from a command that failed, which one would run again.

    Raises:
        StorageError: the system refused to write there.
        BrokenPipeError: its reader is gone.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        message = f"stdout could not be written to: {error.strerror}; whatever the command does besides is done"
        raise StorageError(message, path="stdout", errno=error.errno) from error


def say(text: str = "") -> None:
    """One line on stdout."""
    _write(printable(text) + "\n")


def print_json(document: object) -> None:
    """One JSON document on stdout: ASCII, so that no terminal's encoding can break it."""
    _write(json.dumps(json_value(document), indent=2, allow_nan=False) + "\n")


def print_table(columns: Mapping[str, Literal["left", "right"]], rows: Iterable[Sequence[object]]) -> None:
    """Rows under upper-case headers: folded to a terminal's width, as wide as they are in a pipe."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    head = [name.upper() for name in columns]
    body = [[printable(str(value)) for value in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(head, *body, strict=True)]
    available = shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNCUT
    style = "" if os.environ.get("NO_COLOR") else "bold"  # rich itself only drops colours
    console = Console(width=available, markup=False, highlight=False, emoji=False)
    if sum(widths) + len(_GAP) * (len(widths) - 1) <= available:
        # rich takes most of a millisecond for a row, of which it then changes nothing.
        top, *below = (_aligned(row, columns.values(), widths, cell_len) for row in (head, *body))
        shown: Text | Table = Text(top, style)
    else:
        below = []
        shown = Table(*head, box=None, pad_edge=False, padding=(0, len(_GAP), 0, 0), header_style=style)
        for column, side in zip(shown.columns, columns.values(), strict=True):
            column.justify, column.overflow = side, "fold"
        for row in body:
            shown.add_row(*row)
    with stdout_told(), console.capture() as captured:
        console.print(shown, soft_wrap=isinstance(shown, Text))
    _write("".join(line.rstrip() + "\n" for line in (*captured.get().splitlines(), *below)))


def _aligned(row: list[str], sides: Iterable[str], widths: list[int], measure: Callable[[str], int]) -> str:
    cells = []
    for text, side, width in zip(row, sides, widths, strict=True):
        space = " " * (width - measure(text))
        cells.append(text + space if side == "left" else space + text)
    return _GAP.join(cells)


def _write(text: str) -> None:
    with stdout_told():
        sys.stdout.write(text)


def printable(text: str) -> str:
    """``text`` with what would move a cursor, change a colour or break a line as escapes: names and titles are
    data, and say nothing to a terminal."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def json_value(value: Any) -> Any:
    """``value`` as JSON has it: NaN, infinities and values of other types as text, bytes in hexadecimal."""
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return value if value is None or isinstance(value, (str, int)) else str(value)


def brief(value: object, longest: int) -> str:
    """A table's value in at most ``longest`` characters."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else str(json_value(value))
    return text if len(text) <= longest else text[: longest - 1] + "…"


def counted(number: int, thing: str) -> str:
    """So many things, in the singular where it is one."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def size_text(size: int) -> str:
    """A number of bytes, in the unit that leaves up to three digits before the point."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.95:
            return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def moment_text(moment: dt.datetime) -> str:
    """A moment in UTC, to the second."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
