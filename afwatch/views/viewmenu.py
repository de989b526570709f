"""The menu of a list's columns and of saving what it shows under a name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu

from afwatch.actions import FormField
from afwatch.savedviews import SavedView, forget_view, save_view
from afwatch.texts import tr

if TYPE_CHECKING:
    from afwatch.views.pane import ListPane

__all__ = ["view_menu"]


def view_menu(pane: ListPane) -> QMenu:
    """Return the menu: one entry per column, the styles of rows, and the views."""
    menu = QMenu(pane)
    columns = menu.addMenu(tr("Columns"))
    for column in pane.shown.columns:
        entry = columns.addAction(column.whole)
        entry.setCheckable(True)
        entry.setChecked(column.key not in pane.hidden)
        entry.setEnabled(not column.stretch)
        entry.toggled.connect(partial(_show, pane, column.key))
    titles = {"table": tr("Table"), "compact": tr("Compact rows"), "items": tr("Items with pictures")}
    styles = QActionGroup(menu)
    for style in pane.styles:
        entry = menu.addAction(titles[style])
        entry.setCheckable(True)
        entry.setChecked(style == pane.style_of_rows)
        entry.triggered.connect(partial(_choose, pane, style))
        styles.addAction(entry)
    menu.addSeparator()
    menu.addAction(tr("Save this view…"), partial(_save, pane))
    if pane.view_name:
        menu.addAction(tr("Forget the view {0}", pane.view_name), partial(_forget, pane))
    return menu


def _choose(pane: ListPane, style: str, checked: bool = True) -> None:
    pane.choose_style(style)


def _show(pane: ListPane, key: str, shown: bool) -> None:
    pane.show_column(key, shown)


def _save(pane: ListPane) -> None:
    window = pane.window_asked
    found = window.ask_form(
        tr("Save this view"), tr("Search, states, columns and order are kept, and stand in the sidebar."),
        [FormField("name", tr("Name"), value=pane.view_name)], tr("Save"),
    )  # fmt: skip
    if found and found["name"]:
        view: SavedView = pane.view_state(found["name"])
        key = save_view(window.settings, view)
        window.places_changed(key)


def _forget(pane: ListPane) -> None:
    window = pane.window_asked
    forget_view(window.settings, pane.view_name)
    window.places_changed("jobs")
