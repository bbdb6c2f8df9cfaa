"""``get``: one table as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from features.cli.files import destination, whole_file
from features.cli.opening import LARGE, existing_store
from features.cli.options import DEFAULT_STORE, AsJson, Force, Group, StoreFolder, Table, Version, names
from features.cli.screen import counted, print_json, say, size_text
from features.errors import UnsupportedDataError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

    from features.store.feature_store import SimpleFeatureStore
    from features.store.versions import TableFile

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

    Parquet holds every value, in the nearest type it has: it knows no pandas dtypes, no moments in whole seconds, no
    names inside maps. CSV and JSONL hold moments of a time zone in UTC, and refuse what would not come back:
    bytes, durations, years that have not four digits; CSV also lists, JSONL also NaN.

    \b
    Example:  features get movies basic --out basic.parquet --store store
              features get movies temporal --columns movie_id,release_year --out years.csv --store store
    """
    out, form = destination(out, tuple(_WRITERS), force=force)
    with existing_store(store) as opened:
        info = opened.get_feature_info(table, group, version=version)
        schema, pieces = _in_pieces(opened, info, version, names(columns or [], info.schema.names))
        written: list[int] = []
        with whole_file(out, force=force) as file:
            _WRITERS[form](schema, _noted(pieces, written), file, table)
    rows, size = sum(written), out.stat().st_size  # rows that were written: the latest version may be another by now
    if as_json:
        print_json({"out": str(out), "rows": rows, "columns": len(schema), "bytes": size})
    else:
        shape = f"{counted(rows, 'row')} × {counted(len(schema), 'column')}"
        say(f"Wrote {shape} to {out} ({size_text(size)})")


def _in_pieces(
    store: SimpleFeatureStore[Any], table: TableFile, version: int | None, columns: list[str] | None
) -> tuple[pa.Schema, Iterator[pa.Table]]:
    """The table's schema and its rows in their order, from a store on pyarrow: of a large one, no more than a row group
    is in memory at a time."""
    name, group = table.name, table.group
    if table.size > LARGE:
        with suppress(UnsupportedDataError):  # it has a column that is only read whole
            scan = store.scan_features([name], group, version=version, columns=columns)[name]
            return scan.schema, _row_groups(scan)
    whole = store.get_features([name], group, version=version, columns=columns)[name]
    return whole.schema, iter([whole])


def _row_groups(scan: ds.Dataset) -> Iterator[pa.Table]:
    """One at a time: a scanner reads ahead of a slow writer, up to a gigabyte."""
    for fragment in scan.get_fragments():
        for group in fragment.split_by_row_group(schema=scan.schema):
            yield group.to_table(schema=scan.schema)


def _noted(pieces: Iterator[pa.Table], rows: list[int]) -> Iterator[pa.Table]:
    """The pieces, the rows of each noted as it is taken."""
    for piece in pieces:
        rows.append(piece.num_rows)
        yield piece


def _write_parquet(
    schema: pa.Schema,
    pieces: Iterator[pa.Table],
    file: IO[bytes],
    table: str,  # noqa: ARG001 - one signature for all
) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(file, schema, use_compliant_nested_type=False) as writer:  # else items of lists are renamed
        for piece in pieces:
            writer.write_table(piece)


def _write_csv(schema: pa.Schema, pieces: Iterator[pa.Table], file: IO[bytes], table: str) -> None:
    """Text is quoted and null is nothing, so that an empty text is not taken for null."""
    import pyarrow.csv as pacsv

    from features.cli.plain import as_plain, hold_all, refuse_blank_lines

    with hold_all("CSV", table), pacsv.CSVWriter(file, as_plain(schema.empty_table(), "CSV", table).schema) as writer:
        for piece in pieces:
            refuse_blank_lines(piece, table)
            writer.write_table(as_plain(piece, "CSV", table))


def _write_jsonl(schema: pa.Schema, pieces: Iterator[pa.Table], file: IO[bytes], table: str) -> None:  # noqa: ARG001
    import orjson

    from features.cli.plain import as_plain, hold_all

    with hold_all("JSON", table):
        for piece in pieces:
            for batch in as_plain(piece, "JSON", table).to_batches(max_chunksize=_BATCH_ROWS):
                rows = batch.to_pylist()
                file.writelines(orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


_WRITERS: dict[str, Callable[[Any, Iterator[Any], IO[bytes], str], None]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "jsonl": _write_jsonl,
}
