"""Files of runs beside their logs (thumbnails and what a service wrote): listed, and read by an id that never changes.

Rules of this file:
- Plain reading of packs, for any thread; an id is checked like any text from outside and names no path;
- a file that is not complete, or whose pieces are not all there, does not exist for anybody.
"""

import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from afcore.errors import NotFound
from afnet.server.packs import LOG, Entry, each_entry, list_packs, piece_name, read_piece

__all__ = [
    "NAME_LIMIT", "PICTURES", "THUMBNAIL", "RunFile", "file_id", "find_thumbnail", "is_picture", "is_proper_name",
    "list_files", "note_thumbnail", "read_file",
]  # fmt: skip

NAME_LIMIT = 200
"""Bytes that the name of a file may have."""

PICTURES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif"}
"""Endings of files that are shown as pictures, and what browsers are told of them."""

THUMBNAIL = "thumbnail"
"""File in a job's folder: the id of the job's thumbnail."""

_FILES_MOST = 1000
"""Files that are listed of one task."""

_ID = re.compile(r"(\d{1,10})\.(\d{1,10})\.(\d{1,10})\.(\d{1,10})\.([0-9a-f]{8})", re.ASCII)


class RunFile(NamedTuple):
    """A complete file of a run."""

    id: str
    run: int
    name: str
    size: int
    """Bytes."""


def file_id(job: int, block: int, task: int, run: int, name: str) -> str:
    """Return the id of a file."""
    return f"{job}.{block}.{task}.{run}.{zlib.crc32(name.encode()):08x}"


def is_proper_name(name: str) -> bool:
    """Say whether a file may have this name: no path, no control characters, not too long."""
    return 0 < len(name.encode()) <= NAME_LIMIT and name.isprintable() and not any(sign in name for sign in "/\\")


def is_picture(name: str) -> bool:
    """Say whether a file is a picture that can be shown, by its name."""
    return Path(name).suffix.lower() in PICTURES


def list_files(folder: Path, job: int, block: int, task: int, run: int = 0) -> list[RunFile]:
    """Return the complete files of a task's run, in the order they came; with ``run`` 0 of the newest that has any.

    ``folder`` is the one below which the folders of jobs lie.
    """
    found = _collect(folder / str(job), block, task, run)
    newest = run or max((key[0] for key in found), default=0)
    files: list[RunFile] = []
    for (of, name), pieces in found.items():
        if of == newest and (size := _whole(pieces)) is not None and len(files) < _FILES_MOST:
            files.append(RunFile(file_id(job, block, task, of, name), of, name, size))
    return files


def read_file(folder: Path, id: str) -> tuple[RunFile, bytes]:
    """Return a file with its bytes; NotFound when there is none of that id."""
    match = _ID.fullmatch(id)
    if match is not None:
        job, block, task, run = (int(part) for part in match.groups()[:4])
        for (of, name), pieces in _collect(folder / str(job), block, task, run).items():
            size = _whole(pieces)
            if size is not None and file_id(job, block, task, of, name) == id:
                parts = [read_piece(stem, entry)[1] for _, (stem, entry) in sorted(pieces.items())]
                return RunFile(id, of, name, size), b"".join(parts)[:size]
    raise NotFound(
        f'There is no file "{id}".', hint="`task.files` lists those of a task; files go with their job, or for space."
    )


def note_thumbnail(folder: Path, id: str) -> bool:
    """Make a picture the thumbnail of its job unless the job has one; say whether it is the job's now."""
    path = folder / id.partition(".")[0] / THUMBNAIL
    if path.exists():
        return False
    path.write_text(id, encoding="ascii")
    return True


def find_thumbnail(folder: Path, job: int) -> RunFile | None:
    """Return the thumbnail of a job, None when it has none or its file had to make room."""
    try:
        id = (folder / str(job) / THUMBNAIL).read_text(encoding="ascii")
        return read_file(folder, id)[0]
    except (OSError, UnicodeDecodeError, NotFound):
        return None


_Pieces = dict[int, tuple[Path, Entry]]


def _collect(folder: Path, block: int, task: int, run: int) -> dict[tuple[int, str], _Pieces]:
    """Return pieces by place, of each (run, name) but the log."""
    found: dict[tuple[int, str], _Pieces] = {}
    for stem, entry in _entries(folder, block, task, run):
        name = piece_name(stem, entry)
        if name != LOG:
            found.setdefault((entry.run, name), {})[entry.offset] = (stem, entry)
    return found


def _entries(folder: Path, block: int, task: int, run: int) -> Iterator[tuple[Path, Entry]]:
    for _, _, stem in list_packs(folder, block):
        for entry in each_entry(stem.with_suffix(".index"), task, run):
            if entry.tag:
                yield stem, entry


def _whole(pieces: _Pieces) -> int | None:
    """Return the size of a file whose pieces join and end; None for any other."""
    size = 0
    for offset, (_, entry) in sorted(pieces.items()):
        if offset != size:
            return None
        size += entry.raw
        if entry.last:
            return size
    return None
