"""``get``: one table as a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from features.cli.files import destination, whole_file
from features.cli.opening import existing_store
from features.cli.options import DEFAULT_STORE, AsJson, Force, Group, StoreFolder, Table, Version, names
from features.cli.screen import counted, json_value, print_json, say, size_text

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

    Parquet holds it exactly. CSV and JSONL hold moments of a time zone in UTC, and refuse what would not come back:
    bytes, durations, years that have not four digits; CSV also lists, JSONL also NaN.

    \b
    Example:  features get movies basic --out basic.parquet --store store
              features get movies temporal --columns movie_id,release_year --out years.csv --store store
    """
    out, form = destination(out, tuple(_WRITERS), force=force)
    with existing_store(store) as opened:
        there = opened.get_feature_info(table, group, version=version).schema.names
        wanted = names(columns or [], there)
        frame = opened.get_features([table], group, version=version, columns=wanted)[table]
    with whole_file(out, force=force) as file:
        _WRITERS[form](frame, file, table)
    size = out.stat().st_size
    if as_json:
        print_json({"out": str(out), "rows": frame.num_rows, "columns": frame.num_columns, "bytes": size})
    else:
        shape = f"{counted(frame.num_rows, 'row')} × {counted(frame.num_columns, 'column')}"
        say(f"Wrote {shape} to {out} ({size_text(size)})")


def _write_parquet(frame: pa.Table, file: IO[bytes], table: str) -> None:  # noqa: ARG001 - one signature for all
    import pyarrow.parquet as pq

    pq.write_table(frame, file)


def _write_csv(frame: pa.Table, file: IO[bytes], table: str) -> None:
    """Text is quoted and null is nothing, so that an empty text is not taken for null."""
    import pyarrow.csv as pacsv

    from features.cli.plain import as_plain, hold_all, refuse_blank_lines

    refuse_blank_lines(frame, table)
    with hold_all("CSV", table):
        pacsv.write_csv(as_plain(frame, "CSV", table), file)


def _write_jsonl(frame: pa.Table, file: IO[bytes], table: str) -> None:
    from features.cli.plain import as_plain, hold_all

    with hold_all("JSON", table):
        for batch in as_plain(frame, "JSON", table).to_batches(max_chunksize=_BATCH_ROWS):
            lines = (json.dumps(json_value(row), ensure_ascii=False) + "\n" for row in batch.to_pylist())
            file.writelines(line.encode() for line in lines)


_WRITERS: dict[str, Callable[[Any, IO[bytes], str], None]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "jsonl": _write_jsonl,
}
