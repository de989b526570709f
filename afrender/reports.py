"""Finished reports on disk, until the farm acknowledges them: one file that is appended to.

Rules of this file:
- a report is in the file before it is said; the file is synced in a thread when acknowledgements do not come at once;
- a record that was cut by a crash ends the file: what stands before it counts;
- the file is empty whenever nothing waits, so it never grows for long.

What a crash of the machine can take is a report of the last moment, and with it the run: the farm then gives the task
to somebody again, without counting an error.
"""

from __future__ import annotations

import errno
import logging
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from afcore.errors import AfError
from afcore.ids import RunKey
from afnet.wire.messages import Report

__all__ = ["KeptReport", "ReportSpool", "SpoolError"]

log = logging.getLogger(__name__)

_NAME = "reports"
_COMPACT_FROM = 4 * 1024 * 1024


class SpoolError(AfError):
    """The agent's own folder cannot be used."""


class KeptReport(msgspec.Struct, tag=1, array_like=True, gc=False):
    """A record: a report, and its log: the bytes themselves, or None when they are in a file of ``log_total`` bytes."""

    report: Report
    log_data: bytes | None = None
    log_total: int = 0
    log_limit: int = 0
    reported: bool = False
    """The report itself is acknowledged; only the log waits."""


class _Acknowledged(msgspec.Struct, tag=2, array_like=True, gc=False):
    keys: list[RunKey]


class _LogDone(msgspec.Struct, tag=3, array_like=True, gc=False):
    keys: list[RunKey]


_Record = KeptReport | _Acknowledged | _LogDone


class ReportSpool:
    """The file of reports in ``folder``. Raises SpoolError when it cannot be opened."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._encoder = msgspec.msgpack.Encoder()
        self._kept: dict[RunKey, KeptReport] = {}
        self._unsynced = False
        try:
            self._read()
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SpoolError(
                f"The reports of finished tasks cannot be kept in {self._path}: {error.strerror}",
                hint="choose another folder with --folder",
            ) from error
        self._rewrite()

    @property
    def kept(self) -> list[KeptReport]:
        """What waits: reports that are not acknowledged, and logs that the server does not have."""
        return list(self._kept.values())

    @property
    def unsynced(self) -> bool:
        """Whether something waits that a crash of the machine could take."""
        return self._unsynced and bool(self._kept)

    def keep(self, kept: KeptReport) -> None:
        """Write a report down."""
        self._kept[_key(kept.report)] = kept
        self._append(kept)

    def acknowledged(self, keys: Iterable[RunKey]) -> None:
        """These reports are committed; those without a log are forgotten."""
        found = []
        for key in keys:
            kept = self._kept.get(key)
            if kept is not None and not kept.reported:
                kept.reported = True
                found.append(key)
                if not kept.report.log_size:
                    del self._kept[key]
        self._note(_Acknowledged(found), found)

    def log_done(self, key: RunKey) -> None:
        """The server has the log of this run; with an acknowledged report it is forgotten."""
        kept = self._kept.get(key)
        if kept is None:
            return
        kept.report = msgspec.structs.replace(kept.report, log_size=0)
        kept.log_data = None
        if kept.reported:
            del self._kept[key]
        self._note(_LogDone([key]), [key])

    def forget(self, keys: Iterable[RunKey]) -> None:
        """Nobody wants to hear of these runs."""
        found = [key for key in keys if self._kept.pop(key, None) is not None]
        self._note(_Acknowledged(found), found)
        self._note(_LogDone(found), found)

    def sync(self) -> None:
        """Bring the file to the disk. Called in a worker thread."""
        self._unsynced = False
        try:
            os.fsync(self._file)
        except OSError as error:
            # A file that was replaced meanwhile was synced as it was written.
            if error.errno != errno.EBADF:
                log.warning("%s cannot be synced: %s.", self._path, error)

    def close(self) -> None:
        """Let the file go."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    # -- the file ------------------------------------------------------------------------------------------------

    def _note(self, record: _Record, keys: list[RunKey]) -> None:
        if not keys:
            return
        if not self._kept:
            self._truncate()
        elif os.lseek(self._file, 0, os.SEEK_CUR) > _COMPACT_FROM:
            self._rewrite()
        else:
            self._append(record)

    def _truncate(self) -> None:
        if os.lseek(self._file, 0, os.SEEK_CUR):
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)

    def _append(self, record: _Record) -> None:
        try:
            os.write(self._file, _framed(self._encoder.encode(record)))
        except OSError as error:
            log.warning("%s cannot be written (%s): a report is kept in memory only.", self._path, error)
        self._unsynced = True

    def _rewrite(self) -> None:
        """Put what is kept in a fresh file, in place of the old one."""
        fresh = self._path.with_suffix(".new")
        with open(fresh, "wb") as file:
            for kept in self._kept.values():
                file.write(_framed(self._encoder.encode(kept)))
            file.flush()
            if self._kept:
                os.fsync(file.fileno())
        fresh.replace(self._path)
        os.close(self._file)
        self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        os.lseek(self._file, 0, os.SEEK_END)

    def _read(self) -> None:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        decoder = msgspec.msgpack.Decoder(_Record)
        for body in _records(data):
            try:
                record = decoder.decode(body)
            except msgspec.DecodeError as error:
                log.warning("%s holds a record that cannot be read: %s.", self._path, error)
                continue
            self._replay(record)

    def _replay(self, record: _Record) -> None:
        if isinstance(record, KeptReport):
            self._kept[_key(record.report)] = record
            return
        for numbers in record.keys:
            key = RunKey(*numbers)
            kept = self._kept.get(key)
            if kept is None:
                continue
            if isinstance(record, _Acknowledged):
                kept.reported = True
            else:
                kept.report = msgspec.structs.replace(kept.report, log_size=0)
            if kept.reported and not kept.report.log_size:
                del self._kept[key]


def _key(report: Report) -> RunKey:
    return RunKey(report.job, report.block, report.task, report.run)


def _framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "little") + zlib.crc32(body).to_bytes(4, "little") + body


def _records(data: bytes) -> Iterator[bytes]:
    """Yield the bodies of whole records; stop at the first that is cut or damaged."""
    at = 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        body = data[at + 8 : at + 8 + length]
        if len(body) < length or zlib.crc32(body) != int.from_bytes(data[at + 4 : at + 8], "little"):
            return
        yield body
        at += 8 + length
