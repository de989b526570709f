"""One native conversation without input or output: bytes and ``now`` in, messages, bytes and a deadline out.

Rules of this file:
- ``receive``, ``send``, ``tick`` and ``close`` are the only mutators; nothing here reads a clock or waits.
- ``now`` is seconds of any steady clock; the same clock for all calls of one session.
- After a WireError the session is closed: send what ``pending`` still holds (the sentence for the peer), then hang up.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

from afcore.errors import OurFault, TheirFault, TimedOut, VersionMismatch, WireError
from afnet.wire.codec import LIMIT_TO_CLIENT, LIMIT_TO_SERVER, Unreadable, decode, encode
from afnet.wire.messages import (
    PROTOCOL_VERSION,
    Goodbye,
    Hello,
    Message,
    NotLeader,
    Ping,
    Pong,
    Refused,
    Welcome,
)
from afnet.wire.states import ACCEPTED, CAPABILITIES, TRANSITIONS, SessionState

__all__ = ["HELLO_TIME", "PING_TIME", "VERSIONS", "Entry", "Session"]

VERSIONS: tuple[int, ...] = tuple(range(1, PROTOCOL_VERSION + 1))
"""Every protocol version this program speaks."""

HELLO_TIME = 10.0
"""Seconds within which Hello, or its answer, must have come."""

PING_TIME = 5.0
"""Seconds of silence after which a session asks whether the peer is there, unless Welcome says otherwise."""

_STORY_LENGTH = 32

_MOST_PENDING = 200
"""Answers that may wait to be sent: whoever causes more with one frame is not worth answering."""


class Entry(NamedTuple):
    """One line of a session's story: when (the session's clock) and what."""

    at: float
    text: str


class Session:
    """One end of a conversation, for a ``server``, an ``agent`` or a ``client``.

    A server is given ``greet``, which answers a peer's Hello with the Welcome to send (``version``, ``capabilities``
    and ``ping`` are filled in here), with NotLeader or with Refused. The others are given the ``hello`` they say.
    """

    def __init__(
        self,
        kind: str,
        *,
        now: float,
        hello: Hello | None = None,
        greet: Callable[[Hello], Welcome | NotLeader | Refused] | None = None,
        versions: Sequence[int] = VERSIONS,
        capabilities: Sequence[str] = CAPABILITIES,
        ping_time: float = PING_TIME,
        hello_time: float = HELLO_TIME,
    ) -> None:
        if kind == "server":
            if greet is None:
                raise OurFault("A server's session needs to know how to greet.")
        elif hello is None or kind not in ("agent", "client"):
            raise OurFault(f"A session of kind {kind!r} needs a hello and must be an agent's or a client's.")
        self.kind = kind
        self.peer_kind = "server"
        """What the peer is; a server learns it from Hello."""
        self.state = SessionState.AWAIT_HELLO if kind == "server" else SessionState.AWAIT_WELCOME
        self.version = 0
        """The version both speak; 0 before it is agreed."""
        self.capabilities: frozenset[str] = frozenset()
        """What both sides can; empty before it is agreed."""
        self.hello: Hello | None = None
        """The peer's Hello (server)."""
        self.welcome: Welcome | None = None
        """The server's Welcome (agent, client)."""
        self.closed_because = ""
        """Why the session is closed; empty while it is not."""
        self._greet = greet
        self._versions = tuple(versions)
        self._offered = tuple(capabilities)
        self._receive_limit = LIMIT_TO_SERVER if kind == "server" else LIMIT_TO_CLIENT
        self._send_limit = LIMIT_TO_CLIENT if kind == "server" else LIMIT_TO_SERVER
        self._ping_time = ping_time
        self._heard = now
        self._asked = 0.0
        self._asking = False
        self._pings = 0
        self._begun = now
        self._hello_time = hello_time
        self._pending: list[Message] = []
        self._accepted: frozenset[type] = frozenset()
        self._story: deque[Entry] = deque(maxlen=_STORY_LENGTH)
        if hello is not None and kind != "server":
            self._pending.append(
                Hello(
                    versions=list(self._versions),
                    program=hello.program,
                    kind=kind,
                    capabilities=list(self._offered),
                    user=hello.user,
                    host=hello.host,
                    token=hello.token,
                    tasks_as=hello.tasks_as,
                )
            )
            self._tell(now, f"said hello as {kind} {hello.program}, versions {list(self._versions)}")

    # What came

    def receive(self, data: bytes, now: float) -> list[Message]:
        """Take one frame; return the messages in it that are for the owner of the session, in order.

        Pings are answered and unreadable messages refused by themselves: see ``pending``.
        Raises TheirFault or VersionMismatch when the conversation cannot go on.
        """
        self._heard = now
        self._asking = False
        if self.state is SessionState.CLOSED:
            return []
        try:
            found = decode(data, limit=self._receive_limit)
        except TheirFault as fault:
            self._fail(now, fault, code="bad_frame")
        messages: list[Message] = []
        accepted = self._accepted
        for message in found:
            kind = type(message)
            if kind in accepted and kind not in _OWN:
                messages.append(message)  # type: ignore[arg-type]  # Unreadable is never accepted
                continue
            if self._take(message, now):
                messages.append(message)  # type: ignore[arg-type]
            accepted = self._accepted
            if self.closed_because:
                break
        return messages

    def _take(self, message: "Message | Unreadable", now: float) -> bool:
        """Act on a message that is not simply for the owner; tell whether the owner should see it all the same."""
        if isinstance(message, Unreadable):
            if self.state is not SessionState.OPEN:
                self._fail(now, TheirFault(message.sentence), code=message.code)
            self._refuse(now, message.id, message.code, message.sentence)
            return False
        kind = type(message)
        state = TRANSITIONS.get((self.state, kind))
        if isinstance(message, Hello) and state is not None:
            self._answer_hello(message, now)
            return self.state is SessionState.OPEN
        if isinstance(message, Welcome) and state is not None:
            self._accept_welcome(message, now)
            return True
        if state is SessionState.CLOSED:
            self._end(now, _reason(message))
            return True
        if self.state is not SessionState.OPEN:
            self._fail(
                now,
                TheirFault(f"A message {kind.__name__} came before the greeting was over.", hint="Say Hello first."),
                code="out_of_turn",
            )
        if isinstance(message, Ping):
            if len(self._pending) >= _MOST_PENDING:
                self._fail(now, TheirFault(f"One frame held more than {_MOST_PENDING} pings."), code="bad_frame")
            self._pending.append(Pong(message.number))
            return False
        if isinstance(message, Pong):
            return False
        if isinstance(message, Refused):
            self._tell(now, f"was refused: {message.sentence}")
            return True
        id = getattr(message, "id", 0)
        sentence = f"A message {kind.__name__} is nothing that a {self.peer_kind} may send to a {self.kind}."
        self._refuse(now, id if isinstance(id, int) else 0, "not_allowed", sentence)
        return False

    def _answer_hello(self, hello: Hello, now: float) -> None:
        self.hello = hello
        common = [version for version in hello.versions if version in self._versions]
        if not common:
            self._fail(
                now,
                VersionMismatch(
                    f"{hello.program or 'The caller'} speaks protocol versions {_listed(hello.versions)}, "
                    f"this server speaks {_listed(self._versions)}.",
                    hint="Install the same version of Afwatch on both machines.",
                ),
                code="version",
            )
        if ("server", hello.kind) not in ACCEPTED:
            self._fail(
                now,
                TheirFault(f"A caller is an agent or a client, not {hello.kind!r}."),
                code="out_of_turn",
            )
        assert self._greet is not None
        answer = self._greet(hello)
        if not isinstance(answer, Welcome):
            self._pending.append(answer)
            self._end(now, _reason(answer))
            return
        self.version = max(common)
        self.peer_kind = hello.kind
        self.capabilities = frozenset(self._offered) & frozenset(hello.capabilities)
        self._pending.append(
            Welcome(
                version=self.version,
                server=answer.server,
                farm=answer.farm,
                epoch=answer.epoch,
                capabilities=list(self._offered),
                time=answer.time,
                servers=answer.servers,
                principal=answer.principal,
                role=answer.role,
                ping=self._ping_time,
            )
        )
        self._open(now, f"welcomed {hello.kind} {hello.program} of {hello.user}@{hello.host}")

    def _accept_welcome(self, welcome: Welcome, now: float) -> None:
        if welcome.version not in self._versions:
            self._fail(
                now,
                VersionMismatch(
                    f"The server chose protocol version {welcome.version}, this program speaks "
                    f"{_listed(self._versions)}."
                ),
                code="version",
            )
        self.welcome = welcome
        self.version = welcome.version
        self.capabilities = frozenset(self._offered) & frozenset(welcome.capabilities)
        if welcome.ping > 0:
            self._ping_time = welcome.ping
        self._open(now, f"welcomed by {welcome.server}, farm {welcome.farm}, epoch {welcome.epoch}")

    # What goes

    def send(self, *messages: Message) -> bytes:
        """Return one frame with what is pending and ``messages``; OurFault when they may not be said now."""
        if self.state is not SessionState.OPEN and messages:
            raise OurFault(
                f"Nothing can be said while the conversation is {self.state.value.replace('_', ' ')}"
                + (f": {self.closed_because}." if self.closed_because else ".")
            )
        if self._pending:
            messages = (*self._pending, *messages)
        frame = encode(messages, limit=self._send_limit)
        self._pending.clear()
        return frame

    def frames(
        self, messages: Sequence[Message], shared: dict[tuple[int, ...], tuple[Sequence[Message], bytes]] | None = None
    ) -> tuple[list[bytes], list[Message]]:
        """Return ``messages`` in as few frames as the limit allows, and those that are too large for any frame.

        ``shared`` keeps frames by the identities of what they hold (and holds that), for other sessions that are
        sent the very same messages.
        """
        shares = shared is not None and self.state is SessionState.OPEN and not self._pending
        key = (self._send_limit, *map(id, messages)) if shares else ()
        if shared is not None and key in shared:
            return [shared[key][1]], []
        try:
            frame = self.send(*messages)
            if shared is not None and key:
                shared[key] = messages, frame
            return [frame], []
        except OurFault:
            if len(messages) < 2:
                return [], list(messages)
        half = len(messages) // 2
        first, too_large = self.frames(messages[:half])
        second, too_large_too = self.frames(messages[half:])
        return first + second, too_large + too_large_too

    def pending(self) -> bytes:
        """Return a frame of what the session itself has to say (greetings, pongs, refusals); empty for nothing."""
        if not self._pending:
            return b""
        frame = encode(self._pending, limit=self._send_limit)
        self._pending.clear()
        return frame

    def close(self, reason: str, now: float) -> bytes:
        """Say goodbye: return the last frame to send; nothing when it is closed already."""
        if self.state is SessionState.CLOSED:
            return b""
        self._pending.append(Goodbye(reason))
        self._end(now, reason or "closed by this side")
        return self.pending()

    # Time

    def deadline(self) -> float | None:
        """Return when ``tick`` must be called next; None once closed."""
        if self.state is SessionState.CLOSED:
            return None
        if self.state is not SessionState.OPEN:
            return self._begun + self._hello_time
        return (self._asked if self._asking else self._heard) + self._ping_time

    def tick(self, now: float) -> None:
        """Let time pass: asks a silent peer whether it is there (see ``pending``); TimedOut when it is lost.

        A tick that comes far too late was not the peer's silence but our own sleep: the peer gets another chance.
        """
        deadline = self.deadline()
        if deadline is None or now < deadline:
            return
        overslept = now - deadline > self._ping_time
        if self.state is not SessionState.OPEN:
            fault = TimedOut(f"No greeting came within {self._hello_time:g} seconds.")
            self._fail(now, fault, code="timed_out")
        if self._asking and not overslept:
            fault = TimedOut(f"The other side said nothing for {now - self._heard:.1f} seconds.")
            self._end(now, fault.sentence)
            raise fault
        self._asking = True
        self._asked = now
        self._pings += 1
        self._pending.append(Ping(self._pings))

    def story(self) -> list[Entry]:
        """Return what happened to this conversation, oldest first, at most the last 32 entries."""
        return list(self._story)

    # Helpers

    def _open(self, now: float, text: str) -> None:
        self.state = SessionState.OPEN
        self._accepted = ACCEPTED[self.kind, self.peer_kind]
        self._tell(now, f"{text}; version {self.version}, capabilities {sorted(self.capabilities)}")

    def _refuse(self, now: float, id: int, code: str, sentence: str) -> None:
        # Refusing a refusal could go on for ever, but Refused is accepted by everybody, so it never comes here.
        self._tell(now, f"refused: {sentence}")
        if len(self._pending) >= _MOST_PENDING:
            self._fail(now, TheirFault(f"One frame held more than {_MOST_PENDING} wrong messages."), code="bad_frame")
        self._pending.append(Refused(id, code, sentence))

    def _fail(self, now: float, fault: WireError, *, code: str) -> NoReturn:
        self._pending.append(Refused(0, code, fault.sentence, fault.hint))
        self._end(now, fault.sentence)
        raise fault

    def _end(self, now: float, reason: str) -> None:
        self.state = SessionState.CLOSED
        self._accepted = frozenset()
        self.closed_because = reason.rstrip(".") or "closed"
        self._tell(now, f"closed: {self.closed_because}")

    def _tell(self, now: float, text: str) -> None:
        self._story.append(Entry(now, text))


_OWN = frozenset({Ping, Pong, Goodbye, Refused, NotLeader})
"""Kinds that a session acts on itself even when they are accepted."""


def _reason(message: object) -> str:
    """Say why a message that closes the conversation closes it."""
    if isinstance(message, NotLeader):
        return "this server does not lead the farm; ask " + (", ".join(message.servers) or "another one")
    if isinstance(message, Refused):
        return message.sentence
    return (message.reason if isinstance(message, Goodbye) else "") or "the other side said goodbye"


def _listed(versions: Sequence[int]) -> str:
    return ", ".join(str(version) for version in versions) or "none"
