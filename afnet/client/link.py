"""A lasting native conversation on asyncio: connects, negotiates, comes back by itself, sends what matters first.

Rules of this file:
- Nothing is kept over a lost connection: whoever is ``connected`` begins anew (registers, subscribes, reports again).
- What is sent in one turn of the loop leaves as one frame: urgent messages, then the newest readings; pieces of files
  go only while the server takes them as fast as they come.
- Chance, clock and the way to connect are arguments.
"""

import asyncio
import random
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from afcore.errors import AfError, ConfigError, ConnectionLost, OurFault, WireError
from afnet.client.refusals import error_of
from afnet.client.retry import Backoff
from afnet.client.servers import Address, parse_address
from afnet.transport import websocket
from afnet.transport.base import FrameConnection, FrameReceiver
from afnet.wire.codec import LIMIT_TO_CLIENT
from afnet.wire.messages import FileChunk, Goodbye, Hello, Message, NotLeader, Readings, Refused, Welcome
from afnet.wire.session import Session
from afnet.wire.states import SessionState

__all__ = ["Connect", "Link", "LinkHandler", "MOST_CHUNKS"]

Connect = Callable[[FrameReceiver, Address], Awaitable[FrameConnection]]
"""Opens a connection to one server; a WireError says why it cannot be."""

MOST_CHUNKS = 16
"""Pieces of files that wait in the link at most."""

MOST_UNSENT = 64 * 1024 * 1024
"""Unsent bytes at which a server that takes nothing counts as lost."""

_SLOW_ABOVE = 256 * 1024
_CONNECT_TIME = 10.0

_LASTED = 5.0
"""Seconds after which a conversation was a good one, so that the next try after it comes at once."""

_MOST_HOPS = 3
"""Servers that may send us on to another before we wait: two that name each other must not make a storm."""


class LinkHandler(Protocol):
    """Who owns a link; every call comes from the loop, directly."""

    def connected(self, welcome: Welcome) -> None:
        """The farm's leader welcomed us: begin anew."""

    def received(self, message: Message) -> None:
        """The server said something."""

    def lost(self, reason: str) -> None:
        """The conversation is over; the link tries again by itself.  ``reason`` is a sentence."""

    def unreachable(self, error: AfError) -> None:
        """A try to connect failed, or we are refused (Rejected, VersionMismatch); the link tries again by itself."""

    def drained(self) -> None:
        """There is room for pieces of files again after ``send_chunk`` said no."""


class Link:
    """One program's conversation with the farm, whichever of its servers leads."""

    def __init__(
        self,
        servers: Sequence[Address],
        hello: Hello,
        handler: LinkHandler,
        *,
        chance: random.Random,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
        connect: Connect | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        if not servers:
            raise OurFault("A link needs at least one server.")
        self.server: Address | None = None
        """The server that is spoken to; None while there is none."""
        self._own_servers = list(servers)
        self._servers = list(servers)
        self._hello = hello
        self._handler = handler
        self._chance = chance
        self._tls = tls
        self._clock = clock
        self._connect = connect or self._connect_websocket
        self._backoff = backoff or Backoff(chance)
        self._conversation: _Conversation | None = None
        self._task: asyncio.Task[None] | None = None
        self._next: list[Address] = []

    @property
    def connected(self) -> bool:
        """Whether messages can be sent now."""
        return self._conversation is not None and self._conversation.is_open

    @property
    def slow(self) -> bool:
        """Whether the server takes less than it is sent."""
        return self._conversation is not None and self._conversation.slow

    @property
    def session(self) -> Session | None:
        """The conversation's own state, for ``story``; None while there is none."""
        return self._conversation.session if self._conversation is not None else None

    def start(self) -> None:
        """Begin to connect; returns at once."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def send(self, *messages: Message) -> bool:
        """Send messages; False (and nothing kept) while there is no conversation.

        Readings replace readings that have not left yet; everything else is sent in order.
        """
        conversation = self._conversation
        if conversation is None or not conversation.is_open:
            return False
        for message in messages:
            conversation.add(message)
        return True

    def send_chunk(self, chunk: FileChunk) -> bool:
        """Send a piece of a file when nothing else is waiting; False when there is no room: wait for ``drained``."""
        conversation = self._conversation
        return conversation is not None and conversation.is_open and conversation.add_chunk(chunk)

    async def close(self, reason: str = "") -> None:
        """Say goodbye, hang up and stop trying."""
        if self._conversation is not None:
            await self._conversation.leave(reason)
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    # Connecting

    async def _run(self) -> None:
        hops = 0
        while True:
            for address in self._round():
                if await self._try(address):
                    break
            if self._next and hops < _MOST_HOPS:
                hops += 1
                continue
            hops = 0
            await asyncio.sleep(self._backoff.wait())

    def _round(self) -> list[Address]:
        """Return the servers to try now: those that a server named first, each once."""
        named, self._next = self._next, []
        return list(dict.fromkeys([*named, *self._servers]))

    async def _try(self, address: Address) -> bool:
        """Speak with one server until it is over; tell whether it welcomed us."""
        conversation = self._conversation = _Conversation(self, self._hello)
        self.server = address
        begun = self._clock()
        try:
            async with asyncio.timeout(_CONNECT_TIME):
                await self._connect(conversation, address)
        except TimeoutError:
            self._handler.unreachable(ConnectionLost(f"{address} did not answer within {_CONNECT_TIME:g} seconds."))
        except WireError as fault:
            self._handler.unreachable(fault)
        else:
            await conversation.over
        finally:
            self._conversation = None
            self.server = None
            conversation.abort()
        if conversation.welcomed and self._clock() - begun > _LASTED:
            self._backoff.reset()
        return conversation.welcomed or bool(self._next)

    async def _connect_websocket(self, receiver: FrameReceiver, address: Address) -> FrameConnection:
        return await websocket.connect(
            receiver,
            host=address.host,
            port=address.port,
            limit=LIMIT_TO_CLIENT,
            chance=self._chance,
            tls=self._tls,
            high_water=_SLOW_ABOVE,
            timeout=_CONNECT_TIME,
        )

    # What conversations tell

    def _welcomed(self, welcome: Welcome) -> None:
        self._servers = list(dict.fromkeys([*self._own_servers, *_addresses(welcome.servers)]))
        self._handler.connected(welcome)

    def _not_leader(self, servers: Sequence[str]) -> None:
        known = [address for address in _addresses(servers) if address != self.server]
        if known and not self._next:
            self._next = known
            self._servers = list(dict.fromkeys([*self._own_servers, *known]))


def _addresses(texts: Sequence[str]) -> list[Address]:
    found: list[Address] = []
    for text in texts:
        try:
            found.append(parse_address(text))
        except ConfigError:
            continue
    return found


class _Conversation:
    """One connection of a link, from opening to its end (a FrameReceiver)."""

    def __init__(self, link: Link, hello: Hello) -> None:
        self.session = Session(hello.kind, now=link._clock(), hello=hello)
        self.welcomed = False
        self.slow = False
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._link = link
        self._handler = link._handler
        self._connection: FrameConnection | None = None
        self._urgent: list[Message] = []
        self._readings: Readings | None = None
        self._chunks: deque[FileChunk] = deque()
        self._said_no = False
        self._flushing = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        return self._connection is not None and self.session.state is SessionState.OPEN

    # Sending

    def add(self, message: Message) -> None:
        if isinstance(message, Readings):
            self._readings = message
        else:
            self._urgent.append(message)
        self._flush_soon()

    def add_chunk(self, chunk: FileChunk) -> bool:
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
        self._connection = connection
        self._write_pending()
        self._arm()

    def frame_received(self, frame: bytes) -> None:
        try:
            messages = self.session.receive(frame, self._link._clock())
        except WireError as fault:
            self._hang_up(fault)
            return
        for message in messages:
            if isinstance(message, Welcome):
                self.welcomed = True
                # From now on silence counts in seconds of the server's choice, sooner than the greeting's.
                self._arm()
                self._link._welcomed(message)
            elif isinstance(message, NotLeader):
                self._link._not_leader(message.servers)
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
        self.slow = slow
        if not slow:
            self._flush_soon()

    def closed(self, reason: str) -> None:
        self._connection = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.over.done():
            return
        self.over.set_result(None)
        why = self.session.closed_because or reason or "the connection was closed"
        self.session.close("", self._link._clock())
        self._tell_lost(why)

    # The end

    async def leave(self, reason: str) -> None:
        """Send what waits and say goodbye."""
        connection = self._connection
        if connection is None:
            return
        self._flush()
        last = self.session.close(reason, self._link._clock())
        if last:
            connection.send_frame(last)
        connection.close(reason)
        await asyncio.wait([self.over], timeout=2.0)
        self.abort()

    def abort(self) -> None:
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
            self._handler.unreachable(ConnectionLost(f"{self._link.server}: {self.session.closed_because}."))
        connection.close(self.session.closed_because)

    def _tell_lost(self, reason: str) -> None:
        if self.welcomed:
            self._handler.lost(reason)
        else:
            self._handler.unreachable(ConnectionLost(f"{self._link.server}: {reason.rstrip('.')}."))

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline = self.session.deadline()
        if deadline is not None and self._connection is not None:
            wait = max(0.0, deadline - self._link._clock())
            self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timer = None
        try:
            self.session.tick(self._link._clock())
        except WireError as fault:
            self._hang_up(fault)
            return
        self._write_pending()
        self._arm()
