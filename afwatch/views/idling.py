"""Back to USER when nobody has touched the monitor for a while: who left the desk left no power over the farm there.

Rules of this file:
- A key, a click or the wheel in any window of the monitor counts; moving rows, news and clocks do not.
- Nothing ticks: one timer stands at the moment at which it would be long enough, and only above USER.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QGuiApplication, QWindow

from afcore.states import Role
from afwatch import words
from afwatch.texts import tr

if TYPE_CHECKING:
    from afwatch.views.window import MainWindow

__all__ = ["MINUTES", "Idling", "idle_minutes"]

MINUTES = 10
"""Minutes, where the person chose no other."""
_MOST_MINUTES = 14 * 24 * 60
"""No timer holds more than some weeks."""
_TOUCHES = frozenset(
    {
        *(QEvent.Type.KeyPress, QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick, QEvent.Type.Wheel),
        *(QEvent.Type.TouchBegin, QEvent.Type.TabletPress),
    }
)


def idle_minutes(window: MainWindow) -> int:
    """Return after how many minutes the mode goes back to USER; 0 for never."""
    return max(0, min(_MOST_MINUTES, window.settings.number("idle_minutes", MINUTES)))


class Idling(QObject):
    """Knows when the monitor was touched last."""

    def __init__(self, window: MainWindow, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(window)
        self._window = window
        self._clock = clock
        self._touched = clock()
        self._mode = window.session.mode
        self._left = Role.USER
        """The mode that was left because of it; USER when none was."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._look)
        window.session.mode_changed.connect(self._on_mode)
        application = QGuiApplication.instance()
        assert isinstance(application, QGuiApplication)
        application.focusWindowChanged.connect(self._listen)
        self._listen(window.windowHandle())

    def _listen(self, found: QWindow | None) -> None:
        """Hear what is done in a window of the program: only what the system sends, not every event of every widget."""
        if found is not None:
            found.removeEventFilter(self)  # a second one would be asked twice
            found.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Note a touch."""
        if event.type() in _TOUCHES:
            self._touched = self._clock()
            if self._left is not Role.USER:
                self._left = Role.USER
                self._window.status.release()
        return False

    def _on_mode(self) -> None:
        mode = self._window.session.mode
        if mode is not self._mode:
            # Choosing one is a touch, by whatever key or menu; that the farm is there again is none.
            self._mode, self._touched = mode, self._clock()
        self._listen(self._window.windowHandle())
        self.arm()

    def arm(self) -> None:
        """Let the timer stand where the setting and the mode want it."""
        minutes = idle_minutes(self._window)
        if not minutes or self._window.session.mode <= Role.USER:
            self._timer.stop()
            return
        left = self._touched + minutes * 60 - self._clock()
        self._timer.start(max(0, round(left * 1000)) + 1)

    def _look(self) -> None:
        window, session = self._window, self._window.session
        minutes = idle_minutes(window)
        if self._clock() - self._touched < minutes * 60:
            self.arm()
            return
        mode, self._left = session.mode, session.mode
        session.choose_mode(Role.USER)
        said = tr("Back to USER: nobody touched the monitor for {0}. Click USER at the left for {1}.",
                  words.plural(minutes, "minute"), mode.name)  # fmt: skip
        window.note(said)
        window.status.say(said, stays=True)
