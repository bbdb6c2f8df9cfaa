"""Why a column cannot be stored, before it is known which table and column it is."""

from __future__ import annotations

import pyarrow as pa

DATA_ERRORS = (
    ValueError,
    TypeError,
    ArithmeticError,
    NotImplementedError,
    RecursionError,
    pa.lib.ArrowCapacityError,
)
"""What a library raises when it cannot take a value; a full disk (``OSError``) or memory is none of them."""


class Refusal(Exception):  # noqa: N818  # never leaves the codec: it becomes an UnsupportedDataError there
    """The reason and the next step, as one sentence."""
