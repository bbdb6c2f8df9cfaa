"""Which dataframe library a frame belongs to, and which one to use when nobody said.

pandas and polars are looked up, never imported, until a frame of theirs is really wanted: a polars user never pays
for loading pandas, nor the reverse, and either may be absent.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import Any, Literal, TypeAlias, get_args

from features.errors import ConfigError, MissingExtraError

Backend: TypeAlias = Literal["pandas", "polars", "pyarrow"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)

Frame: TypeAlias = Any
"""A pandas, polars or pyarrow table, or a stream: a polars ``LazyFrame``, a pyarrow ``RecordBatchReader``, dataset or
scanner, or anything else with ``__arrow_c_stream__``. ``Any``, as the libraries may not be there to check types."""

Scan: TypeAlias = Any
"""A table that is read later, piece by piece: a polars ``LazyFrame`` or a ``pyarrow.dataset.Dataset``."""


_FRAMES: dict[Backend, tuple[str, ...]] = {
    "pandas": ("DataFrame",),
    "polars": ("DataFrame", "LazyFrame"),
    "pyarrow": ("Table", "RecordBatch"),
}


def backend_of(frame: object) -> Backend | None:
    """The library that ``frame`` is a table of, or None. Imports nothing: a frame's library is already loaded."""
    for backend, names in _FRAMES.items():
        if isinstance(frame, loaded(backend, *names)):
            return backend
    return None


def loaded(module: str, *names: str) -> tuple[Any, ...]:
    """Those of a module's classes that are there: none before it is imported, and perhaps not all while it is."""
    return tuple(kind for name in names if (kind := getattr(sys.modules.get(module), name, None)) is not None)


def is_stream(frame: object) -> bool:
    """Whether ``frame`` gives Arrow record batches one after another. Imports nothing."""
    if isinstance(frame, loaded("pyarrow.dataset", "Dataset", "Scanner")):
        return True
    return hasattr(frame, "__arrow_c_stream__") and not isinstance(frame, type)


def default_backend() -> Backend:
    """What ``FEATURES_BACKEND`` names, else pandas where it is installed, else polars.

    Raises:
        ConfigError: the variable names no backend.
        MissingExtraError: neither library is installed.
    """
    if named := os.environ.get("FEATURES_BACKEND"):
        return check_backend(named, field="FEATURES_BACKEND")
    for backend in ("pandas", "polars"):
        if importlib.util.find_spec(backend) is not None:
            return backend
    raise MissingExtraError(
        "neither pandas nor polars is installed; pip install 'typed-feature-store[pandas]' or '[polars]'",
        package="pandas",
    )


def check_backend(name: object, *, field: str = "backend") -> Backend:
    """``name`` itself, when it is a backend whose library can be imported.

    Raises:
        ConfigError: it is no backend.
        MissingExtraError: its library is not installed.
    """
    if name not in BACKENDS:
        raise ConfigError(f"{field} is {name!r}; it must be one of {', '.join(BACKENDS)}", field=field, value=name)
    if name not in sys.modules and importlib.util.find_spec(str(name)) is None:
        raise MissingExtraError(
            f"{field} is {name!r} but {name} is not installed; pip install 'typed-feature-store[{name}]'",
            package=str(name),
        )
    return name
