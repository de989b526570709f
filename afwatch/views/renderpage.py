"""A render's page: everything it measured over a span of time, and the tasks that ran on it on the same axis."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy
from PySide6.QtGui import QColor

from afcore.rows import RenderRow
from afcore.series import HOST, limits_of, meters_of, series_of
from afwatch import words
from afwatch.actions import Asking
from afwatch.acts.renders import RENDER_ACTIONS
from afwatch.plots.lanes import Span, run_state
from afwatch.plots.page import PlotPage
from afwatch.plots.panels import Panel, Readings, render_panels
from afwatch.plots.ring import PERIOD, SAMPLES
from afwatch.texts import tr
from afwatch.theme.paint import Theme

__all__ = ["RenderPage", "spans_of"]

_LIVE = 600.0
"""Seconds of the span that is drawn from live readings, not from minutes."""
_LIVE_LEAST = SAMPLES * 3 // 4
"""Live readings that there must be: before that the server's minutes tell more."""
_RUNS_MOST = 1000


def spans_of(history: list[dict[str, Any]], row: RenderRow | None, since: float, until: float) -> list[Span]:
    """Return the tasks of a span: those that ended, from the history, and those that run, from the render's row."""
    found: dict[tuple[int, int, int, int], Span] = {}
    for run in history:
        started, done = run["started_ms"] / 1000, run["done_ms"] / 1000
        if started > until or done < since:
            continue
        task = (run["job"], run["id_block"], run["id_task"])
        note = f"{run['username']} · {run['status'].replace('_', ' ')} · {words.duration(done - started)}"
        found[(*task, run["run"])] = Span(started, done, f"{run['jobname']} {run['taskname']}", run_state(run), task,
                                           note)
    for live in row.runs if row is not None else ():
        if live.started <= until:
            note = f"{live.user} · {live.percent} %"
            task = (live.job, live.block, live.task)
            found[(*task, live.run)] = Span(
                live.started, max(until, live.started), f"{live.job_name} {live.name}", "RUNNING", task, note
            )
    return list(found.values())


class RenderPage(PlotPage):
    """One render over time."""

    lanes_title = tr("Tasks")
    empty_text = tr("Nothing is known of this render in this span. First readings come within a minute of its start.")

    def __init__(self, window: Asking, theme: Theme, render: str) -> None:
        self._history: list[dict[str, Any]] = []
        super().__init__(
            window, theme, title=render, render=render, make=self._panels, overview="cpu_user", with_back=True
        )
        self.noun = "render"
        self.actions_here = RENDER_ACTIONS
        self.lanes.opened.connect(lambda span: window.open_task(*span.task))
        self._retitle()

    @property
    def row(self) -> RenderRow | None:
        """The render as it is now; None when it is gone."""
        rows = self.session.state.renders.values()
        return next((row for row in rows if row.name == self.render_name), None)

    def selected(self) -> list[Any]:
        """Return the render: pages of the inspector are about it."""
        row = self.row
        return [row] if row is not None else []

    def _panels(self, readings: Readings) -> list[Panel]:
        colours: dict[str, str] = {}
        row = self.row
        for meter in meters_of(row.resources) if row is not None else ():
            parts = meter.get("graph_clr")
            if isinstance(parts, list | tuple) and len(parts) == 3 and all(isinstance(one, int) for one in parts):
                colours[meter["name"]] = QColor(*(min(255, max(0, one)) for one in parts)).name()
        return render_panels(readings, colours)

    def _retitle(self) -> None:
        row = self.row
        if row is None:
            self.say_subtitle(tr("is not on the farm any more"))
            return
        cores, memory = row.resources.get("cpu_num"), row.resources.get("mem_total_mb", 0)
        parts = [row.pool, tr("{0} cores", cores) if cores else "", words.memory_text(memory) if memory else ""]
        shown = self.theme.state("render", words.render_state(row))[0]
        parts.append(tr("{0}, {1} of {2} slots", shown.full, row.running, row.max_tasks))
        self.say_subtitle(" · ".join(part for part in parts if part))

    # Readings

    @property
    def is_live(self) -> bool:
        """Whether what is shown comes from live readings."""
        return self.follows and self.span <= _LIVE

    @property
    def again_after(self) -> float:
        """Live readings are shown as they come."""
        return PERIOD if self.is_live else super().again_after

    def ask_readings(self, since: float, until: float, came: Callable[[Any], None]) -> None:
        """Get the readings of a span: of the last minutes what this monitor has seen itself."""
        row = self.row
        seen = self.session.rings.values(row.id, "cpu_user") if self.is_live and row is not None else None
        if row is not None and seen is not None and numpy.count_nonzero(~numpy.isnan(seen)) >= _LIVE_LEAST:
            came(self._live(row))
        else:
            super().ask_readings(since, until, came)

    def _live(self, row: RenderRow) -> Readings:
        rings = self.session.rings
        limits = limits_of(row.resources)
        columns: dict[str, dict[str, Any]] = {}

        def add(key: str, values: Any) -> None:
            if not numpy.isnan(values).all():
                series, mean = series_of(key), values.astype(numpy.float64)
                columns[key] = {
                    "key": key, "title": series.title, "unit": series.unit, "group": series.group,
                    "limit": limits.get(key), "min": mean, "mean": mean, "max": mean,
                }  # fmt: skip

        for key in HOST:
            values = rings.values(row.id, key)
            if values is not None:
                add(key, values)
        for told, values in rings.meters(row.id):
            add(f"meter.{told['name']}", values)
        return Readings(float(rings.times()[0]), PERIOD, SAMPLES, columns)

    def is_about(self, changes: Any) -> bool:
        """Say whether this render changed."""
        row = self.row
        about = row is not None and row.id in changes.changed.get("renders", ())
        if about:
            self._retitle()
            self.chosen.emit(self.selected())
        return about

    # Tasks

    def asked(self, since: float, until: float) -> None:
        """Ask for the runs of the span, and for those that ended later and may have begun in it."""
        for first, last in ((since, until), (until, until + 86400)):
            if first >= self.session.clock():
                continue
            pending = self.session.ask(
                "history.runs", render=self.render_name, since=first, until=last, limit=_RUNS_MOST
            )
            pending.success(partial(self._runs_came, since, until))

    def _runs_came(self, since: float, until: float, body: dict[str, Any]) -> None:
        if self.is_released:
            return
        rows = body["rows"]
        known = {row["seq"]: row for row in self._history if row["done_ms"] / 1000 >= since - 1}
        known.update({row["seq"]: row for row in rows})
        self._history = list(known.values())
        spans = spans_of(self._history, self.row, since, until)
        failed = sum(span.state == "ERROR" for span in spans)
        note = words.plural(len(spans), "task") if spans else tr("none in this span")
        self.lanes.show_spans(spans, tr("{0}, {1} failed", note, failed) if failed else note)
        if self.readings is not None and self.readings.is_empty and spans:
            self._show(self.readings)

    def open_at_cursor(self) -> None:
        """Open the task that ran at the cursor."""
        span = self.lanes.span_at(self.cursor_at)
        if span is None:
            self.told.emit(tr("No task ran at the cursor."))
        else:
            self.window_asked.open_task(*span.task)
