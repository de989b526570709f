"""One conversation of a link, from opening to its end: what is sent first, what waits, and what silence means.

Rules of this file:
- What is sent in one turn of the loop leaves as one frame: urgent messages, then the newest readings; pieces of files
  go only while the server takes them as fast as they come.
- Its owner hears of the end exactly once.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec.structs import replace

from afcore.errors import AfError, ConnectionLost, WireError
from afcore.hostreading import joined
from afnet.client.refusals import error_of
from afnet.client.servers import Address
from afnet.transport.base import FrameConnection
from afnet.wire.messages import FileChunk, Goodbye, Hello, Message, NotLeader, Readings, Refused, Welcome
from afnet.wire.session import Session
from afnet.wire.states import SessionState

__all__ = ["MOST_CHUNKS", "MOST_UNSENT", "Conversation", "LinkHandler", "Owner"]

MOST_CHUNKS = 16
"""Pieces of files that wait in the link at most."""

MOST_UNSENT = 64 * 1024 * 1024
"""Unsent bytes at which a server that takes nothing counts as lost."""


class LinkHandler(Protocol):
    """Who owns a link; every call comes from the loop, directly."""

    def connected(self, welcome: Welcome) -> None:
        """The farm's leader welcomed us: begin anew."""

    def received(self, message: Message) -> None:
        """The server said something."""

    def lost(self, reason: str) -> None:
        """The conversation is over, and not by ``close``; the link tries again by itself.  ``reason`` is a sentence."""

    def unreachable(self, error: AfError) -> None:
        """A try to connect failed, or we are refused (Rejected, VersionMismatch); the link tries again by itself."""

    def drained(self) -> None:
        """There is room for pieces of files again after ``send_chunk`` said no."""


class Owner(Protocol):
    """What a conversation needs of its link."""

    handler: LinkHandler
    clock: Callable[[], float]
    server: Address | None

    def welcomed(self, welcome: Welcome) -> None:
        """The server leads and takes us."""

    def not_leader(self, servers: Sequence[str]) -> None:
        """The server sends us on to others."""


class Conversation:
    """One connection of a link, from opening to its end (a FrameReceiver)."""

    def __init__(self, owner: Owner, hello: Hello) -> None:
        self.session = Session(hello.kind, now=owner.clock(), hello=hello)
        self.welcomed = False
        """The server took us."""
        self.slow = False
        """The server takes less than it is sent."""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done at the end."""
        self._owner = owner
        self._handler = owner.handler
        self._connection: FrameConnection | None = None
        self._urgent: list[Message] = []
        self._readings: Readings | None = None
        self._chunks: deque[FileChunk] = deque()
        self._said_no = False
        self._flushing = False
        self._leaving = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether messages may be sent."""
        return self._connection is not None and self.session.state is SessionState.OPEN

    # Sending

    def add(self, message: Message) -> None:
        """Send a message at the end of this turn of the loop; readings replace readings of the same thing."""
        if isinstance(message, Readings):
            self._readings = message if self._readings is None else _newest(self._readings, message)
        else:
            self._urgent.append(message)
        self._flush_soon()

    def add_chunk(self, chunk: FileChunk) -> bool:
        """Send a piece of a file when there is room; False when too many wait."""
        if len(self._chunks) >= MOST_CHUNKS:
            self._said_no = True
            return False
        self._chunks.append(chunk)
        self._flush_soon()
        return True

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        connection = self._connection
        if connection is None or not self.is_open:
            return
        messages = self._urgent
        self._urgent = []
        if self._readings is not None and not self.slow:
            messages.append(self._readings)
            self._readings = None
        if messages:
            self._write(connection, messages)
        while self._chunks and not self.slow and self._connection is not None:
            self._write(connection, [self._chunks.popleft()])
        if connection.unsent() > MOST_UNSENT:
            connection.abort()
        elif self._said_no and len(self._chunks) <= MOST_CHUNKS // 2:
            self._said_no = False
            self._handler.drained()

    def _write(self, connection: FrameConnection, messages: list[Message]) -> None:
        frames, too_large = self.session.frames(messages)
        for frame in frames:
            connection.send_frame(frame)
        for message in too_large:
            # As if the server had refused it: whoever asked must not wait for ever.
            sentence = f"The message {type(message).__name__} is larger than the server takes."
            self._handler.received(Refused(getattr(message, "id", 0), "too_large", sentence))

    def _write_pending(self) -> None:
        frame = self.session.pending()
        if frame and self._connection is not None:
            self._connection.send_frame(frame)

    # FrameReceiver

    def opened(self, connection: FrameConnection) -> None:
        """The transport is there: say hello."""
        self._connection = connection
        self._write_pending()
        self._arm()

    def frame_received(self, frame: bytes) -> None:
        """Take one frame and hand its messages on."""
        try:
            messages = self.session.receive(frame, self._owner.clock())
        except WireError as fault:
            self._hang_up(fault)
            return
        for message in messages:
            if isinstance(message, Welcome):
                self.welcomed = True
                # From now on silence counts in seconds of the server's choice, sooner than the greeting's.
                self._arm()
                self._owner.welcomed(message)
            elif isinstance(message, NotLeader):
                self._owner.not_leader(message.servers)
            elif isinstance(message, Goodbye):
                continue
            elif isinstance(message, Refused) and not self.welcomed:
                self._hang_up(error_of(message))
                return
            else:
                self._handler.received(message)
        if self.session.state is SessionState.CLOSED:
            self._hang_up(None)
        else:
            self._write_pending()

    def slowed(self, slow: bool) -> None:
        """Note that the server takes less than it is sent, or has caught up."""
        self.slow = slow
        if not slow:
            self._flush_soon()

    def closed(self, reason: str) -> None:
        """The transport is gone."""
        self._connection = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.over.done():
            return
        self.over.set_result(None)
        why = self.session.closed_because or reason or "the connection was closed"
        self.session.close("", self._owner.clock())
        self._tell_lost(why)

    # The end

    async def leave(self, reason: str) -> None:
        """Send what waits and say goodbye; the handler is not told of an end that its owner wanted."""
        connection = self._connection
        if connection is None:
            return
        self._leaving = True
        self._flush()
        last = self.session.close(reason, self._owner.clock())
        if last:
            connection.send_frame(last)
        connection.close(reason)
        await asyncio.wait([self.over], timeout=2.0)
        self.abort()

    def abort(self) -> None:
        """Let go of timer and connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._connection is not None:
            self._connection.abort()

    def _hang_up(self, error: AfError | None) -> None:
        self._write_pending()
        connection = self._connection
        if connection is None or self.over.done():
            return
        self.over.set_result(None)
        if self.welcomed:
            self._tell_lost(self.session.closed_because or (error.sentence if error else "the connection was closed"))
        elif error is not None:
            self._handler.unreachable(error)
        else:
            self._handler.unreachable(ConnectionLost(f"{self._owner.server}: {self.session.closed_because}."))
        connection.close(self.session.closed_because)

    def _tell_lost(self, reason: str) -> None:
        if self._leaving:
            return
        if self.welcomed:
            self._handler.lost(reason)
        else:
            self._handler.unreachable(ConnectionLost(f"{self._owner.server}: {reason.rstrip('.')}."))

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline = self.session.deadline()
        if deadline is not None and self._connection is not None:
            wait = max(0.0, deadline - self._owner.clock())
            self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timer = None
        try:
            self.session.tick(self._owner.clock())
        except WireError as fault:
            self._hang_up(fault)
            return
        self._write_pending()
        self._arm()


def _newest(before: Readings, now: Readings) -> Readings:
    """Return the newest of every reading: what the later ones leave out is not said otherwise."""
    progress = {(one.job, one.block, one.task, one.run): one for one in before.progress}
    for one in now.progress:
        key = (one.job, one.block, one.task, one.run)
        earlier = progress.get(key)
        progress[key] = replace(one, changed=True) if earlier is not None and earlier.changed else one
    return Readings(joined(before.resources, now.resources), list(progress.values()))
