"""Why a column cannot be stored, before it is known which table and column it is."""

from __future__ import annotations

import pyarrow as pa

from features.errors import is_the_callers

DATA_ERRORS = (
    ValueError,
    TypeError,
    ArithmeticError,
    NotImplementedError,
    RecursionError,
    pa.lib.ArrowCapacityError,
)
"""What a library raises when it cannot take a value; a full disk (``OSError``) or memory is none of them."""


def is_of_the_moment(error: BaseException) -> bool:
    """Whether ``error`` came from what goes on around a call, and would not come again: a deep stack, or a signal."""
    return isinstance(error, RecursionError) or is_the_callers(error)


class Refusal(Exception):  # noqa: N818  # never leaves the codec: it becomes an UnsupportedDataError there
    """The reason and the next step, as one sentence."""
