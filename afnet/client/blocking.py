"""A small blocking client for programs that ask something and end: standard sockets, no event loop, quick to import.

Rules of this file:
- One thread, one connection; a call returns with the answer, or raises the error that the server had.
- Imports are part of the price of every ``afcmd``: nothing heavy comes in here, TLS only when it is used.
"""

import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from afcore.errors import AfError, ConfigError, ConnectionLost, TimedOut, WireError
from afnet.api.credentials import find_token
from afnet.api.trust import client_context
from afnet.client.blockingsocket import BlockingSocket
from afnet.client.refusals import error_of
from afnet.client.servers import Address, parse_address
from afnet.wire.messages import (
    Follow,
    Goodbye,
    Hello,
    LogLines,
    Message,
    NotLeader,
    Refused,
    Reply,
    Request,
    Rows,
    Subscribe,
    Unfollow,
    Unsubscribe,
    Welcome,
)
from afnet.wire.session import Session
from afnet.wire.states import SessionState

if TYPE_CHECKING:
    import ssl

__all__ = ["BlockingClient"]

_CONNECT_TIME = 5.0
_MOST_HOPS = 4


class BlockingClient:
    """A conversation with the farm's leader.

    Connects when first used (or by ``connect``), to the first of ``servers`` that answers and leads; ``timeout`` is how
    long, in seconds, a request may take.  Use it in a ``with`` statement, or ``close`` it.
    """

    def __init__(
        self,
        servers: Sequence[Address],
        *,
        program: str,
        user: str = "",
        timeout: float = 60.0,
        tls: "ssl.SSLContext | None" = None,
        credential: Callable[[str, int], str] = find_token,
        trust: "Callable[[str, int], ssl.SSLContext | None]" = client_context,
    ) -> None:
        """``trust`` says how to speak TLS with the server at a host and port, None for plain; ``tls`` is for all.

        ``credential`` says what to show the server there; empty for nothing.
        """
        self._credential = credential
        self._servers = list(servers)
        self._hello = Hello([], program, "client", user=user, host=socket.gethostname())
        self._timeout = timeout
        self._trust = trust if tls is None else lambda host, port: tls
        self._socket: BlockingSocket | None = None
        self._session: Session | None = None
        self._arrived: deque[Message] = deque()
        self._numbers = 0
        self._mail: dict[int, deque[Message]] = {}
        self.server: Address | None = None
        """The server that answered; None before."""

    def __enter__(self) -> "BlockingClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def welcome(self) -> Welcome:
        """What the server said about itself and about us; connects if need be."""
        self.connect()
        assert self._session is not None and self._session.welcome is not None
        return self._session.welcome

    # Asking

    def request(
        self,
        operation: str,
        arguments: dict[str, Any] | None = None,
        *,
        initiator: str = "",
        timeout: float | None = None,
    ) -> Any:
        """Do an operation of the registry and return the body of the answer (a list of bodies when it came in pieces).

        Raises the Rejected that the server had (NotFound, BadSpec, ... with sentence, hint and problems), TimedOut, or
        another WireError.
        """
        bodies = list(self.request_pieces(operation, arguments, initiator=initiator, timeout=timeout))
        return bodies[0] if len(bodies) == 1 else bodies

    def request_pieces(
        self,
        operation: str,
        arguments: dict[str, Any] | None = None,
        *,
        initiator: str = "",
        timeout: float | None = None,
    ) -> Iterator[Any]:
        """As ``request``, but yield every body as it comes."""
        id = self._send_new(lambda id: Request(id, operation, arguments or {}, initiator))
        limit = self._timeout if timeout is None else timeout
        late = f"{operation} was not answered within {limit:g} seconds."
        more = True
        try:
            while more:
                reply = self._answer(id, time.monotonic() + limit, late)
                if isinstance(reply, Reply):
                    more = reply.more
                    yield reply.body
        finally:
            self._mail.pop(id, None)

    def subscribe(
        self, kind: str, filter: dict[str, Any] | None = None, *, interval: float = 0.1, since: int = 0
    ) -> Iterator[Rows]:
        """Yield Rows now and whenever something changes, until the generator is closed; see ``Subscribe``.

        ``afnet.client.rows.decode_rows`` turns them into structs.
        """
        id = self._send_new(lambda id: Subscribe(id, kind, filter or {}, since, interval))
        try:
            while True:
                rows = self._answer(id, None, "")
                if isinstance(rows, Rows):
                    yield rows
        finally:
            self._mail.pop(id, None)
            self._send_last(Unsubscribe(id))

    def follow(self, *, job: int, block: int, task: int, run: int = 0) -> Iterator[LogLines]:
        """Yield the output of a task's run (0: the newest) as it comes, until the run has ended."""
        id = self._send_new(lambda id: Follow(id, job, block, task, run))
        ended = False
        try:
            while not ended:
                lines = self._answer(id, None, "")
                if isinstance(lines, LogLines):
                    ended = lines.last
                    yield lines
        finally:
            self._mail.pop(id, None)
            if not ended:
                self._send_last(Unfollow(id, job, block, task, run))

    def close(self) -> None:
        """Say goodbye and hang up; may be called twice."""
        one, self._socket = self._socket, None
        session, self._session = self._session, None
        if one is not None:
            one.close(session.close("", time.monotonic()) if session is not None else b"")

    # Connecting

    def connect(self) -> None:
        """Connect and greet, if that is not done; raises why no server took us (the first one's reason)."""
        if self._session is not None and self._session.state is SessionState.OPEN and not self._is_stale():
            return
        self.close()
        waiting = deque(self._servers)
        asked: set[Address] = set()
        first: AfError | None = None
        while waiting:
            address = waiting.popleft()
            if address in asked or len(asked) > len(self._servers) + _MOST_HOPS:
                continue
            asked.add(address)
            try:
                named = self._greet(address)
            except AfError as wrong:
                self.close()
                if not isinstance(wrong, WireError):
                    raise
                first = first or wrong
                continue
            if self.server is not None:
                return
            self.close()
            waiting.extendleft(reversed(named))
            others = ", ".join(map(str, named)) or "it names no other server"
            first = first or ConnectionLost(f"{address} does not lead the farm, and nobody who may does: {others}.")
        assert first is not None
        raise first

    def _is_stale(self) -> bool:
        """Say whether nobody used the connection for so long that the server may have given it up: begin anew."""
        session = self._session
        deadline = None if session is None else session.deadline()
        return deadline is not None and not self._mail and time.monotonic() > deadline

    def _greet(self, address: Address) -> list[Address]:
        """Speak to one server; sets ``server`` if it leads, else returns whom it named."""
        self.server = None
        deadline = time.monotonic() + _CONNECT_TIME
        tls = self._trust(address.host, address.port)
        self._socket = BlockingSocket(address, timeout=_CONNECT_TIME, tls=tls)
        self._arrived.clear()
        token = self._credential(address.host, address.port)
        hello = msgspec.structs.replace(self._hello, token=token) if token else self._hello
        self._session = Session("client", now=time.monotonic(), hello=hello)
        self._write(self._session.pending())
        while True:
            message = self._next(deadline, f"{address} did not answer the greeting within {_CONNECT_TIME:g} seconds.")
            if isinstance(message, Welcome):
                self.server = address
                return []
            if isinstance(message, NotLeader):
                return _addresses(message.servers)
            if isinstance(message, Refused):
                raise error_of(message)

    # Moving messages

    def _send_new(self, make: Callable[[int], Message]) -> int:
        self.connect()
        assert self._session is not None
        assert self._socket is not None
        if self._session.state is not SessionState.OPEN or self._socket.ended:
            reason = self._socket.ended or f"The server ended the conversation: {self._session.closed_because}."
            self.close()
            raise ConnectionLost(reason)
        self._numbers += 1
        id = self._numbers
        self._mail[id] = deque()
        self._write(self._session.send(make(id)))
        return id

    def _send_last(self, message: Message) -> None:
        """Send what ends a generator; a connection that is gone ended it already."""
        if self._session is None or self._session.state is not SessionState.OPEN or sys.is_finalizing():
            return
        try:
            self._write(self._session.send(message))
        except WireError:
            self.close()

    def _answer(self, id: int, deadline: float | None, sentence: str) -> Message:
        """Return the next message for ``id``; raises what the server refused it with."""
        mail = self._mail[id]
        while not mail:
            message = self._next(deadline, sentence)
            if isinstance(message, Goodbye | NotLeader):
                reason = message.reason if isinstance(message, Goodbye) else "it does not lead the farm any more"
                self.close()
                raise ConnectionLost(f"The server ended the conversation: {reason or 'goodbye'}.")
            if isinstance(message, Refused) and not message.id:
                if message.code not in ("unknown_message", "bad_message"):
                    raise error_of(message)
            elif getattr(message, "id", None) in self._mail:
                self._mail[message.id].append(message)  # type: ignore[union-attr]  # those that have an id
        found = mail.popleft()
        if isinstance(found, Refused):
            raise error_of(found)
        return found

    def _next(self, deadline: float | None, sentence: str) -> Message:
        """Return the next message of any kind; TimedOut with ``sentence`` when ``deadline`` passes first."""
        while not self._arrived:
            session, one = self._session, self._socket
            if session is None or one is None:
                raise ConnectionLost("The connection to the server is closed.")
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                raise TimedOut(sentence)
            wake = min(at for at in (deadline, session.deadline(), now + 3600.0) if at is not None)
            try:
                for frame in one.receive(timeout=max(0.001, wake - now)):
                    self._arrived.extend(session.receive(frame, time.monotonic()))
                self._write(session.pending())
            except TimeoutError:
                self._tick(session)
            except WireError:
                self.close()
                raise
        return self._arrived.popleft()

    def _tick(self, session: Session) -> None:
        try:
            session.tick(time.monotonic())
        except WireError:
            self.close()
            raise
        self._write(session.pending())

    def _write(self, frame: bytes) -> None:
        if not frame or self._socket is None:
            return
        try:
            self._socket.send(frame, timeout=self._timeout)
        except WireError:
            self.close()
            raise


def _addresses(texts: Sequence[str]) -> list[Address]:
    found: list[Address] = []
    for text in texts:
        try:
            found.append(parse_address(text))
        except ConfigError:
            continue
    return found
