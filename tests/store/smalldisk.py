"""A disk of a few megabytes, to be filled to its last byte: a file system of its own, where somebody may mount one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["SmallDisk"]


class SmallDisk:
    """A mounted file system in memory. OSError where this user may not mount one."""

    def __init__(self, folder: Path, *, megabytes: int) -> None:
        folder.mkdir()
        self.folder = folder
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        except FileNotFoundError as error:
            folder.rmdir()
            raise OSError("there is no program to mount with") from error
        if done.returncode:
            folder.rmdir()
            raise OSError(done.stderr.strip())

    @contextmanager
    def filled(self) -> Iterator[None]:
        """Leave no room on it."""
        ballast = self.folder / "ballast"
        try:
            with ballast.open("wb", buffering=0) as file:
                for size in (1 << 20, 1 << 12):
                    self._fill(file.fileno(), bytes(size))
            yield
        finally:
            ballast.unlink()

    @staticmethod
    def _fill(file: int, piece: bytes) -> None:
        while True:
            try:
                if os.write(file, piece) < len(piece):
                    return
            except OSError:
                return

    def remove(self) -> None:
        """Unmount it, with all that is on it."""
        subprocess.run(["umount", "-l", str(self.folder)], check=True, timeout=60)
        self.folder.rmdir()
