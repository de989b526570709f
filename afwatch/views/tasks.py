"""The tasks of one job: blocks to choose from, the overview strip, counts by state, and a table of a million rows.

Rules of this file:
- Strip and table read the columns; only names and commands are asked for, by pages that are seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QStackedWidget, QToolTip, QVBoxLayout, QWidget

from afcore.errors import AfError
from afcore.rows import JobRow
from afcore.states import Role, TaskState
from afwatch import words
from afwatch.actions import Asking
from afwatch.changes import ChangeSet, TaskRange
from afwatch.delegates.cells import GroundDelegate, draw_text
from afwatch.delegates.strip import strip_image
from afwatch.models.filters import parse_query
from afwatch.models.strip import pixel_counts, stack
from afwatch.models.tasks import COLUMNS, PAGE, TASK_FIELDS, TasksModel, mask_of
from afwatch.ops import tasks
from afwatch.tasktables import BlockTasks
from afwatch.theme.paint import Theme, colour
from afwatch.theme.tokens import measures
from afwatch.views.pane import SearchLine, bar
from afwatch.views.parts import Chip, Empty, Shrinking, button, label
from afwatch.views.table import TableView

__all__ = ["OverviewStrip", "TasksPane"]

_ACTIONS = (
    ("restart", "Restart", "restart", "R", "Make the selected tasks ready again"),
    ("skip", "Skip", "skip", "K", "The selected tasks count as done"),
    ("suspend", "Suspend", "suspended", "U", "Hold the selected tasks"),
    ("continue", "Continue", "continue", "C", "Let suspended tasks go on"),
)


class OverviewStrip(QWidget):
    """All tasks of a block in one strip; a click shows the task that stands there."""

    clicked_task = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._table = BlockTasks(0)
        self._image: Any = None
        self.setMouseTracking(True)
        self.setFixedHeight(measures.strip_overview + 4 + 18)
        self.setAccessibleName("Overview of all tasks")

    def show_table(self, table: BlockTasks) -> None:
        """Show a block, anew."""
        self._table, self._image = table, None
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint strip and scale."""
        painter = QPainter(self)
        ratio = self.devicePixelRatioF()
        if self._image is None and self.width() > 0:
            counts = pixel_counts(self._table.state, round(self.width() * ratio))
            picture = stack(counts, round(measures.strip_overview * ratio))
            self._image = strip_image(picture, counts[TaskState.ERROR], self._theme.look, ratio=ratio)
        if self._image is not None:
            painter.drawImage(0, 0, self._image)
        look, size = self._theme.look, self._table.size
        if 0 < size <= self.width() // 5:
            for task in range(1, size):
                x = round(self.width() * task / size)
                painter.fillRect(x, 0, 1, measures.strip_overview, colour(look.bg1))
        top = measures.strip_overview + 5
        scale = QRect(0, top, self.width(), 16)
        font = self._theme.font("small")
        if size:
            draw_text(painter, scale, "0", font, look.text3)
            draw_text(painter, scale, words.number(size - 1), font, look.text3, right=True)
            for quarter in (1, 2, 3) if size >= 8 else ():
                place = QRect(self.width() * quarter // 4 - 50, top, 100, 16)
                painter.setPen(colour(look.text3))
                painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), words.number(size * quarter // 4))
        painter.end()

    def resizeEvent(self, event: Any) -> None:
        """Paint anew at another width."""
        self._image = None

    def _task_at(self, x: float) -> int:
        return min(self._table.size - 1, max(0, int(x * self._table.size / max(1, self.width()))))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Say what stands under the pointer."""
        if self._table.size:
            first, last = self._task_at(event.position().x()), self._task_at(event.position().x() + 1)
            part = self._table.state[first : max(first, last) + 1]
            found = numpy.bincount(part, minlength=len(TaskState))
            said = ", ".join(f"{found[state]} {self._word(state)}" for state in TaskState if found[state])
            where = f"Task {first}" if last <= first else f"Tasks {words.number(first)} to {words.number(last)}"
            QToolTip.showText(event.globalPosition().toPoint(), f"{where}: {said}", self)

    def _word(self, state: TaskState) -> str:
        return self._theme.state("task", state.name)[0].brief.lower()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go there."""
        if self._table.size:
            self.clicked_task.emit(self._task_at(event.position().x()))


class _TaskDelegate(GroundDelegate):
    """Cells of tasks."""

    def __init__(self, theme: Theme, model: TasksModel, parent: QWidget) -> None:
        super().__init__(theme, parent)
        self.model = model

    def content(self, painter: QPainter, rect: QRect, index: QModelIndex | QPersistentModelIndex) -> None:
        """Paint by the column."""
        task = self.model.task_at(index.row())
        if task < 0:
            return
        key, _, _, right = COLUMNS[index.column()]
        look = self.theme.look
        state = self.model.state_at(task)
        if key == "state":
            self.draw_state(painter, rect, "task", state)
            return
        if key == "progress":
            family = "live" if state in ("RUNNING", "WAIT_RECONNECT") else "bad" if state == "ERROR" else "good"
            self.draw_bar(painter, rect, self.model.percent(task), look.families[family].fill)
            return
        text = self.model.text(task, key)
        quiet = text in (words.DOT, words.UNKNOWN)
        ink = look.text3 if quiet else look.text1 if key == "name" or right else look.text2
        font = self.theme.font("strong" if key == "name" else "body")
        if key == "errors" and not quiet:
            ink, font = look.families["bad"].ink, self.theme.font("bold")
        draw_text(painter, rect, text, font, ink, right=right)


class TasksPane(QWidget):
    """One opened job."""

    back = Signal()
    open_task = Signal(int, int, int)
    """Job, block, task."""
    told = Signal(str)

    def __init__(self, window: Asking, theme: Theme, job: int) -> None:
        super().__init__()
        self.setObjectName("main")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.session, self.theme, self.job = window.session, theme, job
        self._window = window
        begun = time.perf_counter()
        self._opened = self.session.open_job(job)
        self._models: dict[int, TasksModel] = {}
        self._block = -1
        self._pending: list[TaskRange] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(100)
        self._timer.timeout.connect(self._refresh)
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._tick)
        self._name, self._count = label(), label(tone="quiet")
        self._segments = QHBoxLayout()
        self._segments.setSpacing(2)
        self._strip = OverviewStrip(theme)
        self._strip.clicked_task.connect(self.show_task)
        self._chips: dict[str, Chip] = {}
        self.search = SearchLine(theme, "state:error  err>0  host:  time>90  starts>1  1000-2000")
        self.search.searched.connect(lambda text: self._filter())
        self._problem = Shrinking()
        self._buttons: dict[str, Any] = {}
        self._model = self._make_model(0)
        self.table = TableView(self._model, theme.row_height(measures.row_compact), "Tasks")
        self._empty = Empty(theme, self)
        self._stack = QStackedWidget()
        self._lay_out()
        self._use(0)
        self.session.changed.connect(self._on_changed)
        self.session.mode_changed.connect(self._enable)
        theme.changed.connect(self._on_theme)
        self._on_theme()
        self._show_job()
        self.opened_in = time.perf_counter() - begun

    def release(self) -> None:
        """The pane is left for good."""
        self._timer.stop()
        self._clock.stop()
        self.session.changed.disconnect(self._on_changed)
        self.session.mode_changed.disconnect(self._enable)
        self.theme.changed.disconnect(self._on_theme)
        self.session.close_job(self.job)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        header, row = bar("header", measures.view_header)
        back = button("All jobs", self.back.emit, icon=self.theme.icon("back"), shape="flat", tip="Back (Esc)")
        row.addWidget(back)
        row.addWidget(self._name)
        row.addWidget(self._count)
        row.addStretch(1)
        for action, title, icon, key, tip in _ACTIONS:
            made = button(title, partial(self.do, action), icon=self.theme.icon(icon), tip=f"{tip} ({key})")
            made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self._buttons[action] = made
            row.addWidget(made)
        column.addWidget(header)
        line, row = bar("search-row", measures.search_row)
        row.addLayout(self._segments)
        row.addWidget(self.search, 1)
        column.addWidget(line)
        chips, row = bar("chips", measures.chip_row)
        for state in (TaskState.DONE, TaskState.RUNNING, TaskState.ERROR, TaskState.READY, TaskState.WAIT_DEP,
                      TaskState.SKIPPED, TaskState.SUSPENDED):  # fmt: skip
            chip = self._chips[state.name] = Chip(self.theme, "task", state.name)
            chip.clicked.connect(partial(self._on_chip, state.name))
            row.addWidget(chip)
        row.addWidget(self._problem, 1)
        column.addWidget(chips)
        holder = QFrame()
        inner = QVBoxLayout(holder)
        inner.setContentsMargins(16, 4, 16, 6)
        inner.addWidget(self._strip)
        column.addWidget(holder)
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._empty)
        column.addWidget(self._stack, 1)
        self.table.setSortingEnabled(False)
        self.table.horizontalHeader().setSectionsClickable(True)
        self.table.horizontalHeader().sectionClicked.connect(self._sort)
        self._order = (1, Qt.SortOrder.AscendingOrder)
        self.table.chosen.connect(self._enable)
        self.table.opened.connect(self._on_opened)
        self.table.asked.connect(self._menu)
        self.table.resized.connect(self._fit)
        for action, title, _, key, _ in _ACTIONS:
            act = QAction(title, self.table)
            act.setShortcut(QKeySequence(key))
            act.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            act.triggered.connect(partial(self.do, action))
            self.table.addAction(act)

    def _make_model(self, block: int) -> TasksModel:
        model = self._models.get(block)
        if model is None:
            renders = self.session.state.renders
            model = self._models[block] = TasksModel(
                self._opened, block, clock=self.session.clock,
                render_name=lambda id: renders[id].name if id in renders else f"render {id}",
                fetch=partial(self._fetch, block),
            )  # fmt: skip
        return model

    def _use(self, block: int) -> None:
        """Show another block."""
        if block == self._block:
            return
        self._block, self._model = block, self._make_model(block)
        table = self.table
        if table.model() is not self._model:
            height = table.verticalHeader().defaultSectionSize()
            table.setModel(self._model)
            table.set_row_height(height)
            table.selectionModel().selectionChanged.connect(lambda *_: self._enable())
        self._delegate = _TaskDelegate(self.theme, self._model, table)
        table.setItemDelegate(self._delegate)
        for place, (_, _, width, _) in enumerate(COLUMNS):
            table.setColumnWidth(place, width)
        self._fit()
        self._filter()
        self._recount()

    # Names

    def _fetch(self, block: int, first: int) -> None:
        pending = self.session.ask("task.list", job=self.job, block=block, after=first - 1, limit=PAGE)
        pending.success(lambda body: self._models[block].put_page(first, body["rows"]))
        pending.failure(lambda error: self._models[block].forget_page(first))

    # Changes

    def _row(self) -> JobRow | None:
        return self.session.state.jobs.get(self.job)

    def _on_changed(self, changes: ChangeSet) -> None:
        if self.job in changes.changed.get("jobs", ()) or changes.connection:
            self._show_job()
        mine = [part for part in changes.tasks if part.job == self.job]
        if self.job in changes.gone.get("opened", ()) or self.job in changes.gone.get("jobs", ()):
            self._recount()
        if mine:
            self._pending.extend(mine)
            if not self._timer.isActive():
                self._timer.start()

    def _refresh(self) -> None:
        parts, self._pending = self._pending, []
        self._model.apply(parts)
        self._recount()

    def _tick(self) -> None:
        if self.isVisible() and self._model.table.counts()[TaskState.RUNNING]:
            self.table.viewport().update()

    def _show_job(self) -> None:
        row = self._row()
        if row is None:
            return
        self._name.setText(row.name)
        self._count.setText(words.plural(sum(row.counts), "task"))
        if self._segments.count() != len(row.blocks):
            for block in row.blocks[self._segments.count() : 8]:
                made = button(block.name, partial(self._on_segment, block.index), shape="segment")
                made.setCheckable(True)
                made.setChecked(block.index == self._block)
                self._segments.addWidget(made)
        self._enable()

    def _on_segment(self, block: int) -> None:
        for place in range(self._segments.count()):
            item = self._segments.itemAt(place)
            widget: Any = item.widget() if item is not None else None
            if widget is not None:
                widget.setChecked(place == block)
        self._use(block)

    def _recount(self) -> None:
        table = self._model.table
        counts = table.counts() if table.size else [0] * len(TaskState)
        for state, chip in self._chips.items():
            chip.set_count(counts[TaskState[state]])
        self._strip.show_table(table)
        if self._opened.gone or (self._row() is None and self.session.state.is_complete("jobs")):
            self._empty.say("job", "This job is not there any more.", action="Back to all jobs", done=self.back.emit)
        elif not table.size:
            self._empty.say("task", "The farm is telling the tasks of this job.")
        elif not self._model.rowCount():
            self._empty.say(
                "search", f"No task matches. {words.plural(table.size, 'task')} without the filter.",
                action="Clear filter", done=self.clear_filter,
            )  # fmt: skip
        else:
            self._stack.setCurrentWidget(self.table)
            return
        self._stack.setCurrentWidget(self._empty)

    # Filter and order

    def _on_chip(self, state: str, checked: bool) -> None:
        for other, chip in self._chips.items():
            chip.setChecked(checked and other == state)
        self._filter()

    def clear_filter(self) -> None:
        """Show every task again."""
        for chip in self._chips.values():
            chip.setChecked(False)
        self.search.clear()
        self._filter()

    def _filter(self) -> None:
        query = parse_query(self.search.text(), TASK_FIELDS)
        self._problem.setText("; ".join(f"{problem.what}: {problem.hint}" for problem in query.problems))
        chosen = [TaskState[state] for state, chip in self._chips.items() if chip.isChecked()]
        model = self._model

        def mask(table: BlockTasks) -> Any:
            hosts = {row.name: id for id, row in self.session.state.renders.items()}
            found = mask_of(query, table, hosts, model.now)
            for state in chosen:
                same = table.state == state
                found = same if found is None else found & same
            return found

        model.set_mask(mask if query.terms or chosen else None)
        self._recount()

    def _sort(self, column: int) -> None:
        before, direction = self._order
        down = before == column and direction is Qt.SortOrder.AscendingOrder
        self._order = (column, Qt.SortOrder.DescendingOrder if down else Qt.SortOrder.AscendingOrder)
        self._model.sort(*self._order)

    # Selection

    def selected(self) -> list[int]:
        """Return the indices of selected tasks."""
        return [self._model.task_at(place) for place in self.table.selected_places()]

    def show_task(self, task: int) -> None:
        """Select a task and scroll to it."""
        self.table.select_place(self._model.place_of(task))
        self.table.setFocus()

    def _on_opened(self, place: int) -> None:
        task = self._model.task_at(place)
        if task >= 0:
            self.open_task.emit(self.job, self._block, task)

    def _reason(self) -> str:
        row = self._row()
        if not self.selected():
            return "Nothing is selected."
        if not self.session.state.connected:
            return "There is no connection to the farm."
        if row is not None and row.user != self.session.user and self.session.mode < Role.VISOR:
            return f"Belongs to {row.user}; in USER mode you change what is yours."
        return ""

    def _enable(self) -> None:
        reason = self._reason()
        for (_, title, _, key, tip), made in zip(_ACTIONS, self._buttons.values()):
            made.setEnabled(not reason)
            made.setToolTip(f"{title} ({key}): {reason or tip}")
        chosen = len(self.table.selected_places())
        self.told.emit(f"{words.plural(chosen, 'task')} selected" if chosen else "")

    def do(self, action: str) -> None:
        """Do an action to the selected tasks."""
        reason, chosen = self._reason(), self.selected()
        if reason:
            self._window.tell_reason(reason)
            return
        done = int(numpy.count_nonzero(self._model.table.state[chosen] == TaskState.DONE))
        if action == "restart" and done and not self._window.confirm(
            f"Restart {words.plural(len(chosen), 'task')}?", [self._model.name(task) for task in chosen[:9]],
            f"The work of {words.plural(done, 'finished task')} is thrown away.",
            f"Restart {words.plural(len(chosen), 'task')}",
        ):  # fmt: skip
            return
        said = {"restart": "Restarted", "skip": "Skipped", "suspend": "Suspended", "continue": "Continued"}[action]
        undo: Callable[[], Any] | None = None
        if action in ("suspend", "continue"):
            opposite = "continue" if action == "suspend" else "suspend"
            undo = partial(tasks.change, self.session, opposite, job=self.job, block=self._block, tasks=chosen)
        pending = tasks.change(self.session, action, job=self.job, block=self._block, tasks=chosen)
        self._window.tell_done(pending, f"{said} {words.plural(len(chosen), 'task')}.", undo)

    def _menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        reason, chosen = self._reason(), self.selected()
        entry = menu.addAction(self.theme.icon("output"), "Output…\tEnter")
        entry.setEnabled(len(chosen) == 1)
        entry.triggered.connect(lambda: self.open_task.emit(self.job, self._block, chosen[0]))
        menu.addSeparator()
        for action, title, icon, key, _ in _ACTIONS:
            entry = menu.addAction(self.theme.icon(icon), f"{title}\t{key}", partial(self.do, action))
            entry.setEnabled(not reason)
            entry.setToolTip(reason)
        menu.exec(at)
        menu.deleteLater()

    # Looks

    def _on_theme(self) -> None:
        self._name.setFont(self.theme.font("title2"))
        self.table.set_row_height(self.theme.row_height(measures.row_compact))
        for chip in self._chips.values():
            chip.refresh()
        for (_, _, icon, _, _), made in zip(_ACTIONS, self._buttons.values()):
            made.setIcon(self.theme.icon(icon))
        self._recount()
        self.table.viewport().update()

    def showEvent(self, event: Any) -> None:
        """Clocks tick while seen."""
        super().showEvent(event)
        self._clock.start()

    def hideEvent(self, event: Any) -> None:
        """Clocks rest while hidden."""
        super().hideEvent(event)
        self._clock.stop()

    def _fit(self) -> None:
        """Let the name take what is left."""
        room, fixed, least = self.table.viewport().width(), 0, 170
        for place, (key, _, width, _) in enumerate(COLUMNS):
            if key != "name":
                hide = place > 3 and fixed + width + least > room
                self.table.setColumnHidden(place, hide)
                fixed += 0 if hide else width
        self.table.setColumnWidth(1, max(least, room - fixed))

    def refused(self, error: AfError) -> None:
        """Say what the farm refused."""
        self.told.emit(error.sentence)
