"""The library as its users' type checkers see it: read by mypy, never run."""

from typing import assert_type

import pandas as pd
import polars as pl
import pyarrow as pa

from features import FeatureStoreConfig, SimpleFeatureStore
from features.store.cache import CacheStats
from features.store.versions import GroupVersion, TableFile

on_polars = SimpleFeatureStore(FeatureStoreConfig("store", backend="polars", compression="zstd"))
assert_type(on_polars.get_features(["basic"], "movies"), dict[str, pl.DataFrame])

on_pandas = SimpleFeatureStore(FeatureStoreConfig("store", backend="pandas"))
assert_type(on_pandas.get_features(["basic"], "movies")["basic"], pd.DataFrame)

on_arrow = SimpleFeatureStore(FeatureStoreConfig("store", backend="pyarrow"))
table: pa.Table = on_arrow.get_features(None, "movies", columns={"basic": ["movie_id"]})["basic"]

# Where nothing says which library it is, frames can be used as whatever they are.
by_default = SimpleFeatureStore(FeatureStoreConfig(base_path="store", cache_max_size=20, cache_ttl_seconds=120))
rows: int = by_default.get_features(["basic"], "movies")["basic"].shape[0]

assert_type(on_polars.save_features("movies", {"basic": pl.DataFrame()}, expected_version=1), dict[str, str])
lazy: pl.LazyFrame = on_polars.scan_features(["basic"], "movies")["basic"]
on_polars.save_features("copy", {"basic": lazy.filter(pl.col("adult"))})
assert_type(on_polars.versions("movies"), list[GroupVersion])
assert_type(on_polars.latest_versions(), list[GroupVersion])
assert_type(on_polars.get_feature_info("basic"), TableFile)
assert_type(on_polars.get_group_info("movies"), dict[str, TableFile])
if on_polars.cache:
    assert_type(on_polars.cache.get_stats(), CacheStats)

FeatureStoreConfig("store", compression="brotli")  # type: ignore[call-overload]
FeatureStoreConfig("store", cache_size=3)  # type: ignore[call-overload]
