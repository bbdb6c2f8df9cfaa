"""Hypothesis strategies for what goes into a store: names, and frames of each library.

``frames(backend)`` draws frames that come back exactly; ``hostile_frames(backend)`` draws frames that may hold
anything, for the law that they come back exactly or are refused by name.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from features.frames import Backend


def names() -> st.SearchStrategy[str]:
    """Names that groups and tables may have."""
    letters = st.characters(categories=["L", "N", "S", "P"], exclude_characters="/\\:@")
    return st.text(letters, min_size=1, max_size=20).filter(_is_name)


def column_names() -> st.SearchStrategy[str]:
    """Names that columns may have: any text but NUL and lone surrogates."""
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


def frames(backend: Backend) -> st.SearchStrategy[Any]:
    """Frames of a library, over all the dtypes that come back exactly, with 0 to 8 rows."""
    if backend == "pandas":
        from features.testing.strategies_pandas import frames as pandas_frames

        return pandas_frames()
    if backend == "polars":
        from features.testing.strategies_polars import frames as polars_frames

        return polars_frames()
    from features.testing.strategies_pyarrow import frames as pyarrow_frames

    return pyarrow_frames()


def hostile_frames(backend: Backend) -> st.SearchStrategy[Any]:
    """Frames of a library that hold what no file could: mixed objects, odd names, types without a Parquet form."""
    if backend == "pandas":
        from features.testing.strategies_pandas import hostile_frames as pandas_frames

        return pandas_frames()
    if backend == "polars":
        from features.testing.strategies_polars import hostile_frames as polars_frames

        return polars_frames()
    from features.testing.strategies_pyarrow import hostile_frames as pyarrow_frames

    return pyarrow_frames()


def _is_name(name: str) -> bool:
    from features.errors import InvalidNameError
    from features.names import check_name

    try:
        check_name(name, "group")
    except InvalidNameError:
        return False
    return True
