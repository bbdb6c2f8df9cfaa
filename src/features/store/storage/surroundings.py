"""Whether the place of a store is one where its promises can be kept."""

from __future__ import annotations

import os
import re
from pathlib import Path

from features.errors import UnsafeEnvironmentError, is_the_callers

MOUNTS = Path("/proc/self/mounts")
"""Where Linux lists what is mounted; elsewhere nothing is known, and nothing refused."""

_REMOTE = re.compile(
    r"nfs\d?|cifs|smb\w*|9p|afs|ceph|gluster\w*|lustre|beegfs|gpfs|ncpfs|davfs2?|coda"
    r"|fuse\.(sshfs|glusterfs|ceph|cephfs|rclone|s3fs|goofys|gcsfuse|blobfuse2?|davfs2?|smbnetfs|curlftpfs|juicefs)"
)
"""File systems on which another machine may hold what ours believes to be locked or synced."""

_ESCAPED = re.compile(r"\\([0-7]{3})")


def require_local(folder: Path) -> None:
    """Refuse a folder, there or not yet, on a network file system: locks and syncs cannot be relied upon there.

    Raises:
        UnsafeEnvironmentError: it is on one; the message names the mount.
    """
    try:
        table = MOUNTS.read_text(errors="surrogateescape")
    except OSError as error:
        if is_the_callers(error):
            raise
        return
    place = Path(os.path.realpath(folder))  # resolve() fails on links that go in a circle
    # Of mounts on the same point, the last one hides the others.
    mounts = {Path(_unescaped(point)): kind for _, point, kind, *_ in map(str.split, table.splitlines())}
    point = next((step for step in (place, *place.parents) if step in mounts), None)
    if point is not None and _REMOTE.fullmatch(mounts[point]):
        raise UnsafeEnvironmentError(
            f"{folder} is on a network file system ({mounts[point]}, mounted at {point}), "
            "on which locks and syncs cannot be relied upon; choose a base_path on a disk of this machine, "
            "and copy backups to the network"
        )


def require_own(path: Path) -> None:
    """Refuse a symbolic link where the store keeps something of its own: it would lead out of the store.

    Raises:
        UnsafeEnvironmentError: it is one.
    """
    if path.is_symlink():
        raise UnsafeEnvironmentError(
            f"{path} is a symbolic link, which a store does not follow; put there what it points to, "
            "or name the folder that it points into as base_path"
        )


def _unescaped(point: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), point)
