"""The page of plots of the farm as a whole: slots used, tasks a minute, queue and failures."""

from __future__ import annotations

from typing import Any

from afwatch import words
from afwatch.actions import Asking
from afwatch.plots.page import PlotPage
from afwatch.plots.panels import farm_panels
from afwatch.texts import tr
from afwatch.theme.paint import Theme

__all__ = ["FarmPlots"]


class FarmPlots(PlotPage):
    """The farm over time."""

    empty_text = tr("Nothing is known of this span. Plots begin with the first render or job.")

    def __init__(self, window: Asking, theme: Theme) -> None:
        self._had_inspector = False
        super().__init__(
            window, theme, title=tr("History"), render="", make=farm_panels, overview="slots_used", with_back=False
        )
        self._retitle()

    def is_about(self, changes: Any) -> bool:
        """Say whether anything of the farm changed."""
        if changes.touches("renders"):
            self._retitle()
        return super().is_about(changes)

    def showEvent(self, event: Any) -> None:
        """Take the room of the inspector: nothing here is selected."""
        super().showEvent(event)
        inspector = self._inspector
        self._had_inspector = inspector is not None and inspector.isVisible()
        if self._had_inspector:
            inspector.hide()

    def hideEvent(self, event: Any) -> None:
        """Give it back."""
        super().hideEvent(event)
        inspector = self._inspector
        if inspector is not None and self._had_inspector:
            inspector.show()

    @property
    def _inspector(self) -> Any:
        return getattr(self.window_asked, "inspector", None)

    def _retitle(self) -> None:
        renders = self.session.state.renders
        online = sum("offline" not in row.words for row in renders.values())
        self.say_subtitle(tr("the farm as a whole · {0} of {1} online", online, words.plural(len(renders), "render")))
