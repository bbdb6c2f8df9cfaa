"""The polars codec keeps the contract."""

from typing import Any

import pytest

pl = pytest.importorskip("polars")

import numpy as np  # noqa: E402

from features.errors import UnsupportedDataError  # noqa: E402
from features.store.codec.base import Codec  # noqa: E402
from features.store.codec.polars_codec import PolarsCodec  # noqa: E402
from features.testing import exact_polars  # noqa: E402
from features.testing.codec_contract import CodecContract  # noqa: E402


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


def test_a_panic_while_collecting_is_an_ordinary_refusal() -> None:
    class Panicking(pl.LazyFrame):
        def collect(self, *args: Any, **kwargs: Any) -> Any:
            raise pl.exceptions.PanicException("no")

    with pytest.raises(UnsupportedDataError, match="panicked"):
        PolarsCodec().prepare(Panicking(), "t")


def test_folders_and_patterns_in_a_path_are_not_read_as_data(tmp_path: Any) -> None:
    folder = tmp_path / "year=2024" / "a*b[1]{x}"
    folder.mkdir(parents=True)
    frame = pl.DataFrame({"a": np.arange(3)})
    PolarsCodec().prepare(frame, "t").write(folder / "file.parquet", "lz4")
    assert PolarsCodec().read(folder / "file.parquet", None).equals(frame)
