"""Pending operations are answered once; tasks are sent as ranges, and never as none."""

from __future__ import annotations

from typing import Any

import pytest

from afcore.errors import AfError, NotAllowed
from afwatch.ops import tasks
from afwatch.ops.pending import Pending


def test_a_pending_operation_is_answered_once() -> None:
    told: list[Any] = []
    pending = Pending("job.pause", {}, "x-1").success(told.append).failure(told.append)
    pending.succeed({"changed": 1})
    pending.fail(NotAllowed("no"))
    assert told == [{"changed": 1}]


def test_a_refusal_reaches_who_asked() -> None:
    told: list[AfError] = []
    error = NotAllowed("Not yours.", hint="Ask jo.")
    Pending("job.pause", {}, "x-1").failure(told.append).fail(error)
    assert told == [error]


def test_tasks_are_ranges() -> None:
    assert tasks.ranges_of([5, 1, 2, 3, 9, 5]) == [(1, 3), (5, 5), (9, 9)]


def test_no_tasks_are_never_sent_because_they_would_mean_all() -> None:
    with pytest.raises(ValueError, match="no tasks"):
        tasks.change(None, "skip", job=1, block=0, tasks=[])  # type: ignore[arg-type]
