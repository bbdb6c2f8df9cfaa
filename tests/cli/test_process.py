"""The command as a process: its exit codes, pipes, terminals and signals."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

import pytest

from features.engineering.movies import sample_movies
from features.store.feature_store import FeatureStoreConfig, SimpleFeatureStore
from tests.cli.conftest import SOURCE
from tests.cli.running import Run

pty = pytest.importorskip("pty", reason="terminals are imitated on Unix only")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")


class Terminal:
    """A command at a terminal of 80 columns that is read all the time, as a full one would hold the command up."""

    def __init__(self, *arguments: str, stdin: int | None = None, **settings: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._shown = bytearray()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "features", *arguments],
            stdin=theirs if stdin is None else stdin,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "PYTHONPATH": str(SOURCE), "TERM": "xterm", **settings},
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        self._reader.join(10)
        os.close(self._ours)

    def wait_for(self, text: str) -> None:
        """Until the command has shown ``text``."""
        deadline = time.monotonic() + 60
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            time.sleep(0.01)

    def ended(self) -> int:
        """The exit code, once all that was shown has been read."""
        code = self.process.wait(60)
        self._reader.join(10)
        return code

    @property
    def shown(self) -> str:
        return self._shown.decode(errors="replace").replace("\r\n", "\n")

    def _drain(self) -> None:
        # Linux ends with an error once the other side is closed, others with nothing.
        with contextlib.suppress(OSError):
            while piece := os.read(self._ours, 4096):
                self._shown += piece


def test_uninstalled_sources_build_and_show_a_store_from_a_pipe(spawn: Run, tmp_path: Path) -> None:
    movies = '{"movie_id": 1, "title": "One"}\n{"movie_id": 2}\n'
    built = spawn("build", "-", "--on-invalid", "reject", "--json", stdin=movies)
    assert (built.code, built.err) == (0, "")
    assert built.json["movies"] == {"read": 2, "accepted": 1, "rejected": 1}
    refused = spawn("ls", "--store", "nowhere")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("error: there is no store in nowhere")


def test_help_appears_without_loading_what_only_commands_need() -> None:
    heavy = {"numpy", "pandas", "polars", "pyarrow", "sqlalchemy", "rich"}
    program = f"""
import sys
import typer  # older ones load rich themselves
before = set(sys.modules)
from features.cli import app
try:
    app(["--help"])
except SystemExit as left:
    assert left.code in (0, None)
loaded = {heavy!r} & (set(sys.modules) - before)
sys.exit(str(sorted(loaded)) if loaded else 0)
"""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_its_extra_the_command_names_it(spawn: Run) -> None:
    outcome = spawn("ls", python=("-S",))
    assert outcome.code == 2
    assert outcome.err == "error: the command line needs typer and rich; pip install 'typed-feature-store[cli]'\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_stream_that_the_shell_closed_is_no_failure(closed: str) -> None:
    typed = f"{sys.executable} -m features build --sample 2 --json {closed}"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(typed, shell=True, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) == (">&-" not in closed.replace("2>&-", ""))
    with SimpleFeatureStore(FeatureStoreConfig("store", backend="pyarrow")) as store:
        assert store.check(deep=True).ok


def test_a_closed_input_is_an_empty_one() -> None:
    typed = f"{sys.executable} -m features build - <&-"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(typed, shell=True, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: the input is empty; ")


@pytest.mark.parametrize("typed", [("--help",), ("ls", "--help"), ("--version",), ("sample", "1")])
def test_a_pipe_closed_before_the_first_word_is_told_by_the_code_alone(typed: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "features", *typed]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_reader_that_has_enough_is_not_complained_about() -> None:
    command = [sys.executable, "-m", "features", "sample", "3000"]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline()) == sample_movies(1)[0]
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_output_that_cannot_be_written_is_an_error() -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [sys.executable, "-m", "features", "sample", "1"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: stdout could not be written to: No space left on device; ")
    assert done.stderr.count("\n") == 1


def test_a_terminal_of_80_columns_cuts_nothing_and_no_color_is_heeded(store: Path) -> None:
    with Terminal("show", "movies", "basic", "--rows", "2", NO_COLOR="1") as terminal:
        assert terminal.ended() == 0
    assert "\x1b" not in terminal.shown
    assert max(map(len, terminal.shown.splitlines())) <= 80
    words = " ".join(terminal.shown.split())
    assert "rating as poor < 5 ≤ below_average < 6 ≤ average < 7 ≤ good < 8 ≤ excellent" in words


@pytest.mark.parametrize("columns", ["0", "x"])
def test_a_width_that_is_none_is_the_terminals(store: Path, columns: str) -> None:
    with Terminal("ls", COLUMNS=columns) as terminal:
        assert terminal.ended() == 0
    assert "movies  " in terminal.shown


def test_progress_and_emphasis_are_shown_at_a_terminal() -> None:
    Path("movies.json").write_text('[{"movie_id": 1, "title": "One"}]')
    with Terminal("build", "movies.json") as terminal:
        assert terminal.ended() == 0
    assert "computing features" in terminal.shown
    assert terminal.shown.index("computing features") < terminal.shown.index("Movies: 1 read")
    assert "\x1b[1mTABLE" in terminal.shown


def test_an_interrupt_ends_with_one_sentence_and_130() -> None:
    with Terminal("build", "-", stdin=subprocess.PIPE) as terminal:
        terminal.wait_for("reading movies")
        terminal.process.send_signal(signal.SIGINT)
        # Where the interrupt meets Python executing a string, as imports do, Python leaves by the signal in the end:
        # a shell shows 130 either way.
        assert terminal.ended() in {130, -signal.SIGINT}
    assert "error: interrupted" in terminal.shown
    assert "Traceback" not in terminal.shown
    assert not Path("store").exists()


def test_an_ascii_terminal_gets_escapes_not_an_error(spawn: Run, store: Path) -> None:
    outcome = spawn("show", "movies", "text", "--rows", "0", PYTHONIOENCODING="ascii")
    assert (outcome.code, outcome.err) == (0, "")
    assert "8 rows \\xd7 12 columns" in outcome.out
