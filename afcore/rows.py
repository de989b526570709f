"""What a screen shows of each thing: one flat struct per job, block, render, user, pool, branch and run.

Rules of this file:
- A row is a value made when asked for; it holds no object of the model.
- Field order is part of the native protocol: add at the end, with a default.
- Rows of tasks do not exist: tasks travel as columns (``TaskColumns``) and as text pages of at most 1,000.
"""

from typing import Any

import msgspec

__all__ = [
    "BlockRow",
    "BranchRow",
    "JobRow",
    "MonitorRow",
    "NoticeRow",
    "PoolRow",
    "RenderRow",
    "Row",
    "RunRow",
    "TaskColumns",
    "TaskRow",
    "UserRow",
]


class BlockRow(msgspec.Struct, array_like=True, frozen=True):
    """One block inside a JobRow."""

    index: int
    name: str
    service: str
    tasks: int
    counts: list[int]
    """Tasks in each TaskState, in the order of the enum."""
    percent: int
    running: int
    errors: int
    """Tasks that have an error counted, whatever their state."""
    capacity: int
    waiting: bool
    """Waits for whole blocks."""
    time_started: float
    time_done: float
    run_time_sum_ms: int
    parser: str = ""
    avoided_hosts: int = 0
    frame_first: int = 0
    frame_last: int = 0
    frames_per_task: int = 1
    frames_inc: int = 1
    depend_mask: str = ""
    tasks_depend_mask: str = ""
    flags: int = 0
    queued: int = 0
    """Commands of a block of the system job that wait without a task."""
    tasks_name: str = ""
    """Pattern of its tasks' names: with the frames it is all that names of a numeric block are made of."""


class JobRow(msgspec.Struct, array_like=True, frozen=True, tag="job"):
    """One job with its blocks' counters."""

    id: int
    version: int
    name: str
    user: str
    branch: str
    state: str
    """One word: waiting, ready, running, paused, error, done, deleting."""
    priority: int
    percent: int
    counts: list[int]
    running: int
    capacity: int
    time_creation: float
    time_started: float
    time_done: float
    blocks: list[BlockRow]
    offline: bool = False
    annotation: str = ""
    report: str = ""
    waits_for: list[int] = []
    time_wait: int = 0
    serial: int = 0
    hidden: bool = False
    host_name: str = ""
    description: str = ""
    ppa: bool = False
    """Has ready tasks that wait until somebody approves the preview."""
    try_next: list[tuple[int, int]] = []
    """(block, task) of what is offered before everything else, in this order."""
    maintenance: bool = False
    pre: int = 0
    """Commands that must have succeeded before it starts."""
    order: int = 0
    """Among jobs of its user and priority, those of a smaller number are served first; 0: not said."""
    held: str = ""
    """What a ready job that runs nothing waits for: ``turn`` (renders that would do are there), ``no_renders``,
    ``no_render_fits``, ``none_may_be_used``, or the code of the reason that ``why`` tells; empty: not said."""
    held_by: str = ""
    """Whose limit that is (``user jo``, ``branch /shows``), or which service, ticket or number of renders it lacks."""


class RunRow(msgspec.Struct, array_like=True, frozen=True, tag="run"):
    """One execution that is going on."""

    job: int
    block: int
    task: int
    run: int
    name: str
    job_name: str
    user: str
    render: str
    started: float
    percent: int
    frame: int
    activity: str
    last_line: str
    capacity: int
    stopping: bool
    service: str = ""
    captured: list[str] = []
    """The other renders of a multihost task."""


class RenderRow(msgspec.Struct, array_like=True, frozen=True, tag="render"):
    """One render."""

    id: int
    version: int
    name: str
    pool: str
    user: str
    state: int
    words: list[str]
    """State in words: online, offline, busy, nimby, NIMBY, paused, sick, falling asleep, sleeping,
    waking up, dirty."""
    priority: int
    capacity: int
    """Effective capacity in units; -1 without limit."""
    used_capacity: int
    max_tasks: int
    running: int
    runs: list[RunRow]
    resources: dict[str, Any]
    os: str = ""
    address: str = ""
    seen: float = 0.0
    registered: float = 0.0
    annotation: str = ""
    services: list[str] = []
    devices: list[dict[str, Any]] = []
    interfaces: list[dict[str, Any]] = []
    engine: str = ""
    family: int = 4
    hidden: bool = False
    tickets: dict[str, list[int]] = {}
    """Host tickets: [count, used]; count -1 for one that is used and defined nowhere."""
    short: list[str] = []
    """State as the trade abbreviates it: ONL OFF Nby NBY RUN DRT WFL WSL WWK PAU SIC."""
    wol_operation_time: float = 0.0
    """When it was last told to sleep or woken."""
    trouble: str = ""
    """Why it did not do what it was last told."""
    launched: float = 0.0
    """When its agent was started."""
    services_disabled: list[str] = []


class UserRow(msgspec.Struct, array_like=True, frozen=True, tag="user"):
    """One user."""

    id: int
    version: int
    name: str
    priority: int
    jobs: int
    running: int
    capacity: int
    max_running_tasks: int
    hosts_mask: str = ""
    host_name: str = ""
    annotation: str = ""
    paused: bool = False
    errors_retries: int = 3
    errors_avoid_host: int = 3
    errors_task_same_host: int = 3
    errors_forgive_time: int = 18000
    jobs_life_time: int = 0


class PoolRow(msgspec.Struct, array_like=True, frozen=True, tag="pool"):
    """One pool."""

    id: int
    version: int
    path: str
    priority: int
    capacity_host: int
    max_tasks_host: int
    renders: int
    running: int
    capacity: int
    services: list[str] = []
    services_disabled: list[str] = []
    zombie_time: int = -1
    pattern: str = ""
    paused: bool = False
    annotation: str = ""
    tickets: dict[str, list[int]] = {}
    """Pool tickets: [count, used, hosts that use it, most hosts]; count -1 for one that is used, not defined here."""
    tickets_host: dict[str, int] = {}


class BranchRow(msgspec.Struct, array_like=True, frozen=True, tag="branch"):
    """One branch."""

    id: int
    version: int
    path: str
    priority: int
    jobs: int
    running: int
    capacity: int
    solve_method: str = ""
    solve_need: str = ""
    solve_jobs: bool = False
    max_tasks_per_second: int = -1
    annotation: str = ""
    paused: bool = False


class NoticeRow(msgspec.Struct, array_like=True, frozen=True, tag="notice"):
    """Something about the server itself that everybody is to know."""

    id: int
    """1: solving is paused; 2: the database is away."""
    sentence: str
    hint: str = ""
    """What a person can do about it."""


class MonitorRow(msgspec.Struct, array_like=True, frozen=True, tag="monitor"):
    """One monitor that is connected."""

    id: int
    """Number of its connection, unique while the server runs."""
    user: str
    host: str
    mode: str
    """USER, VISOR or GOD: what it acts as."""
    address: str
    """Where it calls from."""
    since: float
    """When it connected, unix time."""


class TaskRow(msgspec.Struct, array_like=True, frozen=True, tag="task"):
    """One task of a page: made from the columns for people to read."""

    task: int
    name: str
    state: str
    """The TaskState's name in lower case."""
    flags: list[str]
    percent: int
    errors: int
    starts: int
    render: str
    started: float
    finished: float
    frames: str = ""


class TaskColumns(msgspec.Struct, array_like=True, frozen=True, tag="columns"):
    """Columns of a range of tasks of one block, zlib-compressed, numbers little-endian."""

    job: int
    block: int
    first: int
    count: int
    size: int
    """Tasks of the whole block."""
    version: int
    columns: dict[str, bytes]
    """By name of COLUMN_NAMES."""


Row = (
    JobRow | RunRow | RenderRow | UserRow | PoolRow | BranchRow | NoticeRow | MonitorRow
)  # fmt: skip
"""Every kind a monitor may subscribe to."""
