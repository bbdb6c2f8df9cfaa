"""Why a column cannot be stored, before it is known which table and column it is."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818  # never leaves the codec: it becomes an UnsupportedDataError there
    """The reason and the next step, as one sentence."""
