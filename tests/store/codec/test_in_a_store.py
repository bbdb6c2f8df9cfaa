"""The codecs' promises, kept by a real store with its cache."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import UnsupportedDataError
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from features.testing.fidelity import installed
from features.testing.strategies import frames, hostile_frames


def differences(backend: str) -> Any:
    return pytest.importorskip(f"features.testing.exact_{backend}").differences


@pytest.mark.parametrize("library", installed())
@given(data=st.data())
def test_what_is_saved_comes_back_exactly_first_and_from_the_cache(
    tmp_path_factory: pytest.TempPathFactory, library: Any, data: st.DataObject
) -> None:
    frame = data.draw(frames(library))
    config = FeatureStoreConfig(tmp_path_factory.mktemp("store"), backend=library)
    with SimpleFeatureStore(config) as store:
        store.save_features("group", {"table": frame})
        loaded = [store.get_features(["table"], "group")["table"] for _ in range(3)]
        assert [differences(library)(frame, one) for one in loaded] == [[]] * 3


@pytest.mark.parametrize("library", installed())
@given(data=st.data())
def test_what_is_refused_leaves_nothing_behind(
    tmp_path_factory: pytest.TempPathFactory, library: Any, data: st.DataObject
) -> None:
    frame = data.draw(hostile_frames(library))
    folder = tmp_path_factory.mktemp("store")
    with SimpleFeatureStore(FeatureStoreConfig(folder, backend=library)) as store:
        try:
            store.save_features("group", {"table": frame})
        except UnsupportedDataError as error:
            assert error.table == "table"  # both outcomes are right
            assert store.list_feature_groups() == []
            assert list(folder.rglob("*.parquet")) == []
        else:
            assert differences(library)(frame, store.get_features(group="group")["table"]) == []


def test_artifacts_and_attrs_of_one_load_are_not_those_of_the_next(tmp_path: Any) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1]})
    frame.attrs = {"list": [1]}
    attrs = copy.deepcopy(frame.attrs)
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="pandas")) as store:
        store.save_features("group", {"table": frame})
        for _ in range(4):
            loaded = store.get_features(group="group")["table"]
            assert loaded.attrs == attrs
            loaded.attrs["list"].append(2)
            frame.attrs["list"].append(3)


class Broken:
    """An Arrow stream that is none."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        raise TypeError("no rows here")


def test_a_stream_that_gives_no_rows_is_refused_by_name(tmp_path: Any) -> None:
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="pyarrow")) as store:
        with pytest.raises(UnsupportedDataError, match="'table'"):
            store.save_features("group", {"table": Broken()})
        assert store.list_feature_groups() == []
