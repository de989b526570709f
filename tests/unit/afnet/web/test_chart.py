"""Charts: the same figures as a drawing, as SVG and as pixels, whatever they are called and however many."""

from __future__ import annotations

import importlib
import importlib.util
import xml.etree.ElementTree as ElementTree
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from afnet.web.chart import Bars, Line, Lines, Mark, Word, draw, nice_top, svg, time_marks
from afnet.web.history import Asked, bars_of, chart_json, lines_of, read_asked, time_steps
from afnet.web.look import Look
from afnet.web.png import png
from afnet.web.render import plot_of

NAME = "aficons" if importlib.util.find_spec("aficons") is not None else "icons"
LOOK = Look(importlib.import_module(NAME).tokens(), "/icons.svg")
LIGHT = LOOK.colours("light")
UTC = ZoneInfo("UTC")
TIMES = [1_700_000_000.0 + 3600 * place for place in range(48)]


def words_of(drawing: Any) -> list[str]:
    return [part.text for part in drawing.parts if isinstance(part, Word)]


def test_bars_are_as_long_as_their_values() -> None:
    made = draw(Bars("Tasks by user", "tasks", [("jo", 200.0), ("ann", 50.0)], more=3), LIGHT)
    wide = [part.wide for part in made.parts if isinstance(part, Mark) and part.colour == LIGHT["f-live"]]
    assert wide[0] == pytest.approx(4 * wide[1])
    assert {"Tasks by user", "tasks", "jo", "200", "and 3 more"} <= set(words_of(made))


def test_a_chart_over_time_has_gaps_where_nothing_is_known() -> None:
    values = [1.0, 2.0, None, None, 3.0, 4.0]
    made = svg(draw(Lines("CPU", "%", TIMES[:6], [Line("user", "p-cpu_user", values)], top=100.0), LIGHT, zone=UTC))
    assert made.count(f'stroke="{LIGHT["p-cpu_user"]}"') == 2 and ">100<" in made


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.text(max_size=60), st.floats(0, 1e12)), max_size=14),
    st.lists(st.one_of(st.none(), st.floats(0, 1e12)), min_size=1, max_size=48),
)
def test_every_chart_is_sound_svg_inside_its_frame(bars: list[Any], values: list[float | None]) -> None:
    line = Line(bars[0][0] if bars else "", "p-swap", values)
    charts = (Bars("a", "b", bars), Lines("c", "d", TIMES[: len(values)], [line]))
    for chart in charts:
        made = draw(chart, LIGHT, zone=UTC, wide=380)
        tree = ElementTree.fromstring(svg(made))
        assert tree.get("viewBox", "").startswith("0 0 380 ")
        for part in made.parts:
            if isinstance(part, Mark):
                assert 0 <= part.x and part.x + part.wide <= made.wide + 0.1 and part.y + part.high <= made.high + 0.1


def test_a_picture_has_the_size_and_the_colours_of_its_drawing() -> None:
    data = png(draw(Bars("a", "b", [("jo", 2.0)]), LIGHT), scale=2)
    image = Image.open(BytesIO(data))
    assert image.format == "PNG" and image.size[0] == 1800
    bar = tuple(int(LIGHT["f-live"][at : at + 2], 16) for at in (1, 3, 5))
    assert image.convert("RGB").getpixel((900, 2 * 57)) == bar


def test_axes_have_round_numbers_and_round_times() -> None:
    assert nice_top(0) == (1.0, 0.5) and nice_top(93) == (100.0, 20.0) and nice_top(0.3)[0] == pytest.approx(0.3)
    assert [word for _, word in time_marks(1_700_000_000, 1_700_007_200, UTC)] == [
        "22:15", "22:30", "22:45", "23:00", "23:15", "23:30", "23:45", "00:00",
    ]  # fmt: skip
    assert len(time_marks(1_600_000_000, 1_700_000_000, UTC)) <= 10


def test_steps_begin_with_days_of_the_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    steps = time_steps(1_774_735_200, 1_774_735_200 + 3 * 86400, "day", berlin)  # the night of summer time
    assert [int(b - a) // 3600 for a, b in zip(steps, steps[1:], strict=False)] == [1, 23, 24]
    assert len(time_steps(0, 7 * 86400, "week", UTC)) == 2 and len(time_steps(0, 86400, "hour", UTC)) == 24


def test_an_answer_becomes_lines_of_the_largest_names() -> None:
    rows = [
        {"name": name, "start": 86400 * day, "run_seconds": 3600.0 * (number + 1)}
        for number, name in enumerate("abcdefg") for day in range(3) if (number, day) != (6, 1)
    ]  # fmt: skip
    found = {"rows": rows, "since": 0, "until": 3 * 86400, "zone": "UTC"}
    chart = lines_of(Asked(by="user", order="run_seconds"), found, "day", LOOK)
    assert [line.name for line in chart.lines] == ["f", "e", "g", "d", "c"]
    assert chart.lines[2].values == [7.0, 0.0, 7.0] and chart.unit == "hours a day"
    data = chart_json(chart)
    assert data["times"] == [0.0, 86400.0, 172800.0, 259200.0] and data["series"][2]["values"] == [7.0, 0.0, 7.0, 7.0]
    assert chart_json(bars_of(Asked(by="user", order="run_seconds"), found))["kind"] == "bars"


def test_an_address_is_read_and_written_the_same() -> None:
    asked = read_asked({"by": "folder", "under": "/shows/a b", "user": "jo&x", "since": "7d", "order": "errors"})
    assert asked.to() == "/history?by=folder&order=errors&since=7d&under=%2Fshows%2Fa%20b&user=jo%26x"
    assert asked.question()["under"] == "/shows/a b" and asked.question(by="total", under="")["folder"] == "/shows/a b"
    assert read_asked({"by": "nonsense", "order": "; DROP"}) == Asked()


def test_readings_become_plots_with_units_people_use() -> None:
    def column(key: str, unit: str, group: str, mean: list[float | None], limit: float | None = None) -> dict[str, Any]:
        return {"key": key, "title": key, "unit": unit, "group": group, "mean": mean, "limit": limit}

    found = {
        "begin": 600, "step": 60, "count": 2,
        "columns": [
            column("mem_used", "MiB", "memory", [1024.0, None], 4096.0), column("swap", "MiB", "memory", [0.0, 512.0]),
            column("cpu_user", "%", "cpu", [3.0, 4.0]), column("load", "processes", "cpu", [9.0, 9.0]),
        ],
    }  # fmt: skip
    plot = plot_of("memory", found, LOOK)
    assert (plot.title, plot.unit, plot.top, list(plot.times)) == ("Memory", "GB", 4.0, [600.0, 660.0])
    assert [(line.ink, line.values) for line in plot.lines] == [("p-mem_used", [1.0, None]), ("p-swap", [0.0, 0.5])]
    cpu = plot_of("cpu", found, LOOK)
    assert (cpu.unit, cpu.top, len(cpu.lines)) == ("%", 100.0, 1)
