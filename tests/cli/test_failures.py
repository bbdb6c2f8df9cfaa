"""Whatever goes wrong is one sentence on stderr and an exit code."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from pathlib import Path

import pytest

import features
from features.__main__ import main
from features.cli.failures import CUT_OFF, FOUND_WRONG, INTERRUPTED, WRONG_USE, as_typed
from tests.cli.running import Run


class PanicException(BaseException):
    """As polars raises it when its own code fails: not an ``Exception``."""


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("features.engineering.sample.movies_made_up", fail)


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (PanicException("index out of bounds"), 1, "unexpected PanicException: index out of bounds"),
        (ValueError("first\nsecond"), 1, "unexpected ValueError: first; this is a bug"),
        (RuntimeError(), 1, "no message"),
        (MemoryError(), 1, "not enough memory"),
        (PermissionError(13, "Permission denied", "/a/b"), 1, "/a/b: Permission denied"),
        (ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow"), 2, "pyarrow is not installed; pip install"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_every_error_is_one_line_with_its_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, told: str
) -> None:
    fail_with(error, monkeypatch)
    outcome = run("sample", 1)
    assert outcome.code == code
    assert told in outcome.err
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""


def test_errors_for_machines_are_json_on_stderr(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(PanicException("gone"), monkeypatch)
    outcome = run("sample", 1, "--json")
    assert outcome.out == ""
    error = json.loads(outcome.err)["error"]
    assert error["type"] == "PanicException"
    assert "gone" in error["message"]
    for arguments, kind in ((("show", "x", "--json"), "NotFoundError"), (("ls", "--nope", "--json"), "NoSuchOption")):
        assert json.loads(run(*arguments).err)["error"]["type"] == kind


@pytest.mark.parametrize(
    ("typed", "as_json"),
    [
        (("build", "--message", "--json"), False),
        (("build", "--", "--json"), False),
        (("build", "--message=--json"), False),
        (("build", "--message", "--json", "--json"), True),
        (("build", "--json", "--nope"), True),
        (("--nope", "--json"), True),
    ],
)
def test_errors_are_json_only_where_that_was_asked_for(run: Run, typed: tuple[str, ...], as_json: bool) -> None:
    outcome = run(*typed)
    assert outcome.code in {1, 2}
    assert outcome.err.startswith('{"error": ' if as_json else "error: ")


def test_a_misspelt_command_is_answered_with_the_nearest(run: Run) -> None:
    nearest = {"; did you mean 'ls'? See", "; see"}  # the least release of typer that we take names none
    assert run("lst").err in {f"error: no such command 'lst'{said} features --help\n" for said in nearest}


def test_the_traceback_is_there_for_those_who_ask(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(ValueError("look closely"), monkeypatch)
    monkeypatch.setenv("FEATURES_TRACEBACK", "1")
    with pytest.raises(ValueError, match="look closely"):
        run("sample", 1)


def test_an_unexpected_end_is_not_held_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(GeneratorExit(), monkeypatch)
    with pytest.raises(GeneratorExit):
        run("sample", 1)


@pytest.mark.parametrize(
    ("message", "typed"),
    [
        ("set them apart with on_invalid='reject'", "set them apart with --on-invalid reject"),
        ("say so with rename={'their name': 'title'}", "say so with --rename 'their name=title'"),
        ("one record a line is format='jsonl'", "one record a line is --format jsonl"),
        ("run check(deep=True)", "run features check --deep"),
        ("choose another base_path", "choose another --store"),
        ("make one with save_features()", "make one with features build"),
        ("with version=… (versions() lists them)", "with --version N (features log lists them)"),
        ("try again, or raise busy_timeout_seconds", "try again"),
        (
            "name the catalog_url that the store was made with",
            "open it in Python with the catalog_url that the store was made with",
        ),
        ("keep_last is 0; it must be", "--keep-last is 0; it must be"),
        ("version is 0; it must be", "version is 0; it must be"),
        ("the information= of reformat", "the information= of reformat"),
        ("there is no store in /a/base_path; build", "there is no store in /a/base_path; build"),
        ("/a/rename=x.csv is empty; format=y.csv", "/a/rename=x.csv is empty; format=y.csv"),
        ("rename= maps to 'x'", "--rename maps to 'x'"),
        ("or name its format with format=", "or name its format with --format"),
        ("/a is a file; base_path must be a folder", "/a is a file; --store must be a folder"),
        ("name the folder that it points into as base_path", "name the folder that it points into as --store"),
        ("choose a base_path on a disk", "choose a --store on a disk"),
    ],
)
def test_python_arguments_are_told_as_options(message: str, typed: str) -> None:
    assert as_typed(message) == typed


@pytest.mark.parametrize("absent", ["typer", "rich"])
def test_a_missing_extra_is_named_with_the_way_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, absent: str
) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    assert main() == 2
    assert capsys.readouterr().err == (
        f"error: the command line needs {absent}; pip install 'typed-feature-store[cli]'\n"
    )


def test_no_command_shows_the_help_and_is_wrong_use(run: Run) -> None:
    outcome = run()
    assert outcome.code == 2
    assert outcome.out == ""
    assert "Exit codes" in outcome.err


@pytest.mark.parametrize(
    ("typed", "code", "told"),
    [
        (("ls",), 2, "--store is 'store', but the working folder cannot be found"),
        (("sample", "3", "--out", "x.csv"), 1, "could not write x.csv: "),
    ],
)
def test_a_working_folder_that_is_gone_is_told(
    run: Run, tmp_path: Path, typed: tuple[str, ...], code: int, told: str
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    with contextlib.chdir(gone):
        gone.rmdir()
        outcome = run(*typed)
    assert (outcome.code, outcome.err[: len(f"error: {told}")]) == (code, f"error: {told}")


def test_every_exit_code_is_listed(run: Run) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    for text in (run("--help").out, readme):
        listed = text.partition("Exit codes: ")[2].partition(".")[0]
        assert re.findall(r"\d+", listed) == ["0", *map(str, (FOUND_WRONG, WRONG_USE, INTERRUPTED, CUT_OFF))]


def test_an_unknown_command_or_option_is_wrong_use(run: Run) -> None:
    assert (run("buidl").code, run("--nope").code, run("ls", "--nope").code) == (2, 2, 2)
    assert "features --help" in run("buidl").err
    assert "features ls --help" in run("ls", "--nope").err


def test_the_version_is_the_packages(run: Run) -> None:
    assert run("--version").out == f"features {features.__version__}\n"


COMMANDS = ("build", "ls", "show", "log", "get", "check", "gc", "rollback", "delete", "backup", "stress", "sample")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_shows_an_example_of_it(run: Run, command: str) -> None:
    outcome = run(command, "--help")
    assert outcome.code == 0
    assert f"Example:  features {command} " in outcome.out
    assert "--json" in outcome.out
    assert "\b" not in outcome.out


def test_the_help_lists_every_command_whole(run: Run) -> None:
    out = run("--help").out
    lines = out.splitlines()
    listed = lines[lines.index("Commands:") + 1 :]
    assert [line.split()[0] for line in listed if line] == list(COMMANDS)
    assert not any(line.endswith("...") for line in listed)


def test_the_damaged_catalog_is_named(run: Run, store: Path) -> None:
    (store / "catalog.sqlite3").write_bytes(b"not a database at all " * 50)
    outcome = run("ls")
    assert outcome.code == 1
    assert "restore it from a backup" in outcome.err
