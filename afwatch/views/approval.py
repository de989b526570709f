"""Agents that ask to belong to the farm: a strip above its renders, to compare each key and take it in or send it away.

Rules of this file:
- Asked for while the strip's place is seen by who may decide, a few bytes every ten seconds; never else.
- Nobody waits: there is no strip.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from afcore.states import Role
from afwatch import words
from afwatch.actions import Asking
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.views.parts import Glyph, Shrinking, button

__all__ = ["Approvals"]

_AGAIN_MS = 10_000
_MOST = 4
"""Agents that are shown at once; the others follow when these are decided."""


class Approvals(QFrame):
    """Who waits."""

    def __init__(self, window: Asking, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("approvals")
        self._window, self._theme, self._session = window, theme, window.session
        self.waiting: list[dict[str, Any]] = []
        """Rows of ``node.list``."""
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 8, 16, 8)
        self._column.setSpacing(4)
        self._rows: list[QWidget] = []
        self._timer = QTimer(self)
        self._timer.setInterval(_AGAIN_MS)
        self._timer.timeout.connect(self.ask)
        self._session.mode_changed.connect(self.ask)
        theme.changed.connect(self._show)
        self.hide()

    def place_seen(self, seen: bool) -> None:
        """The place that the strip belongs to is seen, or not any more."""
        if seen:
            self._timer.start()
            self.ask()
        else:
            self._timer.stop()

    def ask(self) -> None:
        """Look who waits."""
        if self._session.mode is not Role.GOD or not self._session.state.connected:
            self._came([])
        elif self._timer.isActive():
            self._session.ask("node.list", state="waits").success(lambda body: self._came(body["rows"]))

    def _came(self, rows: list[dict[str, Any]]) -> None:
        if rows != self.waiting:
            self.waiting = rows
            self._show()

    def _show(self) -> None:
        for row in self._rows:
            self._column.removeWidget(row)
            row.deleteLater()
        self._rows = [self._row(row) for row in self.waiting[:_MOST]]
        if len(self.waiting) > _MOST:
            more = Shrinking()
            more.setText(tr("and {0} more", words.number(len(self.waiting) - _MOST)))
            self._rows.append(more)
        for made in self._rows:
            self._column.addWidget(made)
        self.setVisible(bool(self.waiting))

    def _row(self, row: dict[str, Any]) -> QWidget:
        frame = QWidget()
        line = QHBoxLayout(frame)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        glyph = Glyph(self._theme)
        glyph.show_icon("bell", self._theme.look.families["attn"].ink)
        line.addWidget(glyph)
        text = Shrinking()
        text.setText(tr("{0} at {1} asks to belong to the farm. Key {2}", row["name"], row["address"], row["key"]))
        line.addWidget(text, 1)
        for title, done in ((tr("Approve…"), self._approve), (tr("Refuse"), self._refuse)):
            made = button(title, partial(done, row))
            made.setAccessibleName(f"{title.rstrip('…')} {row['name']}")
            line.addWidget(made)
        return frame

    def _approve(self, row: dict[str, Any]) -> None:
        if self._window.confirm(
            tr("Take {0} into the farm?", row["name"]), [tr("key {0}", row["key"]), tr("address {0}", row["address"])],
            tr("It gets tasks and their files. Compare the key with the one that the agent tells on its machine."),
            tr("Approve {0}", row["name"]),
        ):  # fmt: skip
            self._do("node.approve", row, tr("{0} belongs to the farm.", row["name"]))

    def _refuse(self, row: dict[str, Any]) -> None:
        self._do("node.revoke", row, tr("Sent {0} away.", row["name"]))

    def _do(self, operation: str, row: dict[str, Any], sentence: str) -> None:
        pending = self._session.ask(operation, name=row["name"])
        pending.success(lambda body: self.ask()).failure(lambda error: self.ask())
        self._window.tell_done(pending, sentence)
