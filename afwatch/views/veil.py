"""What lies over the window: the veil of a lost connection and the line of the mode."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from afwatch.theme.paint import Theme, colour

__all__ = ["Veil"]


class Veil(QWidget):
    """Dims what is old while the connection is lost, and the line of the mode at the top."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._theme = theme
        self.ground, self.strength = "", 0.0

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it."""
        painter = QPainter(self)
        if self.strength:
            painter.setOpacity(self.strength)
            painter.fillRect(self.rect(), colour(self._theme.look.scrim))
            painter.setOpacity(1.0)
        if self.ground:
            painter.fillRect(0, 0, self.width(), 2, colour(self.ground))
        painter.end()
