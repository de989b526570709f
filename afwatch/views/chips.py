"""Chips of states with their counts, and the strip they stand in: words where there is room, else glyphs and counts.

Rules of this file:
- A chip never goes away and is never cut off; its full words are in its tooltip and its name for screen readers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from afwatch import words
from afwatch.theme.paint import Theme
from afwatch.theme.tokens import measures

__all__ = ["Chip", "ChipRow"]

_MARGIN, _SPACING = 16, 8


class Chip(QPushButton):
    """A state with its count; checked when the table shows it alone."""

    chosen = Signal(str, bool, bool)
    """Its state, whether it is checked now, and whether it is added to others (Ctrl)."""

    def __init__(self, theme: Theme, look: str, state: str) -> None:
        super().__init__()
        self.state = state
        self._theme, self._look = theme, look
        self._count = 0
        self._wordy = True
        self._width = "", 0
        """What it says with its word, and how wide it is then."""
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keyboard in the table
        self.setIconSize(QSize(measures.glyph, measures.glyph))
        self.setProperty("shape", "chip")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self._on_clicked)
        self.refresh()

    def _on_clicked(self) -> None:
        # Asked of the button: Qt may tell of a click without saying what it made of it.
        adding = bool(QApplication.keyboardModifiers() & Qt.KeyboardModifier.ControlModifier)
        self.chosen.emit(self.state, self.isChecked(), adding)

    def refresh(self) -> None:
        """Take icons and words of the look that is on."""
        shown, ink = self._theme.state(self._look, self.state)
        self.setIcon(self._theme.icon(shown.glyph, ink))
        self._width = "", 0
        self._tell()

    def set_count(self, count: int) -> None:
        """Show how many there are."""
        if count != self._count:
            self._count = count
            self._tell()

    def _tell(self) -> None:
        count, (shown, _) = self._count, self._theme.state(self._look, self.state)
        self.setText(self._words() if self._wordy else words.number(count))
        self.setAccessibleName(f"{shown.full}, {count}")
        self.setToolTip(f"{shown.full}: {words.number(count)}")

    def wordy_width(self) -> int:
        """Return how wide it is with its word."""
        words = self._words()
        if self._width[0] != words:
            self.ensurePolished()
            advance = self.fontMetrics().horizontalAdvance
            self._width = words, self.sizeHint().width() - advance(self.text()) + advance(words)
        return self._width[1]

    def _words(self) -> str:
        shown, _ = self._theme.state(self._look, self.state)
        return f"{shown.word}  {words.number(self._count)}"

    def set_wordy(self, wordy: bool) -> None:
        """Show the state's word beside its glyph, or the glyph alone."""
        if wordy != self._wordy:
            self._wordy = wordy
            self._tell()


class ChipRow(QFrame):
    """The strip of chips, and what stands at its right."""

    def __init__(self, chips: Iterable[Chip], *others: QWidget) -> None:
        """The first of ``others`` takes what room is left, the rest what they need."""
        super().__init__()
        self.setObjectName("chips")
        self.setFixedHeight(measures.chip_row)
        self._chips, self._others = list(chips), others[1:]
        row = QHBoxLayout(self)
        row.setContentsMargins(_MARGIN, 0, _MARGIN, 0)
        row.setSpacing(_SPACING)
        for chip in self._chips:
            row.addWidget(chip)
        for other in others:
            row.addWidget(other, 1 if other is others[0] else 0)

    def fit(self) -> None:
        """Say as much as there is room for; asked for whenever counts have changed."""
        room = self.width() - 2 * _MARGIN
        for other in self._others:
            if not other.isHidden():
                room -= other.sizeHint().width() + _SPACING
        needed = sum(chip.wordy_width() + _SPACING for chip in self._chips)
        for chip in self._chips:
            chip.set_wordy(needed <= room)

    def resizeEvent(self, event: Any) -> None:
        """There is more room, or less."""
        super().resizeEvent(event)
        self.fit()
