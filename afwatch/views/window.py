"""The main window: sidebar, the pane of the chosen place, inspector, messages, status bar; it answers to actions.

Rules of this file:
- Panes are made when they are first gone to, and stand as they were left.
- Every result and refusal is shown where the person looks (toast, status bar) and kept under Messages.
"""

from __future__ import annotations

from typing import Any, cast

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from afcore.rows import JobRow
from afcore.states import Role
from afwatch import words
from afwatch.farm import EmbeddedFarm
from afwatch.ops.pending import Pending
from afwatch.outside import Outside
from afwatch.places import load_places, place_of
from afwatch.savedviews import kept_list, load_views
from afwatch.session import Session
from afwatch.settings import Settings
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.theme.tokens import LEVELS, choose_level, measures
from afwatch.timemachine import TimeMachine
from afwatch.views import keeping
from afwatch.views.frame import Sidebar, StatusBar
from afwatch.views.idling import MINUTES, Idling, idle_minutes
from afwatch.views.inspector import Inspector
from afwatch.views.menubar import MenuBar
from afwatch.views.opening import OpeningWindow
from afwatch.views.palette import Palette
from afwatch.views.pane import ListPane
from afwatch.views.parts import Toast, button
from afwatch.views.pastbar import PastBar
from afwatch.views.steps import Walk
from afwatch.views.trayicon import TrayIcon
from afwatch.views.veil import STRENGTH, Band, Veil

__all__ = ["MainWindow"]

_WIDE = 1240
"""Pixels from which on there is room for the inspector beside a list."""


class MainWindow(OpeningWindow):
    """The monitor."""

    closing = Signal()

    def __init__(
        self, session: Session, theme: Theme, settings: Settings, *, farm: EmbeddedFarm | None = None,
        outside: Outside | None = None,
    ) -> None:  # fmt: skip
        """``farm``: the server is inside this program; closing asks what becomes of it."""
        super().__init__()
        self.outside = outside or Outside()
        load_places()
        load_views(settings)
        choose_level(settings.text("names", "brief"))
        self._farm = farm
        self.asks_before_closing = farm is not None
        self.session, self.theme, self._settings = session, theme, settings
        self.setWindowTitle(tr("Afwatch"))
        self.setMinimumSize(960, 600)
        self.resize(1600, 1000)
        self._panes: dict[str, Any] = {}
        self.walk = Walk(self)
        self.wants_inspector = True
        """Whether the person wants the inspector where there is room for it."""
        self.sidebar = Sidebar(session, theme)
        self.status = StatusBar(session, theme)
        self._stack = QStackedWidget()
        self._band = Band(session)
        self.past = TimeMachine(session, self)
        self.past_bar = PastBar(self.past, theme)
        self.messages = QPlainTextEdit()
        self.messages.setReadOnly(True)
        self.messages.setMaximumBlockCount(2000)
        self.messages.setFixedHeight(160)
        self.messages.setAccessibleName(tr("Messages"))
        self.messages.hide()
        self.inspector = Inspector(self, theme)
        self._lay_out()
        self.toast = Toast(theme, self._whole)
        self._veil = Veil(theme, self._whole)
        self._palette = Palette(theme, self._whole)
        self._keys()
        session.changed.connect(self._on_changed)
        session.mode_changed.connect(self._on_mode)
        session.said.connect(self._on_said)
        theme.changed.connect(self._on_mode)
        self._ticker = QTimer(self)
        self._ticker.setInterval(1000)
        self._ticker.timeout.connect(self._tick)
        self._ticker.start()
        self.sidebar.went.connect(self.go)
        self.tray = TrayIcon(self)
        self.idling = Idling(self)
        keeping.come_back(self)
        self._on_mode()

    def _lay_out(self) -> None:
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._band)
        column.addWidget(self.past_bar)
        column.addWidget(self._stack, 1)
        column.addWidget(self.messages)
        drawer = QFrame()
        drawer.setObjectName("drawer")
        drawer.setFixedHeight(measures.drawer_bar)
        row = QHBoxLayout(drawer)
        row.setContentsMargins(8, 0, 8, 0)
        self._messages_button = button(tr("Messages"), self.toggle_messages, shape="flat", tip="Ctrl+`")
        row.addWidget(self._messages_button)
        row.addStretch(1)
        column.addWidget(drawer)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(middle)
        self.splitter.addWidget(self.inspector)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 0)
        self.areas = [1016, measures.inspector]
        """Pixels of the view and of the inspector, when both were seen last."""
        self.splitter.setSizes(self.areas)
        upper = QHBoxLayout()
        upper.setContentsMargins(0, 0, 0, 0)
        upper.setSpacing(0)
        upper.addWidget(self.sidebar)
        upper.addWidget(self.splitter, 1)
        whole = self._whole = QWidget()
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(upper, 1)
        rows.addWidget(self.status)
        self.setCentralWidget(whole)

    def _keys(self) -> None:
        self.menu_bar = MenuBar(self)
        self.setMenuBar(self.menu_bar)
        escape = QAction(tr("Back"), self)
        escape.setShortcut(QKeySequence("Esc"))
        escape.triggered.connect(self.go_back)
        self.addAction(escape)

    # Places

    def pane(self, key: str) -> Any:
        """Return the pane of a place, made when first asked for; KeyError for a place there is not."""
        made = self._panes.get(key)
        if made is None:
            place = place_of(key)
            if place is None:
                raise KeyError(key)
            made = self._panes[key] = cast(Any, place.make(self, self.theme))
            made.chosen.connect(lambda rows, pane=made: self._on_chosen(pane, rows))
            made.opened.connect(self.open_row)
            made.told.connect(self.tell_reason)
            if isinstance(made, ListPane) and not made.view_name:
                view = kept_list(self._settings, key)
                if view is not None:
                    made.come_back(view)
                if view is None or not view.style:
                    made.choose_style(self._settings.text("style", "table"))
            self._stack.addWidget(made)
            self.walk.add_buttons(made)
        return made

    def panes(self) -> list[Any]:
        """Return the panes that were gone to."""
        return list(self._panes.values())

    def go(self, key: str) -> None:
        """Go to a place of the sidebar."""
        place = place_of(key)
        if place is None or place.role > self.session.mode:
            self.tell_reason(tr("{0} is for {1} mode.", place.title if place else key,
                                place.role.name if place else 'nobody'))
            self.sidebar.mark(self.place)
            return
        self.sidebar.mark(key)
        self._leave_job()
        pane = self.pane(key)
        self._settings.put("place", key)
        self._stack.setCurrentWidget(pane)
        pane.focus()
        self._on_chosen(pane, pane.selected())

    @property
    def place(self) -> str:
        """Key of the place that is gone to."""
        return self._settings.text("place", "jobs")

    def current(self) -> QWidget | None:
        """Return the pane that is shown."""
        return self._stack.currentWidget()

    def show_past(self) -> None:
        """Show the farm as it was, with a slider, or go back to now."""
        if self._tasks is not None or self._page is not None:
            self.go(self._settings.text("place", "jobs"))
        if self.past.on:
            self.past.turn_off()
        else:
            self.past.turn_on()
            self.past_bar.slider.setFocus()

    def selected(self) -> list[Any]:
        """Return what is selected where the person looks."""
        pane: Any = self.current()
        if self._tasks is not None and pane is self._tasks:
            row = self.session.state.jobs.get(self._tasks.job)
            return [row] if row is not None else []
        return list(pane.selected()) if pane is not None else []

    def _on_chosen(self, pane: Any, rows: list[Any]) -> None:
        if self.current() == pane:
            self.inspector.show_rows(rows, pane.noun)
            if pane is not self._page:
                self.walk.visit(chosen=rows[0].id if rows else -1)
            self.status.select(tr("{0} selected", words.number(len(rows))) if rows else "")

    @property
    def settings(self) -> Settings:
        """What the window remembers."""
        return self._settings

    def places_changed(self, key: str) -> None:
        """Places came or went: show them, and go to one."""
        pane = self._panes.pop(key, None)
        if pane is not None:
            self._stack.removeWidget(pane)
            pane.deleteLater()
        self.sidebar.refresh()
        self.go(key)

    def begin_search(self) -> None:
        """Put the keyboard into the search line of what is shown."""
        pane: Any = self.current()
        pane.begin_search()

    def turn_inspector(self, page: str) -> None:
        """Show a page of the inspector."""
        self.wants_inspector = True
        self.inspector.setVisible(True)
        self.inspector.turn(page)

    def toggle_inspector(self) -> None:
        """Show or hide the inspector."""
        self.wants_inspector = not self.inspector.isVisible()
        if not self.wants_inspector:
            self.areas = self.splitter.sizes()
        self.inspector.setVisible(self.wants_inspector)

    def toggle_sidebar(self) -> None:
        """Show or hide the places."""
        self.sidebar.setVisible(not self.sidebar.isVisible())

    def choose_style(self, style: str) -> None:
        """Show rows of every list in a style, or in the table's where they have it already."""
        before = self._settings.text("style", "table")
        chosen = "table" if before == style else style
        self._settings.put("style", chosen)
        for pane in self._panes.values():
            if isinstance(pane, ListPane):
                pane.choose_style(chosen)
        if self._tasks is not None:
            self._tasks.choose_style(chosen)

    def next_level(self) -> None:
        """Say names in the next of the three levels: in full, brief, abbreviated."""
        before = self._settings.text("names", "brief")
        level = LEVELS[(LEVELS.index(before) + 1) % len(LEVELS)] if before in LEVELS else "brief"
        self._settings.put("names", level)
        choose_level(level)
        self.theme.changed.emit()
        said = {"full": tr("in full"), "brief": tr("in brief"), "abbreviated": tr("abbreviated")}[level]
        self.tell_reason(tr("Names are {0}.", said))

    def next_area(self) -> None:
        """Move the keyboard to the next area: places, search, table, inspector."""
        pane: Any = self.current()
        areas: list[QWidget] = [self.sidebar.view, pane.search, pane.table, self.inspector]
        focused = self.focusWidget()
        place = next((at for at, area in enumerate(areas) if focused is area or area.isAncestorOf(focused)), -1)
        following = areas[(place + 1) % len(areas)]
        if following is self.inspector:
            self.inspector.take_focus()
        else:
            following.setFocus(Qt.FocusReason.TabFocusReason)

    # What happens

    def _on_changed(self, changes: Any) -> None:
        if changes.connection:
            self.status.refresh()
            self._dim()
            if "mine" in self._panes:
                self._panes["mine"].model.reload()
        if self._tasks is not None and self._tasks.job in changes.changed.get("jobs", ()):
            row = self.session.state.jobs.get(self._tasks.job)
            if row is not None:
                self.inspector.show_rows([row], "job")
        if "notices" in changes.changed or "notices" in changes.gone:
            self.status.refresh()

    def _on_mode(self) -> None:
        self.status.refresh()
        mode = self.session.mode
        self._veil.ground = self.theme.look.modes[mode.name] if mode in (Role.VISOR, Role.GOD) else ""
        self._dim()
        place = place_of(self.place)
        if place is not None and place.role > mode and self.session.state.connected:
            self.go("jobs")

    def _dim(self) -> None:
        self._band.refresh()
        self._veil.strength = STRENGTH if self.session.state.lost_at else 0.0
        self._veil.setGeometry(self._whole.rect().adjusted(0, 0, 0, -measures.status_bar))
        at = self._band.mapTo(self._whole, QPoint(0, 0))
        self._veil.spared = QRect(at, QSize(self._band.width(), 32)) if self.session.state.lost_at else QRect()
        self._veil.raise_()
        self._veil.update()

    def _tick(self) -> None:
        """Clocks tick once a second, only in what is seen."""
        pane = self.current()
        if isinstance(pane, ListPane) and self.session.state.connected and self.isVisible():
            pane.tick()

    def _on_said(self, pending: Pending, trouble: str) -> None:
        if trouble and not pending.operation.startswith("task.list"):
            self.note(f"{pending.operation}: {trouble}")

    # Messages

    def toggle_messages(self) -> None:
        """Open or close the messages."""
        self.messages.setVisible(not self.messages.isVisible())

    # Looks and places of the window

    def other_scheme(self) -> None:
        """Turn from dark to light or back."""
        self.theme.choose("light" if self.theme.look.name == "dark" else "dark")
        self._settings.put("scheme", self.theme.look.name)

    def changeEvent(self, event: QEvent) -> None:
        """Whoever comes to the window has seen what happened."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.ActivationChange and self.isActiveWindow() and hasattr(self, "tray"):
            self.tray.looked()

    def hear_about(self, rows: list[JobRow]) -> None:
        """Be told when jobs are done or fail, or not any more."""
        notices, user = self.tray.notices, self.session.user
        wanted = not all(notices.is_wanted(row, user) for row in rows)
        for row in rows:
            notices.choose(row, user, wanted)
        self.tray.keep()
        whom = words.plural(len(rows), "job") if len(rows) > 1 else rows[0].name
        self.tell_reason(tr("You {0} be told when {1} is done or fails.", 'will' if wanted else 'will not', whom))

    def toggle_idling(self) -> None:
        """Go back to USER by itself when nobody touches the monitor, or stay in the mode that was chosen."""
        self._settings.put("idle_minutes", 0 if idle_minutes(self) else MINUTES)
        self._settings.save()
        self.idling.arm()
        minutes = idle_minutes(self)
        after = words.plural(minutes, "minute")
        self.tell_reason(tr("The mode goes back to USER after {0} without a touch.", after) if minutes
                         else tr("The mode stays as it is chosen, however long nobody touches the monitor."))

    def toggle_setting(self, name: str, default: bool, said: str) -> None:
        """Turn a choice of the window on or off."""
        on = not self._settings.flag(name, default)
        self._settings.put(name, on)
        self._settings.save()
        self.tell_reason(f"{said} {'on' if on else 'off'}.")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give up the inspector and then the sidebar where it is narrow."""
        super().resizeEvent(event)
        self._veil.setGeometry(self._whole.rect().adjusted(0, 0, 0, -measures.status_bar))
        if event.oldSize().width() != event.size().width():
            self.inspector.setVisible(self.wants_inspector and event.size().width() >= _WIDE)
        if self.toast.isVisible():
            self.toast.place()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Keep the window's state and tell the program; ask first when the server is inside."""
        if self.asks_before_closing and self._farm is not None and not self.ask_closing(self._farm):
            event.ignore()
            return
        self._ticker.stop()
        keeping.keep(self)
        for found in list(self._task_windows.values()):
            found.close()
        self._leave_job()
        self.closing.emit()
        super().closeEvent(event)
