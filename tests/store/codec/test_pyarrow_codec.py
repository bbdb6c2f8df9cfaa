"""The pyarrow codec keeps the contract."""

import contextlib
from typing import Any

import pyarrow as pa
import pytest

from features.errors import UnsupportedDataError
from features.store.codec.base import Codec
from features.store.codec.pyarrow_codec import PyarrowCodec
from features.testing import exact_pyarrow
from features.testing.codec_contract import CodecContract


class TestPyarrowCodec(CodecContract):
    backend = "pyarrow"

    def codec(self) -> Codec[Any]:
        return PyarrowCodec()

    def differences(self, left: Any, right: Any) -> list[str]:
        return exact_pyarrow.differences(left, right)

    def plain(self, frame: Any) -> Any:
        return pa.table(frame)

    def ruin(self, frame: pa.Table) -> None:
        """A table has no method that changes it; what NumPy shows of its memory must not be writable either."""
        for column in frame.columns:
            for chunk in column.chunks:
                with contextlib.suppress(pa.ArrowException):  # nothing to show without a copy
                    assert not chunk.to_numpy(zero_copy_only=True).flags.writeable


class Stream:
    """Something that speaks Arrow and is nothing else."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def test_any_arrow_stream_is_taken() -> None:
    table = pa.table({"a": [1, None]})
    assert PyarrowCodec().prepare(Stream(table), "t").value.equals(table)


def test_a_stream_of_something_else_than_rows_is_refused() -> None:
    with pytest.raises(UnsupportedDataError, match="no table"):
        PyarrowCodec().prepare(pa.chunked_array([[1, 2]]), "t")
