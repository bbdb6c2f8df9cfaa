"""The fidelity table: what comes back exactly and what is refused by name, for the libraries installed here.

Each case builds a small frame. Its row says what the codec does with that frame in this very environment, and the
tests store and load every case, so the table cannot say what is not so. There is no third outcome.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from features.errors import UnsupportedDataError
from features.frames import BACKENDS, Backend
from features.store.drivers import codec_for

Outcome: TypeAlias = Literal["exact", "refused"]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that a frame may hold. ``outcome`` is what must become of it; None where releases differ."""

    what: str
    build: Callable[[], Any]
    outcome: Outcome | None = "exact"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. ``note`` is the reason and the next step, empty where the outcome is "exact"."""

    backend: Backend
    what: str
    outcome: Outcome
    note: str


def fidelity_rows() -> list[Row]:
    """The whole table, for the libraries that are installed."""
    return [row for backend in installed() for row in _rows(backend)]


def installed() -> list[Backend]:
    """The backends whose library can be imported here."""
    return [backend for backend in BACKENDS if importlib.util.find_spec(backend) is not None]


def cases_of(backend: Backend) -> list[Case]:
    """The cases of one backend, importing its library and no other."""
    if backend == "pandas":
        from features.testing import fidelity_pandas

        return fidelity_pandas.cases()
    if backend == "polars":
        from features.testing import fidelity_polars

        return fidelity_polars.cases()
    from features.testing import fidelity_pyarrow

    return fidelity_pyarrow.cases()


def _rows(backend: Backend) -> Iterator[Row]:
    codec = codec_for(backend)
    for case in cases_of(backend):
        try:
            codec.prepare(case.build(), "table")
        except UnsupportedDataError as error:
            yield Row(backend, case.what, "refused", error.message.partition(": ")[2])
        else:
            yield Row(backend, case.what, "exact", "")
