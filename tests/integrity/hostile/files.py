"""Things to find where a table's file should be. Each is put at a path by a function of that path."""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

Trap = Callable[[Path], None]
MAGIC = b"PAR1"


class Pickled:
    """Whoever unpickles this starts a program."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch unpickled",)


PICKLE = pickle.dumps(Pickled())


ROWS = 1000
"""A number whose bytes are nowhere else in a footer."""


def good() -> pa.Table:
    """What the table really holds."""
    places = range(ROWS)
    return pa.table({"id": list(places), "value": [i / 7 for i in places], "text": [f"t{i}" for i in places]})


def parquet(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def holding(content: bytes) -> Trap:
    return lambda path: path.write_bytes(content) and None


def with_metadata(**metadata: bytes) -> Trap:
    return holding(parquet(good().replace_schema_metadata({key.replace("__", ":"): v for key, v in metadata.items()})))


def footer_of(content: bytes) -> tuple[int, bytes]:
    (length,) = struct.unpack("<I", content[-8:-4])
    return len(content) - 8 - length, content[-8 - length : -8]


def with_footer(change: Callable[[bytes], bytes], table: pa.Table | None = None) -> Trap:
    content = parquet(good() if table is None else table, compression="none")
    start, footer = footer_of(content)
    footer = change(footer)
    return holding(content[:start] + footer + struct.pack("<I", len(footer)) + MAGIC)


def declaring(rows: int) -> Trap:
    """A footer that says so many rows, wherever it says how many, be it as rows or as values."""
    return with_footer(lambda footer: footer.replace(varint(2 * ROWS), varint(2 * rows)))


def varint(value: int) -> bytes:
    """As Thrift's compact protocol writes an unsigned number; twice the value for a signed one."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def nested(depth: int) -> pa.Table:
    array = pa.array([1])
    for _ in range(depth):
        array = pa.StructArray.from_arrays([array], ["f"])
    return pa.table({"id": array})


def arrow_schema(body: bytes) -> Trap:
    return with_metadata(ARROW__schema=base64.b64encode(body))


def extension() -> Trap:
    """A column of the extension type whose parameters old releases of pyarrow unpickled."""
    metadata = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": PICKLE}
    field = pa.field("id", pa.int64()).with_metadata(metadata)
    return holding(parquet(pa.table([pa.array(list(range(ROWS)))], schema=pa.schema([field]))))


def note(**columns: object) -> Trap:
    return with_metadata(**{"features.pandas": json.dumps({"columns": columns}).encode()})


def sparse(size: int) -> Trap:
    def put(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size)

    return put


def listening(path: Path) -> None:
    """A socket whose name is longer than addresses may be is made by its name alone, and moved."""
    short = Path("socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(short))
    short.rename(path)


def bomb(path: Path, column: pa.Array) -> None:
    """Gigabytes of values in kilobytes of file."""
    pq.write_table(pa.table({"id": column}), path, compression="gzip")


def outside(path: Path) -> None:
    path.symlink_to(Path("outside/secret.parquet").absolute())


def linked(target: str) -> Trap:
    return lambda path: path.symlink_to(target)


def folder(path: Path) -> None:
    path.mkdir()
    (path / "inside").write_bytes(b"x")


def to_a_pipe(path: Path) -> None:
    os.mkfifo("fifo")
    path.symlink_to(Path("fifo").absolute())


def unreadable(path: Path) -> None:
    path.write_bytes(GOOD)
    path.chmod(0)


GOOD = parquet(good())
FILES: dict[str, Trap] = {
    "nothing at all": lambda path: None,
    "empty": holding(b""),
    "one byte": holding(b"P"),
    "magic alone": holding(MAGIC),
    "magic twice": holding(MAGIC * 2),
    "noise": holding(bytes(range(256)) * 40),
    "text": holding(b"id,value,text\n1,2,x\n"),
    "HTML": holding(b"<html><script>alert(1)</script></html>"),
    "a pickle": holding(PICKLE),
    "a program": holding(b"#!/bin/sh\ntouch executed\n"),
    "Arrow IPC": holding(b"ARROW1\0\0" + bytes(100)),
    "SQLite": holding(b"SQLite format 3\0" + bytes(4096)),
    "encrypted Parquet": holding(GOOD[:-4] + b"PARE"),
    "without its end": holding(GOOD[:-1]),
    "half": holding(GOOD[: len(GOOD) // 2]),
    "its end alone": holding(GOOD[-200:]),
    "twice": holding(GOOD * 2),
    "with a tail": holding(GOOD + bytes(1000)),
    "without pages": holding(MAGIC + GOOD[footer_of(GOOD)[0] :]),
    "pages of zeros": holding(MAGIC + bytes(footer_of(GOOD)[0] - 4) + GOOD[footer_of(GOOD)[0] :]),
    "pages of ones": holding(MAGIC + b"\xff" * (footer_of(GOOD)[0] - 4) + GOOD[footer_of(GOOD)[0] :]),
    "footer longer than the file": holding(GOOD[:-8] + b"\xff\xff\xff\x7f" + MAGIC),
    "footer of negative length": holding(GOOD[:-8] + b"\xff\xff\xff\xff" + MAGIC),
    "footer of length 0": holding(GOOD[:-8] + b"\0\0\0\0" + MAGIC),
    "footer of zeros": with_footer(lambda footer: bytes(len(footer))),
    "footer of ones": with_footer(lambda footer: b"\xff" * len(footer)),
    "footer of nested lists": with_footer(lambda footer: b"\x19\xfc" + b"\x19" * 60_000),
    "footer of nested structs": with_footer(lambda footer: b"\x1c" * 100_000),
    "footer with a list of two billion": with_footer(
        lambda footer: b"\x15\x02\x29\xfc\xff\xff\xff\xff\x07" + footer[4:]
    ),
    "footer with a text of two billion": with_footer(
        lambda footer: footer.replace(b"\x02id", b"\xfe\xff\xff\xff\x07id")
    ),
    "declares no rows": declaring(0),
    "declares a billion rows": declaring(10**9),
    "declares 2**62 rows": declaring(2**62),
    "declares fewer than no rows": with_footer(lambda footer: footer.replace(varint(2 * ROWS), varint(2 * ROWS - 1))),
    "other column names": holding(parquet(good().rename_columns(["no", "such", "names"]))),
    "other types": holding(parquet(pa.table({"id": ["x"] * ROWS, "value": [True] * ROWS, "text": [1] * ROWS}))),
    "more columns": holding(parquet(good().append_column("more", pa.array([1] * ROWS)))),
    "fewer columns": holding(parquet(good().select(["id"]))),
    "columns in another order": holding(parquet(good().select(["text", "value", "id"]))),
    "more rows": holding(parquet(pa.concat_tables([good(), good()]))),
    "no rows": holding(parquet(good().slice(0, 0))),
    "one column twice": with_footer(
        lambda footer: footer.replace(b"\x04text", b"\x02id").replace(b"value", b"\x00" * 5)
    ),
    "column name of control characters": with_footer(lambda footer: footer.replace(b"text", b"\x1b[2J")),
    "column name that is no text": with_footer(lambda footer: footer.replace(b"text", b"\xff\xfe\xfd\xfc")),
    "a thousand levels": holding(parquet(nested(1000))),
    "a bomb of nulls": lambda path: bomb(path, pa.nulls(10_000_000, pa.int64())),
    "a bomb of one text": lambda path: bomb(path, pa.DictionaryArray.from_arrays(
        pa.nulls(10_000_000, pa.int32()).fill_null(0), pa.array(["x" * 1000]))),
    "an Arrow schema that is none": arrow_schema(b"\xff" * 200),
    "an Arrow schema of another table": arrow_schema(bytes(pa.schema([("id", pa.list_(pa.int8()))]).serialize())),
    "an Arrow schema that is not base64": with_metadata(ARROW__schema=b"\xff\0!"),
    "an extension type with a pickle": extension(),
    "pandas metadata that is a pickle": with_metadata(pandas=PICKLE),
    "pandas metadata that lies": with_metadata(
        pandas=json.dumps({"index_columns": ["gone"], "columns": [{"name": "id", "numpy_type": "object"}]}).encode()
    ),
    "pandas metadata that is not JSON": with_metadata(pandas=b"{" * 100_000),
    "a note that is not JSON": with_metadata(**{"features.pandas": b"{"}),
    "a note of deep JSON": with_metadata(**{"features.pandas": b"[" * 100_000}),
    "a note that is a list": with_metadata(**{"features.pandas": b"[]"}),
    "a note of an unknown kind": note(id={"kind": "pickle", "of": "os.system"}),
    "a note of a dtype that imports": note(id={"kind": "extension", "dtype": "os.system('touch executed')"}),
    "a note without a kind": note(id={}, value=None, text=[1]),
    "a note of categories that lie": note(text={"kind": "categorical", "categories": [1, 2], "ordered": "maybe"}),
    "a folder": folder,
    "a FIFO": os.mkfifo,
    "a socket": listening,
    "a link to outside": outside,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": linked("/nowhere"),
    "a link to a device": linked("/dev/zero"),
    "a link to a FIFO that nobody writes": to_a_pipe,
    "a terabyte of nothing": sparse(1 << 40),
    "a file that may not be read": unreadable,
}  # fmt: skip
