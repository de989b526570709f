"""The places of jobs: mine and all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtWidgets import QWidget

from afcore.rows import JobRow
from afcore.systemcommand import SYSTEM_JOB
from afwatch import words
from afwatch.actions import Asking
from afwatch.acts.jobs import JOB_ACTIONS
from afwatch.models.columns import JOBS, Column, Shown
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


def with_order(shown: Shown, session: Session) -> Shown:
    """Return what is shown of jobs, with their places in the orders of their users."""
    state = session.state

    def text(row: JobRow, now: float) -> str:
        place = state.tally.place_of(row, state.jobs.values())
        return words.number(place) if place else words.UNKNOWN

    column = Column(
        "order", tr("Order"), 64, "number", text,
        lambda row, now: (row.user.lower(), row.state == "done", -row.priority, row.order), right=True, rank=6,
        full=tr("Order of the user's"), short=tr("Ord"), widths=(130, 0),
        tip=tr("Which of its user's jobs is served first, which next. Drag rows, or Alt+Up and Alt+Down."),
    )  # fmt: skip
    at = next(place for place, each in enumerate(shown.columns) if each.key == "priority") + 1
    return replace(shown, columns=(*shown.columns[:at], column, *shown.columns[at:]))


def _all_jobs(window: Asking, theme: Theme) -> QWidget:
    return ListPane(window, theme, with_order(JOBS, window.session), JOB_ACTIONS, title=tr("All jobs"),
                    place="jobs", noun="job", row_height=measures.row_comfortable, base=is_ours)  # fmt: skip


def _my_jobs(window: Asking, theme: Theme) -> QWidget:
    session = window.session
    return ListPane(window, theme, with_order(JOBS, window.session), JOB_ACTIONS, title=tr("My jobs"),
                    place="mine", noun="job", row_height=measures.row_comfortable,
                    base=lambda row: row.user == session.user and is_ours(row))  # fmt: skip


def _count_all(session: Session) -> tuple[int, int]:
    return session.state.tally.all()


def _count_mine(session: Session) -> tuple[int, int]:
    return session.state.tally.of(session.user)


add_place(Place("mine", tr("My jobs"), "jobs", _my_jobs, _count_mine, 10))
add_place(Place("jobs", tr("All jobs"), "jobs", _all_jobs, _count_all, 20))
