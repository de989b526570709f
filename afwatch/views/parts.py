"""Small parts that views share: buttons, labels, chips, the words of an empty view, the toast."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QIcon, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from afwatch.texts import tr
from afwatch.theme.paint import Theme, draw_icon
from afwatch.theme.tokens import measures

__all__ = ["Choice", "Empty", "Glyph", "NumberField", "Shrinking", "Toast", "button", "label"]


def button(text: str, done: Callable[[], object], *, icon: QIcon | None = None, role: str = "", shape: str = "",
           tip: str = "") -> QPushButton:  # fmt: skip
    """Return a button; ``shape``: chip, segment or flat, ``role``: main or danger."""
    made = QPushButton(text)
    made.setProperty("role", role)
    made.setProperty("shape", shape)
    made.setCursor(Qt.CursorShape.ArrowCursor)
    made.setAccessibleName(text or tip)
    if icon is not None:
        made.setIcon(icon)
    if tip:
        made.setToolTip(tip)
    made.clicked.connect(lambda: done())
    return made


def label(text: str = "", *, tone: str = "", name: str = "") -> QLabel:
    """Return a line of text; ``tone``: quiet or help."""
    made = QLabel(text)
    made.setProperty("tone", tone)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if name:
        made.setObjectName(name)
    return made


class Glyph(QWidget):
    """The glyph of a state, or an icon, alone."""

    def __init__(self, theme: Theme, icon: str = "", ink: str = "", size: int = measures.glyph) -> None:
        super().__init__()
        self._theme, self._icon, self._ink, self._size = theme, icon, ink, size
        self.setFixedSize(size, size)

    def show_icon(self, icon: str, ink: str) -> None:
        """Show another."""
        self._icon, self._ink = icon, ink
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it."""
        if self._icon:
            painter = QPainter(self)
            draw_icon(painter, self._icon, self._ink or self._theme.look.text2, 0, 0, self._size)
            painter.end()


class Shrinking(QLabel):
    """A line that gives way: elided where there is no room, whole in its tooltip."""

    def __init__(self, text: str = "", *, tone: str = "help", fills: bool = True) -> None:
        """``fills``: it takes all the room there is; else at most what it needs."""
        super().__init__()
        self.setProperty("tone", tone)
        self.setTextFormat(Qt.TextFormat.PlainText)
        policy = QSizePolicy.Policy.Ignored if fills else QSizePolicy.Policy.Preferred
        self.setSizePolicy(policy, QSizePolicy.Policy.Preferred)
        if text:
            self.setText(text)

    def minimumSizeHint(self) -> QSize:
        """A few letters are enough."""
        return QSize(min(40, super().sizeHint().width()), super().minimumSizeHint().height())

    def setText(self, text: str) -> None:
        """Say something."""
        super().setText(text)
        self.setToolTip(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint what there is room for."""
        painter = QPainter(self)
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text)
        painter.end()


class NumberField(QSpinBox):
    """A whole number to type; arrow keys and the wheel change it, it shows no arrows."""

    def __init__(self) -> None:
        super().__init__()
        # The style sheet hides the arrows (hidden by the widget itself, the text would have no room) and cannot give
        # the text its distance from the border.
        self.lineEdit().setTextMargins(6, 0, 6, 0)


class Choice(QComboBox):
    """A choice with a chevron in the ink of its text."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        # As wide as its place, not as its longest entry.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the chevron over the field."""
        super().paintEvent(event)
        painter = QPainter(self)
        ink = self._theme.look.text2 if self.isEnabled() else self._theme.look.off
        draw_icon(painter, "chevron-down", ink, self.width() - 20, (self.height() - 12) // 2, 12)
        painter.end()


class Empty(QWidget):
    """What an empty view says: one glyph, one or two sentences, and what to do next."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        column = QVBoxLayout(self)
        column.setSpacing(12)
        self._glyph = Glyph(theme, "info", size=32)
        self._text = label(tone="help")
        self._text.setWordWrap(True)
        self._text.setMaximumWidth(380)
        self._text.setMinimumWidth(340)
        self._text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._more = label(tone="quiet")
        self._more.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._more.setFont(theme.font("mono"))
        self._button = QPushButton()
        self._button.setAccessibleName(tr("What to do next"))
        self._button.hide()
        self._done: Callable[[], object] = lambda: None
        self._button.clicked.connect(lambda: self._done())
        column.addStretch(1)
        for part in (self._glyph, self._text, self._more, self._button):
            column.addWidget(part, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(2)

    def say(self, icon: str, text: str, *, more: str = "", action: str = "", done: Callable[[], object] | None = None,
            ) -> None:  # fmt: skip
        """Say something; ``more`` is a line to copy."""
        self._glyph.show_icon(icon, self._theme.look.text3)
        self._text.setText(text)
        self._more.setText(more)
        self._more.setVisible(bool(more))
        self._button.setText(action)
        self._button.setAccessibleName(action or tr("What to do next"))
        self._button.setVisible(bool(action))
        self._done = done or (lambda: None)


class Toast(QFrame):
    """What was done, or refused, for ten seconds at the foot of the window, with Undo where there is one."""

    STAY_S = 10

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self.setObjectName("toast")
        self._theme = theme
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 12, 8)
        row.setSpacing(10)
        self._glyph = Glyph(theme)
        self._text = label()
        self._text.setObjectName("toast-text")
        self._left = label(tone="quiet")
        self._undo = button(tr("Undo"), self._on_undo, icon=theme.icon("undo"))
        self._undo.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keyboard where it is
        for part in (self._glyph, self._text, self._left, self._undo):
            row.addWidget(part)
        self._taken_back: Callable[[], object] | None = None
        self._seconds = 0
        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self._tick)
        self.hide()

    def say(self, sentence: str, *, bad: bool = False, undo: Callable[[], object] | None = None) -> None:
        """Show one sentence; a second one replaces the first."""
        families = self._theme.look.families
        self._glyph.show_icon("glyph-octagon-cross" if bad else "glyph-check", families["bad" if bad else "good"].ink)
        self._text.setText(sentence)
        self._taken_back = undo
        self._undo.setVisible(undo is not None)
        self._seconds = self.STAY_S
        self._left.setText(f"{self._seconds} s")
        self._left.setVisible(undo is not None)
        self._timer.start()
        self.place()
        self.show()
        self.raise_()

    def place(self) -> None:
        """Stand at the bottom centre of the parent."""
        parent = self._over
        self._text.setWordWrap(False)
        self.adjustSize()
        if self.width() > parent.width() - 64:
            self._text.setWordWrap(True)
            self.setFixedWidth(parent.width() - 64)
            self.adjustSize()
        else:
            self.setMinimumWidth(0)
            self.setMaximumWidth(16777215)
        self.move((parent.width() - self.width()) // 2, parent.height() - self.height() - 76)

    def _tick(self) -> None:
        self._seconds -= 1
        self._left.setText(f"{self._seconds} s")
        if self._seconds <= 0:
            self._timer.stop()
            self.hide()

    def _on_undo(self) -> None:
        done, self._taken_back = self._taken_back, None
        self._timer.stop()
        self.hide()
        if done is not None:
            done()
