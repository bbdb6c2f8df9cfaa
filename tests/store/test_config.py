"""A configuration is checked when it is written down, and names the field that is wrong."""

import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import ConfigError
from features.frames import default_backend
from features.store.drivers import catalog_path
from features.store.feature_store import FeatureStoreConfig
from tests.conftest import INSTALLED

WRONG = {
    "base_path": [
        "",
        None,
        3,
        "a\0b",
        b"store",
        "\ud800",
        "/tmp/\udcff",
        "~nobody-of-this-name/store",
        "s3://bucket/store",
    ],
    "backend": ["spark", "", 1],
    "catalog_url": [
        *("postgresql://x", "", 3, "sqlite://", "sqlite:///", "sqlite:///:memory:"),
        *("sqlite:////a\0b", "sqlite:////a%00b", "sqlite:////\udcff", "sqlite:////a?mode=ro", "sqlite:///a?"),
    ],
    "compression": ["brotli", None, "LZ4", []],
    "cache_enabled": [None, "yes", 1],
    "cache_max_size": [0, -1, 1.5, True, None],
    "cache_max_bytes": [0, "1GB"],
    "cache_ttl_seconds": [0, -1, float("nan"), float("inf"), 10**400, "1h", True, np.timedelta64(5, "s")],
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


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("cache_enabled", np.bool_(False), False),
        ("cache_max_size", np.int64(5), 5),
        ("cache_max_bytes", np.uint8(200), 200),
        ("cache_ttl_seconds", np.float32(0.5), 0.5),
        ("busy_timeout_seconds", np.float64(1.5), 1.5),
        ("busy_timeout_seconds", np.int32(2), 2),
    ],
)
def test_numbers_and_flags_of_numpys_are_kept_as_pythons_own(field: str, value: object, kept: object) -> None:
    stored = getattr(FeatureStoreConfig("store", **{field: value}), field)
    assert (stored, type(stored)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cache_enabled", np.int64(1)),
        *(("cache_max_size", value) for value in (np.int64(0), np.True_, np.float64(5), np.timedelta64(5, "s"))),
        ("cache_ttl_seconds", np.float32("nan")),
        ("busy_timeout_seconds", np.True_),
    ],
)
def test_numpys_are_held_to_the_same(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"^{field} is "):
        FeatureStoreConfig("store", **{field: value})


def test_the_base_path_alone_is_enough() -> None:
    assert FeatureStoreConfig("store", cache_ttl_seconds=None).cache_ttl_seconds is None
    config = FeatureStoreConfig("store")
    assert config.folder == config.folder.absolute()
    assert pickle.loads(pickle.dumps(config)) == config
    with pytest.raises(AttributeError):
        config.compression = "zstd"


def test_a_home_folder_is_resolved() -> None:
    assert "~" not in str(FeatureStoreConfig("~/store").folder)


@given(
    path=st.text(st.sampled_from("a~%?# é"), min_size=1, max_size=4).filter(lambda text: text.strip("~")),
    kind=st.sampled_from([str, Path]),
)
def test_places_stay_where_they_were_when_the_folder_of_the_process_changes(path: str, kind: type) -> None:
    with tempfile.TemporaryDirectory() as begin, tempfile.TemporaryDirectory() as other:
        with contextlib.chdir(begin):
            below = f"below/{path}"
            config = FeatureStoreConfig(kind(below), catalog_url=f"sqlite:///{quote(below)}")
            here = Path.cwd()
        with contextlib.chdir(other):
            assert isinstance(config.base_path, kind)
            assert config.folder == Path(config.base_path) == here / below
            assert catalog_path(config) == here / below
            for twin in (pickle.loads(pickle.dumps(config)), replace(config)):
                assert twin == config
                assert catalog_path(twin) == here / below
            assert FeatureStoreConfig(kind(below)).folder != config.folder


@pytest.mark.parametrize("settings", [{"base_path": Path("near")}, {"catalog_url": "sqlite:///near"}])
def test_a_working_folder_that_is_gone_is_told(tmp_path: Path, settings: dict[str, str | Path]) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    (field,) = settings
    with contextlib.chdir(gone):
        gone.rmdir()
        with pytest.raises(ConfigError, match=rf"^{field} is '[^']*near', but the working folder .*an absolute path"):
            FeatureStoreConfig(**({"base_path": tmp_path} | settings))
        assert FeatureStoreConfig(tmp_path / "far").folder == tmp_path / "far"


def test_a_deadline_of_the_callers_is_not_taken_for_a_wrong_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> str:
        raise TimeoutError("the caller's deadline")  # as a signal handler may, at any moment

    monkeypatch.setattr(os, "getcwd", interrupted)
    with pytest.raises(TimeoutError, match="the caller's deadline"):
        FeatureStoreConfig("store")


def test_a_catalog_url_that_is_absolute_is_kept_as_it_was_written() -> None:
    config = FeatureStoreConfig("store", catalog_url="sqlite:////data/a b%20c")
    assert config.catalog_url == "sqlite:////data/a b%20c"
    assert catalog_path(config) == Path("/data/a b c")


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
