"""The way between the link's thread and the window: one queue in, one way of sending out, nothing else crosses.

Rules of this file:
- The link lives in a thread with a loop of its own; decoding and unpacking happen there.
- Arrivals wait in one queue.  The window is woken by a queued signal, at most once until it has drained, and drains
  within a budget of milliseconds, so that a flood never holds a key press.  Quiet farm: no timer, no work.
- What the farm tells by itself is gathered for a while; what a person waits for, an answer or the beginning of what was
  asked to be shown, is drained at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import msgspec
from PySide6.QtCore import QObject, Qt, QTimer, Signal

from afcore.errors import AfError
from afcore.rows import TaskColumns
from afnet.api.trust import UnknownAuthority
from afnet.client.link import Connect, Link
from afnet.client.refusals import error_of
from afnet.client.rows import decode_rows
from afnet.client.servers import Address
from afnet.transport.wsframes import NoPlain
from afnet.wire.messages import Hello, LogLines, Message, Refused, Reply, Rows, Welcome
from afwatch.changes import Answered, Arrival, Connected, Lines, Lost, Refusal, RowsCame, Unreachable
from afwatch.tasktables import unpack_columns

__all__ = ["Bridge"]

log = logging.getLogger(__name__)

_PAUSE_MS = 50
"""Least milliseconds between two drains of what nobody waits for."""
_BUDGET_S = 0.008
_FAREWELL_S = 3.0


def _is_awaited(arrival: Arrival) -> bool:
    """Say whether a person waits for an arrival: not for output, nor for rows that changed by themselves."""
    return arrival.whole if isinstance(arrival, RowsCame) else not isinstance(arrival, Lines)


class _Handler:
    """The link's owner, in the link's thread: turns messages into arrivals."""

    def __init__(self, put: Callable[[Arrival], None]) -> None:
        self.link: Link | None = None
        self._put = put

    def connected(self, welcome: Welcome) -> None:
        server = str(self.link.server) if self.link is not None and self.link.server else ""
        self._put(Connected(welcome, server))

    def received(self, message: Message) -> None:
        if isinstance(message, Rows):
            try:
                rows = [unpack_columns(row) if isinstance(row, TaskColumns) else row for row in decode_rows(message)]
            except (msgspec.ValidationError, ValueError):
                log.exception("rows that this monitor does not understand")
                return
            self._put(
                RowsCame(message.id, message.version, rows, message.gone, message.whole, message.initiators)
            )
        elif isinstance(message, Reply):
            self._put(Answered(message.id, message.body))
        elif isinstance(message, Refused):
            self._put(Refusal(message.id, error_of(message)))
        elif isinstance(message, LogLines):
            self._put(
                Lines(
                    message.id, message.job, message.block, message.task, message.run,
                    message.offset, message.data, message.last,
                )
            )  # fmt: skip

    def lost(self, reason: str) -> None:
        self._put(Lost(reason))

    def unreachable(self, error: AfError) -> None:
        code = "unknown_authority" if isinstance(error, UnknownAuthority | NoPlain) else getattr(error, "code", "")
        self._put(Unreachable(error.sentence, error.hint, code))

    def drained(self) -> None:
        """Files are not sent from here."""


class Bridge(QObject):
    """Owns the link's thread; gives what arrives to ``receive`` in the thread of the window."""

    _woken = Signal()

    def __init__(
        self,
        servers: Sequence[Address],
        hello: Hello,
        receive: Callable[[list[Arrival]], None],
        *,
        chance: random.Random,
        connect: Connect | None = None,
    ) -> None:
        super().__init__()
        self._servers = list(servers)
        self._hello = hello
        self._receive = receive
        self._chance = chance
        self._connect = connect
        self._queue: deque[Arrival] = deque()
        self._awake = False
        self._hurry = False
        """Something waits in the queue that a person waits for."""
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link: Link | None = None
        self._leave: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="afwatch-link")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._drain)
        self._woken.connect(self._on_woken, Qt.ConnectionType.QueuedConnection)
        self._drained_at = 0.0

    def start(self) -> None:
        """Start the thread and begin to connect; returns at once."""
        self._thread.start()
        self._ready.wait()

    def send(self, *messages: Message) -> None:
        """Send messages if there is a conversation; they are dropped else (who is ``Connected`` begins anew)."""
        loop, link = self._loop, self._link
        if loop is not None and link is not None and not loop.is_closed():
            loop.call_soon_threadsafe(link.send, *messages)

    def again(self) -> None:
        """Connect anew, now: something that is shown or trusted is another."""
        loop, link = self._loop, self._link
        if loop is not None and link is not None and not loop.is_closed():
            loop.call_soon_threadsafe(link.again)

    def close(self) -> None:
        """Say goodbye, end the thread, and forget what has not been drained."""
        self._timer.stop()
        if self._loop is not None and self._leave is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._leave.set)
        if self._thread.is_alive():
            self._thread.join()
        self._queue.clear()

    # In the link's thread

    def _run(self) -> None:
        asyncio.run(self._converse())

    async def _converse(self) -> None:
        handler = _Handler(self._put)
        link = Link(self._servers, self._hello, handler, chance=self._chance, connect=self._connect)
        handler.link = link
        self._leave = asyncio.Event()
        self._link, self._loop = link, asyncio.get_running_loop()
        link.start()
        self._ready.set()
        await self._leave.wait()
        try:
            async with asyncio.timeout(_FAREWELL_S):
                await link.close("the monitor was closed")
        except TimeoutError:
            log.info("the server did not hear the goodbye")

    def _put(self, arrival: Arrival) -> None:
        awaited = _is_awaited(arrival)
        with self._lock:
            self._queue.append(arrival)
            wake = not self._awake or (awaited and not self._hurry)
            self._awake, self._hurry = True, self._hurry or awaited
        if wake:
            self._woken.emit()

    # In the window's thread

    def _on_woken(self) -> None:
        if self._hurry:
            self._timer.stop()
            self._drain()
            return
        since = (time.monotonic() - self._drained_at) * 1000
        if not self._timer.isActive():
            self._timer.start(max(0, round(_PAUSE_MS - since)))

    def _drain(self) -> None:
        begun = time.monotonic()
        batch: list[Arrival] = []
        more, self._hurry = True, False
        while True:
            with self._lock:
                if not self._queue:
                    self._awake = more = False
                    break
                batch.append(self._queue.popleft())
            if len(batch) >= 16:
                self._receive(batch)
                batch = []
                if time.monotonic() - begun > _BUDGET_S:
                    break
        if batch:
            self._receive(batch)
        self._drained_at = time.monotonic()
        if more:
            self._timer.start(1)
