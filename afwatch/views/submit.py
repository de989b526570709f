"""The dialog that submits a job: at the left what to render, at the right what will be sent and what is wrong with it.

Rules of this file:
- Nothing is sent while something is wrong; what is wrong is said as it is typed, by the code that the server uses.
- What was typed is kept in the settings, and recent scenes are offered again.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from afcore.errors import AfError
from afwatch import words
from afwatch.models.submission import Preview, Submission
from afwatch.session import Session
from afwatch.settings import Settings
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.views.parts import Choice, NumberField, Shrinking, button, label

if TYPE_CHECKING:
    from afwatch.views.window import MainWindow

__all__ = ["SubmitDialog", "open_submit_dialog"]

_RECENT = 10


class SubmitDialog(QDialog):
    """Submits one job."""

    def __init__(
        self, session: Session, theme: Theme, settings: Settings, parent: QWidget | None = None, scene: str = ""
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Submit a job"))
        self.resize(1080, 752)
        self._session, self._theme, self._settings = session, theme, settings
        self.submitted = 0
        """Id of the job that was taken; 0 while none was."""
        self.fields: dict[str, Any] = {}
        self._labels: dict[str, QWidget] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._form(), 3)
        row.addWidget(self._sent(), 2)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(120)
        self._timer.timeout.connect(self.refresh)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self, self.submit)
        self._remembered(scene)
        self.refresh()
        self.fields["scene" if self._kind() == "scene" else "command"].setFocus()

    # The form

    def _form(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(12)
        title = label(tr("Submit a job"))
        title.setFont(self._theme.font("title2"))
        column.addWidget(title)
        kinds = QHBoxLayout()
        kinds.setSpacing(2)
        self._kinds = {}
        for kind, text in (("scene", tr("A scene")), ("command", tr("A command"))):
            made = button(text, partial(self._turn, kind), shape="segment")
            made.setCheckable(True)
            self._kinds[kind] = made
            kinds.addWidget(made)
        kinds.addStretch(1)
        column.addLayout(kinds)
        scene = Choice(self._theme)
        scene.setEditable(True)
        scene.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        scene.editTextChanged.connect(self._later)
        browse = button(tr("Browse…"), self._browse, icon=self._theme.icon("folder", self._theme.look.text2))
        grid = self._section(column, tr("What"))
        self._put(grid, 0, "scene", tr("Scene"), scene, browse)
        self._line(grid, 1, "command", tr("Command"), tr("render -f @#@ scene"))
        self._line(grid, 2, "node", tr("Node"))
        self._line(grid, 3, "take", tr("Take"))
        self._line(grid, 4, "output", tr("Output"), tr("instead of what the scene says; #### for the frame"))
        self._line(grid, 5, "files", tr("Images"), tr("written images, for previews: beauty.####.exr"))
        self._line(grid, 6, "arguments", tr("Arguments"), tr("further arguments of the program"))
        grid = self._section(column, tr("Frames"))
        numbers = QHBoxLayout()
        numbers.setSpacing(8)
        for name, text, least in (("first", tr("from"), -999_999), ("last", tr("to"), -999_999),
                                  ("by", tr("every"), 1),
                                  ("per_task", tr("a task"), 1)):  # fmt: skip
            numbers.addWidget(label(text, tone="quiet"))
            numbers.addWidget(self._number(name, least, 999_999, {"per_task": tr("Frames per task")}.get(name, text)))
        numbers.addStretch(1)
        grid.addWidget(label(tr("Range"), tone="help"), 0, 0)
        grid.addLayout(numbers, 0, 1, 1, 2)
        grid = self._section(column, tr("How"))
        self._line(grid, 0, "name", tr("Name"), tr("of the job; else the scene's"))
        state = self._session.state
        self._choice(grid, 1, "service", tr("Service"), ["", *sorted({block.service for row in state.jobs.values()
                                                                 for block in row.blocks})])  # fmt: skip
        more = QHBoxLayout()
        more.setSpacing(8)
        more.addWidget(self._number("priority", 0, 250, tr("Priority")))
        more.addWidget(label(tr("capacity"), tone="quiet"))
        more.addWidget(self._number("capacity", -1, 1_000_000, tr("Capacity")))
        more.addWidget(label(tr("most at once"), tone="quiet"))
        more.addWidget(self._number("max_running_tasks", -1, 1_000_000, tr("Most tasks at once")))
        more.addStretch(1)
        grid.addWidget(label(tr("Priority"), tone="help"), 2, 0)
        grid.addLayout(more, 2, 1, 1, 2)
        self._choice(grid, 3, "pool", tr("Pool"), ["", *sorted(row.path for row in state.pools.values())])
        self._choice(grid, 4, "branch", tr("Branch"), ["", *sorted(row.path for row in state.branches.values())])
        self._line(grid, 5, "hosts_mask", tr("Hosts"), tr("regular expression; empty for all"))
        self._line(grid, 6, "depend_mask", tr("After jobs"),
                   tr("regular expression of your jobs that must be done first"))
        column.addStretch(1)
        return page

    def _section(self, column: QVBoxLayout, title: str) -> QGridLayout:
        head = label(title)
        head.setFont(self._theme.font("title3"))
        head.setContentsMargins(0, 4, 0, 0)
        column.addWidget(head)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        grid.setColumnMinimumWidth(0, 96)
        grid.setColumnStretch(1, 1)
        column.addLayout(grid)
        return grid

    def _put(self, grid: QGridLayout, place: int, name: str, text: str, field: QWidget,
             beside: QWidget | None = None) -> None:  # fmt: skip
        field.setAccessibleName(text)
        said = label(text, tone="help")
        self._labels[name] = said
        self.fields[name] = field
        grid.addWidget(said, place, 0)
        grid.addWidget(field, place, 1, 1, 1 if beside is not None else 2)
        if beside is not None:
            grid.addWidget(beside, place, 2)
            self._labels[f"{name}:beside"] = beside

    def _line(self, grid: QGridLayout, place: int, name: str, text: str, hint: str = "") -> None:
        line = QLineEdit()
        line.setPlaceholderText(hint)
        line.textChanged.connect(self._later)
        self._put(grid, place, name, text, line)

    def _choice(self, grid: QGridLayout, place: int, name: str, text: str, options: list[str]) -> None:
        choice = Choice(self._theme)
        choice.setEditable(True)
        choice.addItems(options)
        choice.editTextChanged.connect(self._later)
        self._put(grid, place, name, text, choice)

    def _number(self, name: str, least: int, most: int, text: str) -> QSpinBox:
        number = NumberField()
        number.setRange(least, most)
        number.setAccessibleName(text)
        number.setMinimumWidth(76)
        number.valueChanged.connect(self._later)
        self.fields[name] = number
        return number

    # What will be sent

    def _sent(self) -> QFrame:
        side = QFrame()
        side.setObjectName("inspector")
        column = QVBoxLayout(side)
        column.setContentsMargins(20, 20, 20, 16)
        column.setSpacing(10)
        head = label(tr("What will be sent"))
        head.setFont(self._theme.font("title3"))
        column.addWidget(head)
        self._counts = label("", tone="help")
        column.addWidget(self._counts)
        self._commands: dict[str, QPlainTextEdit] = {}
        for key, text in (("first", tr("First command")), ("last", tr("Last command"))):
            column.addWidget(label(text, tone="quiet"))
            shown = QPlainTextEdit()
            shown.setReadOnly(True)
            shown.setFont(self._theme.font("mono"))
            shown.setFixedHeight(72)
            shown.setAccessibleName(text)
            self._commands[key] = shown
            column.addWidget(shown)
        self._file = Shrinking()
        column.addWidget(self._file)
        checks = label(tr("Checks"))
        checks.setFont(self._theme.font("strong"))
        column.addWidget(checks)
        self.checks = label()
        self.checks.setWordWrap(True)
        self.checks.setAlignment(Qt.AlignmentFlag.AlignTop)
        column.addWidget(self.checks, 1)
        self._paused = QCheckBox(tr("Submit paused"))
        self.fields["paused"] = self._paused
        row = QHBoxLayout()
        row.addWidget(self._paused)
        row.addStretch(1)
        row.addWidget(button(tr("Cancel"), self.reject))
        self._submit = button(tr("Submit"), self.submit, role="main", tip="Ctrl+Enter")
        self._submit.setDefault(True)
        row.addWidget(self._submit)
        column.addLayout(row)
        return side

    def _later(self, *changed: object) -> None:
        self._timer.start()

    def _kind(self) -> str:
        return "command" if self._kinds["command"].isChecked() else "scene"

    def _turn(self, kind: str) -> None:
        for each, made in self._kinds.items():
            made.setChecked(each == kind)
        self.refresh()

    def submission(self) -> Submission:
        """Return what is filled in."""
        values: dict[str, Any] = {"kind": self._kind(), "user": self._session.user}
        for name, field in self.fields.items():
            if isinstance(field, QSpinBox):
                values[name] = field.value()
            elif isinstance(field, QComboBox):
                values[name] = field.currentText().strip()
            elif isinstance(field, QCheckBox):
                values[name] = field.isChecked()
            else:
                values[name] = field.text().strip()
        values["path"] = values.pop("scene")
        return Submission(**values)

    def refresh(self) -> None:
        """Show what would be sent now."""
        wanted = self.submission()
        node, take = wanted.labels()
        scene = wanted.kind == "scene"
        for name, shown in (("scene", scene), ("scene:beside", scene), ("command", not scene),
                            ("node", scene and bool(node)), ("take", scene and bool(take)), ("output", scene),
                            ("arguments", scene)):  # fmt: skip
            self._labels[name].setVisible(shown)
            if name in self.fields:
                self.fields[name].setVisible(shown)
        for name, text in (("node", node), ("take", take)):
            said: Any = self._labels[name]
            said.setText(tr(text or name.capitalize()))
        self._show(wanted.preview())

    def _show(self, found: Preview) -> None:
        look = self._theme.look
        if found.problems:
            self.checks.setText("\n".join(f"✕  {_said(problem)}" for problem in found.problems))
            self.checks.setStyleSheet(f"color: {look.families['bad'].ink};")
            self._counts.setText(tr("Not yet: something is missing."))
        else:
            self.checks.setText(tr("✓  The farm would take it as it is."))
            self.checks.setStyleSheet(f"color: {look.families['good'].ink};")
            self._counts.setText(tr("{0} in {1}", words.plural(found.frames, 'frame'), words.plural(found.tasks,
                                                                                                    'task')))
        for key, text in (("first", found.first), ("last", found.last)):
            self._commands[key].setPlainText(text)
        self._file.setText(tr("Writes {0}", found.files) if found.files else "")
        self._submit.setEnabled(not found.problems and self._session.state.connected)

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("The scene to render"))
        if path:
            self.fields["scene"].setEditText(path)

    # Sending and remembering

    def submit(self) -> None:
        """Send it; the dialog closes when the farm has taken it."""
        wanted = self.submission()
        found = wanted.preview()
        if found.problems:
            self._show(found)
            return
        self._submit.setEnabled(False)
        pending = self._session.ask("job.submit", job=found.job)
        pending.success(lambda body: self._taken(wanted, body)).failure(self._refused)

    def _taken(self, wanted: Submission, body: dict[str, Any]) -> None:
        self.submitted = int(body["id"])
        self._remember(wanted)
        self.accept()

    def _refused(self, error: AfError) -> None:
        problems = [_said(problem) for problem in getattr(error, "problems", [])]
        told = problems or [f"{error.sentence} {getattr(error, 'hint', '')}".strip()]
        self.checks.setText("\n".join(f"✕  {each}" for each in told))
        self.checks.setStyleSheet(f"color: {self._theme.look.families['bad'].ink};")
        self._submit.setEnabled(True)

    def _remembered(self, scene: str) -> None:
        recent = [each for each in self._settings.text("scenes").split("\n") if each]
        self.fields["scene"].addItems(recent)
        kept = Submission()
        for name in ("service", "branch", "pool", "hosts_mask"):
            setattr(kept, name, self._settings.text(f"submit {name}"))
        for name in ("first", "last", "by", "per_task", "priority", "capacity", "max_running_tasks"):
            setattr(kept, name, self._settings.number(f"submit {name}", getattr(kept, name)))
        kept.kind = self._settings.text("submit kind", "scene") if not scene else "scene"
        kept.command = self._settings.text("submit command")
        kept.path = scene
        for name, field in self.fields.items():
            value = getattr(kept, "path" if name == "scene" else name)
            if isinstance(field, QSpinBox):
                field.setValue(value)
            elif isinstance(field, QComboBox):
                field.setEditText(value)
            elif isinstance(field, QLineEdit):
                field.setText(value)
        for each, made in self._kinds.items():
            made.setChecked(each == kept.kind)

    def _remember(self, wanted: Submission) -> None:
        if wanted.path:
            recent = [each for each in self._settings.text("scenes").split("\n") if each and each != wanted.path]
            self._settings.put("scenes", "\n".join([wanted.path, *recent][:_RECENT]))
        for name, value in dataclasses.asdict(wanted).items():
            if name in ("service", "branch", "pool", "hosts_mask", "first", "last", "by", "per_task", "priority",
                        "capacity", "max_running_tasks", "kind", "command"):  # fmt: skip
                self._settings.put(f"submit {name}", value)
        self._settings.save()


def _said(problem: Any) -> str:
    return f"{problem.path}: {problem.what}" + (f" ({problem.hint})" if problem.hint else "")


def open_submit_dialog(window: MainWindow, scene: str = "") -> SubmitDialog:
    """Open the dialog over the monitor; the job that was taken is said, and selected."""
    dialog = SubmitDialog(window.session, window.theme, window.settings, window, scene)

    def taken() -> None:
        window.tell_reason(tr("Job {0} is submitted.", dialog.submitted))
        window.show_job(dialog.submitted)

    dialog.accepted.connect(taken)
    dialog.finished.connect(lambda code: dialog.deleteLater())
    dialog.open()
    return dialog
