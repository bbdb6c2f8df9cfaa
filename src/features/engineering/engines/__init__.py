"""The engines that compute features, and the one place where an engine is chosen by name."""

from __future__ import annotations

import importlib.util

from features.engineering.engines.base import Engine
from features.errors import ConfigError
from features.frames import check_backend, default_backend

ENGINES = ("pandas", "polars")


def default_engine() -> str:
    """The default backend where it can compute features, else the first engine that is installed: pyarrow, a good
    default for what a store gives back, computes none.

    Raises:
        ConfigError: ``FEATURES_BACKEND`` names no backend.
        MissingExtraError: the library that it names is not installed.
    """
    backend = default_backend()
    if backend in ENGINES:
        return backend
    return next((name for name in ENGINES if importlib.util.find_spec(name)), ENGINES[0])


def engine_named(name: object) -> Engine:
    """The engine of that name; its library is imported here and not before.

    Raises:
        ConfigError: there is no such engine.
        MissingExtraError: its library is not installed.
    """
    if name not in ENGINES:
        message = f"backend is {name!r}; features are computed by one of {', '.join(ENGINES)}"
        raise ConfigError(message, field="backend", value=name)
    if check_backend(name) == "polars":
        from features.engineering.engines.polars_engine import PolarsEngine

        return PolarsEngine()
    from features.engineering.engines.pandas_engine import PandasEngine

    return PandasEngine()
