"""Profiles for Hypothesis, chosen by ``HYPOTHESIS_PROFILE``, and which backends this environment has."""

from __future__ import annotations

import importlib.util
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.integrity.profiles import pytest_terminal_summary

__all__ = ["pytest_generate_tests", "pytest_terminal_summary"]

_SLOW_MACHINES = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile(
    "dev",
    max_examples=12,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=_SLOW_MACHINES,
    print_blob=True,
)
settings.register_profile("ci", settings.get_profile("dev"), max_examples=50, stateful_step_count=30)
settings.register_profile("thorough", settings.get_profile("dev"), max_examples=2000, stateful_step_count=100)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

# A shell without job control has what it starts with "&" ignore Ctrl-C, and so would all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What this environment can test: a test that takes ``backend`` runs once for each of these.
INSTALLED = [name for name in ("pandas", "polars", "pyarrow") if importlib.util.find_spec(name)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``backend`` on every installed one."""
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", INSTALLED)
