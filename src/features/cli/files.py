"""Writing a file that appears whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import typer

from features.errors import StorageError


def destination(out: Path, allowed: tuple[str, ...], *, force: bool) -> tuple[Path, str]:
    """``out`` with the home folder for ~, and its ending in lower case.

    Raises:
        typer.BadParameter: the ending is none of those ``allowed``.
        StorageError: ``out`` is there and ``force`` is not set, or is a folder.
    """
    found = out.suffix.lower().removeprefix(".")
    if found not in allowed:
        raise typer.BadParameter(f"{str(out)!r} must end in one of .{', .'.join(allowed)}", param_hint="--out")
    with suppress(RuntimeError):  # a user that there is not: then it is a name like any other
        out = out.expanduser()
    _require_free(out, force=force)
    return out, found


@contextmanager
def whole_file(out: Path, *, force: bool) -> Iterator[IO[bytes]]:
    """A new file beside ``out`` to write to, which takes its name when the block ends well and goes otherwise.

    Raises:
        StorageError: the system refused, or ``out`` came to be there and ``force`` is not set.
    """
    try:
        target = Path(os.path.realpath(out))  # what a link names is written, and it stays; resolve() fails on circles
        beside = target.with_name(f".{secrets.token_hex(8)}.part")  # no longer for a longer name, maybe the longest
        file = beside.open("xb")
    except OSError as error:
        raise _unwritten(out, error, "check its folder") from None
    try:
        with file:
            if target.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))  # what was private stays so
            yield file
            file.flush()
            os.fsync(file.fileno())
        _require_free(out, force=force)
        beside.replace(target)
    except StorageError:
        raise
    except OSError as error:
        raise _unwritten(out, error, "check its name and the free space") from error
    finally:
        beside.unlink(missing_ok=True)


def _require_free(out: Path, *, force: bool) -> None:
    if out.is_dir():
        raise StorageError(f"{out} is a folder; name a file", path=str(out), errno=None)
    if os.path.lexists(out) and not force:  # also a link to nothing is somebody's
        message = f"{out} is there already; choose another name, or write over it with --force"
        raise StorageError(message, path=str(out), errno=None)


def _unwritten(out: Path, error: OSError, step: str) -> StorageError:
    message = f"could not write {out}: {error.strerror or error}; {step}"
    return StorageError(message, path=str(out), errno=error.errno)
