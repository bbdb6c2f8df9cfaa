"""A file as a pyarrow dataset, which is read later, piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from features.errors import UnsupportedDataError
from features.store.codec.arrow import without_note, written_schema
from features.store.codec.base import unreadable
from features.store.codec.refusal import DATA_ERRORS

if TYPE_CHECKING:
    import pyarrow.dataset as ds


def scan_parquet(path: Path, columns: Sequence[str] | None) -> ds.Dataset:
    """A dataset of one file, with the types and values that ``read_parquet`` gives, and with those columns only.

    Raises:
        UnsupportedDataError: this pyarrow does not read one of its types, or not in pieces.
    """
    import pyarrow.dataset as ds  # takes a third of a second, which few need

    try:
        form = ds.ParquetFileFormat(pre_buffer=False, use_buffered_stream=True)  # else it holds the whole file
        fragment = form.make_fragment(pa.OSFile(str(path)))  # opened now: the name may be gone when it is read
        found = fragment.physical_schema
    except DATA_ERRORS as error:
        raise unreadable(path, f"pyarrow {pa.__version__}", error) from error
    written = written_schema(fragment.metadata.metadata) or found
    fields = [found.field(name) for name in (found.names if columns is None else columns)]
    for field in fields:
        if "map<" in str(field.type) and str(field.type) != str(written.field(field.name).type):
            raise _inexact(field)
    schema = pa.schema(fields, without_note(found.metadata))
    return ds.FileSystemDataset([fragment], schema=schema, format=form)


def _inexact(field: pa.Field) -> UnsupportedDataError:
    return UnsupportedDataError(
        f"column {field.name!r}: a scan would lose the names inside {field.type}; load it with get_features",
        table=None,
        column=field.name,
        dtype=str(field.type),
    )
