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


_VARIANTS: dict[str, tuple[str, dict[str, bool]]] = {
    "restart-depends": ("restart", {"depends": True}), "try-usual": ("try-next", {"remove": True}),
}  # fmt: skip
"""Actions that are an operation with an argument more."""
_WHOLE = ("try-next", "reset-error-hosts")
"""Operations that know no states."""


def change(session: Session, action: str, *, job: int, block: int, tasks: Iterable[int], only: str = "") -> Pending:
    """Do ``restart``, ``skip``, ``done``, ``suspend``, ``continue``, ``try-next`` or a variant of one.

    ``restart-depends`` restarts what the tasks wait for too, ``try-usual`` takes a try-next back.  ValueError without
    any task: no tasks mean every task of the block to the farm, which is never what an empty selection means.
    """
    ranges = ranges_of(tasks)
    if not ranges:
        raise ValueError("no tasks are selected")
    action, more = _VARIANTS.get(action, (action, {}))
    states = {"only": only} if action not in _WHOLE else {}
    return session.ask(f"task.{action}", job=job, block=block, tasks=ranges, **states, **more)


def skip(session: Session, *, job: int, block: int, tasks: Iterable[int]) -> Pending:
    """Skip tasks: they count as done."""
    return change(session, "skip", job=job, block=block, tasks=tasks)
