"""The pyarrow codec keeps the contract."""

import contextlib
import importlib.util
import sys
from collections.abc import Callable
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


BOOL8 = {"ARROW:extension:name": "arrow.bool8", "ARROW:extension:metadata": ""}
UUID = {"ARROW:extension:name": "arrow.uuid"}
NUMBERED = {"PARQUET:field_id": "007"}


@pytest.mark.parametrize("form", [pa.Schema.empty_table, lambda schema: schema.empty_table().to_reader()])
@pytest.mark.parametrize(
    ("kind", "metadata", "reason"),
    [
        (pa.int8(), BOOL8, "its field's metadata would make it extension<arrow.bool8>; cast it"),
        (pa.binary(16), UUID, "its field's metadata would make it extension<arrow.uuid>; cast it"),
        (pa.string(), UUID, "its field's metadata keep it from being stored (Invalid storage type"),
        (pa.string(), NUMBERED, "its field's metadata would come back as {b'PARQUET:field_id': b'7'}; change them"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_metadata_that_would_change_a_column_are_refused_by_its_name(
    kind: pa.DataType, metadata: dict[str, str], reason: str, inside: bool, form: Any
) -> None:
    field = pa.field("inner" if inside else "a", kind, metadata=metadata)
    if inside:
        field, reason = pa.field("a", pa.list_(field)), f"of its inner field 'inner': {reason}"
    frame = form(pa.schema([pa.field("other", pa.int8(), metadata={"unit": "m"}), field]))
    with pytest.raises(UnsupportedDataError) as caught:
        PyarrowCodec().prepare(frame, "table")
    assert (caught.value.table, caught.value.column) == ("table", "a")
    assert reason in caught.value.message


@pytest.mark.parametrize("first", [None, BOOL8])
def test_types_equal_but_for_the_metadata_inside_them_are_told_apart(first: dict[str, str] | None) -> None:
    """Whichever is seen first: pyarrow takes the one for the other."""
    name = f"told apart {first is None}"  # types that no other test has seen
    for metadata in (first, None if first else BOOL8):
        frame = pa.schema([("a", pa.struct([pa.field(name, pa.int8(), metadata=metadata)]))]).empty_table()
        with contextlib.nullcontext() if metadata is None else pytest.raises(UnsupportedDataError, match="bool8"):
            PyarrowCodec().prepare(frame, "table")


def test_a_key_that_the_schema_has_twice_is_refused() -> None:
    twice = pa.KeyValueMetadata([("unit", "m"), ("unit", "km")])
    for frame in (pa.schema([("a", pa.int8())], twice).empty_table(), pa.table({"a": [1]}, metadata=twice).to_reader()):
        with pytest.raises(UnsupportedDataError, match="a key twice"):
            PyarrowCodec().prepare(frame, "table")


class Unhashable(pa.ExtensionType):
    """As Arrow's documentation shows how to write one: with no hash."""

    def __init__(self) -> None:
        super().__init__(pa.int64(), "features.tests.unhashable")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> "Unhashable":
        return cls()


def test_an_extension_type_of_ones_own_comes_back_where_it_is_registered() -> None:
    table = pa.table({"x": pa.ExtensionArray.from_storage(Unhashable(), pa.array([1]))})
    with pytest.raises(UnsupportedDataError, match="would come back as int64"):
        PyarrowCodec().prepare(table, "t")
    pa.register_extension_type(Unhashable())
    try:
        PyarrowCodec().prepare(table, "t")
    finally:
        pa.unregister_extension_type("features.tests.unhashable")


def test_a_type_of_very_many_levels_is_refused_by_name() -> None:
    column = pa.array([1])
    for _ in range(1000):
        column = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), column)
    with pytest.raises(UnsupportedDataError, match=r"column 'x': list<.* cannot be written to Parquet"):
        PyarrowCodec().prepare(pa.table({"x": column}), "t")


def test_a_type_is_not_refused_for_ever_because_it_was_tried_on_a_deep_stack() -> None:
    kind = pa.struct([("of this test alone", pa.int8())])
    codec, table = PyarrowCodec(), pa.table({"x": pa.array([{"of this test alone": 1}], kind)})
    outcomes = [at_depth(depth, lambda: codec.prepare(table, "t")) for depth in range(sys.getrecursionlimit(), 0, -1)]
    assert outcomes[0] is RecursionError
    assert set(outcomes) == {RecursionError, None}
    codec.prepare(table, "t")


def at_depth(depth: int, work: Callable[[], object]) -> type[BaseException] | None:
    """What ``work`` raises when it is called so deep in the stack."""

    def call(more: int) -> object:
        return call(more - 1) if more else work()

    try:
        call(depth)
    except BaseException as error:  # polars' panics are no Exception
        return type(error)
    return None
