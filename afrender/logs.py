"""The output of runs: kept within a limit, followed live, and brought to the server piece by piece.

Rules of this file:
- little output stays in memory; more goes to a file in the agent's folder, of which the middle is left out when it is
  too long: the head is written once, the tail goes round in the rest of the file;
- a log is deleted when the server says that it has all of it, not before (a dropped run's at once);
- at most ``WINDOW`` bytes are on the way at a time, so that logs never hold up anything else;
- small files beside the logs (thumbnails) wait in memory only: they are lost when the agent ends before the server has
  them.
"""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from afcore.ids import RunKey
from afnet.wire.messages import FileAccepted, FileChunk

__all__ = ["LOG_BUDGET", "LOG_LIMIT", "RunLog", "Uploads", "cut_note"]

log = logging.getLogger(__name__)

LOG_LIMIT = 10 * 1024 * 1024
"""Bytes kept of one log, unless the configuration says otherwise."""

SPILL = 32768
"""Bytes kept in memory before a file is made."""

PIECE = 65536
"""Bytes of a log in one message."""

WINDOW = 8 * PIECE
"""Bytes of all logs that may be sent and not yet accepted."""

LOG_BUDGET = 1024 * 1024 * 1024
"""Bytes of logs that may wait for the server; beyond that the oldest are given up."""

FILES_BUDGET = 64 * 1024 * 1024
"""Bytes of small files that may wait in memory; beyond that the oldest are given up."""

LOG = "log"
"""Name of the file that is a run's output."""

COMPRESS_FROM = 512
"""Smaller pieces travel as they are."""


def cut_note(cut: int) -> bytes:
    """Return the line that stands where ``cut`` bytes were left out."""
    return f"\n[ afrender: {cut} bytes of output were left out here, this log is limited ]\n".encode()


class RunLog:
    """The log of one run, as it grows and afterwards.

    ``total``: bytes that were added. ``size``: bytes of what is kept, with the note in place of what is not.
    """

    __slots__ = ("_descriptor", "_failed", "_head", "_limit", "_memory", "_tail", "followers", "path", "total")

    def __init__(self, path: Path | str, limit: int = LOG_LIMIT) -> None:
        self.path = path
        self.total = 0
        self.followers: dict[int, Callable[[int, bytes], None]] = {}
        """Called with (place, bytes) for everything that is added."""
        self._limit = max(limit, 2 * SPILL)
        self._head = self._limit // 2
        self._tail = self._limit - self._head
        self._memory = bytearray()
        self._descriptor = -1
        self._failed = False

    @classmethod
    def kept(cls, path: Path | str, *, total: int, limit: int, data: bytes | None) -> RunLog:
        """Return the finished log of an earlier life: its ``data``, or with None what its file holds."""
        found = cls(path, limit)
        if data is not None:
            found._memory += data
            found.total = len(data)
        elif os.path.exists(path):
            found._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            found.total = total
        return found

    def add(self, data: bytes) -> None:
        """Take the next bytes of output."""
        place = self.total
        self.total += len(data)
        if self._descriptor < 0 and self.total <= SPILL:
            self._memory += data
        else:
            self._store(place, data)
        if self.followers:
            for follower in list(self.followers.values()):
                follower(place, data)

    def _store(self, place: int, data: bytes) -> None:
        if self._descriptor < 0:
            try:
                self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            except OSError as error:
                # A full disk must not stop the task: go round in memory, in a smaller log.
                log.warning("The log %s cannot be made (%s); only its beginning is kept.", self.path, error)
                self._memory += data[: max(0, SPILL - len(self._memory))]
                self._limit = self._head = SPILL
                self._tail = 0
                return
            place, data = 0, bytes(self._memory) + data
            self._memory = bytearray()
        view = memoryview(data)
        try:
            while view:
                at, room = self._place(place)
                written = os.pwrite(self._descriptor, view[:room], at)
                place += written
                view = view[written:]
        except OSError as error:
            if not self._failed:
                self._failed = True
                log.warning("The log %s cannot be written: %s; it has a gap.", self.path, error)

    def _place(self, place: int) -> tuple[int, int]:
        """Return where in the file the byte ``place`` of the stream belongs, and how much fits there."""
        if place < self._head:
            return place, self._head - place
        turn = (place - self._head) % self._tail
        return self._head + turn, self._tail - turn

    @property
    def limit(self) -> int:
        """Bytes of output that are kept."""
        return self._limit

    @property
    def cut(self) -> int:
        """Bytes that are left out."""
        return max(0, self.total - self._limit)

    @property
    def size(self) -> int:
        """Bytes of the log as ``read`` gives it."""
        cut = self.cut
        return self.total - cut + len(cut_note(cut)) if cut else self.total

    @property
    def in_memory(self) -> bytes | None:
        """All of it when it was never put in a file, else None."""
        return bytes(self._memory) if self._descriptor < 0 else None

    def read(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes of what is kept, from ``offset``: head, note, and the tail in its order."""
        pieces = []
        for start, length, at, data in self._parts():
            skip = offset - start
            if skip >= length or size <= 0:
                continue
            take = min(length - skip, size)
            if data is not None:
                pieces.append(data[skip : skip + take])
            else:
                pieces.append(os.pread(self._descriptor, take, at + skip))
            offset += take
            size -= take
        return b"".join(pieces)

    def _parts(self) -> Iterator[tuple[int, int, int, bytes | None]]:
        """Yield (place in the kept log, length, place in the file, or the bytes themselves)."""
        cut = self.cut
        if self._descriptor < 0:
            data = bytes(self._memory)
            yield 0, len(data), 0, data
            if cut:
                note = cut_note(cut)
                yield len(data), len(note), 0, note
            return
        if not cut:
            yield 0, self.total, 0, None
            return
        note = cut_note(cut)
        yield 0, self._head, 0, None
        yield self._head, len(note), 0, note
        turn = (self.total - self._head) % self._tail
        start = self._head + len(note)
        yield start, self._tail - turn, self._head + turn, None
        yield start + self._tail - turn, turn, self._head, None

    def close(self, *, remove: bool) -> None:
        """Let the file go, or delete it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            if remove:
                Path(self.path).unlink(missing_ok=True)
        self._memory = bytearray()
        self.followers.clear()


class HeldFile:
    """A small file beside the log, in memory; it is read like a log."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, size: int) -> bytes:
        """Return a stretch of it."""
        return self._data[offset : offset + size]

    def close(self, *, remove: bool) -> None:
        """Nothing to do: there is no file."""


class _Upload:
    __slots__ = ("accepted", "key", "log", "name", "sent", "size", "weight")

    def __init__(self, key: RunKey, name: str, run_log: RunLog | HeldFile) -> None:
        self.key = key
        self.name = name
        self.log = run_log
        self.size = self.weight = run_log.size
        self.sent = 0
        self.accepted = 0


class Uploads:
    """Brings finished logs and the small files beside them to the server.

    ``send`` takes a piece, or says no (then ``pump`` is called when there is room); ``done`` learns that the server has
    a log, or a file.
    """

    def __init__(
        self, send: Callable[[FileChunk], bool], done: Callable[[RunKey, str], None], *, budget: int = LOG_BUDGET
    ) -> None:
        self._send = send
        self._done = done
        self._queue: dict[tuple[RunKey, str], _Upload] = {}
        self._flying = 0
        self._online = False
        self._budget = budget
        self._waiting = 0
        self._held = 0

    def add(self, key: RunKey, run_log: RunLog) -> None:
        """A finished log is to be brought over; an empty one is done at once."""
        if not run_log.size:
            run_log.close(remove=True)
            self._done(key, LOG)
            return
        upload = self._queue[key, LOG] = _Upload(key, LOG, run_log)
        self._waiting += upload.weight
        while self._waiting > self._budget and len(self._queue) > 1:
            oldest = next(iter(self._queue))
            log.info("The %s of run %s is given up: the server is away, and what waits takes too much.", *oldest[::-1])
            self._give_up(oldest)
        self.pump()

    def add_file(self, key: RunKey, name: str, data: bytes) -> None:
        """A small file is to be brought over; one of the same name that still waits is replaced."""
        if not data or name == LOG:
            return
        self._drop((key, name))
        upload = self._queue[key, name] = _Upload(key, name, HeldFile(data))
        self._waiting += upload.weight
        self._held += upload.weight
        while self._held > FILES_BUDGET:
            self._give_up(next(place for place in self._queue if place[1] != LOG))
        self.pump()

    def _give_up(self, place: tuple[RunKey, str]) -> None:
        self._drop(place)
        self._done(*place)

    def accepted(self, told: FileAccepted) -> None:
        """The server has a log up to a place, or wants no more of it."""
        place = (RunKey(told.job, told.block, told.task, told.run), told.name)
        upload = self._queue.get(place)
        if upload is None:
            return
        if told.offset < upload.accepted:
            # The server lost what it had not synced, or it is another one: go back to what it has.
            self._flying -= upload.sent - upload.accepted
            upload.sent = upload.accepted = max(0, told.offset)
        else:
            taken = min(told.offset, upload.sent)
            self._flying -= taken - upload.accepted
            upload.accepted = taken
        if told.done:
            self._give_up(place)
        self.pump()

    def forget(self, key: RunKey) -> None:
        """Nobody wants the log and files of this run: delete them."""
        for place in [place for place in self._queue if place[0] == key] if self._held else [(key, LOG)]:
            self._drop(place)

    def forget_files(self) -> None:
        """Another farm is there, whose runs have other files: give up all but the logs."""
        for place in [place for place in self._queue if place[1] != LOG]:
            self._drop(place)

    def _drop(self, place: tuple[RunKey, str]) -> None:
        upload = self._queue.pop(place, None)
        if upload is not None:
            self._flying -= upload.sent - upload.accepted
            self._waiting -= upload.weight
            if place[1] != LOG:
                self._held -= upload.weight
            upload.log.close(remove=True)

    def connected(self) -> None:
        """There is a server; what was on the way when the last one was lost goes again."""
        self._online = True
        self._flying = 0
        for upload in self._queue.values():
            upload.sent = upload.accepted
        self.pump()

    def lost(self) -> None:
        """The server is away."""
        self._online = False

    @property
    def waiting(self) -> dict[RunKey, RunLog]:
        """Logs the server does not have yet."""
        return {up.key: up.log for up in self._queue.values() if isinstance(up.log, RunLog)}

    @property
    def files_waiting(self) -> int:
        """Bytes of small files the server does not have yet."""
        return self._held

    def close(self) -> None:
        """Let all files go; they stay for the next life."""
        for upload in self._queue.values():
            upload.log.close(remove=False)
        self._queue.clear()

    def pump(self) -> None:
        """Send as much as may be sent now."""
        if not self._online or self._flying >= WINDOW:
            return
        for upload in list(self._queue.values()):
            while upload.sent < upload.size and self._flying < WINDOW:
                data = upload.log.read(upload.sent, PIECE)
                if not data:
                    # The file is shorter than it was, somebody cut it: what is there is all there is.
                    upload.size = upload.sent
                last = upload.sent + len(data) >= upload.size
                if not self._send(_chunk(upload.key, upload.name, upload.sent, data, last=last)):
                    return
                upload.sent += len(data)
                self._flying += len(data)
            if self._flying >= WINDOW:
                return


def _chunk(key: RunKey, name: str, place: int, data: bytes, *, last: bool) -> FileChunk:
    packed = zlib.compress(data, 1) if len(data) >= COMPRESS_FROM and name == LOG else data
    if len(packed) >= len(data):
        return FileChunk(*key, name=name, offset=place, data=data, last=last)
    return FileChunk(*key, name=name, offset=place, data=packed, compressed=True, last=last)
