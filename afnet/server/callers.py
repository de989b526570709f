"""What is said on native connections, by kind of message: to the renders, the requests, the subscriptions, the files.

Rules of this file:
- One table decides where a message goes; nothing is decided here about the farm.
- A refusal is a message with the request's id, never an exception that ends the connection.
"""

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from afcore.envelope import Principal
from afcore.errors import AfError, BadSpec, NotAllowed, Problem, Rejected
from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.states import Role
from afnet.server.coming import ComingLogs
from afnet.server.fanout import Fanout
from afnet.server.files import FileStore
from afnet.server.follow import Followers
from afnet.server.native import ServerPeer
from afnet.server.notices import KIND, Notices
from afnet.server.packs import LOG
from afnet.server.people import SIGN_IN
from afnet.server.renders import Renders
from afnet.server.requests import NODE_OPERATIONS, Requests, describe_error
from afnet.server.watching import KIND as MONITORS
from afnet.server.watching import Watching
from afnet.wire.messages import (
    FileAccepted,
    FileChunk,
    Follow,
    Hello,
    InstructionFailed,
    LogLines,
    Message,
    NotLeader,
    Readings,
    Refused,
    Register,
    Reply,
    Report,
    Request,
    Subscribe,
    Unfollow,
    Unsubscribe,
    Welcome,
)

__all__ = ["MODE_OPERATION", "Callers", "refusal"]

MODE_OPERATION = "mode.set"
"""A request about the conversation itself, not the farm: act as USER, VISOR or GOD, at most what is granted."""

_PIECE_MOST = 1 << 18
"""Bytes of one piece of a file; agents send 64 KiB at most."""
_UNKEPT_MOST = 16 << 20
"""Bytes of one agent's files that wait to be written; agents send half a MiB before they wait for an answer."""
_PIECES_MOST = 65536

_OF_CLIENTS = frozenset({Request, Subscribe, Follow})
_UNKNOWN = "The farm does not know who you are."
_SIGN_IN = "Sign in with `afcmd login`."

_MISTAKE = Rejected("The server made a mistake.", hint="Its log says more.", code="bug")
_log = logging.getLogger(__name__)

_MODES = (Role.USER.name, Role.VISOR.name, Role.GOD.name)


class _Unkept:
    """Pieces of files that an agent has sent and that are not written yet, in their order."""

    __slots__ = ("pieces", "size")

    def __init__(self) -> None:
        self.pieces: deque[int] = deque()
        self.size = 0


def refusal(id: int, error: AfError) -> Refused:
    """Return an error as the message that refuses request ``id``."""
    problems = [(each.path, each.what, each.hint) for each in error.problems] if isinstance(error, BadSpec) else []
    return Refused(id, describe_error(error)["code"], error.sentence, error.hint, problems)


def _of_itself(peer: ServerPeer, message: Message) -> bool:
    """Return whether a registered agent asks for its own row, or for its own nimby."""
    if isinstance(message, Subscribe):
        return message.kind == "renders" and message.filter == {"ids": [peer.principal.render]}
    return isinstance(message, Request) and message.operation in NODE_OPERATIONS


class Callers:
    """The server's side of every native conversation (a ``NativeHandler``)."""

    def __init__(
        self,
        farm: Farm,
        *,
        welcome: Callable[[], Welcome],
        renders: Renders,
        requests: Requests,
        fanout: Fanout,
        notices: Notices,
        followers: Followers,
        files: FileStore,
        coming: ComingLogs,
    ) -> None:
        self._farm = farm
        self._welcome = welcome
        self._renders = renders
        self._requests = requests
        self._fanout = fanout
        self._notices = notices
        self._watching = Watching(lambda: welcome().time)
        self._followers = followers
        self._files = files
        self._coming = coming
        self._agents: dict[int, ServerPeer] = {}
        self._unkept: dict[int, _Unkept] = {}
        self._handlers: dict[type, Callable[[ServerPeer, Any], None]] = {
            Report: renders.report,
            Readings: renders.readings,
            Register: renders.register,
            InstructionFailed: renders.instruction_failed,
            FileChunk: self._chunk,
            LogLines: followers.lines,
            Request: self._request,
            Subscribe: self._subscribe,
            Unsubscribe: self._unsubscribe,
            Follow: self._follow,
            Unfollow: lambda peer, message: followers.unfollow(peer, message.id),
        }

    # NativeHandler

    def greet(self, hello: Hello, principal: Principal) -> Welcome | NotLeader | Refused:
        """Answer a Hello."""
        return self._welcome()

    def connected(self, peer: ServerPeer) -> None:
        """A peer may be spoken to."""
        if peer.kind == "agent":
            self._agents[peer.number] = peer
        self._watching.connected(peer)

    def received(self, peer: ServerPeer, message: Message) -> None:
        """Pass a message to who acts on it."""
        handler = self._handlers.get(type(message))
        if peer.principal.role is Role.NODE and type(message) in _OF_CLIENTS and not _of_itself(peer, message):
            peer.send(refusal(getattr(message, "id", 0), NotAllowed("A render agent may not do this.")))
        elif peer.principal.role is Role.NOBODY and type(message) is not Request:
            peer.send(refusal(getattr(message, "id", 0), NotAllowed(_UNKNOWN, hint=_SIGN_IN, code=SIGN_IN)))
        elif handler is not None:
            try:
                handler(peer, message)
            except Exception:  # noqa: BLE001 - what one caller sends must not end more than its own conversation
                _log.exception("a message %s of %s failed", type(message).__name__, peer.address)
                peer.send(refusal(getattr(message, "id", 0), _MISTAKE))
                peer.close("The server made a mistake with what was said here.")

    def lost(self, peer: ServerPeer, reason: str) -> None:
        """A peer is gone."""
        self._agents.pop(peer.number, None)
        self._unkept.pop(peer.number, None)
        self._renders.lost(peer)
        self._fanout.forget(peer)
        self._notices.forget(peer)
        self._watching.lost(peer)
        self._followers.forget(peer)

    def files_accepted(self, answers: list[tuple[int, FileAccepted]]) -> None:
        """Pieces of files were kept: tell the agents that sent them."""
        for number, message in answers:
            unkept = self._unkept.get(number)
            if unkept is not None and unkept.pieces:
                unkept.size -= unkept.pieces.popleft()
            if message.done and message.name == LOG:
                self._coming.settle(RunKey(message.job, message.block, message.task, message.run))
            peer = self._agents.get(number)
            if peer is not None:
                peer.send(message)

    # Messages

    def _request(self, peer: ServerPeer, message: Request) -> None:
        if message.operation == MODE_OPERATION:
            self._act_as(peer, message)
            return
        self._requests.do(
            message.operation,
            message.arguments,
            peer.principal,
            partial(_reply, peer, message.id),
            initiator=message.initiator,
        )

    def _act_as(self, peer: ServerPeer, message: Request) -> None:
        """Let a screen act in a smaller mode, or in all of its own again."""
        wanted = str(message.arguments.get("mode", ""))
        try:
            if wanted not in _MODES:
                raise BadSpec([Problem("mode", f'there is no mode "{wanted}"', "one of: " + ", ".join(_MODES))])
            peer.act_as(Role[wanted])
        except Rejected as error:
            peer.send(refusal(message.id, error))
        else:
            self._watching.changed()
            peer.send(Reply(message.id, {"mode": wanted, "granted": peer.granted.role.name}))

    def _unsubscribe(self, peer: ServerPeer, message: Unsubscribe) -> None:
        self._notices.unsubscribe(peer, message.id)
        self._watching.unsubscribe(peer, message.id)
        self._fanout.unsubscribe(peer, message.id)

    def _subscribe(self, peer: ServerPeer, message: Subscribe) -> None:
        if message.kind == KIND:
            self._notices.subscribe(peer, message.id)
            return
        try:
            if message.kind == MONITORS:
                self._watching.subscribe(peer, message.id)
            else:
                self._fanout.subscribe(peer, message)
        except Rejected as error:
            peer.send(refusal(message.id, error))

    def _follow(self, peer: ServerPeer, message: Follow) -> None:
        # A screen sees a run before the commit that lets its agent know of it: ask the agent after that.
        self._requests.after_commit(partial(self._follow_now, peer, message))

    def _follow_now(self, peer: ServerPeer, message: Follow) -> None:
        if not peer.is_open:
            return
        try:
            self._followers.follow(peer, message)
        except Rejected as error:
            peer.send(refusal(message.id, error))

    def _chunk(self, peer: ServerPeer, message: FileChunk) -> None:
        key = RunKey(message.job, message.block, message.task, message.run)
        mine = self._renders.had(peer, key)
        if not mine:
            # The job is gone, and its files with it, or the run was never this render's: it may forget them.
            if message.job not in self._farm.jobs:
                self._coming.settle(key)
            peer.send(
                FileAccepted(
                    message.job, message.block, message.task, message.run, message.name,
                    message.offset + len(message.data), True,
                )
            )  # fmt: skip
            return
        if len(message.data) > _PIECE_MOST:
            peer.close(f"A piece of a file has at most {_PIECE_MOST} bytes.")
            return
        unkept = self._unkept.setdefault(peer.number, _Unkept())
        if unkept.size + len(message.data) > _UNKEPT_MOST or len(unkept.pieces) >= _PIECES_MOST:
            peer.close(f"More than {_UNKEPT_MOST} bytes of files wait to be kept: the budget of one render.")
            return
        unkept.pieces.append(len(message.data))
        unkept.size += len(message.data)
        self._files.keep(peer.number, message)


def _reply(peer: ServerPeer, id: int, reply: Any, error: AfError | None) -> None:
    peer.send(Reply(id, reply) if error is None else refusal(id, error))
