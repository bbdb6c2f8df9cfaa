"""Files of movies as batches: JSON, JSONL, CSV and Parquet, plain or compressed, from a path or an open
file."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias, cast, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from features.engineering.batch import (
    BATCH_ROWS,
    Batch,
    FieldNames,
    batch_of_rows,
    batches_of_arrow,
    batches_of_records,
)
from features.errors import ConfigError, InvalidMoviesError, SourceNotFoundError

Format: TypeAlias = Literal["json", "jsonl", "csv", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
PathLike: TypeAlias = str | os.PathLike[str]

_ENDINGS: dict[str, Format] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


def batches_of_file(source: PathLike | IO[Any], given: Format | None, names: FieldNames) -> Iterator[Batch]:
    """The records of a file, as ``read_movies`` promises."""
    if given is not None and given not in FORMATS:
        message = f"format is {given!r}; it must be one of {', '.join(FORMATS)}, or None to tell by the file"
        raise ConfigError(message, field="format", value=given)
    if not isinstance(source, (str, os.PathLike)) and not hasattr(source, "read"):
        raise _not_movies(f"source is {type(source).__name__};", "give a path or an open file")
    where = _named(source)
    with _told_as_movies(where, given or _format_by_ending(source)), _opened(source) as stream:
        start = stream.peek(1 << 16)
        if not start:
            raise _not_movies(where, "is empty")
        chosen = given or _format_by_ending(source) or _format_by_content(start)
        if chosen == "parquet":
            yield from _parquet_batches(stream, source, names, where)
            return
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        try:
            yield from _TEXT_READERS[chosen](text, names, where)
        finally:
            text.detach()


def _not_movies(where: str, reason: str) -> InvalidMoviesError:
    return InvalidMoviesError(f"{where} {reason}", count=0, problems=())


@contextmanager
def _told_as_movies(where: str, named: Format | None) -> Iterator[None]:
    """Turn what parsers and decompressors raise into one sentence about the file, whose format may be ``named``."""
    try:
        yield
    except UnicodeDecodeError:
        other = "" if named else ", or name its format with format="
        raise _not_movies(where, f"is not UTF-8 text; convert it, as with iconv -f LATIN1 -t UTF-8{other}") from None
    except PermissionError:
        raise _not_movies(where, "may not be read by you; check its permissions") from None
    except (csv.Error, pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, EOFError) as error:
        if isinstance(error, SourceNotFoundError):
            raise
        raise _not_movies(where, f"cannot be read: {error}") from error


def _named(source: object) -> str:
    if isinstance(source, (str, os.PathLike)):
        return str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the input"


@contextmanager
def _opened(source: PathLike | IO[Any]) -> Iterator[io.BufferedReader]:
    """The decompressed bytes of ``source``. A file that the caller opened is not closed."""
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if not path.exists():
            raise SourceNotFoundError(f"there is no file {path}; check the path", path=str(path))
        if path.is_dir():
            raise _not_movies(str(path), "is a directory; name a file in it")
        compression = _COMPRESSIONS.get(path.suffix.lower())
        with pa.input_stream(str(path), compression=compression) as stream:
            yield cast(io.BufferedReader, io.BufferedReader(cast(io.RawIOBase, stream)))
        return
    given = _binary(source)
    start = given.peek(4)[:4]
    compression = next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)
    if compression is None:
        yield given
        return
    with pa.input_stream(pa.BufferReader(given.read()), compression=compression) as stream:
        yield io.BufferedReader(cast(io.RawIOBase, stream))


def _binary(source: IO[Any]) -> io.BufferedReader:
    """An open file's bytes, with ``peek``. Text files are encoded again where they have no bytes beneath."""
    beneath = getattr(source, "buffer", source)
    if isinstance(beneath, io.BufferedReader):
        return beneath
    data = source.read()
    return io.BufferedReader(cast(io.RawIOBase, io.BytesIO(data.encode() if isinstance(data, str) else data)))


def _format_by_ending(source: object) -> Format | None:
    suffixes = [suffix.lower() for suffix in Path(_named(source)).suffixes]
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        suffixes.pop()
    return _ENDINGS.get(suffixes[-1]) if suffixes else None


def _format_by_content(start: bytes) -> Format:
    if start.startswith(b"PAR1"):
        return "parquet"
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        return "json"
    if start.startswith(b"{"):
        first, _, rest = start.partition(b"\n")
        return "jsonl" if rest.lstrip().startswith(b"{") and first.rstrip().endswith(b"}") else "json"
    return "csv"


def _json_batches(text: io.TextIOWrapper, names: FieldNames, where: str) -> Iterator[Batch]:
    """Batches of a JSON document; ``row`` is the position of a record, pages taken one after another."""
    return batches_of_records(_json_records(text.read(), where), names)


def _json_records(text: str, where: str) -> Iterator[object]:
    """The records of a document, parsed one at a time, so that a long list never is all Python objects."""
    at = _skip_space(text, 0)
    if at == len(text):
        raise _not_movies(where, "is empty")
    if text[at] != "[":
        value, at = _parsed(text, at, where)
        if not isinstance(value, dict):
            raise _not_movies(where, "holds no movies: a record is a JSON object, several are a list of them")
        yield from _unpaged(value)
        if _skip_space(text, at) < len(text):
            raise _broken(text, at, "something follows the object", where)
        return
    at = _skip_space(text, at + 1)
    while text[at : at + 1] != "]":
        value, at = _parsed(text, at, where)
        yield from _unpaged(value)
        at = _skip_space(text, at)
        if text[at : at + 1] == ",":
            at = _skip_space(text, at + 1)
        elif text[at : at + 1] != "]":
            raise _broken(text, at, "a comma or ] is missing", where)
    if _skip_space(text, at + 1) < len(text):
        raise _broken(text, at + 1, "something follows the list", where)


def _unpaged(value: object) -> Iterator[object]:
    """The records of a page of TMDB's API, or the record itself."""
    if isinstance(value, dict) and isinstance(value.get("results"), list):
        yield from value["results"]
    else:
        yield value


_DECODER = json.JSONDecoder()
_JSON_SPACE = " \t\r\n"


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in _JSON_SPACE:
        at += 1
    return at


def _parsed(text: str, at: int, where: str) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise _broken(text, error.pos, error.msg, where) from None
    except (ValueError, RecursionError) as error:  # an integer of thousands of digits, thousands of brackets
        raise _broken(text, at, str(error), where) from None


def _broken(text: str, at: int, what: str, where: str, *, line: int | None = None) -> InvalidMoviesError:
    line = line or text.count("\n", 0, at) + 1
    hint = "; one record a line is format='jsonl'" if what.startswith("something follows the object") else ""
    return _not_movies(where, f"is not valid JSON at line {line}: {what}{hint}")


def _jsonl_batches(text: io.TextIOWrapper, names: FieldNames, where: str) -> Iterator[Batch]:
    """Batches of one record (or page) a line; ``row`` is the line, from 1. Empty lines are passed over."""
    records: list[object] = []
    rows: list[int] = []
    for line, content in enumerate(text, start=1):
        if not content.strip():
            continue
        value = _parsed_line(content, line, where)
        if isinstance(value, list) and isinstance(next(iter(value), None), dict):
            raise _json_list(where)
        for record in _unpaged(value):
            records.append(record)
            rows.append(line)
        if len(rows) >= BATCH_ROWS:
            yield batch_of_rows(records, rows, names)
            records, rows = [], []
    if rows:
        yield batch_of_rows(records, rows, names)


def _parsed_line(content: str, line: int, where: str) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        if content.lstrip().startswith("["):
            raise _json_list(where) from None
        what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise _broken(content, 0, what, where, line=line) from None


def _json_list(where: str) -> InvalidMoviesError:
    return _not_movies(where, "has a list where a line should be one record; a list of records is format='json'")


def _csv_batches(text: io.TextIOWrapper, names: FieldNames, where: str) -> Iterator[Batch]:
    """Batches of comma-separated cells, all of them text; ``row`` is the line where a record starts, from
    1."""
    reader = csv.reader(text)
    lines = _csv_lines(reader)
    _, header = next(_large_cells(lines, 1), [(0, [])])[0]
    if len(header) == 1 and (other := next((mark for mark in ";\t|" if mark in header[0]), None)):
        raise _not_movies(where, f"is separated by {other!r}; separate its cells by commas")
    header = [name.strip() for name in header]
    found = names.present(header, where)
    at = {field: [header.index(name) for name in ours] for field, ours in found.items() if ours}
    for chunk in _large_cells(lines, BATCH_ROWS):
        yield _csv_batch(chunk, header, at)


def _csv_lines(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not an empty line, with the line it starts on."""
    start = 1
    for cells in reader:
        if cells:
            yield start, cells
        start = reader.line_num + 1


def _large_cells(lines: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Chunks of ``lines``, read with cells of any length. The csv module's limit is global: it is put back
    each time."""
    while True:
        usual = csv.field_size_limit(2**31 - 1)
        try:
            chunk = list(islice(lines, size))
        finally:
            csv.field_size_limit(usual)
        if not chunk:
            return
        yield chunk


def _csv_batch(chunk: list[tuple[int, list[str]]], header: list[str], at: Mapping[str, list[int]]) -> Batch:
    width = len(header)
    ragged = {
        position: f"has {len(cells)} cells where the header has {width}"
        for position, (_, cells) in enumerate(chunk)
        if len(cells) != width
    }
    blank = [""] * width
    rows = [blank if position in ragged else cells for position, (_, cells) in enumerate(chunk)]
    columns = {field: _cells(rows, positions) for field, positions in at.items()}
    return Batch(columns, [line for line, _ in chunk], _csv_records(chunk, header), ragged, from_csv=True)


def _cells(rows: list[list[str]], positions: list[int]) -> list[str | None]:
    """The first cell of each row, among these columns, that is not empty."""
    first, *others = positions
    cells: list[str | None] = [row[first] or None for row in rows]
    for other in others:
        cells = [cell or row[other] or None for cell, row in zip(cells, rows, strict=True)]
    return cells


def _csv_records(chunk: list[tuple[int, list[str]]], header: list[str]) -> Callable[..., list[object]]:
    def records(positions: list[int]) -> list[object]:
        return [_csv_record(chunk[position][1], header) for position in positions]

    return records


def _csv_record(cells: list[str], header: list[str]) -> dict[str, object]:
    record: dict[str, object] = dict(zip(header, cells, strict=False))
    if len(cells) > len(header):
        record["(more cells)"] = cells[len(header) :]
    return record


_TEXT_READERS: dict[str, Callable[[io.TextIOWrapper, FieldNames, str], Iterator[Batch]]] = {
    "json": _json_batches,
    "jsonl": _jsonl_batches,
    "csv": _csv_batches,
}


def _parquet_batches(
    stream: io.BufferedReader, source: PathLike | IO[Any], names: FieldNames, where: str
) -> Iterator[Batch]:
    """Batches of a Parquet file; ``row`` is the position."""
    plain = isinstance(source, (str, os.PathLike)) and Path(source).suffix.lower() not in _COMPRESSIONS
    # From its path a file is read a piece at a time; a stream must be in memory, to be read from its end.
    with pq.ParquetFile(str(source) if plain else pa.BufferReader(stream.read())) as file:
        batches = file.iter_batches(batch_size=BATCH_ROWS)
        yield from batches_of_arrow(batches, file.schema_arrow, names, where)
