"""Which file system a path lies on, and whether SQLite may live there.

SQLite's locks and shared memory do not work between machines, and its syncing is not believed by most network file
systems: a farm on one would be damaged sooner or later.
"""

import re
from pathlib import Path

from afcore.errors import Unavailable

__all__ = ["NETWORK_TYPES", "file_system_of", "refuse_network"]

NETWORK_TYPES = frozenset(
    "9p afs beegfs ceph cifs davfs fuse.ceph fuse.davfs fuse.glusterfs fuse.gvfsd-fuse fuse.juicefs fuse.rclone"
    " fuse.s3fs fuse.sshfs glusterfs gpfs lustre ncpfs nfs nfs4 panfs pvfs2 smb smb2 smb3 smbfs virtiofs vboxsf"
    " wekafs".split()
)
"""Types, as Linux names them, that keep their files on another machine."""

_OCTAL = re.compile(r"\\([0-7]{3})")


def file_system_of(path: Path, mountinfo: str) -> tuple[str, str]:
    """Return (type, mount point) of ``path`` from the text of ``/proc/self/mountinfo``; empty words when unknown.

    ``path`` must be absolute and resolved. Of several mounts on one point the last counts, it covers the others.
    """
    found = ("", "")
    for line in mountinfo.splitlines():
        left, dash, right = line.partition(" - ")
        fields = left.split()
        if not dash or len(fields) < 5 or not right.split():
            continue
        point = _OCTAL.sub(lambda code: chr(int(code[1], 8)), fields[4])
        if path.is_relative_to(point) and len(point) >= len(found[1]):
            found = (right.split()[0], point)
    return found


def refuse_network(path: Path, mountinfo: str | None = None) -> None:
    """Raise Unavailable when ``path`` lies on a network file system.

    ``mountinfo`` is read from the running system when it is not given; where there is none, only network names of
    Windows are known.
    """
    advice = (
        "choose a folder on a local disk with --data, or keep the farm in PostgreSQL with --database postgresql://…"
    )
    if str(path).startswith("\\\\"):
        raise Unavailable(f"SQLite must not lie on a network folder, and {path} is one", hint=advice)
    if mountinfo is None:
        try:
            mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return
    kind, point = file_system_of(path, mountinfo)
    if kind in NETWORK_TYPES:
        raise Unavailable(
            f"SQLite must not lie on a network file system, and {path} does ({kind}, mounted on {point})", hint=advice
        )
