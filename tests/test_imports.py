"""What loads what: a user of one dataframe library never pays for the other, nor for the database before a store."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import textwrap

import pytest

import features
from tests.conftest import INSTALLED


def modules_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after ``code``."""
    report = "\nimport sys; print('\\n'.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code) + report],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_next_to_nothing() -> None:
    assert not modules_after("import features") & {"pandas", "polars", "pyarrow", "numpy", "sqlalchemy"}


def test_importing_the_store_loads_no_dataframe_library() -> None:
    code = "from features.store.feature_store import SimpleFeatureStore, FeatureStoreConfig"
    assert not modules_after(code) & {"pandas", "polars", "typer", "rich", "hypothesis", "pytest"}


def test_importing_the_processor_loads_neither_dataframe_library_nor_database() -> None:
    code = "from features.engineering.tmdb_processor import AdvancedTMDBPreProcessor"
    assert not modules_after(code) & {"pandas", "polars", "sqlalchemy", "typer", "rich", "hypothesis", "pytest"}


@pytest.mark.parametrize("library", [name for name in INSTALLED if name != "pyarrow"])
def test_working_with_one_library_never_loads_the_other(library: str) -> None:
    (other,) = {"pandas", "polars"} - {library}
    code = f"""
        import tempfile
        from features import AdvancedTMDBPreProcessor, FeatureStoreConfig, SimpleFeatureStore, sample_movies
        tables = AdvancedTMDBPreProcessor(sample_movies(20), backend={library!r}).extract_all_features()
        with tempfile.TemporaryDirectory() as folder:
            with SimpleFeatureStore(FeatureStoreConfig(folder, backend={library!r})) as store:
                store.save_features("movies", tables)
                assert len(store.get_features(None, "movies")) == 5
                assert store.check(deep=True).ok
    """
    loaded = modules_after(code)
    assert library in loaded
    assert other not in loaded


def test_every_public_name_is_there() -> None:
    assert set(features.__all__) == set(features._HOMES)
    for name in features.__all__:
        assert getattr(features, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        features.Nothing  # noqa: B018


def test_the_core_installs_at_most_six_packages() -> None:
    required = importlib.metadata.requires("typed-feature-store") or []
    core = [re.split(r"[<>=!~;\[ ]", line)[0] for line in required if "extra ==" not in line]
    assert 1 <= len(core) <= 6, core


def test_both_modules_say_the_same_version() -> None:
    assert importlib.metadata.version("typed-feature-store") == features.__version__
