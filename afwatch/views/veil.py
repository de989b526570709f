"""What lies over the window: the veil of a lost connection and the line of the mode."""

from __future__ import annotations

import time

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QRegion
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme, colour
from afwatch.views.parts import label

__all__ = ["STRENGTH", "Band", "Veil"]

STRENGTH = 0.25
"""How much of the scrim covers what is old: what is worked with keeps a contrast of 4.5 under it, in both schemes."""


class Veil(QWidget):
    """Dims what is old while the connection is lost, and the line of the mode at the top."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._theme = theme
        self.ground, self.strength = "", 0.0
        self.spared = QRect()
        """What is not dimmed: the words about the connection."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it."""
        painter = QPainter(self)
        if self.strength:
            painter.setOpacity(self.strength)
            painter.setClipRegion(QRegion(self.rect()) - QRegion(self.spared))
            painter.fillRect(self.rect(), colour(self._theme.look.scrim))
            painter.setClipping(False)
            painter.setOpacity(1.0)
        if self.ground:
            painter.fillRect(0, 0, self.width(), 2, colour(self.ground))
        painter.end()


class Band(QFrame):
    """Says over the view that the connection is lost, since when, and what is shown meanwhile."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.setObjectName("band")
        self.setFixedHeight(32)
        self._session = session
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        self.text = label()
        row.addWidget(self.text, 1)
        self.hide()

    def refresh(self) -> None:
        """Show or hide, by how the connection is."""
        state = self._session.state
        if state.lost_at:
            since = time.strftime("%H:%M:%S", time.localtime(state.lost_at))
            self.text.setText(
                tr("No connection to {0} since {1}. What you see is as it was then; it is tried again.", state.server,
                   since)
            )
            self.text.setToolTip(state.trouble)
        self.setVisible(bool(state.lost_at))
