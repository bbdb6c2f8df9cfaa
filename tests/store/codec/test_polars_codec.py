"""The polars codec keeps the contract."""

from pathlib import Path
from typing import Any

import pytest

pl = pytest.importorskip("polars")

import numpy as np  # noqa: E402

from features.errors import UnsupportedDataError  # noqa: E402
from features.store.codec.base import Codec  # noqa: E402
from features.store.codec.polars_codec import PolarsCodec  # noqa: E402
from features.testing import exact_polars  # noqa: E402
from features.testing.codec_contract import CodecContract, written  # noqa: E402


class TestPolarsCodec(CodecContract):
    backend = "polars"

    def codec(self) -> Codec[Any]:
        return PolarsCodec()

    def differences(self, left: Any, right: Any) -> list[str]:
        return exact_polars.differences(left, right)

    def plain(self, frame: Any) -> Any:
        return frame.collect() if isinstance(frame, pl.LazyFrame) else frame

    def ruin(self, frame: Any) -> None:
        for name in frame.columns:
            ruin_column(frame[name])
        frame.columns = [f"ruined {position}" for position in range(frame.width)]
        frame.replace_column(0, pl.Series("other", [0] * frame.height))
        frame.insert_column(0, pl.Series("more", [0] * frame.height))
        frame.drop_in_place("more")
        frame.extend(frame.clone())


def ruin_column(column: Any) -> None:
    if column.dtype.is_numeric() and not column.dtype.is_decimal() and not column.null_count():
        view = column.to_numpy()
        if view.size and not view.flags.writeable:
            with pytest.raises(ValueError, match="WRITEABLE"):
                view.flags.writeable = True
        elif view.size:
            view[:] = 7
    if column.len() and column.dtype.is_integer():
        column.scatter(0, 7)
        column[0] = 7
        column.sort(in_place=True)
    column.rename("ruined")
    column.extend(column.clone())
    column.shrink_to_fit(in_place=True)


@pytest.mark.parametrize("method", ["collect_schema", "sink_parquet"])
def test_a_panic_of_a_lazy_frame_is_an_ordinary_refusal(method: str, tmp_path: Path) -> None:
    class Panicking(pl.LazyFrame):
        pass

    def panic(*_args: Any, **_named: Any) -> None:
        raise pl.exceptions.PanicException("no")

    setattr(Panicking, method, panic)
    with pytest.raises(UnsupportedDataError, match="panicked"):
        written(PolarsCodec().prepare(Panicking({"a": [1]}), "t"), tmp_path / "file")


NAMES = ["^a.*$", "ab", "*", "a.b", "^", "id"]


@pytest.mark.parametrize("columns", [[name] for name in NAMES] + [["*", "id", "^a.*$"]])
def test_a_name_that_looks_like_a_pattern_is_a_name(columns: list[str], tmp_path: Path) -> None:
    frame = pl.DataFrame({name: [number] for number, name in enumerate(NAMES)})
    written(PolarsCodec().prepare(frame, "t"), tmp_path / "file")
    expected = frame.select([frame[name] for name in columns])
    assert PolarsCodec().read(tmp_path / "file", columns).equals(expected)
    try:
        scanned = PolarsCodec().scan(tmp_path / "file", columns).collect()
    except UnsupportedDataError as error:  # in old releases
        assert error.column in columns
        assert "get_features" in error.message
    else:
        assert scanned.equals(expected)


def test_folders_and_patterns_in_a_path_are_not_read_as_data(tmp_path: Any) -> None:
    folder = tmp_path / "year=2024" / "a*b[1]{x}"
    folder.mkdir(parents=True)
    frame = pl.DataFrame({"a": np.arange(3)})
    PolarsCodec().prepare(frame, "t").write(folder / "file.parquet", "lz4")
    assert PolarsCodec().read(folder / "file.parquet", None).equals(frame)
