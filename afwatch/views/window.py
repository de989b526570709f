"""The main window: sidebar, the pane of the chosen place, inspector, messages, status bar; it answers to actions.

Rules of this file:
- Panes are made when they are first gone to.  An opened job is a pane above its list; Escape goes back.
- Every result and refusal is shown where the person looks (toast, status bar) and kept under Messages.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QByteArray, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QPlainTextEdit,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from afcore.states import Role
from afwatch import words
from afwatch.actions import JOB_ACTIONS, RENDER_ACTIONS
from afwatch.farm import EmbeddedFarm
from afwatch.models.columns import JOBS, RENDERS, USERS
from afwatch.ops.pending import Pending
from afwatch.session import Session
from afwatch.settings import Settings
from afwatch.theme.paint import Theme, colour
from afwatch.theme.tokens import measures
from afwatch.views.ask import ConfirmDialog, NumberDialog
from afwatch.views.closing import ClosingDialog
from afwatch.views.frame import Sidebar, StatusBar
from afwatch.views.inspector import Inspector
from afwatch.views.pane import ListPane
from afwatch.views.parts import Toast, button
from afwatch.views.task import TaskWindow
from afwatch.views.tasks import TasksPane

__all__ = ["MainWindow"]


class _Veil(QWidget):
    """Dims what is old while the connection is lost, and the line of the mode at the top."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._theme = theme
        self.ground, self.strength = "", 0.0

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it."""
        painter = QPainter(self)
        if self.strength:
            painter.setOpacity(self.strength)
            painter.fillRect(self.rect(), colour(self._theme.look.scrim))
            painter.setOpacity(1.0)
        if self.ground:
            painter.fillRect(0, 0, self.width(), 2, colour(self.ground))
        painter.end()


class MainWindow(QMainWindow):
    """The monitor."""

    closing = Signal()

    def __init__(
        self, session: Session, theme: Theme, settings: Settings, *, farm: EmbeddedFarm | None = None
    ) -> None:
        """``farm``: the server is inside this program; closing asks what becomes of it."""
        super().__init__()
        self._farm = farm
        self.asks_before_closing = farm is not None
        self.session, self.theme, self._settings = session, theme, settings
        self.setWindowTitle("Afwatch")
        self.setMinimumSize(960, 600)
        self.resize(1600, 1000)
        self._panes: dict[str, ListPane] = {}
        self._tasks: TasksPane | None = None
        self._task_windows: dict[tuple[int, int, int], TaskWindow] = {}
        self.sidebar = Sidebar(session, theme)
        self.status = StatusBar(session, theme)
        self.inspector = Inspector(session, theme)
        self.inspector.open_job.connect(self.open_job)
        self.inspector.retry.connect(self._retry)
        self._stack = QStackedWidget()
        self.messages = QPlainTextEdit()
        self.messages.setReadOnly(True)
        self.messages.setMaximumBlockCount(2000)
        self.messages.setFixedHeight(160)
        self.messages.setAccessibleName("Messages")
        self.messages.hide()
        self._lay_out()
        self.toast = Toast(theme, self._whole)
        self._veil = _Veil(theme, self._whole)
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
        self._restore()
        self._on_mode()

    def _lay_out(self) -> None:
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._stack, 1)
        column.addWidget(self.messages)
        drawer = QFrame()
        drawer.setObjectName("drawer")
        drawer.setFixedHeight(measures.drawer_bar)
        row = QHBoxLayout(drawer)
        row.setContentsMargins(8, 0, 8, 0)
        self._messages_button = button("Messages", self.toggle_messages, shape="flat", tip="Ctrl+`")
        row.addWidget(self._messages_button)
        row.addStretch(1)
        column.addWidget(drawer)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setHandleWidth(1)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(middle)
        self._splitter.addWidget(self.inspector)
        self._splitter.setStretchFactor(0, 1)
        self._splitter.setStretchFactor(1, 0)
        self._splitter.setSizes([1016, measures.inspector])
        upper = QHBoxLayout()
        upper.setContentsMargins(0, 0, 0, 0)
        upper.setSpacing(0)
        upper.addWidget(self.sidebar)
        upper.addWidget(self._splitter, 1)
        whole = self._whole = QWidget()
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(upper, 1)
        rows.addWidget(self.status)
        self.setCentralWidget(whole)

    def _keys(self) -> None:
        for keys, done, text in (
            ("Ctrl+1", lambda: self.sidebar.go("mine"), "My jobs"),
            ("Ctrl+2", lambda: self.sidebar.go("jobs"), "All jobs"),
            ("Ctrl+3", lambda: self.sidebar.go("farm"), "Farm"),
            ("Ctrl+4", lambda: self.sidebar.go("users"), "Users"),
            ("Ctrl+F", self._search, "Search"),
            ("Ctrl+`", self.toggle_messages, "Messages"),
            ("Ctrl+I", lambda: self.inspector.setVisible(not self.inspector.isVisible()), "Inspector"),
            ("Ctrl+B", lambda: self.sidebar.setVisible(not self.sidebar.isVisible()), "Sidebar"),
            ("Ctrl+T", self._other_scheme, "Light or dark"),
            ("Ctrl++", lambda: self.theme.choose_size(self.theme.size_percent + 10), "Larger text"),
            ("Ctrl+-", lambda: self.theme.choose_size(self.theme.size_percent - 10), "Smaller text"),
            ("Ctrl+0", lambda: self.theme.choose_size(100), "Normal text"),
            ("Esc", self._escape, "Back"),
            ("Ctrl+Q", self.close, "Quit"),
        ):
            act = QAction(text, self)
            act.setShortcut(QKeySequence(keys))
            act.triggered.connect(lambda checked=False, done=done: done())
            self.addAction(act)

    # Places

    def pane(self, key: str) -> ListPane:
        """Return the pane of a place, made when first asked for."""
        made = self._panes.get(key)
        if made is None:
            made = self._panes[key] = self._make(key)
            made.chosen.connect(lambda rows, pane=made: self._on_chosen(pane, rows))
            made.opened.connect(self._on_opened)
            made.told.connect(self.tell_reason)
            self._stack.addWidget(made)
        return made

    def _make(self, key: str) -> ListPane:
        if key == "farm":
            return ListPane(self, self.theme, RENDERS, RENDER_ACTIONS, title="Farm", noun="render",
                            row_height=measures.row_render, lines=2)  # fmt: skip
        if key == "users":
            return ListPane(self, self.theme, USERS, (), title="Users", noun="user",
                            row_height=measures.row_comfortable)  # fmt: skip
        mine = key == "mine"
        return ListPane(
            self, self.theme, JOBS, JOB_ACTIONS, title="My jobs" if mine else "All jobs", noun="job",
            row_height=measures.row_comfortable,
            base=(lambda row: row.user == self.session.user) if mine else None,
        )  # fmt: skip

    def go(self, key: str) -> None:
        """Go to a place of the sidebar."""
        self.sidebar.mark(key)
        self._leave_job()
        pane = self.pane(key)
        self._stack.setCurrentWidget(pane)
        pane.table.setFocus()
        self._settings.put("place", key)
        self._on_chosen(pane, pane.selected())

    def current(self) -> QWidget | None:
        """Return the pane that is shown."""
        return self._stack.currentWidget()

    def open_job(self, job: int) -> None:
        """Show the tasks of a job."""
        self._leave_job()
        self._tasks = TasksPane(self, self.theme, job)
        self._tasks.back.connect(self._escape)
        self._tasks.open_task.connect(self.open_task)
        self._tasks.told.connect(self.status.select)
        self._stack.addWidget(self._tasks)
        self._stack.setCurrentWidget(self._tasks)
        self._tasks.table.setFocus()
        row = self.session.state.jobs.get(job)
        self.inspector.show_rows([row] if row is not None else [], "job")

    def open_task(self, job: int, block: int, task: int) -> TaskWindow:
        """Show a task with its output in a window of its own."""
        key = (job, block, task)
        found = self._task_windows.get(key)
        if found is None:
            found = self._task_windows[key] = TaskWindow(self.session, self.theme, job, block, task, self)
            found.closed.connect(lambda key: self._task_windows.pop(key, None))
        found.show()
        found.raise_()
        return found

    def _leave_job(self) -> None:
        pane, self._tasks = self._tasks, None
        if pane is not None:
            pane.release()
            self._stack.removeWidget(pane)
            pane.deleteLater()

    def _escape(self) -> None:
        if self._tasks is not None:
            self.go(self._settings.text("place", "jobs"))

    def _on_opened(self, row: Any) -> None:
        if row.id in self.session.state.jobs and self.session.state.jobs[row.id] is row:
            self.open_job(row.id)

    def _on_chosen(self, pane: ListPane, rows: list[Any]) -> None:
        if self._stack.currentWidget() is pane:
            self.inspector.show_rows(rows, pane.noun)
            self.status.select(f"{words.number(len(rows))} selected" if rows else "")

    def _search(self) -> None:
        pane: Any = self.current()
        pane.search.setFocus()
        pane.search.selectAll()

    def _retry(self) -> None:
        pane = self.pane(self._settings.text("place", "jobs"))
        action = next(action for action in JOB_ACTIONS if action.key == "retry")
        if self._tasks is not None:
            row = self.session.state.jobs.get(self._tasks.job)
            if row is not None:
                action.run(self, [row])
        else:
            pane.do(action)

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

    def _on_mode(self) -> None:
        self.status.refresh()
        mode = self.session.mode
        self._veil.ground = self.theme.look.modes[mode.name] if mode in (Role.VISOR, Role.GOD) else ""
        self._dim()

    def _dim(self) -> None:
        self._veil.strength = 0.35 if self.session.state.lost_at else 0.0
        self._veil.setGeometry(self._whole.rect().adjusted(0, 0, 0, -measures.status_bar))
        self._veil.raise_()
        self._veil.update()

    def _tick(self) -> None:
        """Clocks tick once a second, only in what is seen."""
        pane = self.current()
        if isinstance(pane, ListPane) and self.session.state.connected and self.isVisible():
            pane.table.viewport().update()

    def _on_said(self, pending: Pending, trouble: str) -> None:
        if trouble and not pending.operation.startswith("task.list"):
            self.note(f"{pending.operation}: {trouble}")

    # Asking (what actions need)

    def confirm(self, deed: str, names: Sequence[str], cost: str, button: str) -> bool:
        """Ask before something that cannot be taken back."""
        dialog = ConfirmDialog(self.theme, self, deed=deed, names=names, cost=cost, act=button)
        try:
            return bool(dialog.exec())
        finally:
            dialog.deleteLater()

    def ask_number(self, title: str, label: str, value: int, least: int, most: int) -> int | None:
        """Ask for a whole number."""
        dialog = NumberDialog(self.theme, self, title=title, text=label, value=value, least=least, most=most)
        try:
            return dialog.field.value() if dialog.exec() else None
        finally:
            dialog.deleteLater()

    def tell_done(self, pending: Pending, sentence: str, undo: Callable[[], Pending] | None = None) -> None:
        """Say what was done as soon as the farm answers, and offer to take it back."""

        def taken_back() -> None:
            assert undo is not None
            self.tell_done(undo(), f"Taken back: {sentence}")

        def done(body: Any) -> None:
            self.toast.say(sentence, undo=taken_back if undo is not None else None)
            self.status.say(sentence)
            self.note(sentence)

        def failed(error: Any) -> None:
            hint = getattr(error, "hint", "")
            self.toast.say(f"{error.sentence} {hint}".strip(), bad=True)
            self.status.say(error.sentence)

        pending.success(done).failure(failed)

    def tell_reason(self, reason: str) -> None:
        """Say why something cannot be done."""
        self.status.say(reason)
        self.note(reason)

    @property
    def offers_agent(self) -> bool:
        """Whether this machine could work for the farm and does not: the server is inside, no agent was started."""
        return self._farm is not None and not self._farm.agent.running

    def start_agent(self) -> None:
        """Let this machine work for the farm, by an agent that is a process of its own."""
        if self._farm is not None:
            self._farm.agent.start()
            self.tell_reason("An agent starts on this machine; it appears under Farm in a moment.")

    def note(self, sentence: str) -> None:
        """Keep a sentence under Messages."""
        self.messages.appendPlainText(f"{time.strftime('%H:%M:%S')}  {sentence}")

    def toggle_messages(self) -> None:
        """Open or close the messages."""
        self.messages.setVisible(not self.messages.isVisible())

    # Looks and places of the window

    def _other_scheme(self) -> None:
        self.theme.choose("light" if self.theme.look.name == "dark" else "dark")
        self._settings.put("scheme", self.theme.look.name)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give up the inspector and then the sidebar where it is narrow."""
        super().resizeEvent(event)
        self._veil.setGeometry(self._whole.rect().adjusted(0, 0, 0, -measures.status_bar))
        if event.oldSize().width() != event.size().width():
            self.inspector.setVisible(event.size().width() >= 1240)
        if self.toast.isVisible():
            self.toast.place()

    def _restore(self) -> None:
        kept = self._settings.text("geometry")
        if kept:
            self.restoreGeometry(QByteArray.fromBase64(kept.encode()))
        place = self._settings.text("place", "jobs")
        self.sidebar.go(place if place in ("mine", "jobs", "farm", "users") else "jobs")
        self.go(place if place in ("mine", "jobs", "farm", "users") else "jobs")

    def _ask_closing(self, farm: EmbeddedFarm) -> bool:
        """Ask what becomes of the farm; False when the window stays."""
        renders = [row for row in self.session.state.renders.values() if "online" in row.words]
        dialog = ClosingDialog(
            self.theme, self, running=sum(row.running for row in renders), renders=len(renders),
            own_agent=farm.agent.running,
        )  # fmt: skip
        try:
            dialog.exec()
            if dialog.ending is not None:
                farm.ending = dialog.ending
            return dialog.ending is not None
        finally:
            dialog.deleteLater()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Keep the window's state and tell the program; ask first when the server is inside."""
        if self.asks_before_closing and self._farm is not None and not self._ask_closing(self._farm):
            event.ignore()
            return
        self._ticker.stop()
        self._settings.put("geometry", bytes(self.saveGeometry().toBase64().data()).decode())
        self._settings.put("text", self.theme.size_percent)
        self._settings.save()
        for found in list(self._task_windows.values()):
            found.close()
        self._leave_job()
        self.closing.emit()
        super().closeEvent(event)
