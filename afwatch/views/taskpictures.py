"""Pictures in a table of tasks: asked for where they are in sight, once the table stands still, from the one cache."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QImage

from afcore.states import TaskState
from afwatch.models.tasks import TasksModel
from afwatch.session import Session
from afwatch.views.table import TableView

__all__ = ["TaskPictures"]

_STILL_MS = 150
"""Milliseconds for which the table must stand before pictures are asked for."""
_OVER = frozenset({int(TaskState.DONE), int(TaskState.ERROR)})


class TaskPictures(QObject):
    """The pictures of one job's tasks."""

    def __init__(self, session: Session, table: TableView, job: int, model: Callable[[], TasksModel]) -> None:
        """``model`` returns what the table shows now: one block of the job."""
        super().__init__(table)
        self._session, self._table, self._job, self._model = session, table, job, model
        self.on = False
        """Whether rows have room for pictures."""
        self._still = QTimer(self)
        self._still.setSingleShot(True)
        self._still.setInterval(_STILL_MS)
        self._still.timeout.connect(self._want)
        session.thumbnails.came.connect(self._on_came)
        table.verticalScrollBar().valueChanged.connect(lambda value: self.look())

    def release(self) -> None:
        """Nobody looks any more."""
        self.on = False
        self._still.stop()
        self._session.thumbnails.came.disconnect(self._on_came)

    def of(self, task: int) -> QImage | None:
        """Return the picture of a task of the block that is shown, None while none is known."""
        return self._session.thumbnails.of((self._job, self._model().block, task))

    def look(self) -> None:
        """Something else is in sight: ask for its pictures soon."""
        if self.on:
            self._still.start()

    def _want(self) -> None:
        model = self._model()
        columns = model.table.columns
        tasks = [task for place in self._table.rows_in_sight() if (task := model.task_at(place)) >= 0]
        # A run that ends brings its picture only then: what it was asked as while it ran is another number.
        versions = [(task, 2 * int(columns["starts"][task]) + (int(columns["state"][task]) in _OVER)) for task in tasks]
        self._session.thumbnails.want_tasks(self._job, model.block, [each for each in versions if each[1] > 1])

    def _on_came(self, key: object) -> None:
        if self.on and isinstance(key, tuple) and key[0] == self._job:
            self._table.viewport().update()
