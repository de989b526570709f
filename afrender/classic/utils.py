"""Small functions that classic modules call."""

from __future__ import annotations

import os

__all__ = ["createFolder", "toStr"]


def toStr(i_data: object) -> str:
    """Return text: bytes are read as UTF-8, with a mark for each broken one."""
    if isinstance(i_data, bytes | bytearray):
        return bytes(i_data).decode("utf-8", "replace")
    return "" if i_data is None else str(i_data)


def createFolder(i_path: str, i_writeall: bool = False) -> bool:
    """Make a folder with those above it; return whether it is there."""
    try:
        os.makedirs(i_path, exist_ok=True)
    except OSError:
        return False
    return os.path.isdir(i_path)
