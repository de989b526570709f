"""The bar above a view of the past: which instant it is, a slider over what is kept, and the way back to now."""

from __future__ import annotations

import math
import time

from PySide6.QtCore import QDateTime, Qt, QTimer
from PySide6.QtWidgets import QDateTimeEdit, QFrame, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.timemachine import TimeMachine
from afwatch.views.parts import Glyph, button, label

__all__ = ["PastBar"]

_TICKS = 10
"""Steps of the slider in a second."""
_MINUTE, _HOUR = 60 * _TICKS, 3600 * _TICKS
_PAUSE_MS = 60
"""Between two instants while the slider is dragged."""


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


class PastBar(QFrame):
    """Shown while the farm is shown as it was."""

    def __init__(self, machine: TimeMachine, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("past")
        self._machine = machine
        self._setting = False
        self.words = label()
        self.detail = label(tone="quiet")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(tr("Instant"))
        self.slider.setSingleStep(_MINUTE)
        self.slider.setPageStep(_HOUR)
        self.slider.setToolTip(tr("Left and Right: a minute; Page Up and Page Down: an hour"))
        self.slider.valueChanged.connect(self._moved)
        self.field = QDateTimeEdit()
        self.field.setAccessibleName(tr("Date and time"))
        self.field.setDisplayFormat("yyyy-MM-dd HH:mm:ss")
        self.field.setCalendarPopup(True)
        self.field.setKeyboardTracking(False)
        self.field.dateTimeChanged.connect(self._typed)
        self.first, self.last = label(tone="quiet"), label(tone="quiet")
        self.now = button(tr("Back to now"), machine.turn_off, role="main", tip=tr("Esc"))
        upper = QHBoxLayout()
        upper.setSpacing(8)
        upper.addWidget(Glyph(theme, "history"))
        upper.addWidget(self.words)
        upper.addWidget(self.detail, 1)
        upper.addWidget(self.field)
        upper.addWidget(self.now)
        lower = QHBoxLayout()
        lower.setSpacing(12)
        lower.addWidget(self.first)
        lower.addWidget(self.slider, 1)
        lower.addWidget(self.last)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 8, 16, 8)
        rows.setSpacing(6)
        rows.addLayout(upper)
        rows.addLayout(lower)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._go)
        machine.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what the machine shows."""
        machine = self._machine
        self.setVisible(machine.on)
        if not machine.on:
            return
        shown = bool(machine.told)
        if shown:
            self.words.setText(tr("As it was at {0}", _clock(machine.at)))
        else:
            self.words.setText(tr("Looking for the past…"))
        self.detail.setText(machine.trouble or (self._about() if shown else ""))
        self.detail.setToolTip(self.detail.text())
        if machine.since and not self.slider.isSliderDown() and not self._pause.isActive():
            self._setting = True
            self.slider.setRange(0, max(1, math.ceil((machine.until - machine.since) * _TICKS)))
            self.slider.setValue(math.ceil((machine.wanted - machine.since) * _TICKS))
            self.field.setDateTimeRange(
                QDateTime.fromSecsSinceEpoch(int(machine.since)), QDateTime.fromSecsSinceEpoch(int(machine.until) + 1)
            )
            self.field.setDateTime(QDateTime.fromSecsSinceEpoch(int(machine.wanted)))
            self._setting = False
        self.first.setText(tr("kept since {0}", _clock(machine.since)) if machine.since else "")
        if shown:
            days = f"{machine.told['keep_days']:g}"
            self.first.setToolTip(tr("The past is kept for {0} days at most (journal_keep_days).", days))
        self.last.setText(tr("now"))

    def _about(self) -> str:
        told = self._machine.told
        if told["restarted"]:
            return tr("read-only · nothing happened until the server was started at {0}", _clock(told["restarted"]))
        changed, at = _clock(told["changed"]), _clock(told["at"])
        return tr("read-only · last change {0}", changed[11:] if changed[:10] == at[:10] else changed)

    def _moved(self, value: int) -> None:
        if not self._setting and not self._pause.isActive():
            self._pause.start()

    def _go(self) -> None:
        self._machine.go(min(self._machine.since + self.slider.value() / _TICKS, self._machine.until))

    def _typed(self, moment: QDateTime) -> None:
        if not self._setting:
            self._machine.go(float(moment.toSecsSinceEpoch()))
