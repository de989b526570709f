"""Who watches, rows that are dragged to another group, and states said in three levels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QAbstractButton, QLabel

from afcore.states import Role
from afwatch.acts.renders import take_names
from afwatch.app import Watch
from afwatch.theme.tokens import choose_level, state_look
from afwatch.views.approval import Approvals
from afwatch.views.dragging import carry
from afwatch.views.findmachines import FindMachines
from afwatch.views.window import MainWindow
from tests.e2e.manymachines import ManyMachines
from tests.e2e.processes import FarmProcess
from tests.gui.conftest import Spin
from tests.waiting import wait_for

BLOCK = {"name": "beauty", "service": "generic", "frame_first": 1, "frame_last": 20, "command": "echo frame @#@"}


def test_administrators_see_who_watches(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    spin(lambda: watch.session.state.connected, "the farm")
    assert watch.session.mode is Role.USER
    assert watch.session.state.monitors == {}
    watch.session.choose_mode(Role.GOD)
    spin(lambda: len(watch.session.state.monitors) == 1, "the monitors")
    (row,) = watch.session.state.monitors.values()
    assert row.mode == "GOD"
    watch.window.go("monitors")
    pane = watch.window.pane("monitors")
    spin(lambda: len(pane.model.ids) == 1, "the table")
    pane.table.select_place(0)
    told = {text.text() for text in watch.window.inspector.findChildren(QLabel)}
    assert {"Watches since", row.host, "GOD"} <= told
    watch.session.choose_mode(Role.VISOR)
    spin(lambda: watch.session.state.monitors == {}, "nothing to be known any more")


def drop_onto(pane: Any, data: QMimeData, place: int, half: int = 0) -> bool:
    """Drag something over a row, ``half`` below its middle, and drop it; return whether the table took it."""
    table = pane.table
    at = table.visualRect(pane.model.index(place, 0)).center() + QPoint(0, half)
    moves, buttons, keys = Qt.DropAction.MoveAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    over = QDragMoveEvent(QPoint(at), moves, data, buttons, keys)
    table.dragMoveEvent(over)
    if over.isAccepted():
        table.dropEvent(QDropEvent(QPointF(at), moves, data, buttons, keys))
    return over.isAccepted()


def test_rows_are_dragged_to_other_groups(
    farm: FarmProcess, watch: Watch, spin: Spin, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.start_server()
    farm.start_agent("atlas-01")
    farm.ask("pool.add", path="/blue")
    job = farm.submit({**BLOCK, "command": "sleep 600"}, name="late", branch="/a", offline=True)
    farm.submit(BLOCK, name="other", branch="/b", offline=True)
    watch.window.go("farm")
    pane = watch.window.pane("farm")
    spin(lambda: len(pane.model.ids) == 3, "pools and render")
    render = next(iter(watch.session.state.renders))
    blue = next(at for at, id in enumerate(pane.model.ids) if id < 0 and pane.model.row_at(at).path == "/blue")
    data = carry("renders", [render])
    assert not drop_onto(pane, data, blue), "in USER mode"
    watch.session.choose_mode(Role.GOD)
    spin(lambda: watch.session.mode is Role.GOD, "the mode")
    assert drop_onto(pane, data, blue)
    spin(lambda: watch.session.state.renders[render].pool == "/blue", "the render to move")
    place = pane.model.place_of(render)
    assert not drop_onto(pane, data, place), "it is there already"
    watch.window.go("work")
    work = watch.window.pane("work")
    spin(lambda: work.model.place_of(job) >= 0, "the jobs")
    target = next(at for at, id in enumerate(work.model.ids) if id < 0 and work.model.row_at(at).path == "/b")
    assert not drop_onto(work, data, target), "no render goes to a branch"
    asked: list[str] = []
    monkeypatch.setattr(watch.window, "confirm", lambda title, *rest, **more: asked.append(title) or True)
    assert drop_onto(work, carry("jobs", [job]), target)
    spin(lambda: watch.session.state.jobs[job].branch == "/b", "the job to move")
    assert asked == ["Move late to /b?"]


def test_jobs_are_dragged_before_and_after_others(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    ids = [farm.submit(BLOCK, name=name, offline=True) for name in ("one", "two", "three")]
    urgent = farm.submit(BLOCK, name="urgent", offline=True, priority=120)
    foreign = [farm.submit(BLOCK, name=name, offline=True, user_name="anna") for name in ("four", "five")]
    pane = watch.window.pane("jobs")
    watch.window.go("jobs")
    spin(lambda: len(pane.model.ids) == 6, "the jobs")
    theirs = carry("jobs", [foreign[0]])
    assert not drop_onto(pane, theirs, pane.model.place_of(foreign[1])), "in USER mode only what is ours"
    data = carry("jobs", [ids[2]])
    watch.session.choose_mode(Role.GOD)
    spin(lambda: watch.session.mode is Role.GOD, "the mode")
    assert not drop_onto(pane, data, pane.model.place_of(urgent)), "of another priority"
    assert not drop_onto(pane, data, pane.model.place_of(foreign[0])), "of another user"
    assert not drop_onto(pane, data, pane.model.place_of(ids[2])), "onto itself"
    order = next(at for at, column in enumerate(pane.shown.columns) if column.key == "order")
    pane.table.sortByColumn(order, Qt.SortOrder.AscendingOrder)
    pane.table.sort_now()

    def orders() -> list[str]:
        return [pane.model.index(pane.model.place_of(id), order).data() for id in (urgent, *ids)]

    assert orders() == ["1", "2", "3", "4"]
    assert drop_onto(pane, data, pane.model.place_of(ids[0]), half=-8)
    spin(lambda: "three comes before one." in watch.window.messages.toPlainText(), "the farm's answer")
    spin(lambda: orders() == ["1", "3", "4", "2"], "the order to be shown")

    def served() -> list[int]:
        pane.table.sort_now()
        return [id for id in pane.model.ids if id not in foreign]

    spin(lambda: served() == [urgent, ids[2], ids[0], ids[1]], "the rows to stand as they are served")
    assert drop_onto(pane, data, pane.model.place_of(ids[0]), half=8)
    spin(lambda: "three comes after one." in watch.window.messages.toPlainText(), "the farm's answer")
    watch.window.undo()
    spin(lambda: "Taken back: three comes after one." in watch.window.messages.toPlainText(), "the undo")
    assert pane.table._drop_line == -1


def test_machines_that_answer_are_shown_and_chosen(application: Any, spin: Spin,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("afwatch.scan._name_of", lambda address: f"host-{address.rpartition('.')[2]}")
    dialog = FindMachines(None, {"host-2"}, "/blue")
    dialog.range.setText("8.8.8.8")
    dialog.search.click()
    assert "not a private network" in dialog._said.text()
    dialog.range.setText("127.0.0.1-3")
    dialog.search.click()
    spin(lambda: dialog.table.rowCount() == 3, "three addresses of this machine")
    spin(lambda: "3 machines answered" in dialog._said.text(), "the end of the look")
    assert not dialog.add.isEnabled()
    for place in range(3):
        if dialog.table.item(place, 0).flags() & Qt.ItemFlag.ItemIsUserCheckable:
            dialog.table.item(place, 0).setCheckState(Qt.CheckState.Checked)
    dialog.add.click()
    assert dialog.names == ["host-1", "host-3"], "what is a render already cannot be chosen"


def test_a_pool_takes_renders_by_name_before_they_exist(farm: FarmProcess, watch: Watch, spin: Spin) -> None:
    farm.start_server()
    farm.start_agent("atlas-01")
    farm.ask("pool.add", path="/blue")
    watch.session.choose_mode(Role.GOD)
    pools = watch.session.state.pools
    spin(lambda: len(pools) == 2 and watch.session.state.renders, "pools and render")
    blue = next(row for row in pools.values() if row.path == "/blue")
    take_names(watch.window, blue, ["atlas-01", "later-7"])
    spin(lambda: next(iter(watch.session.state.renders.values())).pool == "/blue", "the render to move")
    spin(lambda: pools[blue.id].pattern == r"later\-7", "the pattern")
    farm.start_agent("later-7")
    spin(lambda: len(watch.session.state.renders) == 2, "the render that came later")
    assert {row.pool for row in watch.session.state.renders.values()} == {"/blue"}


@pytest.fixture
def brief() -> Iterator[None]:
    yield
    choose_level("brief")


def test_states_are_said_in_three_levels(brief: None) -> None:
    look = state_look("job", "WAIT_DEP")
    said = []
    for level in ("full", "brief", "abbreviated", "unheard"):
        choose_level(level)
        said.append(look.word)
    assert said == [look.full, look.brief, look.abbreviated, look.abbreviated]
    assert len(set(said)) == 3


def test_agents_that_wait_are_approved_and_refused_above_the_farm(
    farm: FarmProcess, watch: Watch, spin: Spin, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = ManyMachines(farm)
    many.start()
    spin(lambda: watch.session.state.connected, "the farm")
    window = watch.window
    window.go("farm")
    strip = window.pane("farm").findChild(Approvals)
    strip._timer.setInterval(200)
    farm.start_agent("r5", "--server", str(many.away), "--announce")
    farm.start_agent("r6", "--server", str(many.away), "--announce")
    wait_for(lambda: len(farm.ask("node.list", state="waits")["rows"]) == 2, what="two that wait", seconds=60)
    assert farm.ask("node.list", state="paired")["rows"] == []
    spin(lambda: watch.session.state.connected, "the farm, still")
    assert not strip.isVisible(), "who may not decide is not asked"
    watch.session.choose_mode(Role.GOD)
    spin(lambda: strip.isVisible() and len(strip.waiting) == 2, "both above the farm")
    told: list[list[str]] = []
    monkeypatch.setattr(MainWindow, "confirm", lambda self, deed, names, *rest: told.append(names) or True)
    buttons = {made.accessibleName(): made for made in strip.findChildren(QAbstractButton)}
    key = next(row["key"] for row in strip.waiting if row["name"] == "r5")
    buttons["Approve r5"].click()
    spin(lambda: [row["name"] for row in strip.waiting] == ["r6"], "one to be decided")
    assert told == [[f"key {key}", next(name for name in told[0] if name.startswith("address"))]]
    spin(lambda: [row.name for row in watch.session.state.renders.values()] == ["r5"], "r5 to belong to it", seconds=60)
    {made.accessibleName(): made for made in strip.findChildren(QAbstractButton)}["Refuse r6"].click()
    spin(lambda: "Sent r6 away." in window.messages.toPlainText(), "the word of it")
    wait_for(lambda: "sent this agent away" in farm.log("r6.log"), what="the agent to be told", seconds=60)
    spin(lambda: not strip.isVisible(), "nobody to wait any more")
