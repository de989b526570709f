"""The farm: every container, index and counter in one place."""

from dataclasses import dataclass, field

from afcore.errors import NotFound
from afcore.hostpatterns import Description
from afcore.model.defaults import Defaults
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.model.runs import Runs
from afcore.model.system import SystemQueue
from afcore.model.tree import Branch, Pool, User

__all__ = ["Farm"]


@dataclass(slots=True)
class Farm:
    """Everything that is true; read by all, written by ``afcore.evolve`` alone."""

    epoch: int = 0
    """Unix seconds that the task columns count from: a minute before the farm was made."""
    jobs: dict[int, Job] = field(default_factory=dict)
    users: dict[int, User] = field(default_factory=dict)
    branches: dict[int, Branch] = field(default_factory=dict)
    pools: dict[int, Pool] = field(default_factory=dict)
    renders: dict[int, Render] = field(default_factory=dict)
    users_by_name: dict[str, int] = field(default_factory=dict)
    branches_by_path: dict[str, int] = field(default_factory=dict)
    pools_by_path: dict[str, int] = field(default_factory=dict)
    renders_by_name: dict[str, int] = field(default_factory=dict)
    jobs_by_name: dict[str, int] = field(default_factory=dict)
    masked_jobs: dict[int, None] = field(default_factory=dict)
    """Ids of the jobs that have a depend mask, in order of submission; derived."""
    waiters: dict[int, set[int]] = field(default_factory=dict)
    """By job: the jobs that wait for it, the other side of ``Job.waits_for``; derived."""
    runs: Runs = field(default_factory=Runs)
    """Every run that is going on."""
    limited: dict[str, str] = field(default_factory=dict)
    """Services with a ticket of their own that some pool or render defines, to the ticket's name; derived."""
    description: Description = field(default_factory=Description)
    """What the farm file says, as it was last loaded."""
    system: list[SystemQueue] = field(default_factory=list)
    """What the blocks of the system job have to do, by ``SystemBlock``; empty before there is a system job."""
    next_job: int = 2
    next_serial: int = 1
    next_user: int = 1
    next_branch: int = 1
    next_pool: int = 1
    next_render: int = 1
    starts: int = 0
    """Farm-wide count of starts: ``last_solved`` stamps come from it."""
    version: int = 0
    """Grows by one with every evolved event."""
    defaults: Defaults = field(default_factory=Defaults)
    """The studio's settings; not part of what is kept."""

    def job(self, id: int) -> Job:
        """Return a job by id; NotFound with a hint if there is none."""
        try:
            return self.jobs[id]
        except KeyError:
            raise NotFound(f"There is no job {id}.", hint="`afcmd job list` shows the jobs there are.") from None

    def block(self, job: int, block: int) -> Block:
        """Return a block by job id and index; NotFound with a hint if there is none."""
        found = self.job(job)
        if not 0 <= block < len(found.blocks):
            last = len(found.blocks) - 1
            raise NotFound(f"Job {job} has no block {block}.", hint=f"Its blocks are 0 to {last}.")
        return found.blocks[block]
