"""All tasks of a block in one strip, with a scale under it."""

from __future__ import annotations

from typing import Any

import numpy
from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolTip, QWidget

from afcore.states import TaskState
from afwatch import words
from afwatch.delegates.cells import draw_text
from afwatch.delegates.strip import strip_image
from afwatch.models.strip import pixel_counts, stack
from afwatch.tasktables import BlockTasks
from afwatch.texts import tr
from afwatch.theme.paint import Theme, colour
from afwatch.theme.tokens import measures

__all__ = ["OverviewStrip"]


class OverviewStrip(QWidget):
    """All tasks of a block in one strip; a click shows the task that stands there."""

    clicked_task = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._table = BlockTasks(0)
        self._image: Any = None
        self.setMouseTracking(True)
        self.setFixedHeight(measures.strip_overview + 4 + 18)
        self.setAccessibleName(tr("Overview of all tasks"))

    def show_table(self, table: BlockTasks) -> None:
        """Show a block, anew."""
        self._table, self._image = table, None
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint strip and scale."""
        painter = QPainter(self)
        ratio = self.devicePixelRatioF()
        if self._image is None and self.width() > 0:
            counts = pixel_counts(self._table.state, round(self.width() * ratio))
            height = round(measures.strip_overview * ratio)
            errors, look = counts[TaskState.ERROR], self._theme.look
            self._image = strip_image(stack(counts, height), errors, look, height=height, ratio=ratio)
        if self._image is not None:
            painter.drawImage(0, 0, self._image)
        look, size = self._theme.look, self._table.size
        if 0 < size <= self.width() // 5:
            for task in range(1, size):
                x = round(self.width() * task / size)
                painter.fillRect(x, 0, 1, measures.strip_overview, colour(look.bg1))
        top = measures.strip_overview + 5
        scale = QRect(0, top, self.width(), 16)
        font = self._theme.font("small")
        if size:
            draw_text(painter, scale, "0", font, look.text3)
            draw_text(painter, scale, words.number(size - 1), font, look.text3, right=True)
            for quarter in (1, 2, 3) if size >= 8 else ():
                place = QRect(self.width() * quarter // 4 - 50, top, 100, 16)
                painter.setPen(colour(look.text3))
                painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), words.number(size * quarter // 4))
        painter.end()

    def resizeEvent(self, event: Any) -> None:
        """Paint anew at another width."""
        self._image = None

    def _task_at(self, x: float) -> int:
        return min(self._table.size - 1, max(0, int(x * self._table.size / max(1, self.width()))))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Say what stands under the pointer."""
        if self._table.size:
            first, last = self._task_at(event.position().x()), self._task_at(event.position().x() + 1)
            part = self._table.state[first : max(first, last) + 1]
            found = numpy.bincount(part, minlength=len(TaskState))
            said = ", ".join(f"{found[state]} {self._word(state)}" for state in TaskState if found[state])
            where = tr("Task {0}", first) if last <= first else tr("Tasks {0} to {1}", words.number(first),
                                                                   words.number(last))
            QToolTip.showText(event.globalPosition().toPoint(), f"{where}: {said}", self)

    def _word(self, state: TaskState) -> str:
        return self._theme.state("task", state.name)[0].inside

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go there."""
        if self._table.size:
            self.clicked_task.emit(self._task_at(event.position().x()))
