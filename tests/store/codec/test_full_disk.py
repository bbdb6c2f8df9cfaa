"""A disk that fills up while a file is written is the disk's fault, not the data's."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from features.testing.fidelity import installed

resource = pytest.importorskip("resource", reason="limits on file sizes are POSIX")

PROGRAM = """
import resource, signal, sys
import numpy as np, pyarrow as pa
from pathlib import Path
from features.store.drivers import codec_for

backend, path = sys.argv[1], Path(sys.argv[2])
columns = {"a": np.random.default_rng(0).random(200_000)}
if "texts" in sys.argv:
    columns["b"] = ["text"] * 200_000
if backend == "pandas":
    import pandas as library
    frame = library.DataFrame(columns)
elif backend == "polars":
    import polars as library
    frame = library.DataFrame(columns)
    frame = frame.lazy() if "lazy" in sys.argv else frame
else:
    frame = pa.table(columns)
prepared = codec_for(backend).prepare(frame, "t")
path.touch()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    prepared.content("none")(path)
except OSError as error:
    print("OSError", error.errno, path.exists())
"""

FRAMES = [[library] for library in installed()]
if ["polars"] in FRAMES:
    FRAMES += [["polars", "lazy"], ["polars", "texts"]]  # which polars writes itself


@pytest.mark.parametrize("frame", FRAMES, ids=" ".join)
def test_a_write_that_the_system_cuts_short_is_an_os_error_with_its_number(frame: list[str], tmp_path: Path) -> None:
    library, *kind = frame
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, library, str(tmp_path / "file"), *kind],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": ":".join(sys.path)},
        check=False,
    )
    assert run.stdout.split() == ["OSError", str(errno.EFBIG), "True"], run.stderr
