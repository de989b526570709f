"""The server's end of native conversations: one ServerPeer each, and what they share (flushing, silence, numbers).

Rules of this file:
- A message costs one call, never a task or a future; what is sent in one turn of the loop leaves as one frame.
- Agents are written to first, and of many others some at a time: who works waits for nobody who looks.
- Nobody here waits for a peer: one that does not take its bytes is marked slow, and cut off when that is hopeless.
- The handler may send and close from inside any of its calls.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from afcore.envelope import Principal
from afcore.errors import NotAllowed, OurFault, WireError
from afcore.states import Role
from afnet.server.people import SIGN_IN
from afnet.server.traffic import Traffic
from afnet.transport.base import FrameConnection
from afnet.wire.codec import LIMIT_TO_CLIENT, LIMIT_TO_SERVER
from afnet.wire.messages import Goodbye, Hello, Message, NotLeader, Refused, Welcome
from afnet.wire.session import PING_TIME, Session
from afnet.wire.states import SessionState

__all__ = ["LIMIT_TO_STRANGERS", "MOST_UNSENT", "NativeHandler", "NativePeers", "Recognise", "ServerPeer"]

MOST_UNSENT = 4 * LIMIT_TO_CLIENT
"""Unsent bytes at which a peer that takes nothing is cut off."""
MOST_UNSENT_NOBODY = 1 << 20
"""The same for somebody who has not signed in, who is told little."""

AT_ONCE = 50
"""Peers that are written to in one turn of the loop, besides agents: some milliseconds of calls to the system."""

NOBODYS_TIME = 60.0
"""Seconds that a conversation may last in which nobody has signed in."""

LIMIT_TO_STRANGERS = 65536
"""Bytes of a message that is taken of somebody who is not known (yet)."""

Recognise = Callable[[str, str], tuple[Principal, str]]
"""Says whom a token stands for, shown from an address, and its id; NotAllowed when it is nobody."""

_NO_AGENT = "This account may not bring a machine to work for the farm."
_NO_CLIENT = "The certificate of a render node lets its agent in, and nobody else."
_PAIR_IT = "Run afrender as the user that runs the server, or pair this machine: `afrender --server HOST --pair CODE`."

NOBODY = Principal("", Role.NOBODY)
"""What a caller is who has been refused."""

_log = logging.getLogger(__name__)


class NativeHandler(Protocol):
    """What the server does with native conversations; every call is direct, from the receive loop."""

    def greet(self, hello: Hello, principal: Principal) -> Welcome | NotLeader | Refused:
        """Answer a Hello; ``version``, ``capabilities``, ``ping``, ``principal`` and ``role`` are filled in later."""

    def connected(self, peer: "ServerPeer") -> None:
        """A peer was welcomed; it may be sent messages from now on."""

    def received(self, peer: "ServerPeer", message: Message) -> None:
        """A message came that this kind of peer may send (pings are answered already)."""

    def lost(self, peer: "ServerPeer", reason: str) -> None:
        """A welcomed peer is gone; called once.  ``peer.said_goodbye`` tells whether it meant to."""


class ServerPeer:
    """One caller: who it is, and how to speak to it."""

    def __init__(
        self, peers: "NativePeers", number: int, principal: Principal | Refused, origin: str = "", node: str = ""
    ) -> None:
        self.number = number
        """Number of the connection, unique while the server runs, from 1."""
        self.principal = principal if isinstance(principal, Principal) else NOBODY
        """Who calls; replace it when an agent has registered (``Principal.render``)."""
        self.granted = self.principal
        """Who calls with everything that is granted; ``principal`` may act as less."""
        self.token = node
        """Id of the token that was shown, or the word for a node's certificate; empty for neither."""
        self._is_node = bool(node)
        self.begun = peers.clock()
        """When it called, by the clock of the peers."""
        self.slow = False
        """It takes less than it is sent: give it nothing that can wait or be dropped."""
        self.said_goodbye = False
        """It closed the conversation on purpose."""
        self.address = ""
        """Where it calls from, for people."""
        self.context: Any = None
        """Free for the server's own use."""
        self._peers = peers
        self._refused = principal if isinstance(principal, Refused) else None
        self._origin = origin or self.principal.origin
        self._session = Session("server", now=peers.clock(), greet=self._greet, ping_time=peers.ping_time)
        self._connection: FrameConnection | None = None
        self._out: list[Message] = []
        self._welcomed = False
        self._host = ""

    @property
    def _label(self) -> str:
        return f"{self.kind or 'caller'} {self._host}".strip()

    @property
    def hello(self) -> Hello:
        """What it said first; OurFault before it did."""
        if self._session.hello is None:
            raise OurFault("The peer has not said hello yet.")
        return self._session.hello

    @property
    def node(self) -> str:
        """Name of the node whose certificate was shown: the only render it may be; empty for callers without one."""
        return self.granted.name if self._is_node else ""

    @property
    def kind(self) -> str:
        """``agent`` or ``client``."""
        return self._session.peer_kind

    @property
    def capabilities(self) -> frozenset[str]:
        """What both sides can."""
        return self._session.capabilities

    @property
    def session(self) -> Session:
        """The conversation's own state, for ``story`` and tests."""
        return self._session

    @property
    def is_open(self) -> bool:
        """Whether anything may still be said."""
        return self._connection is not None and self._session.state is SessionState.OPEN

    def act_as(self, role: Role) -> None:
        """Act in a mode from now on; NotAllowed for one that is more than what is granted."""
        granted = self.granted
        if role > granted.role or role > Role.GOD or role < Role.USER:
            raise NotAllowed(
                f"{granted.name} is granted {granted.role.name} at most.", hint="Ask an administrator of the farm."
            )
        self.principal = msgspec.structs.replace(granted, role=role)

    def send(self, *messages: Message) -> None:
        """Send messages with everything else of this turn of the loop; nothing happens once the peer is gone."""
        if self._session.state is SessionState.CLOSED:
            return
        if not self._out:
            self._peers.flush_soon(self)
        self._out += messages

    def unsent(self) -> int:
        """Return how many bytes wait for the peer to take them."""
        return self._connection.unsent() if self._connection is not None else 0

    def close(self, reason: str) -> None:
        """Send what waits, say goodbye and hang up; ``reason`` is a sentence for a person."""
        connection = self._connection
        if connection is None:
            return
        self.flush()
        if self._session.state is not SessionState.CLOSED:
            last = self._session.close(reason, self._peers.clock())
            connection.send_frame(last)
        connection.close(reason)

    def flush(self, shared: dict[tuple[int, ...], tuple[Sequence[Message], bytes]] | None = None) -> None:
        """Write what was sent so far; called once per turn of the loop by itself, with frames that others share."""
        messages, self._out = self._out, []
        connection = self._connection
        if connection is None or self._session.state is not SessionState.OPEN:
            return
        frames, too_large = self._session.frames(messages, shared)
        self._peers.traffic.sent_frame(self._label, messages, sum(map(len, frames)))
        for frame in frames:
            connection.send_frame(frame)
        for message in too_large:
            self._refuse_too_large(connection, message)
        self._cut_off_hopeless(connection)

    def _refuse_too_large(self, connection: FrameConnection, message: Message) -> None:
        """Tell the peer that its answer was too large for any frame, in the place of the answer."""
        _log.error("a message %s for %s is larger than a frame may be", type(message).__name__, self.address)
        sentence = f"The answer is larger than the {LIMIT_TO_CLIENT} bytes that one frame may hold."
        id = getattr(message, "id", 0)
        connection.send_frame(self._session.send(Refused(id, "too_large", sentence, "Ask for less at once.")))

    # FrameReceiver

    def opened(self, connection: FrameConnection) -> None:
        """The transport is there."""
        self._connection = connection
        self.address = connection.address
        self._host = self.address.rpartition(":")[0] or self.address
        self._peers.add(self)

    def frame_received(self, frame: bytes) -> None:
        """Take one frame and hand its messages on."""
        session = self._session
        try:
            messages = session.receive(frame, self._peers.clock())
        except WireError as fault:
            self._hang_up(fault.sentence)
            return
        self._peers.traffic.received_frame(self._label, messages, len(frame))
        received = self._peers.handler.received
        for message in messages:
            if isinstance(message, Hello):
                self._welcomed = True
                self._write_pending()
                self._peers.handler.connected(self)
            elif isinstance(message, Goodbye):
                self.said_goodbye = True
            else:
                received(self, message)
        if session.state is SessionState.CLOSED:
            self._hang_up(session.closed_because)
        else:
            self._write_pending()

    def slowed(self, slow: bool) -> None:
        """Note that the peer takes less than it is sent, or has caught up."""
        self.slow = slow

    def closed(self, reason: str) -> None:
        """The transport is gone."""
        self._connection = None
        self._out = []
        self._peers.remove(self)
        why = self._session.closed_because or reason or "closed by the server"
        self._session.close("", self._peers.clock())
        if self._welcomed:
            self._welcomed = False
            self._peers.handler.lost(self, why)

    def tick(self, now: float) -> None:
        """Let time pass for the session."""
        try:
            self._session.tick(now)
        except WireError as fault:
            self._hang_up(fault.sentence)
            return
        self._write_pending()

    # Helpers

    def _greet(self, hello: Hello) -> Welcome | NotLeader | Refused:
        recognise = self._peers.recognise
        if self._is_node:
            if self._refused is not None:
                return self._refused
            if hello.kind != "agent":
                return Refused(0, "not_allowed", _NO_CLIENT, "Sign in with `afcmd login`.")
        elif hello.token and recognise is not None:
            try:
                self.principal, self.token = recognise(hello.token, self._origin)
            except NotAllowed as refused:
                return Refused(0, refused.code, refused.sentence, refused.hint)
            self.granted, self._refused = self.principal, None
        if self._refused is not None:
            # A person may come in to sign in; an agent has nothing to say before it is known.
            if recognise is None or hello.kind != "client" or self._refused.code != SIGN_IN:
                return self._refused
            self.principal = self.granted = Principal("", Role.NOBODY, self._origin)
        if hello.kind == "agent" and recognise is not None and not self._is_node:
            if self.granted.role is not Role.GOD:
                return Refused(0, "not_allowed", _NO_AGENT, _PAIR_IT)
            self.principal = self.granted = Principal(hello.host, Role.NODE, self._origin)
        if self.principal.role is not Role.NOBODY and self._connection is not None:
            self._connection.take_up_to(LIMIT_TO_SERVER)
        answer = self._peers.handler.greet(hello, self.principal)
        if not isinstance(answer, Welcome):
            return answer
        return Welcome(
            version=answer.version,
            server=answer.server,
            farm=answer.farm,
            epoch=answer.epoch,
            time=answer.time,
            servers=answer.servers,
            principal=self.principal.name,
            role=int(self.principal.role),
        )

    def _write_pending(self) -> None:
        frame = self._session.pending()
        if frame and self._connection is not None:
            self._connection.send_frame(frame)
            self._cut_off_hopeless(self._connection)

    def _cut_off_hopeless(self, connection: FrameConnection) -> None:
        """Hang up on a peer that takes nothing of far too much; of nobody that is little."""
        most = MOST_UNSENT if self.principal.role is not Role.NOBODY else MOST_UNSENT_NOBODY
        if self.slow and connection.unsent() > most:
            _log.warning("%s took none of %d bytes that wait for it; cut off", self.address, connection.unsent())
            connection.abort()

    def _hang_up(self, reason: str) -> None:
        self._write_pending()
        if self._connection is not None:
            self._connection.close(reason)


class NativePeers:
    """Every native conversation of a server."""

    def __init__(
        self,
        handler: NativeHandler,
        *,
        clock: Callable[[], float] = time.monotonic,
        ping_time: float = PING_TIME,
        traffic: Traffic | None = None,
        recognise: Recognise | None = None,
    ) -> None:
        self.traffic = traffic or Traffic()
        """What is said and heard."""
        self.recognise = recognise
        """Who knows tokens; None while nobody does: whoever is not known by where it calls from is refused then."""
        self.handler = handler
        self.clock = clock
        self.ping_time = ping_time
        """Seconds of silence after which a peer is asked whether it is there."""
        self._peers: dict[ServerPeer, None] = {}
        self._numbers = 0
        self._agents: list[ServerPeer] = []
        """Agents that were sent something, not yet written."""
        self._others: list[ServerPeer] = []
        self._flushing = False
        self._shared: dict[tuple[int, ...], tuple[Sequence[Message], bytes]] = {}
        """Monitors that are sent the same rows share one frame."""
        self._sharing = 0
        """Others still to be written to before what is shared is forgotten, though more may have come by then."""
        self._sweep: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._peers)

    def nodes(self) -> dict[str, Hello]:
        """Return what the nodes said first that are connected now, by name."""
        return {peer.node: peer.hello for peer in self._peers if peer.node and peer.session.hello is not None}

    def new_peer(self, principal: Principal | Refused, origin: str = "", node: str = "") -> ServerPeer:
        """Return the receiver for a connection that is about to open; Refused is said in answer to its Hello.

        ``origin`` is the address it calls from, where ``principal`` does not say it; ``node`` is the word for the
        certificate of a node that it showed.
        """
        self._numbers += 1
        return ServerPeer(self, self._numbers, principal, origin, node)

    def end(self, test: Callable[[str, str], bool], reason: str) -> None:
        """Hang up on every peer whose account (or node) and token pass a test: their right has ended or changed."""
        for peer in list(self._peers):
            if peer.token and test("" if peer.node else peer.granted.name, peer.token):
                peer.close(reason)

    def close(self, reason: str) -> None:
        """Say goodbye to every peer."""
        for peer in sorted(self._peers, key=lambda peer: peer.number):
            peer.close(reason)

    def add(self, peer: ServerPeer) -> None:
        """Count an opened peer in."""
        self._peers[peer] = None
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(self.ping_time / 2, self._look_around)

    def remove(self, peer: ServerPeer) -> None:
        """Count a closed peer out."""
        self._peers.pop(peer, None)
        if not self._peers and self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def flush_soon(self, peer: ServerPeer) -> None:
        """Write what the peer is sent at the end of this turn of the loop, or soon where many are written to."""
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)
        (self._agents if peer.kind == "agent" else self._others).append(peer)

    def _flush(self) -> None:
        agents, self._agents = self._agents, []
        if self._sharing <= 0:
            self._shared, self._sharing = {}, len(self._others)
        others, self._others = self._others[:AT_ONCE], self._others[AT_ONCE:]
        self._sharing -= len(others)
        turn = [*reversed(others), *reversed(agents)]
        try:
            while turn:
                turn.pop().flush(self._shared)
        finally:
            # Whatever goes wrong with one, the others are written to.
            self._others[:0] = reversed(turn)
            self._flushing = bool(self._agents or self._others)
            if self._flushing:
                asyncio.get_running_loop().call_soon(self._flush)
            else:
                self._shared, self._sharing = {}, 0

    def _look_around(self) -> None:
        """One timer for the silence of all peers: a timer each would cost more than it tells."""
        self._sweep = asyncio.get_running_loop().call_later(self.ping_time / 2, self._look_around)
        now = self.clock()
        for peer in list(self._peers):
            if peer.principal.role is Role.NOBODY and now - peer.begun > NOBODYS_TIME:
                peer.close(f"Nobody signed in here within {NOBODYS_TIME:g} seconds.")
                continue
            deadline = peer.session.deadline()
            if deadline is not None and deadline <= now:
                peer.tick(now)
