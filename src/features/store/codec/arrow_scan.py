"""A file as a pyarrow dataset, which is read later, piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from io import UnsupportedOperation
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pyarrow as pa

from features.errors import UnsupportedDataError
from features.store.codec.arrow import declared, without_note, written_schema
from features.store.codec.base import unreadable
from features.store.codec.refusal import DATA_ERRORS

if TYPE_CHECKING:
    import pyarrow.dataset as ds
    import pyarrow.fs

_NO_COPIES = "a scan holds an open file and cannot be pickled or copied; call scan_features where it is needed"
_NO_PATH = "a scan holds an open file, which has no path; read it from the dataset"


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
        raise unreadable(f"pyarrow {pa.__version__}", error) from error
    written = written_schema(fragment.metadata.metadata) or found
    as_declared = declared(found, fragment.metadata.metadata)
    fields = [as_declared.field(name) for name in (found.names if columns is None else columns)]
    for field in fields:
        if "map<" in str(field.type) and str(field.type) != str(written.field(field.name).type):
            raise _inexact(field)
    schema = pa.schema(fields, without_note(found.metadata))
    return _dataset_class()([fragment], schema=schema, format=form, filesystem=_no_files())


@cache
def _dataset_class() -> type[ds.FileSystemDataset]:
    """Made when it is first needed, as its base is imported then."""
    import pyarrow.dataset as ds

    class FileDataset(ds.FileSystemDataset):  # type: ignore[misc]  # pyarrow has no types
        """The dataset of an open file, which has no path that another process could open."""

        def __reduce__(self) -> NoReturn:
            raise TypeError(_NO_COPIES)

    return FileDataset


@cache
def _no_files() -> pyarrow.fs.PyFileSystem:
    """The filesystem of every scan, which has no files.

    What pyarrow derives from a dataset (a union, one with another schema) is of its own classes, and these end the
    interpreter when they are pickled or asked for their filesystem where there is none. Nothing is read through this
    one: the fragment holds the file. If it were opened here, the threads of Arrow would need the GIL for that, and wait
    forever where who takes the batches holds it.
    """
    from pyarrow.fs import FileSystemHandler, PyFileSystem

    class NoFiles(FileSystemHandler):  # type: ignore[misc]  # pyarrow has no types
        """Refuses all that is asked of it."""

        def __reduce__(self) -> NoReturn:
            raise TypeError(_NO_COPIES)

        def get_type_name(self) -> str:
            return "open file"

        def _refuse(self, *_: object) -> NoReturn:
            raise UnsupportedOperation(_NO_PATH)

        get_file_info = get_file_info_selector = normalize_path = _refuse
        open_input_stream = open_input_file = open_output_stream = open_append_stream = _refuse
        create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _refuse
        delete_file = move = copy_file = _refuse

    return PyFileSystem(NoFiles())


def _inexact(field: pa.Field) -> UnsupportedDataError:
    return UnsupportedDataError(
        f"column {field.name!r}: a scan would lose the names inside {field.type}; load it with get_features",
        table=None,
        column=field.name,
        dtype=str(field.type),
    )
