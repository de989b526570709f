"""A dialog of a few fields that an action needs before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QCompleter,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from afwatch.actions import FormField
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.views.parts import Choice, NumberField, button, label

__all__ = ["FormDialog"]


class FormDialog(QDialog):
    """Asks for the values of fields."""

    def __init__(
        self, theme: Theme, parent: QWidget, *, title: str, text: str, fields: Sequence[FormField], act: str
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(440)
        self._fields: dict[str, QWidget] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(12)
        head = label(title)
        head.setFont(theme.font("title3"))
        head.setWordWrap(True)
        column.addWidget(head)
        if text:
            said = label(text, tone="help")
            said.setWordWrap(True)
            column.addWidget(said)
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(10)
        grid.setColumnStretch(1, 1)
        for place, field in enumerate(fields):
            widget = self._fields[field.name] = _editor(theme, field)
            widget.setAccessibleName(field.label)
            grid.addWidget(label(field.label, tone="help"), place, 0)
            grid.addWidget(widget, place, 1)
            if field.hint:
                grid.addWidget(label(field.hint, tone="quiet"), place, 2)
        column.addLayout(grid)
        row = QHBoxLayout()
        row.setContentsMargins(0, 8, 0, 0)
        row.addStretch(1)
        row.addWidget(button(tr("Cancel"), self.reject))
        done = button(act, self.accept, role="main")
        done.setDefault(True)
        row.addWidget(done)
        column.addLayout(row)
        next(iter(self._fields.values())).setFocus()

    def values(self) -> dict[str, Any]:
        """Return what was typed, by the fields' names."""
        return {name: _value(widget) for name, widget in self._fields.items()}


def _editor(theme: Theme, field: FormField) -> QWidget:
    if field.kind == "integer":
        number = NumberField()
        number.setRange(field.least, field.most)
        number.setValue(int(field.value or 0))
        return number
    if field.kind == "flag":
        flag = QCheckBox()
        flag.setChecked(bool(field.value))
        return flag
    if field.kind == "choice":
        choice = Choice(theme)
        choice.setEditable(True)
        choice.addItems(list(field.words))
        choice.setCurrentText(str(field.value))
        return choice
    text = QLineEdit(str(field.value))
    if field.words:
        text.setCompleter(QCompleter(list(field.words), text))
    return text


def _value(widget: QWidget) -> Any:
    if isinstance(widget, QSpinBox):
        return widget.value()
    if isinstance(widget, QCheckBox):
        return widget.isChecked()
    if isinstance(widget, QComboBox):
        return widget.currentText().strip()
    assert isinstance(widget, QLineEdit)
    return widget.text().strip()
