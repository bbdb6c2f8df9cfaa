"""The pyarrow codec keeps the contract."""

import contextlib
from typing import Any

import pyarrow as pa

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
