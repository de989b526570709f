"""The folder of a running task, for whatever its service wants to show people: what lies in it goes to the server.

Rules of this file:
- the folder is made when somebody asks for it, and goes with the task;
- only plain files within limits are taken; no link is followed out of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Sequence
from typing import NamedTuple

from afcore.ids import RunKey

__all__ = [
    "FOUND_FILES",
    "FileLimits",
    "Found",
    "clear_task_folders",
    "collect_files",
    "found_text",
    "remove_folder",
    "task_folder",
]

_NAME = "tasks"

FOUND_FILES = "found-files.txt"
"""The file that lists what a task's parser found, one path a line, as the farm knows them."""


class FileLimits(NamedTuple):
    """Bytes of one file, and how many files are taken of a task."""

    size: int = 100_000
    number: int = 20


class Found(NamedTuple):
    """Files that were taken, and sentences about those that were not."""

    files: list[tuple[str, bytes]]
    left: list[str]


def task_folder(root: str, key: RunKey) -> str:
    """Return where the folder of a run is below the agent's folder; it need not exist."""
    return os.path.join(root, _NAME, f"{key.job}.{key.block}.{key.task}.{key.run}")


def found_text(files: Sequence[str], most: int = FileLimits().size) -> bytes:
    """Return what stands in the list of found files: whole lines, at most ``most`` bytes."""
    text = "".join(f"{' '.join(file.splitlines())}\n" for file in files).encode("utf-8", "replace")
    return text if len(text) <= most else text[: text.rfind(b"\n", 0, most) + 1]


def clear_task_folders(root: str) -> None:
    """Remove folders of tasks of an earlier life."""
    remove_folder(os.path.join(root, _NAME))


def remove_folder(folder: str) -> None:
    """Remove a folder with all in it, as far as the system lets us."""
    with contextlib.suppress(OSError):
        shutil.rmtree(folder)


def collect_files(folder: str, limits: FileLimits, *, owner: int | None = None) -> Found:
    """Return the files in a folder in the order of their names, and remove it; nothing when there is none.

    ``owner``: whose files alone are taken, where another user than ours could put any there.
    """
    found = Found([], [])
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError:
        return found
    for name in names:
        if len(found.files) >= limits.number:
            found.left.append(f"Of this task's folder {limits.number} files were sent, no more are taken")
            break
        data = _read(os.path.join(folder, name), limits.size, owner)
        if isinstance(data, bytes):
            found.files.append((name, data))
        elif data:
            found.left.append(f'"{name}" was not sent: {data}')
    remove_folder(folder)
    return found


def _read(path: str, most: int, owner: int | None) -> bytes | str:
    """Return what is in a file, or why it is not taken."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        state = os.lstat(path)
        if not stat.S_ISREG(state.st_mode):
            return "it is no plain file"
        if state.st_size > most:
            return f"it has {state.st_size} bytes, more than {most}"
        if state.st_size == 0:
            return "it is empty"
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            if owner is not None and os.fstat(descriptor).st_uid != owner:
                return "it belongs to somebody else"
            data = file.read(most + 1)
    except OSError as error:
        return error.strerror or str(error)
    return data if len(data) <= most else f"it grew beyond {most} bytes"
