"""The agent's own folder: one machine, one render name, one agent at a time.

Rules of this file:
- nothing in the folder is touched before the lock is held;
- the lock goes with the process that holds it, however that ends: a file that was left behind locks nobody out.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import socket
import sys
from pathlib import Path

from afcore.errors import AfError

__all__ = ["AgentFolder", "FolderTaken"]

log = logging.getLogger(__name__)

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


class FolderTaken(AfError):
    """Another agent of the same name runs on this machine, or the folder cannot be used."""


class AgentFolder:
    """The folder ``path`` of the render ``name``, made and locked. Raises FolderTaken."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as error:
            in_place = isinstance(error, FileExistsError | NotADirectoryError)
            raise FolderTaken(
                f"The folder of this agent, {path}, cannot be used: "
                + ("a file is in its place" if in_place else error.strerror or str(error)),
                hint="choose another one with --folder",
            ) from error
        try:
            locked = _lock(self._lock)
        except OSError as error:
            os.close(self._lock)
            raise FolderTaken(
                f"The folder of this agent, {path}, cannot be locked: {error.strerror}",
                hint="choose one on a disk of this machine with --folder",
            ) from error
        if not locked:
            owner = os.read(self._lock, 200).decode("utf-8", "replace").strip() or "another process"
            os.close(self._lock)
            raise FolderTaken(
                f'An agent named "{name}" runs already ({owner}), it holds {path}',
                hint="give this one another name with --name or AF_HOSTNAME",
            )
        os.ftruncate(self._lock, 0)
        os.write(self._lock, f"process {os.getpid()} on {socket.gethostname()}\n".encode())

    @staticmethod
    def usual(root: Path, name: str) -> Path:
        """Return where an agent named ``name`` keeps its things under the program's data folder."""
        return root / "render" / (_UNSAFE.sub("_", name) or "_")

    @property
    def token(self) -> str:
        """A random word that marks all processes of this folder's agents; made once."""
        return self._once("token", secrets.token_hex(8))

    @property
    def farm(self) -> str:
        """The farm that the kept reports belong to; empty for none yet."""
        with contextlib.suppress(OSError):
            return (self.path / "farm").read_text(encoding="utf-8").strip()
        return ""

    def meet(self, farm: str) -> None:
        """Note the farm that welcomed this agent."""
        if farm == self.farm:
            return
        try:
            self._write("farm", farm)
        except OSError as error:
            log.warning("%s cannot be written (%s): after a restart kept reports go to any farm.", self.path, error)

    def remove_stray_logs(self, kept: set[str]) -> None:
        """Delete logs of runs that nobody waits for; ``kept`` are the names of the others."""
        for path in self.path.glob("*.log"):
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let the folder go."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _once(self, name: str, fresh: str) -> str:
        with contextlib.suppress(OSError):
            text = (self.path / name).read_text(encoding="utf-8").strip()
            if text:
                return text
        self._write(name, fresh)
        return fresh

    def _write(self, name: str, text: str) -> None:
        fresh = self.path / f"{name}.new"
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.replace(self.path / name)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        """Lock a byte far behind the text, so that others can read who holds the lock."""
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        """Lock the file for this process alone; False when another has it. OSError when it cannot be locked at all."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
