"""What a Parquet file says of itself, against what was saved."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from features.store.codec.refusal import DATA_ERRORS
from features.store.versions import TableFile


def disagreement(path: Path, table: TableFile) -> tuple[str, str] | None:
    """The kind of difference and a description of it, to go after "its file"; None where there is none.

    Only the footer is read, by the reader that is the hardest to bring down: no other parser gets to see a file that
    announces another table than the catalog does.

    Raises:
        OSError: the disk refused.
    """
    try:
        footer = pq.read_metadata(path)
        names = footer.schema.to_arrow_schema().names
    except DATA_ERRORS as error:
        return "unreadable", f"cannot be read: {error}"
    except OSError as error:
        if error.errno is not None:
            raise
        return "unreadable", f"cannot be read: {error}"  # the parser's, not the system's
    if footer.num_rows != table.rows:
        return "rows", f"has {footer.num_rows} rows, not {table.rows}"
    if names != table.schema.names:
        return "schema", f"has the columns {names}, not {table.schema.names}"
    return None
