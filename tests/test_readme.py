"""What README tells to type works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
PYTHON = [body for language, body in BLOCKS if language == "python"]
COMMANDS = [
    line.partition("#")[0].strip()
    for language, body in BLOCKS
    if language == "sh"
    for line in body.splitlines()
    if line.strip()
]
# What an environment for tests has done already: this very test runs in it.
INSTALLING = ("python -m pip install '.[all]' && ", "python -m pip install tox && tox")


def run(arguments: list[str], folder: Path, **more: object) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {name: value for name, value in os.environ.items() if name != "FEATURES_STORE"} | {"PATH": path}
    done = subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False, **more
    )
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.splitlines()[0])
def test_a_python_block_runs(block: str, tmp_path: Path) -> None:
    for _ in range(2):  # as somebody does who tries it out
        run([sys.executable, "-W", "error", "-c", block], tmp_path)


def test_the_commands_run_one_after_the_other(tmp_path: Path) -> None:
    for library in ("pandas", "polars"):
        pytest.importorskip(library, reason="the commands stand where all has been installed")
    left = [command for told in COMMANDS if (command := without_installing(told))]
    assert len(left) > 8
    for command in left:
        assert command.startswith("features ")
        run([command], tmp_path, shell=True)


def without_installing(command: str) -> str:
    for installing in INSTALLING:
        command = command.removeprefix(installing)
    return command


def test_the_first_forty_lines_say_why_how_and_show_it() -> None:
    start = "\n".join(README.splitlines()[:40])
    assert "python -m pip install '.[all]' && features build --sample 1000 --store store" in start
    assert "python -m pip install tox && tox" in start
    assert "save_features" in start


def test_ci_runs_the_command_that_readme_tells() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "grep -m 1 '^python -m pip install tox' README.md" in script
    assert any(command.startswith("python -m pip install tox") for command in COMMANDS)


def test_every_setting_is_in_the_table() -> None:
    from features.store.feature_store import FeatureStoreConfig

    for field in FeatureStoreConfig.__dataclass_fields__:
        if field != "_":
            assert f"`{field}`" in README, field


def test_every_tox_environment_that_readme_names_exists() -> None:
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    for name in re.findall(r"tox -e (\w+)[` ]", README):
        assert f"[testenv:{name}]" in tox, name
