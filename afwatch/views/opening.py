"""What the window opens: jobs with their tasks, tasks, renders, pages of the inspector, dialogs, and the way back.

Rules of this file:
- An opened job or render is a pane above its list; Escape goes back.  A task has a window of its own, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QStackedWidget

from afcore.rows import JobRow, RenderRow, RunRow
from afcore.states import TaskState
from afwatch.actions import reason_against
from afwatch.acts.jobs import JOB_ACTIONS
from afwatch.places import place_of
from afwatch.texts import tr
from afwatch.timemachine import TimeMachine
from afwatch.trail import Spot
from afwatch.views.asking import AskingWindow
from afwatch.views.inspector import Inspector
from afwatch.views.operations import OperationDialog, operation_entries
from afwatch.views.palette import Palette, palette_entries
from afwatch.views.steps import Walk
from afwatch.views.submit import open_submit_dialog
from afwatch.views.task import TaskWindow
from afwatch.views.tasks import TasksPane

if TYPE_CHECKING:
    from afwatch.views.renderpage import RenderPage

__all__ = ["OpeningWindow"]


def _task_of(run: RunRow) -> tuple[int, int, int]:
    return run.job, run.block, run.task


class OpeningWindow(AskingWindow):
    """The part of the main window that opens things."""

    inspector: Inspector
    past: TimeMachine
    _stack: QStackedWidget
    _palette: Palette
    walk: Walk

    def __init__(self) -> None:
        super().__init__()
        self._tasks: TasksPane | None = None
        self._page: RenderPage | None = None
        self._task_windows: dict[tuple[int, int, int], TaskWindow] = {}

    # What the rest of the window gives

    @property
    def _main(self) -> Any:
        """The window as a whole: what it opens speaks with all of it."""
        return self

    @property
    def place(self) -> str:
        """Key of the place that is gone to."""
        raise NotImplementedError

    def go(self, key: str) -> None:
        """Go to a place of the sidebar."""
        raise NotImplementedError

    def pane(self, key: str) -> Any:
        """Return the pane of a place."""
        raise NotImplementedError

    def selected(self) -> list[Any]:
        """Return what is selected where the person looks."""
        raise NotImplementedError

    def turn_inspector(self, page: str) -> None:
        """Show a page of the inspector."""
        raise NotImplementedError

    def _on_chosen(self, pane: Any, rows: list[Any]) -> None:
        raise NotImplementedError

    # Opening

    def open_job(self, job: int) -> None:
        """Show the tasks of a job."""
        self._leave_job()
        place = place_of(self.place)
        self._tasks = TasksPane(self._main, self.theme, job, back_to=place.title if place is not None else "")
        self._tasks.back.connect(self.go_back)
        self._tasks.open_task.connect(self.open_task)
        self._tasks.told.connect(self.status.select)
        self._tasks.choose_style(self._main.settings.text("style", "table"))
        self._tasks.visited.connect(self._on_task)
        self.walk.add_buttons(self._tasks)
        self._stack.addWidget(self._tasks)
        self._stack.setCurrentWidget(self._tasks)
        self._tasks.table.setFocus()
        self.walk.visit("job", job)
        row = self.session.state.jobs.get(job)
        self.inspector.show_rows([row] if row is not None else [], "job")

    def open_task(self, job: int, block: int, task: int) -> TaskWindow:
        """Show a task with its output in a window of its own."""
        key = (job, block, task)
        found = self._task_windows.get(key)
        if found is None:
            found = self._task_windows[key] = TaskWindow(self.session, self.theme, job, block, task, self)
            found.closed.connect(lambda key: self._task_windows.pop(key, None))
        found.show()
        found.raise_()
        return found

    def open_render(self, name: str) -> None:
        """Show what a render measured over time."""
        from afwatch.views.renderpage import RenderPage  # late: a window that opens needs no library of plots

        self._leave_job()
        page = self._page = RenderPage(self._main, self.theme, name)
        page.back.connect(self.go_back)
        page.told.connect(self.tell_reason)
        page.chosen.connect(lambda rows: self._on_chosen(page, rows))
        self.walk.add_buttons(page)
        self._stack.addWidget(page)
        self._stack.setCurrentWidget(page)
        self.walk.visit("render", name)
        page.focus()
        self._on_chosen(page, page.selected())

    def _on_task(self, block: int, task: int) -> None:
        if self._tasks is not None:
            self.walk.visit("job", self._tasks.job, block, task)

    def show_spot(self, spot: Spot) -> None:
        """Be again where one was."""
        here = self._tasks.job if self._tasks is not None else self._page.render_name if self._page is not None else 0
        if self.place != spot.place or spot.what != here or not spot.opened:
            self.go(spot.place)
        if spot.opened == "job" and isinstance(spot.what, int):
            if self._tasks is None:
                self.open_job(spot.what)
            assert self._tasks is not None
            self._tasks.show_again(spot.block, spot.chosen)
        elif spot.opened == "render" and isinstance(spot.what, str):
            if self._page is None:
                self.open_render(spot.what)
        elif spot.chosen >= 0:
            pane = self.pane(spot.place)
            if hasattr(pane, "model"):
                pane.table.select_place(pane.model.place_of(spot.chosen))

    def _leave_job(self) -> None:
        left = [pane for pane in (self._tasks, self._page) if pane is not None]
        self._tasks = self._page = None
        for pane in left:
            pane.release()
            self._stack.removeWidget(pane)
            pane.deleteLater()

    def go_back(self) -> None:
        """Leave an opened job or render for the list it was opened from; from there the past for now."""
        if self._tasks is not None or self._page is not None:
            self.go(self._settings.text("place", "jobs"))
        else:
            self.past.turn_off()

    def open_row(self, row: Any) -> None:
        """Open a row, as Enter does: a job shows its tasks, a render its plots, others their parameters."""
        if isinstance(row, JobRow):
            self.open_job(row.id)
        elif isinstance(row, RenderRow):
            self.open_render(row.name)
        elif row is not None:
            self.edit_parameters()

    def edit_parameters(self) -> None:
        """Show what may be edited of what is selected."""
        self.turn_inspector("parameters")

    def show_why(self) -> None:
        """Show why what is selected does not run."""
        self.turn_inspector("why")

    def show_output(self) -> None:
        """Show the output of what is selected: of a job the task that matters most, of a render what runs on it."""
        rows = [row for row in self.selected() if isinstance(row, JobRow | RenderRow)]
        if not rows:
            return
        row = rows[0]
        if isinstance(row, RenderRow):
            if row.runs:
                self.open_task(*_task_of(row.runs[0]))
            return
        for state in ("error", "running", "wait_reconnect", "done"):
            for block in row.blocks:
                if block.counts[TaskState[state.upper()]]:
                    self._open_first(row.id, block.index, state)
                    return
        self.tell_reason(tr("No task of it has started yet."))

    def _open_first(self, job: int, block: int, state: str) -> None:
        pending = self.session.ask("task.list", job=job, block=block, state=state, limit=1)

        def came(body: dict[str, Any]) -> None:
            for row in body["rows"]:
                self.open_task(job, block, row["task"])

        pending.success(came)

    def retry_errors(self) -> None:
        """Retry what failed of the selected jobs."""
        action = next(action for action in JOB_ACTIONS if action.key == "retry")
        rows = [row for row in self.selected() if isinstance(row, JobRow)]
        reason = reason_against(action, self.session, rows)
        if reason:
            self.tell_reason(reason)
        else:
            action.run(self._main, rows)

    def open_operation(self, name: str) -> OperationDialog:
        """Open the dialog of an operation of the registry, about what is selected."""
        dialog = OperationDialog(self._main, name)
        dialog.show()
        return dialog

    def open_operations(self) -> None:
        """Show every operation of the registry in one list."""
        self._palette.open_with(operation_entries(self._main))

    def open_submit(self) -> None:
        """Open the dialog that submits a job."""
        self._submit = open_submit_dialog(self._main)

    def show_when_known(self, job: int) -> None:
        """Open a job that a link leads to, as soon as the farm has told its jobs; say so when it has none of it."""
        def come(changes: Any) -> None:
            known = job in self.session.state.jobs
            if known or self.session.state.is_complete("jobs"):
                self.session.changed.disconnect(come)
                if known:
                    self.open_job(job)
                else:
                    self.tell_reason(tr("There is no job {0}: it was deleted, or the link is of another farm.", job))

        self.session.changed.connect(come)

    def show_job(self, job: int) -> None:
        """Select a job in the list of all jobs, as soon as it is there."""
        self.go("jobs")
        QTimer.singleShot(300, self, lambda: self._select("jobs", job))

    def show_render(self, name: str) -> None:
        """Select a render in the farm."""
        self.go("farm")
        found = next((row.id for row in self.session.state.renders.values() if row.name == name), 0)
        self._select("farm", found)

    def _select(self, key: str, id: int) -> None:
        pane = self.pane(key)
        pane.table.select_place(pane.model.place_of(id))

    def open_keys(self) -> None:
        """Show what has a key here, as the palette does."""
        self._palette.open_with([entry for entry in palette_entries(self._main) if entry.keys])

    def open_palette(self) -> None:
        """Show every action, place, job and render in one list."""
        self._palette.open_with([*palette_entries(self._main), *operation_entries(self._main)])
