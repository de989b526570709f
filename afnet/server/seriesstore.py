"""Where readings are kept: a file of the newest minutes of all hosts, and a file a day with an hour of a host per row.

Rules of this file:
- One thread writes; reading may run in any thread, beside it, on a connection of its own.
- An hour is packed into its day's file before its minutes are taken away: a crash in between repeats it, harmlessly.
- Whole days are dropped, the oldest first, when they are too old or the files together too large.
- A file that cannot be read is put aside (``.unreadable``) and begun anew: plots are worth less than a working farm.
"""

import contextlib
import logging
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from afnet.server.seriespack import Chunk, MinuteBody, Part, merge_parts, pack_hour, unpack_hour

__all__ = ["SeriesStore"]

_log = logging.getLogger(__name__)

_FORMAT = 1
_NEWEST = "minutes.db"
_MINUTES = (
    "CREATE TABLE IF NOT EXISTS minutes (minute INTEGER, part INTEGER, body BLOB, PRIMARY KEY (minute, part))"
)
_HOURS = "CREATE TABLE IF NOT EXISTS hours (render TEXT, hour INTEGER, body BLOB, PRIMARY KEY (render, hour))"
_decode = msgspec.msgpack.Decoder(MinuteBody).decode
_encode = msgspec.msgpack.Encoder().encode


class SeriesStore:
    """Keeps minutes of readings below one folder."""

    def __init__(self, folder: Path, *, keep_days: float, keep_bytes: int) -> None:
        self._folder = folder
        self._keep_days = keep_days
        self._keep_bytes = keep_bytes
        self._newest: sqlite3.Connection | None = None

    # Writing

    def add(self, minute: int, body: MinuteBody) -> None:
        """Keep a minute, or another part of it; what is in an hour that is over is packed first.

        Raises OSError or sqlite3.Error when the disk refuses.
        """
        newest = self._open_newest()
        (oldest,) = newest.execute("SELECT MIN(minute) FROM minutes").fetchone()
        if oldest is not None and oldest // 60 < minute // 60:
            self._pack(newest, minute // 60)
            self.drop_old(minute)
        with newest:
            (part,) = newest.execute("SELECT COUNT(*) FROM minutes WHERE minute = ?", (minute,)).fetchone()
            newest.execute("INSERT INTO minutes VALUES (?, ?, ?)", (minute, part, _encode(body)))

    def drop_old(self, minute: int) -> None:
        """Remove days that are too old, and the oldest while all are too large."""
        days = sorted(self._folder.glob("????-??-??.db"))
        first = datetime.fromtimestamp(minute * 60 - self._keep_days * 86400, UTC).strftime("%Y-%m-%d")
        sizes = {day: day.stat().st_size for day in days}
        total = sum(sizes.values())
        for day in days:
            if day.stem >= first and total <= self._keep_bytes:
                break
            day.unlink(missing_ok=True)
            total -= sizes[day]

    def close(self) -> None:
        """Close the file of the newest minutes."""
        newest, self._newest = self._newest, None
        if newest is not None:
            newest.close()

    def _open_newest(self) -> sqlite3.Connection:
        if self._newest is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._newest = self._opened(self._folder / _NEWEST, _MINUTES)
        return self._newest

    def _opened(self, path: Path, table: str) -> sqlite3.Connection:
        """Open a file to write, made when it is missing and begun anew when it is none of ours."""
        try:
            return _open(path, table)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            aside = path.with_suffix(".unreadable")
            _log.warning("the readings in %s cannot be read (%s): they are put aside as %s", path, error, aside.name)
            path.replace(aside)
            for more in ("-wal", "-shm"):
                path.with_name(path.name + more).unlink(missing_ok=True)
            return _open(path, table)

    def _pack(self, newest: sqlite3.Connection, before: int) -> None:
        """Pack the minutes of hours below ``before`` into the files of their days."""
        hours = [row[0] for row in newest.execute("SELECT DISTINCT minute / 60 FROM minutes ORDER BY 1")]
        for hour in hours:
            if hour >= before:
                continue
            by_host: dict[str, list[tuple[int, list[str], Part]]] = defaultdict(list)
            for minute, body in _minutes(newest, hour * 60, hour * 60 + 60):
                for part in body.parts:
                    by_host[part.render].append((minute, body.shapes[part.shape], part))
            with closing(self._opened(self._day(hour), _HOURS)) as day, day:
                there = {row[0] for row in day.execute("SELECT render FROM hours WHERE hour = ?", (hour,))}
                day.executemany(
                    "INSERT OR IGNORE INTO hours VALUES (?, ?, ?)",
                    (
                        (render, hour, pack_hour(merge_parts(parts), hour))
                        for render, parts in by_host.items()
                        if render not in there
                    ),
                )
            with newest:
                newest.execute("DELETE FROM minutes WHERE minute >= ? AND minute < ?", (hour * 60, hour * 60 + 60))

    def _day(self, hour: int) -> Path:
        return self._folder / f"{datetime.fromtimestamp(hour * 3600, UTC):%Y-%m-%d}.db"

    # Reading

    def read(self, render: str, first: int, end: int) -> list[Chunk]:
        """Return what is kept of a host from minute ``first`` up to ``end`` (excluded), in order; for any thread."""
        late = self._read_newest(render, first, end)  # before the hours: what is packed meanwhile is then seen twice
        chunks = list(self._read_hours(render, first // 60, (end - 1) // 60))
        packed = {minute // 60 for chunk in chunks for minute in chunk.minutes}
        late = [each for each in late if each[0] // 60 not in packed]
        if late:
            chunks.append(merge_parts(late))
        return chunks

    def size(self) -> int:
        """Return the bytes that all files take."""
        with contextlib.suppress(OSError):
            return sum(path.stat().st_size for path in self._folder.iterdir())
        return 0

    def _read_newest(self, render: str, first: int, end: int) -> list[tuple[int, list[str], Part]]:
        path = self._folder / _NEWEST
        if not path.exists():
            return []
        with closing(_open_to_read(path)) as newest, contextlib.suppress(sqlite3.DatabaseError):
            return [
                (minute, body.shapes[part.shape], part)
                for minute, body in _minutes(newest, first, end)
                for part in body.parts
                if part.render == render
            ]
        return []

    def _read_hours(self, render: str, first: int, last: int) -> Iterator[Chunk]:
        days = {self._day(hour * 24) for hour in range(first // 24, last // 24 + 1)}
        for path in sorted(days):
            if not path.exists():
                continue
            with closing(_open_to_read(path)) as day, contextlib.suppress(sqlite3.DatabaseError):
                asked = "SELECT hour, body FROM hours WHERE render = ? AND hour BETWEEN ? AND ? ORDER BY hour"
                for hour, body in day.execute(asked, (render, first, last)):
                    with contextlib.suppress(ValueError):
                        yield unpack_hour(body, hour)


def _open(path: Path, table: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, _FORMAT):
            raise sqlite3.DatabaseError(f"it has format {version}, this server writes {_FORMAT}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(table)
        connection.execute(f"PRAGMA user_version = {_FORMAT}")
    except BaseException:
        connection.close()
        raise
    return connection


def _open_to_read(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)


def _minutes(newest: sqlite3.Connection, first: int, end: int) -> Iterator[tuple[int, MinuteBody]]:
    asked = "SELECT minute, body FROM minutes WHERE minute >= ? AND minute < ? ORDER BY minute, part"
    for minute, body in newest.execute(asked, (first, end)):
        with contextlib.suppress(msgspec.MsgspecError):
            yield minute, _decode(body)
