"""Counts what each test here explores; ``tests/conftest.py`` prints the table."""

from tests.integrity.profiles import pytest_runtest_call

__all__ = ["pytest_runtest_call"]
