"""What can be done to tasks, as data: for the buttons, keys and menu of an opened job and of a task's window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from afcore.rows import JobRow
from afcore.states import Role
from afcore.systemcommand import SYSTEM_JOB
from afwatch import words
from afwatch.actions import Asking
from afwatch.acts.files import add_files_menu
from afwatch.ops import tasks
from afwatch.ops.pending import Pending
from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme

__all__ = [
    "IN_HEADER", "IN_WINDOW", "SAID", "TASK_ACTIONS", "add_keys", "build_menu", "do_to_tasks", "reason_against_tasks",
]  # fmt: skip

TASK_ACTIONS = (
    ("restart", tr("Restart"), "restart", "Ctrl+R", tr("Make the selected tasks ready again")),
    ("restart-depends", tr("Restart with what they wait for"), "restart", "Ctrl+Alt+R",
     tr("Make the selected tasks ready again, and those that they depend on")),
    ("skip", tr("Skip"), "skip", "Ctrl+J", tr("The selected tasks count as done")),
    ("suspend", tr("Suspend"), "suspended", "Ctrl+U", tr("Hold the selected tasks")),
    ("continue", tr("Continue"), "continue", "Ctrl+Shift+U", tr("Let suspended tasks go on")),
    ("try-next", tr("Try next"), "priority", "Ctrl+N", tr("Offer the selected tasks before all others of the job")),
    ("try-usual", tr("Not next any more"), "undo", "Ctrl+Shift+N",
     tr("Offer the selected tasks in their usual order again")),
    ("done", tr("Set done"), "done", "Ctrl+Shift+J", tr("The selected tasks are done without running")),
    ("reset-error-hosts", tr("Forget failed hosts"), "retry", "Ctrl+Shift+E",
     tr("Let hosts that failed them try again")),
)
"""What can be done to tasks: key, title, icon, shortcut, and what it means."""

IN_HEADER = ("restart", "skip", "suspend", "continue")
"""Those that have a button above a job's tasks."""

IN_WINDOW = ("restart", "skip")
"""Those that have a button in a task's window."""

SAID = {
    "restart": tr("Restarted"), "restart-depends": tr("Restarted, with what they wait for,"), "skip": tr("Skipped"),
    "suspend": tr("Suspended"), "continue": tr("Continued"), "try-next": tr("Next in line:"),
    "try-usual": tr("In their usual order again:"), "done": tr("Set done:"),
    "reset-error-hosts": tr("Forgot which hosts failed"),
}  # fmt: skip
"""What is told when it was done, before how many tasks."""


def reason_against_tasks(session: Session, job: JobRow | None, count: int) -> str:
    """Return why nothing may be done to ``count`` tasks of a job now; empty when it may."""
    if not count:
        return tr("Nothing is selected.")
    if not session.state.connected:
        return tr("There is no connection to the farm.")
    if session.past is not None:
        return tr("This is the farm as it was: Escape leads back to now.")
    if job is not None and job.user != session.user and session.mode < Role.VISOR:
        return tr("Belongs to {0}; in USER mode you change what is yours.", job.user)
    return ""


def do_to_tasks(
    window: Asking, action: str, job: int, block: int, chosen: Sequence[int], *, done: int, names: Sequence[str],
) -> tuple[Pending, str] | None:  # fmt: skip
    """Do an action to tasks; return what was sent and what is to be said of it, None when the person thought better.

    ``done``: how many of them are finished, whose work a restart throws away; ``names``: of the first ones.
    """
    count = words.plural(len(chosen), "task")
    if job == SYSTEM_JOB and action.startswith("restart"):
        # The farm means more by it than of any other job.
        if not window.confirm(
            tr("Clear the whole queue of the block?"), names,
            tr("A restart of a task of the system job forgets what waits in its block, and stops what runs."),
            tr("Clear queue"),
        ):  # fmt: skip
            return None
    elif action.startswith("restart") and done and not window.confirm(
        tr("Restart {0}?", count), names, tr("The work of {0} is thrown away.", words.plural(done, 'finished task')),
        tr("Restart {0}", count),
    ):  # fmt: skip
        return None
    pending = tasks.change(window.session, action, job=job, block=block, tasks=chosen)
    said = f"{SAID[action]} {count}."
    window.tell_done(pending, said)
    return pending, said


def add_keys(
    table: QWidget, do: Callable[[str], None], more: Sequence[tuple[str, Callable[[], object]]],
    context: Qt.ShortcutContext = Qt.ShortcutContext.WidgetShortcut,
) -> None:  # fmt: skip
    """Let the keys of the actions work in a table, or a whole window, and some more with what each does."""
    deeds: list[tuple[str, str, Callable[[], object]]] = [
        *((title, key, partial(do, action)) for action, title, _, key, _ in TASK_ACTIONS),
        *((key, key, done) for key, done in more),
    ]
    for title, key, done in deeds:
        act = QAction(title, table)
        act.setShortcut(QKeySequence(key))
        act.setShortcutContext(context)
        act.triggered.connect(lambda checked=False, done=done: done())
        table.addAction(act)


def build_menu(
    parent: QWidget, window: Asking, theme: Theme, chosen: list[tuple[int, int, int]], *, reason: str,
    do: Callable[[str], None], open_task: Callable[[], object], can_ask_why: bool,
) -> QMenu:  # fmt: skip
    """Return the menu of some tasks (job, block, task); ``reason``: why nothing may be done to them, or empty."""
    menu = QMenu(parent)
    menu.setToolTipsVisible(True)
    entry = menu.addAction(theme.icon("output"), tr("Open the task…\tEnter"))
    entry.setEnabled(len(chosen) == 1)
    entry.triggered.connect(lambda: open_task())
    why = menu.addAction(theme.icon("why"), tr("Why not running\tCtrl+Y"), window.show_why)
    why.setEnabled(can_ask_why)
    menu.addSeparator()
    for action, title, icon, key, _ in TASK_ACTIONS:
        entry = menu.addAction(theme.icon(icon), f"{title}\t{key}", partial(do, action))
        entry.setEnabled(not reason)
        entry.setToolTip(reason)
    menu.addSeparator()
    menu.addAction(theme.icon("edit"), tr("Parameters\tF2"), window.edit_parameters)
    menu.addSeparator()
    add_files_menu(window, menu, chosen[0] if len(chosen) == 1 else None)
    return menu
