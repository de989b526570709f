"""The inspector at the right: pages about what is selected, by tabs."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from afwatch.actions import KINDS, Asking
from afwatch.inspecting import load_pages
from afwatch.theme.paint import Theme
from afwatch.theme.tokens import measures
from afwatch.views.parts import button

__all__ = ["Inspector"]


class Inspector(QFrame):
    """Shows what is selected."""

    turned = Signal(str)
    """Another page is shown."""

    def __init__(self, window: Asking, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("inspector")
        self.setMinimumWidth(measures.inspector_least)
        self._window, self._theme = window, theme
        self._pages = {page.key: page for page in load_pages()}
        self._made: dict[str, Any] = {}
        self._tabs: dict[str, QPushButton] = {}
        self._rows: list[Any] = []
        self._noun = "job"
        self.page = "overview"
        """Key of the page that is shown."""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        bar = QFrame()
        bar.setObjectName("tabs")
        bar.setFixedHeight(measures.inspector_tabs)
        row = QHBoxLayout(bar)
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(0)
        for page in self._pages.values():
            tab = self._tabs[page.key] = button(page.title, partial(self.turn, page.key), shape="tab")
            tab.setCheckable(True)
            row.addWidget(tab)
        row.addStretch(1)
        column.addWidget(bar)
        self._stack = QStackedWidget()
        column.addWidget(self._stack, 1)
        self.show_rows([], "job")

    def show_rows(self, rows: list[Any], noun: str) -> None:
        """Show what is selected in a pane."""
        self._rows, self._noun = rows, noun
        kind = self._kind()
        for key, tab in self._tabs.items():
            tab.setVisible(kind in self._pages[key].kinds)
        shown = self.page if kind in self._pages[self.page].kinds else "overview"
        self._show(shown)

    def has_page(self, key: str) -> bool:
        """Say whether there is a page of this key."""
        return key in self._pages

    def turn(self, key: str) -> None:
        """Show a page, and stay with it."""
        self.page = key
        self.show_rows(self._rows, self._noun)
        self.turned.emit(key)

    def take_focus(self) -> None:
        """Take the keyboard: the tab of the page that is shown."""
        shown = self.page if self._tabs[self.page].isVisible() else "overview"
        self._tabs[shown].setFocus(Qt.FocusReason.TabFocusReason)

    def widget(self, key: str) -> Any:
        """Return the widget of a page, made when first asked for."""
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._pages[key].make(self._window, self._theme)
            self._stack.addWidget(made)
        return made

    def _kind(self) -> str:
        for kind, row in KINDS.items():
            if self._rows and isinstance(self._rows[0], row):
                return kind
        return self._noun if self._noun in KINDS else "job"

    def _show(self, key: str) -> None:
        for other, tab in self._tabs.items():
            tab.setChecked(other == key)
        made: QWidget = self.widget(key)
        self._stack.setCurrentWidget(made)
        if self.isVisible() or key == "overview":
            self._made[key].show_rows(self._rows, self._noun)

    def showEvent(self, event: Any) -> None:
        """Catch up."""
        super().showEvent(event)
        self.show_rows(self._rows, self._noun)
