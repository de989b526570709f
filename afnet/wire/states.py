"""The states of one native conversation and what may be said in them, as tables and nothing else.

Rules of this file:
- Data only: ``session`` acts on it, ``docs/protocol.md`` shows it, tests walk it.
- What is not in a table is not allowed.
"""

from enum import Enum

from afnet.wire.messages import (
    Acknowledge,
    Drop,
    FileAccepted,
    FileChunk,
    Follow,
    Goodbye,
    Hello,
    Instruct,
    InstructionFailed,
    LogLines,
    NotLeader,
    Ping,
    Pong,
    Readings,
    Refused,
    Register,
    Registered,
    Reply,
    Report,
    Request,
    Rows,
    Start,
    Stop,
    Subscribe,
    Unfollow,
    Unsubscribe,
    Welcome,
)

__all__ = ["ACCEPTED", "CAPABILITIES", "KINDS", "TRANSITIONS", "SessionState"]


class SessionState(Enum):
    """Where a conversation is."""

    AWAIT_HELLO = "await_hello"
    """A server waits for the first word of whoever connected."""
    AWAIT_WELCOME = "await_welcome"
    """An agent or a client has said hello and waits for the answer."""
    OPEN = "open"
    """Everything of ``ACCEPTED`` may be said."""
    CLOSED = "closed"
    """Nothing more will be said."""


KINDS = ("server", "agent", "client")
"""What a session may be: the farm's side, or one of the two kinds of callers."""

CAPABILITIES = ("files", "follow", "host_once")
"""What this program can beyond the bare protocol: ``files`` keeps files of runs, ``follow`` passes live output on."""

_ANY = frozenset({Ping, Pong, Goodbye, Refused})

ACCEPTED: dict[tuple[str, str], frozenset[type]] = {
    ("server", "agent"): _ANY
    | {Register, Report, Readings, InstructionFailed, FileChunk, LogLines, Request, Subscribe, Unsubscribe},
    ("server", "client"): _ANY | {Request, Subscribe, Unsubscribe, Follow, Unfollow},
    ("agent", "server"): _ANY
    | {NotLeader, Registered, Start, Stop, Drop, Instruct, Acknowledge, FileAccepted, Follow, Unfollow, Reply, Rows},
    ("client", "server"): _ANY | {NotLeader, Reply, Rows, LogLines},
}
"""What (this kind) takes from (that kind) in OPEN."""

TRANSITIONS: dict[tuple[SessionState, type], SessionState] = {
    (SessionState.AWAIT_HELLO, Hello): SessionState.OPEN,
    (SessionState.AWAIT_HELLO, Goodbye): SessionState.CLOSED,
    (SessionState.AWAIT_WELCOME, Welcome): SessionState.OPEN,
    (SessionState.AWAIT_WELCOME, NotLeader): SessionState.CLOSED,
    (SessionState.AWAIT_WELCOME, Refused): SessionState.CLOSED,
    (SessionState.AWAIT_WELCOME, Goodbye): SessionState.CLOSED,
    (SessionState.OPEN, NotLeader): SessionState.CLOSED,
    (SessionState.OPEN, Goodbye): SessionState.CLOSED,
}
"""What a received message does to the state; in OPEN, everything else of ``ACCEPTED`` leaves it open."""
