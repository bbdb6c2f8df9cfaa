"""Typed feature tables from movie records, kept in an embedded, versioned, crash-safe store; on pandas or polars.

The public names are listed below and are loaded when they are first used, so that importing ``features`` costs
next to nothing and loads neither a dataframe library nor the database layer.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from features.engineering.feature import Feature
    from features.engineering.fitting import FittedState
    from features.engineering.movies import Movies, read_movies, sample_movies
    from features.engineering.tmdb_processor import AdvancedTMDBPreProcessor, default_features
    from features.errors import FeatureStoreError
    from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore

__version__ = "0.1.0"

__all__ = [
    "AdvancedTMDBPreProcessor",
    "Feature",
    "FeatureStoreConfig",
    "FeatureStoreError",
    "FittedState",
    "Movies",
    "SimpleFeatureStore",
    "default_features",
    "read_movies",
    "sample_movies",
]

_HOMES = {
    "AdvancedTMDBPreProcessor": "features.engineering.tmdb_processor",
    "Feature": "features.engineering.feature",
    "FeatureStoreConfig": "features.store.feature_store",
    "FeatureStoreError": "features.errors",
    "FittedState": "features.engineering.fitting",
    "Movies": "features.engineering.movies",
    "SimpleFeatureStore": "features.store.feature_store",
    "default_features": "features.engineering.tmdb_processor",
    "read_movies": "features.engineering.movies",
    "sample_movies": "features.engineering.movies",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
