"""The place of the monitors: who watches the farm, from where, in which mode; for administrators."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QWidget

from afcore.states import Role
from afwatch.actions import Action, Asking
from afwatch.models.columns import MONITORS
from afwatch.places import Place, add_place
from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.theme.tokens import measures
from afwatch.views.pane import ListPane

__all__ = ["MONITOR_ACTIONS"]


def _copy(window: Asking, rows: list[Any]) -> None:
    window.copy_text("\n".join(f"{row.user}\t{row.host}\t{row.mode}\t{row.address}" for row in rows))


MONITOR_ACTIONS = (
    Action("monitor-copy", tr("Copy as text"), "copy", "Ctrl+Shift+C", "", _copy, kind="monitor", section="outside"),
)
"""What can be done to monitors."""


def _monitors(window: Asking, theme: Theme) -> QWidget:
    return ListPane(window, theme, MONITORS, MONITOR_ACTIONS, title=tr("Monitors"), place="monitors", noun="monitor",
                    row_height=measures.row_comfortable)  # fmt: skip


def _count(session: Session) -> tuple[int, int]:
    return len(session.state.monitors), 0


add_place(Place("monitors", tr("Monitors"), "monitors", _monitors, _count, 60, Role.GOD))
