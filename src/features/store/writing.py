"""Frames → a committed version: the order of effects, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from features.errors import BusyError, FeatureStoreError, UnknownOutcomeError
from features.store.catalog.base import Catalog, CondemnedError, StoppedError
from features.store.codec.base import Storable
from features.store.codec.streams import StreamFailedError
from features.store.config import FeatureStoreConfig
from features.store.storage.base import StagedFile, Storage, TakenAwayError
from features.store.versions import Change, Committed, NewFile
from features.store.waiting import STANDARD, Waiting

_LARGE = 1 << 20
"""Values from which on a table takes so long to encode that the disk is better not left waiting for it."""


def save(
    catalog: Catalog,
    storage: Storage,
    change: Change,
    frames: Mapping[str, Storable],
    config: FeatureStoreConfig[Any],
    waiting: Waiting = STANDARD,
) -> Committed:
    """Write the frames into new files, and then commit ``change`` with them.

    A garbage collection may take a file for left over before it is committed. It says so in the catalog first, so
    the commit is refused rather than made with a file that is gone, and the frames are written once more. So they are
    where the thread that committed them together with its own was stopped: the write id tells whether it had done so.

    Raises:
        BusyError: that went on for ``busy_timeout_seconds``.
    """
    try:
        return _write_until_committed(catalog, storage, change, frames, config, waiting)
    except StreamFailedError as failed:
        error = failed.__cause__
    finally:
        for frame in frames.values():
            frame.close()
    assert error is not None  # noqa: S101  # for the type checker
    raise error  # here, where it is in nobody's handling of another: its own story stays its own


def _write_until_committed(
    catalog: Catalog,
    storage: Storage,
    change: Change,
    frames: Mapping[str, Storable],
    config: FeatureStoreConfig[Any],
    waiting: Waiting,
) -> Committed:
    deadline = waiting.now() + config.busy_timeout_seconds
    while True:
        try:
            return _write_and_commit(catalog, storage, change, frames, config)
        except (CondemnedError, StoppedError, TakenAwayError) as error:
            if waiting.now() >= deadline:
                raise BusyError(
                    "garbage collections kept removing the files of this save; try again when they have ended",
                    seconds=config.busy_timeout_seconds,
                ) from error


def _write_and_commit(
    catalog: Catalog,
    storage: Storage,
    change: Change,
    frames: Mapping[str, Storable],
    config: FeatureStoreConfig[Any],
) -> Committed:
    staged: dict[str, StagedFile] = {}
    files = _write(storage, frames, config, staged)
    try:
        committed = catalog.commit(replace(change, tables=files))
    except (StoppedError, UnknownOutcomeError):
        raise  # the files may be the committed ones: they stay
    except FeatureStoreError:  # of ours, which says that nothing was committed: any other may come after that
        _discard(storage, staged)
        raise
    finally:
        storage.release(file.id for file in staged.values())
    if committed.files != {name: file.id for name, file in files.items()}:
        _discard(storage, staged)  # this write id had been committed before, with files of its own
    return committed


def _write(
    storage: Storage, frames: Mapping[str, Storable], config: FeatureStoreConfig[Any], staged: dict[str, StagedFile]
) -> dict[str, NewFile]:
    """Write each frame into a file of its own, which ``staged`` keeps in use."""
    try:
        for name, frame in frames.items():
            large = frame.rows * len(frame.schema) >= _LARGE
            staged[name] = storage.stage(frame.content(config.compression), large=large)
        storage.sync_directory()
    except BaseException:  # the catalog has not been told of any
        _discard(storage, staged)
        raise
    return {
        name: NewFile(file.id, file.size, frames[name].rows, file.digest, frames[name].schema)
        for name, file in staged.items()
    }


def _discard(storage: Storage, files: Mapping[str, StagedFile]) -> None:
    storage.release(file.id for file in files.values())
    for file in files.values():
        storage.discard(file.id)
