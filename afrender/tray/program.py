"""The tray's program: the icon, its menu and panel, and the idle time of its person, told to the agent.

Rules of this file:
- it decides nothing and holds nothing: what is shown comes from the agent, what is clicked goes there;
- it may end, crash or be quit at any time: tasks go on.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QPoint, Qt, QTimer
from PySide6.QtGui import QAction, QCursor, QFontDatabase, QGuiApplication, QTextCursor
from PySide6.QtWidgets import QApplication, QDialog, QMenu, QMessageBox, QPlainTextEdit, QSystemTrayIcon, QVBoxLayout

from afrender.nimby.idle import IdleProbe, NoIdle, find_idle
from afrender.tray import words
from afrender.tray.channel import AgentChannel
from afrender.tray.look import Theme, menu_style, sign, state_icon, text_style
from afrender.tray.panel import Panel

__all__ = ["Tray", "main"]

IDLE_MS = 1000
"""Milliseconds between two looks at how long nobody touched anything."""

ALONE = 120.0
"""Seconds without an agent after which the tray goes."""

OFFLINE: dict[str, Any] = {"state": "offline"}

_SWITCH = (("free", "Free"), ("nimby", "nimby, only mine"), ("NIMBY", "NIMBY, nothing"))
_EJECT_OTHER = "Eject what is not mine"

LONGEST = 32
"""Letters of a task's name in the menu."""


class Tray(QObject):
    """Icon, menu and panel of the agent in ``folder``. ``ask`` puts a yes-or-no question to the person."""

    def __init__(
        self,
        folder: Path,
        *,
        environment: Mapping[str, str],
        theme: Theme,
        ask: Callable[[str], bool] | None = None,
        quit: Callable[[], None] = QApplication.quit,
    ) -> None:
        super().__init__()
        self.theme = theme
        self.state: Mapping[str, Any] = OFFLINE
        self._environment = environment
        self._ask = ask or self._ask_person
        self._quit = quit
        self._alone_since = time.monotonic()
        self._story: QDialog | None = None
        self._at = QPoint()
        self.channel = AgentChannel(folder, self)
        self.channel.heard.connect(self._heard)
        self.channel.changed.connect(self._connected)
        self.panel = Panel(theme)
        self.panel.order.connect(self.order)
        self.panel.grown.connect(self._place)
        self.panel.shown.connect(lambda shown: self.channel.say(panel=shown))
        self.icon = QSystemTrayIcon(self)
        self.icon.activated.connect(self._clicked)
        self.menu = QMenu()
        self.menu.setStyleSheet(menu_style(theme))
        self._make_menu()
        self.icon.setContextMenu(self.menu)
        self._idle: IdleProbe | None = find_idle(environment)
        self._timer = QTimer(self)
        self._timer.setInterval(IDLE_MS)
        self._timer.timeout.connect(self._look)
        self._timer.start()
        self.show_state(OFFLINE)
        self.icon.show()

    def close(self) -> None:
        """Take everything away."""
        self._timer.stop()
        self.channel.close()
        self.icon.hide()
        self.panel.close()
        if self._idle is not None:
            self._idle.close()

    # -- menu ----------------------------------------------------------------------------------------------------

    def _make_menu(self) -> None:
        self.actions: dict[str, QAction] = {}
        self._head = self.menu.addAction("")
        self._head.triggered.connect(self.open_panel)
        self._running = self.menu.addMenu(sign("running", self.theme), "What runs here")
        self.menu.addSeparator()
        for name, text in _SWITCH:
            self._add(name, text).setCheckable(True)
            self.actions[name].setIcon(state_icon(name, self.theme))
        self._add("undo", "Undo what a rule did", "undo")
        self.menu.addSeparator()
        self._add("eject_other", _EJECT_OTHER, "eject")
        self._add("eject_all", "Eject all…", "eject")
        self.menu.addSeparator()
        self._add("monitor", "Open monitor", "monitors")
        self._add("panel", "Panel", "history")
        self._add("story", "Agent's log", "log")
        self.menu.addSeparator()
        self._add("quit", "Quit tray\ttasks go on", "close")

    def _add(self, name: str, text: str, picture: str = "") -> QAction:
        action = self.menu.addAction(text)
        if picture:
            action.setIcon(sign(picture, self.theme))
        action.triggered.connect(lambda _=False: self.order(name))
        self.actions[name] = action
        return action

    def order(self, name: str) -> None:
        """Do what was clicked."""
        if name == "quit":
            self.close()
            self._quit()
        elif name == "panel":
            self.open_panel()
        elif name == "monitor":
            self._open_monitor()
        elif name == "eject_all" and not self._ask("End every task that runs here? They start anew elsewhere."):
            return
        else:
            self.channel.say(order=name)

    def _ask_person(self, question: str) -> bool:
        return QMessageBox.question(None, "Afwatch render", question) == QMessageBox.StandardButton.Yes

    def _open_monitor(self) -> None:
        program = shutil.which("afwatch", path=self._environment.get("PATH"))
        line = [program] if program else [sys.executable, "-m", "afwatch.main"]
        try:
            subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
        except OSError as error:
            self.icon.showMessage("Afwatch render", f"The monitor cannot be started: {error.strerror}")

    # -- the agent -----------------------------------------------------------------------------------------------

    def _connected(self, is_open: bool) -> None:
        self._alone_since = time.monotonic()
        if not is_open:
            self.show_state({**self.state, **OFFLINE, "tasks": [], "rule": None, "nimby": None})
        elif self.panel.isVisible():
            self.channel.say(panel=True)

    def _heard(self, message: dict[str, Any]) -> None:
        if message.get("leaving"):
            self.close()
            self._quit()
        elif "story" in message:
            self._show_story(message["story"])
        elif "state" in message:
            self.show_state(message)

    def show_state(self, state: Mapping[str, Any]) -> None:
        """Show what the agent told."""
        self.state = state
        name = str(state["state"])
        self.icon.setIcon(state_icon(name, self.theme, edge=True))
        self.icon.setToolTip(words.tooltip(state))
        self._head.setText(words.tooltip(state, LONGEST))
        self._head.setIcon(state_icon(name, self.theme))
        tasks = state.get("tasks", ())
        self._running.setEnabled(bool(tasks))
        self._running.clear()
        for task in tasks:
            name = words.short(f"{task['job']} {task['block']} {task['task']}", LONGEST)
            line = f"{name}\t{task['percent']} %, {words.whose(task, time.time())}"
            self._running.addAction(line).triggered.connect(self.open_panel)
        nimby = state.get("nimby")
        for order, text in _SWITCH:
            chosen = nimby is not None and order == (nimby or "free")
            self.actions[order].setEnabled(nimby is not None)
            self.actions[order].setChecked(chosen)
            self.actions[order].setText(f"{text}\t✓" if chosen else text)
        self.actions["undo"].setEnabled(state.get("rule") is not None)
        others = [task for task in tasks if task["user"] != state.get("user")]
        count = f"\t{len(others)} task{'s' if len(others) > 1 else ''}" if others else ""
        self.actions["eject_other"].setText(f"{_EJECT_OTHER}{count}")
        self.actions["eject_other"].setEnabled(bool(others))
        self.actions["eject_all"].setEnabled(bool(tasks))
        self.actions["story"].setEnabled(self.channel.is_open)
        self.panel.show_state(state)

    def _show_story(self, story: Sequence[Sequence[Any]]) -> None:
        if self._story is None:
            self._story = QDialog(None)
            self._story.setWindowTitle(f"Agent's log: {self.state.get('name', '')}")
            self._story.resize(860, 480)
            text = QPlainTextEdit(self._story)
            text.setReadOnly(True)
            text.setAccessibleName("Agent's log")
            text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
            text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
            text.setStyleSheet(text_style(self.theme))
            rows = QVBoxLayout(self._story)
            rows.setContentsMargins(0, 0, 0, 0)
            rows.addWidget(text)
        edit = self._story.findChild(QPlainTextEdit)
        assert isinstance(edit, QPlainTextEdit)
        edit.setPlainText("\n".join(words.story_line(*line) for line in story))
        edit.moveCursor(QTextCursor.MoveOperation.End)
        self._story.show()
        self._story.raise_()

    # -- the person ----------------------------------------------------------------------------------------------

    def _look(self) -> None:
        if not self.channel.is_open:
            if time.monotonic() - self._alone_since > ALONE:
                self.close()
                self._quit()
            return
        if self._idle is None:
            return
        try:
            self.channel.say(idle=round(self._idle.idle(), 2))
        except NoIdle:
            self._idle.close()
            self._idle = find_idle(self._environment)

    def _clicked(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            if self.panel.isVisible():
                self.panel.hide()
            else:
                self.open_panel()

    def open_panel(self) -> None:
        """Open the panel at the icon, within the screen."""
        box = self.icon.geometry()
        self._at = box.center() if box.isValid() else QCursor.pos()
        self._place()
        self.panel.show()

    def _place(self) -> None:
        """Put the panel at the icon; it grows away from it."""
        at = self._at
        screen = QGuiApplication.screenAt(at) or QGuiApplication.primaryScreen()
        room, size = screen.availableGeometry(), self.panel.size()
        x = max(room.left(), min(at.x() - size.width() // 2, room.right() - size.width()))
        y = at.y() + 12 if at.y() < room.center().y() else at.y() - size.height() - 12
        self.panel.move(QPoint(x, max(room.top(), min(y, room.bottom() - size.height()))))


def main(arguments: Sequence[str]) -> int:
    """Run the tray of the agent whose folder is the last of ``arguments``; return the exit status."""
    if len(arguments) != 2:
        sys.stderr.write("afrender.tray: name the agent's folder\n")
        return 2
    application = QApplication(list(arguments[:1]))
    application.setApplicationName("afrender tray")
    application.setQuitOnLastWindowClosed(False)
    application.setStyle("Fusion")
    dark = QGuiApplication.styleHints().colorScheme() is not Qt.ColorScheme.Light
    tray = Tray(Path(arguments[1]), environment=os.environ, theme=Theme(dark=dark))
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: tray.order("quit"))
    return application.exec()
