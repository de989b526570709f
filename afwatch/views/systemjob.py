"""The place of the farm's own job: its blocks and tasks as of any job, for administrators."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from afcore.states import Role, TaskState
from afcore.systemcommand import SYSTEM_JOB
from afwatch.actions import Asking, reason_against
from afwatch.acts.jobs import JOB_ACTIONS
from afwatch.changes import ChangeSet
from afwatch.places import Place, add_place
from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.views.parts import Empty
from afwatch.views.systemqueue import SystemQueue
from afwatch.views.tasks import TasksPane

__all__ = ["SystemJobPane"]


class SystemJobPane(QWidget):
    """Shows the tasks of the system job and what waits, while it is seen; log and parameters are in the inspector."""

    chosen = Signal(object)
    opened = Signal(object)
    told = Signal(str)

    def __init__(self, window: Asking, theme: Theme) -> None:
        super().__init__()
        self._window, self._theme = window, theme
        self.noun = "job"
        self.actions_here = JOB_ACTIONS
        self._pane: TasksPane | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._empty = Empty(theme, self)
        self._empty.say("system",
                        tr("The system job has nothing to do: it runs what follows a job's end or precedes it."))
        self._column.addWidget(self._empty)
        self.queue = SystemQueue(window, theme)
        self.queue.hide()
        window.session.changed.connect(self._on_changed)

    @property
    def table(self) -> Any:
        """The table of its tasks."""
        return self._pane.table if self._pane is not None else self._empty

    @property
    def search(self) -> Any:
        """Its search line."""
        return self._pane.search if self._pane is not None else self._empty

    def selected(self) -> list[Any]:
        """Return the system job itself: pages of the inspector are about it."""
        row = self._window.session.state.jobs.get(SYSTEM_JOB)
        return [row] if row is not None else []

    def do(self, action: Any) -> None:
        """Do an action to the system job, or say why not."""
        rows = self.selected()
        reason = reason_against(action, self._window.session, rows)
        if reason:
            self.told.emit(f"{action.title.rstrip('…')}: {reason}")
        else:
            action.run(self._window, rows)

    def _on_changed(self, changes: ChangeSet) -> None:
        if self._pane is not None and (SYSTEM_JOB in changes.changed.get("jobs", ()) or changes.connection):
            self.queue.ask_soon()

    def focus(self) -> None:
        """Take the keyboard."""
        self.table.setFocus()

    def begin_search(self) -> None:
        """Put the keyboard into the search line."""
        self.search.setFocus()

    def showEvent(self, event: Any) -> None:
        """Open the job's tasks."""
        super().showEvent(event)
        if self._pane is None and self._window.session.mode >= Role.GOD:
            self._pane = TasksPane(self._window, self._theme, SYSTEM_JOB)
            self._pane.open_task.connect(self._window.open_task)
            self._pane.told.connect(self.told)
            self._pane.turned.connect(self.queue.show_block)
            self._pane.hide_back()
            self._empty.hide()
            self._column.addWidget(self._pane, 1)
            self._column.addWidget(self.queue)
            self.queue.show()
            self.queue.show_block(0)
            self.queue.ask()
        self.chosen.emit(self.selected())

    def hideEvent(self, event: Any) -> None:
        """Close them: nobody needs them told."""
        super().hideEvent(event)
        pane, self._pane = self._pane, None
        if pane is not None:
            pane.release()
            self._column.removeWidget(pane)
            pane.deleteLater()
            self.queue.hide()
            self._empty.show()


def _figures(session: Session) -> tuple[int, int]:
    row = session.state.jobs.get(SYSTEM_JOB)
    return (sum(row.counts), row.counts[TaskState.ERROR]) if row is not None else (0, 0)


add_place(Place("system", tr("System job"), "system", SystemJobPane, _figures, 70, Role.GOD))
