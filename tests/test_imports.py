"""What loads what: a user of one dataframe library never pays for the other, nor for the database before a store."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import textwrap
from types import ModuleType

import pyarrow as pa
import pytest

import features
from features.frames import backend_of, is_stream
from features.store.codec.arrow_streams import arrow_stream
from tests.conftest import INSTALLED

DATAFRAME_LIBRARIES = [name for name in INSTALLED if name != "pyarrow"]


def modules_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after ``code``."""
    report = "\nimport sys; print('\\n'.join(sys.modules))"
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


@pytest.mark.parametrize("library", DATAFRAME_LIBRARIES)
def test_a_store_of_one_library_never_loads_the_other(library: str) -> None:
    (other,) = {"pandas", "polars"} - {library}
    loaded = modules_after(f"""
        import tempfile
        from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
        import {library}
        with tempfile.TemporaryDirectory() as folder:
            with SimpleFeatureStore(FeatureStoreConfig(folder, backend={library!r})) as store:
                store.save_features("movies", {{"t": {library}.DataFrame({{"a": [1.5, None], "b": ["x", "y"]}})}})
                assert len(store.get_features(None, "movies")["t"]) == 2
    """)
    assert library in loaded
    # Where pandas is installed, pyarrow loads it to find out whether a value is one of its arrays: not ours to stop.
    assert other == "pandas" or other not in loaded


@pytest.mark.skipif("polars" not in INSTALLED, reason="polars is not installed")
def test_numbers_are_saved_from_polars_and_loaded_without_pandas() -> None:
    loaded = modules_after("""
        import tempfile
        import polars
        from features import FeatureStoreConfig, SimpleFeatureStore
        with tempfile.TemporaryDirectory() as folder:
            with SimpleFeatureStore(FeatureStoreConfig(folder, backend="polars")) as store:
                store.save_features("movies", {"t": polars.DataFrame({"a": [1.5, None], "b": [1, 2]})})
                assert len(store.get_features(None, "movies")["t"]) == 2
    """)
    assert "pandas" not in loaded  # half a second in somebody's first save, were pyarrow asked in another way


@pytest.mark.parametrize("library", DATAFRAME_LIBRARIES)
def test_all_of_the_library_on_one_engine_never_needs_the_other(library: str) -> None:
    (other,) = {"pandas", "polars"} - {library}
    loaded = modules_after(f"""
        import tempfile
        from features import AdvancedTMDBPreProcessor, FeatureStoreConfig, SimpleFeatureStore, sample_movies
        processor = AdvancedTMDBPreProcessor(sample_movies(20), backend={library!r})
        with tempfile.TemporaryDirectory() as folder:
            with SimpleFeatureStore(FeatureStoreConfig(folder, backend={library!r})) as store:
                store.save_features("movies", processor.extract_all_features())
                assert len(store.get_features(None, "movies")) == 5
                assert store.check(deep=True).ok
        processor.describe(), processor.rejected
    """)
    # Modules of ours that import a library are named for it: see test_architecture.
    assert not [name for name in loaded if name.startswith("features.") and other in name]
    assert other == "pandas" or other not in loaded


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


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow.dataset"])
def test_a_library_that_another_thread_is_just_importing_is_not_taken_for_whole(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, ModuleType(library))
    table = pa.table({"a": [1]})
    assert backend_of(table) == "pyarrow"
    assert backend_of(table.to_reader()) is None
    assert is_stream(table.to_reader())
    assert arrow_stream(table.to_reader(), "t").schema == table.schema
