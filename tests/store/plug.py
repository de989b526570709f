"""Pulling the plug: what a disk would hold after a power cut, from a record of a program's system calls.

Rules of this file:
- A byte is on the disk when a sync of its file came after its write; a name is when a sync of its folder came after
  its making. Anything else may be there, missing, or (writes) there in part, sector by sector.
- The record is strace's; ``MARK`` files are not data but say what the program acknowledged.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["MARK", "Call", "Disk", "play", "record", "write_image"]

MARK = "acknowledged"
"""Name of the file to which the recorded program writes what it acknowledged, a line each."""
SECTOR = 512
CALLS = "openat,pwrite64,write,fsync,fdatasync,ftruncate,unlink,unlinkat,rename,renameat,renameat2,fallocate"

_LINE = re.compile(r"^(?P<name>\w+)\((?P<rest>.*)\)\s+= (?P<result>-?\w+)")
_FD = re.compile(r"^\d+<(?P<path>[^>]*)>")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


class Call(NamedTuple):
    """One system call on a file below the watched folder."""

    kind: str
    """make, write, truncate, sync, sync_folder, unlink or mark."""
    name: str
    data: bytes = b""
    place: int = 0


def record(program: Sequence[str], folder: Path, log: Path) -> list[Call]:
    """Run ``program`` under strace and return its calls on files in ``folder``."""
    command = ["strace", "-y", "-xx", "-s", "3000000", "-e", f"trace={CALLS}", "-o", str(log), sys.executable, *program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    with log.open() as lines:
        return list(_parse(lines, folder))


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _path(text: str) -> str:
    return _unhex(text).decode() if text.startswith("\\x") else text


def _parse(lines: Iterator[str] | Sequence[str], folder: Path) -> Iterator[Call]:
    top = str(folder)
    made: set[str] = set()
    ends: dict[str, int] = {}
    for line in lines:
        found = _LINE.match(line)
        if found is None or found["result"].startswith("-"):
            continue
        name, rest = found["name"], found["rest"]
        if name == "openat":
            path = _path(_STRING.search(rest)[1])  # type: ignore[index]
            inside = path.removeprefix(top + "/")
            if inside != path and "O_CREAT" in rest and inside not in made:
                made.add(inside)
                yield Call("make", inside)
            continue
        if name.startswith(("unlink", "rename")):
            path = _path(_STRING.search(rest)[1])  # type: ignore[index]
            assert not name.startswith("rename") or top not in path, "renames are not played"
            inside = path.removeprefix(top + "/")
            if inside != path:
                made.discard(inside)
                yield Call("unlink", inside)
            continue
        descriptor = _FD.match(rest)
        if descriptor is None:
            continue
        path = _path(descriptor["path"])
        if path == top and name in ("fsync", "fdatasync"):
            yield Call("sync_folder", "")
        inside = path.removeprefix(top + "/")
        if inside == path or inside.endswith("-shm"):
            continue
        if name in ("fsync", "fdatasync"):
            yield Call("sync", inside)
        elif name == "ftruncate":
            yield Call("truncate", inside, place=int(rest.rsplit(",", 1)[1]))
        elif name in ("write", "pwrite64"):
            data = _unhex(_STRING.search(rest)[1])  # type: ignore[index]
            assert len(data) == int(found["result"]), "strace cut a write short"
            if inside.endswith(MARK):
                yield Call("mark", inside, data)
            elif name == "pwrite64":
                yield Call("write", inside, data, int(rest.rsplit(",", 1)[1]))
            else:
                yield Call("write", inside, data, ends.setdefault(inside, 0))
                ends[inside] += len(data)
        else:
            raise AssertionError(f"{name} is not played")


def _apply(data: bytearray, call: Call, keep: int | None = None) -> None:
    if call.kind == "truncate":
        if len(data) > call.place:
            del data[call.place :]
        data.extend(bytes(call.place - len(data)))
        return
    piece = call.data if keep is None else call.data[:keep]
    if len(data) < call.place:
        data.extend(bytes(call.place - len(data)))
    data[call.place : call.place + len(piece)] = piece


class Disk:
    """What is on the disk for certain, and what may be."""

    def __init__(self) -> None:
        self._safe: dict[str, bytearray] = {}
        self._waiting: dict[str, list[Call]] = {}
        self._named: set[str] = set()
        """Names that are on the disk for certain."""
        self._now: set[str] = set()
        """Names as the program sees them."""
        self.marks: list[str] = []

    def do(self, call: Call) -> None:
        """Play one call."""
        if call.kind == "mark":
            self.marks.append(call.data.decode().strip())
        elif call.kind == "make":
            self._now.add(call.name)
            if call.name not in self._named:
                self._safe[call.name] = bytearray()
                self._waiting[call.name] = []
        elif call.kind == "unlink":
            self._now.discard(call.name)
        elif call.kind == "sync_folder":
            self._named = set(self._now)
        elif call.kind == "sync":
            for waiting in self._waiting[call.name]:
                _apply(self._safe[call.name], waiting)
            self._waiting[call.name] = []
        else:
            self._waiting[call.name].append(call)

    def held(self, chance: random.Random | None) -> dict[str, bytes]:
        """Return the files that the disk may hold now: the least there can be, or some of the rest by ``chance``."""
        unsure = self._now ^ self._named
        names = set(self._named)
        if chance is not None:
            names = {name for name in sorted(self._now | self._named) if name not in unsure or chance.random() < 0.5}
        files = {}
        for name in sorted(names):
            data = bytearray(self._safe[name])
            for call in self._waiting[name] if chance is not None else ():
                assert chance is not None
                dice = chance.random()
                if dice < 0.4:
                    _apply(data, call)
                elif dice < 0.6 and call.kind == "write":
                    _apply(data, call, SECTOR * chance.randrange(1 + len(call.data) // SECTOR))
            files[name] = bytes(data)
        return files


def write_image(files: dict[str, bytes], folder: Path) -> None:
    """Write files below a folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def play(calls: Sequence[Call], points: int | None = None) -> Iterator[tuple[int, Disk]]:
    """Yield the disk after each of the calls, or after about ``points`` of them and every acknowledgement."""
    disk = Disk()
    step = 1 if points is None else max(1, len(calls) // points)
    for place, call in enumerate(calls):
        disk.do(call)
        if place % step == 0 or call.kind == "mark" or place == len(calls) - 1:
            yield place, disk
