"""Output of running tasks as it comes, for those who asked the server to watch.

Rules of this file:
- what a watcher gets is gathered for a moment, so a task that prints a line a millisecond is ten messages a second;
- who asks before the process exists is told what it prints when it does;
- a watcher that cannot keep up with a flood misses its middle, and is told so; the log on the server has what it keeps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from afcore.ids import RunKey
from afnet.wire.messages import LogLines
from afrender.logs import RunLog, cut_note

__all__ = ["Followers"]

GATHER = 0.1
"""Seconds that output is gathered before it is sent."""

AT_ONCE = 262144
"""Bytes sent at most at the beginning, and in one gathering."""


class _Follower:
    __slots__ = ("id", "key", "lost", "pending", "place", "size")

    def __init__(self, id: int, key: RunKey) -> None:
        self.id = id
        self.key = key
        self.place = 0
        self.pending: list[bytes] = []
        self.size = 0
        self.lost = 0


class Followers:
    """All who follow a run of this agent, by the id of their request."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Callable[[LogLines], object]) -> None:
        self._loop = loop
        self._send = send
        self._all: dict[int, _Follower] = {}
        self._logs: dict[int, RunLog] = {}
        self._early: dict[int, RunKey] = {}
        """Who asked for a run that has no process yet."""
        self._timer: asyncio.TimerHandle | None = None

    def wait(self, id: int, key: RunKey) -> None:
        """Let somebody wait for a run that is about to start."""
        self.remove(id)
        self._early[id] = key

    def began(self, key: RunKey, run_log: RunLog, *, over: bool) -> None:
        """A run has a log now; with ``over`` that is all of it."""
        for id in [id for id, early in self._early.items() if early == key]:
            self.add(id, key, run_log, over=over)

    def add(self, id: int, key: RunKey, run_log: RunLog | None, *, over: bool) -> None:
        """Send what there is of a log, then what comes; with ``over`` or without a log that is all."""
        self.remove(id)
        if run_log is None:
            self._send(LogLines(*key, offset=0, data=b"", last=True, id=id))
            return
        size = run_log.size
        start = max(0, size - AT_ONCE)
        data = run_log.read(start, AT_ONCE)
        self._send(LogLines(*key, offset=max(0, run_log.total - len(data)), data=data, last=over, id=id))
        if over:
            return
        follower = _Follower(id, key)
        self._all[id] = follower
        self._logs[id] = run_log
        run_log.followers[id] = lambda place, piece: self._take(follower, place, piece)

    def remove(self, id: int) -> None:
        """Nobody follows under this id any more."""
        self._early.pop(id, None)
        if self._all.pop(id, None) is not None:
            self._logs.pop(id).followers.pop(id, None)

    def ended(self, key: RunKey, run_log: RunLog) -> None:
        """A run is over: send the rest and the end."""
        if self._early:
            self.began(key, run_log, over=True)
        if not run_log.followers:
            return
        for id in list(run_log.followers):
            follower = self._all.get(id)
            if follower is not None:
                self._flush_one(follower, last=True)
            self.remove(id)

    def clear(self) -> None:
        """The server is away; who still wants to know asks again."""
        self._early.clear()
        for id in list(self._all):
            self.remove(id)

    def close(self) -> None:
        """No more of it."""
        self.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _take(self, follower: _Follower, place: int, data: bytes) -> None:
        if not follower.pending:
            follower.place = place
        follower.pending.append(data)
        follower.size += len(data)
        while follower.size > AT_ONCE and len(follower.pending) > 1:
            gone = len(follower.pending.pop(0))
            follower.size -= gone
            follower.place += gone
            follower.lost += gone
        if self._timer is None:
            self._timer = self._loop.call_later(GATHER, self._flush)

    def _flush(self) -> None:
        self._timer = None
        for follower in list(self._all.values()):
            if follower.pending:
                self._flush_one(follower, last=False)

    def _flush_one(self, follower: _Follower, *, last: bool) -> None:
        data = b"".join(follower.pending)
        if follower.lost:
            data = cut_note(follower.lost) + data
        self._send(LogLines(*follower.key, offset=follower.place, data=data, last=last, id=follower.id))
        follower.pending.clear()
        follower.size = follower.lost = 0
