"""What actions need of the window: questions, what was done with its undo, refusals, texts for the clipboard.

Rules of this file:
- Every result and refusal is shown where the person looks (toast, status bar) and kept under Messages.
- What the registry calls undoable is offered to be taken back by the server: ten seconds in the toast, and by Ctrl+Z.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from PySide6.QtWidgets import QApplication, QMainWindow, QPlainTextEdit

from afcore.errors import AfError
from afnet.registry import find_operation
from afwatch import words
from afwatch.actions import FormField
from afwatch.farm import EmbeddedFarm
from afwatch.ops.pending import Pending, when_all
from afwatch.session import Session
from afwatch.settings import Settings
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.views.ask import ConfirmDialog, NumberDialog
from afwatch.views.closing import ClosingDialog
from afwatch.views.findmachines import FindMachines
from afwatch.views.forms import FormDialog
from afwatch.views.frame import StatusBar
from afwatch.views.parts import Toast

__all__ = ["AskingWindow"]

_MOST_UNDONE = 100


class AskingWindow(QMainWindow):
    """The half of the main window that actions speak with."""

    session: Session
    theme: Theme
    status: StatusBar
    toast: Toast
    messages: QPlainTextEdit
    _settings: Settings
    _farm: EmbeddedFarm | None

    def __init__(self) -> None:
        super().__init__()
        self._undoable: list[tuple[list[str], str]] = []
        """Tokens of each act that can be taken back and what was said of it, the newest last."""

    # Questions

    def confirm(self, deed: str, names: Sequence[str], cost: str, button: str, typed: str = "") -> bool:
        """Ask before something that cannot be taken back."""
        dialog = ConfirmDialog(self.theme, self, deed=deed, names=names, cost=cost, act=button, typed=typed)
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

    def ask_form(self, title: str, text: str, fields: Sequence[FormField], button: str) -> dict[str, Any] | None:
        """Ask for several values."""
        dialog = FormDialog(self.theme, self, title=title, text=text, fields=fields, act=button)
        try:
            return dialog.values() if dialog.exec() else None
        finally:
            dialog.deleteLater()

    def find_machines(self, path: str) -> list[str]:
        """Let the person look for machines that should belong to a pool."""
        dialog = FindMachines(self, {row.name for row in self.session.state.renders.values()}, path)
        try:
            return dialog.names if dialog.exec() else []
        finally:
            dialog.deleteLater()

    def ask_closing(self, farm: EmbeddedFarm) -> bool:
        """Ask what becomes of the farm inside; False when the window stays."""
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

    # What was done

    def tell_done(self, pending: Pending | Sequence[Pending], sentence: str) -> None:
        """Say what was done as soon as the farm answers, and offer to take it back where that is possible.

        Several operations are one act: told once, and taken back together.
        """
        parts = [pending] if isinstance(pending, Pending) else list(pending)
        if not parts:
            return
        undoable = find_operation(parts[0].operation).undoable

        def done(made: list[Pending], bodies: list[Any], errors: list[AfError]) -> None:
            if errors:
                self.tell_refused(errors[0])
                if not made:
                    return
            said = sentence
            if errors:
                many = words.number(len(parts))
                said = tr("{0} ({1} of {2}) {3}", sentence, words.number(len(made)), many, errors[0].sentence)
            tokens = [each.initiator for each in made]
            if undoable:
                self._undoable.append((tokens, sentence))
                del self._undoable[:-_MOST_UNDONE]
            self.toast.say(said, bad=bool(errors), undo=(lambda: self.undo(tokens[0])) if undoable else None)
            self.status.say(said)
            self.note(said)

        when_all(parts, done)

    def tell_refused(self, error: Any) -> None:
        """Show a refusal with its hint."""
        hint = getattr(error, "hint", "")
        self.toast.say(f"{error.sentence} {hint}".strip(), bad=True)
        self.status.say(error.sentence)

    def undo(self, token: str = "") -> None:
        """Take back an act of this window, by default the last one; what was left alone is said."""
        known = [each for each in self._undoable if not token or token in each[0]]
        if not known:
            self.tell_reason(tr("Nothing was done here that could be taken back."))
            return
        self._undoable.remove(known[-1])
        tokens, sentence = known[-1]
        parts = [self.session.ask("operation.undo", operation=each) for each in reversed(tokens)]

        def done(made: list[Pending], bodies: list[Any], errors: list[AfError]) -> None:
            if errors:
                self.tell_refused(errors[0])
                if not made:
                    return
            left = "; ".join(told for body in bodies for told in body["left"])
            said = tr("Taken back: {0}", sentence) + (tr(" Left alone: {0}.", left) if left else "")
            self.toast.say(said)
            self.status.say(said)
            self.note(said)

        when_all(parts, done)

    def tell_reason(self, reason: str) -> None:
        """Say why something cannot be done."""
        self.status.say(reason)
        self.note(reason)

    def note(self, sentence: str) -> None:
        """Keep a sentence under Messages."""
        self.messages.appendPlainText(f"{time.strftime('%H:%M:%S')}  {sentence}")

    def copy_text(self, text: str) -> None:
        """Put a text on the clipboard and say so."""
        QApplication.clipboard().setText(text)
        self.status.say(tr("Copied {0}.", words.plural(text.count(chr(10)) + 1, 'line')))

    # The agent of this machine

    @property
    def offers_agent(self) -> bool:
        """Whether this machine could work for the farm and does not: the server is inside, no agent was started."""
        return self._farm is not None and not self._farm.agent.running

    def start_agent(self) -> None:
        """Let this machine work for the farm, by an agent that is a process of its own."""
        if self._farm is not None:
            self._farm.agent.start()
            self.tell_reason(tr("An agent starts on this machine; it appears under Farm in a moment."))
