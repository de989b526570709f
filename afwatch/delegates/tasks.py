"""Cells of tables of tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QRect
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QWidget

from afwatch import words
from afwatch.delegates.cells import ITEM, GroundDelegate, draw_picture, draw_text
from afwatch.models.tasks import COLUMNS, TasksModel
from afwatch.theme.paint import Theme, colour, draw_icon

__all__ = ["TaskDelegate"]


class TaskDelegate(GroundDelegate):
    """Cells of tasks."""

    def __init__(self, theme: Theme, model: TasksModel, parent: QWidget) -> None:
        super().__init__(theme, parent)
        self.model = model
        self.picture_of: Callable[[int], QImage | None] = lambda task: None
        """The picture of a task, for rows that have room for one."""

    def subject(self, model: Any, place: int) -> Any:
        """Return a task and its state."""
        task = self.model.task_at(place)
        return None if task < 0 else (task, self.model.state_at(task))

    def _picture(self, painter: QPainter, rect: QRect, task: int, state: str) -> QRect:
        """Draw the picture of a task, or a frame with the glyph of its state; return what is left of the cell."""
        look, high = self.theme.look, rect.height() - 8
        frame = QRect(rect.left(), rect.top() + 4, high * 16 // 9, high)
        painter.fillRect(frame, colour(look.bg3))
        picture = self.picture_of(task)
        if picture is not None:
            draw_picture(painter, frame, picture)
        else:
            shown, _ = self.theme.state("task", state)
            draw_icon(painter, shown.glyph, look.text3, frame.center().x() - 7, frame.center().y() - 7, 16)
        return rect.adjusted(frame.width() + 10, 0, 0, 0)

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
        if key == "name" and rect.height() >= ITEM:
            rect = self._picture(painter, rect, task, state)
        text = self.model.text(task, key)
        quiet = text in (words.DOT, words.UNKNOWN)
        ink = look.text3 if quiet else look.text1 if key == "name" or right else look.text2
        font = self.theme.font("strong" if key == "name" else "body")
        if key == "errors" and not quiet:
            ink, font = look.families["bad"].ink, self.theme.font("bold")
        draw_text(painter, rect, text, font, ink, right=right)
