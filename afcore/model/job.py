"""Jobs and blocks: what was submitted, and the live counters beside it."""

from dataclasses import dataclass, field

from afcore.frames import BlockFrames
from afcore.jobspec import BlockSpec, JobSpec
from afcore.model.hosterrors import HostErrors
from afcore.model.taskerrors import TaskErrors
from afcore.model.tasks import TaskTable
from afcore.model.tree import Limits
from afcore.states import TaskState

__all__ = ["Block", "HostErrors", "Job"]


@dataclass(slots=True, kw_only=True)
class Block:
    """One block: its spec, its columns and its counters."""

    job: int
    index: int
    spec: BlockSpec
    tasks: TaskTable
    frames: BlockFrames
    """The arithmetic between its tasks and their frames; made from the spec."""
    running_tasks: int = 0
    running_capacity: int = 0
    running_per_host: dict[int, int] = field(default_factory=dict)
    error_hosts: dict[int, HostErrors] = field(default_factory=dict)
    """By render id."""
    task_error_hosts: TaskErrors = field(default_factory=TaskErrors)
    """By task index, then by render id: sparse, only tasks that failed."""
    depends_on: list[int] = field(default_factory=list)
    """Blocks (indices) matched by ``depend_mask``: all their tasks must be over."""
    tasks_depend_on: list[int] = field(default_factory=list)
    """Blocks matched by ``tasks_depend_mask``: task by task."""
    dependents: list[int] = field(default_factory=list)
    """Blocks that wait for this one, by either mask."""
    waiting: bool = False
    """A block of ``depends_on`` is not done yet: nothing of this block is offered."""
    time_started: float = 0.0
    time_done: float = 0.0
    run_time_sum_ms: int = 0
    """Sum of the durations of finished runs that made their task done."""
    version: int = 0
    """``Farm.version`` at the last change of the block; a snapshot remembers the one it has."""

    @property
    def over(self) -> bool:
        """Whether every task is done or skipped."""
        counts = self.tasks.counts
        return counts[TaskState.DONE] + counts[TaskState.SKIPPED] == self.tasks.size


@dataclass(slots=True, kw_only=True)
class Job(Limits):
    """One job: its own copies of the editable fields (in Limits and here), its blocks, and what waits for what."""

    id: int
    serial: int
    user: int
    branch: int
    spec: JobSpec
    name: str
    blocks: list[Block]
    time_creation: float
    time_wait: int = 0
    time_life: int = -1
    time_started: float = 0.0
    time_done: float = 0.0
    offline: bool = False
    """Paused: running tasks go on, nothing new starts."""
    ppa: bool = False
    maintenance: bool = False
    ignorenimby: bool = False
    ignorepaused: bool = False
    depend_mask: str = ""
    depend_mask_global: str = ""
    try_next: list[tuple[int, int]] = field(default_factory=list)
    """(block, task) of what is to be offered before everything else, in this order; each has the flag TRY_NEXT."""
    waits_for: set[int] = field(default_factory=set)
    """Ids of the unfinished jobs its masks match; derived."""
    deleting: bool = False
    pre: int = 0
    """Commands of the system job that must have succeeded before it starts."""
    report: str = ""
    """What a parser wants shown on the job; a reading."""
    version: int = 0
    """``Farm.version`` at its last change."""

    @property
    def over(self) -> bool:
        """Whether every task of every block is done or skipped."""
        return all(block.over for block in self.blocks)
