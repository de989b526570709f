"""The first page of the inspector: what the selected job or render is, what is wrong with it, how far it is.

Rules of this file:
- Several selected rows are said as a count.
- Sections in one order: trouble, progress, parts, time.
"""

from __future__ import annotations

import re
from typing import Any

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from afcore.rows import JobRow, MonitorRow, PoolRow, RenderRow
from afcore.states import TaskState
from afwatch import words
from afwatch.actions import Asking, named
from afwatch.delegates.cells import service_icon
from afwatch.delegates.strip import StripPainter
from afwatch.inspecting import EVERY, InspectorPage, add_page
from afwatch.models.rendercolumns import rate_text
from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.theme.tokens import state_look
from afwatch.views.parts import Glyph, Shrinking, button, label
from afwatch.views.ticketlines import lines_of_tickets

__all__ = ["Overview"]


_ENDLESS = re.compile(r"\S{17,}")
_PICTURE = QSize(320, 180)
_BESIDE = 250
"""Pixels within which two buttons of a card stand beside each other."""


def _line(text: str) -> Shrinking:
    """Return a line that gives way to what stands at its right."""
    return Shrinking(text, tone="")


def _breakable(text: str) -> str:
    """Let a long name without spaces be broken anywhere: the marks for it are invisible and only on the screen."""
    return _ENDLESS.sub(lambda found: "\u200b".join(re.findall(".{1,12}", found.group())), text)


class _Strip(QWidget):
    """A progress strip as wide as there is room."""

    def __init__(self, theme: Theme, blocks: list[list[int]]) -> None:
        super().__init__()
        self._theme, self._blocks = theme, blocks
        self._painter = StripPainter(4)
        self.setFixedHeight(18)

    def sizeHint(self) -> QSize:
        """As wide as it may be."""
        return QSize(200, 18)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it."""
        painter = QPainter(self)
        self._painter.draw(painter, QRect(0, 0, self.width(), self.height()), self._blocks, self._theme.look)
        painter.end()


class Overview(QFrame):
    """Shows what is selected."""

    open_job = Signal(int)
    retry = Signal()

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session, self._theme = session, theme
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column.addWidget(self._area)
        self._rows: list[Any] = []
        self._noun = "job"
        theme.changed.connect(self.refresh)
        session.thumbnails.came.connect(self._on_picture)
        self.show_rows([], "job")

    def show_rows(self, rows: list[Any], noun: str) -> None:
        """Show what is selected in a pane."""
        self._rows, self._noun = rows, noun
        self.refresh()

    def refresh(self) -> None:
        """Make the page anew."""
        scrolled = self._area.verticalScrollBar().value()
        page = QWidget()
        page.setObjectName("page")
        self._column = QVBoxLayout(page)
        self._column.setContentsMargins(16, 16, 16, 16)
        self._column.setSpacing(8)
        if not self._rows:
            self._nothing()
        elif len(self._rows) > 1:
            self._several()
        elif isinstance(self._rows[0], JobRow):
            self._job(self._rows[0])
        elif isinstance(self._rows[0], RenderRow):
            self._render(self._rows[0])
        elif isinstance(self._rows[0], MonitorRow):
            self._monitor(self._rows[0])
        else:
            self._plain(self._rows[0])
        self._column.addStretch(1)
        self._area.setWidget(page)
        self._area.verticalScrollBar().setValue(scrolled)

    def _on_picture(self, job: object) -> None:
        if len(self._rows) == 1 and isinstance(self._rows[0], JobRow) and self._rows[0].id == job:
            self.refresh()

    # Pieces

    def _picture(self, row: JobRow) -> None:
        """Show the newest picture that the job wrote, where there is one."""
        self._session.thumbnails.want([row.id])
        image = self._session.thumbnails.of(row.id)
        if image is None:
            return
        ratio = self.devicePixelRatioF()
        most = QSize(round(_PICTURE.width() * ratio), round(_PICTURE.height() * ratio))
        made = image.scaled(most, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
        made.setDevicePixelRatio(ratio)
        shown = label()
        shown.setPixmap(QPixmap.fromImage(made))
        shown.setAccessibleName(tr("The newest picture of {0}", row.name))
        self._column.addWidget(shown)

    def _nothing(self) -> None:
        self._column.addStretch(1)
        self._column.addWidget(Glyph(self._theme, "info", self._theme.look.text3, 32), 0, Qt.AlignmentFlag.AlignHCenter)
        text = label(
            tr("Select a {0} to see it here. Up and down arrows move, Enter opens.", self._noun), tone="quiet"
        )
        text.setWordWrap(True)
        text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._column.addWidget(text)
        self._column.addStretch(1)

    def _several(self) -> None:
        alike = len({type(row) for row in self._rows}) == 1
        count = words.plural(len(self._rows), self._noun) if alike else words.number(len(self._rows))
        self._title(tr("{0} selected", count), "", "")
        if isinstance(self._rows[0], JobRow):
            counts = [sum(row.counts[state] for row in self._rows) for state in range(len(TaskState))]
            self._progress([counts], counts)

    def _title(self, text: str, kind: str, state: str, more: str = "") -> None:
        title = label(_breakable(text))
        title.setFont(self._theme.font("title3"))
        title.setWordWrap(True)
        title.setToolTip(text)
        title.setAccessibleName(text)
        self._column.addWidget(title)
        if not state:
            return
        look = self._theme.look
        shown = state_look(kind, state)
        family = look.families[shown.family]
        row = QHBoxLayout()
        pill = QFrame()
        pill.setObjectName("pill")
        pill.setStyleSheet(f"#pill {{ background: {family.tint}; border-radius: 4px; }}")
        inner = QHBoxLayout(pill)
        inner.setContentsMargins(8, 2, 8, 2)
        inner.setSpacing(6)
        inner.addWidget(Glyph(self._theme, shown.glyph, family.ink))
        word = label(shown.word)
        word.setStyleSheet(f"color: {family.ink};")
        word.setFont(self._theme.font("strong"))
        inner.addWidget(word)
        row.addWidget(pill)
        row.addWidget(Shrinking(more, tone="quiet"), 1)
        self._column.addLayout(row)

    def _heading(self, text: str, right: str = "") -> None:
        row = QHBoxLayout()
        row.setContentsMargins(0, 12, 0, 0)
        head = label(text, tone="help")
        head.setFont(self._theme.font("strong"))
        row.addWidget(head)
        row.addStretch(1)
        row.addWidget(label(right, tone="quiet"))
        self._column.addLayout(row)

    def _facts(self, facts: list[tuple[str, str]]) -> None:
        grid = QGridLayout()
        grid.setColumnMinimumWidth(0, 96)
        grid.setColumnStretch(1, 1)
        grid.setVerticalSpacing(6)
        place = 0
        for name, value in facts:
            if value:
                grid.addWidget(label(name, tone="quiet"), place, 0, Qt.AlignmentFlag.AlignTop)
                text = label(_breakable(value))
                text.setWordWrap(True)
                text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                grid.addWidget(text, place, 1)
                place += 1
        self._column.addLayout(grid)

    def _progress(self, blocks: list[list[int]], counts: list[int]) -> None:
        over = counts[TaskState.DONE] + counts[TaskState.SKIPPED]
        self._heading(tr("Progress"), tr("{0} of {1}", words.number(over), words.plural(sum(counts), 'task')))
        self._column.addWidget(_Strip(self._theme, blocks))
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        there = 0
        for state in (TaskState.DONE, TaskState.RUNNING, TaskState.ERROR, TaskState.READY, TaskState.WAIT_DEP,
                      TaskState.SKIPPED):  # fmt: skip
            if counts[state]:
                shown, ink = self._theme.state("task", state.name)
                row = QHBoxLayout()
                row.setSpacing(6)
                row.addWidget(Glyph(self._theme, shown.glyph, ink))
                row.addWidget(self._figure(counts[state], shown.inside))
                row.addStretch(1)
                grid.addLayout(row, there // 3, there % 3)
                there += 1
        self._column.addLayout(grid)

    def _figure(self, value: int, word: str) -> QLabel:
        text = label(f"{words.number(value)} {word}", tone="help")
        text.setFont(self._theme.font("small"))
        return text

    # Things

    def _job(self, row: JobRow) -> None:
        now = self._session.clock()
        state = words.job_state(row, now)
        self._title(row.name, "job", state, tr("job {0} · {1}", row.id, row.user))
        errors = row.counts[TaskState.ERROR]
        self._picture(row)
        if errors:
            self._trouble(row, errors)
        self._progress([block.counts for block in row.blocks], row.counts)
        self._heading(tr("Blocks"), words.number(len(row.blocks)))
        for block in row.blocks[:12]:
            line = QHBoxLayout()
            line.setSpacing(8)
            line.addWidget(Glyph(self._theme, service_icon(block.service), size=16))
            line.addWidget(_line(block.name), 1)
            what = words.plural(block.tasks, "task")
            if block.errors:
                what += tr(", {0} with errors", block.errors)
            if block.waiting:
                what += ", waits"
            line.addWidget(label(what, tone="quiet"))
            self._column.addLayout(line)
            self._column.addWidget(_Strip(self._theme, [block.counts]))
        if len(row.blocks) > 12:
            self._column.addWidget(label(tr("{0} more blocks", len(row.blocks) - 12), tone="quiet"))
        self._heading(tr("Time"))
        over = row.counts[TaskState.DONE]
        spent = sum(block.run_time_sum_ms for block in row.blocks) / 1000
        self._facts([
            (tr("Remaining"), words.job_reason(row, state, now)),
            (tr("A task takes"), tr("{0} on average", words.duration(spent / over)) if over and spent else ""),
            (tr("Started"), words.clock_text(row.time_started, now)),
            (tr("Submitted"), tr("{0} from {1}", words.clock_text(row.time_creation, now), row.host_name)
             if row.host_name else tr("{0}, host not told", words.clock_text(row.time_creation, now))),
        ])  # fmt: skip
        self._heading(tr("More"))
        self._facts([
            (tr("Priority"), str(row.priority)),
            (tr("Branch"), row.branch),
            (tr("Services"), ", ".join(dict.fromkeys(block.service for block in row.blocks))),
            (tr("Note"), row.annotation),
            (tr("About"), row.description),
        ])  # fmt: skip
        self._column.addSpacing(8)
        opened = button(tr("Open tasks"), lambda: self.open_job.emit(row.id), icon=self._theme.icon("jobs"))
        self._column.addWidget(opened, 0, Qt.AlignmentFlag.AlignLeft)

    def _trouble(self, row: JobRow, errors: int) -> None:
        card = QFrame()
        card.setObjectName("card")
        column = QVBoxLayout(card)
        column.setContentsMargins(12, 10, 12, 10)
        head = QHBoxLayout()
        ink = self._theme.look.families["bad"].ink
        head.addWidget(Glyph(self._theme, "glyph-octagon-cross", ink))
        text = label(tr("{0} failed for good", words.plural(errors, 'task')))
        text.setStyleSheet(f"color: {ink};")
        text.setFont(self._theme.font("bold"))
        head.addWidget(text)
        head.addStretch(1)
        column.addLayout(head)
        where = ", ".join(block.name for block in row.blocks if block.counts[TaskState.ERROR])
        avoided = max((block.avoided_hosts for block in row.blocks), default=0)
        column.addWidget(_line(tr("In {0}.", where) + (tr(" {0} avoided.", words.plural(avoided,
                                                                                        'host')) if avoided else "")))
        retry = button(tr("Retry {0}", words.plural(errors, 'task')), self.retry.emit, icon=self._theme.icon("retry"))
        look = button(tr("Show them"), lambda: self.open_job.emit(row.id), icon=self._theme.icon("output"))
        # Beside each other where there is room, in large letters one under the other.
        beside = retry.sizeHint().width() + look.sizeHint().width() < _BESIDE
        buttons = QBoxLayout(QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom)
        for made in (retry, look):
            buttons.addWidget(made, 0, Qt.AlignmentFlag.AlignLeft)
        buttons.addStretch(1)
        column.addLayout(buttons)
        self._column.addWidget(card)

    def _plain(self, row: Any) -> None:
        """Show a user, a pool or a branch."""
        self._title(named([row]), "", "")
        self._facts([
            (tr("Jobs"), words.number(row.jobs) if hasattr(row, "jobs") else ""),
            (tr("Renders"), words.number(row.renders) if hasattr(row, "renders") else ""),
            (tr("Running"), words.plural(row.running, "task")),
            (tr("Capacity"), tr("{0} units in use", words.number(row.capacity))),
            (tr("Priority"), str(row.priority)),
            (tr("Paused"), "yes" if row.paused else ""),
            (tr("Pattern"), getattr(row, "pattern", "")),
            (tr("Services"), ", ".join(getattr(row, "services", []))),
            (tr("Host"), getattr(row, "host_name", "")),
            (tr("Note"), row.annotation),
        ])  # fmt: skip
        if isinstance(row, PoolRow):
            self._tickets(row.tickets)
            if row.tickets_host:
                each = ", ".join(tr("{0} of {1}", words.number(count), name)
                                 for name, count in sorted(row.tickets_host.items()))
                self._facts([(tr("Each host"), each)])

    def _tickets(self, tickets: dict[str, list[int]]) -> None:
        if tickets:
            self._heading(tr("Tickets"), words.number(len(tickets)))
            for line in lines_of_tickets(self._theme, tickets):
                self._column.addLayout(line)

    def _monitor(self, row: MonitorRow) -> None:
        self._title(row.user, "", "")
        since = words.clock_text(row.since, self._session.clock())
        self._facts([
            (tr("Host"), row.host), (tr("Address"), row.address), (tr("Mode"), row.mode), (tr("Watches since"), since),
        ])  # fmt: skip

    def _render(self, row: RenderRow) -> None:
        now = self._session.clock()
        self._title(row.name, "render", words.render_state(row), f"{row.pool} · {row.user}")
        self._heading(tr("Runs here"), tr("{0} of {1} slots", row.running, row.max_tasks))
        if not row.runs:
            self._column.addWidget(label(tr("Nothing at the moment."), tone="quiet"))
        for run in row.runs[:16]:
            line = QHBoxLayout()
            line.addWidget(Glyph(self._theme, service_icon(run.service), size=16))
            line.addWidget(_line(f"{run.job_name} {run.name}"), 1)
            line.addWidget(label(f"{run.percent} % · {words.duration(max(0.0, now - run.started))}", tone="quiet"))
            self._column.addLayout(line)
            if run.last_line or run.activity:
                last = label(run.activity or run.last_line, tone="quiet")
                last.setFont(self._theme.font("mono"))
                last.setWordWrap(True)
                self._column.addWidget(last)
        self._tickets(row.tickets)
        resources = row.resources
        self._heading(tr("Machine"))
        load = resources.get("cpu_loadavg")
        self._facts([
            (tr("Capacity"), tr("{0} of {1} units", words.number(row.used_capacity),
                                words.number(row.capacity) if row.capacity >= 0 else tr("no limit"))),
            (tr("Load"), ", ".join(f"{value:g}" for value in load) if isinstance(load, list) else ""),
            (tr("Memory"), words.memory_text(resources.get("mem_total_mb",
                                                           0)) if resources.get("mem_total_mb") else ""),
            (tr("Network"), tr("{0} in, {1} out", rate_text(resources.get('net_recv_kbsec', 0)),
                               rate_text(resources.get('net_send_kbsec', 0)))),
            (tr("Disk"), tr("{0} read, {1} written", rate_text(resources.get('hdd_rd_kbsec', 0)),
                            rate_text(resources.get('hdd_wr_kbsec', 0)))),
            (tr("System"), row.os),
            (tr("Hardware"), str(resources.get("hw_info", ""))),
            (tr("Address"), row.address),
            (tr("Program"), row.engine),
            (tr("Services"), ", ".join(row.services)),
            (tr("Note"), row.annotation),
        ])  # fmt: skip


def _overview(window: Asking, theme: Theme) -> QWidget:
    made = Overview(window.session, theme)
    made.open_job.connect(lambda job: window.open_row(window.session.state.jobs.get(job)))
    made.retry.connect(window.retry_errors)
    return made


add_page(InspectorPage("overview", tr("Overview"), _overview, (*EVERY, "monitor"), order=10))
