"""What holds on a farm where nobody says otherwise: the studio's settings, given to the core at its start.

Rules of this file:
- Nothing here is part of the farm's truth: it is neither journaled nor in a snapshot, so ``evolve`` must not read it.
  What a default becomes for good (the limits of a new user) travels in the event that makes it so.
"""

from dataclasses import dataclass, field

__all__ = ["Defaults"]


@dataclass(frozen=True, slots=True)
class Defaults:
    """Values past the root pool, the user and the block; times in seconds."""

    capacity_per_core: int = 1000
    """Capacity units a core of a render is worth; a task without a capacity takes 1,000."""
    heartbeat: float = 5.0
    """Between two signs of life of a render."""
    resources_period: float = 5.0
    """Between two measurements of a render's host."""
    zombie_time: float = 60.0
    """Of silence, after which a render's tasks are given to others."""
    reconnect_time: float = 30.0
    """After a start of the server, within which a render may bring back what it ran (at least its zombie time)."""
    progress_timeout: int = -1
    """Without progress, after which a run fails; 0 or less for never."""
    task_capacity: int = 1000
    """Capacity units of a task of the system job."""
    system_services: tuple[str, str, str] = ("postcmd", "wakeonlan", "events")
    """Services of the system job's blocks, by ``SystemBlock``."""
    system_tasklife: float = 1800.0
    """Seconds after its first start at which a command of the system job is given up."""
    system_tasksmax: int = 1000
    """Most tasks of one block of the system job; further commands wait."""
    wake_interval: float = 10.0
    """Seconds between two renders that are woken because work waits."""
    user_jobs: int = 100_000
    """Jobs that one user may have; 0 for no limit."""
    user_tasks: int = 100_000_000
    """Tasks that the jobs of one user may have together; 0 for no limit."""
    user: dict[str, int] = field(default_factory=dict)
    """Parameters of a new user that differ from those of ``model.tree.User``."""
