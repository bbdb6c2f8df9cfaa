"""The system's refusals, told in one sentence that names the path and the next step."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from features.errors import FeatureStoreError, StorageError, is_the_callers

_HINTS = {
    errno.ENOSPC: "free some space, for instance with gc(keep_last=…), and try again",
    errno.EDQUOT: "the quota is used up; free some space and try again",
    errno.EFBIG: "files may not become so large here; choose another folder, or raise the limit (ulimit -f)",
    errno.ENOENT: "its folder is gone; put it back, or open the store where it is now",
    errno.EROFS: "the disk is mounted read-only; choose another folder",
    errno.EACCES: "check the folder's owner and permissions, or choose another folder",
    errno.EPERM: "check the folder's owner and permissions, or choose another folder",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another folder",
    errno.EEXIST: "a file stands where a folder is needed; choose another folder",
    errno.EMFILE: "too many files are open in this process; close some or raise the limit (ulimit -n)",
}


@contextmanager
def told(doing: str, path: Path) -> Iterator[None]:
    """Raise what the system refused as a ``StorageError``."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FeatureStoreError) or is_the_callers(error):
            raise  # told already, some being the system's kind, too; or not the system's
        hint = _HINTS.get(error.errno or 0, "fix the cause and try again")
        reason = error.strerror or str(error)
        raise StorageError(f"could not {doing} {path}: {reason}; {hint}", errno=error.errno, path=str(path)) from error
