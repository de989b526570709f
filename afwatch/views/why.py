"""The page that says why what is selected does not run: the farm's answer, what is in the way, and a button per cure.

Rules of this file:
- The text is the farm's own, as ``afcmd why`` prints it; a button sends exactly the change that the farm proposes.
- It is asked anew when the job changes while the page is seen, at most once a second, and says as of when it is.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from afcore.errors import AfError
from afcore.rows import JobRow
from afnet.registry import find_operation
from afwatch import words
from afwatch.actions import Asking
from afwatch.inspecting import InspectorPage, add_page
from afwatch.parameterwords import value_text, word_of
from afwatch.texts import tr
from afwatch.theme.paint import Theme, colour
from afwatch.views.parts import Shrinking, button, label

__all__ = ["WhyPage", "deed_of"]

_AGAIN_MS = 1000
_MOST_AHEAD = 6


def deed_of(proposal: dict[str, Any]) -> str:
    """Return what the button of a proposal says."""
    arguments = proposal["arguments"]
    parameters = arguments.get("parameters")
    if parameters:
        told = ", ".join(f"{word_of(name)}: {value_text(value) or 'none'}" for name, value in parameters.items())
        of = {"block.set": tr("of the block"), "job.set": tr("of the job"), "user.set": tr("of the user")}.get(
            proposal["operation"], ""
        )
        whom = ", ".join(map(str, arguments.get("names") or arguments.get("paths") or ()))
        return tr("Set {0} {1}", told, of or ('of ' + whom if whom else '')).strip()
    kind, _, deed = proposal["operation"].partition(".")
    if kind == "task":
        ((first, last),) = arguments["tasks"]
        tasks = tr("task {0}", first) if first == last else tr("tasks {0} to {1}", first, last)
        return tr("{0} {1} of job {2}", deed.replace('-', ' ').capitalize(), tasks, arguments['job'])
    if proposal["operation"] == "job.pause":
        return tr("Pause job {0}", ', '.join(map(str, arguments['ids'])))
    whom = ", ".join(map(str, arguments.get("names") or arguments.get("paths") or ()))
    return f"{deed.replace('-', ' ').capitalize()} {whom or f'the {kind}'}"


class _Share(QWidget):
    """A bar: how many of all renders one reason takes away."""

    def __init__(self, theme: Theme, part: int, whole: int) -> None:
        super().__init__()
        self._theme, self._part, self._whole = theme, part, max(1, whole)
        self.setFixedHeight(6)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it."""
        look = self._theme.look
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour(look.trough))
        width = round(self.width() * self._part / self._whole)
        painter.fillRect(0, 0, width, self.height(), colour(look.families["attn"].fill))
        painter.end()


class WhyPage(QFrame):
    """Shows the answer for the selected job, or for a task that it was told of."""

    def __init__(self, window: Asking, theme: Theme) -> None:
        super().__init__()
        self._window, self._theme = window, theme
        self._row: JobRow | None = None
        self._asked = (0, 0)
        self._task: dict[str, int] = {}
        """Job, block and task of the task that is asked about; empty where it is about the selected job."""
        self.answered = 0
        """Id of the job that the page is about; 0 while the farm has not answered."""
        self.buttons: list[Any] = []
        """One for each proposal of the farm."""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column.addWidget(self._area)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_AGAIN_MS)
        self._timer.timeout.connect(self.ask)

    def show_rows(self, rows: list[Any], noun: str) -> None:
        """Ask about the first selected job."""
        row = rows[0] if rows and isinstance(rows[0], JobRow) else None
        before, self._row = self._row, row
        if row is None:
            self._page(tr("Select a job to see why it does not run."))
        elif before is None or before.id != row.id:
            self._page(tr("Asking the farm…"))
            self.ask()
        elif row.version != self._asked[1] and not self._timer.isActive():
            self._timer.start()

    def load(self, key: tuple[int, int, int]) -> None:
        """Ask about a task (job, block, task), whatever is selected."""
        if not self._task:
            self._page(tr("Asking the farm…"))
        self._task = dict(zip(("job", "block", "task"), key, strict=True))
        self.ask()

    def ask(self) -> None:
        """Ask the farm now."""
        row = self._row
        if row is not None:
            self._asked = (row.id, row.version)
        about = self._task or ({"job": row.id} if row is not None else {})
        if about:
            pending = self._window.session.ask("job.why", **about)
            pending.success(partial(self._answered, about["job"])).failure(self._failed)

    def _answered(self, job: int, answer: dict[str, Any]) -> None:
        if self._task or (self._row is not None and self._row.id == job):
            self._page(answer["sentence"], answer)
            self.answered = job

    def _failed(self, error: AfError) -> None:
        self._page(f"{error.sentence} {getattr(error, 'hint', '')}".strip())

    # The page

    def _page(self, sentence: str, answer: dict[str, Any] | None = None) -> None:
        page = QWidget()
        page.setObjectName("page")
        self._column = QVBoxLayout(page)
        self._column.setContentsMargins(16, 16, 16, 16)
        self._column.setSpacing(10)
        said = label(sentence)
        said.setFont(self._theme.font("strong"))
        said.setWordWrap(True)
        said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._column.addWidget(said)
        self.buttons = []
        if answer is not None:
            self._fill(answer)
        self._column.addStretch(1)
        self._area.setWidget(page)

    def _fill(self, answer: dict[str, Any]) -> None:
        titles = {"now": tr("To start it now"), "next": tr("To let it be the next"),
                  "wake": tr("To wake a render for it")}  # fmt: skip
        # What comes first is the mildest: it has the main button.
        for when in dict.fromkeys(each["when"] for each in answer["proposals"]):
            chosen = [each for each in answer["proposals"] if each["when"] == when]
            self._heading(titles[when])
            for each in chosen:
                self._proposal(each, main=not self.buttons)
        if answer["waits"] and not answer["proposals"]:
            self._text(answer["hint"] or (
                tr("It goes on by itself then; nothing has to be done.") if answer["until"] or answer["begins_by"] else
                tr("Nothing was found that starts it.")
            ))  # fmt: skip
        self._reservation(answer)
        if len(answer["reasons"]) > 1:
            self._heading(tr("Reasons"))
            for reason in answer["reasons"]:
                self._text(f"• {reason['text']}")
        if answer["until"]:
            now = self._window.session.clock()
            left = words.duration(max(0.0, answer["until"] - now))
            self._text(tr("Until {0}, in {1}.", words.clock_text(answer["until"], now), left))
        whole = sum(group["count"] for group in answer["renders"])
        if answer["renders"]:
            self._heading(tr("What takes {0} away", words.plural(whole, 'render')))
        for group in sorted(answer["renders"], key=lambda group: -group["count"]):
            self._group(group, whole)
        if answer["ahead"]:
            self._heading(tr("First come"))
            for each in answer["ahead"][:_MOST_AHEAD]:
                self._text(tr("{0} of {1}: {2}", each['name'], each['user'], each['text']))
        foot = QHBoxLayout()
        foot.addWidget(label(tr("as of {0}", time.strftime('%H:%M:%S')), tone="quiet"))
        foot.addStretch(1)
        foot.addWidget(button(tr("Ask again"), self.ask, icon=self._theme.icon("restart")))
        self._column.addLayout(foot)

    def _heading(self, text: str) -> None:
        head = label(text, tone="help")
        head.setFont(self._theme.font("strong"))
        head.setContentsMargins(0, 8, 0, 0)
        self._column.addWidget(head)

    def _text(self, text: str) -> None:
        said = label(text, tone="help")
        said.setWordWrap(True)
        self._column.addWidget(said)

    def _proposal(self, proposal: dict[str, Any], *, main: bool) -> None:
        steps = [proposal, *proposal["also"]]
        operations = [find_operation(each["operation"]) for each in steps]
        deed = deed_of(proposal) if len(steps) == 1 else tr("Make these {0} changes", len(steps))
        tip = "\n".join(operation.help for operation in operations)
        made = button(deed, partial(self._do, steps, deed), role="main" if main else "", tip=tip)
        session, role = self._window.session, max(operation.role for operation in operations)
        if len(steps) > 1:
            for number, each in enumerate(steps, 1):
                self._text(f"{number}. {deed_of(each)}")
        if session.mode < role:
            made.setEnabled(False)
            made.setToolTip(tr("This is for {0} mode.", role.name))
        self.buttons.append(made)
        self._column.addWidget(made, 0, Qt.AlignmentFlag.AlignLeft)
        if proposal["text"]:
            self._text(proposal["text"])

    def _do(self, steps: list[dict[str, Any]], deed: str) -> None:
        operations = [find_operation(each["operation"]) for each in steps]
        if not all(operation.undoable for operation in operations):
            told = [deed_of(each) for each in steps] if len(steps) > 1 else []
            if not self._window.confirm(f"{deed}?", told, operations[-1].help, deed):
                return
        self._step(steps, deed)

    def _step(self, steps: list[dict[str, Any]], deed: str) -> None:
        """Make the first change, and the next one when the farm has made it."""
        first, *rest = steps
        pending = self._window.session.ask(first["operation"], **first["arguments"])
        self._window.tell_done(pending, f"{deed if len(steps) == 1 else deed_of(first)}.")
        pending.success(lambda body: self._step(rest, deed) if rest else self._timer.start())

    def _reservation(self, answer: dict[str, Any]) -> None:
        """Tell by when renders that are kept for it let it begin."""
        if answer["kept"]:
            names = answer["kept"]
            more = len(names) - 4
            self._text(tr("Kept for it: {0}{1}.", ', '.join(names[:4]), f' and {more} more' if more > 0 else ''))
        if answer["begins_by"]:
            now = self._window.session.clock()
            how = "" if answer["promised"] else tr(" This is an estimate: not all that runs has a limit of time.")
            self._text(
                tr("It begins by {0} at the latest, in {1}.{2}", words.clock_text(answer['begins_by'], now),
                   words.duration(max(0.0, answer['begins_by'] - now)), how)
            )

    def _group(self, group: dict[str, Any], whole: int) -> None:
        row = QHBoxLayout()
        text = Shrinking()
        text.setText(group["text"])
        row.addWidget(text, 1)
        row.addWidget(label(words.number(group["count"]), tone="help"))
        self._column.addLayout(row)
        self._column.addWidget(_Share(self._theme, group["count"], whole))
        shown = ", ".join(group["names"][:4])
        more = group["count"] - min(4, len(group["names"]))
        self._column.addWidget(label(shown + (tr(" and {0} more", more) if more > 0 else ""), tone="quiet"))


add_page(InspectorPage("why", tr("Why"), WhyPage, ("job",), order=30))
