"""How a store is set up: checked once, when it is written down."""

from __future__ import annotations

import operator
import os
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, TypeVar, get_args, overload
from urllib.parse import quote, unquote

import numpy as np

from features.errors import ConfigError, is_the_callers
from features.frames import Backend, check_backend, default_backend
from features.store.codec.base import Compression

if TYPE_CHECKING:
    from typing import Unpack

    import pandas as pd
    import polars as pl
    import pyarrow as pa

Reads = Literal["once", "always", "never"]
_SQLITE = "sqlite:///"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
FrameT = TypeVar("FrameT")


class Settings(TypedDict, total=False):
    """What may be set beside ``base_path`` and ``backend``; see ``FeatureStoreConfig``."""

    catalog_url: str | None
    compression: Compression
    cache_enabled: bool
    cache_max_size: int
    cache_max_bytes: int
    cache_ttl_seconds: float | None
    verify_reads: Reads
    busy_timeout_seconds: float


@dataclass(frozen=True)
class FeatureStoreConfig(Generic[FrameT]):
    """The settings of a ``SimpleFeatureStore``. Only ``base_path`` is needed.

    Relative paths are made absolute here: the store stays where it is when the process, or another one that the
    configuration is pickled for, works in another folder.

    Args:
        base_path: folder of the store, with ``~`` resolved; made, with its ancestors, when the store is opened.
        backend: library of the frames that come back: "pandas", "polars" or "pyarrow". None for what the variable
            ``FEATURES_BACKEND`` names, else pandas where it is installed, else polars. Frames of any of the three
            can be saved whatever it is.
        catalog_url: SQLAlchemy URL of the catalog, without a query; None for SQLite in ``base_path``. A catalog belongs
            to one ``base_path``; with another one it is refused.
        compression: of the files: "lz4", "snappy", "zstd", "gzip" or "none".
        cache_enabled: whether decoded files are kept in memory.
        cache_max_size: most tables kept.
        cache_max_bytes: most bytes kept.
        cache_ttl_seconds: how long a table is kept; None for as long as it fits.
        verify_reads: check a file's digest on its first read in this process ("once"), at every read that the cache
            does not serve ("always"), or not at all ("never"). With "once", up to 32 of the files read last
            stay open for the next read, those between 256 kB and 3 MB: 64 in a process, whatever stores they are of.
        busy_timeout_seconds: how long to wait for other writers before ``BusyError``.

    Raises:
        ConfigError: a value outside what it may be; ``field`` names it.
        MissingExtraError: the backend's library is not installed.
    """

    base_path: str | os.PathLike[str]
    _: KW_ONLY
    backend: Backend | None = None
    catalog_url: str | None = None
    compression: Compression = "lz4"
    cache_enabled: bool = True
    cache_max_size: int = 100
    cache_max_bytes: int = 1 << 30
    cache_ttl_seconds: float | None = 3600
    verify_reads: Reads = "once"
    busy_timeout_seconds: float = 30

    if TYPE_CHECKING:  # so that a store on polars is known to give polars frames, and so on

        @overload
        def __init__(
            self: FeatureStoreConfig[pl.DataFrame],
            base_path: str | os.PathLike[str],
            *,
            backend: Literal["polars"],
            **settings: Unpack[Settings],
        ) -> None: ...
        @overload
        def __init__(
            self: FeatureStoreConfig[pd.DataFrame],
            base_path: str | os.PathLike[str],
            *,
            backend: Literal["pandas"],
            **settings: Unpack[Settings],
        ) -> None: ...
        @overload
        def __init__(
            self: FeatureStoreConfig[pa.Table],
            base_path: str | os.PathLike[str],
            *,
            backend: Literal["pyarrow"],
            **settings: Unpack[Settings],
        ) -> None: ...
        @overload
        def __init__(
            self: FeatureStoreConfig[Any],
            base_path: str | os.PathLike[str],
            *,
            backend: Backend | None = None,
            **settings: Unpack[Settings],
        ) -> None: ...
        def __init__(self, base_path: str | os.PathLike[str], *, backend: Any = None, **settings: Any) -> None: ...

    def __post_init__(self) -> None:
        may_be = "the path of a folder: UTF-8 text, neither empty nor a URL, nor in the home of an unknown ~user"
        _require(self, "base_path", lambda value: _is_path(value) and not _URL.match(os.fspath(value)), may_be)
        folder = _absolute(self.base_path)
        object.__setattr__(self, "base_path", folder if isinstance(self.base_path, str) else Path(folder))
        if self.backend is not None:
            check_backend(self.backend)
        may_be = "None or the SQLite URL of a file, without a query, such as 'sqlite:////data/catalog.sqlite3'"
        _require(self, "catalog_url", _is_sqlite, may_be)
        if self.catalog_file is not None and not self.catalog_file.is_absolute():
            path = quote(str(self.catalog_file.absolute()), safe="/\\:")
            object.__setattr__(self, "catalog_url", _SQLITE + path)
        _require(
            self,
            "compression",
            get_args(Compression).__contains__,
            f"one of {', '.join(get_args(Compression))}",
        )
        for field in (
            "cache_enabled",
            "cache_max_size",
            "cache_max_bytes",
            "cache_ttl_seconds",
            "busy_timeout_seconds",
        ):
            object.__setattr__(self, field, _plain(getattr(self, field)))
        _require(self, "cache_enabled", lambda value: isinstance(value, bool), "True or False")
        _require(self, "cache_max_size", _is_count, "a whole number from 1; to have no cache, cache_enabled=False")
        _require(self, "cache_max_bytes", _is_count, "a whole number of bytes from 1")
        _require(self, "cache_ttl_seconds", lambda value: value is None or _is_positive(value), "None or above 0")
        _require(self, "verify_reads", get_args(Reads).__contains__, f"one of {', '.join(get_args(Reads))}")
        _require(
            self,
            "busy_timeout_seconds",
            lambda value: _is_positive(value) and value <= threading.TIMEOUT_MAX,
            f"a number of seconds above 0, at most {threading.TIMEOUT_MAX:.0f}",
        )

    def resolved_backend(self) -> Backend:
        """The backend, with None resolved to the default one of this process.

        Raises:
            MissingExtraError: neither pandas nor polars is installed.
        """
        return self.backend or default_backend()

    @property
    def folder(self) -> Path:
        """``base_path``, as a path whatever it was given as."""
        return Path(self.base_path)

    @property
    def catalog_file(self) -> Path | None:
        """The file that ``catalog_url`` names; None without one."""
        return None if self.catalog_url is None else Path(unquote(self.catalog_url.removeprefix(_SQLITE)))


def _require(config: FeatureStoreConfig[Any], field: str, holds: Callable[[Any], bool], may_be: str) -> None:
    value = getattr(config, field)
    shown = repr(str(value) if isinstance(value, Path) else value)
    try:
        fine = holds(value)
    except TypeError:  # an unhashable value is not one of the allowed ones
        fine = False
    except OSError as error:
        if is_the_callers(error):
            raise
        raise ConfigError(
            f"{field} is {shown}, but the working folder cannot be found ({error.strerror}); name an absolute path",
            field=field,
            value=value,
        ) from error
    if not fine:
        raise ConfigError(f"{field} is {shown}; it must be {may_be}", field=field, value=value)


def _absolute(path: str | os.PathLike[str]) -> str:
    return os.path.abspath(Path(path).expanduser())  # noqa: PTH100  # resolve() follows links


def _is_path(value: Any) -> bool:
    """Text that the system takes for a path, and whose ``~`` it knows.

    Raises:
        OSError: it is relative, and the folder that this process works in is gone.
    """
    path = os.fspath(value)
    if not isinstance(path, str) or not path or "\0" in path:
        return False
    try:
        path = _absolute(path)
        os.fsencode(path)
        path.encode()  # as Arrow and SQLite have it, to whom other bytes cannot be told
    except (UnicodeEncodeError, RuntimeError):
        return False
    return True


def _is_sqlite(value: Any) -> bool:
    """The URL of a file; neither of a catalog in memory, which would be lost, nor with a query, which nobody reads."""
    if not isinstance(value, str):
        return value is None
    path = unquote(value.removeprefix(_SQLITE))
    return value.startswith(_SQLITE) and "?" not in value and path != ":memory:" and _is_path(path)


def _plain(value: Any) -> Any:
    """A number or flag, also numpy's, as Python's own; what is neither stays as it is."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        return float(value)
    try:
        return operator.index(value)
    except TypeError:
        return value


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= sys.float_info.max
