"""The command ``features``, also as ``python -m features``."""

from __future__ import annotations

import gc
import importlib.util
import io
import os
import sys

_OBJECTS_BETWEEN_COLLECTIONS = 2_000_000
"""Objects made until Python looks for garbage. What a command makes is mostly modules, which stay until it ends: to
look through them sooner only takes time."""


def main() -> int:
    """Run the command line and leave with its exit code; 2 where the packages that it needs are not installed."""
    _open_closed_streams()
    absent = [name for name in ("typer", "rich") if importlib.util.find_spec(name) is None]
    if absent:
        packages = " and ".join(absent)
        sys.stderr.write(f"error: the command line needs {packages}; pip install 'typed-feature-store[cli]'\n")
        return 2
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a title in Korean must not stop an ASCII terminal
            stream.reconfigure(errors="backslashreplace")
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        from features.cli import app

        app(prog_name="features")
    except KeyboardInterrupt:  # before the command began; later ones are told there
        return 130
    finally:
        gc.freeze()  # else Python looks through all modules once more, a quarter of a short command's time
    return 0


def _open_closed_streams() -> None:
    """Nothing to read, and nowhere to write, where the shell closed a stream: else a file of ours gets its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
