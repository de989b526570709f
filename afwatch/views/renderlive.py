"""Pages of the inspector about a render: what it measures now, and the tasks that ran on it lately."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QListWidget, QListWidgetItem, QScrollArea, QVBoxLayout, QWidget

from afcore.errors import AfError
from afcore.rows import RenderRow
from afcore.series import meters_of
from afwatch import words
from afwatch.actions import Asking
from afwatch.delegates.cells import draw_text
from afwatch.delegates.plots import PlotCells
from afwatch.inspecting import InspectorPage, add_page
from afwatch.models.columns import Column
from afwatch.models.rendercolumns import RENDERS
from afwatch.plots.lanes import run_state
from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.views.parts import button, label

__all__ = ["LivePage", "RenderHistoryPage"]

_PLOTS = tuple(column for column in RENDERS.columns if column.kind == "plot")
_PLOT, _GAP, _PAD = 48, 14, 16
_DAY, _MOST = 86400.0, 200


class _Plots(QWidget):
    """The plots of one render, one under the other, with their newest readings in words."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session, self._theme = session, theme
        self._cells = PlotCells(theme, session.rings, self)
        self._row: RenderRow | None = None
        self.setAccessibleName(tr("What the render measures"))

    def _shown(self, row: RenderRow) -> list[Column]:
        there = {"meters": bool(meters_of(row.resources)), "gpu": bool(row.resources.get("gpus"))}
        return [column for column in _PLOTS if there.get(column.key, True)]

    def _lines(self) -> tuple[int, int]:
        return self._theme.font("strong").metrics.height() + 2, self._theme.font("small").metrics.height() + 4

    def show_row(self, row: RenderRow) -> None:
        """Show a render's readings."""
        self._row = row
        now, columns = self._session.clock(), self._shown(row)
        self.setAccessibleDescription(". ".join(f"{column.whole}: {column.text(row, now)}" for column in columns))
        self.setFixedHeight(2 * _PAD + len(columns) * (sum(self._lines()) + _PLOT + _GAP))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint titles, words and plots."""
        row = self._row
        if row is None:
            return
        painter, look, now = QPainter(self), self._theme.look, self._session.clock()
        state, width, top = words.render_state(row), self.width() - 2 * _PAD, _PAD
        high, low = self._lines()
        for column in self._shown(row):
            title = QRect(_PAD, top, width, high)
            draw_text(painter, title, column.heading, self._theme.font("strong"), look.text1)
            said = QRect(_PAD, top + high, width, low)
            draw_text(painter, said, column.text(row, now), self._theme.font("small"), look.text2)
            # Cells leave a margin above and below in their rows; here there is none.
            area = QRect(_PAD, top + high + low, width, _PLOT)
            self._cells.paint(painter, area, column, row, state)
            top += high + low + _PLOT + _GAP
        painter.end()


class LivePage(QScrollArea):
    """What the selected render measured in the last ten minutes."""

    def __init__(self, window: Asking, theme: Theme) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._plots = _Plots(window.session, theme)
        self._words = label(tone="quiet")
        self._words.setWordWrap(True)
        inside = QWidget()
        inside.setObjectName("page")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._plots)
        self._words.setContentsMargins(_PAD, 0, _PAD, _PAD)
        column.addWidget(self._words)
        column.addStretch(1)
        self.setWidget(inside)

    def show_rows(self, rows: list[Any], noun: str) -> None:
        """Show the readings of the first selected render."""
        row = rows[0] if rows and isinstance(rows[0], RenderRow) else None
        out = row is not None and words.render_state(row) in words.OUT
        self._plots.setVisible(row is not None and not out)
        if row is None:
            self._words.setText(tr("Select a render to see what it measures."))
        elif out:
            self._words.setText(tr("It is off: nothing is measured."))
        else:
            self._words.setText(tr("The last ten minutes. A hatched band is a time of which nothing is known."))
            self._plots.show_row(row)
        self._words.setContentsMargins(_PAD, 0 if self._plots.isVisibleTo(self) else _PAD, _PAD, _PAD)


class RenderHistoryPage(QFrame):
    """The tasks that ended on the selected render within a day, newest first; Enter opens one."""

    def __init__(self, window: Asking, theme: Theme) -> None:
        super().__init__()
        self._window, self._theme = window, theme
        self._asked: tuple[Any, ...] = ()
        self._row: RenderRow | None = None
        self._runs: list[dict[str, Any]] = []
        theme.changed.connect(self._fill)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        self._said = label(tone="quiet")
        self._said.setWordWrap(True)
        column.addWidget(self._said)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Tasks that ran here"))
        self.list.setWordWrap(True)
        self.list.itemActivated.connect(self._open)
        column.addWidget(self.list, 1)
        self._plots = button(tr("Plots over time"), self._open_plots)
        column.addWidget(self._plots, 0, Qt.AlignmentFlag.AlignLeft)

    def show_rows(self, rows: list[Any], noun: str) -> None:
        """Show what ran on the first selected render, read anew when something of it ended or began."""
        row = self._row = rows[0] if rows and isinstance(rows[0], RenderRow) else None
        self._plots.setEnabled(row is not None)
        if row is None:
            self._asked, self._runs = (), []
            self._fill()
            self._said.setText(tr("Select a render to see what ran on it."))
            return
        wanted = (row.name, [(run.job, run.block, run.task, run.run) for run in row.runs])
        if wanted == self._asked:
            return
        self._asked = wanted
        now = self._window.session.clock()
        pending = self._window.session.ask(
            "history.runs", render=row.name, since=now - _DAY, until=now, limit=_MOST
        )
        pending.success(lambda body: self._show(wanted, body)).failure(self._failed)

    def _show(self, wanted: tuple[Any, ...], body: dict[str, Any]) -> None:
        if wanted != self._asked:
            return
        rows = self._runs = body["rows"]
        self._fill()
        failed = sum(bool(run["error"]) for run in rows)
        said = words.plural(len(rows), "task")
        self._said.setText(
            tr("{0} ended here in the last 24 hours, {1} failed.", said, words.number(failed)) if rows
            else tr("No task ended here in the last 24 hours.")
        )

    def _fill(self) -> None:
        """Show the runs that are known, in the colours that are on."""
        self.list.clear()
        now, rows = self._window.session.clock(), self._runs
        for run in rows:
            shown, ink = self._theme.state("task", run_state(run))
            took = words.duration((run["done_ms"] - run["started_ms"]) / 1000)
            first = f"{run['jobname']} {run['taskname']}"
            second = tr("{0} · {1} · {2}, took {3}", shown.word, run["username"],
                        words.clock_text(run["done_ms"] / 1000, now), took)
            item = QListWidgetItem(self._theme.icon(shown.glyph, ink), f"{first}\n{second}")
            item.setData(Qt.ItemDataRole.UserRole, (run["job"], run["id_block"], run["id_task"]))
            self.list.addItem(item)

    def _failed(self, error: AfError) -> None:
        self._said.setText(f"{error.sentence} {getattr(error, 'hint', '')}".strip())

    def _open(self, item: QListWidgetItem) -> None:
        self._window.open_task(*item.data(Qt.ItemDataRole.UserRole))

    def _open_plots(self) -> None:
        if self._row is not None:
            self._window.open_row(self._row)


add_page(InspectorPage("live", tr("Live"), LivePage, ("render",), order=15))
add_page(InspectorPage("history", tr("History"), RenderHistoryPage, ("render",), order=40))
