"""One server per data folder: a locked file that says who has it.

Rules of this file:
- The lock is the operating system's and ends with the process, however it ends; the file's text is only for people.
- The file is never removed: removing a locked file would let two servers lock two files of one name.
"""

import os
import socket
import sys
from pathlib import Path

from afcore.errors import InUse, Unavailable

__all__ = ["LOCK_NAME", "FolderLock"]

LOCK_NAME = "afwatch.lock"

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, 1 << 20, os.SEEK_SET)  # past the text: what is locked cannot be read by others
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FolderLock:
    """Holds a folder for this process from its making until ``release``.

    Raises InUse, naming the process and host that have it, or Unavailable when the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / LOCK_NAME
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._handle: int | None = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as error:
            why = error.strerror or str(error)
            hint = "check its owner and rights, or choose another folder with --data"
            if isinstance(error, (FileExistsError, NotADirectoryError)):
                why, hint = "a file is in its place", "choose another folder with --data"
            raise Unavailable(
                f"the data folder {folder} cannot be written: {why}", hint=hint
            ) from error
        try:
            _lock(self._handle)
        except OSError as error:
            owner = self._owner()
            os.close(self._handle)
            self._handle = None
            raise InUse(
                f"another server works in the data folder {folder}{owner}",
                hint="stop it first, or give this one a folder of its own with --data",
            ) from error
        os.ftruncate(self._handle, 0)
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.write(self._handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())

    def _owner(self) -> str:
        if self._handle is None:
            return ""
        try:
            os.lseek(self._handle, 0, os.SEEK_SET)
            words = os.read(self._handle, 500).decode(errors="replace").strip()
        except OSError:
            return ""
        return f" ({words})" if words else ""

    def release(self) -> None:
        """Let go. Twice does no harm."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
