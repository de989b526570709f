"""Frame ranges, numbered file names and safe writing, shared by the three programs of the demo."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

__all__ = ["DemoError", "fail", "frame_path", "parse_frames", "parse_size", "say", "write_atomic"]

_HASHES = re.compile(r"#+")


class DemoError(Exception):
    """Something the person who started the program can mend; its text is one whole sentence."""


def parse_frames(text: str) -> range:
    """Read ``7`` or ``1-48`` (negative numbers allowed) into the range of frames, both ends included.

    Raises:
        DemoError: the text is no range, or its last frame comes before its first.
    """
    match = re.fullmatch(r"(-?\d+)(?:-(-?\d+))?", text.strip())
    if match is None:
        raise DemoError(f"--frames {text!r} is no frame range; write one frame (7) or first-last (1-48).")
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    if last < first:
        raise DemoError(f"--frames {text!r} ends before it begins; write the smaller number first.")
    return range(first, last + 1)


def parse_size(text: str) -> tuple[int, int]:
    """Read ``480x270`` into (width, height), both in pixels and at least 2.

    Raises:
        DemoError: the text is no size, or a side is out of 2..8192.
    """
    match = re.fullmatch(r"(\d+)x(\d+)", text.strip().lower())
    if match is None:
        raise DemoError(f"--size {text!r} is no picture size; write WIDTHxHEIGHT, for example 480x270.")
    width, height = int(match[1]), int(match[2])
    if not (2 <= width <= 8192 and 2 <= height <= 8192):
        raise DemoError(f"--size {text!r} is out of range; each side must be 2 to 8192 pixels.")
    return width, height


def frame_path(pattern: str, frame: int) -> Path:
    """Fill the last run of ``#`` of the file name with the frame number, padded with zeros to its length.

    Raises:
        DemoError: the file name holds no ``#``.
    """
    path = Path(pattern)
    runs = list(_HASHES.finditer(path.name))
    if not runs:
        raise DemoError(f"{pattern!r} has no # in its file name; write for example frame.####.png.")
    run = runs[-1]
    number = f"{frame:0{len(run[0])}d}"
    return path.with_name(path.name[: run.start()] + number + path.name[run.end() :])


def write_atomic(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that readers see either nothing or the whole of it: beside it first, then renamed.

    The parent folder is created when it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            write(stream)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def say(line: str) -> None:
    """Write one line to standard output at once, so that progress is seen while it happens."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def fail(error: Exception) -> int:
    """Write the error's sentence to standard error and return the exit code of a failed program."""
    sys.stderr.write(f"demo: {error}\n")
    sys.stderr.flush()
    return 1
