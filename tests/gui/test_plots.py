"""Plots as a person has them: cells painted from rings, a render's page with its tasks, the farm's page, by keys."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from afcore.rows import PoolRow
from afcore.states import Role
from afwatch.app import Watch
from afwatch.changes import RowsCame
from afwatch.delegates import groups, plots
from afwatch.delegates.cells import draw_text
from afwatch.models.columns import Column
from afwatch.plots.lanes import Span, arrange
from afwatch.plots.raster import Area, Line, draw_plot
from afwatch.plots.ring import PERIOD
from afwatch.theme.mixing import readable
from afwatch.theme.tokens import load_look
from afwatch.views.pane import ListPane
from tests.e2e.processes import FarmProcess
from tests.gui.conftest import Spin
from tests.gui.plotfarm import fake_host, reading, seed_history
from tests.unit.afwatch.rows import render_row

_T = 1_790_000_000.0


@pytest.fixture
def alone(application: QApplication, tmp_path: Path) -> Iterator[Watch]:
    """Return a monitor without a farm."""
    made = Watch([], user="jo", settings_file=tmp_path / "watch.json", scheme="dark")
    made.window.resize(1900, 900)
    made.window.show()
    yield made
    made.window.close()
    made.close()


def give(watch: Watch, count: int, slot: int, **more: Any) -> None:
    """Let every render report."""
    rows = [
        render_row(id, f"rnd-{id:04}", seen=_T + slot * PERIOD, resources=reading(f"r{id}", _T + slot * PERIOD), **more)
        for id in range(1, count + 1)
    ]
    watch.session.receive([RowsCame(2, slot + 1, rows, [], slot == 0, [])])


def column(pane: ListPane, key: str) -> Column:
    return next(each for each in pane.shown.columns if each.key == key)


def test_a_picture_has_areas_lines_and_hatched_gaps(application: QApplication) -> None:
    values = numpy.array([0.5] * 10 + [numpy.nan] * 10 + [0.5] * 10)
    picture = draw_plot(30, 20, "#000000", [Area(values, "#0000ff", "#ffffff")], gap="#ff0000")
    colours = [{QColor(picture.pixel(x, y)).name() for y in range(20)} for x in range(30)]
    assert colours[5] == {"#000000", "#ffffff", "#0000ff"}
    assert colours[15] == {"#000000", "#ff0000"}, "a gap is hatched, neither joined nor zero"
    begun = Line(numpy.where(numpy.arange(30) < 9, numpy.nan, 0.2), "#ffffff")
    late = draw_plot(30, 20, "#000000", [begun], gap="#ff0000")
    assert {QColor(late.pixel(3, y)).name() for y in range(20)} == {"#000000"}, "before the first reading is no gap"
    sharp = draw_plot(30, 20, "#000000", [Line(numpy.full(30, 0.5), "#ffffff")], ratio=2.0)
    assert (sharp.width(), sharp.height(), sharp.devicePixelRatio()) == (60, 40, 2.0)


def test_a_peak_that_lasts_one_sample_is_seen_in_few_pixels(application: QApplication) -> None:
    values = numpy.zeros(400)
    values[201] = 1.0
    picture = draw_plot(40, 20, "#000000", [Line(values, "#ffffff")])
    assert "#ffffff" in {QColor(picture.pixel(x, 0)).name() for x in range(40)}


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_foreign_colours_are_brought_to_contrast(application: QApplication, scheme: str) -> None:
    ground = load_look(scheme).plot_ground
    for ink in ("#000078", "#00ff00", "#ffff00", ground):
        changed = readable(ink, ground, 4.5)
        assert readable(changed, ground, 4.5) == changed
        assert changed != ground
    assert readable(load_look(scheme).text1, ground, 4.5) == load_look(scheme).text1.lower()


def test_rows_are_painted_without_a_widget_each(alone: Watch, spin: Spin) -> None:
    pane = alone.window.pane("farm")
    alone.session.receive([RowsCame(4, 1, [PoolRow(1, 1, "/", 99, 0, 0, 0, 0, 0)], [], True, [])])
    alone.window.go("farm")
    give(alone, 20, 0)
    spin(lambda: pane.model.rowCount() == 21, "20 renders under their pool")
    widgets = len(pane.findChildren(QWidget))
    give(alone, 1200, 1)
    spin(lambda: pane.model.rowCount() == 1201, "1,200 renders")
    assert len(pane.findChildren(QWidget)) == widgets
    cells = pane.table.itemDelegate()._painters["plot"].__self__
    pane.table.viewport().repaint()
    spin(lambda: not cells.is_behind, "every plot in sight")
    drawn = cells.drawn
    assert drawn
    pane.table.viewport().repaint()
    assert cells.drawn == drawn, "nothing is drawn anew while nothing is new"
    give(alone, 1200, 2)
    spin(lambda: cells.drawn > drawn, "newer plots")


def test_what_a_pool_says_of_itself_reaches_over_columns_that_say_nothing_of_it(
    alone: Watch, spin: Spin, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms: dict[str, int] = {}

    def note(painter: QPainter, rect: QRect, text: str, *rest: Any, **more: Any) -> int:
        rooms[text] = rect.right()
        return draw_text(painter, rect, text, *rest, **more)

    monkeypatch.setattr(groups, "draw_text", note)
    pane = alone.window.pane("farm")
    alone.session.receive([RowsCame(4, 1, [PoolRow(1, 1, "/", 99, 0, 0, 0, 0, 0, pattern="rnd.*")], [], True, [])])
    alone.window.go("farm")
    give(alone, 3, 0)
    spin(lambda: any("takes rnd.*" in text for text in rooms), "a painted pool")
    (room,) = {right for text, right in rooms.items() if "takes rnd.*" in text}
    header, keys = pane.table.horizontalHeader(), [each.key for each in pane.shown.columns]
    state, slots = (header.sectionViewportPosition(keys.index(key)) for key in ("state", "slots"))
    assert state < room < slots, "over the state, which a pool has not, and not over what runs in it"
    # Painted anew is the state of the first row alone, as when something else has covered it: the note is whole again.
    rooms.clear()
    pane.table.viewport().repaint(state, 0, 20, 20)
    assert any("takes rnd.*" in text for text in rooms)


def test_plots_are_made_a_few_in_a_turn(alone: Watch, spin: Spin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "_BUDGET_S", 0.0)
    pane = alone.window.pane("farm")
    alone.session.receive([RowsCame(4, 1, [PoolRow(1, 1, "/", 99, 0, 0, 0, 0, 0)], [], True, [])])
    alone.window.go("farm")
    give(alone, 20, 0)
    spin(lambda: pane.model.rowCount() == 21, "20 renders under their pool")
    cells = pane.table.itemDelegate()._painters["plot"].__self__
    spin(lambda: cells.drawn and not cells.is_behind, "the first plots")
    drawn = cells.drawn
    give(alone, 20, 1)
    pane.table.viewport().repaint()
    assert cells.drawn <= drawn + 1 and cells.is_behind, "no more than there is time for"
    spin(lambda: not cells.is_behind, "the others, turn by turn")
    assert cells.drawn > drawn + 20


def test_a_cell_says_what_it_shows(alone: Watch, spin: Spin) -> None:
    pane = alone.window.pane("farm")
    alone.window.go("farm")
    give(alone, 1, 0)
    spin(lambda: pane.model.rowCount() == 1, "the render")
    keys = [each.key for each in pane.shown.columns]

    def said(key: str) -> str:
        return str(pane.model.index(0, keys.index(key)).data(Qt.ItemDataRole.AccessibleTextRole))

    assert "user" in said("cpu") and "load" in said("cpu") and "interrupts" in said("cpu")
    assert "cached" in said("memory") and "buffers" in said("memory")
    assert "busy" in said("disk") and "full" in said("disk")
    assert said("gpu") == "GPU: no GPU"
    pane.table.selectRow(0)
    rates = {"net_recv_kbsec": 71_000, "net_send_kbsec": 12, "hdd_rd_kbsec": 3 << 20, "hdd_wr_kbsec": 0}
    alone.session.receive([RowsCame(2, 9, [render_row(1, "rnd-0001", seen=_T, resources=rates)], [], False, [])])
    facts = alone.window.inspector

    def told() -> list[str]:
        return [each.text() for each in facts.findChildren(QLabel)]

    spin(lambda: "69 MB/s in, 12 kB/s out" in told(), "rates in units that suit them")
    assert "3.0 GB/s read, 0 kB/s written" in told()


def test_the_column_of_meters_comes_with_the_first_meter(alone: Watch, spin: Spin) -> None:
    pane = alone.window.pane("farm")
    alone.window.go("farm")
    give(alone, 2, 0)
    assert "meters" in pane.hidden
    told = {"name": "lic", "value": 5, "value_max": 10, "label": "x" * 200, "label_size": 90, "width": 9999,
            "height": 500, "graph_clr": [0, 0, 90], "label_clr": [20, 20, 20], "valid": True}  # fmt: skip
    row = render_row(1, "rnd-0001", seen=_T + PERIOD, resources={**reading("r1", _T), "custom": [told]})
    alone.session.receive([RowsCame(2, 2, [row], [], False, [])])
    assert "meters" not in pane.hidden
    alone.window.resize(2400, 900)
    place = [each.key for each in pane.shown.columns].index("meters")
    spin(lambda: not pane.table.isColumnHidden(place), "the column")
    height = pane.table.rowHeight(0)
    pane.table.viewport().repaint()
    assert pane.table.rowHeight(0) == height == pane.table.rowHeight(1), "a meter cannot make its row higher"


def test_tasks_that_run_at_once_have_lanes_of_their_own() -> None:
    spans = [
        Span(since, until, name, "DONE", (1, 0, 0)) for since, until, name in ((0, 10, "a"), (5, 8, "b"), (10, 12, "c"))
    ]
    assert [[span.name for span in lane] for lane in arrange(spans)] == [["a", "c"], ["b"]]


def test_a_page_without_a_connection_says_so(alone: Watch, spin: Spin) -> None:
    alone.window.go("history")
    page = alone.window.pane("history")
    spin(page.isVisible, "the page")
    assert page._stack.currentWidget() is page._empty
    alone.window.go("jobs")


def test_history_of_a_render_and_of_the_farm(
    farm: FarmProcess, watch: Watch, spin: Spin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    seed_history(farm.data / "resources", {"atlas-01": {"meters": True}, "gone": {}}, now, 3, gap=["atlas-01"])
    farm.start_server()
    farm.start_agent("atlas-01", "--fake-host", str(fake_host(farm.folder, "atlas-01", now, meters=True)))
    farm.start_agent("new-01")
    job = farm.submit({"command": "exit 3", "frame_last": 1, "errors_retries": 0, "hosts_mask": "atlas.*"}, name="bad")
    farm.wait_job(job, "error")
    window = watch.window
    watch.session.choose_mode(Role.GOD)
    spin(lambda: len(watch.session.state.renders) == 2, "the renders")
    window.show_render("atlas-01")
    window.turn_inspector("live")
    live: Any = window.inspector.widget("live")._plots
    spin(lambda: live.isVisible() and "CPU: user" in live.accessibleDescription(), "what it measures")
    assert live.grab().toImage().pixelColor(live.width() // 2, live.height() // 2).isValid()
    window.turn_inspector("history")
    ended: Any = window.inspector.widget("history").list
    spin(lambda: ended.count() == 2, "the tasks that ended there")
    assert ended.item(0).text().startswith("bad ") and "Error" in ended.item(0).text()
    ended.setCurrentRow(0)
    QTest.keyClick(ended, Qt.Key.Key_Return)
    spin(lambda: (job, 0, 1) in window._task_windows or (job, 0, 0) in window._task_windows, "the task's window")
    next(iter(window._task_windows.values())).close()
    window.turn_inspector("overview")
    QTest.keyClick(window.pane("farm").table, Qt.Key.Key_Return)
    page: Any = window._page
    assert page is not None and page.render_name == "atlas-01"
    page.choose_span(4 * 3600.0)
    spin(lambda: page.readings is not None and page.panels and page.lanes.lanes, "history and tasks")
    assert [view.panel.key for view in page.panels][:4] == ["cpu", "memory", "network", "disk"]
    assert page.panels[-1].panel.key == "meter.licenses"
    assert page._bands(page.readings), "40 minutes are missing, and shown as a gap"
    # The cursor by keys
    page.focus()
    QTest.keyClick(page.area, Qt.Key.Key_End)
    QTest.keyClick(page.area, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    for _ in range(3):
        QTest.keyClick(page.area, Qt.Key.Key_Left)
    place = page.readings.place_of(page.cursor_at)
    known = reading("atlas-01", page.cursor_at)
    used, column = known["mem_total_mb"] - known["mem_free_mb"], page.readings.columns["mem_used"]
    assert column["min"][place] * 0.9 <= used <= column["max"][place] * 1.1
    assert "CPU: user" in page.area.accessibleDescription()
    # Zoom asks for what is seen
    before = page.readings
    QTest.keyClick(page.area, Qt.Key.Key_Plus)
    spin(lambda: page.readings is not before, "the readings of the zoom")
    assert page.until - page.since == pytest.approx(2 * 3600)
    # Enter opens the task under the cursor
    page.choose_span(3600.0)
    spin(lambda: page.lanes.lanes and page.until - page.since == pytest.approx(3600), "the tasks of the hour")
    span = page.lanes.lanes[0][0]
    assert span.state == "ERROR" and "bad" in span.name
    opened: list[tuple[int, ...]] = []
    monkeypatch.setattr(type(window), "open_task", lambda self, *task: opened.append(task))
    page.move_cursor((span.since + span.until) / 2)
    QTest.keyClick(page.area, Qt.Key.Key_Return)
    assert opened == [span.task]
    # A table and a picture to take along
    page.save_table(tmp_path / "table.csv")
    head, *lines = (tmp_path / "table.csv").read_text().splitlines()
    assert head.startswith("time,cpu_user min %,cpu_user mean %")
    assert len(lines) > 10
    page.save_picture(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1000
    window.activateWindow()
    page.focus()
    spin(window.isActiveWindow, "the window to be active again")
    QTest.keyClick(page.area, Qt.Key.Key_Escape)
    assert window._page is None and window.current() is window.pane("farm")
    # The farm as a whole
    window.go("history")
    whole = window.pane("history")
    whole.choose_span(4 * 3600.0)
    spin(lambda: whole.panels, "the farm's plots")
    assert [view.panel.title for view in whole.panels] == [
        "Slots used", "Tasks a minute", "Queue", "Failures a minute",
    ]  # fmt: skip
    assert not window.inspector.isVisible()
    window.go("farm")
    assert window.inspector.isVisible()
    # A render that is too new for minutes
    window.open_render("new-01")
    page = window._page
    spin(lambda: page.readings is not None, "the answer")
    assert page.readings.is_empty
    assert page._stack.currentWidget() is page._empty
    assert "First readings" in page._empty._text.text()
