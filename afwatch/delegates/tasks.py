"""Cells of tables of tasks."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from afwatch import words
from afwatch.delegates.cells import GroundDelegate, draw_text
from afwatch.models.tasks import COLUMNS, TasksModel
from afwatch.theme.paint import Theme

__all__ = ["TaskDelegate"]


class TaskDelegate(GroundDelegate):
    """Cells of tasks."""

    def __init__(self, theme: Theme, model: TasksModel, parent: QWidget) -> None:
        super().__init__(theme, parent)
        self.model = model

    def subject(self, model: Any, place: int) -> Any:
        """Return a task and its state."""
        task = self.model.task_at(place)
        return None if task < 0 else (task, self.model.state_at(task))

    def cell(self, painter: QPainter, rect: QRect, at: int, subject: Any) -> None:
        """Paint by the column."""
        (task, state), column = subject, COLUMNS[at]
        key, right = column.key, column.right
        look = self.theme.look
        if key == "state":
            self.draw_state(painter, rect, "task", state)
            return
        if key == "progress":
            family = "live" if state in ("RUNNING", "WAIT_RECONNECT") else "bad" if state == "ERROR" else "good"
            self.draw_bar(painter, rect, self.model.percent(task), look.families[family].fill)
            return
        text = self.model.text(task, key)
        quiet = text in (words.DOT, words.UNKNOWN)
        ink = look.text3 if quiet else look.text1 if key == "name" or right else look.text2
        font = self.theme.font("strong" if key == "name" else "body")
        if key == "errors" and not quiet:
            ink, font = look.families["bad"].ink, self.theme.font("bold")
        draw_text(painter, rect, text, font, ink, right=right)
