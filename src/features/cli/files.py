"""Writing a file that appears whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from features.errors import StorageError


def ending(out: Path, allowed: tuple[str, ...]) -> str:
    """The ending of ``out``, in lower case.

    Raises:
        typer.BadParameter: it is none of those ``allowed``.
    """
    found = out.suffix.lower().removeprefix(".")
    if found not in allowed:
        raise typer.BadParameter(f"{str(out)!r} must end in one of .{', .'.join(allowed)}", param_hint="--out")
    return found


@contextmanager
def whole_file(out: Path, *, force: bool) -> Iterator[Path]:
    """A new file beside ``out`` to write to, which takes its name when the block ends well and goes otherwise.

    Raises:
        StorageError: ``out`` is there and ``force`` is not set, or its folder is not there.
    """
    _require_free(out, force=force)
    beside = out.with_name(f".{out.name}.{secrets.token_hex(8)}.part")
    try:
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        message = f"could not write {out}: {error.strerror}; check its folder"
        raise StorageError(message, path=str(out), errno=error.errno) from None
    try:
        yield beside
        _sync(beside)
        _require_free(out, force=force)
        beside.replace(out)
    finally:
        beside.unlink(missing_ok=True)


def _require_free(out: Path, *, force: bool) -> None:
    if out.is_dir():
        raise StorageError(f"{out} is a folder; name a file", path=str(out), errno=None)
    if out.exists() and not force:
        message = f"{out} is there already; choose another name, or write over it with --force"
        raise StorageError(message, path=str(out), errno=None)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
