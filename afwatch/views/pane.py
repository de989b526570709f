"""A pane of rows: header with actions, search line, chips of states, the table, and words when there is nothing.

Rules of this file:
- Buttons never move and never vanish: what cannot be done is disabled and says why.
- Changes are shown at most ten times a second, and so seldom that to show them takes a fifth of a core at most; a
  hidden pane only marks itself stale.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QMimeData, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from afcore.rows import JobRow
from afwatch import words
from afwatch.actions import SECTIONS, Action, Asking, reason_against, rows_for
from afwatch.changes import ChangeSet
from afwatch.delegates.cells import IN_ITEM, CellDelegate
from afwatch.delegates.groups import GroupDelegate
from afwatch.models.columns import Shown
from afwatch.models.filters import parse_query
from afwatch.models.grouped import GroupedModel, Groups
from afwatch.models.rows import RowModel
from afwatch.savedviews import SavedView
from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.theme.tokens import measures
from afwatch.views.chips import Chip, ChipRow
from afwatch.views.dragging import carried, carry, drop, is_beside, reason_against_drop
from afwatch.views.nothing import CLEAR, words_of_nothing
from afwatch.views.parts import Empty, Shrinking, button, label
from afwatch.views.searchline import SearchLine, bar
from afwatch.views.table import TableView
from afwatch.views.tablecolumns import TableColumns
from afwatch.views.viewmenu import view_menu

__all__ = ["STYLES", "ListPane"]

_REFRESH_MS = 100
_REST = 4
"""How many times as long as changes took to show until the next are shown."""
STYLES = ("table", "compact", "items")
"""How rows may look: one line, one lower line, or two lines with a picture and what they wait for."""


class ListPane(QWidget):
    """Rows of one kind."""

    chosen = Signal(object)
    """The rows that are selected, in order."""
    opened = Signal(object)
    """A row was opened."""
    told = Signal(str)
    """Something for the status bar."""
    seen = Signal(bool)
    """The pane is shown, or hidden."""

    def __init__(
        self,
        window: Asking,
        theme: Theme,
        shown: Shown,
        actions: tuple[Action, ...],
        *,
        title: str,
        place: str,
        noun: str,
        row_height: int,
        lines: int = 1,
        base: Callable[[Any], bool] | None = None,
        groups: Groups | None = None,
    ) -> None:
        """``place``: its key among the places; ``base`` restricts the view itself; ``groups``
        shows rows under those of another kind.
        """
        super().__init__()
        self.setObjectName("main")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.session: Session = window.session
        self.theme = theme
        self.noun = noun
        self.title, self.place = title, place
        self.actions_here = actions
        self.shown = shown
        self.window_asked = window
        self.view_name = ""
        """Name of the saved view that is shown; empty for none."""
        self._window, self._shown, self._actions = window, shown, actions
        self._least_row, self._lines = row_height, lines
        self._groups = groups
        self.style_of_rows = "table"
        state = self.session.state
        self.model: RowModel
        first = 1 if shown.kind == "renders" else 0
        if groups is not None:
            self.model = GroupedModel(shown, groups, state.rows(groups.item_kind), state.rows(groups.kind),
                                      self.session.clock, base=base, column=first)  # fmt: skip
        else:
            self.model = RowModel(shown, state.rows(shown.kind), self.session.clock, base=base, column=first)
        self.table = TableView(self.model, theme.row_height(row_height, lines), title)
        kind = GroupDelegate if groups is not None else CellDelegate
        delegate = kind(theme, shown.columns, shown.look, self.session.clock, self.table)
        delegate.picture_of = self.session.thumbnails.of
        self.table.setItemDelegate(delegate)
        self.columns = TableColumns(self.table, shown.columns, first)
        self.table.setSortingEnabled(True)
        self.table.chosen.connect(self._on_chosen)
        self.table.opened.connect(self._on_opened)
        self.table.asked.connect(self._menu)
        self.table.resized.connect(self.columns.fit)
        self.table.verticalScrollBar().valueChanged.connect(lambda value: self._want_pictures())
        self.session.thumbnails.came.connect(self._on_picture)
        if groups is not None or shown.kind == "jobs":
            self.table.carry_rows(self._carry, self._takes)
            self.table.dropped.connect(self._on_dropped)
        header = self.table.horizontalHeader()
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(lambda at: self._view_menu())
        self._title = label(title)
        self._count = label(tone="quiet")
        self._buttons: dict[str, QPushButton] = {}
        self._chips: dict[str, Chip] = {}
        self._pending = ChangeSet()
        self._texts: list[tuple[str, str]] = []
        """What the rows in sight said at the last tick."""
        self._refresh_s, self._refreshed_at = 0.0, 0.0
        """Processor time that the last changes took, without painting, and when they were shown (monotonic)."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._refresh)
        self.search = SearchLine(theme, shown.placeholder)
        self.search.searched.connect(lambda text: self._filter())
        self._problem = Shrinking()
        self._moved = button("", self.table.sort_now, shape="flat",
                             tip=tr("Rows stay under the pointer; F5 sorts them"))
        self._empty = Empty(theme, self)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._empty)
        self._lay_out()
        self.model.counted.connect(self._recount)
        self.session.changed.connect(self._on_changed)
        self.session.mode_changed.connect(self._enable)
        theme.changed.connect(self._on_theme)
        self._on_theme()
        self._recount()
        self._enable()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        header, row = bar("header", measures.view_header)
        row.addWidget(self._title)
        row.addWidget(self._count)
        row.addStretch(1)
        for action in self._actions:
            if action.in_header:
                made = button(action.title.rstrip("…"), partial(self.do, action))
                made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
                self._buttons[action.key] = made
                row.addWidget(made)
        self._more = button("", self._more_menu, icon=self.theme.icon("more"), tip=tr("Every action"))
        row.addWidget(self._more)
        self._more.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._add_keys()
        column.addWidget(header)
        line, row = bar("search-row", measures.search_row)
        row.addWidget(self.search)
        self._views = button("", self._view_menu, icon=self.theme.icon("columns"), tip=tr("Columns and saved views"))
        self._views.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row.addWidget(self._views)
        column.addWidget(line)
        for state in self._shown.chips:
            chip = self._chips[state] = Chip(self.theme, self._shown.look, state)
            chip.chosen.connect(self._on_chip)
        self._chip_row = ChipRow(self._chips.values(), self._problem, self._moved)
        if not self._shown.chips:
            self._chip_row.setFixedHeight(8)
        column.addWidget(self._chip_row)
        column.addWidget(self._stack, 1)

    def _add_keys(self) -> None:
        """Give the table one shortcut per key: what it does depends on the kind of what is selected."""
        for keys in dict.fromkeys(action.shortcut for action in self._actions):
            if not keys or keys == "Return":
                continue
            act = QAction(keys, self.table)
            act.setShortcut(QKeySequence(keys))
            act.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            act.triggered.connect(partial(self._on_key, keys))
            self.table.addAction(act)

    def _on_key(self, keys: str, checked: bool = False) -> None:
        wanted = [action for action in self._actions if action.shortcut == keys]
        rows = self.selected()
        self.do(next((action for action in wanted if rows_for(action, rows)), wanted[0]))

    # What is selected, and what can be done to it

    def selected(self) -> list[Any]:
        """Return the selected rows, in the table's order."""
        found = [self.model.row_at(place) for place in self.table.selected_places()]
        return [row for row in found if row is not None]

    def do(self, action: Action) -> None:
        """Do an action to what is selected, or say why not."""
        rows = self.selected()
        reason = reason_against(action, self.session, rows)
        if reason:
            self.told.emit(f"{action.title.rstrip('…')}: {reason}")
        else:
            action.run(self._window, rows_for(action, rows))

    def focus(self) -> None:
        """Take the keyboard."""
        self.table.setFocus()

    def begin_search(self) -> None:
        """Put the keyboard into the search line."""
        self.search.setFocus()
        self.search.selectAll()

    def _on_chosen(self) -> None:
        self._enable()
        self.chosen.emit(self.selected())

    # Dragging: rows to other groups

    def _carry(self, places: list[int]) -> QMimeData:
        kind = self._groups.item_kind if self._groups is not None else self._shown.kind
        return carry(kind, [self.model.ids[place] for place in places if self.model.ids[place] > 0])

    def _rows_of(self, data: QMimeData) -> tuple[str, list[Any]]:
        kind, ids = carried(data)
        known = self.session.state.rows(kind) if kind else {}
        return kind, [known[id] for id in ids if id in known]

    def _takes(self, data: QMimeData, place: int) -> str:
        (kind, rows), onto, flat = self._rows_of(data), self.model.row_at(place), self._groups is None
        if (flat and not isinstance(onto, JobRow)) or reason_against_drop(self._window, kind, rows, onto, flat=flat):
            return ""
        return "beside" if is_beside(kind, rows, onto, flat=flat) else "into"

    def _on_dropped(self, data: QMimeData, place: int) -> None:
        onto, flat = self.model.row_at(place), self._groups is None
        drop(self._window, *self._rows_of(data), onto, flat=flat, after=self.table.drops_after)

    def _on_opened(self, place: int) -> None:
        row = self.model.row_at(place)
        if isinstance(self.model, GroupedModel) and self.model.is_group(place):
            path = self.model.groups.path(row)
            self.model.fold(path, path not in self.model.folded)
        elif row is not None:
            self.opened.emit(row)

    def _enable(self) -> None:
        rows = self.selected()
        for action in self._actions:
            made = self._buttons.get(action.key)
            if made is not None:
                reason = reason_against(action, self.session, rows)
                made.setEnabled(not reason)
                made.setToolTip(f"{action.title} ({action.shortcut})" + (f"\n{reason}" if reason else ""))

    def _menu(self, at: QPoint) -> None:
        menu = self.build_menu()
        menu.exec(at)
        menu.deleteLater()

    def build_menu(self) -> QMenu:
        """Return the menu of what is selected: the actions of its kind, in sections."""
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        rows = self.selected()
        of_kind = [action for action in self._actions if rows_for(action, rows)] or list(self._actions)
        bad = self.theme.look.families["bad"].ink
        for section in SECTIONS:
            part = [action for action in of_kind if action.section == section]
            if part and menu.actions():
                menu.addSeparator()
            for action in part:
                reason = reason_against(action, self.session, rows)
                keys = "Enter" if action.shortcut == "Return" else action.shortcut
                entry = menu.addAction(
                    self.theme.icon(action.icon, bad if action.danger else ""), f"{action.title}\t{keys}",
                    partial(self.do, action),
                )  # fmt: skip
                entry.setEnabled(not reason)
                entry.setToolTip(reason)
        return menu

    def _more_menu(self) -> None:
        self._menu(self._more.mapToGlobal(self._more.rect().bottomLeft()))

    # Filters

    def show_query(self, text: str) -> None:
        """Put a query into the search line and apply it."""
        self.search.setText(text)
        self._filter()

    def _on_chip(self, state: str, checked: bool, adding: bool) -> None:
        if not adding:
            for other, chip in self._chips.items():
                chip.setChecked(checked and other == state)
        self._filter()

    def _filter(self) -> None:
        query = parse_query(self.search.text(), list(self._shown.fields))
        self._problem.setText("; ".join(f"{problem.what}: {problem.hint}" for problem in query.problems))
        self.model.set_filter(query, [state for state, chip in self._chips.items() if chip.isChecked()])

    def clear_filter(self) -> None:
        """Show every row again."""
        for chip in self._chips.values():
            chip.setChecked(False)
        self.search.clear()
        self._filter()

    # Changes

    def _on_changed(self, changes: ChangeSet) -> None:
        kind = self._shown.kind
        if changes.connection:
            self._enable()
            self._recount()
        kinds = (self._groups.item_kind, self._groups.kind) if self._groups is not None else (kind,)
        if any(changes.touches(each) for each in kinds):
            self._pending.merge(ChangeSet(
                {each: set(changes.changed.get(each, ())) for each in kinds},
                {each: set(changes.gone.get(each, ())) for each in kinds},
            ))  # fmt: skip
            if self.isVisible() and not self._timer.isActive():
                rested = (time.monotonic() - self._refreshed_at) * 1000
                spent = (self._refresh_s + self.table.painted_s) * 1000
                self._timer.start(max(_REFRESH_MS, round(_REST * spent - rested)))

    def tick(self) -> None:
        """Paint anew what the time alone has changed: a quiet table costs a look at its texts."""
        self._want_pictures()
        sight, now = self.table.rows_in_sight(), self.session.clock()
        shown = [column for place, column in enumerate(self._shown.columns) if not self.table.isColumnHidden(place)]
        rows = [row for row in map(self.model.row_at, sight) if row is not None and not self.model.is_heading(row)]
        texts = [
            (column.text(row, now), column.second(row, now) if column.second is not None else "")
            for row in rows for column in shown
        ]  # fmt: skip
        if texts != self._texts:
            self._texts = texts
            self.table.viewport().update()

    def showEvent(self, event: Any) -> None:
        """Catch up with what changed while hidden."""
        super().showEvent(event)
        self._refresh()
        self.seen.emit(True)

    def hideEvent(self, event: Any) -> None:
        """Tell who works for what is seen."""
        super().hideEvent(event)
        self.seen.emit(False)

    def add_strip(self, strip: QWidget) -> None:
        """Put something between the header and the search line."""
        layout: Any = self.layout()
        layout.insertWidget(1, strip)

    def _refresh(self) -> None:
        changes, self._pending = self._pending, ChangeSet()
        if not changes:
            return
        began, self.table.painted_s = time.thread_time(), 0.0
        self.model.apply(changes)
        rows = self.selected()
        touched = set().union(*changes.changed.values(), *changes.gone.values())
        if any(row.id in touched for row in rows):
            self._enable()
            self.chosen.emit(rows)
        self._refresh_s, self._refreshed_at = time.thread_time() - began, time.monotonic()

    def _recount(self) -> None:
        counts = self.model.state_counts()
        for state, chip in self._chips.items():
            chip.set_count(counts.get(state, 0))
        total, shown = self.model.total, self.model.items_shown
        text = words.plural(total, self.noun)
        self._count.setText(text if shown == total else tr("{0}, {1} shown", text, words.number(shown)))
        moved = self.model.moved
        self._moved.setText(tr("{0} moved · Sort now (F5)", moved) if moved else "")
        self._moved.setVisible(bool(moved))
        self._chip_row.fit()
        if shown:
            self._stack.setCurrentWidget(self.table)
        else:
            self._say_empty(total)
            self._stack.setCurrentWidget(self._empty)

    def _say_empty(self, total: int) -> None:
        said = words_of_nothing(self._window, self._shown.kind, self.noun, total)
        if said.action == CLEAR:
            self._empty.say(said.icon, said.text, action=said.action, done=self.clear_filter)
        else:
            self._empty.say(said.icon, said.text, more=said.more, action=said.action, done=said.done)

    def _view_menu(self) -> None:
        menu = view_menu(self)
        menu.exec(self._views.mapToGlobal(self._views.rect().bottomLeft()))
        menu.deleteLater()

    # How it looks

    @property
    def hidden(self) -> set[str]:
        """Keys of columns that the person does not want."""
        return self.columns.hidden

    @hidden.setter
    def hidden(self, keys: set[str]) -> None:
        self.columns.hidden = keys

    def show_column(self, key: str, shown: bool) -> None:
        """Show or hide a column."""
        self.columns.show(key, shown)

    def view_state(self, name: str = "") -> SavedView:
        """Return what is shown, to be kept under a name, or as what comes back."""
        states = [state for state, chip in self._chips.items() if chip.isChecked()]
        return SavedView(name, self.place, self.search.text(), states, style=self.style_of_rows, **self.columns.state())

    def apply_view(self, view: SavedView) -> None:
        """Show what was kept under a name."""
        self.view_name = view.name
        self._title.setText(view.name)
        self.come_back(view)

    def come_back(self, view: SavedView) -> None:
        """Show what was kept."""
        for state, chip in self._chips.items():
            chip.setChecked(state in view.states)
        self.show_query(view.query)
        self.choose_style(view.style)
        self.columns.come_back(view)

    @property
    def styles(self) -> tuple[str, ...]:
        """The styles that there are for these rows."""
        if self._lines > 1:
            return ("table",)
        return STYLES if self._shown.look == "job" and self._shown.columns[0].kind == "state" else STYLES[:2]

    def choose_style(self, style: str) -> None:
        """Show rows in a style of ``STYLES``; one that is none of theirs leaves them as they are."""
        if style in self.styles and style != self.style_of_rows:
            self.style_of_rows = style
            self._on_theme()
            self.columns.stand_elsewhere(IN_ITEM if style == "items" else frozenset())
            self._want_pictures()

    def _want_pictures(self) -> None:
        """Ask for the pictures of jobs in sight, where they have a place for one."""
        if self.style_of_rows == "items" and self.isVisible():
            places = self.table.rows_in_sight()
            self.session.thumbnails.want(self.model.ids[place] for place in places if place < len(self.model.ids))

    def _on_picture(self, key: object) -> None:
        if self.style_of_rows == "items" and self.isVisible():
            self.table.viewport().update()

    def _on_theme(self) -> None:
        self._title.setFont(self.theme.font("title2"))
        heights = {"compact": (measures.row_compact, 1), "items": (measures.row_items, 2)}
        self.table.set_row_height(
            self.theme.row_height(*heights.get(self.style_of_rows, (self._least_row, self._lines)))
        )
        for action in self._actions:
            if action.key in self._buttons:
                self._buttons[action.key].setIcon(self.theme.icon(action.icon))
        self._more.setIcon(self.theme.icon("more"))
        self._views.setIcon(self.theme.icon("columns"))
        for chip in self._chips.values():
            chip.refresh()
        self.columns.retitle()
        self._recount()
        self.table.viewport().update()
