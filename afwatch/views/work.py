"""The place of the work: branches with their jobs."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from afcore.rows import BranchRow
from afwatch import words
from afwatch.actions import Asking
from afwatch.acts.jobs import JOB_ACTIONS
from afwatch.acts.tree import BRANCH_ACTIONS
from afwatch.models.columns import JOBS
from afwatch.models.grouped import Groups
from afwatch.places import Place, add_place
from afwatch.session import Session
from afwatch.texts import tr
from afwatch.theme.paint import Theme
from afwatch.theme.tokens import measures
from afwatch.views.jobs import is_ours
from afwatch.views.pane import ListPane

__all__ = ["BRANCHES"]


def _note(row: BranchRow, now: float) -> str:
    parts = [words.plural(row.jobs, "job")]
    if row.paused:
        parts.append("paused")
    if row.max_tasks_per_second >= 0:
        parts.append(tr("at most {0} starts a second", row.max_tasks_per_second))
    if row.annotation:
        parts.append(row.annotation)
    return " · ".join(parts)


BRANCHES = Groups(
    row=BranchRow,
    kind="branches",
    item_kind="jobs",
    path=lambda row: row.path,
    of=lambda row: row.branch,
    texts={
        "name": _note,
        "running": lambda row, now: words.count(row.running),
        "priority": lambda row, now: str(row.priority),
    },
)
"""Jobs under their branches."""


def _work(window: Asking, theme: Theme) -> QWidget:
    return ListPane(
        window, theme, JOBS, (*JOB_ACTIONS, *BRANCH_ACTIONS), title=tr("Work"), place="work", noun="job",
        row_height=measures.row_comfortable, groups=BRANCHES, base=is_ours,
    )  # fmt: skip


def _count(session: Session) -> tuple[int, int]:
    return len(session.state.branches), 0


add_place(Place("work", tr("Work"), "work", _work, _count, 30))
