"""What the server that workers are forked off has ready for them: everything imported, nothing opened.

pandas is among it where it is installed, since pyarrow imports it to find out whether a value is one of its arrays,
and so are the catalog's statements: compiling them takes longer than the first save.
"""

from __future__ import annotations

import contextlib

from features.store.catalog import sql, statements
from features.store.codec import pyarrow_codec
from features.testing.stress import worker

__all__ = ["pyarrow_codec", "sql", "worker"]

with contextlib.suppress(ImportError):
    import pandas  # noqa: F401

statements.compile_all()
