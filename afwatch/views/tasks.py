"""The tasks of one job: blocks to choose from, the overview strip, counts by state, and a table of a million rows.

Rules of this file:
- Strip and table read the columns; only texts of listed tasks are asked for, by pages that are seen.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy
from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout, QWidget

from afcore.errors import AfError
from afcore.rows import JobRow
from afcore.states import TaskState
from afwatch import words
from afwatch.actions import Asking
from afwatch.acts.files import FOLDER_KEY, show_files
from afwatch.changes import ChangeSet, TaskRange
from afwatch.delegates.tasks import TaskDelegate
from afwatch.models.filters import Query, parse_query
from afwatch.models.tasknames import NumericNames
from afwatch.models.tasks import COLUMNS, PAGE, TASK_FIELDS, TasksModel, mask_of
from afwatch.tasktables import BlockTasks
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.theme.tokens import chosen_level, measures
from afwatch.views.chips import Chip, ChipRow
from afwatch.views.namesearch import NameSearch, name_test
from afwatch.views.overviewstrip import OverviewStrip
from afwatch.views.parts import Empty, Shrinking, button, label
from afwatch.views.searchline import SearchLine, bar
from afwatch.views.table import TableView
from afwatch.views.taskdeeds import (
    IN_HEADER,
    TASK_ACTIONS,
    add_keys,
    build_menu,
    do_to_tasks,
    reason_against_tasks,
)
from afwatch.views.taskpictures import TaskPictures

__all__ = ["TasksPane"]

_LEAST, _LEAST_ITEM = 170, 250
"""Pixels that names keep; with pictures before them."""


class TasksPane(QWidget):
    """One opened job."""

    back = Signal()
    open_task = Signal(int, int, int)
    """Job, block, task."""
    told = Signal(str)
    turned = Signal(int)
    """Another block is shown."""
    visited = Signal(int, int)
    """Block, and the task that was chosen in it, -1 for none."""

    def __init__(self, window: Asking, theme: Theme, job: int, *, back_to: str = "") -> None:
        """``back_to``: title of the place that it was opened from."""
        super().__init__()
        self.setObjectName("main")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.session, self.theme, self.job = window.session, theme, job
        self._back_to = back_to or tr("All jobs")
        self.noun = "task"
        self._window = window
        begun = time.perf_counter()
        self._opened = self.session.open_job(job)
        self._models: dict[int, TasksModel] = {}
        self._names: NameSearch | None = None
        self._namer: tuple[JobRow | None, dict[int, NumericNames]] = None, {}
        """The row that names are made from, and what makes those of each block."""
        self._block = -1
        self._pending: list[TaskRange] = []
        self._wanted: tuple[int, int] | None = None
        """Block and task to be chosen once they are told."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(100)
        self._timer.timeout.connect(self._refresh)
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._tick)
        self._name, self._count = Shrinking(tone="", fills=False), label(tone="quiet")
        self._segments = QHBoxLayout()
        self._segments.setSpacing(2)
        self._strip = OverviewStrip(theme)
        self._strip.clicked_task.connect(self.show_task)
        self._chips: dict[str, Chip] = {}
        self.search = SearchLine(theme, "state:error  err>0  host:  name~  time>90  starts>1  1000-2000")
        self.search.searched.connect(lambda text: self._filter())
        self._problem = Shrinking()
        self._buttons: dict[str, Any] = {}
        self._model = self._make_model(0)
        self.table = TableView(self._model, theme.row_height(measures.row_compact), tr("Tasks"))
        self.pictures = TaskPictures(self.session, self.table, job, lambda: self._model)
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
        self.pictures.release()
        self._clock.stop()
        self._stop_names()
        for model in self._models.values():
            model.end_sorting()
        self.session.changed.disconnect(self._on_changed)
        self.session.mode_changed.disconnect(self._enable)
        self.theme.changed.disconnect(self._on_theme)
        self.session.close_job(self.job)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        header, row = bar("header", measures.view_header)
        arrow = self.theme.icon("back")
        self._back = button(self._back_to, self.back.emit, icon=arrow, shape="flat", tip=tr("Back (Esc)"))
        row.addWidget(self._back)
        row.addWidget(self._name)
        row.addWidget(self._count)
        row.addStretch(1)
        for action, title, icon, key, tip in TASK_ACTIONS:
            if action not in IN_HEADER:
                continue
            made = button(title, partial(self.do, action), icon=self.theme.icon(icon), tip=f"{tip} ({key})")
            made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self._buttons[action] = made
            row.addWidget(made)
        column.addWidget(header)
        line, row = bar("search-row", measures.search_row)
        row.addLayout(self._segments)
        row.addWidget(self.search, 1)
        column.addWidget(line)
        for state in (TaskState.DONE, TaskState.RUNNING, TaskState.ERROR, TaskState.READY, TaskState.WAIT_DEP,
                      TaskState.SKIPPED, TaskState.SUSPENDED):  # fmt: skip
            chip = self._chips[state.name] = Chip(self.theme, "task", state.name)
            chip.chosen.connect(self._on_chip)
        self._chip_row = ChipRow(self._chips.values(), self._problem)
        column.addWidget(self._chip_row)
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
        self.table.chosen.connect(self._on_chosen)
        self.table.opened.connect(self._on_opened)
        self.table.asked.connect(self._menu)
        self.table.resized.connect(self._fit)
        add_keys(self.table, self.do, (
            ("Ctrl+Y", self._window.show_why), ("F2", self._window.edit_parameters), (FOLDER_KEY, self._open_folder),
        ))  # fmt: skip

    def hide_back(self) -> None:
        """There is no list to go back to."""
        self._back.hide()

    def _make_model(self, block: int) -> TasksModel:
        model = self._models.get(block)
        if model is None:
            renders = self.session.state.renders
            model = self._models[block] = TasksModel(
                self._opened, block, clock=self.session.clock,
                render_name=lambda id: renders[id].name if id in renders else tr("render {0}", id),
                fetch=partial(self._fetch, block),
                hosts=lambda: {id: row.name for id, row in renders.items()},
                made_names=partial(self._made_names, block),
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
            table.follow(self._model)
            table.set_row_height(height)
            table.selectionModel().selectionChanged.connect(lambda *_: self._on_chosen())
        self._delegate = TaskDelegate(self.theme, self._model, table)
        self._delegate.picture_of = self.pictures.of
        table.setItemDelegate(self._delegate)
        self._widen()
        self._fit()
        self._filter()
        self._recount()
        self.pictures.look()
        self.turned.emit(block)

    def _widen(self) -> None:
        """Give every column the width that the level of wording needs."""
        self._level = chosen_level()
        for place, column in enumerate(COLUMNS):
            self.table.setColumnWidth(place, column.width_now)

    # Names

    def _made_names(self, block: int) -> NumericNames | None:
        """Return what makes the names of a block's tasks; None for listed ones, which the farm is asked for."""
        row = self._row()
        if row is not self._namer[0]:
            rows = row.blocks if row is not None else []
            self._namer = row, {each.index: NumericNames(each) for each in rows if NumericNames.suits(each)}
        return self._namer[1].get(block)

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
            if not self._model.rowCount() and not self._chips["READY"].isChecked():
                self._refresh()  # the first sight of a job waits for nothing
            elif not self._timer.isActive():
                self._timer.start()

    def _refresh(self) -> None:
        parts, self._pending = self._pending, []
        self._model.apply(parts)
        self._recount()
        self.pictures.look()
        if self._wanted is not None:
            self.show_again(*self._wanted)

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
        self._on_chosen()

    def _recount(self) -> None:
        table = self._model.table
        counts = table.counts() if table.size else [0] * len(TaskState)
        for state, chip in self._chips.items():
            chip.set_count(counts[TaskState[state]])
        self._chip_row.fit()
        self._strip.show_table(table)
        self._show_what_there_is()

    def _show_what_there_is(self) -> None:
        table = self._model.table
        if self._opened.gone or (self._row() is None and self.session.state.is_complete("jobs")):
            self._empty.say("job", tr("This job is not there any more."), action=tr("Back to {0}", self._back_to),
                            done=self.back.emit)
        elif not table.size:
            self._empty.say("task", tr("The farm is telling the tasks of this job."))
        elif not self._model.rowCount() and self._names is not None and not self._names.is_done:
            looked = words.number(self._names.looked)
            self._empty.say("search", tr("Looking at names: {0} of {1}.", looked, words.plural(table.size, 'task')))
        elif not self._model.rowCount():
            self._empty.say(
                "search", tr("No task matches. {0} without the filter.", words.plural(table.size, 'task')),
                action=tr("Clear filter"), done=self.clear_filter,
            )  # fmt: skip
        else:
            self._stack.setCurrentWidget(self.table)
            return
        self._stack.setCurrentWidget(self._empty)

    # Filter and order

    def _on_chip(self, state: str, checked: bool, adding: bool) -> None:
        if not adding:
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
        names = self._look_for_names(query)

        def mask(table: BlockTasks) -> Any:
            hosts = {row.name: id for id, row in self.session.state.renders.items()}
            found = mask_of(query, table, hosts, model.now)
            for state in chosen:
                same = table.state == state
                found = same if found is None else found & same
            if names is not None:
                found = names.mask if found is None else found & names.mask
            return found

        model.set_mask(mask if query.terms or chosen else None)
        self._show_what_there_is()

    def _look_for_names(self, query: Query) -> NameSearch | None:
        """Begin to look for tasks by name, if the search line says so."""
        self._stop_names()
        test, row = name_test(query), self._row()
        if test is None or row is None or self._block >= len(row.blocks):
            return None
        self._names = NameSearch(self.session, self.job, row.blocks[self._block], self._model.table.size, test)
        self._names.found.connect(self._on_named)
        self._names.start()
        return self._names

    def _stop_names(self) -> None:
        if self._names is not None:
            self._names.stop()
            self._names.deleteLater()
            self._names = None

    def _on_named(self) -> None:
        self._model.grow()
        self._show_what_there_is()

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

    def show_again(self, block: int, task: int) -> None:
        """Choose a task of a block, as soon as the farm has told them; -1: only show the block."""
        row = self._row()
        self._wanted = (block, task)
        if row is None or block >= len(row.blocks):
            return
        self._on_segment(block)
        place = self._model.place_of(task) if task >= 0 else -1
        if place >= 0:
            self.table.select_place(place)
        if place >= 0 or task < 0 or self._model.table.size:
            self._wanted = None

    def _on_chosen(self) -> None:
        self._enable()
        chosen = self.selected()
        self._wanted = None if chosen else self._wanted
        self.visited.emit(self._block, chosen[0] if chosen else -1)

    def _on_opened(self, place: int) -> None:
        task = self._model.task_at(place)
        if task >= 0:
            self.open_task.emit(self.job, self._block, task)

    def _reason(self) -> str:
        return reason_against_tasks(self.session, self._row(), len(self.selected()))

    def _enable(self) -> None:
        reason = self._reason()
        for action, title, _, key, tip in TASK_ACTIONS:
            made = self._buttons.get(action)
            if made is None:
                continue
            made.setEnabled(not reason)
            made.setToolTip(f"{title} ({key}): {reason or tip}")
        chosen = len(self.table.selected_places())
        self.told.emit(tr("{0} selected", words.plural(chosen, 'task')) if chosen else "")

    def do(self, action: str) -> None:
        """Do an action to the selected tasks."""
        reason, chosen = self._reason(), self.selected()
        if reason:
            self._window.tell_reason(reason)
            return
        done = int(numpy.count_nonzero(self._model.table.state[chosen] == TaskState.DONE))
        names = [self._model.name(task) for task in chosen[:9]]
        do_to_tasks(self._window, action, self.job, self._block, chosen, done=done, names=names)

    def _open_folder(self) -> None:
        """Open the folder of the files that the selected task writes."""
        chosen = self.selected()
        if len(chosen) == 1:
            show_files(self._window, (self.job, self._block, chosen[0]))
        else:
            self._window.tell_reason(tr("Select one task to open the folder of its files."))

    def _menu(self, at: QPoint) -> None:
        menu = self.build_menu()
        menu.exec(at)
        menu.deleteLater()

    def build_menu(self) -> QMenu:
        """Return the menu of the selected tasks."""
        chosen = [(self.job, self._block, task) for task in self.selected()]
        return build_menu(
            self, self._window, self.theme, chosen, reason=self._reason(), do=self.do,
            open_task=lambda: self.open_task.emit(*chosen[0]), can_ask_why=bool(self._row()),
        )  # fmt: skip

    def focus(self) -> None:
        """Take the keyboard."""
        self.table.setFocus()

    def begin_search(self) -> None:
        """Put the keyboard into the search line."""
        self.search.setFocus()
        self.search.selectAll()

    # Pictures

    def choose_style(self, style: str) -> None:
        """Show tasks as items with pictures, or as rows without."""
        if (style == "items") != self.pictures.on:
            self.pictures.on = style == "items"
            self._on_theme()
            self._fit()
            self.pictures.look()

    # Looks

    def _on_theme(self) -> None:
        self._name.setFont(self.theme.font("title2"))
        self._back.setIcon(self.theme.icon("back"))
        tall = self.pictures.on
        self.table.set_row_height(self.theme.row_height(measures.row_items if tall else measures.row_compact, 1 + tall))
        for chip in self._chips.values():
            chip.refresh()
        for action, _, icon, _, _ in TASK_ACTIONS:
            if action in self._buttons:
                self._buttons[action].setIcon(self.theme.icon(icon))
        self._recount()
        self._model.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(COLUMNS) - 1)
        if self._level != chosen_level():
            self._widen()
            self._fit()
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
        room, fixed, least = self.table.viewport().width(), 0, _LEAST_ITEM if self.pictures.on else _LEAST
        for place, column in enumerate(COLUMNS):
            if column.key != "name":
                width = self.table.columnWidth(place) or column.width_now
                hide = place > 3 and fixed + width + least > room
                self.table.setColumnHidden(place, hide)
                fixed += 0 if hide else width
        self.table.setColumnWidth(1, max(least, room - fixed))

    def refused(self, error: AfError) -> None:
        """Say what the farm refused."""
        self.told.emit(error.sentence)
