"""The farm's port: accept, look at the first byte without taking it, then TLS or plain, then whose language it is.

Rules of this file:
- The door counts and closes; ``Caller`` finds out what a connection is.
- Every socket that was accepted is closed by ``close``, whoever has it by then.
"""

import asyncio
import errno
import logging
import socket
import ssl
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial

from afcore.envelope import Principal
from afcore.errors import NotAllowed
from afnet.client.servers import Address
from afnet.server.caller import Caller, Limits
from afnet.server.classic import ClassicAnswer
from afnet.server.handshakes import Handshakes
from afnet.server.linger import Lingering, PatientTransport
from afnet.server.listen import bind_all
from afnet.server.native import NativeHandler, NativePeers, Recognise
from afnet.server.peer import identify_socket, is_distant
from afnet.server.traffic import Traffic
from afnet.wire.session import PING_TIME

__all__ = ["Door"]

_log = logging.getLogger(__name__)


class Door:
    """Owns the listening sockets and every connection until somebody else has taken it.

    ``on_native`` handles WebSockets at ``/af``; ``on_http`` makes the asyncio protocol that gets every other HTTP
    connection (aiohttp's ``web.Server`` is one), ``on_classic`` answers the classic dialect; what is None is refused by
    a sentence. ``tls`` switches TLS on for callers who begin with it; plain callers stay possible on loopback.
    ``recognise`` says whom a shown token stands for; without it nobody is known but by where they call from.
    ``recognise_node`` says which node shows a certificate (DER), called from an address; ``foreign`` are addresses of
    this machine where every caller counts as from another one.
    """

    def __init__(
        self,
        listen: Sequence[Address],
        *,
        on_native: NativeHandler,
        on_http: Callable[[], asyncio.Protocol] | None = None,
        on_classic: ClassicAnswer | None = None,
        tls: ssl.SSLContext | None = None,
        limits: Limits | None = None,
        identify_peer: Callable[[socket.socket], Principal] | None = None,
        recognise: Recognise | None = None,
        guests: Callable[[str], Principal | None] | None = None,
        names: Collection[str] = (),
        foreign: Collection[str] = (),
        recognise_node: Callable[[bytes, str], tuple[Principal, str]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        ping_time: float = PING_TIME,
    ) -> None:
        self.traffic = Traffic()
        """What goes through."""
        self.peers = NativePeers(
            on_native, clock=clock, ping_time=ping_time, traffic=self.traffic, recognise=recognise
        )
        """Every native conversation."""
        self.on_http = on_http
        self.on_classic = on_classic
        self.limits = limits or Limits()
        self.lingering = Lingering(self.limits.linger_time)
        """Callers who were answered and shall close first."""
        self.handshakes = Handshakes()
        """Callers who wait for the server's half of a TLS handshake."""
        self._listen = list(listen)
        self.tls = tls
        self.identify = identify_peer or partial(identify_socket, foreign=frozenset(foreign))
        self.is_distant = partial(is_distant, foreign=frozenset(foreign))
        """Whether an accepted socket comes from another machine."""
        self.recognise_node = recognise_node
        self.guests = guests or (lambda host: None)
        """Who calls in the classic dialect from an address that an administrator listed; None for all others."""
        self.rights_watched: list[Callable[[], None]] = []
        """Called when rights of callers ended or changed: by whoever keeps something open for them."""
        self.names = names
        """Further names that browsers may call this server by."""
        self._listeners: list[socket.socket] = []
        self._callers: set[Caller] = set()
        self._strangers: dict[Caller, None] = {}
        self.crowded_out = 0
        """Silent connections that were closed because too many were silent."""
        self._per_address: dict[str, int] = {}
        self._principals: dict[int, Principal | NotAllowed] = {}
        self._resting: asyncio.TimerHandle | None = None
        self._accepting = False

    @property
    def addresses(self) -> list[Address]:
        """Where the door really listens (a port 0 has become a real one)."""
        return [Address(*listener.getsockname()[:2]) for listener in self._listeners]

    def bind(self) -> None:
        """Take the ports, so that a second server fails early; nobody is served before ``open``."""
        if not self._listeners:
            self._listeners = bind_all(self._listen, anywhere=self.tls is not None)

    async def open(self) -> None:
        """Begin to accept; ConfigError when a port cannot be had."""
        self.bind()
        self._accept_again()

    async def close(self, reason: str = "The server stops.") -> None:
        """Stop accepting, say goodbye to every peer, close every connection, and wait until the last is gone."""
        self._stop_accepting()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        self.peers.close(reason)
        self.lingering.stop()
        for caller in list(self._callers):
            caller.close_soon()
        for _ in range(100):
            if not self._callers:
                return
            await asyncio.sleep(0.02)
        for caller in list(self._callers):
            caller.abort()
        while self._callers:
            await asyncio.sleep(0)

    def end(self, test: Callable[[str, str], bool], reason: str) -> None:
        """Rights of those whose account (or node) and token pass a test have ended or changed: end what is open."""
        self.peers.end(test, reason)
        for call in self.rights_watched:
            call()

    def principal_of(self, transport: asyncio.BaseTransport | None) -> Principal:
        """Return who is behind the transport of an HTTP request; NotAllowed when it is none of the door's."""
        if isinstance(transport, PatientTransport):
            transport = transport.real
        principal = self._principals.get(id(transport))
        if principal is None:
            raise NotAllowed("This connection did not come through the farm's door.")
        if isinstance(principal, NotAllowed):
            raise principal
        return principal

    # Accepting

    def _accept_again(self) -> None:
        self._resting = None
        self._accepting = True
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.add_reader(listener, self._accept, listener)

    def _stop_accepting(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if self._accepting:
            self._accepting = False
            loop = asyncio.get_running_loop()
            for listener in self._listeners:
                loop.remove_reader(listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(self.limits.accept_batch):
            try:
                accepted, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as wrong:
                if wrong.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    _log.warning("no new connections for a second: %s; raise the limit of open files", wrong.strerror)
                    self._stop_accepting()
                    self._resting = asyncio.get_running_loop().call_later(1.0, self._accept_again)
                    return
                raise
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Caller(self, accepted)

    # What callers use

    def enter(self, caller: Caller) -> str:
        """Count a caller in; return the sentence that refuses it, or nothing."""
        limits = self.limits
        count = self._per_address.get(caller.host, 0) + 1
        self._per_address[caller.host] = count
        self._callers.add(caller)
        self.unsettled(caller)
        if count > limits.connections_per_address:
            return (
                f"More than {limits.connections_per_address} connections from {caller.host} are open already "
                "(the budget peer_connections_max)."
            )
        if limits.connections and len(self._callers) > limits.connections:
            return (
                f"More than {limits.connections} connections are open already: "
                "the budget that the limit of open files leaves."
            )
        return ""

    def _crowd_out(self) -> None:
        """Close the connection that has been silent for longest, so that who has something to say gets in."""
        oldest = next(iter(self._strangers))
        del self._strangers[oldest]
        self.crowded_out += 1
        asyncio.get_running_loop().call_soon(oldest.close_soon)

    def settled(self, caller: Caller) -> None:
        """A caller has said in which language it speaks."""
        self._strangers.pop(caller, None)

    def unsettled(self, caller: Caller) -> None:
        """A caller has to say in which language it speaks, from now on."""
        self._strangers[caller] = None
        if len(self._strangers) > self.limits.strangers:
            self._crowd_out()

    def leave(self, caller: Caller) -> None:
        """Count a caller out."""
        self._strangers.pop(caller, None)
        self.handshakes.forget(caller)
        if caller in self._callers:
            self._callers.remove(caller)
            left = self._per_address[caller.host] - 1
            if left:
                self._per_address[caller.host] = left
            else:
                del self._per_address[caller.host]
            self._principals.pop(id(caller.transport), None)

    def know(self, caller: Caller, principal: Principal | NotAllowed) -> None:
        """Remember who is behind a transport, for ``principal_of``."""
        self._principals[id(caller.transport)] = principal
