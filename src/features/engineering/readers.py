"""Files of movies as batches: JSON, JSONL, CSV and Parquet, plain or compressed, from a path or an open
file."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import re
import sys
import threading
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from features.engineering.arrow_values import distinct_names
from features.engineering.batch import (
    BATCH_ROWS,
    Batch,
    FieldNames,
    batch_of_rows,
    batches_of_arrow,
    batches_of_records,
)
from features.engineering.opening import COMPRESSIONS, name_of, not_movies, opened, rewound
from features.engineering.opening import PathLike as PathLike
from features.errors import ConfigError, InvalidMoviesError, SourceNotFoundError, is_the_callers
from features.threads import begun

Format: TypeAlias = Literal["json", "jsonl", "csv", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)

_ENDINGS: dict[str, Format] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_PACKED = {
    rb"BZh\d1AY&SY": "bzip2",
    rb"\xfd7zXZ\x00": "xz",
    rb"PK\x03\x04": "zip",
    rb"\x1f\x8b|\x28\xb5\x2f\xfd": "gzip or zstd more than once",
}
"""How files begin that are packed in ways not read here, and what packed them."""


def batches_of_file(source: PathLike | IO[Any], given: Format | None, names: FieldNames) -> Iterator[Batch]:
    """The records of a file, as ``read_movies`` promises."""
    if given is not None and given not in FORMATS:
        message = f"format is {given!r}; it must be one of {', '.join(FORMATS)}, or None to tell by the file"
        raise ConfigError(message, field="format", value=given)
    if not isinstance(source, (str, os.PathLike)) and not hasattr(source, "read"):
        raise not_movies(f"source is {type(source).__name__};", "give a path or an open file")
    where = name_of(source)
    by_name = given or _format_by_ending(source)
    with _told_as_movies(where, by_name), opened(source) as (stream, path):
        start = stream.read(16)
        stream = rewound(start, stream)
        if not start:
            raise not_movies(where, "is empty")
        if packed := next((name for magic, name in _PACKED.items() if re.match(magic, start)), None):
            raise not_movies(where, f"is packed with {packed}; unpack it first")
        read: list[bytes] = []
        chosen = by_name or _format_by_content(_noted(stream, read))
        stream = rewound(b"".join(read), stream)
        if chosen == "parquet":
            yield from _parquet_batches(stream, path, names, where)
            return
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        try:
            yield from _TEXT_READERS[chosen](text, names, where)
        finally:
            text.detach()
        if chosen != "csv":
            names.require_found(where)


@contextmanager
def _told_as_movies(where: str, named: Format | None) -> Iterator[None]:
    """Turn what parsers and decompressors raise into one sentence about the file, whose format may be ``named``."""
    try:
        yield
    except UnicodeDecodeError as error:
        if error.encoding != "utf-8":
            raise not_movies(where, f"is not {error.encoding} text; open it with the encoding that it has") from None
        other = "" if named else ", or name its format with format="
        begins_as_utf_16 = error.object[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        has = "UTF-16" if begins_as_utf_16 else "LATIN1"
        raise not_movies(where, f"is not UTF-8 text; convert it, as with iconv -f {has} -t UTF-8{other}") from None
    except PermissionError:
        raise not_movies(where, "may not be read by you; check its permissions") from None
    except (csv.Error, pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, EOFError, zlib.error) as error:
        if isinstance(error, SourceNotFoundError) or is_the_callers(error):
            raise
        raise not_movies(where, f"cannot be read: {error}") from error


def _format_by_ending(source: object) -> Format | None:
    suffixes = [suffix.lower() for suffix in Path(name_of(source)).suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    return _ENDINGS.get(suffixes[-1]) if suffixes else None


def _noted(lines: Iterable[bytes], read: list[bytes]) -> Iterator[bytes]:
    """The lines, each noted in ``read`` as it is taken."""
    for line in lines:
        read.append(line)
        yield line


def _format_by_content(lines: Iterator[bytes]) -> Format:
    """What starts with ``lines``, of which no more than two that are not empty are taken."""
    filled = (bare for line in lines if (bare := line.removeprefix(codecs.BOM_UTF8).strip()))
    first = next(filled, b"")
    if first.startswith(b"PAR1"):
        return "parquet"
    if first.startswith(b"["):
        return "json"
    if not first.startswith(b"{"):
        return "csv"
    return "jsonl" if next(filled, None) and _is_json(first) else "json"


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _json_batches(text: io.TextIOWrapper, names: FieldNames, where: str) -> Iterator[Batch]:
    """Batches of a JSON document; ``row`` is the position of a record, pages taken one after another."""
    return batches_of_records(_json_records(text.read(), where), names)


def _json_records(text: str, where: str) -> Iterator[object]:
    """The records of a document, parsed one at a time, so that a long list never is all Python objects."""
    at = _skip_space(text, 0)
    if at == len(text):
        raise not_movies(where, "is empty")
    if text[at] != "[":
        value, at = _parsed(text, at, where)
        if not isinstance(value, dict):
            raise not_movies(where, "holds no movies: a record is a JSON object, several are a list of them")
        yield from _unpaged(value)
        if _skip_space(text, at) < len(text):
            raise _broken(text, at, "something follows the object", where)
        return
    at = _skip_space(text, at + 1)
    more = text[at : at + 1] != "]"
    while more:
        value, at = _parsed(text, at, where)
        yield from _unpaged(value)
        at = _skip_space(text, at)
        more = text[at : at + 1] == ","
        if more:
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
    except (ValueError, RecursionError) as error:
        raise _broken(text, at, _beyond(error), where) from None


def _beyond(error: ValueError | RecursionError) -> str:
    """What Python does not parse though it is JSON."""
    if isinstance(error, RecursionError):
        return "lists or objects are nested too deep"
    return f"an integer has more than {sys.get_int_max_str_digits():,} digits"


def _broken(text: str, at: int, what: str, where: str, *, line: int | None = None) -> InvalidMoviesError:
    line = line or text.count("\n", 0, at) + 1
    hint = "; one record a line is format='jsonl'" if what.startswith("something follows the object") else ""
    return not_movies(where, f"is not valid JSON at line {line}: {what}{hint}")


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
        what = error.msg if isinstance(error, json.JSONDecodeError) else _beyond(error)
        raise _broken(content, 0, what, where, line=line) from None


def _json_list(where: str) -> InvalidMoviesError:
    return not_movies(where, "has a list where a line should be one record; a list of records is format='json'")


def _csv_batches(text: io.TextIOWrapper, names: FieldNames, where: str) -> Iterator[Batch]:
    """Batches of comma-separated cells, all of them text; ``row`` is the line where a record starts, from
    1."""
    lines = _csv_lines(text, where)
    _, header = next(_large_cells(lines, 1), [(0, [])])[0]
    if len(header) == 1 and (other := next((mark for mark in ";\t|" if mark in header[0]), None)):
        raise not_movies(where, f"is separated by {other!r}; separate its cells by commas")
    header = [name.strip() for name in header]
    found = names.present(header, where)
    at = {field: [header.index(name) for name in ours] for field, ours in found.items() if ours}
    told = distinct_names(header)
    for chunk in _large_cells(lines, BATCH_ROWS):
        yield _csv_batch(chunk, told, at)


def _csv_lines(text: Iterable[str], where: str) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not an empty line, with the line it starts on."""
    at_end: list[bool] = []
    reader = csv.reader(chain(text, _note_end(at_end)))
    start = 1
    for cells in reader:
        if at_end:  # it looked for another line, and so for the end of a quote
            reason = f"has a quote that is never closed in the record that starts in line {start}"
            raise not_movies(where, f"{reason}; close it, or double it where it is part of the text")
        if cells:
            yield start, cells
        start = reader.line_num + 1


def _note_end(reached: list[bool]) -> Iterator[str]:
    """Nothing; but ``reached`` is then not empty."""
    reached.append(True)
    yield from ()


class _AnyLength:
    """Cells of any length while some thread reads: the csv module has one limit for all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._usual = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._readers:
                self._usual = csv.field_size_limit(2**31 - 1)
            self._readers += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers:
                csv.field_size_limit(self._usual)


_ANY_LENGTH = _AnyLength()


def _large_cells(lines: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Chunks of ``lines``, read with cells of any length."""
    while True:
        with _ANY_LENGTH:
            chunk = list(islice(lines, size))
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
    return Batch(columns.get, [line for line, _ in chunk], _csv_records(chunk, header), ragged, from_csv=True)


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


def _parquet_batches(stream: io.BufferedReader, path: str | None, names: FieldNames, where: str) -> Iterator[Batch]:
    """Batches of a Parquet file; ``row`` is the position."""
    # From its path a file is read a piece at a time; a stream must be in memory, to be read from its end.
    with (
        pq.ParquetFile(path or pa.BufferReader(stream.read())) as file,
        closing(_read_ahead(file.iter_batches(batch_size=BATCH_ROWS))) as batches,  # its thread ends before the file
    ):
        yield from batches_of_arrow(batches, file.schema_arrow, names, where)


def _read_ahead(batches: Iterator[pa.RecordBatch]) -> Generator[pa.RecordBatch]:
    """The same batches; each is read while the one before it is judged."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        following = begun(beside, next, batches, None)
        while (batch := following()) is not None:
            following = begun(beside, next, batches, None)
            yield batch
