"""Every way in which a command may fail, as an exit code and one sentence with the next step; never a traceback."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from features.cli.screen import printable, stdout_told
from features.errors import ConfigError, FeatureStoreError, InvalidMoviesError, InvalidNameError, MissingExtraError

FOUND_WRONG = 1
"""What was asked for makes sense, but a file, a store or its data stand against it."""
WRONG_USE = 2
"""The command can never work as it was typed."""
INTERRUPTED = 130
CUT_OFF = 141
"""Whoever read our output closed it; the code that a shell gives to a program ended by the pipe."""

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""Not public under one name: it was click's until typer brought its own."""


def _as_option(argument: re.Match[str]) -> str:
    return f"--{argument[0].replace('_', '-')}"


_AS_TYPED: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"on_invalid='reject'"), "--on-invalid reject"),
    (re.compile(r"rename=\{'their name': '(\w+)'\}"), r"--rename 'their name=\1'"),
    (re.compile(r"^rename="), "--rename"),
    (re.compile(r"\bis format='(\w+)'"), r"is --format \1"),
    (re.compile(r"\bwith format=$"), "with --format"),
    (re.compile(r"\bcheck\(deep=True\)"), "features check --deep"),
    (re.compile(r"\bgc\(keep_last=…\)"), "features gc --keep-last N"),
    (re.compile(r"\bsave_features\(\)"), "features build"),
    (re.compile(r"\bwith version=… \(versions\(\) lists"), "with --version N (features log lists"),
    (re.compile(r", or raise busy_timeout_seconds"), ""),
    (re.compile(r"\bname the (catalog_url that the store was made with)"), r"open it in Python with the \1"),
    (re.compile(r"(^|; |\bas |\banother |\bchoose a )base_path\b"), r"\1--store"),
    (re.compile(r"^(keep_last|older_than|message|backend)\b"), _as_option),
)
"""The library's messages speak of Python arguments; here the same things are options. Each with what it stands beside
there, as the name of a user's file may be one of these words."""


class TellingGroup(TyperGroup):
    """The root command: whatever is raised beneath it is told in one sentence and becomes an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and leave by ``SystemExit``, unless ``standalone_mode`` is off: then as any other group."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        typed = sys.argv[1:] if args is None else list(args)
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except Exception as error:  # noqa: BLE001 - the last stop of every error
            code = tell(error, as_json=self._asks_for_json(typed))
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # polars' bugs arrive as one, outside of Exception
                raise
            code = tell(error, as_json=self._asks_for_json(typed))
        _let_output_leave()
        sys.exit(code if isinstance(code, int) else 0)

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Read the options, of which some print and leave."""
        with _until_cut_off():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command, and see that its output has left while a closed pipe can still be noticed quietly."""
        with _until_cut_off():
            result = super().invoke(ctx)
            with stdout_told():
                sys.stdout.flush()
        return result

    def _asks_for_json(self, typed: Sequence[str]) -> bool:
        """Whether ``--json`` was typed as an option, and not as the value of another or after ``--``."""
        options = [one for command in self.commands.values() for one in command.params]
        valued = {name for one in options if not getattr(one, "is_flag", True) for name in one.opts}
        words = iter(typed)
        for word in words:
            if word in ("--", "--json"):
                return word == "--json"
            if word in valued:
                next(words, None)
        return False


@contextmanager
def _until_cut_off() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        _drop_output()
        raise typer.Exit(CUT_OFF) from None
    except KeyboardInterrupt:
        raise typer.Abort from None


def tell(error: BaseException, *, as_json: bool) -> int:
    """Say on stderr what went wrong, and return the exit code. ``FEATURES_TRACEBACK=1`` raises it again instead."""
    if os.environ.get("FEATURES_TRACEBACK") == "1":
        raise error
    code, message = _explained(error)
    if as_json:
        sys.stderr.write(json.dumps({"error": {"type": type(error).__name__, "message": message}}) + "\n")
    else:
        sys.stderr.write(f"error: {printable(message)}\n")
    return code


def _explained(error: BaseException) -> tuple[int, str]:
    if isinstance(error, typer.Abort):
        return INTERRUPTED, "interrupted; run it again: no save is ever left half done"
    if isinstance(error, _UsageError):
        return WRONG_USE, _misuse(error)
    if isinstance(error, InvalidMoviesError) and ";" not in error.message:
        return FOUND_WRONG, f"{as_typed(error.message).rstrip('.')}; give a JSON, JSONL, CSV or Parquet file of movies"
    if isinstance(error, FeatureStoreError):
        wrong_use = isinstance(error, (ConfigError, InvalidNameError, MissingExtraError))
        return WRONG_USE if wrong_use else FOUND_WRONG, as_typed(error.message)
    if isinstance(error, ModuleNotFoundError):
        return WRONG_USE, f"{error.name} is not installed; pip install 'typed-feature-store[all]'"
    if isinstance(error, OSError):
        about = f" {error.filename}" if error.filename else ""
        return FOUND_WRONG, f"the system refused{about}: {error.strerror or error}; check the path and try again"
    if isinstance(error, MemoryError):
        return FOUND_WRONG, "there is not enough memory for this; work on fewer movies or columns at a time"
    first_line = (str(error).strip().splitlines() or ["no message"])[0]
    return FOUND_WRONG, (
        f"unexpected {type(error).__name__}: {first_line}; this is a bug: "
        "run it again with FEATURES_TRACEBACK=1 set, and report what that prints"
    )


def as_typed(message: str) -> str:
    """The library's message, with options for arguments."""
    for argument, option in _AS_TYPED:
        message = argument.sub(option, message)
    return message


def _misuse(error: Any) -> str:
    said = error.format_message().rstrip(".").replace("\n", " ").replace("Value error, ", "")
    said = said.replace(". Did you mean", "; did you mean")
    path = error.ctx.command_path if error.ctx else "features"
    return f"{said[:1].lower()}{said[1:]}{' See' if said.endswith('?') else '; see'} {path} --help"


def _let_output_leave() -> None:
    """Flush what an error left in the buffer; where that is the error, it has been told already."""
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()


def _drop_output() -> None:
    """Send what is still buffered nowhere: the interpreter flushes once more when it ends, and would complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
