"""Paths and open files as bytes to read: from their start, decompressed, with no need to seek."""

from __future__ import annotations

import codecs
import gzip
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias, cast

import pyarrow as pa

from features.errors import InvalidMoviesError, SourceNotFoundError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PathLike: TypeAlias = str | os.PathLike[str]

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


def not_movies(where: str, reason: str) -> InvalidMoviesError:
    """The error for a file as a whole."""
    return InvalidMoviesError(f"{where} {reason}", count=0, problems=())


def name_of(source: object) -> str:
    """What messages call ``source``."""
    if isinstance(source, (str, os.PathLike)):
        return str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the input"


class _Rewound(io.RawIOBase):
    """A stream from before what was read of it: a pipe cannot seek, and a ``peek`` may show less of it than will
    come."""

    def __init__(self, read: bytes, rest: io.BufferedReader) -> None:
        self._read, self._rest = io.BytesIO(read), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return self._read.readinto(buffer) or self._rest.readinto1(buffer)


def rewound(read: bytes, rest: io.BufferedReader) -> io.BufferedReader:
    """``rest`` with what was ``read`` of it before it again. Closing it does not close ``rest``."""
    return io.BufferedReader(_Rewound(read, rest))


@contextmanager
def opened(source: PathLike | IO[Any]) -> Iterator[tuple[io.BufferedReader, str | None]]:
    """The decompressed bytes of ``source``, and the path where they stand as they are, to be read in any order. A
    file that the caller opened is not closed."""
    if not isinstance(source, (str, os.PathLike)):
        with _decompressed(_binary(source)) as (stream, _):
            yield stream, None
        return
    named = os.fspath(source)
    if not named:
        raise SourceNotFoundError("the path is empty; name a file", path=named)
    path = Path(named)
    with suppress(RuntimeError):  # a user that there is not: then it is a name like any other
        path = path.expanduser()
    if not path.exists():
        if "://" in named:
            raise SourceNotFoundError(f"{named} is a URL; download it, and name the file", path=named)
        raise SourceNotFoundError(f"there is no file {path}; check the path", path=str(path))
    if path.is_dir():
        raise not_movies(str(path), "is a directory; name a file in it")
    with path.open("rb") as file, _decompressed(file, COMPRESSIONS.get(path.suffix.lower())) as (stream, compression):
        yield stream, str(path) if compression is None and path.is_file() else None


@contextmanager
def _decompressed(given: io.BufferedReader, told: str | None = None) -> Iterator[tuple[io.BufferedReader, str | None]]:
    """The bytes in ``given``, and how they were compressed: as it starts, or else as ``told``."""
    start = given.read(4)
    given = rewound(start, given)
    compression = next((name for magic, name in _MAGIC.items() if start.startswith(magic)), told)
    if compression is None:
        yield given, None
    elif compression == "gzip":  # not by Arrow, which refuses the zeros that tapes and disks leave at the end
        with gzip.GzipFile(fileobj=given) as file:
            yield io.BufferedReader(cast(io.RawIOBase, file)), compression
    else:
        with pa.input_stream(given, compression=compression) as stream:
            yield io.BufferedReader(cast(io.RawIOBase, stream)), compression


def _binary(source: IO[Any]) -> io.BufferedReader:
    """An open file's bytes: those beneath a text file where its text is nothing else, or else its text, encoded
    again."""
    beneath = source.buffer if _is_plainly_utf8(source) else source  # type: ignore[attr-defined]
    if isinstance(beneath, io.BufferedReader):
        return beneath
    data = beneath.read()
    # Halves of surrogate pairs become bytes that are told not to be UTF-8.
    return io.BufferedReader(io.BytesIO(data.encode(errors="surrogatepass") if isinstance(data, str) else data))


def _is_plainly_utf8(file: Any) -> bool:
    """Whether ``file`` is a text file that reads UTF-8 as it is and holds nothing that it has read ahead."""
    try:
        file.reconfigure(errors=file.errors)  # changes nothing, and is refused once something was read
    except (AttributeError, io.UnsupportedOperation):
        return False
    return file.errors == "strict" and codecs.lookup(file.encoding).name in ("utf-8", "utf-8-sig")
