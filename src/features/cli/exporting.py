"""``get``: one table as a file."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.cli.files import ending, whole_file
from features.cli.opening import existing_store
from features.cli.options import DEFAULT_STORE, AsJson, Force, Group, StoreFolder, Table, Version, names
from features.cli.screen import json_value, print_json, say, size_text
from features.errors import UnsupportedDataError

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 10_000


def get(
    group: Group,
    table: Table,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="FILE.parquet, FILE.csv or FILE.jsonl.")],
    version: Version = None,
    columns: Annotated[
        list[str] | None, typer.Option("--columns", metavar="A,B", help="Only these columns, in this order.")
    ] = None,
    force: Force = False,
    store: StoreFolder = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Write a table to a Parquet, CSV or JSONL file.

    \b
    Example:  features get movies basic --out basic.parquet --store store
              features get movies temporal --columns movie_id,release_year --out years.csv --store store
    """
    write, wanted = _WRITERS[ending(out, tuple(_WRITERS))], names(columns or [])
    with existing_store(store) as opened:
        frame = opened.get_features([table], group, version=version, columns=wanted)[table]
    with whole_file(out, force=force) as path:
        write(frame, path, table)
    size = out.stat().st_size
    if as_json:
        print_json({"out": str(out), "rows": frame.num_rows, "columns": frame.num_columns, "bytes": size})
    else:
        say(f"Wrote {frame.num_rows:,} rows × {frame.num_columns} columns to {out} ({size_text(size)})")


def _write_parquet(frame: pa.Table, path: Path, table: str) -> None:  # noqa: ARG001 - one signature for all writers
    import pyarrow.parquet as pq

    pq.write_table(frame, path)


def _write_csv(frame: pa.Table, path: Path, table: str) -> None:
    """Text is quoted and null is nothing, so that an empty text is not taken for null."""
    import pyarrow as pa
    import pyarrow.csv as pacsv

    frame = _without_dictionaries(frame)
    for field in frame.schema:
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            raise _unfit(table, field, "CSV")
    try:
        pacsv.write_csv(frame, path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UnsupportedDataError(
            f"table {table!r} does not go into CSV: {error}; write .parquet, or choose others with --columns",
            table=table,
            column=None,
            dtype=None,
        ) from error


def _without_dictionaries(frame: pa.Table) -> pa.Table:
    """Categories as the values that they stand for, which is how CSV has them."""
    import pyarrow as pa

    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in frame.schema
    ]
    return frame.cast(pa.schema(fields))


def _write_jsonl(frame: pa.Table, path: Path, table: str) -> None:
    import pyarrow as pa

    for field in frame.schema:
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            raise _unfit(table, field, "JSON")
        if pa.types.is_floating(field.type) and _has_no_number(frame[field.name]):
            raise _unfit(table, field, "JSON", "holds NaN or infinity")
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for batch in frame.to_batches(max_chunksize=_BATCH_ROWS):
            file.writelines(json.dumps(json_value(row), ensure_ascii=False) + "\n" for row in batch.to_pylist())


def _has_no_number(column: Any) -> bool:
    import pyarrow.compute as pc

    return not all(map(math.isfinite, pc.unique(pc.filter(column, pc.invert(pc.is_finite(column)))).to_pylist()))


def _unfit(table: str, field: Any, form: str, why: str | None = None) -> UnsupportedDataError:
    reason = why or f"is of type {field.type}"
    return UnsupportedDataError(
        f"column {field.name!r} of table {table!r} {reason}, which {form} cannot hold; "
        "write .parquet, or choose other columns with --columns",
        table=table,
        column=field.name,
        dtype=str(field.type),
    )


_WRITERS: dict[str, Callable[[Any, Path, str], None]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "jsonl": _write_jsonl,
}
