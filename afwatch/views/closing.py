"""The question when a window with the server inside closes: stop the farm in order, or keep it running."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from afwatch import words
from afwatch.farm import Ending
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.views.parts import button, label

__all__ = ["ClosingDialog"]


class ClosingDialog(QDialog):
    """Asks what becomes of the farm; ``ending`` is None when the window stays open."""

    def __init__(self, theme: Theme, parent: QWidget, *, running: int, renders: int, own_agent: bool) -> None:
        """``running`` tasks on ``renders`` renders; ``own_agent``: this window started an agent."""
        super().__init__(parent)
        self.ending: Ending | None = None
        self.setWindowTitle(tr("Close the window"))
        self.setMinimumWidth(520)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(10)
        title = label(tr("The farm's server runs inside this window."))
        title.setFont(theme.font("title3"))
        column.addWidget(title)
        for sentence in _sentences(running, renders, own_agent):
            text = label(sentence, tone="help")
            text.setWordWrap(True)
            column.addWidget(text)
        row = QHBoxLayout()
        row.setContentsMargins(0, 8, 0, 0)
        row.addWidget(button(tr("Cancel"), self.reject))
        row.addStretch(1)
        self.stop = button(tr("Stop the farm in order"), lambda: self._choose(Ending.STOP))
        self.keep = button(tr("Keep it running without a window"), lambda: self._choose(Ending.KEEP), role="main")
        self.stop.setAutoDefault(False)
        self.keep.setDefault(True)
        row.addWidget(self.stop)
        row.addWidget(self.keep)
        column.addLayout(row)
        self.keep.setFocus()

    def _choose(self, ending: Ending) -> None:
        self.ending = ending
        self.accept()


def _sentences(running: int, renders: int, own_agent: bool) -> list[str]:
    if running:
        now = tr("{0} {1} now.", words.plural(running, 'task'), 'runs' if running == 1 else 'run')
    else:
        now = tr("Nothing runs now.")
    stop = tr("Stopping keeps everything that is known")
    if running and own_agent:
        stop += tr(
            "; this machine's own tasks end and start again next time, other renders finish theirs and report later")
    elif running:
        stop += tr("; renders finish what they run and report when the server is back")
    keep = tr("Keeping it running hands the farm to a server without a window; `afwatch` opens it again.")
    seen = tr("{0} {1} connected.", words.plural(renders, 'render'), 'is' if renders == 1 else 'are') if renders else ""
    return [f"{now} {seen}".strip(), stop + ".", keep]
