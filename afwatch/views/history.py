"""The place History: plots of the farm as a whole, whose library is loaded when somebody goes there first.

Rules of this file:
- A window that opens loads no library of plots: that would be a third of the time until it can be used.
"""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from afwatch.actions import Asking
from afwatch.places import Place, add_place
from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme

__all__: list[str] = []


def _plots(window: Asking, theme: Theme) -> QWidget:
    from afwatch.views.farmplots import FarmPlots  # late: see above

    return FarmPlots(window, theme)


def _no_count(session: Session) -> tuple[int, int]:
    return -1, 0


add_place(Place("history", tr("History"), "history", _plots, _no_count, 80))
