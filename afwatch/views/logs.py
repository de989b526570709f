"""The page of a log: what happened to what is selected, by whom and when; on request also what the farm did by itself.

Rules of this file:
- Of a job it is the job's own log, of all else what people changed; what the farm did comes from its journal.
- What is shown stays until something newer is here: a farm that does not answer is told beside it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout

from afcore.errors import AfError
from afcore.rows import JobRow, RenderRow
from afnet.words import clock
from afwatch import words
from afwatch.actions import KINDS, Asking
from afwatch.inspecting import InspectorPage, add_page
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.views.parts import Shrinking, button

__all__ = ["LogPage"]

_LINES = 300
_AGAIN_S = 5.0
_ON = " on "
"""Renders change with every reading: their logs are read anew at most so often."""


class LogPage(QFrame):
    """Shows the log of the first selected row."""

    def __init__(self, window: Asking, theme: Theme) -> None:
        super().__init__()
        self._window, self._theme = window, theme
        self._row: Any = None
        self._asked: tuple[str, int, int] = ("", 0, 0)
        self._asked_at = 0.0
        self._lines: list[str] = []
        self._next = 0
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        self.everything = QCheckBox(tr("Also what the farm did by itself"))
        self.everything.setToolTip(tr("Tasks that began and ended, renders that came and went: from its journal"))
        self.everything.toggled.connect(lambda on: self.ask())
        column.addWidget(self.everything)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName(tr("Log"))
        column.addWidget(self.text, 1)
        foot = QHBoxLayout()
        self._said = Shrinking(tone="quiet")
        self.further = button(tr("Further back"), self._go_on)
        foot.addWidget(self._said, 1)
        foot.addWidget(self.further)
        column.addLayout(foot)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.ask)
        theme.changed.connect(self._on_theme)
        self._on_theme()

    def _on_theme(self) -> None:
        self.text.setFont(self._theme.font("mono"))

    # What is asked

    def show_rows(self, rows: list[Any], noun: str) -> None:
        """Show the log of the first selected row, read anew when the row changed."""
        row = rows[0] if rows and self._kind(rows[0]) else None
        before, self._row = self._row, row
        # What the farm does by itself touches jobs and renders alone.
        self.everything.setVisible(isinstance(row, JobRow | RenderRow))
        if row is None:
            self._asked = ("", 0, 0)
            self._fill([], 0, tr("Select a {0} to see what happened to it.", noun))
        elif before is None or (type(before), before.id) != (type(row), row.id):
            self._fill([], 0, tr("Asking the farm…"))
            self.ask()
        elif row.version != self._asked[2] and not self._timer.isActive():
            rested = time.monotonic() - self._asked_at
            least = 0.0 if isinstance(row, JobRow) and not self._every() else _AGAIN_S
            self._timer.start(max(0, round((least - rested) * 1000)))

    def _kind(self, row: Any) -> str:
        return next((kind for kind, made in KINDS.items() if isinstance(row, made) and kind != "monitor"), "")

    def _every(self) -> bool:
        return self.everything.isVisibleTo(self) and self.everything.isChecked()

    def ask(self, before: int = 0) -> None:
        """Ask the farm now; ``before``: for what is older than a number that it told."""
        row = self._row
        if row is None:
            return
        kind, every = self._kind(row), self._every()
        wanted = self._asked = (kind, row.id, row.version)
        self._asked_at = time.monotonic()
        ask = self._window.session.ask
        if kind == "job" and not every:
            pending = ask("job.log", job=row.id, limit=500)
        elif kind in ("job", "render"):
            about = {"job": row.id} if kind == "job" else {"render": row.name}
            pending = ask("past.changes", **about, all=every, limit=_LINES, before=before)
        else:
            pending = ask("past.changes", text=f"{kind} {row.id}:", limit=_LINES, before=before)
        pending.success(partial(self._came, wanted, before)).failure(self._failed)

    def _go_on(self) -> None:
        self.ask(self._next)

    def _came(self, wanted: tuple[str, int, int], before: int, body: dict[str, Any]) -> None:
        if wanted[:2] != self._asked[:2]:
            return
        rows = body["rows"] if "next" in body else list(reversed(body["rows"]))
        lines = [*(self._lines if before else ()), *self._told(rows, f"{wanted[0]} {wanted[1]}: ")]
        nothing = tr("Nothing happened to it in the part that was looked at.") if body.get("next") else tr(
            "Nothing happened to it yet."
        )
        self._fill(lines, body.get("next") or 0, "" if lines else nothing)

    def _told(self, rows: list[dict[str, Any]], about: str) -> Iterator[str]:
        """Yield a line of when and who, and below it what; who did several things at once is said once."""
        now, before = self._window.session.clock(), ""
        # As the server's own words say it.
        here = _ON + self._row.name if isinstance(self._row, RenderRow) else "\n"
        for row in rows:
            head = f"{clock(row['at'], now)}  {row['who']}"
            if head != before:
                yield head
                before = head
            for part in row["what"].split("; "):
                yield f"    {part.removeprefix(about).replace(here, '')}"

    def _failed(self, error: AfError) -> None:
        told = f"{error.sentence} {getattr(error, 'hint', '')}".strip()
        if self._lines:
            self._said.setText(told)
        else:
            self._fill([], 0, told)

    def _fill(self, lines: list[str], following: int, instead: str) -> None:
        """Show lines, or a sentence instead; ``following``: where what is older begins, 0 for none."""
        place = self.text.verticalScrollBar().value() if lines else 0
        text = "\n".join(lines) or instead
        if text != self.text.toPlainText():
            self.text.setPlainText(text)
            self.text.verticalScrollBar().setValue(place)
        self._lines, self._next = lines, following
        self.further.setVisible(bool(following))
        count = sum(line.startswith(" ") for line in lines)
        self._said.setText(words.plural(count, "act") if count else "")


add_page(InspectorPage("log", tr("Log"), LogPage, order=60))
