"""Pictures in a table of tasks: of what is in sight, once it stands still, from the one cache; rows of one height."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QColor, QImage

from afwatch import thumbnails
from afwatch.app import Watch
from tests.gui.conftest import Spin
from tests.gui.layouts import _tasks, fill


class Farm:
    """Answers with a picture for every even task, and notes what it was asked."""

    def __init__(self) -> None:
        image = QImage(64, 36, QImage.Format.Format_RGB32)
        image.fill(QColor("#ff8800"))
        self.buffer = QBuffer()
        self.buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        image.save(self.buffer, "PNG")
        self.asked: list[list[int]] = []
        self.read = 0

    def ask(self, operation: str, **arguments: Any) -> Any:
        """Answer at once."""
        body: dict[str, Any] = {"rows": [], "next": None}
        if operation == "task.thumbnails":
            tasks = arguments["tasks"]
            self.asked.append(tasks)
            rows = [{"task": task, "id": f"2.0.{task}.1.x"} for task in tasks if task % 2 == 0]
            body = {"rows": rows, "next": None}
        elif operation == "file.read":
            self.read += 1
            body = {"data": bytes(self.buffer.data().data())}
        return _Answer(body)


class _Answer:
    def __init__(self, body: Any) -> None:
        self.body = body

    def success(self, listener: Any) -> _Answer:
        listener(self.body)
        return self

    def failure(self, listener: Any) -> _Answer:
        return self


def test_tasks_in_sight_show_their_pictures(alone: Watch, spin: Spin, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(alone, 3, False)
    farm, window = Farm(), alone.window
    monkeypatch.setattr(alone.session, "ask", farm.ask)
    window.go("jobs")
    window.open_job(2)
    _tasks(alone, 100_000)
    pane = window._tasks
    assert pane is not None
    spin(lambda: pane._model.rowCount() == 100_000, "the tasks")
    low = pane.table.rowHeight(0)
    window.choose_style("items")
    assert pane.table.rowHeight(0) > low and pane.table.rowHeight(99_999) == pane.table.rowHeight(0)
    spin(lambda: alone.session.thumbnails.of((2, 0, 0)) is not None, "the picture of the first task")

    # Far away, by many steps: only where it stands still is asked for.
    farm.asked.clear()
    bar = pane.table.verticalScrollBar()
    for step in range(1, 41):
        bar.setValue(bar.maximum() * step // 40)
    spin(lambda: farm.asked, "the question about what is in sight there")
    seen = {pane._model.task_at(place) for place in pane.table.rows_in_sight()}
    assert len(farm.asked) == 1 and set(farm.asked[0]) <= seen and len(seen) < 40

    # What is known is not asked for again, and is painted.
    bar.setValue(0)
    farm.asked.clear()
    pane.pictures._want()
    assert farm.asked == []
    rect = pane.table.visualRect(pane._model.index(0, 1))
    painted = pane.table.viewport().grab(rect).toImage()
    assert "#ff8800" in {painted.pixelColor(x, painted.height() // 2).name() for x in range(90)}

    # One that had none yet is asked about again a while later.
    monkeypatch.setattr(thumbnails, "_AGAIN_S", -1.0)
    pane.pictures._want()
    assert farm.asked and all(task % 2 for task in farm.asked[0])


def test_rows_without_pictures_ask_for_none(alone: Watch, spin: Spin, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(alone, 3, False)
    farm, window = Farm(), alone.window
    monkeypatch.setattr(alone.session, "ask", farm.ask)
    window.go("jobs")
    window.open_job(2)
    _tasks(alone, 50)
    pane = window._tasks
    assert pane is not None
    spin(lambda: pane._model.rowCount() == 50, "the tasks")
    assert not pane.pictures._still.isActive() and farm.asked == []
    pane.pictures.look()
    assert not pane.pictures._still.isActive()
    window.choose_style("items")
    window.open_job(3)
    assert window._tasks is not None and window._tasks.pictures.on, "the next job is shown as this one was"


def test_what_was_asked_about_long_ago_is_forgotten_and_nothing_counts_as_asked_that_was_not(
    alone: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(alone, 3, False)
    farm, pictures = Farm(), alone.session.thumbnails
    monkeypatch.setattr(alone.session, "ask", farm.ask)
    monkeypatch.setattr(thumbnails, "_MOST_ASKED", 150)
    odd = [(task, 3) for task in range(1, 1001, 2)]
    pictures.want_tasks(2, 0, odd)
    pictures.want_tasks(2, 0, odd)
    assert [len(each) for each in farm.asked] == [100, 100]
    assert set(farm.asked[0]).isdisjoint(farm.asked[1]), "the second hundred was not asked about before"
    pictures.want_tasks(2, 0, odd[200:])
    assert len(pictures._asked) == 150
