"""Names for the whole numbers by which the farm addresses its things.

Ids are counters kept in the farm and never reused.  Blocks and tasks have no id of their own: they are the index in
their job and in their block.
"""

from typing import NamedTuple, NewType

__all__ = ["BlockIndex", "BranchId", "JobId", "PoolId", "RenderId", "RunKey", "TaskIndex", "UserId"]

JobId = NewType("JobId", int)
"""A job, from 1; the system job is 1, so submitted jobs start at 2."""
BlockIndex = NewType("BlockIndex", int)
"""A block of a job, from 0 in the order of submission."""
TaskIndex = NewType("TaskIndex", int)
"""A task of a block, from 0."""
RenderId = NewType("RenderId", int)
"""A render, from 1; 0 in a task's render column means that it never ran."""
UserId = NewType("UserId", int)
"""A user, from 1."""
PoolId = NewType("PoolId", int)
"""A pool, from 1; 1 is the root ``/``."""
BranchId = NewType("BranchId", int)
"""A branch, from 1; 1 is the root ``/``."""


class RunKey(NamedTuple):
    """The identity of one execution: the ``run``-th start (from 1) of one task."""

    job: int
    block: int
    task: int
    run: int

    def __str__(self) -> str:
        return f"{self.job}.{self.block}.{self.task}.{self.run}"
