"""Everything the registry offers, by a form; logs of what is selected; the queue of the system job; pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QColor, QImage

from afcore.states import Role
from afnet.registry import OPERATIONS, find_operation
from afwatch.app import Watch
from afwatch.models.operationform import arguments_of, offered, typed_for
from afwatch.views.operations import operation_entries
from afwatch.views.palette import match
from tests.e2e.processes import FarmProcess
from tests.gui.conftest import Spin
from tests.gui.layouts import fill
from tests.unit.afwatch.rows import job_row, render_row

BLOCK = {"name": "b", "service": "generic", "frame_first": 1, "frame_last": 3, "command": "echo @#@"}


def test_every_operation_has_a_form() -> None:
    without = {"session.login", "past.rows", "file.read"}
    views = {name for name, operation in OPERATIONS.items() if operation.kind == "view"}
    assert {operation.name for operation in offered()} == OPERATIONS.keys() - without - views


@pytest.mark.parametrize(
    ("operation", "typed", "given"),
    [
        ("job.restart", {"ids": "2, 5-7", "only": "error", "pause": "yes"},
         {"ids": [2, 5, 6, 7], "only": "error", "pause": True}),
        ("render.set", {"names": "a, b c", "parameters": "priority=7, nimby=yes, annotation=of the two"},
         {"names": ["a", "b", "c"], "parameters": {"priority": 7, "nimby": True, "annotation": "of the two"}}),
        ("task.log", {"job": "3", "block": "0", "task": "4", "offset": "-100"},
         {"job": 3, "block": 0, "task": 4, "run": 0, "offset": -100, "limit": 65536}),
        ("job.submit", {"job": '{"name": "x", "blocks": []}'}, {"job": {"name": "x", "blocks": []}}),
        ("past.show", {"at": "12.5", "arguments": '{"job": 3}'},
         {"at": 12.5, "view": "job.list", "arguments": {"job": 3}}),
        ("past.changes", {"since": "2h", "until": "1600000000"},
         {"since": 1_699_992_800.0, "until": 1_600_000_000.0, "who": "", "action": "", "text": "", "job": 0,
          "render": "", "nodes": False, "all": False, "limit": 100, "before": 0}),
    ],
)  # fmt: skip
def test_what_is_typed_is_what_the_registry_takes(operation: str, typed: dict[str, str], given: dict[str, Any]) -> None:
    known = find_operation(operation)
    found, problems = arguments_of(known, typed, 1.7e9)
    assert problems == {} and known.bind(found) == given


def test_what_is_typed_wrongly_is_told_by_argument() -> None:
    typed = {"names": "a", "parameters": "priority"}
    assert arguments_of(find_operation("render.set"), typed)[1].keys() == {"parameters"}
    assert "is no time" in arguments_of(find_operation("past.changes"), {"since": "some day"})[1]["since"]
    typed = {"job": "three", "block": "0", "task": "1.5"}
    assert arguments_of(find_operation("task.show"), typed)[1].keys() == {"job", "task"}


def test_what_is_selected_stands_in_the_form() -> None:
    jobs, renders = [job_row(3), job_row(4)], [render_row(1, "a"), render_row(2, "b")]
    assert typed_for(find_operation("job.pause"), jobs) == {"ids": "3,4"}
    assert typed_for(find_operation("job.error-hosts"), jobs) == {"job": "3"}
    assert typed_for(find_operation("render.wake"), renders) == {"names": "a, b"}
    assert typed_for(find_operation("user.delete"), renders) == {}


def test_an_operation_is_done_and_answered(
    farm: FarmProcess, watch: Watch, spin: Spin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.start_server()
    watch.session.choose_mode(Role.GOD)
    spin(lambda: watch.session.mode is Role.GOD, "the mode")
    window = watch.window
    entries = operation_entries(window)
    assert match(entries, "user add")[0].about == "user add"
    dialog: Any = window.open_operation("user.add")
    dialog.send()
    spin(lambda: dialog.said.text(), "what is missing")
    assert "name" in dialog._notes["name"].text().lower()
    dialog.fields["name"].setText("mira")
    dialog.send()
    spin(lambda: "mira" in dialog.answer.toPlainText(), "the answer")
    dialog.close()
    dialog = window.open_operation("user.list")
    dialog.send()
    spin(lambda: "mira" in dialog.answer.toPlainText(), "the list")
    assert dialog.answer.toPlainText().splitlines()[0].split()[:2] == ["ID", "NAME"]
    dialog.close()
    asked: list[str] = []
    monkeypatch.setattr(window, "confirm", lambda deed, *more, **less: asked.append(deed))
    dialog = window.open_operation("user.delete")
    dialog.fields["names"].setText("mira")
    dialog.send()
    assert asked == ["Remove users without jobs?"] and not dialog.answer.toPlainText()
    dialog.close()
    file = tmp_path / "farm.xml"
    dialog = window.open_operation("farm.load")
    dialog.fields["text"].setText(str(file))
    dialog.send()
    assert "cannot be read" in dialog.said.text()
    dialog.close()


def test_the_log_of_a_render_tells_who_changed_it_and_what_ran(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    farm.start_agent("atlas-01")
    watch.session.choose_mode(Role.GOD)
    spin(lambda: watch.session.state.renders, "the render")
    farm.ask("render.set", names=["atlas-01"], parameters={"annotation": "rack nine"})
    id = farm.submit(BLOCK, name="short")
    farm.wait_job(id)
    farm.ask("history.runs", limit=1, before=0)  # waits for what is on its way to the disk
    window = watch.window
    window.show_render("atlas-01")
    spin(lambda: window.pane("farm").selected(), "the render to be selected")
    window.turn_inspector("log")
    page = window.inspector.widget("log")
    spin(lambda: "rack nine" in page.text.toPlainText(), "who changed it")
    assert "started" not in page.text.toPlainText()
    page.everything.click()
    spin(lambda: "started" in page.text.toPlainText() and "rack nine" in page.text.toPlainText(), "what ran")
    window.go("users")
    window.pane("users").table.select_place(0)
    spin(lambda: page.text.toPlainText() == "Nothing happened to it yet.", "the log of a user")
    assert not page.everything.isVisible()


def test_what_waits_in_the_system_job_is_shown_and_cleared(
    farm: FarmProcess, watch: Watch, spin: Spin, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.environment["AF_SYSJOB_TASKSMAX"] = "1"
    farm.start_server()
    watch.session.choose_mode(Role.GOD)
    post = {**BLOCK, "command_post": "echo over"}
    for name in ("one", "two", "three"):
        farm.ask("job.delete", ids=[farm.submit(post, name=name, offline=True)])
    spin(lambda: watch.session.mode is Role.GOD and 1 in watch.session.state.jobs, "the system job")
    window = watch.window
    window.go("system")
    queue = window.pane("system").queue
    spin(lambda: queue.list.count() == 2, "two that wait")
    assert "2 commands wait" in queue.said.text() and "two" in queue.list.item(0).text()
    costs: list[str] = []

    def confirm(deed: str, names: Any, cost: str, button: str, typed: str = "") -> bool:
        costs.append(cost)
        return True

    monkeypatch.setattr(window, "confirm", confirm)
    queue.clear.click()
    spin(lambda: queue.list.count() == 0 and not queue.clear.isEnabled(), "the queue to be empty")
    assert costs[0].startswith("2 waiting commands are forgotten, 1 task is stopped.")
    assert farm.ask("system.queue")["rows"] == []


def test_jobs_show_their_pictures_while_seen(alone: Watch, spin: Spin, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(alone, 12, False)
    image = QImage(64, 36, QImage.Format.Format_RGB32)
    image.fill(QColor("#ff8800"))
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    asked: list[tuple[str, dict[str, Any]]] = []

    class Answer:
        def __init__(self, body: Any) -> None:
            self.body = body

        def success(self, listener: Any) -> Answer:
            listener(self.body)
            return self

        def failure(self, listener: Any) -> Answer:
            return self

    def ask(operation: str, **arguments: Any) -> Answer:
        asked.append((operation, arguments))
        if operation == "job.thumbnails":
            return Answer({"rows": [{"job": 2, "id": "2.0.0.1.x"}], "next": None})
        return Answer({"data": bytes(buffer.data().data())})

    monkeypatch.setattr(alone.session, "ask", ask)
    window = alone.window
    window.go("jobs")
    pane = window.pane("jobs")
    assert not asked, "a table has no place for pictures"
    window.choose_style("items")
    spin(lambda: alone.session.thumbnails.of(2) is not None, "the picture")
    assert asked[1] == ("file.read", {"id": "2.0.0.1.x"})
    assert set(asked[0][1]["ids"]) <= set(pane.model.ids[: len(pane.table.rows_in_sight())])
    count = len(asked)
    pane._want_pictures()
    assert len(asked) == count, "what is known is not asked for again"
    place = pane.model.place_of(2)
    rect = pane.table.visualRect(pane.model.index(place, 1))
    seen = pane.table.viewport().grab(rect).toImage()
    assert pane.table.isColumnHidden(next(at for at, one in enumerate(pane.shown.columns) if one.key == "user"))
    colours = {seen.pixelColor(x, seen.height() // 2).name() for x in range(80)}
    assert "#ff8800" in colours
