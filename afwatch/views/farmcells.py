"""Live plots in the table of renders: its delegate learns to paint them; meters have a column once there are some."""

from __future__ import annotations

from typing import Any

from afwatch.delegates.cells import CellDelegate
from afwatch.delegates.plots import PlotCells
from afwatch.ops.pending import is_alive
from afwatch.plots.ring import LiveRings
from afwatch.views.pane import ListPane

__all__ = ["show_plots"]

_METERS = "meters"


def show_plots(pane: ListPane, rings: LiveRings) -> PlotCells:
    """Let a pane of renders paint what they measure."""
    cells = PlotCells(pane.theme, rings, pane.table.viewport())
    delegate: Any = pane.table.itemDelegate()
    assert isinstance(delegate, CellDelegate)
    delegate.add_kind("plot", cells.paint)
    delegate.add_kind("now", cells.paint_now)
    if not rings.has_meters:
        pane.hidden = pane.hidden | {_METERS}

    def meters_came(changes: Any) -> None:
        there = is_alive(pane.show_column)
        if rings.has_meters or not there:
            pane.session.changed.disconnect(meters_came)
            if there:
                pane.show_column(_METERS, True)

    if not rings.has_meters:
        pane.session.changed.connect(meters_came)
    return cells
