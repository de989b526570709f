"""One connection that the door has accepted: a socket at first, then a transport, then a skin around its owner.

Rules of this file:
- Until it is known who calls and in which language, a caller costs one socket and one timer, no task.
- Whatever a caller does, it gets an answer that it can read or a closed socket, within ``Limits``.
"""

import asyncio
import json
import logging
import re
import socket
import ssl
from collections.abc import Callable, Collection
from functools import partial
from typing import NamedTuple, Protocol, cast

from afcore.envelope import Principal
from afcore.errors import NotAllowed, TheirFault
from afnet.server.classic import ClassicAnswer, ClassicConnection
from afnet.server.guard import browser_refusal_of
from afnet.server.handshakes import Handshakes, has_gone
from afnet.server.linger import LINGER_TIME, Lingering, PatientTransport
from afnet.server.native import LIMIT_TO_STRANGERS, NativePeers
from afnet.server.traffic import Traffic
from afnet.transport.httphead import Head, find_end, parse_head, response
from afnet.transport.secure import SecureTransport
from afnet.transport.websocket import WebSocketConnection
from afnet.transport.wsframes import PATH, WebSocketFault, upgrade_answer
from afnet.wire.messages import Refused

__all__ = ["Caller", "Desk", "Limits"]

_TLS_HANDSHAKE = 0x16
_TLS_REFUSAL = bytes((0x15, 3, 1, 0, 2, 2, 40))
"""A TLS alert ``handshake_failure``: all that a TLS caller can read from a server without TLS."""

_TLS_ONLY = "This farm is spoken to from other machines over TLS only."
_NODES_ONLY = "The certificate of a render node lets its agent in, and nobody else."

_METHOD = re.compile(rb"[A-Z]{1,16}(?: |$)")

_log = logging.getLogger(__name__)


class Limits(NamedTuple):
    """What one caller may cost before the farm knows it."""

    first_byte_time: float = 10.0
    """Seconds for the first byte, the TLS handshake and the HTTP header together."""
    connections_per_address: int = 4096
    """Open connections from one address."""
    connections: int = 0
    """Open connections of all; 0 without limit."""
    strangers: int = 2048
    """Connections of which nobody knows yet what they are: above it, the one that is silent for longest is closed."""
    patience: float = 60.0
    """Seconds in which a caller must take something of an answer that is too large for it at once."""
    accept_batch: int = 64
    """Connections accepted in one turn of the loop."""
    linger_time: float = LINGER_TIME
    """Seconds that a client has to close its connection after its answer."""


class Desk(Protocol):
    """What a caller needs of the door."""

    peers: NativePeers
    on_http: Callable[[], asyncio.Protocol] | None
    on_classic: ClassicAnswer | None
    limits: Limits
    tls: ssl.SSLContext | None
    lingering: Lingering
    handshakes: Handshakes
    traffic: Traffic
    names: Collection[str]
    recognise_node: Callable[[bytes, str], tuple[Principal, str]] | None

    def is_distant(self, accepted: socket.socket, /) -> bool:
        """Return whether a socket comes from another machine."""

    def enter(self, caller: "Caller") -> str:
        """Count a caller in; return the sentence that refuses it, or nothing."""

    def settled(self, caller: "Caller") -> None:
        """It is known in which language a caller speaks: it is no stranger any more."""

    def unsettled(self, caller: "Caller") -> None:
        """A caller has to say in which language it speaks, from now on."""

    def leave(self, caller: "Caller") -> None:
        """Count a caller out."""

    def know(self, caller: "Caller", principal: Principal | NotAllowed) -> None:
        """Remember who is behind a transport."""

    def guests(self, host: str, /) -> Principal | None:
        """Return who calls in the classic dialect from a listed address."""

    def identify(self, accepted: socket.socket) -> Principal:
        """Return who is at the other end; NotAllowed with a sentence."""


class Caller(asyncio.Protocol):
    """One accepted connection: a socket at first, then a transport, then a thin skin around who has taken it."""

    def __init__(self, door: Desk, accepted: socket.socket) -> None:
        self.transport: asyncio.Transport | None = None
        self.host = ""
        self._door = door
        self._socket: socket.socket | None = accepted
        self._data = bytearray()
        self._inner: asyncio.BaseProtocol | None = None
        self._finished = False
        self._said_all = False
        self._http = ""
        self._task: asyncio.Task[None] | None = None
        self._securing: SecureTransport | None = None
        self._is_handed_over = False
        self._is_dropped = False
        self._principal: Principal | None = None
        self._refusal: NotAllowed | None = None
        self._full = ""
        self._taking: asyncio.TimerHandle | None = None
        self._distant = True
        self._secure = False
        self._node = ""
        loop = asyncio.get_running_loop()
        self._since = loop.time()
        try:
            self.host = accepted.getpeername()[0]
        except OSError:
            accepted.close()
            return
        refused = door.enter(self)
        try:
            self._distant = door.is_distant(accepted)
            self._principal = door.identify(accepted)
        except NotAllowed as sentence:
            self._refusal = sentence
        except OSError:
            self._refusal = NotAllowed("The connection was gone before anybody could ask who it is.")
        if refused:
            self._full = refused
            self._refusal = NotAllowed(refused, hint="Close some of them.")
        self._timer = loop.call_later(door.limits.first_byte_time, self._too_late)
        loop.add_reader(accepted, self._first_byte)

    # A socket

    def _first_byte(self) -> None:
        accepted = self._socket
        assert accepted is not None
        loop = asyncio.get_running_loop()
        try:
            first = accepted.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            first = b""
        loop.remove_reader(accepted)
        if not first:
            self._drop_socket()
            return
        if first[0] == _TLS_HANDSHAKE and self._door.tls is None:
            try:
                accepted.send(_TLS_REFUSAL)
            except OSError:
                _log.debug("%s left before it was refused", self.host)
            self._drop_socket()
            return
        if first[0] == _TLS_HANDSHAKE:
            # While it waits for us it is nobody who says nothing.
            self._door.settled(self)
            self._door.handshakes.wait(self, self._begin_handshake)
        else:
            self._task = loop.create_task(self._become_transport(accepted))

    def _begin_handshake(self) -> None:
        accepted = self._socket
        assert accepted is not None
        if has_gone(accepted):
            self._drop_socket()
            return
        self._door.unsettled(self)
        self._is_handed_over = True
        assert self._door.tls is not None
        try:
            self._securing = SecureTransport(accepted, self._door.tls, self, self._handshake_failed)
        except OSError as wrong:
            self._handshake_failed(wrong)

    def _handshake_failed(self, wrong: OSError) -> None:
        _log.debug("%s: the TLS handshake failed: %s", self.host, wrong)
        self._drop_socket()

    async def _become_transport(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._is_handed_over = True
        try:
            await loop.connect_accepted_socket(lambda: self, accepted)
        except OSError as wrong:
            _log.debug("%s left before it said anything: %s", self.host, wrong)
            self._task = None
            self._drop_socket()
        finally:
            self._task = None

    def _drop_socket(self) -> None:
        accepted, self._socket = self._socket, None
        self._is_dropped = True
        if self._task is not None:
            self._task.cancel()
        securing, self._securing = self._securing, None
        if securing is not None:
            securing.abort()
        if accepted is not None and not self._is_handed_over:
            asyncio.get_running_loop().remove_reader(accepted)
            accepted.close()
        # Else the loop closes it, once it watches it no more: before that its number must not become another's.
        self._timer.cancel()
        self._door.leave(self)

    def _too_late(self) -> None:
        if self.transport is not None:
            if not self._data:
                self.transport.close()
            else:
                self._answer_error(408, f"No whole request came within {self._door.limits.first_byte_time:g} seconds.")
        elif self._socket is not None:
            self._drop_socket()

    # A transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there, decrypted if it was TLS."""
        if self._is_dropped:
            cast(asyncio.Transport, transport).abort()
            return
        self.transport = cast(asyncio.Transport, transport)
        self._socket = self._securing = None
        self._look_at_certificate()
        # A node's certificate lets its agent in, over the native protocol and nowhere else.
        who = NotAllowed(_NODES_ONLY) if self._node else self._refusal or self._principal
        if who is not None:
            self._door.know(self, who)

    def _look_at_certificate(self) -> None:
        """Know the node that shows its certificate; the handshake has proved that it holds the key."""
        assert self.transport is not None
        shown = self.transport.get_extra_info("ssl_object")
        self._secure = shown is not None
        recognise = self._door.recognise_node
        certificate = shown.getpeercert(binary_form=True) if shown is not None and recognise is not None else None
        if certificate and not self._full:
            assert recognise is not None
            try:
                self._principal, self._node = recognise(certificate, self.host)
                self._refusal = None
            except NotAllowed as refused:
                self._principal, self._node, self._refusal = None, "unknown node", refused

    def data_received(self, data: bytes) -> None:
        """Collect what is needed to know the language, then hand everything over."""
        if self._finished:
            return
        inner = self._inner
        if inner is not None:
            if self._http:
                self._door.traffic.received("http", self._http, len(data))
            cast(asyncio.Protocol, inner).data_received(data)
            return
        if self.transport is None or self.transport.is_closing():
            return
        self._data += data
        first = self._data[0]
        if first in b"Aa\0":
            self._to_classic(None)
        elif not _METHOD.match(bytes(self._data[:17])):
            self._answer_error(400, "This is neither HTTP nor the classic dialect nor anything else the farm speaks.")
        else:
            self._to_http()

    def _to_http(self) -> None:
        try:
            end = find_end(self._data)
            if not end:
                return
            head = parse_head(bytes(self._data[:end]))
        except TheirFault as fault:
            self._answer_error(431 if "longer" in fault.sentence else 400, fault.sentence)
            return
        sentence = browser_refusal_of(head, self._door.names)
        if head.third != "HTTP/1.0" and "host" not in head.headers and "afanasy" not in head.headers:
            self._answer_error(400, "The HTTP request has no Host header.")
        elif sentence:
            self._answer_error(403, sentence)
        elif head.first == "POST" and "afanasy" in head.headers:
            self._to_classic(head, end)
        elif head.second == PATH and head.has_token("upgrade", "websocket"):
            if self._distant and not self._secure:
                self._answer_error(403, _TLS_ONLY, "Let the program know the farm's authority: `afcmd trust`.")
            else:
                self._to_native(head, end)
        elif self._node:
            self._answer_error(403, _NODES_ONLY)
        elif self._distant and not self._secure and self._door.guests(self.host) is None:
            self._answer_error(403, _TLS_ONLY, "Write https:// before the address.")
        elif self._refusal is not None and (self._full or self._door.peers.recognise is None):
            self._answer_error(403, self._refusal.sentence, self._refusal.hint)
        elif self._door.on_http is None:
            self._answer_error(404, "This server answers no HTTP requests.")
        else:
            self._http = f"http {self.host}"
            self._door.settled(self)
            self._hand_over(self._door.on_http())

    def _to_native(self, head: Head, end: int) -> None:
        assert self.transport is not None
        if head.headers.get("sec-websocket-version") != "13":
            self._write_and_close(response(426, Sec_WebSocket_Version="13"))
            return
        try:
            answer = upgrade_answer(head)
        except WebSocketFault as fault:
            self._answer_error(400, fault.sentence)
            return
        who: Principal | Refused | None = self._principal
        if self._refusal is not None:
            who = Refused(0, self._refusal.code, self._refusal.sentence, self._refusal.hint)
        assert who is not None
        peer = self._door.peers.new_peer(who, self.host, self._node)
        connection = WebSocketConnection(peer, limit=LIMIT_TO_STRANGERS)
        self._door.settled(self)
        self.transport.write(answer)
        early = bytes(self._data[end:])
        self._data.clear()
        self._timer.cancel()
        self._inner = connection
        connection.take_over(self.transport, early)

    def _to_classic(self, head: Head | None, end: int = 0) -> None:
        who: Principal | NotAllowed | None = self._refusal or self._principal
        if self._node:
            who = NotAllowed(_NODES_ONLY)
        elif head is not None and "authorization" in head.headers and (self._secure or not self._distant):
            who = self._shown(head.headers["authorization"])
        elif self._refusal is not None and not self._full:
            who = self._door.guests(self.host) or self._refusal
        assert who is not None
        del self._data[:end]
        traffic, peer = self._door.traffic, f"classic {self.host}"

        def count(kind: str, received: int, sent: int) -> None:
            traffic.received(kind, peer, received)
            traffic.sent(kind, peer, sent, 1 if sent else 0)

        # It stays a stranger until its request is whole: who sends slowly is the first to go when there is no room.
        whole = partial(self._door.settled, self)
        self._hand_over(ClassicConnection(self._door.on_classic, who, head=head, count=count, on_whole=whole))

    def _shown(self, authorization: str) -> Principal | NotAllowed:
        """Return who shows a token in the head of a classic request: whom it stands for, no more and no less."""
        kind, _, token = authorization.partition(" ")
        recognise = self._door.peers.recognise
        if kind.lower() != "bearer" or recognise is None or self._full:
            return self._refusal or NotAllowed("This kind of authorization is not known here.", hint="Show a token.")
        try:
            return recognise(token.strip(), self.host)[0]
        except NotAllowed as refused:
            return refused

    def _hand_over(self, inner: asyncio.Protocol) -> None:
        """Give everything that came, from the first byte on, to the protocol that speaks this language."""
        assert self.transport is not None
        self._timer.cancel()
        self._inner = inner
        early = bytes(self._data)
        self._data.clear()
        patient = PatientTransport(self.transport, self._finish)
        patient.on_abort = self._door.lingering.cut
        if self._http:
            peer, traffic = self._http, self._door.traffic
            traffic.received("http", peer, len(early))
            patient.on_write = lambda size: traffic.sent("http", peer, size)
        inner.connection_made(patient)
        if early:
            inner.data_received(early)

    def _answer_error(self, status: int, sentence: str, hint: str = "") -> None:
        error = {"code": _CODES.get(status, "bad_request"), "sentence": sentence, "hint": hint, "problems": []}
        self._write_and_close(response(status, json.dumps({"error": error}).encode()))

    def _write_and_close(self, data: bytes) -> None:
        self._timer.cancel()
        if self.transport is not None:
            self.transport.write(data)
            self._finish()

    def _finish(self) -> None:
        """There is nothing more to say: wait for the caller to close."""
        if self.transport is None or self._finished:
            return
        self._finished = True
        if self._said_all:
            self.transport.close()
            return
        self.transport.resume_reading()
        self._door.lingering.wait(self.transport)

    def eof_received(self) -> bool | None:
        """Pass on that the caller has said all."""
        self._said_all = True
        if self._finished:
            return False
        keep = cast(asyncio.Protocol, self._inner).eof_received() if self._inner is not None else False
        # TLS has no half-closed connections.
        return keep and self.transport is not None and self.transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        """Pass on that the caller is slow; a browser or program that takes nothing for long is cut off."""
        if self._http and self._taking is None:
            self._await_taking()
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the caller has caught up."""
        self._stop_taking()
        if self._inner is not None:
            self._inner.resume_writing()

    def _stop_taking(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _await_taking(self) -> None:
        assert self.transport is not None
        waits = self.transport.get_write_buffer_size()
        self._taking = asyncio.get_running_loop().call_later(self._door.limits.patience, self._look_at_taking, waits)

    def _look_at_taking(self, before: int) -> None:
        """Cut off who took nothing of a large answer; who takes it slowly may go on."""
        self._taking = None
        if self.transport is None or self.transport.get_write_buffer_size() < before:
            if self.transport is not None:
                self._await_taking()
            return
        _log.warning("%s took nothing of its answer for %g seconds; cut off", self.host, self._door.limits.patience)
        if self.transport is not None:
            self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Pass on that it is over, and count the caller out."""
        self._timer.cancel()
        self._stop_taking()
        inner, self._inner = self._inner, None
        self._door.lingering.left(self.transport)
        self._door.leave(self)
        self.transport = None
        if inner is not None:
            inner.connection_lost(error)

    # The end

    @property
    def age(self) -> float:
        """Seconds since it was accepted."""
        return asyncio.get_running_loop().time() - self._since


    def close_soon(self) -> None:
        """Close what nobody has taken, and whoever is idle; native peers have been told by themselves."""
        if self._socket is not None and self.transport is None:
            self._drop_socket()
        elif self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abort()
        else:
            self.close_soon()


_CODES = {403: "not_allowed", 404: "not_found", 408: "timed_out", 431: "limit_reached"}
