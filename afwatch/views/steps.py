"""Back and forth among the places one has been, as a browser does: by keys, and by buttons before the search line.

Rules of this file:
- The window says where it is; what is shown again while walking is no visit.
- A place that the mode does not show is passed over; a job that is gone is shown as gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from afwatch.places import place_of
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.trail import Spot, Trail
from afwatch.views.parts import button

if TYPE_CHECKING:
    from afwatch.views.window import MainWindow

__all__ = ["BACK", "FORWARD", "Walk"]

BACK, FORWARD = "Alt+Left", "Alt+Right"
_SIZE = 28


class _Steps(QWidget):
    """The two buttons of one view."""

    def __init__(self, walk: Walk, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("steps")
        self._walk, self._theme = walk, theme
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.back = button("", partial(walk.step, -1), shape="flat", tip=tr("Back where one was ({0})", BACK))
        self.forward = button("", partial(walk.step, 1), shape="flat", tip=tr("Forward again ({0})", FORWARD))
        for made in (self.back, self.forward):
            made.setFixedWidth(_SIZE)
            made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            row.addWidget(made)
        walk.moved.connect(self.refresh)
        theme.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Offer what can be gone to."""
        self.back.setIcon(self._theme.icon("back"))
        self.forward.setIcon(self._theme.icon("forward"))
        self.back.setEnabled(self._walk.trail.can_go_back)
        self.forward.setEnabled(self._walk.trail.can_go_forward)


class Walk(QObject):
    """The trail of one window."""

    moved = Signal()
    """What can be gone to is something else."""

    def __init__(self, window: MainWindow, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(window)
        self._window, self._clock = window, clock
        self.trail = Trail()
        self._walking = False

    def visit(self, opened: str = "", what: int | str = 0, block: int = 0, chosen: int = -1) -> None:
        """The person is there now, at the place of the sidebar that is on."""
        if not self._walking:
            self.trail.visit(Spot(self._window.place, opened, what, block, chosen), self._clock())
            self.moved.emit()

    def step(self, by: int) -> None:
        """Go back (-1) or forward (1)."""
        while True:
            spot = self.trail.step(by, self._clock())
            place = None if spot is None else place_of(spot.place)
            if spot is None or (place is not None and place.role <= self._window.session.mode):
                break
        if spot is None:
            self._window.tell_reason(tr("There is nowhere to go back to.") if by < 0 else tr("This is the newest."))
            return
        self._walking = True
        try:
            self._window.show_spot(spot)
        finally:
            self._walking = False
        self.moved.emit()

    def add_buttons(self, pane: QWidget) -> None:
        """Put the two buttons before the search line of a view, as browsers do; before its title where it has none."""
        header = pane.findChild(QFrame, "search-row") or pane.findChild(QFrame, "header")
        row: Any = None if header is None else header.layout()
        if not isinstance(row, QHBoxLayout):
            return
        row.insertWidget(0, _Steps(self, self._window.theme))
