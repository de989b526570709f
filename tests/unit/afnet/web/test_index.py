"""Which jobs pages show: by need, only what changed looked at again, filtered by state, user and words."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from types import SimpleNamespace
from typing import Any

from afcore.states import TaskState
from afnet.server.webindex import JobIndex
from afnet.web.look import Look

NAME = "aficons" if importlib.util.find_spec("aficons") is not None else "icons"
NEED = Look(importlib.import_module(NAME).tokens(), "").need


def job(id: int, *, name: str = "shot", user: int = 1, priority: int = 99, **counts: int) -> Any:
    """Return what the index reads of a job."""
    numbers = [counts.get(state.name.lower(), 0) for state in TaskState]
    block = SimpleNamespace(tasks=SimpleNamespace(counts=numbers), waiting=False)
    return SimpleNamespace(
        id=id, name=name, user=user, priority=priority, blocks=[block], version=1, offline=False, ppa=False,
        time_wait=0, time_creation=1000.0 + id, time_done=0.0, deleting=False, waits_for=set(),
    )  # fmt: skip


def test_jobs_are_ordered_found_and_forgotten() -> None:
    users = {1: SimpleNamespace(name="ann"), 2: SimpleNamespace(name="jo")}
    jobs = {
        each.id: each
        for each in (
            job(2, ready=3), job(3, error=1, name="Spray"), job(4, running=1, user=2), job(5, running=1, priority=200),
            job(6, ready=1, name="x"),
        )
    }  # fmt: skip
    at = 5000.0
    index = JobIndex(SimpleNamespace(jobs=jobs, users=users), NEED, lambda: at)  # type: ignore[arg-type]

    def found(**question: str) -> list[int]:
        asyncio.run(index.refresh())
        return index.find(**{"state": "", "user": "", "text": "", **question}, first=0, size=10)[0]  # type: ignore[arg-type]

    assert found() == [3, 5, 4, 6, 2] and index.states == {"ERROR": 1, "RUNNING": 2, "READY": 2}
    assert found(user="jo") == [4] and found(state="READY") == [6, 2] and found(text="spra") == [3]
    assert index.find(state="", user="", text="", first=1, size=2) == ([5, 4], 5)
    # What has the same version is not looked at again; what has another, is.
    jobs[2].blocks[0].tasks.counts[TaskState.ERROR] = 9
    at += 10
    assert found()[0] == 3
    jobs[2].version = 2
    del jobs[5]
    at += 10
    assert found() == [3, 2, 4, 6] and index.states["ERROR"] == 2 and len(index) == 4
