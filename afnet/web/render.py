"""A render on a page: what it is, what it runs, what it measured, and the runs that ended on it."""

from collections.abc import Mapping, Sequence
from typing import Any

from afcore.rows import RenderRow
from afnet import words
from afnet.web.chart import Line, Lines
from afnet.web.history import chart_figure
from afnet.web.layout import Frame, address, card, empty, lines, page, when
from afnet.web.look import Look
from afnet.web.markup import EMPTY, Markup, el
from afnet.web.renderacts import question, render_acts

__all__ = ["GROUPS", "SPANS", "plot_of", "render_page"]

SPANS = {"1h": (3600, "an hour"), "12h": (43_200, "12 hours"), "24h": (86_400, "a day"), "7d": (604_800, "a week"),
         "30d": (2_592_000, "30 days")}  # fmt: skip
"""Spans of plots in seconds, with their words."""

GROUPS = {"cpu": "Processor", "memory": "Memory", "network": "Network", "disk": "Disk", "gpu": "GPU",
          "temperature": "Temperature", "slots": "Tasks"}  # fmt: skip
"""Plots by the group of their series."""

_UNITS = {"MiB": ("GB", 1024.0), "KiB/s": ("MB/s", 1024.0)}
_LEFT_OUT = frozenset({"load", "disk_used", "cpu_nice", "cpu_irq", "mem_buffers", "disk_busy"})
"""Of another unit than the rest of their plot, or hardly ever anything."""


def plot_of(group: str, found: Mapping[str, Any], look: Look) -> Lines:
    """Return the plot of a group of series from an answer of ``history.resources``."""
    begin, step, count = found["begin"], found["step"], found["count"]
    lines: list[Line] = []
    unit, unit_of, top = "", "", 0.0
    known = look.colours("light")
    for column in found["columns"]:
        if column["group"] != group or column["key"] in _LEFT_OUT:
            continue
        if lines and column["unit"] != unit_of:
            continue
        unit_of = column["unit"]
        unit, divisor = _UNITS.get(unit_of, (unit_of, 1.0))
        ink = f"p-{'temp' if column['key'].endswith('_temp') else column['key']}"
        values = [None if value is None else value / divisor for value in column["mean"]]
        lines.append(Line(column["title"], ink if ink in known else f"p-{look.ink_of(len(lines))}", values))
        top = max(top, (column["limit"] or 0) / divisor)
    times = [float(begin + step * place) for place in range(count)]
    return Lines(GROUPS[group], unit, times, lines, top=100.0 if unit == "%" else top)


def render_page(frame: Frame, row: RenderRow, groups: Sequence[str], ended: Mapping[str, Any], span: str, now: float, *,
                kept: float, ask: str) -> str:  # fmt: skip
    """Return a render's page; ``groups`` are those of which something was measured, ``ended`` is an answer of
    ``history.runs``, ``kept`` the days that readings are kept, ``ask`` is what is to be confirmed."""
    look = frame.look
    state = words.render_state(row)
    here = f"/render/{words.quoted(row.name)}"
    tabs = [
        el("a", word, href=address(here, span=key), aria_current="page" if key == span else None)
        for key, (_, word) in SPANS.items()
    ]
    plots = [
        card(GROUPS[group], chart_figure(frame, f"{here}/{group}.FORM?span={span}", GROUPS[group], live=True, wide=600))
        for group in groups
    ]
    memory = row.resources.get("mem_total_mb")
    cores = row.resources.get("cpu_num")
    pairs: list[tuple[str, Any]] = [
        ("State", ", ".join(row.words)),
        ("Trouble", row.trouble),
        ("Tasks", f"{row.running} of {row.max_tasks}" if row.max_tasks >= 0 else str(row.running)),
        ("Pool", row.pool),
        ("User", row.user),
        ("Machine", ", ".join(filter(None, (f"{cores} processors" if cores else "",
                                            words.memory(memory) if isinstance(memory, int | float) and memory else "",
                                            row.os, row.engine)))),
        ("Address", row.address),
        ("Services", ", ".join(row.services)),
        ("Priority", str(row.priority)),
        ("Seen", when(row.seen, now) if row.seen else ""),
        ("Note", row.annotation),
    ]  # fmt: skip
    facts = el("dl", [[el("dt", name), el("dd", value)] for name, value in pairs if value], class_="facts")
    return page(
        frame, row.name,
        el("p", el("a", "Farm", href="/farm"), class_="crumbs"),
        el("div", el("h1", row.name), look.state("render", state, pill=True, level="full"), class_="title"),
        question(frame, ask, [row], here),
        render_acts(frame, row, here),
        card("About", facts),
        card("What it runs", _running(frame, row, now)),
        el("nav", tabs, class_="tabs", aria_label="Span of the plots"),
        el("p", f"Readings are {words.kept(kept)}.", class_="note"),
        el("div", plots, class_="two") if plots
        else card("Plots", empty(frame, "history", "Nothing was measured in this span. Readings come by the minute.")),
        _ended(frame, ended["rows"], now, ended["keep_days"]) if ended["rows"] else EMPTY,
        place="farm", charts=True,
    )  # fmt: skip


def _task(tag: str, job: str, task: object, **attributes: Any) -> Markup:
    """Return a task with its job; where there is little room, it is the name of the job that is cut."""
    return el(tag, el("span", job, class_="cut"), el("span", f" › {task}"), class_="both", **attributes)


def _running(frame: Frame, row: RenderRow, now: float) -> Markup:
    if not row.runs:
        return empty(frame, "render", "It runs nothing now.")
    titles = (("Task", "l-main"), ("User", ""), ("%", "num l-side"), ("For", "num"), ("Says", "l-rest"))
    rows = (
        (_task("a", run.job_name, run.name, href=f"/job/{run.job}/block/{run.block}/task/{run.task}"),
         run.user, f"{run.percent} %", words.duration(now - run.started) if run.started else words.UNKNOWN,
         run.activity or run.last_line[:120])
        for run in row.runs
    )  # fmt: skip
    return lines("running", "Running tasks", titles, rows)


def _ended(frame: Frame, runs: Sequence[Mapping[str, Any]], now: float, kept: float) -> Markup:
    titles = (("Ended", ""), ("Task", "l-main"), ("User", ""), ("Took", "num l-side"), ("When", "l-end"))
    rows = (
        (frame.look.ended(run["status"]), _task("span", run["jobname"], run["taskname"] or run["id_task"]),
         run["username"],
         words.duration((run["done_ms"] - run["started_ms"]) / 1000), when(run["done_ms"] / 1000, now))
        for run in runs
    )  # fmt: skip
    return card("Runs that ended here", lines("ended", "Runs", titles, rows),
                beside=el("span", words.kept(kept), class_="note"))  # fmt: skip
