"""The monitor's conversation in the thread of the window: state, subscriptions, requests, and what panes are told.

Rules of this file:
- Panes hear ``changed(ChangeSet)`` and ask ``state``; they never see a message of the protocol.
- Whatever is subscribed, opened or followed is asked for again after each reconnect, from the version that is known.
- Requests that had no answer when the conversation ended fail with a sentence: nobody knows whether they were done.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any, Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from afcore.errors import AfError, ConnectionLost, NotAllowed
from afcore.states import Role
from afnet.operations import Operation
from afnet.registry import find_operation
from afnet.wire.messages import Follow, Message, Request, Subscribe, Unfollow, Unsubscribe
from afwatch.changes import (
    Answered,
    Arrival,
    ChangeSet,
    ColumnsPiece,
    Connected,
    Lines,
    Lost,
    Refusal,
    RowsCame,
    Unreachable,
)
from afwatch.collector import after_flood
from afwatch.ops.pending import Pending
from afwatch.plots.ring import LiveRings
from afwatch.tasktables import OpenedJob
from afwatch.texts import tr
from afwatch.thumbnails import Thumbnails
from afwatch.watchstate import KINDS, WatchState

__all__ = ["Past", "Session"]

_STRANGER = {"unknown_authority": "unknown_authority", "not_signed_in": "sign_in"}

_FIRST_OPENED, _FIRST_REQUEST = 100, 10_000


class Past(Protocol):
    """What stands between the panes and the farm while it is shown as it was."""

    at: float
    """The instant that is shown, unix seconds."""

    def ask(self, operation: Operation, arguments: dict[str, Any]) -> Pending:
        """Answer what a pane asks: of then what can be, and a refusal of all else."""
        ...

    def open_job(self, job: int) -> None:
        """Bring the columns of a job as they were."""
        ...


class Session(QObject):
    """What the window speaks with."""

    changed = Signal(object)
    """A ChangeSet."""
    mode_changed = Signal()
    stranger = Signal(str)
    """The farm does not know us, or we do not know it: ``sign_in`` or ``unknown_authority``."""
    said = Signal(object, str)
    """How an operation went: its Pending, and the error's text or an empty one."""

    def __init__(self, send: Callable[..., None], *, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.state = WatchState()
        self.rings = LiveRings()
        """What renders measured in the last minutes."""
        self.thumbnails = Thumbnails(self)
        self._clock = clock
        self.past: Past | None = None
        """While the farm is shown as it was: what stands between the panes and the farm."""
        self._live: WatchState | None = None
        """What goes on meanwhile."""
        self._send = send
        self._nonce = secrets.token_hex(4)
        self._next = _FIRST_REQUEST
        self._pending: dict[int, Pending] = {}
        self._opened: dict[int, int] = {}
        """Subscription of each opened job."""
        self._users: dict[int, int] = {}
        """How many panes have a job open."""
        self._following: dict[int, tuple[Follow, Callable[[Lines | AfError], None]]] = {}
        self._chosen = Role.GOD
        self._granted = Role.USER

    def clock(self) -> float:
        """Return the time that the panes show: now, or the instant of the past (unix seconds)."""
        return self._clock() if self.past is None else self.past.at

    # The past

    def show_past(self, past: Past, rows: dict[str, list[Any]]) -> None:
        """Show these rows, by kind, instead of those of now, until ``show_now``; what comes meanwhile is kept aside."""
        if self._live is None:
            live = self._live = WatchState()
            for kind in KINDS.values():
                live.rows(kind).update(self.state.rows(kind))
            live.versions.update(self.state.versions)
            live.welcome, live.farm, live.server = self.state.welcome, self.state.farm, self.state.server
        self.past = past
        self.rings.asleep = True
        changes = ChangeSet()
        for kind, found in rows.items():
            self.state.replace(kind, found, changes)
        self.changed.emit(changes)
        self.mode_changed.emit()

    def show_now(self) -> None:
        """Show the farm as it is."""
        live, self._live, self.past = self._live, None, None
        self.rings.asleep = False
        if live is not None:
            changes = ChangeSet()
            for kind in KINDS.values():
                self.state.replace(kind, live.rows(kind).values(), changes)
            self.state.versions.update(live.versions)
            self.changed.emit(changes)
            self.mode_changed.emit()

    # Modes

    @property
    def granted(self) -> Role:
        """The greatest mode that the server gives us; USER while it has not said, what it said while it is away."""
        welcome = self.state.welcome
        if welcome is not None:
            self._granted = Role(welcome.role) if welcome.role in list(Role) else Role.USER
        elif not self.state.lost_at:
            return Role.USER
        return self._granted

    @property
    def mode(self) -> Role:
        """The mode that is on: what was chosen, at most what is granted."""
        return Role(min(self._chosen, self.granted))

    @property
    def user(self) -> str:
        """Who we are to the server; empty while it has not said."""
        return self.state.welcome.principal if self.state.welcome is not None else ""

    def choose_mode(self, mode: Role) -> None:
        """Act in a mode from now on; the server is told, and refuses what is more than it grants."""
        self._chosen = mode
        self._tell_mode()
        self._watch_monitors()
        self.mode_changed.emit()

    def _tell_mode(self) -> None:
        """Ask the server to hold this conversation to the mode that is on."""
        if self.state.connected:
            number, self._next = self._next, self._next + 1
            pending = self._pending[number] = Pending("mode.set", {"mode": self.mode.name}, f"{self._nonce}-{number}")
            pending.failure(self._mode_refused)
            self._send(Request(number, "mode.set", pending.arguments, pending.initiator))

    def _watch_monitors(self) -> None:
        """Be told of the monitors while the mode allows it, and know nothing old of them else."""
        number = next(number for number, kind in KINDS.items() if kind == "monitors")
        if not self.state.connected:
            return
        if self.mode is Role.GOD:
            self._send(Subscribe(number, "monitors"))
        else:
            self._send(Unsubscribe(number))
            gone = set(self.state.monitors)
            self.state.monitors.clear()
            if gone:
                self.changed.emit(ChangeSet(gone={"monitors": gone}))

    def _mode_refused(self, error: AfError) -> None:
        if isinstance(error, NotAllowed):
            self._chosen = Role.USER
            self.mode_changed.emit()

    # Asking

    def ask(self, operation: str, /, **arguments: Any) -> Pending:
        """Send an operation of the registry; the answer comes to the pending op, and by ``said`` if it is a command."""
        number, self._next = self._next, self._next + 1
        pending = Pending(operation, arguments, f"{self._nonce}-{number}")
        try:
            known = find_operation(operation)
            known.bind(arguments)
            if known.role > self.mode:
                raise NotAllowed(
                    f"{known.name} is for {known.role.name}; you are in {self.mode.name} mode.",
                    hint="Switch the mode at the lower left corner.",
                )
            if self.past is not None:
                return self.past.ask(known, arguments)
            if not self.state.connected:
                raise ConnectionLost("There is no connection to the farm.", hint="It is tried again by itself.")
        except AfError as error:
            fault = error
            QTimer.singleShot(0, self, lambda: self._fail(pending, fault))
            return pending
        self._pending[number] = pending
        self._send(Request(number, operation, arguments, pending.initiator))
        return pending

    def _fail(self, pending: Pending, error: AfError) -> None:
        pending.fail(error)
        hint = getattr(error, "hint", "")
        self.said.emit(pending, f"{error.sentence} {hint}".strip())

    # Opened jobs

    def open_job(self, job: int) -> OpenedJob:
        """Get the task columns of a job, and keep them up to date, until it is closed as often as opened."""
        self._users[job] = self._users.get(job, 0) + 1
        opened = self.state.open_job(job)
        if self.past is not None:
            self.past.open_job(job)
        elif job not in self._opened:
            taken = set(self._opened.values())
            self._opened[job] = next(n for n in range(_FIRST_OPENED, _FIRST_REQUEST) if n not in taken)
            self._subscribe_tasks(job)
        return opened

    def close_job(self, job: int) -> None:
        """A pane needs the job's tasks no more."""
        self._users[job] = self._users.get(job, 1) - 1
        if self._users[job] <= 0:
            del self._users[job]
            number = self._opened.pop(job, 0)
            if number:
                self._send(Unsubscribe(number))
            self.state.close_job(job)

    def _subscribe_tasks(self, job: int) -> None:
        self._send(Subscribe(self._opened[job], "tasks", {"job": job}))

    # Output

    def follow(self, job: int, block: int, task: int, run: int, listener: Callable[[Lines | AfError], None]) -> int:
        """Get the output of a run as it comes; returns a number for ``unfollow``."""
        number, self._next = self._next, self._next + 1
        message = Follow(number, job, block, task, run)
        self._following[number] = (message, listener)
        self._send(message)
        return number

    def unfollow(self, number: int) -> None:
        """No more of it."""
        if self._following.pop(number, None) is not None:
            self._send(Unfollow(number))

    # What arrives

    def receive(self, arrivals: list[Arrival]) -> None:
        """Take over what the bridge drained; tell the panes once."""
        now = self._clock()
        changes = ChangeSet()
        came = 0
        live = self._live
        for arrival in arrivals:
            if isinstance(arrival, RowsCame | Connected | Lost | Unreachable):
                came += len(arrival.rows) if isinstance(arrival, RowsCame) else 0
                if live is None or not isinstance(arrival, RowsCame):
                    changes.merge(self.state.receive(arrival, now))
                if live is not None:
                    self._follow(live, live.receive(arrival, now))
                if isinstance(arrival, Connected) and arrival.welcome.role == Role.NOBODY:
                    self.stranger.emit("sign_in")
                elif isinstance(arrival, Connected):
                    self._begin_anew()
                elif isinstance(arrival, Unreachable) and arrival.code in _STRANGER:
                    self.stranger.emit(_STRANGER[arrival.code])
                elif isinstance(arrival, Lost):
                    self._unanswered(arrival.reason)
            elif isinstance(arrival, Answered):
                pending = self._pending.pop(arrival.id, None)
                if pending is not None:
                    pending.succeed(arrival.body)
                    self.said.emit(pending, "")
            elif isinstance(arrival, Refusal):
                self._refused(arrival)
            elif arrival.id in self._following:
                listener = self._following[arrival.id][1]
                if arrival.last:
                    del self._following[arrival.id]
                listener(arrival)
        if changes.connection:
            self.mode_changed.emit()
        if live is None:
            self._follow(self.state, changes)
        if changes:
            self.changed.emit(changes)
        after_flood(came)

    def _follow(self, state: WatchState, changes: ChangeSet) -> None:
        """Keep what renders measured."""
        if changes.touches("renders"):
            self.rings.follow(changes.changed.get("renders", ()), changes.gone.get("renders", ()), state.renders)

    def put_columns(self, pieces: list[ColumnsPiece]) -> None:
        """Take over columns of opened jobs that came another way than by a subscription."""
        changes = ChangeSet()
        known = self.state.opened
        changes.tasks.extend(known[piece.job].put(piece) for piece in pieces if piece.job in known)
        self.changed.emit(changes)

    def send_request(self, operation: str, arguments: dict[str, Any]) -> Pending:
        """Ask the farm of now, whatever is shown."""
        past, self.past = self.past, None
        try:
            return self.ask(operation, **arguments)
        finally:
            self.past = past

    def _begin_anew(self) -> None:
        self._tell_mode()
        versions = self.state.versions if self._live is None else self._live.versions
        messages: list[Message] = [
            Subscribe(number, kind, since=versions[kind]) for number, kind in KINDS.items()
            if kind != "monitors" or self.mode is Role.GOD
        ]
        self._send(*messages)
        for job in self._opened:
            self._subscribe_tasks(job)
        for message, _ in self._following.values():
            self._send(message)

    def _unanswered(self, reason: str) -> None:
        pending, self._pending = self._pending, {}
        error = ConnectionLost(
            tr("The connection was lost before the farm answered."), hint=tr("{0} Look whether it was done.", reason)
        )
        for each in pending.values():
            self._fail(each, error)

    def _refused(self, refusal: Refusal) -> None:
        if refusal.id in self._following:
            listener = self._following.pop(refusal.id)[1]
            listener(refusal.error)
            return
        pending = self._pending.pop(refusal.id, None)
        if pending is not None:
            self._fail(pending, refusal.error)
            return
        for job, number in self._opened.items():
            if number == refusal.id:
                self.state.open_job(job).gone = True
                self.changed.emit(ChangeSet(gone={"opened": {job}}))
