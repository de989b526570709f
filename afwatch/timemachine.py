"""The farm as it was, for the whole window: an instant is asked for, its rows take the place of those of now.

Rules of this file:
- While the past is shown nothing can be done to the farm: views are asked of then, what is kept anyway (logs, finished
  runs) is asked as ever, and all else is refused with a sentence.
- One question is on its way at a time; of the instants wanted meanwhile only the last is asked for.
"""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from afcore.errors import AfError, NotAllowed
from afcore.rows import BranchRow, JobRow, PoolRow, RenderRow, TaskColumns, UserRow
from afnet.operations import Operation
from afnet.registry import PAST_VIEWS
from afwatch.ops.pending import Pending
from afwatch.session import Session
from afwatch.tasktables import unpack_columns
from afwatch.texts import tr

__all__ = ["TimeMachine"]

_ROWS: dict[str, Any] = {
    "jobs": list[JobRow],
    "renders": list[RenderRow],
    "users": list[UserRow],
    "pools": list[PoolRow],
    "branches": list[BranchRow],
}


class TimeMachine(QObject):
    """Shows the farm as it was, and leads back to now."""

    changed = Signal()
    """It was turned on or off, an instant is shown, or something is known about the past."""

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self.session = session
        self.on = False
        """Whether it is the past that is looked at, or waited for."""
        self.at = 0.0
        """The instant that is shown, unix seconds."""
        self.since, self.until = 0.0, 0.0
        """The past that is kept."""
        self.told: dict[str, Any] = {}
        """What the server said about the instant that is shown."""
        self.trouble = ""
        """Why the instant that was asked for is not shown, in a sentence."""
        self._wanted: float | None = None
        self._asking = False
        session.mode_changed.connect(self._look_at_connection)

    # Turning

    def turn_on(self) -> None:
        """Begin with the newest instant, and ask how far the past goes."""
        if self.on:
            return
        self.on = True
        self.trouble = ""
        self.session.send_request("past.span", {}).success(self._span_came).failure(self._refused)
        self.go(self.session.clock())

    def turn_off(self) -> None:
        """Go back to now."""
        if self.on:
            self.on = False
            self._wanted = None
            self.session.show_now()
            self.changed.emit()

    def go(self, at: float) -> None:
        """Show an instant (unix seconds), as soon as the server has it."""
        self._wanted = at
        if not self._asking:
            self._ask_next()
        self.changed.emit()

    @property
    def wanted(self) -> float:
        """The instant that is to be shown."""
        return self.at if self._wanted is None else self._wanted

    def _ask_next(self) -> None:
        at = self._wanted
        if at is None or not self.on:
            return
        self._asking = True
        pending = self.session.send_request("past.rows", {"at": at})
        pending.success(lambda body: self._came(at, body)).failure(self._not_shown)

    def _span_came(self, body: dict[str, Any]) -> None:
        self.since, self.until = body["since"], max(body["until"], self.until)
        self.changed.emit()

    def _came(self, at: float, body: dict[str, Any]) -> None:
        self._asking = False
        if not self.on:
            return
        self.trouble, self.told = "", body["past"]
        self.at = at
        self.since, self.until = self.told["since"], max(self.told["until"], self.until, at)
        rows = {kind: msgspec.convert(found, type=_ROWS[kind]) for kind, found in body["rows"].items()}
        self.session.show_past(self, rows)
        if self._wanted == at:
            self._wanted = None
        self.changed.emit()
        self._ask_next()

    def _not_shown(self, error: AfError) -> None:
        self._asking = False
        self._wanted = None
        self._refused(error)

    def _refused(self, error: AfError) -> None:
        self.trouble = f"{error.sentence} {error.hint}".strip()
        self.changed.emit()

    def _look_at_connection(self) -> None:
        if self.on and self.session.state.connected and not self._asking and self._wanted is not None:
            self._ask_next()

    # What panes ask meanwhile

    def ask(self, operation: Operation, arguments: dict[str, Any]) -> Pending:
        """Answer from then what can be, as ever what is kept, and refuse what would change something."""
        if operation.name in PAST_VIEWS:
            asked = {"at": self.at, "view": operation.name, "arguments": arguments}
            return self.session.send_request("past.show", asked)
        if operation.kind == "query" or operation.name.startswith("past."):
            return self.session.send_request(operation.name, arguments)
        pending = Pending(operation.name, arguments, secrets.token_hex(4))
        error = NotAllowed(
            tr("This is the farm as it was: nothing can be done to it."), hint=tr("Escape leads back to now.")
        )

        def refuse() -> None:
            pending.fail(error)
            self.session.said.emit(pending, f"{error.sentence} {error.hint}")

        QTimer.singleShot(0, self, refuse)
        return pending

    def open_job(self, job: int) -> None:
        """Bring the columns of a job's tasks as they were."""

        def came(body: dict[str, Any]) -> None:
            self.session.put_columns([unpack_columns(TaskColumns(**piece)) for piece in body["columns"]])

        asked = {"at": self.at, "view": "job.tasks", "arguments": {"job": job}}
        self.session.send_request("past.show", asked).success(came)
