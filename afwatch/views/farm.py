"""The place of the farm: its pools with their renders."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QWidget

from afcore.rows import PoolRow
from afwatch import words
from afwatch.actions import Asking
from afwatch.acts.renders import POOL_ACTIONS, RENDER_ACTIONS
from afwatch.models.grouped import Groups
from afwatch.models.rendercolumns import RENDERS
from afwatch.places import Place, add_place
from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.theme.tokens import measures
from afwatch.views.approval import Approvals
from afwatch.views.farmcells import show_plots
from afwatch.views.pane import ListPane

__all__ = ["POOLS"]


def _note(row: PoolRow, now: float) -> str:
    parts = [words.plural(row.renders, "render")]
    if row.paused:
        parts.append("paused")
    if row.pattern:
        parts.append(tr("takes {0}", row.pattern))
    if row.annotation:
        parts.append(row.annotation)
    return " · ".join(parts)


def _limits(row: PoolRow, now: float) -> str:
    return tr("{0} running", row.running) if row.running else ""


POOLS = Groups(
    row=PoolRow,
    kind="pools",
    item_kind="renders",
    path=lambda row: row.path,
    of=lambda row: row.pool,
    texts={"name": _note, "slots": _limits, "priority": lambda row, now: str(row.priority)},
)
"""Renders under their pools."""


def _farm(window: Asking, theme: Theme) -> QWidget:
    pane = ListPane(
        window, theme, RENDERS, (*RENDER_ACTIONS, *POOL_ACTIONS), title=tr("Farm"), place="farm", noun="render",
        row_height=measures.row_render, lines=2, groups=POOLS,
    )  # fmt: skip
    show_plots(pane, window.session.rings)
    approvals = Approvals(window, theme)
    pane.add_strip(approvals)
    pane.seen.connect(approvals.place_seen)
    return pane


def _count(session: Session) -> tuple[int, int]:
    renders: dict[int, Any] = session.state.renders
    return len(renders), sum(words.render_state(row) == "SICK" for row in renders.values())


add_place(Place("farm", tr("Farm"), "farm", _farm, _count, 40))
