"""Rows to test with: a job or render of which only what matters is said."""

from __future__ import annotations

from typing import Any

from afcore.rows import BlockRow, JobRow, RenderRow
from afcore.states import STATE_COUNT, TaskState

__all__ = ["job_row", "render_row"]


def job_row(id: int, name: str = "", *, state: str = "ready", user: str = "jo", **counts: Any) -> JobRow:
    """Return a job of one block; tasks by state (``DONE=3``), any other field by its name."""
    amounts = [0] * STATE_COUNT
    for key in [key for key in counts if key in TaskState.__members__]:
        amounts[TaskState[key]] = counts.pop(key)
    block = BlockRow(0, "beauty", "generic", sum(amounts), amounts, 0, amounts[TaskState.RUNNING],
                     amounts[TaskState.ERROR], 100, False, 0.0, 0.0, counts.pop("spent_ms", 0))  # fmt: skip
    fields: dict[str, Any] = dict(
        id=id, version=id, name=name or f"job {id}", user=user, branch="/", state=state, priority=99, percent=0,
        counts=amounts, running=amounts[TaskState.RUNNING], capacity=0, time_creation=1000.0 + id, time_started=0.0,
        time_done=0.0, blocks=[block],
    )  # fmt: skip
    return JobRow(**{**fields, **counts})


def render_row(id: int, name: str, *words: str, **fields: Any) -> RenderRow:
    """Return a render in a state."""
    known: dict[str, Any] = dict(
        id=id, version=id, name=name, pool="/", user="jo", state=1, words=list(words) or ["online"], priority=99,
        capacity=1000, used_capacity=0, max_tasks=4, running=0, runs=[], resources={},
    )  # fmt: skip
    return RenderRow(**{**known, **fields})
