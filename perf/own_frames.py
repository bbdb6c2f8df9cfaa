"""Tables of who asked for memory: every byte is charged to the innermost function of this library on its stack.

Which library took the memory says little, since nearly all is taken by Arrow, NumPy or polars.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from measuring import MB

OWN = "features"
MOST = 20
"""Functions in a table."""


def tables(capture: Path, *, rounds: int | None) -> str:
    """What a capture holds by function: at the peak and, of a workload's rounds, what was passing and what was left."""
    from memray import FileReader

    with FileReader(capture) as reader:
        told = [by_function("At the peak", reader.get_high_watermark_allocation_records(merge_threads=True))]
        if rounds is not None:
            passing = reader.get_temporary_allocation_records(merge_threads=True, threshold=1)
            told.append(by_function("Given back at once, in all rounds together", passing))
            left = reader.get_leaked_allocation_records(merge_threads=True)
            told.append(by_function(f"Still held after {rounds} rounds", left))
    return "\n\n".join(told)


def by_function(title: str, records: Iterable[Any]) -> str:
    """One table: bytes and allocations by function of this library."""
    sizes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for record in records:
        name = own_function(record.stack_trace())
        sizes[name] += record.size
        counts[name] += record.n_allocations
    rows = [(amount(size), f"{counts[name]:,} allocations", name) for name, size in sizes.most_common(MOST)]
    return f"{title}, {amount(sizes.total())} by function of this library:\n{as_table(rows)}"


def own_function(stack: Sequence[tuple[str, str, int]]) -> str:
    """The innermost function of ours on a stack, which is given from the innermost frame out."""
    for function, file, line in stack:
        parts = Path(file).parts
        if OWN in parts and "<" not in file:
            return f"{function} at {Path(*parts[parts.index(OWN) :])}:{line}"
    return "none: the interpreter, or the script itself"


def amount(size: int) -> str:
    """Bytes as a text."""
    return f"{size / MB:,.2f} MB" if size >= MB / 100 else f"{size:,} bytes"


def as_table(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns as wide as they have to be."""
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)
