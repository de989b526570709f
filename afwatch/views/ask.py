"""Questions before what cannot be taken back: the deed, what is hit, what it costs, and a button that says the deed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from afwatch import words
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.views.parts import NumberField, button, label

__all__ = ["ConfirmDialog", "NumberDialog"]

_MOST_NAMED = 8
_MANY = 100


class ConfirmDialog(QDialog):
    """Asks for a deed; the focus stands on Cancel, and for very many the number is typed."""

    def __init__(
        self, theme: Theme, parent: QWidget, *, deed: str, names: Sequence[str], cost: str, act: str,
        typed: str = "",
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(deed)
        self.setMinimumWidth(440)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(10)
        title = label(deed)
        title.setFont(theme.font("title3"))
        title.setWordWrap(True)
        column.addWidget(title)
        text = label(cost, tone="help")
        text.setWordWrap(True)
        column.addWidget(text)
        if len(names) > 1:
            for name in names[:_MOST_NAMED]:
                column.addWidget(label(f"• {name}"))
            if len(names) > _MOST_NAMED:
                column.addWidget(label(tr("and {0} more", words.number(len(names) - _MOST_NAMED)), tone="quiet"))
        self._act: QPushButton = button(act, self.accept, role="danger")
        wanted = typed or (str(len(names)) if len(names) > _MANY else "")
        if wanted:
            column.addWidget(label(tr("Type {0} to go on.", wanted), tone="help"))
            field = QLineEdit()
            field.setAccessibleName(tr("Type {0}", wanted))
            field.textChanged.connect(lambda text: self._act.setEnabled(text.strip() == wanted))
            self._act.setEnabled(False)
            column.addWidget(field)
        cancel = button(tr("Cancel"), self.reject)
        cancel.setDefault(True)
        row = QHBoxLayout()
        row.setContentsMargins(0, 8, 0, 0)
        row.addStretch(1)
        row.addWidget(cancel)
        row.addWidget(self._act)
        self._act.setAutoDefault(False)
        column.addLayout(row)
        cancel.setFocus()


class NumberDialog(QDialog):
    """Asks for a whole number."""

    def __init__(
        self, theme: Theme, parent: QWidget, *, title: str, text: str, value: int, least: int, most: int
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(340)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(10)
        head = label(title)
        head.setFont(theme.font("title3"))
        head.setWordWrap(True)
        column.addWidget(head)
        column.addWidget(label(tr("{0} ({1} to {2}).", text, least, most), tone="help"))
        self.field = NumberField()
        self.field.setRange(least, most)
        self.field.setValue(value)
        self.field.setAccessibleName(title)
        self.field.selectAll()
        column.addWidget(self.field)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(button(tr("Cancel"), self.reject))
        done = button(tr("Set"), self.accept, role="main")
        done.setDefault(True)
        row.addWidget(done)
        column.addLayout(row)
