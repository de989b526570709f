"""What can be done to selected tasks, as data: for the buttons, keys and menu of an opened job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from afwatch.actions import Asking
from afwatch.acts.files import add_files_menu
from afwatch.texts import tr
from afwatch.theme.paint import Theme

__all__ = ["IN_HEADER", "SAID", "TASK_ACTIONS", "add_keys", "build_menu"]

TASK_ACTIONS = (
    ("restart", tr("Restart"), "restart", "Ctrl+R", tr("Make the selected tasks ready again")),
    ("skip", tr("Skip"), "skip", "Ctrl+J", tr("The selected tasks count as done")),
    ("suspend", tr("Suspend"), "suspended", "Ctrl+U", tr("Hold the selected tasks")),
    ("continue", tr("Continue"), "continue", "Ctrl+Shift+U", tr("Let suspended tasks go on")),
    ("try-next", tr("Try next"), "priority", "Ctrl+N", tr("Offer the selected tasks before all others of the job")),
    ("done", tr("Set done"), "done", "Ctrl+Shift+J", tr("The selected tasks are done without running")),
    ("reset-error-hosts", tr("Forget failed hosts"), "retry", "Ctrl+Shift+E",
     tr("Let hosts that failed them try again")),
)
"""What can be done to tasks: key, title, icon, shortcut, and what it means."""

IN_HEADER = ("restart", "skip", "suspend", "continue")
"""Those that have a button."""

SAID = {
    "restart": tr("Restarted"), "skip": tr("Skipped"), "suspend": tr("Suspended"), "continue": tr("Continued"),
    "try-next": tr("Next in line:"), "done": tr("Set done:"),
    "reset-error-hosts": tr("Forgot which hosts failed"),
}  # fmt: skip
"""What is told when it was done, before how many tasks."""


def add_keys(table: QWidget, do: Callable[[str], None], more: Sequence[tuple[str, Callable[[], object]]]) -> None:
    """Let the keys of the actions work in a table, and some more with what each does."""
    deeds: list[tuple[str, str, Callable[[], object]]] = [
        *((title, key, partial(do, action)) for action, title, _, key, _ in TASK_ACTIONS),
        *((key, key, done) for key, done in more),
    ]
    for title, key, done in deeds:
        act = QAction(title, table)
        act.setShortcut(QKeySequence(key))
        act.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
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
