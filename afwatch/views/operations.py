"""The dialog of any operation of the registry: a field for each argument, and below them what the farm answers.

Rules of this file:
- It is made of the registry alone: what ``afcmd`` can, the window can, with the same checks and the same words.
- What cannot be taken back asks first; an answer stays until the next one, to be read and copied.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from afcore.errors import AfError
from afnet.arguments import Argument
from afnet.operations import Operation
from afnet.registry import find_operation
from afwatch.models.operationform import FROM_FILE, arguments_of, is_moment, offered, typed_for
from afwatch.texts import tr
from afwatch.views.palette import Entry
from afwatch.views.parts import Choice, Shrinking, button, label

if TYPE_CHECKING:
    from afwatch.views.window import MainWindow

__all__ = ["OperationDialog", "operation_entries"]

_CHANGES = ("command", "server")
_LOSES = frozenset({
    "delete", "reset", "revoke", "exit", "restart", "reboot", "shutdown", "eject-tasks", "load", "update-tables",
})  # fmt: skip
"""Last words of operations that lose something: what of them cannot be undone asks first."""


def operation_entries(window: MainWindow) -> list[Entry]:
    """Return a line of the palette for every operation of the registry, with why it cannot be done now."""
    mode = window.session.mode
    return [
        Entry("command", each.help.rstrip("."), "", partial(window.open_operation, each.name),
              tr("needs {0}", each.role.name) if each.role > mode else "", " ".join(each.words))
        for each in offered()
    ]  # fmt: skip


def _help_of(argument: Argument) -> str:
    """Return what an argument is for, in what a person types here."""
    return argument.help.replace("unix seconds", tr("as 2h for two hours ago, or 2026-01-31 03:12"))


class OperationDialog(QDialog):
    """Does one operation, as often as wanted."""

    def __init__(self, window: MainWindow, name: str) -> None:
        super().__init__(window)
        self.operation: Operation = find_operation(name)
        self._window, theme = window, window.theme
        self.setWindowTitle(" ".join(self.operation.words))
        self.resize(760, 720)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fields: dict[str, QWidget] = {}
        self._notes: dict[str, Shrinking] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(10)
        head = label(self.operation.help)
        head.setFont(theme.font("title3"))
        head.setWordWrap(True)
        column.addWidget(head)
        column.addWidget(label(tr("In a terminal: afcmd {0}", " ".join(self.operation.words)), tone="quiet"))
        column.addWidget(self._form(), 3)
        self.answer = QPlainTextEdit()
        self.answer.setReadOnly(True)
        self.answer.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.answer.setFont(theme.font("mono"))
        self.answer.setAccessibleName(tr("What the farm answered"))
        self.answer.setPlaceholderText(tr("What the farm answers stands here."))
        column.addWidget(self.answer, 2)
        self.said = Shrinking()
        row = QHBoxLayout()
        row.addWidget(self.said, 1)
        row.addWidget(button(tr("Close"), self.reject))
        changes = self.operation.kind in _CHANGES and self.operation.audited
        self.act = button(tr("Do it") if changes else tr("Show"), self.send, role="main", tip="Ctrl+Enter")
        self.act.setDefault(True)
        row.addWidget(self.act)
        column.addLayout(row)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self, self.send)
        first = next(iter(self.fields.values()), self.act)
        first.setFocus()

    # The form

    def _form(self) -> QWidget:
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        page = QFrame()
        page.setObjectName("page")
        form = QFormLayout(page)
        form.setContentsMargins(0, 4, 8, 4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        typed = typed_for(self.operation, self._window.selected())
        for argument in self.operation.arguments:
            if argument.name == "yes":
                continue  # it is asked for when it is sent
            field = self.fields[argument.name] = self._field(argument, typed.get(argument.name, ""))
            name = argument.name.replace("_", " ").capitalize()
            field.setAccessibleName(name)
            note = self._notes[argument.name] = Shrinking(_help_of(argument), tone="quiet")
            beside = QVBoxLayout()
            beside.setSpacing(2)
            line = QHBoxLayout()
            line.addWidget(field, 1)
            if argument.kind in FROM_FILE:
                line.addWidget(button(tr("Browse…"), partial(self._browse, argument.name)))
            beside.addLayout(line)
            beside.addWidget(note)
            form.addRow(label(name + (" *" if argument.required else ""), tone="help"), beside)
        if not self.fields:
            form.addRow(label(tr("It takes nothing."), tone="quiet"))
        area.setWidget(page)
        return area

    def _field(self, argument: Argument, text: str) -> QWidget:
        if argument.kind == "flag" or argument.choices:
            choice = Choice(self._window.theme)
            choice.addItems(["no", "yes"] if argument.kind == "flag" else list(argument.choices))
            choice.setCurrentText(text or str(argument.default or ""))
            return choice
        line = QLineEdit(text)
        if argument.kind == "secret":
            line.setEchoMode(QLineEdit.EchoMode.Password)
        elif argument.kind in FROM_FILE:
            line.setPlaceholderText(tr("a file of this machine"))
        elif argument.default not in (None, "", [], {}) and not is_moment(argument):
            line.setPlaceholderText(str(argument.default))
        return line

    def _browse(self, name: str) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, self.operation.help)
        field: Any = self.fields[name]
        if chosen:
            field.setText(chosen)

    def _typed(self) -> dict[str, str]:
        """Return what stands in the fields; OSError or UnicodeError where a named file cannot be read."""
        typed = {
            name: field.currentText() if isinstance(field, QComboBox) else field.text()
            for name, field in self.fields.items() if isinstance(field, QComboBox | QLineEdit)
        }  # fmt: skip
        for argument in self.operation.arguments:
            if argument.kind in FROM_FILE and typed[argument.name]:
                typed[argument.name] = Path(typed[argument.name]).expanduser().read_text("utf-8")
        return typed

    # Sending

    def send(self) -> None:
        """Do it, when nothing is wrong with what was typed."""
        try:
            given, problems = arguments_of(self.operation, self._typed(), self._window.session.clock())
        except (OSError, UnicodeError) as error:
            self.said.setText(tr("The file cannot be read: {0}", error))
            return
        asks = any(argument.name == "yes" for argument in self.operation.arguments)
        loses = self.operation.words[-1] in _LOSES and not self.operation.undoable
        self._tell(problems)
        if problems:
            return
        if (loses or asks) and not self._window.confirm(
            f"{self.operation.help.rstrip('.')}?", [], tr("This cannot be taken back."), tr("Do it")
        ):  # fmt: skip
            return
        if asks:
            given["yes"] = True
        self.said.setText(tr("Asking the farm…"))
        pending = self._window.session.ask(self.operation.name, **given)
        if self.operation.undoable:
            self._window.tell_done(pending, self.operation.help)
        pending.success(partial(self._came, given)).failure(self._refused)

    def _tell(self, problems: dict[str, str]) -> None:
        """Show what is wrong beside each argument, else what it is for."""
        look = self._window.theme.look
        for argument in self.operation.arguments:
            note, problem = self._notes.get(argument.name), problems.get(argument.name, "")
            if note is not None:
                note.setText(problem or _help_of(argument))
                note.setStyleSheet(f"color: {look.families['bad'].ink};" if problem else "")
        self.said.setText(tr("Something is wrong with what was typed.") if problems else "")

    def _came(self, given: dict[str, Any], body: Any) -> None:
        from afnet.cli.replies import reply_text  # late: the words of the terminal, which a window seldom needs

        self.answer.setPlainText(reply_text(self.operation.name, given, body))
        more = body.get("next") if isinstance(body, dict) else None
        self.said.setText(tr("There is more: go on from {0}.", more) if more else tr("Answered."))

    def _refused(self, error: AfError) -> None:
        problems = {str(each.path): f"{each.what}{': ' + each.hint if each.hint else ''}"
                    for each in getattr(error, "problems", [])}  # fmt: skip
        self._tell(problems)
        self.said.setText(f"{error.sentence} {getattr(error, 'hint', '')}".strip())
