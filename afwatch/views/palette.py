"""The command palette: actions, places, jobs and renders in one list, found by a few letters.

Rules of this file:
- What cannot be done is listed with its reason, not hidden; the key stands beside each action.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import shiboken6
from PySide6.QtCore import QEvent, QObject, QRect, QSize, QStringListModel, Qt
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from afwatch import words
from afwatch.actions import reason_against, rows_for
from afwatch.delegates.cells import draw_text
from afwatch.texts import tr
from afwatch.theme.paint import Theme, colour, draw_icon

if TYPE_CHECKING:
    from afwatch.views.window import MainWindow

__all__ = ["Entry", "Palette", "match", "palette_entries"]

_MOST = 200
_WIDTH, _ROW = 640, 36


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the palette."""

    icon: str
    text: str
    keys: str
    done: Callable[[], object]
    reason: str = ""
    """Why it cannot be done."""
    about: str = ""
    """What it acts on."""


def palette_entries(window: MainWindow) -> list[Entry]:
    """Return everything there is to choose: what can be done first."""
    pane: Any = window.current()
    rows = pane.selected() if hasattr(pane, "selected") else []
    found: list[Entry] = []
    for action in getattr(pane, "actions_here", ()):
        mine = rows_for(action, rows)
        about = words.plural(len(mine), action.kind) if mine else ""
        found.append(Entry(
            action.icon, action.title.rstrip("…"), action.shortcut, partial(pane.do, action),
            reason_against(action, window.session, rows), about,
        ))  # fmt: skip
    found.sort(key=lambda entry: bool(entry.reason))
    found += [
        Entry("command", act.text().replace("&", "").rstrip("…"), act.shortcut().toString(), act.trigger,
              "" if act.isEnabled() else tr("not here"))
        for act in window.menu_bar.commands
    ]  # fmt: skip
    state = window.session.state
    found += [
        Entry("job", row.name, "", partial(window.open_job, row.id), about=tr("job {0} of {1}", row.id, row.user))
        for row in list(state.jobs.values())[-2000:]
    ]
    found += [
        Entry("render", row.name, "", partial(window.show_render, row.name), about="render")
        for row in state.renders.values()
    ]
    return found


def match(entries: list[Entry], text: str) -> list[Entry]:
    """Return the entries that have every typed word, those that begin with it first."""
    wanted = text.lower().split()
    if not wanted:
        return entries[:_MOST]
    found = [entry for entry in entries if all(word in f"{entry.text} {entry.about}".lower() for word in wanted)]
    found.sort(key=lambda entry: (bool(entry.reason), not entry.text.lower().startswith(wanted[0])))
    return found[:_MOST]


class _EntryDelegate(QStyledItemDelegate):
    def __init__(self, palette: Palette) -> None:
        super().__init__(palette)
        self._palette = palette

    def sizeHint(self, option: QStyleOptionViewItem, index: Any) -> QSize:
        return QSize(_WIDTH - 20, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Any) -> None:
        theme, entry = self._palette.theme, self._palette.shown[index.row()]
        look, rect = theme.look, option.rect
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, colour(look.selection))
        ink = look.off if entry.reason else look.text1
        draw_icon(painter, entry.icon, look.text3 if entry.reason else look.text2, rect.left() + 12,
                  rect.center().y() - 7, 16)  # fmt: skip
        inner = rect.adjusted(40, 0, -14, 0)
        right = entry.reason or entry.keys
        gone = draw_text(painter, inner, right, theme.font("small"), look.text3, right=True)
        left = QRect(inner.left(), inner.top(), inner.width() - gone - 16, inner.height())
        wide = draw_text(painter, left, entry.text, theme.font("strong"), ink)
        draw_text(painter, left.adjusted(wide + 10, 0, 0, 0), entry.about, theme.font("small"), look.text3)
        painter.restore()


class Palette(QFrame):
    """A field and a list over the upper third of the window."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("palette")
        self.theme, self._over = theme, parent
        self.shown: list[Entry] = []
        self._entries: list[Entry] = []
        self._before: QWidget | None = None
        """What had the keyboard when it was opened."""
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        self.field = QLineEdit()
        self.field.setMinimumHeight(36)
        self.field.setPlaceholderText(tr("What to do, where to go, which job or render"))
        self.field.setAccessibleName(tr("Command"))
        self.field.textChanged.connect(self._narrow)
        self.field.installEventFilter(self)
        self._model = QStringListModel()
        self.view = QListView()
        self.view.setModel(self._model)
        self.view.setItemDelegate(_EntryDelegate(self))
        self.view.setAccessibleName(tr("Commands"))
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setUniformItemSizes(True)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.clicked.connect(lambda index: self._take(index.row()))
        column.addWidget(self.field)
        column.addWidget(self.view)
        self.hide()

    def open_with(self, entries: list[Entry]) -> None:
        """Show the palette over what is there now."""
        self._entries = entries
        before = self.window().focusWidget()
        if before is not self.field:
            self._before = before
        self.field.clear()
        self._narrow("")
        parent = self._over
        width = min(_WIDTH, parent.width() - 40)
        self.setGeometry((parent.width() - width) // 2, parent.height() // 8, width, min(480, parent.height() * 2 // 3))
        self.show()
        self.raise_()
        self.field.setFocus()

    def _narrow(self, text: str) -> None:
        self.shown = match(self._entries, text)
        said = [f"{entry.text} {entry.about} {entry.keys} {entry.reason}".strip() for entry in self.shown]
        self._model.setStringList(said)
        self.view.setCurrentIndex(self._model.index(0))

    def _take(self, place: int) -> None:
        if not 0 <= place < len(self.shown) or self.shown[place].reason:
            return
        self._leave()
        self.shown[place].done()

    def _leave(self) -> None:
        """Close, and give the keyboard back to who had it: else Qt gives it to whatever comes next."""
        self.hide()
        before, self._before = self._before, None
        if before is not None and shiboken6.isValid(before) and before.isVisible():
            before.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrows move in the list, Enter takes, Escape and a lost focus close."""
        if event.type() is QEvent.Type.FocusOut:
            self.hide()
        elif isinstance(event, QKeyEvent) and event.type() in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            return self._key(event)
        return super().eventFilter(watched, event)

    def _key(self, event: QKeyEvent) -> bool:
        row = self.view.currentIndex().row()
        steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 10, Qt.Key.Key_PageUp: -10}
        key = Qt.Key(event.key())
        if key not in (*steps, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
            return False
        event.accept()
        if event.type() is QEvent.Type.ShortcutOverride:
            return True
        if key in steps:
            self.view.setCurrentIndex(self._model.index(max(0, min(len(self.shown) - 1, row + steps[key]))))
        elif key == Qt.Key.Key_Escape:
            self._leave()
        else:
            self._take(row)
        return True
