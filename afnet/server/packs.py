"""Packs: files of runs kept in few big files with a fixed-width index, so that a million logs cost no memory.

Rules of this file:
- Plain file work, no threads and no event loop: ``afnet.server.files`` calls it from its one writing thread, and reads
  from any thread (entries are appended after their data, so a reader sees whole entries only).
- Nothing is rewritten in place; a torn tail (after a power cut) is cut off when a pack is opened for writing.
- A piece that came twice is kept twice and read once: reading goes by offset, the later piece wins.
"""

import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "BROKEN_NOTE", "ENTRY", "LOG", "Entry", "Pack", "each_entry", "find_entries", "list_packs", "name_tag",
    "piece_name", "read_piece",
]  # fmt: skip

ENTRY = struct.Struct("<IIQIIII")
"""task, run, position in the pack, stored bytes, raw bytes, offset in the file, flags and name: 32 bytes.

The upper half of the last number is 0 for a log, else 16 bits of the check sum of the name.
"""

_COMPRESSED = 1
_LAST = 2
_NAMED = 4
"""The data begins with the length of a name (one byte) and the name; without it the file is the log."""

LOG = "log"
"""Name of the file that holds a run's output."""

BROKEN_NOTE = b"\n[a part of this log could not be read back from the server's disk]\n"


class Entry(NamedTuple):
    """One piece of a file of a run, as the index holds it."""

    task: int
    run: int
    position: int
    stored: int
    raw: int
    offset: int
    flags: int

    @property
    def tag(self) -> int:
        """What stands for the file's name."""
        return self.flags >> 16

    @property
    def last(self) -> bool:
        """Whether the file is complete with this piece."""
        return bool(self.flags & _LAST)


class Pack:
    """One pair of pack and index of a block, open for appending."""

    def __init__(self, folder: Path, block: int, segment: int) -> None:
        self.block = block
        self.segment = segment
        stem = f"{block}-{segment}"
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        folder.mkdir(parents=True, exist_ok=True)
        self._data = os.open(folder / f"{stem}.pack", flags, 0o600)
        try:
            self._index = os.open(folder / f"{stem}.index", flags, 0o600)
        except OSError:
            os.close(self._data)
            raise
        self.size = os.fstat(self._data).st_size
        """Bytes of data; a new piece goes here."""
        entries = os.fstat(self._index).st_size
        if entries % ENTRY.size:
            os.ftruncate(self._index, entries - entries % ENTRY.size)
        self._pending_data: list[bytes] = []
        self._pending_entries: list[bytes] = []

    def add(
        self, task: int, run: int, name: str, offset: int, data: bytes, *, raw: int, compressed: bool, last: bool
    ) -> None:
        """Append a piece; it is on its way to the disk after ``flush``."""
        flags = (_COMPRESSED if compressed else 0) | (_LAST if last else 0)
        if name != LOG:
            label = name.encode()[:255]
            data = bytes([len(label)]) + label + data
            flags |= _NAMED | name_tag(name) << 16
        self._pending_data.append(data)
        self._pending_entries.append(ENTRY.pack(task, run, self.size, len(data), raw, offset, flags))
        self.size += len(data)

    def flush(self) -> int:
        """Write what was added, data before entries; return how many bytes that was."""
        if not self._pending_entries:
            return 0
        data, entries = b"".join(self._pending_data), b"".join(self._pending_entries)
        self._pending_data.clear()
        self._pending_entries.clear()
        _write_all(self._data, data)
        _write_all(self._index, entries)
        return len(data) + len(entries)

    def close(self) -> None:
        """Close both files; what was not flushed is forgotten."""
        os.close(self._data)
        os.close(self._index)


def name_tag(name: str) -> int:
    """Return what stands for a name in an entry."""
    return 0 if name == LOG else zlib.crc32(name.encode()) & 0xFFFF or 1


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def list_packs(folder: Path, block: int | None = None) -> list[tuple[int, int, Path]]:
    """Return (block, segment, path without suffix) of the packs of a job's folder, oldest segment first."""
    found = []
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    for name in names:
        stem, dot, suffix = name.partition(".")
        first, dash, second = stem.partition("-")
        if suffix != "index" or not dash or not first.isdecimal() or not second.isdecimal():
            continue
        if block is None or int(first) == block:
            found.append((int(first), int(second), folder / stem))
    return sorted(found)


def find_entries(
    folder: Path, block: int, task: int, run: int = 0, *, name: str = LOG
) -> tuple[int, list[tuple[Path, Entry]]]:
    """Return the run (the newest that has the file when ``run`` is 0) and the file's pieces as they came.

    The index is searched as bytes: about 5 ms for a million entries, no memory that stays.
    """
    pieces: list[tuple[Path, Entry]] = []
    tag = name_tag(name)
    for _, _, stem in reversed(list_packs(folder, block)):
        segment = [(stem, entry) for entry in each_entry(stem.with_suffix(".index"), task, run) if entry.tag == tag]
        if run == 0 and segment:
            run = max(entry.run for _, entry in segment)
        pieces = [piece for piece in segment if piece[1].run == run] + pieces
    return run, pieces


def each_entry(path: Path, task: int, run: int) -> Iterator[Entry]:
    """Yield entries of a task (and run, if not 0) from one index file, oldest first."""
    key = struct.pack("<II", task, run) if run else struct.pack("<I", task)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < ENTRY.size:
            return
        with mmap.mmap(file.fileno(), size - size % ENTRY.size, access=mmap.ACCESS_READ) as index:
            place = index.find(key)
            while place >= 0:
                if place % ENTRY.size == 0:
                    yield Entry(*ENTRY.unpack_from(index, place))
                    place = index.find(key, place + ENTRY.size)
                else:
                    place = index.find(key, place + 1)


def piece_name(stem: Path, entry: Entry) -> str:
    """Return the name of the file that a piece is of."""
    if not entry.flags & _NAMED:
        return LOG
    with stem.with_suffix(".pack").open("rb") as file:
        file.seek(entry.position)
        head = file.read(min(entry.stored, 256))
    return head[1 : 1 + head[0]].decode(errors="replace") if head else LOG


def read_piece(stem: Path, entry: Entry) -> tuple[str, bytes]:
    """Return name and raw bytes of one piece; a note instead of bytes that are not there or not what they were."""
    with stem.with_suffix(".pack").open("rb") as file:
        file.seek(entry.position)
        data = file.read(entry.stored)
    name = LOG
    if len(data) == entry.stored and entry.flags & _NAMED and data:
        name, data = data[1 : 1 + data[0]].decode(errors="replace"), data[1 + data[0] :]
    elif len(data) != entry.stored:
        return name, BROKEN_NOTE
    if entry.flags & _COMPRESSED:
        try:
            # No more than what was counted when it was written.
            data = zlib.decompressobj().decompress(data, entry.raw) if entry.raw else b""
        except zlib.error:
            return name, BROKEN_NOTE
    return name, data
