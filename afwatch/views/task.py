"""The window of one task: what it is, how it stands, its command, and its output, live while it runs.

Rules of this file:
- A running task is followed; of one that is over the newest kept log is read, its end first.
- At most a few megabytes of output are held; what is left out is said.
- What is done here is told here, and can be taken back here; the window follows its task wherever it was opened from.
"""

from __future__ import annotations

import codecs
from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QFont, QKeySequence, QResizeEvent, QTextCursor
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from afcore.errors import AfError
from afcore.states import TaskState
from afwatch import words
from afwatch.acts.files import FOLDER_KEY, add_files_menu, show_files
from afwatch.changes import ChangeSet, Lines
from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.theme.tokens import state_look
from afwatch.views.output import OutputText
from afwatch.views.parts import Glyph, Shrinking, Toast, button, label
from afwatch.views.taskdeeds import IN_WINDOW, TASK_ACTIONS, add_keys, do_to_tasks, reason_against_tasks
from afwatch.views.taskpages import CommandPage, FilesPage, RunsPage
from afwatch.views.why import WhyPage

__all__ = ["TaskWindow"]

_KEPT_BYTES = 262_144
_MOST_LINES = 50_000
_AGAIN_MS = 1000
"""How seldom the task is asked for anew while only its job is known to have changed."""


class TaskWindow(QWidget):
    """One task."""

    closed = Signal(object)

    def __init__(self, session: Session, theme: Theme, job: int, block: int, task: int, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.key = (job, block, task)
        self._session, self._theme = session, theme
        window: Any = parent
        self._window = window
        self._following = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._run = 0
        self._state = ""
        self._output_of = ("", 0)
        """The state and run of which the output was asked for."""
        self.setObjectName("inspector")
        self.resize(1040, 720)
        self._glyph = Glyph(theme)
        self._word = label()
        self._title = Shrinking(tr("task {0}", task), tone="", fills=False)
        self._facts = label(tone="help")
        self._facts.setWordWrap(True)
        self._facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._command = QPlainTextEdit()
        self._command.setReadOnly(True)
        self._command.setAccessibleName(tr("Command"))
        self._command.setMaximumHeight(64)
        self.output = OutputText(theme)
        self.output.setAccessibleName(tr("Output"))
        self.output.setMaximumBlockCount(_MOST_LINES)
        self.output.setLineWrapMode(OutputText.LineWrapMode.NoWrap)
        self._note = label(tone="quiet")
        self._follow_end = QCheckBox(tr("Stay at the end"))
        self._follow_end.setChecked(True)
        self._find = QLineEdit()
        self._find.setPlaceholderText(tr("Find in the output, Enter for the next"))
        self._find.setAccessibleName(tr("Find in the output"))
        self._find.returnPressed.connect(self._find_next)
        self._tabs: dict[str, QPushButton] = {}
        self._stack = QStackedWidget()
        self._row: dict[str, Any] = {}
        self.runs = RunsPage(session, theme, self.show_run)
        self.command = CommandPage(session, theme)
        self.files = FilesPage(session, theme)
        self.why = WhyPage(self._window, theme)
        self.toast = Toast(theme, self)
        self._deeds: dict[str, QPushButton] = {}
        self._again_soon = QTimer(self)
        self._again_soon.setSingleShot(True)
        self._again_soon.setInterval(_AGAIN_MS)
        self._again_soon.timeout.connect(self._look)
        self._lay_out()
        self._add_keys()
        session.changed.connect(self._on_changed)
        session.mode_changed.connect(self._enable)
        theme.changed.connect(self._on_theme)
        self._on_theme()
        self.reload()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(10)
        head = QHBoxLayout()
        for part in (self._glyph, self._word, self._title):
            head.addWidget(part)
        head.addStretch(1)
        for action, title, icon, key, tip in TASK_ACTIONS:
            if action in IN_WINDOW:
                deed = self._deeds[action] = button(title, partial(self.do, action), icon=self._theme.icon(icon))
                deed.setToolTip(f"{tip} ({key})")
                head.addWidget(deed)
        self._folder = button(tr("Open folder"), partial(show_files, self._window, self.key),
                              icon=self._theme.icon("folder"), tip=tr("The folder of its files ({0})", FOLDER_KEY))
        self._again = button(tr("Read again"), self.reload, icon=self._theme.icon("restart"),
                             tip=tr("Read the newest output (F5)"))
        self._more = button("", self._more_menu, icon=self._theme.icon("more"), tip=tr("Every action"))
        for other in (self._folder, self._again, self._more):
            head.addWidget(other)
        column.addLayout(head)
        column.addWidget(self._facts)
        column.addWidget(self._command)
        tabs = QHBoxLayout()
        tabs.setSpacing(2)
        titles = {"output": tr("Output"), "runs": tr("Runs"), "command": tr("Command"), "files": tr("Files"),
                  "why": tr("Why not running")}  # fmt: skip
        for key, title in titles.items():
            tab = self._tabs[key] = button(title, partial(self.turn, key), shape="tab")
            tab.setCheckable(True)
            tabs.addWidget(tab)
        tabs.addStretch(1)
        column.addLayout(tabs)
        tools = QFrame()
        row = QHBoxLayout(tools)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._find, 1)
        row.addWidget(self._follow_end)
        page = QWidget()
        inner = QVBoxLayout(page)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(10)
        inner.addWidget(tools)
        inner.addWidget(self.output, 1)
        inner.addWidget(self._note)
        self._pages = {"output": page, "runs": self.runs, "command": self.command, "files": self.files,
                       "why": self.why}  # fmt: skip
        for each in self._pages.values():
            self._stack.addWidget(each)
        column.addWidget(self._stack, 1)
        self.turn("output")
        self.output.setFocus()

    def _add_keys(self) -> None:
        add_keys(self, self.do, (
            ("Ctrl+Z", self._window.undo), ("Ctrl+Y", partial(self.turn, "why")), ("F5", self.reload),
            (FOLDER_KEY, partial(show_files, self._window, self.key)), ("Ctrl+W", self.close),
        ), context=Qt.ShortcutContext.WindowShortcut)  # fmt: skip
        find = QAction(tr("Find in the output"), self)
        find.setShortcut(QKeySequence("Ctrl+F"))
        find.triggered.connect(self._begin_find)
        self.addAction(find)

    def _begin_find(self) -> None:
        self.turn("output")
        self._find.setFocus()
        self._find.selectAll()

    def _on_theme(self) -> None:
        self._title.setFont(self._theme.font("title2"))
        self._word.setFont(self._theme.font("strong"))
        mono: QFont = self._theme.font("mono")
        self.output.setFont(mono)
        self._command.setFont(mono)
        self._folder.setIcon(self._theme.icon("folder"))
        self._again.setIcon(self._theme.icon("restart"))
        self._more.setIcon(self._theme.icon("more"))
        for action, _, icon, _, _ in TASK_ACTIONS:
            if action in self._deeds:
                self._deeds[action].setIcon(self._theme.icon(icon))
        if self._state:
            self._show_state(self._state)

    # What is shown

    def turn(self, key: str) -> None:
        """Show a page: output, runs, command, files or why."""
        for other, tab in self._tabs.items():
            tab.setChecked(other == key)
        self._stack.setCurrentWidget(self._pages[key])
        if key == "runs":
            self.runs.load(self.key)
        elif key == "files":
            self.files.load(self.key)
        elif key == "command" and self._row:
            self.command.load(self.key, self._row)
        elif key == "why":
            self.why.load(self.key)

    def show_run(self, run: int) -> None:
        """Show the output of one earlier run."""
        self.turn("output")
        self._leave()
        self.output.clear()
        job, block, task = self.key
        self._note.setText(tr("Reading…"))
        pending = self._session.ask("task.log", job=job, block=block, task=task, run=run, offset=-_KEPT_BYTES,
                                    limit=_KEPT_BYTES)  # fmt: skip
        pending.success(self._on_log).failure(self._failed)

    def reload(self) -> None:
        """Ask for the task and its output anew."""
        self._output_of = ("", 0)
        self._look()

    def _look(self) -> None:
        """Ask how the task stands; its output is read only when it has begun or ended another run."""
        job, block, task = self.key
        pending = self._session.ask("task.show", job=job, block=block, task=task)
        pending.success(lambda body: self._show(body["row"])).failure(self._failed)

    def _show(self, row: dict[str, Any]) -> None:
        job, block, task = self.key
        self._row = row
        state = row["state"].upper()
        self._show_state(state)
        known = self._session.state.jobs.get(job)
        name = known.name if known is not None else tr("job {0}", job)
        where = known.blocks[block].name if known is not None else tr("block {0}", block)
        self._title.setText(row["name"])
        self.setWindowTitle(f"{row['name']} · {where} · {name}")
        now = self._session.clock()
        took = ""
        if row["started"]:
            end = row["finished"] if row["finished"] >= row["started"] else now
            length = words.duration(end - row["started"]) if end > row["started"] else tr("less than 1 s")
            took = tr("took {0}", length) if end != now else length
        facts = [
            name, where, tr("on {0}", row['render']) if row["render"] else "", words.plural(row["starts"], "start"),
            words.plural(row["errors"], "error") if row["errors"] else "",
            tr("started {0}", words.clock_text(row['started'], now)) if row["started"] else "", took,
        ]  # fmt: skip
        self._facts.setText(" · ".join(fact for fact in facts if fact))
        self._facts.setToolTip("\n".join(fact for fact in facts if fact))
        command = row["command"]
        self._command.setPlainText(command if isinstance(command, str) else " ".join(command))
        if self._stack.currentWidget() is self.why and state != self._state:
            self.why.load(self.key)
        self._state, self._run = state, row["starts"]
        if self._output_of != (state, row["starts"]):
            self._output_of = (state, row["starts"])
            self._begin_output(state, row["starts"])
        self._enable()

    def _show_state(self, state: str) -> None:
        shown = state_look("task", state)
        ink = self._theme.look.families[shown.family].ink
        self._glyph.show_icon(shown.glyph, ink)
        self._word.setText(shown.word)
        self._word.setStyleSheet(f"color: {ink};")

    def _begin_output(self, state: str, run: int) -> None:
        self._leave()
        self.output.clear()
        self._decoder.reset()
        job, block, task = self.key
        if not run:
            self._note.setText(tr("Not started yet. {0}.", state_look('task', state).full))
        elif state == "RUNNING":
            self._note.setText(tr("Output of run {0}, as it comes.", run))
            self._following = self._session.follow(job, block, task, 0, self._on_lines)
        else:
            self._note.setText(tr("Reading…"))
            pending = self._session.ask("task.log", job=job, block=block, task=task, offset=-_KEPT_BYTES,
                                        limit=_KEPT_BYTES)  # fmt: skip
            pending.success(self._on_log).failure(self._failed)

    def _on_log(self, body: dict[str, Any]) -> None:
        self.output.setPlainText(body["text"])
        left_out = body["offset"]
        note = tr("Output of run {0}, {1} bytes.", body['run'], words.number(body['size']))
        if left_out > 0:
            note += tr(" The first {0} are left out here.", words.number(left_out))
        self._note.setText(note if body["size"] else tr("Run {0} wrote nothing.", body['run']))
        self._to_end()

    def _on_lines(self, lines: Lines | AfError) -> None:
        if isinstance(lines, AfError):
            self._following = 0
            self._failed(lines)
            return
        cursor = QTextCursor(self.output.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(self._decoder.decode(lines.data, lines.last))
        self._to_end()
        if lines.last:
            self._following = 0
            self._note.setText(tr("Output of run {0}. The run is over.", lines.run))

    def _to_end(self) -> None:
        if self._follow_end.isChecked():
            scroll = self.output.verticalScrollBar()
            scroll.setValue(scroll.maximum())

    def _failed(self, error: AfError) -> None:
        self._note.setText(f"{error.sentence} {getattr(error, 'hint', '')}".strip())

    def _find_next(self) -> None:
        text = self._find.text()
        if text and not self.output.find(text):
            self.output.moveCursor(QTextCursor.MoveOperation.Start)
            if not self.output.find(text):
                self._note.setText(tr("The output has no \"{0}\".", text))

    # What can be done to it

    def _reason(self) -> str:
        return reason_against_tasks(self._session, self._session.state.jobs.get(self.key[0]), 1)

    def _enable(self) -> None:
        reason = self._reason()
        for action, _, _, key, tip in TASK_ACTIONS:
            if action in self._deeds:
                self._deeds[action].setEnabled(not reason)
                self._deeds[action].setToolTip(f"{tip} ({key})" + (f"\n{reason}" if reason else ""))

    def do(self, action: str) -> None:
        """Do an action to the task, or say why not."""
        reason = self._reason()
        if reason:
            self.toast.say(reason, bad=True)
            return
        job, block, task = self.key
        done = int(self._state == "DONE")
        sent = do_to_tasks(self._window, action, job, block, [task], done=done, names=[self._row.get("name", "")])
        if sent is not None:
            pending, said = sent
            pending.success(partial(self._done, said, pending.initiator)).failure(self._refused)

    def _done(self, said: str, token: str, body: Any) -> None:
        self.toast.say(said, undo=partial(self._window.undo, token))
        self._again_soon.start()

    def _refused(self, error: AfError) -> None:
        self.toast.say(f"{error.sentence} {getattr(error, 'hint', '')}".strip(), bad=True)

    def _more_menu(self) -> None:
        menu = self.build_menu()
        menu.exec(self._more.mapToGlobal(QPoint(0, self._more.height())))
        menu.deleteLater()

    def build_menu(self) -> QMenu:
        """Return the menu of everything that can be done to the task."""
        menu, reason = QMenu(self), self._reason()
        menu.setToolTipsVisible(True)
        for action, title, icon, key, tip in TASK_ACTIONS:
            entry = menu.addAction(self._theme.icon(icon), f"{title}\t{key}", partial(self.do, action))
            entry.setEnabled(not reason)
            entry.setToolTip(reason or tip)
        menu.addSeparator()
        add_files_menu(self._window, menu, self.key)
        return menu

    # Changes

    def _on_changed(self, changes: ChangeSet) -> None:
        job, block, task = self.key
        if changes.connection:
            self._enable()
        opened = self._session.state.opened.get(job)
        if opened is not None and block in opened.blocks:
            if any(part.job == job and part.block == block and part.first <= task < part.end for part in changes.tasks):
                columns = opened.blocks[block].columns
                state = _state_of(int(columns["state"][task]))
                if (state, int(columns["starts"][task])) != (self._state, self._run):
                    self._look()
        elif job in changes.changed.get("jobs", ()) and not self._again_soon.isActive():
            # Nobody has the job's tasks open: something of it changed, perhaps this task.
            self._again_soon.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep what was said at its place."""
        super().resizeEvent(event)
        if self.toast.isVisible():
            self.toast.place()

    def _leave(self) -> None:
        if self._following:
            self._session.unfollow(self._following)
            self._following = 0

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop following."""
        self._leave()
        self._again_soon.stop()
        self._session.changed.disconnect(self._on_changed)
        self._session.mode_changed.disconnect(self._enable)
        self._theme.changed.disconnect(self._on_theme)
        self.closed.emit(self.key)
        super().closeEvent(event)
        self.deleteLater()


def _state_of(number: int) -> str:
    """Return the name of a task's state."""
    return TaskState(number).name
