"""Users, branches and pools: who asks, in what order, and where work may go."""

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Branch", "Limits", "Pool", "User"]


@dataclass(slots=True, kw_only=True)
class Limits:
    """What may bound a user, branch or job: -1 is no limit, 0 is never; masks are empty for any host."""

    priority: int = 99
    max_running_tasks: int = -1
    max_running_tasks_per_host: int = -1
    max_tasks_per_second: int = -1
    hosts_mask: str = ""
    hosts_mask_exclude: str = ""
    hosts_mask_type: str = ""
    need_os: str = ""
    need_properties: str = ""
    need_power: int = -1
    need_memory: int = -1
    need_hdd: int = -1
    pools: dict[str, int] = field(default_factory=dict)
    annotation: str = ""
    custom_data: str = ""
    hidden: bool = False
    # Live counters, kept by evolve, rebuilt by recount.
    running_tasks: int = 0
    running_capacity: int = 0
    running_per_host: dict[int, int] = field(default_factory=dict)
    """Running tasks by render id; no zero entries."""
    last_solved: int = 0
    """Number of the farm-wide start counter when it last got a render; 0 for never."""


@dataclass(slots=True, kw_only=True)
class User(Limits):
    """Who owns jobs; the defaults of new jobs' error rules are here."""

    id: int
    name: str
    host_name: str = ""
    solve_method: str = "solve_order"
    solve_need: str = "solve_tasksnum"
    errors_retries: int = 3
    errors_avoid_host: int = 3
    errors_task_same_host: int = 3
    errors_forgive_time: int = 18000
    jobs_life_time: int = 0
    paused: bool = False
    jobs: list[int] = field(default_factory=list)
    """Ids of the user's jobs in the user's own order."""
    version: int = 0


@dataclass(slots=True, kw_only=True)
class Branch(Limits):
    """A node of the tree that ranks jobs or users."""

    id: int
    path: str
    parent: int = 0
    solve_method: str = "solve_priority"
    solve_need: str = "solve_tasksnum"
    solve_jobs: bool = False
    create_childs: bool = False
    paused: bool = False
    children: list[int] = field(default_factory=list)
    jobs: list[int] = field(default_factory=list)
    """Ids of the jobs that are directly in it, in order of submission."""
    version: int = 0


@dataclass(slots=True, kw_only=True)
class Pool:
    """A group of renders with their common settings; -1 (or empty) asks the parent."""

    id: int
    path: str
    parent: int = 0
    pattern: str = ""
    priority: int = 99
    capacity_host: int = -1
    """Capacity units of each render; -1 at the root: 1,000 per core."""
    max_tasks_host: int = -1
    """Tasks at once on each render; -1 at the root: one per core."""
    power_host: int = -1
    properties_host: str = ""
    os_host: str = ""
    """What jobs that need a system ask about, instead of the one that the host names."""
    services: list[str] = field(default_factory=list)
    services_disabled: list[str] = field(default_factory=list)
    paused: bool = False
    new_nimby: bool = False
    new_paused: bool = False
    heartbeat_sec: int = -1
    resources_update_period: int = -1
    zombie_time: int = -1
    exit_no_task_time: int = -1
    sick_errors_count: int = -1
    idle_cpu: int = -1
    """Percent of the processor up to which a render is idle; the further ones alike, in the order of their names:
    memory and swap used in percent, free disk in gigabytes, disk traffic in percent, network in megabytes a second."""
    idle_mem: int = -1
    idle_swp: int = -1
    idle_hddgb: int = -1
    idle_hddio: int = -1
    idle_netmbs: int = -1
    idle_free_time: int = -1
    """Seconds of being idle after which a nimby render without tasks is free again."""
    idle_wolsleep_time: int = -1
    """Seconds of being idle after which a render without tasks is sent to sleep."""
    busy_cpu: int = -1
    """Percent of the processor from which a render without tasks is busy with other things; the further ones alike."""
    busy_mem: int = -1
    busy_swp: int = -1
    busy_hddgb: int = -1
    busy_hddio: int = -1
    busy_netmbs: int = -1
    busy_nimby_time: int = -1
    """Seconds of being busy after which a free render becomes NIMBY."""
    no_task_event_time: int = -1
    """Seconds without a task after which RENDER_NO_TASK is told, and again after twice as long, and so on."""
    overload_event_time: int = -1
    """Seconds between RENDER_OVERLOAD, doubling each time; 0 or less switches it off."""
    annotation: str = ""
    custom_data: str = ""
    hidden: bool = False
    tickets: dict[str, list[int]] = field(default_factory=dict)
    """Pool tickets: name to [count, max_hosts], how many are out at once below this pool and on how many renders."""
    tickets_host: dict[str, int] = field(default_factory=dict)
    """Host tickets: name to how many each render below this pool has."""
    tickets_used: dict[str, int] = field(default_factory=dict)
    """How many of each ticket the runs below this pool hold; derived, no zero entries."""
    ticket_hosts: dict[str, dict[int, int]] = field(default_factory=dict)
    """Who holds them: by ticket, then by render id; derived, no zero entries."""
    children: list[int] = field(default_factory=list)
    renders: list[int] = field(default_factory=list)
    running_tasks: int = 0
    running_capacity: int = 0
    patterns: list[str] = field(default_factory=list)
    """Names of the farm file's patterns that it stands for; empty for one that was made by hand."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Settings a later version defines, kept through an older one."""
    version: int = 0
