"""Each engine keeps the contract of engines."""

from __future__ import annotations

import importlib.util

import pytest

from features.engineering.engines import engine_named
from features.errors import ConfigError
from features.testing.engine_contract import EngineContract

if importlib.util.find_spec("pandas"):

    class TestPandasEngine(EngineContract):
        engine = engine_named("pandas")


if importlib.util.find_spec("polars"):

    class TestPolarsEngine(EngineContract):
        engine = engine_named("polars")


@pytest.mark.parametrize("name", ["pyarrow", "spark", "", None, 3])
def test_what_is_no_engine_is_refused(name):
    with pytest.raises(ConfigError, match="pandas, polars"):
        engine_named(name)
