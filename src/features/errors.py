"""Every error this library raises on purpose, in one tree.

Each class is named for what went wrong and, where Python has one that a caller would expect, is also that builtin, so
that both ``except FeatureStoreError`` and ``except KeyError`` do what they say. The message names the thing and the
next step; the same facts are attributes, for programs. All of it survives pickling between processes.
"""

from __future__ import annotations

import difflib
import pickle
from collections.abc import Iterable
from typing import Any

__all__ = [
    "BusyError",
    "ConfigError",
    "ConflictError",
    "CorruptFileError",
    "FeatureStoreError",
    "InvalidFeatureError",
    "InvalidMoviesError",
    "InvalidNameError",
    "MissingExtraError",
    "NotFoundError",
    "SourceNotFoundError",
    "StorageError",
    "StoreClosedError",
    "UnknownOutcomeError",
    "UnsafeEnvironmentError",
    "UnsupportedDataError",
]


class FeatureStoreError(Exception):
    """The root of the tree. ``message`` is the text; keyword arguments become attributes."""

    def __init__(self, message: str, **attributes: Any) -> None:
        super().__init__(message)
        self.message = message
        self._attributes = attributes
        for name, value in attributes.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        return self.message  # KeyError would show the repr of it

    def __reduce__(self) -> tuple[Any, ...]:
        attributes = {name: _portable(value) for name, value in self._attributes.items()}
        return _rebuild, (type(self), self.message, attributes)


def _portable(value: object) -> object:
    """``value``, or where it does not survive pickling, what shows it: an error may hold whatever was passed."""
    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001  # it is the caller's
        return repr(value)
    return value


def _rebuild(kind: type[FeatureStoreError], message: str, attributes: dict[str, Any]) -> FeatureStoreError:
    return kind(message, **attributes)


class NotFoundError(FeatureStoreError, KeyError):
    """A group, table, version or column that is not there."""

    kind: str
    """What was looked for: "store", "group", "table", "version", "column", "file" or "family"."""
    name: str
    nearest: tuple[str, ...]
    """Existing names close to the one asked for, nearest first."""

    @classmethod
    def of(cls, kind: str, name: object, where: str, existing: Iterable[str] = ()) -> NotFoundError:
        """The error for ``name``, proposing the nearest of the ``existing`` names, or listing a few of them."""
        names = list(existing)
        nearest = tuple(difflib.get_close_matches(str(name), names, n=3, cutoff=0.5))
        message = f"no {kind} {name!r} in {where}"
        if nearest:
            message += f"; did you mean {' or '.join(map(repr, nearest))}?"
        elif names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            message += f"; available: {', '.join(map(repr, names[:5]))}{more}"
        elif kind == "group":
            message += "; there is none yet, so make one with save_features()"
        elif kind == "table":
            message += "; there is none at all: make one with save_features(), "
            message += "or load an older version's with version=… (versions() lists them)"
        return cls(message, kind=kind, name=name, nearest=nearest)


class ConflictError(FeatureStoreError):
    """The group is not at the version that the saver expected; reload, merge and save again."""

    group: str
    expected: int
    actual: int


class CorruptFileError(FeatureStoreError):
    """A stored file's bytes are not those that were saved; nothing of it is returned as data."""

    file: str
    reason: str


class UnsupportedDataError(FeatureStoreError, TypeError):
    """A frame that cannot be stored and read back exactly; refused before anything is written."""

    table: str | None
    column: str | None
    dtype: str | None


class InvalidNameError(FeatureStoreError, ValueError):
    """A group or table name that the store does not take."""

    name: object
    reason: str


class ConfigError(FeatureStoreError, ValueError):
    """A setting or argument outside what it may be; ``field`` names it."""

    field: str
    value: object


class BusyError(FeatureStoreError, TimeoutError):
    """The store stayed locked by other writers for longer than ``busy_timeout_seconds``; try again."""

    seconds: float
    """How long it was waited for."""


class UnsafeEnvironmentError(FeatureStoreError, RuntimeError):
    """Surroundings in which promises could not be kept: a network disk, a store carried over a fork, another layout."""


class StorageError(FeatureStoreError, OSError):
    """The disk refused: full, read-only, not a directory … ``errno`` is the system's number; nothing was committed."""

    path: str


class StoreClosedError(FeatureStoreError, ValueError):
    """The store object was closed; open another with the same configuration."""


class UnknownOutcomeError(FeatureStoreError):
    """A commit failed, and the catalog could not be asked whether it took effect.

    Save the same again with ``write_id=error.write_id``, once the cause is fixed: it is applied at most once.
    """

    write_id: str


class InvalidMoviesError(FeatureStoreError, ValueError):
    """Records that are not movies. ``problems`` holds the first of them as (row, field, reason)."""

    count: int
    problems: tuple[tuple[int, str, str], ...]


class InvalidFeatureError(FeatureStoreError, ValueError):
    """A feature declaration that contradicts itself, another one, or what it builds."""

    feature: str


class SourceNotFoundError(FeatureStoreError, FileNotFoundError):
    """A file of movies that is not there."""

    path: str


class MissingExtraError(FeatureStoreError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""

    package: str


def is_the_callers(error: BaseException) -> bool:
    """Whether an ``OSError`` that came up in our work is a signal handler's own, such as the ``TimeoutError`` of a
    deadline. The system's have a number, and what parsers raise is a plain one or of a class of theirs.
    """
    return (
        isinstance(error, OSError)
        and error.errno is None
        and type(error) is not OSError
        and type(error).__module__ == "builtins"
    )


def is_of_the_moment(error: BaseException) -> bool:
    """Whether ``error`` came from what goes on around a call, and would not come again: a deep stack, or a signal."""
    return isinstance(error, RecursionError) or is_the_callers(error)
