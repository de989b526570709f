"""What can be done with the files that a task writes: open their folder, show one by a preview command."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtWidgets import QMenu

from afcore.rows import JobRow
from afwatch.actions import Asking
from afwatch.texts import tr

__all__ = ["FOLDER_KEY", "add_files_menu", "show_files", "show_job_folder"]

FOLDER_KEY = "Ctrl+Shift+F"
Key = tuple[int, int, int]


def show_files(window: Asking, key: Key, command: str = "") -> None:
    """Open the folder of a task's files, or show the first of them by a preview command; what is wrong is said."""
    job, block, task = key

    def came(body: dict[str, Any]) -> None:
        files = body["row"].get("files") or []
        if not files:
            reason = tr("The task says no files that it writes: its block has none named.")
        elif command:
            reason = window.outside.preview(command, files[0])
        else:
            reason = window.outside.open_folder(files[0])
        if reason:
            window.tell_reason(reason)

    pending = window.session.ask("task.show", job=job, block=block, task=task)
    pending.success(came).failure(window.tell_refused)


def show_job_folder(window: Asking, row: JobRow) -> None:
    """Open the folder of what a job writes: of the first block that names files."""
    blocks = [block.index for block in row.blocks if block.tasks]

    def ask(place: int) -> None:
        if place == len(blocks):
            window.tell_reason(tr("The job says no files that it writes: its blocks have none named."))
            return
        pending = window.session.ask("task.show", job=row.id, block=blocks[place], task=0)
        pending.success(partial(came, place)).failure(window.tell_refused)

    def came(place: int, body: dict[str, Any]) -> None:
        files = body["row"].get("files") or []
        reason = window.outside.open_folder(files[0]) if files else ""
        if not files:
            ask(place + 1)
        elif reason:
            window.tell_reason(reason)

    ask(0)


def add_files_menu(window: Asking, menu: QMenu, key: Key | None) -> None:
    """Add what can be done with the files of a task to a menu; ``key`` is None where not one task is selected."""
    entries = [menu.addAction(tr("Open the folder of its files") + f"\t{FOLDER_KEY}")]
    commands = [""]
    for title, command in window.outside.previews:
        entries.append(menu.addAction(tr("Show its file: {0}", title)))
        commands.append(command)
    for entry, command in zip(entries, commands):
        entry.setEnabled(key is not None)
        if key is not None:
            entry.triggered.connect(partial(lambda command, checked=False: show_files(window, key, command), command))
