"""The command ``features``: movies in, feature tables out, and a look at what a store holds.

What is imported here and in the commands' modules is small, so that help appears at once; pyarrow, the database and
the dataframe libraries are imported inside the commands that need them.
"""

from __future__ import annotations

from features.cli.root import app

__all__ = ["app"]
