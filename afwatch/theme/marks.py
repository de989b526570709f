"""The marks of checked boxes, as files in memory: style sheets know pictures by their paths only.

Rules of this file:
- Nothing is written to a disk: the pictures are registered with Qt as its resource compiler would register them.
  Source of the layout: what that compiler writes, version 3.
"""

from __future__ import annotations

import struct
from functools import cache

from PySide6.QtCore import qRegisterResourceData

from afwatch.theme.icons import icons

__all__ = ["mark_path"]

_VERSION, _DIRECTORY, _ANY_LANGUAGE = 3, 2, 1
_kept: list[tuple[bytes, bytes, bytes]] = []
"""What Qt reads from as long as the program runs."""


@cache
def mark_path(name: str, ink: str) -> str:
    """Return a path at which style sheets find an icon in a colour."""
    file = f"{name}-{ink.lstrip('#').lower()}.svg"
    svg = icons().path(name).read_text("utf-8").replace("currentColor", ink).encode()
    root = struct.pack(">IHIIQ", 0, _DIRECTORY, 1, 1, 0)
    entry = struct.pack(">IHHHIQ", 0, 0, 0, _ANY_LANGUAGE, 0, 0)
    told = struct.pack(">HI", len(file), _hash(file)) + file.encode("utf-16-be")
    parts = (root + entry, told, struct.pack(">I", len(svg)) + svg)
    _kept.append(parts)
    qRegisterResourceData(_VERSION, *parts)
    return f":/{file}"


def _hash(text: str) -> int:
    """Return the number by which Qt finds a name."""
    found = 0
    for letter in text:
        found = (found << 4) + ord(letter)
        found ^= (found & 0xF0000000) >> 23
        found &= 0x0FFFFFFF
    return found
