"""The two questions at the entrance of a farm: is it yours, and who are you."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLineEdit, QListWidget, QVBoxLayout, QWidget

from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.views.parts import button, label

__all__ = ["NearbyDialog", "SignInDialog", "TrustDialog", "in_lines"]

_PAIRS_A_LINE = 16


def in_lines(fingerprint: str) -> str:
    """Return a fingerprint, pairs with colons, in two lines that people compare."""
    pairs = fingerprint.split(":")
    return "\n".join(":".join(pairs[at : at + _PAIRS_A_LINE]) for at in range(0, len(pairs), _PAIRS_A_LINE))


class _Question(QDialog):
    """A title, sentences, what is asked, what went wrong, and buttons."""

    def __init__(self, theme: Theme, parent: QWidget | None, title: str, sentences: Sequence[str]) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(540)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(20, 18, 20, 16)
        self.column.setSpacing(12)
        head = label(title)
        head.setFont(theme.font("title3"))
        head.setWordWrap(True)
        self.column.setSizeConstraint(QVBoxLayout.SizeConstraint.SetMinimumSize)
        self.column.addWidget(head)
        for sentence in sentences:
            text = label(sentence, tone="help")
            text.setWordWrap(True)
            self.column.addWidget(text)
        self.wrong = label()
        """What went wrong with the last answer."""
        self.wrong.setWordWrap(True)
        self.wrong.setObjectName("wrong")
        self.wrong.setStyleSheet(f"color: {theme.look.families['bad'].ink}")
        self.wrong.hide()

    def add_buttons(self, *buttons: QWidget) -> None:
        """Put what went wrong and the buttons below; the first button stands alone at the left."""
        self.column.addWidget(self.wrong)
        row = QHBoxLayout()
        row.setContentsMargins(0, 8, 0, 0)
        row.addWidget(buttons[0])
        row.addStretch(1)
        for each in buttons[1:]:
            row.addWidget(each)
        self.column.addLayout(row)

    def say_wrong(self, sentence: str) -> None:
        """Say what went wrong; empty for nothing."""
        self.wrong.setText(sentence)
        self.wrong.setVisible(bool(sentence))
        self.adjustSize()


class TrustDialog(_Question):
    """Asks whether the farm that answers is the right one; accepted is yes."""

    def __init__(self, theme: Theme, parent: QWidget | None, *, address: str, fingerprint: str) -> None:
        super().__init__(
            theme, parent, tr("Is this your farm?"),
            [
                tr("The farm at {0} is on another machine, and this computer has not met it before. "
                   "Its certificate authority has this fingerprint:", address),
            ],
        )  # fmt: skip
        shown = label(in_lines(fingerprint), name="fingerprint")
        shown.setFont(theme.font("mono"))
        shown.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        shown.setAccessibleName(tr("Fingerprint"))
        self.column.addWidget(shown)
        more = label(
            tr("Compare it with what `afserver init` showed there, or ask who runs the farm. If it is another one, "
               "somebody may be between you and the farm."), tone="help",
        )  # fmt: skip
        more.setWordWrap(True)
        self.column.addWidget(more)
        self.no = button(tr("It is not"), self.reject)
        self.yes = button(tr("It is: trust this farm"), self.accept, role="main")
        # Enter pressed in haste trusts nobody.
        self.yes.setAutoDefault(False)
        self.no.setDefault(True)
        self.add_buttons(self.no, self.yes)
        self.no.setFocus()


class SignInDialog(_Question):
    """Asks for name and password; ``sent`` is given them, and answers later by ``refused`` or ``accept``."""

    def __init__(
        self, theme: Theme, parent: QWidget | None, *, address: str, name: str, secure: bool,
        sent: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        secured = tr("The password travels encrypted, and is not kept here; the sign-in is, for 30 days at most.")
        here = tr("The password is not kept here; the sign-in is, for 30 days at most.")
        super().__init__(theme, parent, tr("Sign in to the farm at {0}", address), [secured if secure else here])
        self._sent = sent
        self.name, self.password = QLineEdit(name), QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(10)
        grid.setColumnStretch(1, 1)
        for row, (text, field) in enumerate(((tr("Name"), self.name), (tr("Password"), self.password))):
            field.setAccessibleName(text)
            field.textChanged.connect(self._look)
            grid.addWidget(label(text, tone="help"), row, 0)
            grid.addWidget(field, row, 1)
        self.column.addLayout(grid)
        later = button(tr("Not now"), self.reject)
        later.setAutoDefault(False)
        self.go = button(tr("Sign in"), self._send, role="main")
        self.go.setDefault(True)
        self.add_buttons(later, self.go)
        (self.password if name else self.name).setFocus()
        self._look()

    def _look(self) -> None:
        self.go.setEnabled(bool(self.name.text().strip() and self.password.text()))

    def _send(self) -> None:
        self.say_wrong("")
        self.go.setEnabled(False)
        self.go.setText(tr("Signing in…"))
        self._sent(self.name.text().strip(), self.password.text())

    def refused(self, sentence: str) -> None:
        """The farm did not take it: say why, and ask again."""
        self.go.setText(tr("Sign in"))
        self.password.clear()
        self.say_wrong(sentence)
        self.password.setFocus()


class NearbyDialog(_Question):
    """Offers farms that were found on the network; ``chosen`` is the index of one, None for a farm of one's own."""

    def __init__(self, theme: Theme, parent: QWidget | None, farms: Sequence[tuple[str, str]]) -> None:
        """``farms``: name with address, and fingerprint (pairs with colons), of each."""
        super().__init__(
            theme, parent, tr("Which farm?"),
            [
                tr("No farm is named, and none runs on this computer. These are on its networks. Compare the "
                   "fingerprint with what `afserver init` showed there."),
            ],
        )  # fmt: skip
        self.chosen: int | None = None
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Farms nearby"))
        self.list.setFont(theme.font("mono"))
        for name, fingerprint in farms:
            self.list.addItem(f"{name}\n{in_lines(fingerprint)}")
        self.list.setCurrentRow(0)
        self.list.setStyleSheet("QListWidget::item { padding: 6px; }")
        line = self.list.fontMetrics().lineSpacing()
        self.list.setFixedHeight(min(4, max(2, len(farms))) * (3 * line + 14) + 8)
        self.column.addWidget(self.list)
        self.own = button(tr("Start a farm on this computer"), self.reject)
        self.join = button(tr("Join the chosen farm"), self._choose, role="main")
        self.join.setAutoDefault(False)
        self.own.setDefault(True)
        self.add_buttons(self.own, self.join)

    def _choose(self) -> None:
        self.chosen = self.list.currentRow()
        self.accept()
