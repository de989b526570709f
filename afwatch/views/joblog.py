"""The page of a job's log: what happened to it, by whom and when."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QFrame, QPlainTextEdit, QVBoxLayout

from afcore.errors import AfError
from afcore.rows import JobRow
from afwatch import words
from afwatch.actions import Asking
from afwatch.inspecting import InspectorPage, add_page
from afwatch.texts import tr
from afwatch.theme.paint import Theme

__all__ = ["JobLogPage"]


class JobLogPage(QFrame):
    """Shows the log of the selected job."""

    def __init__(self, window: Asking, theme: Theme) -> None:
        super().__init__()
        self._window, self._theme = window, theme
        self._asked: tuple[int, int] = (0, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName(tr("Log of the job"))
        column.addWidget(self.text)
        theme.changed.connect(self._on_theme)
        self._on_theme()

    def _on_theme(self) -> None:
        self.text.setFont(self._theme.font("mono"))

    def show_rows(self, rows: list[Any], noun: str) -> None:
        """Show the log of the first selected job, read anew when the job changed."""
        row = rows[0] if rows and isinstance(rows[0], JobRow) else None
        if row is None:
            self._asked = (0, 0)
            self.text.setPlainText(tr("Select a job to see what happened to it."))
            return
        wanted = (row.id, row.version)
        if wanted == self._asked:
            return
        self._asked = wanted
        pending = self._window.session.ask("job.log", job=row.id, limit=500)
        pending.success(lambda body: self._show(wanted, body)).failure(self._failed)

    def _show(self, wanted: tuple[int, int], body: dict[str, Any]) -> None:
        if wanted != self._asked:
            return
        now = self._window.session.clock()
        lines = [_line(row, now) for row in reversed(body["rows"])]
        self.text.setPlainText("\n".join(lines) or tr("Nothing happened to it yet."))

    def _failed(self, error: AfError) -> None:
        self.text.setPlainText(f"{error.sentence} {getattr(error, 'hint', '')}".strip())


def _line(row: dict[str, Any], now: float) -> str:
    return f"{words.clock_text(row['at'], now):>16}  {row['who']:<10} {row['what']}"


add_page(InspectorPage("log", tr("Log"), JobLogPage, ("job",), order=60))
