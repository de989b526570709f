"""Numbers in names of files as classic modules and submitters ask for them, and bits of blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from afcore.frames import fill_command

__all__ = [
    "BlockFlags",
    "checkBlockFlag",
    "fillNumbers",
    "filterFileName",
    "patternFromDigits",
    "patternFromFile",
    "patternFromPaths",
    "patternFromStdC",
    "setBlockFlag",
]

BlockFlags = {
    "numeric": 1,
    "varcapacity": 2,
    "multihost": 4,
    "masteronslave": 8,
    "dependsubtask": 16,
    "skipthumbnails": 32,
    "skipexistingfiles": 64,
    "checkrenderedfiles": 128,
    "slavelostignore": 256,
    "appendedtasks": 512,
    "suspendnewtasks": 1024,
}


def checkBlockFlag(i_flags: int, i_name: str) -> bool:
    """Say whether the bit of that name is set. Raises KeyError for another name."""
    return bool(i_flags & BlockFlags[i_name])


def setBlockFlag(i_flags: int, i_name: str) -> int:
    """Return the flags with the bit of that name. Raises KeyError for another name."""
    return i_flags | BlockFlags[i_name]


def fillNumbers(i_pattern: str, i_start: int, i_end: int) -> str:
    """Return the pattern with every ``@#@`` filled: start, end, start, end."""
    return fill_command(i_pattern, i_start, i_end)


def patternFromStdC(i_path: str, i_verbose: bool = False) -> str:
    """``img.%04d.jpg`` becomes ``img.@####@.jpg``."""
    return re.sub(r"%0?(\d{0,2})d", lambda found: "@" + "#" * max(1, int(found[1] or 1)) + "@", i_path)


def patternFromDigits(i_path: str, i_verbose: bool = False) -> str:
    """``img.####.jpg`` becomes ``img.@####@.jpg``; what is wrapped already stays."""
    return re.sub(r"@?(#+)@?", r"@\1@", i_path)


def patternFromFile(i_path: str, i_verbose: bool = False) -> str:
    """``v001.0010.png`` becomes ``v001.@####@.png``: the last digits before the last dot."""
    return re.sub(r"\d+(?=\.[^.]*$)", lambda found: "@" + "#" * len(found[0]) + "@", i_path, count=1)


def patternFromPaths(i_patha: str, i_pathb: str, i_verbose: bool = False) -> str:
    """``f.0001.exr`` and ``f.0100.exr`` become ``f.@####@.exr``: the digits in which they differ."""
    if i_patha == i_pathb:
        return patternFromFile(i_patha)
    first, second = re.split(r"(\d+)", i_patha), re.split(r"(\d+)", i_pathb)
    if len(first) != len(second):
        return i_patha
    return "".join(a if a == b else "@" + "#" * len(a) + "@" for a, b in zip(first, second))


def filterFileName(i_name: str, i_invalid: Sequence[str] = ' \t\n\r\\/:*?"<>|') -> str:
    """Return the name with ``_`` for everything that file systems do not like."""
    return "".join("_" if sign in i_invalid else sign for sign in i_name)
