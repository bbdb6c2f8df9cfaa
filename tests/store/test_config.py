"""A configuration is checked when it is written down, and names the field that is wrong."""

import os
import pickle
import subprocess
import sys

import pytest

from features.errors import ConfigError
from features.frames import default_backend
from features.store.feature_store import FeatureStoreConfig
from tests.conftest import INSTALLED

WRONG = {
    "base_path": ["", None, 3, "a\0b", b"store", "\ud800", "~nobody-of-this-name/store"],
    "backend": ["spark", "", 1],
    "catalog_url": ["postgresql://x", "", 3, "sqlite://"],
    "compression": ["brotli", None, "LZ4", []],
    "cache_enabled": [None, "yes", 1],
    "cache_max_size": [0, -1, 1.5, True, None],
    "cache_max_bytes": [0, "1GB"],
    "cache_ttl_seconds": [0, -1, float("nan"), float("inf"), "1h", True],
    "verify_reads": ["sometimes", None, []],
    "busy_timeout_seconds": [0, -1, None, "30", 1e10, float("inf")],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_a_wrong_value_names_its_field(field: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        FeatureStoreConfig(**({"base_path": "store"} | {field: value}))
    assert caught.value.field == field
    assert caught.value.value is value
    assert field in str(caught.value)


def test_the_base_path_alone_is_enough() -> None:
    config = FeatureStoreConfig("store")
    assert config.folder == config.folder.absolute()
    assert pickle.loads(pickle.dumps(config)) == config
    with pytest.raises(AttributeError):
        config.compression = "zstd"


def test_a_home_folder_is_resolved() -> None:
    assert "~" not in str(FeatureStoreConfig("~/store").folder)


def test_the_variable_chooses_the_default_backend() -> None:
    for named in INSTALLED:
        code = "from features.frames import default_backend; print(default_backend())"
        environment = os.environ | {"FEATURES_BACKEND": named}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout.strip() == named


def test_pandas_is_preferred_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FEATURES_BACKEND", raising=False)
    assert default_backend() == ("pandas" if "pandas" in INSTALLED else "polars")


def test_a_variable_that_names_no_backend_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATURES_BACKEND", "spark")
    with pytest.raises(ConfigError, match="FEATURES_BACKEND is 'spark'"):
        default_backend()
