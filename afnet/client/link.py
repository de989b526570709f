"""A lasting native conversation on asyncio: connects, negotiates, comes back by itself, sends what matters first.

Rules of this file:
- Nothing is kept over a lost connection: whoever is ``connected`` begins anew (registers, subscribes, reports again).
- One conversation at a time; ``Conversation`` decides what of it is sent first.
- Chance, clock and the way to connect are arguments.
"""

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from afcore.errors import AfError, ConfigError, ConnectionLost, OurFault, WireError
from afnet.api.credentials import find_token
from afnet.api.trust import client_context
from afnet.client.conversation import MOST_CHUNKS, Conversation, LinkHandler
from afnet.client.retry import Backoff
from afnet.client.servers import Address, parse_address
from afnet.transport import websocket
from afnet.transport.base import FrameConnection, FrameReceiver
from afnet.wire.codec import LIMIT_TO_CLIENT
from afnet.wire.messages import FileChunk, Hello, Message, Welcome
from afnet.wire.session import Session

__all__ = ["Connect", "Link", "LinkHandler", "MOST_CHUNKS"]

Connect = Callable[[FrameReceiver, Address], Awaitable[FrameConnection]]
"""Opens a connection to one server; a WireError says why it cannot be."""

_SLOW_ABOVE = 256 * 1024
_CONNECT_TIME = 10.0

_LASTED = 5.0
"""Seconds after which a conversation was a good one, so that the next try after it comes at once."""

_MOST_HOPS = 3
"""Servers that may send us on to another before we wait: two that name each other must not make a storm."""


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
        trust: Callable[[str, int], ssl.SSLContext | None] = client_context,
        clock: Callable[[], float] = time.monotonic,
        connect: Connect | None = None,
        backoff: Backoff | None = None,
        credential: Callable[[str, int], str] | None = None,
        gave_up: Callable[[AfError], None] | None = None,
    ) -> None:
        """``trust`` says how to speak TLS with the server at a host and port, None for plain; ``tls`` is for all.

        ``credential`` says what to show the server at a host and port: by default what this user has for it, and
        nothing where ``connect`` is given. ``gave_up`` is told that no server may even be tried before a person does
        something, and why; then the link stops, until ``again``. Without it the link tries for ever.
        """
        if not servers:
            raise OurFault("A link needs at least one server.")
        self.server: Address | None = None
        """The server that is spoken to; None while there is none."""
        self._own_servers = list(servers)
        self._servers = list(servers)
        self._hello = hello
        self.handler = handler
        """Who owns the link."""
        self._chance = chance
        self._trust = trust if tls is None else lambda host, port: tls
        self._tls: ssl.SSLContext | None = None
        self.clock = clock
        """Seconds of a steady clock."""
        self._is_websocket = connect is None
        self._connect = connect or self._connect_websocket
        self._backoff = backoff or Backoff(chance)
        self._credential = credential or (find_token if connect is None else _nothing)
        self._gave_up = gave_up
        self._untried: list[ConfigError] = []
        self._hurry = asyncio.Event()
        self._conversation: Conversation | None = None
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

    def again(self) -> None:
        """Hang up, if there is a conversation, and try at once: something that is shown or trusted is another now."""
        self._hurry.set()
        if self._conversation is not None:
            self._conversation.abort()
        if self._task is not None and self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

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
            self._untried.clear()
            self._hurry.clear()
            addresses = self._round()
            for address in addresses:
                if await self._try(address):
                    break
            if self._gave_up is not None and len(self._untried) == len(addresses):
                self._gave_up(self._untried[0])
                return
            if self._next and hops < _MOST_HOPS:
                hops += 1
                continue
            hops = 0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._backoff.wait()):
                    await self._hurry.wait()

    def _round(self) -> list[Address]:
        """Return the servers to try now: those that a server named first, each once."""
        named, self._next = self._next, []
        return list(dict.fromkeys([*named, *self._servers]))

    async def _try(self, address: Address) -> bool:
        """Speak with one server until it is over; tell whether it welcomed us."""
        try:
            token = self._credential(address.host, address.port)
            self._tls = self._trust(address.host, address.port) if self._is_websocket else None
        except ConfigError as wrong:
            self.handler.unreachable(wrong)
            self._untried.append(wrong)
            return False
        hello = msgspec.structs.replace(self._hello, token=token) if token else self._hello
        conversation = self._conversation = Conversation(self, hello)
        self.server = address
        begun = self.clock()
        try:
            async with asyncio.timeout(_CONNECT_TIME):
                await self._connect(conversation, address)
        except TimeoutError:
            self.handler.unreachable(ConnectionLost(f"{address} did not answer within {_CONNECT_TIME:g} seconds."))
        except WireError as fault:
            self.handler.unreachable(fault)
        else:
            await conversation.over
        finally:
            self._conversation = None
            self.server = None
            conversation.abort()
        if conversation.welcomed and self.clock() - begun > _LASTED:
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

    def welcomed(self, welcome: Welcome) -> None:
        """The server leads and takes us (called by the conversation)."""
        self._servers = list(dict.fromkeys([*self._own_servers, *_addresses(welcome.servers)]))
        self.handler.connected(welcome)

    def not_leader(self, servers: Sequence[str]) -> None:
        """The server sends us on to others (called by the conversation)."""
        known = [address for address in _addresses(servers) if address != self.server]
        if known and not self._next:
            self._next = known
            self._servers = list(dict.fromkeys([*self._own_servers, *known]))


def _nothing(host: str, port: int) -> str:
    return ""


def _addresses(texts: Sequence[str]) -> list[Address]:
    found: list[Address] = []
    for text in texts:
        try:
            found.append(parse_address(text))
        except ConfigError:
            continue
    return found
