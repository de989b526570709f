"""The menu bar: every action of the window and of the current pane, so that menus teach keys.

Rules of this file:
- The menu of the pane is filled when it opens: it shows what can be done to what is selected, and why not.
- Keys that belong to the window stand here, once; keys of rows belong to their table.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar

from afcore.states import Role
from afwatch.places import places
from afwatch.texts import tr
from afwatch.views.steps import BACK, FORWARD

if TYPE_CHECKING:
    from afwatch.views.window import MainWindow

__all__ = ["MenuBar"]


class MenuBar(QMenuBar):
    """The menus of one window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.setAccessibleName(tr("Menus"))
        self._window = window
        self.commands: list[QAction] = []
        """Every action of the window itself, for the palette."""
        self._farm()
        self._edit()
        self._selection = self.addMenu(tr("&Selection"))
        self._selection.aboutToShow.connect(self._fill_selection)
        self._view()
        self._go()
        self._mode()
        menu = self.addMenu(tr("&Help"))
        self._add(menu, tr("Keys of this view"), "F1", window.open_keys, "info")

    def _add(self, menu: QMenu, text: str, keys: str, done: Callable[[], object], icon: str = "") -> QAction:
        act = QAction(text, self._window)
        if keys:
            act.setShortcut(QKeySequence(keys))
        if icon:
            act.setIcon(self._window.theme.icon(icon))
        act.triggered.connect(lambda checked=False: done())
        menu.addAction(act)
        self._window.addAction(act)
        self.commands.append(act)
        return act

    def _farm(self) -> None:
        menu, window = self.addMenu(tr("&Farm")), self._window
        self._add(menu, tr("Submit a job…"), "Ctrl+Shift+K", window.open_submit, "submit")
        self._add(menu, tr("Start an agent on this machine"), "", window.start_agent, "render").setEnabled(
            window.offers_agent
        )
        menu.addSeparator()
        self._add(menu, tr("Close"), "Ctrl+Q", window.close, "close")

    def _edit(self) -> None:
        menu, window = self.addMenu(tr("&Edit")), self._window
        self._add(menu, tr("Undo"), "Ctrl+Z", window.undo, "undo")
        menu.addSeparator()
        self._add(menu, tr("Commands…"), "Ctrl+K", window.open_palette, "command")
        self._add(menu, tr("Every operation of the farm…"), "Ctrl+Shift+G", window.open_operations, "command")
        self._add(menu, tr("Search"), "Ctrl+F", window.begin_search, "search")

    def _fill_selection(self) -> None:
        self._selection.clear()
        pane: Any = self._window.current()
        build = getattr(pane, "build_menu", None)
        if build is None:
            self._selection.addAction(tr("Nothing is selected")).setEnabled(False)
            return
        made: QMenu = build()
        self._selection.setToolTipsVisible(True)
        for action in made.actions():
            action.setParent(self._selection)
            self._selection.addAction(action)

    def _view(self) -> None:
        menu, window = self.addMenu(tr("&View")), self._window
        theme = window.theme
        self._add(menu, tr("Inspector"), "Ctrl+I", window.toggle_inspector)
        self._add(menu, tr("Sidebar"), "Ctrl+B", window.toggle_sidebar)
        self._add(menu, tr("Messages"), "Ctrl+`", window.toggle_messages)
        menu.addSeparator()
        self._add(menu, tr("Overview"), "Alt+1", lambda: window.turn_inspector("overview"))
        self._add(menu, tr("Parameters"), "Alt+2", lambda: window.turn_inspector("parameters"))
        self._add(menu, tr("Why not running"), "Alt+3", lambda: window.turn_inspector("why"))
        self._add(menu, tr("Log"), "Alt+4", lambda: window.turn_inspector("log"))
        menu.addSeparator()
        self._add(menu, tr("Compact rows"), "Ctrl+D", lambda: window.choose_style("compact"))
        self._add(menu, tr("Items with pictures"), "Ctrl+Shift+I", lambda: window.choose_style("items"))
        self._add(menu, tr("Names in full, brief or abbreviated"), "Ctrl+Shift+D", window.next_level)
        self._add(menu, tr("Messages of the desktop"), "", partial(
            window.toggle_setting, "notices", True, tr("Messages of the desktop are")))
        self._add(menu, tr("Sounds"), "", partial(window.toggle_setting, "sounds", False, tr("Sounds are")))
        self._add(menu, tr("Light or dark"), "Ctrl+T", window.other_scheme)
        self._add(menu, tr("Larger text"), "Ctrl++", lambda: theme.choose_size(theme.size_percent + 10))
        self._add(menu, tr("Smaller text"), "Ctrl+-", lambda: theme.choose_size(theme.size_percent - 10))
        self._add(menu, tr("Normal text"), "Ctrl+0", lambda: theme.choose_size(100))

    def _go(self) -> None:
        menu, window = self.addMenu(tr("&Go")), self._window
        for number, place in enumerate(places(), 1):
            keys = f"Ctrl+{number}" if number < 10 else ""
            self._add(menu, place.title, keys, partial(window.go, place.key), place.icon)
        menu.addSeparator()
        self._add(menu, tr("Back where one was"), BACK, partial(window.walk.step, -1), "back")
        self._add(menu, tr("Forward again"), FORWARD, partial(window.walk.step, 1), "forward")
        menu.addSeparator()
        self._add(menu, tr("The farm as it was…"), "Ctrl+Shift+H", window.show_past, "history")
        self._add(menu, tr("Next area"), "F6", window.next_area)

    def _mode(self) -> None:
        menu, window = self.addMenu(tr("&Mode")), self._window
        for role, icon, what in (
            (Role.USER, "user", tr("what is yours")), (Role.VISOR, "visor", "everybody's jobs"),
            (Role.GOD, "god", "everything"),
        ):  # fmt: skip
            self._add(menu, f"{role.name}: {what}", "", partial(window.session.choose_mode, role), icon)
        menu.addSeparator()
        self._add(menu, tr("Back to USER when idle, or not"), "", window.toggle_idling)
