"""Operations on tasks of one block, as ranges."""

from __future__ import annotations

from collections.abc import Iterable

from afwatch.ops.pending import Pending
from afwatch.session import Session

__all__ = ["change", "ranges_of", "skip"]


def ranges_of(tasks: Iterable[int]) -> list[tuple[int, int]]:
    """Return sorted indices as ranges of first and last."""
    found: list[tuple[int, int]] = []
    for task in sorted(tasks):
        if found and found[-1][1] == task - 1:
            found[-1] = (found[-1][0], task)
        elif not found or found[-1][1] != task:
            found.append((task, task))
    return found


def change(session: Session, action: str, *, job: int, block: int, tasks: Iterable[int], only: str = "") -> Pending:
    """Do ``restart``, ``skip``, ``done``, ``suspend``, ``continue`` or ``try-next``; ValueError without any task.

    No tasks mean every task of the block to the farm, which is never what an empty selection means.
    """
    ranges = ranges_of(tasks)
    if not ranges:
        raise ValueError("no tasks are selected")
    more = {"only": only} if action not in ("try-next", "reset-error-hosts") else {}
    return session.ask(f"task.{action}", job=job, block=block, tasks=ranges, **more)


def skip(session: Session, *, job: int, block: int, tasks: Iterable[int]) -> Pending:
    """Skip tasks: they count as done."""
    return change(session, "skip", job=job, block=block, tasks=tasks)
