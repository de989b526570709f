"""The search line of a pane, and the strips that panes are made of."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit

from afwatch.texts import tr
from afwatch.theme.paint import Theme

__all__ = ["SearchLine", "bar"]


def bar(name: str, height: int) -> tuple[QFrame, QHBoxLayout]:
    """Return a strip of a pane and the row to fill."""
    frame = QFrame()
    frame.setObjectName(name)
    frame.setFixedHeight(height)
    row = QHBoxLayout(frame)
    row.setContentsMargins(16, 0, 16, 0)
    row.setSpacing(8)
    return frame, row


class SearchLine(QLineEdit):
    """The search line: tells its text shortly after the last key."""

    searched = Signal(str)

    def __init__(self, theme: Theme, placeholder: str) -> None:
        super().__init__()
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(tr("Search"))
        self.setClearButtonEnabled(True)
        self._icon = self.addAction(theme.icon("search", theme.look.text3), QLineEdit.ActionPosition.LeadingPosition)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(150)
        self._timer.timeout.connect(lambda: self.searched.emit(self.text()))
        self.textChanged.connect(lambda text: self._timer.start())
        self.returnPressed.connect(lambda: self.searched.emit(self.text()))
