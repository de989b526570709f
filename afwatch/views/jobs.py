"""The places of jobs: mine and all of them."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QWidget

from afcore.rows import JobRow
from afcore.systemcommand import SYSTEM_JOB
from afwatch.actions import Asking
from afwatch.acts.jobs import JOB_ACTIONS
from afwatch.models.columns import JOBS
from afwatch.places import Place, add_place
from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.theme.tokens import measures
from afwatch.views.pane import ListPane

__all__ = ["is_ours"]


def is_ours(row: Any) -> bool:
    """Say whether a row is not the farm's own job, which has a place of its own."""
    return not isinstance(row, JobRow) or row.id != SYSTEM_JOB


def _all_jobs(window: Asking, theme: Theme) -> QWidget:
    return ListPane(window, theme, JOBS, JOB_ACTIONS, title=tr("All jobs"), place="jobs", noun="job",
                    row_height=measures.row_comfortable, base=is_ours)  # fmt: skip


def _my_jobs(window: Asking, theme: Theme) -> QWidget:
    session = window.session
    return ListPane(window, theme, JOBS, JOB_ACTIONS, title=tr("My jobs"), place="mine", noun="job",
                    row_height=measures.row_comfortable,
                    base=lambda row: row.user == session.user and is_ours(row))  # fmt: skip


def _count_all(session: Session) -> tuple[int, int]:
    return session.state.tally.all()


def _count_mine(session: Session) -> tuple[int, int]:
    return session.state.tally.of(session.user)


add_place(Place("mine", tr("My jobs"), "jobs", _my_jobs, _count_mine, 10))
add_place(Place("jobs", tr("All jobs"), "jobs", _all_jobs, _count_all, 20))
