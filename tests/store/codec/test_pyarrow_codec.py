"""The pyarrow codec keeps the contract."""

import contextlib
import importlib.util
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
        if isinstance(frame, pa.RecordBatch):
            return pa.Table.from_batches([frame])
        return frame if isinstance(frame, pa.Table) else pa.table(frame)

    def ruin(self, frame: pa.Table) -> None:
        """A table has no method that changes it; what NumPy shows of its memory must not be writable either."""
        for column in frame.columns:
            for chunk in column.chunks:
                with contextlib.suppress(pa.ArrowException):  # nothing to show without a copy
                    assert not chunk.to_numpy(zero_copy_only=True).flags.writeable
        if importlib.util.find_spec("pandas"):
            with contextlib.suppress(pa.ArrowException, ValueError, TypeError):  # pandas does not take every table
                frame.to_pandas(self_destruct=True)


@pytest.mark.parametrize("field", [None, "a"])
def test_metadata_that_no_reader_would_take_is_refused(field: str | None) -> None:
    large = {b"key": b"x" * (17 << 20)}
    schema = pa.schema([pa.field("a", pa.int64(), metadata=large if field else None)], None if field else large)
    with pytest.raises(UnsupportedDataError, match="17 MB of metadata"):
        PyarrowCodec().prepare(pa.table({"a": [1]}).cast(schema), "table")
