"""Output of a task to read: lines that tell of an error or a warning stand out, whatever program wrote them.

Rules of this file:
- Only lines in sight are looked at, when they are painted: fifty thousand lines cost what a screenful does.
- A mark helps the eye and says nothing by itself: the words stand in the line.
"""

from __future__ import annotations

import re

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QPlainTextEdit

from afwatch.theme.paint import Theme, colour

__all__ = ["OutputText", "kind_of_line"]

_BAR = 3
_LONGEST = 2000
"""Characters of a line that are looked at: a line may be megabytes long."""
_BAD = re.compile(r"\b(?:error|fatal|failed|failure|exception|traceback|critical|segmentation fault)\b", re.IGNORECASE)
_ATTENTION = re.compile(r"\bwarning\b", re.IGNORECASE)
_NONE = re.compile(r"\b(?:no|0|zero|without) (?:error|failure|warning)\b", re.IGNORECASE)


def kind_of_line(line: str) -> str:
    """Return ``bad`` for a line that tells of an error, ``attn`` for one that warns, and nothing for others."""
    line = _NONE.sub("", line[:_LONGEST])
    if _BAD.search(line):
        return "bad"
    return "attn" if _ATTENTION.search(line) else ""


class OutputText(QPlainTextEdit):
    """Read-only output whose lines of errors and warnings have a ground and a bar of their own."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setReadOnly(True)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint grounds of marked lines, then the text."""
        painter = QPainter(self.viewport())
        for top, height, kind in self.marked_lines():
            family = self._theme.look.families[kind]
            painter.fillRect(QRectF(0, top, self.viewport().width(), height), colour(family.tint))
            painter.fillRect(QRectF(0, top, _BAR, height), colour(family.fill))
        painter.end()
        super().paintEvent(event)

    def marked_lines(self) -> list[tuple[float, float, str]]:
        """Return (top, height, kind) of the lines in sight that are marked."""
        found = []
        block, bottom = self.firstVisibleBlock(), self.viewport().height()
        offset = self.contentOffset()
        while block.isValid():
            place = self.blockBoundingGeometry(block).translated(offset)
            if place.top() > bottom:
                break
            kind = kind_of_line(block.text())
            if kind:
                found.append((place.top(), place.height(), kind))
            block = block.next()
        return found
