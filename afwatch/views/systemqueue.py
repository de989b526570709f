"""What waits for a place in the system job, in its order, with a button that empties the queue of a block."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QListWidget, QVBoxLayout

from afcore.errors import AfError
from afcore.rows import JobRow
from afcore.systemcommand import SYSTEM_JOB
from afwatch import words
from afwatch.actions import Asking
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.views.parts import Shrinking, button

__all__ = ["SystemQueue"]

_AGAIN_MS = 1000
_MOST = 200
_HEIGHT = 140


class SystemQueue(QFrame):
    """The waiting list of one block of the system job; asked for anew as the job changes, while it is seen."""

    def __init__(self, window: Asking, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("drawer")
        self._window = window
        self.block = 0
        """Index of the block whose list is shown."""
        self._rows: list[dict[str, Any]] = []
        self._waiting: list[int] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 8, 16, 8)
        column.setSpacing(6)
        head = QHBoxLayout()
        self.said = Shrinking()
        self.clear = button(tr("Clear queue…"), self.ask_to_clear, icon=theme.icon("delete"))
        head.addWidget(self.said, 1)
        head.addWidget(self.clear)
        column.addLayout(head)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("What waits, in its order"))
        self.list.setFixedHeight(_HEIGHT)
        column.addWidget(self.list)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_AGAIN_MS)
        self._timer.timeout.connect(self.ask)
        self._fill()

    def ask(self) -> None:
        """Ask the farm what there is to do."""
        pending = self._window.session.ask("system.queue", limit=_MOST)
        pending.success(self._came).failure(self._failed)

    def ask_soon(self) -> None:
        """Something of the system job changed."""
        if not self._timer.isActive():
            self._timer.start()

    def show_block(self, block: int) -> None:
        """Show what waits in another block."""
        self.block = block
        self._fill()

    def _came(self, body: dict[str, Any]) -> None:
        self._rows, self._waiting = body["rows"], body["waiting"]
        self._fill()

    def _failed(self, error: AfError) -> None:
        self.said.setText(f"{error.sentence} {getattr(error, 'hint', '')}".strip())

    def _name(self) -> str:
        row: JobRow | None = self._window.session.state.jobs.get(SYSTEM_JOB)
        blocks = row.blocks if row is not None else []
        return blocks[self.block].name if self.block < len(blocks) else tr("block {0}", self.block)

    def _fill(self) -> None:
        mine = [row for row in self._rows if row["block"] == self.block]
        waiting = [row for row in mine if row["place"]]
        count = self._waiting[self.block] if self.block < len(self._waiting) else 0
        told = [f"{row['place']}.  {row['name'] or row['command']}" + (
            tr(", for {0} of {1}", row["job"], row["user"]) if row["user"] else "") for row in waiting]
        if [self.list.item(place).text() for place in range(self.list.count())] != told:
            self.list.clear()
            self.list.addItems(told)
        self.list.setVisible(bool(told))
        if count:
            self.said.setText(tr("{0} of {1} for a place", words.plural(count, "command waits", "commands wait"),
                                 self._name()))  # fmt: skip
        else:
            self.said.setText(tr("Nothing waits in {0}: what comes starts at once.", self._name()))
        taken = len(mine) - len(waiting)
        self.clear.setEnabled(bool(count or taken))
        self.clear.setToolTip("" if count or taken else tr("There is nothing in this queue."))

    def ask_to_clear(self) -> None:
        """Empty the queue of the block, after asking: what waits is forgotten, what runs is stopped."""
        mine = [row for row in self._rows if row["block"] == self.block]
        count = self._waiting[self.block] if self.block < len(self._waiting) else 0
        taken = len([row for row in mine if not row["place"]])
        deed = tr("Clear the queue of {0}?", self._name())
        cost = tr("{0} forgotten, {1} stopped. Jobs that wait for one of them are paused.",
                  words.plural(count, "waiting command is", "waiting commands are"),
                  words.plural(taken, "task is", "tasks are"))  # fmt: skip
        names = [row["name"] or row["command"] for row in mine]
        if self._window.confirm(deed, names, cost, tr("Clear queue")):
            pending = self._window.session.ask("task.restart", job=SYSTEM_JOB, block=self.block, tasks=[])
            self._window.tell_done(pending, tr("Cleared the queue of {0}.", self._name()))
            pending.success(lambda body: self.ask_soon())
