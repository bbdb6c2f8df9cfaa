"""Tables that are found by their names alone, and loads that a collection overtakes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from features.errors import CorruptFileError
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore

LARGE = pa.table({"number": np.random.default_rng(0).random(100_000)})
"""More than is read into memory before it is parsed."""


def table(*values: float) -> pa.Table:
    return pa.table({"id": pa.array(range(len(values)), pa.int64()), "value": pa.array(values, pa.float64())})


@pytest.fixture
def store(tmp_path: Path):
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="pyarrow", cache_enabled=False)) as store:
        yield store


@pytest.fixture
def then(store: SimpleFeatureStore) -> datetime:
    """The moment between two versions of two groups."""
    store.save_features("g", {"a": table(1.0), "c": table(3.0)})
    store.save_features("h", {"b": table(2.0)})
    moment = store.versions("h")[0].created_at
    store.save_features("g", {"a": table(10.0)})
    store.save_features("h", {"b": table(20.0)})
    return moment


def test_by_name_alone_an_older_state_is_found_as_within_a_group(store: SimpleFeatureStore, then: datetime) -> None:
    first = {"a": table(1.0), "b": table(2.0)}
    assert store.get_features(["a", "b"], version=1) == first
    assert store.get_features(["a", "b"], as_of=then) == first
    assert store.get_features(["a", "b"]) == {"a": table(10.0), "b": table(20.0)}


@pytest.mark.usefixtures("then")
def test_by_name_alone_columns_may_be_asked_of_some(store: SimpleFeatureStore) -> None:
    found = store.get_features(["b", "a"], columns={"b": ["id"]})
    assert found == {"a": table(10.0), "b": table(20.0).select(["id"])}


@pytest.mark.usefixtures("then")
def test_tables_of_several_groups_come_in_the_order_asked_for(store: SimpleFeatureStore) -> None:
    for names in (["a", "b", "c"], ["c", "b", "a"]):
        assert list(store.get_features(names)) == names


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("first", [table(0.0), LARGE], ids=["small", "large"])
def test_what_a_collection_took_is_looked_up_again(store: SimpleFeatureStore, first: pa.Table, times: int) -> None:
    store.save_features("g", {"t": first})
    left = [times]
    with SimpleFeatureStore(store.config) as other:

        def overtake(label: str) -> None:
            if label == "storage.read" and left[0]:
                left[0] -= 1
                other.save_features("g", {"t": table(float(left[0]))})
                other.gc(keep_last=1)

        store._storage.point = overtake
        assert store.get_features(["t"], "g") == {"t": table(0.0)}


def test_what_the_disk_lost_is_told_after_one_more_look(store: SimpleFeatureStore) -> None:
    Path(store.save_features("g", {"t": table(1.0)})["t"]).unlink()
    with pytest.raises(CorruptFileError) as caught:
        store.get_features(["t"], "g")
    assert caught.value.reason == "missing"
