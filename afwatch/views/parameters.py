"""The page of parameters: everything editable of one or many selected things, with the values in which they differ.

Rules of this file:
- Nothing is sent before Apply; a refusal stands beside the field it is about, with its hint.
- What a parameter takes comes from the farm; this page only finds words and places for it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from afcore.errors import AfError
from afcore.rows import JobRow
from afcore.states import Role
from afnet.registry import find_operation
from afwatch import words
from afwatch.actions import KINDS, Asking, key_of, named
from afwatch.inspecting import InspectorPage, add_page
from afwatch.models.parameters import Edited, ParameterSet
from afwatch.parameterwords import SECTIONS, choice_text, section_of, word_of
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.theme.tokens import measures
from afwatch.views.parts import Choice, Shrinking, button, label

__all__ = ["ParametersPage"]

_RELOAD_MS = 400


class ParametersPage(QFrame):
    """Edits what is selected."""

    def __init__(self, window: Asking, theme: Theme) -> None:
        super().__init__()
        self._window, self._theme = window, theme
        self._set: ParameterSet | None = None
        self._rows: list[Any] = []
        self._fields: dict[str, QWidget] = {}
        self._notes: dict[str, Shrinking] = {}
        self._marks: dict[str, QFrame] = {}
        self._labels: dict[str, QWidget] = {}
        self._headings: dict[str, QWidget] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        head = QVBoxLayout()
        head.setContentsMargins(16, 12, 16, 8)
        head.setSpacing(8)
        self._title = Shrinking()
        self._of = Choice(theme)
        self._of.setAccessibleName(tr("Which part is edited"))
        self._of.activated.connect(lambda place: self._load())
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Find a parameter"))
        self.search.setAccessibleName(tr("Find a parameter"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._narrow)
        for part in (self._title, self._of, self.search):
            head.addWidget(part)
        column.addLayout(head)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column.addWidget(self._area, 1)
        column.addWidget(self._footer())
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_RELOAD_MS)
        self._timer.timeout.connect(self._load)
        theme.changed.connect(self._refresh)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self, self.apply, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def _footer(self) -> QFrame:
        foot = QFrame()
        foot.setObjectName("foot")
        foot.setFixedHeight(measures.inspector_foot)
        row = QHBoxLayout(foot)
        row.setContentsMargins(16, 0, 16, 0)
        self._said = Shrinking()
        self._revert = button(tr("Revert"), self.revert, tip=tr("Forget what was typed"))
        self._apply = button(tr("Apply"), self.apply, role="main", tip="Ctrl+Enter")
        row.addWidget(self._said, 1)
        row.addWidget(self._revert)
        row.addWidget(self._apply)
        return foot

    # What is edited

    def show_rows(self, rows: list[Any], noun: str) -> None:
        """Show the parameters of the selected rows."""
        # In whatever order they stand now: what was typed stays.
        same = {(type(row), row.id) for row in rows} == {(type(row), row.id) for row in self._rows}
        self._rows = rows
        if same and self._set is not None:
            self._timer.start()  # changes come in flocks
            return
        self._title.setText(named(rows, noun) if rows else tr("Select a {0} to edit it.", noun))
        self._of.setVisible(len(rows) == 1 and isinstance(rows[0], JobRow))
        self._of.clear()
        if self._of.isVisibleTo(self):
            self._of.addItem(tr("The job"), "job")
            if len(rows[0].blocks) > 1:
                self._of.addItem(tr("All its blocks"), "all")
            for block in rows[0].blocks[:100]:
                self._of.addItem(tr("Block {0}", block.name), block.index)
        self._set = None
        self._load()

    def _things(self) -> tuple[str, list[str]]:
        if not self._rows:
            return "", []
        kind = next(kind for kind, row in KINDS.items() if isinstance(self._rows[0], row))
        chosen = self._of.currentData()
        if kind == "job" and len(self._rows) == 1 and chosen not in (None, "job"):
            blocks = [block.index for block in self._rows[0].blocks] if chosen == "all" else [chosen]
            return "block", [f"{self._rows[0].id}.{block}" for block in blocks]
        return kind, [str(key_of(row)) for row in self._rows if isinstance(row, KINDS[kind])]

    def _load(self) -> None:
        kind, things = self._things()
        if not things:
            self._set = None
            self._build()
            return
        if self._set is None or self._set.kind != kind or set(self._set.things) != set(things):
            self._set = ParameterSet(kind, things)
        wanted = self._set
        pending = self._window.session.ask("parameters.show", kind=kind, things=things)

        def came(body: dict[str, Any]) -> None:
            if wanted is not self._set:
                return
            first = not wanted.entries
            wanted.load(body["rows"])
            if first:
                self._build()
            else:
                self._refresh()

        pending.success(came).failure(self._failed)

    # Fields

    def _build(self) -> None:
        page = QWidget()
        page.setObjectName("page")
        grid = QGridLayout(page)
        grid.setContentsMargins(16, 4, 16, 16)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        grid.setColumnMinimumWidth(0, 3)
        grid.setColumnMinimumWidth(1, 104)
        grid.setColumnStretch(2, 1)
        self._fields, self._notes, self._marks, self._labels, self._headings = {}, {}, {}, {}, {}
        place = 0
        entries = self._set.entries if self._set is not None else {}
        for section in SECTIONS:
            names = [name for name in entries if section_of(name) == section]
            names.sort(key=lambda name: SECTIONS[section].index(name) if name in SECTIONS[section] else 99)
            if not names:
                continue
            heading = label(section, tone="help")
            heading.setFont(self._theme.font("strong"))
            heading.setContentsMargins(0, 10 if place else 0, 0, 2)
            grid.addWidget(heading, place, 1, 1, 2)
            self._headings[section] = heading
            place += 1
            for name in names:
                self._row(grid, place, entries[name])
                place += 2
        grid.setRowStretch(place, 1)
        self._area.setWidget(page)
        self._narrow()
        self._refresh()

    def _row(self, grid: QGridLayout, place: int, entry: Edited) -> None:
        mark = QFrame()
        mark.setFixedSize(3, 16)
        name = label(word_of(entry.name), tone="quiet")
        name.setToolTip(entry.name)
        field: QWidget
        if entry.kind in ("bool", "word"):
            choice = Choice(self._theme)
            options = ["yes", "no"] if entry.kind == "bool" else entry.words
            choice.setPlaceholderText(choice_text(""))
            if entry.mixed:
                choice.addItem(tr("differs"), "differs")
            for option in options:
                choice.addItem(choice_text(option), option)
            choice.setCurrentIndex(choice.findData("differs" if entry.mixed else entry.present))
            choice.activated.connect(lambda at, key=entry.name, choice=choice: self._typed(key, choice.itemData(at)))
            field = choice
        else:
            line = QLineEdit(entry.present)
            line.setPlaceholderText(tr("differs") if entry.mixed else tr("not set") if entry.may_be_unset else "")
            line.textEdited.connect(partial(self._typed, entry.name))
            line.returnPressed.connect(self.apply)
            field = line
        field.setMinimumWidth(116)
        field.setAccessibleName(f"{word_of(entry.name)} ({entry.name})")
        note = Shrinking()
        note.setFont(self._theme.font("small"))
        note.setMinimumWidth(72)
        note.setTextFormat(Qt.TextFormat.PlainText)
        grid.addWidget(mark, place, 0)
        grid.addWidget(name, place, 1)
        grid.addWidget(field, place, 2)
        grid.addWidget(note, place + 1, 2)
        self._fields[entry.name], self._notes[entry.name] = field, note
        self._marks[entry.name], self._labels[entry.name] = mark, name

    def _typed(self, name: str, text: str) -> None:
        if self._set is None:
            return
        if text == "differs":
            self._set.reset(name)
        else:
            self._set.type(name, text)
        self._refresh()

    def _refresh(self) -> None:
        """Show present values, notes and marks; fields that are being typed in are left alone."""
        look = self._theme.look
        changed = problems = 0
        for name, field in self._fields.items():
            entry = self._set.entries.get(name) if self._set is not None else None
            if entry is None:
                continue
            if entry.text is None and isinstance(field, QLineEdit) and field.text() != entry.present:
                field.setText(entry.present)
            elif entry.text is None and isinstance(field, QComboBox):
                field.setCurrentIndex(field.findData("differs" if entry.mixed else entry.present))
            note = self._notes[name]
            told = entry.note if entry.problem or entry.mixed or entry.changed else ""
            if note.text() != told:
                note.setText(told)
            note.setVisible(bool(told) and field.isVisibleTo(self._area))
            field.setToolTip(entry.note)
            note.setStyleSheet(f"color: {look.families['bad'].ink if entry.problem else look.text3};")
            self._marks[name].setStyleSheet(f"background: {look.accent if entry.changed else 'transparent'};")
            changed += entry.changed
            problems += bool(entry.problem)
        reason = self._reason()
        self._said.setText(
            reason or (f"{words.plural(problems, 'problem')}" if problems else "")
            or (words.plural(changed, "change") if changed else "")
        )  # fmt: skip
        self._apply.setEnabled(bool(changed) and not problems and not reason)
        self._revert.setEnabled(bool(changed))

    def _reason(self) -> str:
        if self._set is None:
            return ""
        session = self._window.session
        if not session.state.connected:
            return tr("There is no connection to the farm.")
        operation = find_operation(self._set.request({})[0])
        if session.mode < operation.role:
            return tr("Editing this is for {0} mode.", operation.role.name)
        owners = {getattr(row, "user", getattr(row, "name", "")) for row in self._rows}
        if operation.owner == "own" and session.mode < Role.VISOR and owners - {session.user}:
            return tr("Not yours: look, but in USER mode you change what is yours.")
        return ""

    def _narrow(self) -> None:
        wanted = self.search.text().lower()
        shown: set[str] = set()
        for name, field in self._fields.items():
            fits = not wanted or wanted in name.lower() or wanted in word_of(name).lower()
            for part in (field, self._marks[name], self._labels[name]):
                part.setVisible(fits)
            self._notes[name].setVisible(fits and bool(self._notes[name].text()))
            if fits:
                shown.add(section_of(name))
        for section, heading in self._headings.items():
            heading.setVisible(section in shown)

    # Sending

    def revert(self) -> None:
        """Forget what was typed."""
        if self._set is not None:
            for name in self._set.entries:
                self._set.reset(name)
            self._refresh()

    def apply(self) -> None:
        """Send what was changed."""
        if self._set is None or not self._apply.isEnabled():
            return
        wanted, changes = self._set, self._set.changes()
        operation, arguments = wanted.request(changes)
        told = ", ".join(word_of(name).lower() for name in list(changes)[:4])
        noun = next((kind for kind, row in KINDS.items() if isinstance(self._rows[0], row)), "job")
        pending = self._window.session.ask(operation, **arguments)

        def done(body: Any) -> None:
            for name in changes:
                wanted.reset(name)
            self._load()

        pending.success(done).failure(self._failed)
        self._window.tell_done(pending, tr("Changed {0} of {1}.", told, named(self._rows, noun)))

    def _failed(self, error: AfError) -> None:
        if self._set is not None:
            self._set.refused(list(getattr(error, "problems", [])))
        self._refresh()
        self._said.setText(f"{error.sentence} {getattr(error, 'hint', '')}".strip())


add_page(InspectorPage("parameters", tr("Parameters"), ParametersPage, order=20))
