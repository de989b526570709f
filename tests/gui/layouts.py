"""Every view with no row, one, or 50,000, with names of 200 characters, at any text size: what does not fit in it.

``python -m tests.gui.layouts FOLDER`` keeps each view as a picture at 200 % scale and 125 % text, in light and dark, to
be looked at; ``test_layouts`` asserts that nothing is cut off.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QAbstractButton, QAbstractScrollArea, QLabel, QLineEdit, QScrollArea, QWidget

from afcore.rows import BranchRow, JobRow, MonitorRow, PoolRow, RenderRow, UserRow
from afcore.states import Role, TaskState
from afnet.wire.messages import Welcome
from afwatch.app import Watch, make_application
from afwatch.changes import Arrival, ColumnsPiece, Connected, RowsCame
from afwatch.places import places
from afwatch.views.pane import ListPane
from afwatch.views.parts import Shrinking
from tests.unit.afwatch.rows import job_row, render_row

__all__ = ["VIEWS", "cut_off", "fill", "picture", "show"]

_LONG, _WIDEST = 200, 1400
_AT = 1_790_000_000.0
VIEWS = ("mine", "jobs", "work", "farm", "users", "monitors", "system", "history", "tasks", "task", "submit",
         "operation")  # fmt: skip
"""Views that are looked at; places by their keys, the others by what they are."""


def _name(stem: str, id: int, long: bool) -> str:
    return f"{stem} {id} {'of a name that never ends ' * 9}"[:_LONG].strip() if long else f"{stem} {id}"


def _job(id: int, long: bool) -> JobRow:
    state = ("running", "error", "ready", "done", "paused")[id % 5]
    counts = {"RUNNING": 3 * (state == "running"), "ERROR": 2 * (state == "error"), "DONE": 40, "READY": 20}
    more: dict[str, Any] = {"annotation": _name("note", id, long), "branch": f"/{_name('show', 1, long)}"}
    return job_row(id, _name("shot", id, long), state=state, user="jo" if id % 2 else _name("user", 2, long),
                   offline=state == "paused", **counts, **more)  # fmt: skip


def _render(id: int, long: bool) -> RenderRow:
    words = (("online",), ("online", "busy"), ("offline",), ("online", "nimby"))[id % 4]
    return render_row(id, _name("render", id, long).replace(" ", "-"), *words, pool="/linux", address="10.0.0.1",
                      seen=_AT)  # fmt: skip


def fill(watch: Watch, rows: int, long: bool) -> None:
    """Let the monitor believe in a farm with so many jobs and at most 1,200 renders, with long names or short ones."""
    session = watch.session
    session.clock = lambda: _AT
    ids = range(2, 2 + rows)
    few = range(1, 1 + min(rows, 1200))
    path = "/" + _name("show", 1, long)
    whole: list[Arrival] = [
        Connected(Welcome(1, "s", "farm-1", 1, principal="jo", role=int(Role.GOD)), "127.0.0.1:51000"),
        RowsCame(1, 7, [_job(id, long) for id in ids], [], True, []),
        RowsCame(2, 7, [_render(id, long) for id in few], [], True, []),
        RowsCame(3, 7, [UserRow(id, 7, _name("user", id, long), 99, 3, 1, 1, 10) for id in few], [], True, []),
        RowsCame(4, 7, [PoolRow(1, 7, "/", 99, 0, 0, 0, 0, 0), PoolRow(2, 7, "/linux", 99, 0, 0, len(few), 0, 0)], [],
                 True, []),
        RowsCame(5, 7, [BranchRow(1, 7, "/", 99, 0, 0, 0), BranchRow(2, 7, path, 99, rows, 0, 0)], [], True, []),
        RowsCame(7, 7, [MonitorRow(id, _name("user", id, long), "h", "USER", "10.0.0.1", _AT) for id in few], [],
                 True, []),
    ]  # fmt: skip
    session.receive(whole)


def _tasks(watch: Watch, rows: int) -> None:
    """Give the opened job of id 2 its tasks."""
    import numpy

    size = max(1, rows)
    states = numpy.resize(numpy.array([TaskState.DONE, TaskState.RUNNING, TaskState.ERROR, TaskState.READY]), size)
    columns = {
        "state": states.astype("u1"), "flags": numpy.zeros(size, "u1"), "percent": numpy.zeros(size, "u1"),
        "errors": numpy.zeros(size, "u1"), "starts": numpy.ones(size, "<u2"), "render": numpy.ones(size, "<u4"),
        "started": numpy.ones(size, "<u4"), "finished": numpy.zeros(size, "<u4"),
    }  # fmt: skip
    watch.session.receive([RowsCame(100, 8, [ColumnsPiece(2, 0, 0, size, size, 8, columns)], [], True, [])])


def show(watch: Watch, view: str, rows: int) -> QWidget:
    """Show a view; return the window that it is in."""
    window = watch.window
    if view == "tasks":
        window.open_job(2)
        _tasks(watch, rows)
    elif view == "task":
        task = window.open_task(2, 0, 1)
        task._show({
            "name": _name("frame", 1, True), "state": "running", "starts": 3, "errors": 1,
            "render": _name("render", 1, True), "started": _AT - 100, "finished": 0,
            "command": _name("render", 1, True), "files": [_name("/x", 1, True)],
        })  # fmt: skip
        return task
    elif view == "operation":
        return window.open_operation("past.changes")
    elif view == "submit":
        window.open_submit()
        return window._submit
    else:
        window.go(view)
        pane = window.pane(view)
        if isinstance(pane, ListPane) and pane.model.rowCount():
            pane.table.selectAll() if rows < 10 else pane.table.select_place(0)
    return window


def cut_off(window: QWidget) -> Iterator[str]:
    """Yield what is visible in a window and does not fit where it is."""
    if window.width() > _WIDEST:
        yield f"{type(window).__name__} is {window.width()} wide"
    for area in window.findChildren(QScrollArea):
        inside: Any = area.widget()
        if area.isVisibleTo(window) and inside is not None and inside.width() > area.viewport().width() + 1:
            yield f"{type(area.parent()).__name__}: {inside.width()} wide, seen {area.viewport().width()}"
    for each in window.findChildren(QWidget):
        if not each.isVisibleTo(window) or each.window() is not window or not each.width():
            continue
        where = f"{type(each).__name__} {each.objectName()} in {type(each.parent()).__name__}"
        text = each.text() if isinstance(each, QLabel | QAbstractButton) else ""
        if isinstance(each, QAbstractButton) and text and each.minimumSizeHint().width() > each.width() + 1:
            yield f'{where}: "{text[:40]}" needs {each.minimumSizeHint().width()}, has {each.width()}'
        if isinstance(each, QLabel) and text and not each.wordWrap() and not isinstance(each, Shrinking):
            needed = each.sizeHint().width()
            if needed > each.width() + 1:
                yield f'{where}: "{text[:40]}" needs {needed}, has {each.width()}'
        if isinstance(each, QLabel | QAbstractButton | QLineEdit) and text:
            least = each.fontMetrics().height()
            if each.height() < least:
                yield f'{where}: "{text[:40]}" is {each.height()} high, its letters {least}'
        parent = each.parentWidget()
        scrolled = parent is not None and isinstance(parent.parent(), QAbstractScrollArea)
        if parent is not None and not scrolled and not each.isWindow():
            beyond = each.geometry().right() - parent.rect().right()
            if beyond > 1:
                yield f"{where}: {beyond} px beyond the right end of what it is in"


def picture(window: QWidget, ratio: float = 2.0) -> QImage:
    """Return a window as it looks at a scale."""
    size = QSize(round(window.width() * ratio), round(window.height() * ratio))
    image = QImage(size, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    window.render(image, QPoint(), QRect(QPoint(), window.size()))
    return image


def main(folder: Path) -> None:
    """Keep every view at 200 % and 125 % text."""
    application = make_application()
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as place:
        for scheme, rows in (("dark", 0), ("light", 1), ("dark", 50_000)):
            settings = Path(place, f"{scheme}{rows}.json")
            watch = Watch([], user="jo", mode=Role.GOD, settings_file=settings, scheme=scheme)
            watch.window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
            watch.window.resize(1400, 860)
            watch.window.show()
            watch.window.theme.choose_size(125)
            fill(watch, rows, True)
            for view in (*VIEWS,):
                shown = show(watch, view, rows)
                for _ in range(6):
                    application.processEvents()
                picture(shown).save(str(folder / f"{view}-{rows}-{scheme}.png"))
                for said in cut_off(shown):
                    sys.stdout.write(f"{view} {rows} {scheme}: {said}\n")
                if shown is not watch.window:
                    shown.close()
            watch.leave()
            watch.close()


assert set(VIEWS) >= {place.key for place in places()}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
