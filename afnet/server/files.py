"""Files of runs (logs, thumbnails): received in pieces, kept within a budget, read back, removed with their job.

Rules of this file:
- One thread writes; the event loop only hands pieces over and hears of them in batches. Reading may run in any thread.
- A piece is answered when it is written (not synced: a log is worth less than a task): what the answer says is kept
  survives the death of the server, and may miss its end after a power cut.
- What is refused is refused by keeping a note and saying done: an agent never has to keep a file for ever.
"""

import logging
import queue
import shutil
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from afcore.errors import NotFound
from afnet.server.packs import LOG, Pack, find_entries, list_packs, read_piece
from afnet.server.runfiles import (
    RunFile,
    file_id,
    find_thumbnail,
    is_picture,
    is_proper_name,
    list_files,
    note_thumbnail,
    read_file,
)
from afnet.wire.messages import FileAccepted, FileChunk

__all__ = ["FileStore", "Reading"]

_log = logging.getLogger(__name__)

_OPEN_PACKS = 64
_LARGEST_PIECE = 4 * 1024 * 1024
"""Raw bytes one piece may hold: more is an agent gone wrong."""
_LARGEST_NAMED = 4 * 1024 * 1024
"""Bytes that a file beside the log may have: those are pictures and notes."""
_RETRY = 2.0
"""Seconds between two tries to write to a disk that refuses."""
_COMPRESS_FROM = 256
"""Bytes from which a piece is worth compressing."""


class Reading(NamedTuple):
    """A stretch of a file of a run."""

    run: int
    size: int
    """Raw bytes kept."""
    offset: int
    data: bytes
    complete: bool
    """The file has its end."""


class FileStore:
    """Keeps files of runs below one folder: ``JOB/BLOCK-SEGMENT.pack`` and ``.index``."""

    def __init__(
        self,
        folder: Path,
        *,
        budget: int,
        largest_file: int,
        answer: Callable[[list[tuple[int, FileAccepted]]], None],
        finished_jobs: Callable[[], list[int]],
        segment_size: int = 64 * 1024 * 1024,
    ) -> None:
        """``answer`` is called from the writing thread with (session, message) pairs; ``budget`` and sizes in bytes.

        ``finished_jobs`` returns ids of finished jobs, the one that finished first at the front; it is called from the
        writing thread and must only read.
        """
        self._folder = folder
        self._budget = budget
        self._largest_file = largest_file
        self._answer = answer
        self._finished_jobs = finished_jobs
        self._segment_size = segment_size
        self._queue: queue.SimpleQueue[Callable[[], None] | tuple[int, FileChunk] | None] = queue.SimpleQueue()
        self._packs: OrderedDict[tuple[int, int], Pack] = OrderedDict()
        self._growing: dict[tuple[int, int, int, int, str], int] = {}
        """Kept size of the files that are not complete yet."""
        self._kept = 0
        self._pictured: set[int] = set()
        """Jobs that have a thumbnail, as far as that was asked since the start."""
        self._in_trouble = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="files", daemon=True)

    @property
    def kept(self) -> int:
        """Bytes on disk, as far as the writing thread knows."""
        return self._kept

    def start(self, jobs: Iterable[int]) -> None:
        """Start the writing thread; folders of jobs that are not in ``jobs`` are removed first."""
        alive = frozenset(jobs)
        self._queue.put(lambda: self._take_stock(alive))
        self._thread.start()

    def stop(self) -> None:
        """Write what was handed over and end the thread."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join()

    def keep(self, session: int, chunk: FileChunk) -> None:
        """Hand a piece over to the writing thread; ``answer`` says when and how far it is kept."""
        self._queue.put((session, chunk))

    def remove_job(self, job: int) -> None:
        """Remove every file of a job."""
        self._queue.put(lambda: self._remove_job(job))

    def read(
        self, job: int, block: int, task: int, *, run: int = 0, name: str = LOG, offset: int = 0, limit: int = 65536
    ) -> Reading:
        """Return a stretch of a file of a task's run (the newest kept when ``run`` is 0); for any thread.

        A negative ``offset`` counts from the end.  NotFound when nothing is kept.
        """
        run, pieces = find_entries(self._folder / str(job), block, task, run, name=name)
        by_offset = {}
        complete = False
        for stem, entry in pieces:
            by_offset[entry.offset] = (stem, entry)
            complete = complete or entry.last
        size = max((entry.offset + entry.raw for _, entry in by_offset.values()), default=0)
        if not by_offset:
            raise NotFound(
                f"There is no {name} kept of task {task} of block {block} of job {job}.",
                hint="A task that printed nothing has no log; it may also still run, or its log was too old to keep.",
            )
        if offset < 0:
            offset = max(0, size + offset)
        parts: list[bytes] = []
        wanted = limit
        for start in sorted(by_offset):
            stem, entry = by_offset[start]
            if start + entry.raw <= offset or wanted <= 0:
                continue
            found_name, data = read_piece(stem, entry)
            if found_name != name:
                continue
            part = data[max(0, offset - start) :][:wanted]
            parts.append(part)
            wanted -= len(part)
        return Reading(run, size, offset, b"".join(parts), complete)

    def list_files(self, job: int, block: int, task: int, *, run: int = 0) -> list[RunFile]:
        """Return the complete files beside the log of a task's run (the newest with files for 0); for any thread."""
        return list_files(self._folder, job, block, task, run)

    def read_file(self, id: str) -> tuple[RunFile, bytes]:
        """Return a file by its id with its bytes; NotFound when there is none; for any thread."""
        return read_file(self._folder, id)

    def thumbnail(self, job: int) -> RunFile | None:
        """Return the picture that stands for a job: the first that came; for any thread."""
        return find_thumbnail(self._folder, job)

    # The writing thread

    def _work(self) -> None:
        while True:
            item = self._queue.get()
            chunks: list[tuple[int, FileChunk]] = []
            while True:
                if isinstance(item, tuple):
                    chunks.append(item)
                else:
                    self._write(chunks)
                    chunks = []
                    if item is None:
                        self._close_packs()
                        return
                    item()
                if len(chunks) >= 1024:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            self._write(chunks)

    def _write(self, chunks: list[tuple[int, FileChunk]]) -> None:
        """Keep some pieces and answer them, however often it must be tried."""
        while chunks and not self._try_to_write(chunks):
            if self._stopping.wait(_RETRY):
                return

    def _try_to_write(self, chunks: list[tuple[int, FileChunk]]) -> bool:
        answers: list[tuple[int, FileAccepted]] = []
        touched: dict[tuple[int, int], Pack] = {}
        try:
            for session, chunk in chunks:
                kept, done = self._add(chunk, touched)
                answers.append(
                    (session, FileAccepted(chunk.job, chunk.block, chunk.task, chunk.run, chunk.name, kept, done))
                )
            for pack in touched.values():
                self._kept += pack.flush()
        except OSError as error:
            # Nothing is answered yet: the agents keep their files, and send no more than they may have unanswered.
            self._close_packs()
            self._growing.clear()
            if not self._in_trouble:
                self._in_trouble = True
                _log.error("logs cannot be written to %s: %s; free space or mend the disk", self._folder, error)
            return False
        self._in_trouble = False
        self._answer(answers)
        if self._kept > self._budget:
            self._shrink()
        return True

    def _add(self, chunk: FileChunk, touched: dict[tuple[int, int], Pack]) -> tuple[int, bool]:
        """Add one piece to its pack; return how far the file is kept and whether it is complete."""
        key = (chunk.job, chunk.block, chunk.task, chunk.run, chunk.name)
        kept = self._growing.get(key)
        if kept is None:
            kept = 0 if chunk.offset == 0 else self._kept_on_disk(chunk)
        if chunk.offset != kept:
            return kept, False
        data, compressed = chunk.data, chunk.compressed
        if compressed:
            unpack = zlib.decompressobj()
            try:
                raw = len(unpack.decompress(data, _LARGEST_PIECE))
            except zlib.error:
                return kept, False
            if not unpack.eof:
                # It would become far more when it is read: whoever packed it so is no agent of ours.
                self._growing.pop(key, None)
                return kept, True
        else:
            raw = len(data)
            if raw >= _COMPRESS_FROM:
                data, compressed = zlib.compress(data, 1), True
        last = chunk.last
        if chunk.name != LOG and (not is_proper_name(chunk.name) or kept + raw > _LARGEST_NAMED):
            # It stays without its end, so nobody is shown a half.
            self._growing.pop(key, None)
            return kept + raw, True
        if kept + raw > self._largest_file and not (last and raw == 0):
            data = f"\n[the log was cut here: a log may have {self._largest_file} bytes]\n".encode()
            raw, compressed, last = len(data), False, True
        if raw or (last and kept):
            pack = self._pack(chunk.job, chunk.block)
            pack.add(chunk.task, chunk.run, chunk.name, kept, data, raw=raw, compressed=compressed, last=last)
            touched[chunk.job, chunk.block] = pack
        if last:
            self._growing.pop(key, None)
            if chunk.job not in self._pictured and kept + raw and is_picture(chunk.name):
                note_thumbnail(self._folder, file_id(*key))
                self._pictured.add(chunk.job)
        else:
            self._growing[key] = kept + raw
        return kept + raw, last

    def _kept_on_disk(self, chunk: FileChunk) -> int:
        """Return how far a file is kept that this start of the server has not seen yet."""
        self._flush_all()
        _, pieces = find_entries(
            self._folder / str(chunk.job), chunk.block, chunk.task, chunk.run, name=chunk.name
        )
        return max((entry.offset + entry.raw for _, entry in pieces), default=0)

    def _flush_all(self) -> None:
        for pack in self._packs.values():
            self._kept += pack.flush()

    def _pack(self, job: int, block: int) -> Pack:
        """Return the newest pack of a block, open; a full one is followed by a new segment."""
        place = (job, block)
        pack = self._packs.get(place)
        if pack is not None and pack.size < self._segment_size:
            self._packs.move_to_end(place)
            return pack
        folder = self._folder / str(job)
        if pack is not None:
            self._kept += pack.flush()
            pack.close()
            segment = pack.segment + 1
        else:
            packs = list_packs(folder, block)
            segment = packs[-1][1] if packs else 0
        opened = Pack(folder, block, segment)
        if opened.size >= self._segment_size:
            opened.close()
            opened = Pack(folder, block, segment + 1)
        self._packs[place] = opened
        self._packs.move_to_end(place)
        if len(self._packs) > _OPEN_PACKS:
            _, oldest = self._packs.popitem(last=False)
            self._kept += oldest.flush()
            oldest.close()
        return opened

    def _close_packs(self) -> None:
        for pack in self._packs.values():
            pack.close()
        self._packs.clear()

    def _take_stock(self, alive: frozenset[int]) -> None:
        """Count what is kept and remove what belongs to no job."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in self._folder.iterdir():
            if folder.name.isdecimal() and int(folder.name) not in alive:
                shutil.rmtree(folder, ignore_errors=True)
        self._kept = sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())

    def _remove_job(self, job: int) -> None:
        for place in [place for place in self._packs if place[0] == job]:
            self._packs.pop(place).close()
        for key in [key for key in self._growing if key[0] == job]:
            del self._growing[key]
        self._pictured.discard(job)
        folder = self._folder / str(job)
        if folder.exists():
            self._kept -= sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
            shutil.rmtree(folder, ignore_errors=True)

    def _shrink(self) -> None:
        """Remove files until a tenth of the budget is free: finished jobs first, then the oldest segments of all."""
        goal = self._budget - self._budget // 10
        for job in self._finished_jobs():
            if self._kept <= goal:
                return
            self._remove_job(job)
        closed = []
        for folder in self._folder.iterdir():
            if not folder.name.isdecimal():
                continue
            for block, segment, stem in list_packs(folder):
                index = stem.with_suffix(".index").stat()
                closed.append((index.st_mtime, int(folder.name), block, segment, stem))
        for _, job, block, segment, stem in sorted(closed):
            if self._kept <= goal:
                return
            pack = self._packs.get((job, block))
            if pack is not None and pack.segment == segment:
                self._packs.pop((job, block)).close()
            for path in (stem.with_suffix(".index"), stem.with_suffix(".pack")):
                self._kept -= path.stat().st_size
                path.unlink()
