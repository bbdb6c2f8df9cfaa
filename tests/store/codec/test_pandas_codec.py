"""The pandas codec keeps the contract."""

import contextlib
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pd = pytest.importorskip("pandas")

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402

from features.errors import UnsupportedDataError  # noqa: E402
from features.store.codec.base import Codec  # noqa: E402
from features.store.codec.pandas_codec import PandasCodec  # noqa: E402
from features.store.codec.pandas_zones import zone_of  # noqa: E402
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore  # noqa: E402
from features.testing import exact_pandas  # noqa: E402
from features.testing.codec_contract import CodecContract, write, written  # noqa: E402


class TestPandasCodec(CodecContract):
    backend = "pandas"

    def codec(self) -> Codec[Any]:
        return PandasCodec()

    def differences(self, left: Any, right: Any) -> list[str]:
        return exact_pandas.differences(left, right)

    def ruin(self, frame: Any) -> None:
        frame.attrs["ruined"] = True
        for value in frame.attrs.values():
            if isinstance(value, (list, dict)):
                value.clear()
        for position in range(frame.shape[1]):
            ruin_column(frame.iloc[:, position])
        for shown in (
            *(lambda: frame.columns.values, lambda: frame.columns.array, lambda: frame.values),
            *(lambda: np.asarray(frame.index), lambda: frame.index.values, lambda: frame.index.array),
        ):
            overwrite(shown)
        for position in range(frame.shape[1]):
            frame.isetitem(position, 0)
        frame.insert(0, "ruined", 1, allow_duplicates=True)


def ruin_column(column: Any) -> None:
    for value in column.tolist() if column.dtype == object else []:
        if isinstance(value, list):
            value.append("ruined")
        if isinstance(value, np.ndarray):
            value[...] = 1
    views: list[Callable[[], Any]] = [
        column.to_numpy,
        lambda: column.values,
        lambda: column.array,
        lambda: np.asarray(column),
        lambda: column.array._ndarray,
        lambda: column.array._data,
        lambda: column.array._mask,
        lambda: column.cat.categories.values,
        lambda: column.cat.categories.array,
        lambda: column.array.codes,
    ]
    for view in views:
        overwrite(view)
    with contextlib.suppress(Exception):
        column.iloc[0] = column.iloc[-1]
        column.sort_values(inplace=True, key=lambda values: pd.Series(range(len(values)), index=values.index))


def overwrite(shown: Callable[[], Any]) -> None:
    """Write over what is shown, as far as the library allows or can be made to."""
    with contextlib.suppress(Exception):  # no such view, or one that cannot be written to: the better
        values = shown()
        if isinstance(values, np.ndarray):
            values.flags.writeable = True
            values[...] = values.ravel()[0] if values.dtype.kind == "O" else np.zeros((), values.dtype)
        else:
            values[:] = values[::-1].copy()


def test_the_first_error_of_many_names_its_column() -> None:
    frame = pd.DataFrame(
        {"fine": [1], "mixed": pd.Series([(1,)], dtype=object), "also": pd.Series([{1}], dtype=object)}
    )
    with pytest.raises(UnsupportedDataError) as caught:
        PandasCodec().prepare(frame, "t")
    assert (caught.value.table, caught.value.column, caught.value.dtype) == ("t", "mixed", "object")


def test_notes_too_large_for_metadata_are_refused() -> None:
    labels = pd.Index([f"{number:050}" for number in range(300_000)])
    frame = pd.DataFrame({"c": pd.Categorical.from_codes([0], categories=labels)})
    with pytest.raises(UnsupportedDataError, match="too large"):
        PandasCodec().prepare(frame, "t")


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_frame_that_is_handed_out_can_be_changed_in_place(tmp_path: Any, times: int) -> None:
    frame = pd.DataFrame({"a": [1.5, 2.5], "b": pd.array([1, None], dtype="Int64"), "c": pd.to_datetime(["2024"] * 2)})
    write(PandasCodec().prepare(frame, "t"), tmp_path / "file")
    value = PandasCodec().read(tmp_path / "file", None)
    handed = [PandasCodec().hand_out(value) for _ in range(times)][-1]
    for name in frame.columns:
        handed.loc[0, name] = handed.loc[1, name]
    assert handed.iloc[0].to_list()[0] == 2.5


@pytest.mark.parametrize(
    "column",
    [
        np.zeros(20_000, bool),
        np.zeros(20_000),
        pd.array([1, None] * 10_000, dtype="Int8"),
        pd.Series([f"text {number}" for number in range(20_000)], dtype=object),
        pd.Series([f"text {number}" for number in range(20_000)]),
        pd.Series(pd.date_range("2020", periods=20_000).date, dtype=object),
    ],
    ids=["bool", "float", "masked", "object text", "text", "dates"],
)
def test_what_a_cached_frame_takes_is_counted(tmp_path: Path, column: Any) -> None:
    codec = PandasCodec()
    written(codec.prepare(pd.DataFrame({"column": column}), "table"), tmp_path / "file")
    value = codec.read(tmp_path / "file", None)
    held = codec.hand_out(value).memory_usage(index=False, deep=True).sum()
    assert 0.9 * held <= codec.size(value) <= 1.3 * held + 1000


def test_columns_that_are_not_read_cost_nothing(tmp_path: Path) -> None:
    others = {f"text {position}": pd.Series(["a"] * 1000, dtype=object) for position in range(20)}
    frame = pd.DataFrame({"number": np.arange(1000.0), "kind": pd.Categorical(["a"] * 1000), **others})
    codec = PandasCodec()
    written(codec.prepare(frame, "table"), tmp_path / "file")
    value = codec.read(tmp_path / "file", ["number"])
    assert codec.size(value) < 2 * 8 * 1000


@pytest.mark.parametrize("chunks", [[["a", "b"], ["c"]], [[[1], [2]], [[3], None]]], ids=["text", "lists"])
def test_an_arrow_column_is_written_from_the_chunks_it_is_in(chunks: list[Any]) -> None:
    """Together they may be more than one array of the type can hold, and would be held twice."""
    column = pa.chunked_array(chunks)
    frame = pd.DataFrame({"a": pd.arrays.ArrowExtensionArray(column)})
    prepared: Any = PandasCodec().prepare(frame, "t")
    assert addresses(prepared.value.column("a")) == addresses(column)


def addresses(column: Any) -> list[list[int]]:
    return [[buffer.address for buffer in chunk.buffers() if buffer] for chunk in column.chunks]


def test_a_date_that_repeats_is_one_object(tmp_path: Path) -> None:
    dates = [dt.date.min, dt.date.max, None] * 2
    codec = PandasCodec()
    written(codec.prepare(pd.DataFrame({"date": pd.Series(dates, dtype=object)}), "table"), tmp_path / "file")
    found = codec.hand_out(codec.read(tmp_path / "file", None))["date"].tolist()
    assert found == dates
    assert found[0] is found[3]


def test_a_zone_that_the_machine_does_not_know_is_told_as_such() -> None:
    with pytest.raises(UnsupportedDataError, match="does not know the time zone 'Mars/Olympus'; pip install tzdata"):
        zone_of(["zoneinfo", "Mars/Olympus"])


def test_metadata_under_a_key_of_pandas_is_left_alone(tmp_path: Path) -> None:
    table = pa.table({"a": [1]}).replace_schema_metadata({"pandas": "not json"})
    with SimpleFeatureStore(FeatureStoreConfig(tmp_path, backend="pandas")) as store:
        store.save_features("g", {"t": table})
        assert store.get_features(["t"], "g")["t"]["a"].tolist() == [1]


def test_a_type_that_the_metadata_inside_it_would_change_is_refused() -> None:
    inner = pa.field("item", pa.int8(), metadata={"ARROW:extension:name": "arrow.bool8"})
    column = pd.Series([[1]], dtype=pd.ArrowDtype(pa.list_(inner)))
    with pytest.raises(UnsupportedDataError, match=r"'a'.* inner field 'item'.*arrow\.bool8"):
        PandasCodec().prepare(pd.DataFrame({"a": column}), "table")
