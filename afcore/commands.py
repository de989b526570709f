"""What may be asked of the farm: commands, imperative, each handled by exactly one rule.

Rules of this file:
- A command is a value: no behaviour, no clock, no ids it cannot know.
- Task selections are inclusive ``[first, last]`` ranges; an empty list means every task of the block.
- Block selections are indices; an empty list means every block of the job.
- Field docs are the help texts of ``afcmd``: write them for the person who types them.
"""

from typing import Any

import msgspec

from afcore.hostpatterns import Description
from afcore.jobspec import JobSpec
from afcore.states import RunStatus

__all__ = [
    "AcceptRestart",
    "AddPool",
    "AddUser",
    "AppendBlocks",
    "AppendTasks",
    "ChangePoolServices",
    "ChangeRenderServices",
    "ChangeTasks",
    "Command",
    "DeleteBranches",
    "DeleteJobs",
    "DeletePools",
    "DeleteRenders",
    "DeleteUsers",
    "DeregisterRender",
    "DescribeFarm",
    "EjectTasks",
    "ExitRenders",
    "FailInstruction",
    "HealRenders",
    "LoseRender",
    "MeasureRender",
    "MoveJobs",
    "MoveRenders",
    "PauseJobs",
    "PowerRenders",
    "ProgressReading",
    "Ranges",
    "RegisterRender",
    "ReportRun",
    "ResetErrorHosts",
    "RestartJobs",
    "RestoreRenders",
    "RunningRun",
    "SetBlocks",
    "SetBranches",
    "SetJobs",
    "SetPools",
    "SetRenders",
    "SetUsers",
    "SleepRenders",
    "Solve",
    "StartJobs",
    "StopJobs",
    "SubmitJob",
    "Tick",
    "TryNext",
    "UndoOperation",
    "WakeRenders",
]

Ranges = list[tuple[int, int]]
"""Inclusive ranges of task indices; empty: all."""


class SubmitJob(msgspec.Struct, tag="submit_job", frozen=True):
    """Take a new job.  Reply: ``{"id": job id, "serial": serial}``."""

    spec: JobSpec
    lenient: bool = False
    """Also without a name, and with masks of blocks that match none: the classic dialect takes such jobs."""


class SetJobs(msgspec.Struct, tag="set_jobs", frozen=True):
    """Edit parameters of jobs, by the names of the job's own fields (``priority``, ``hosts_mask``, ...)."""

    ids: list[int]
    parameters: dict[str, Any]


class SetBlocks(msgspec.Struct, tag="set_blocks", frozen=True):
    """Edit parameters of blocks of one job (``capacity``, ``max_running_tasks``, ...)."""

    job: int
    blocks: list[int]
    parameters: dict[str, Any]


class PauseJobs(msgspec.Struct, tag="pause_jobs", frozen=True):
    """Start nothing more of these jobs; running tasks go on."""

    ids: list[int]


class StartJobs(msgspec.Struct, tag="start_jobs", frozen=True):
    """Let paused jobs run again."""

    ids: list[int]


class StopJobs(msgspec.Struct, tag="stop_jobs", frozen=True):
    """Pause jobs and stop their running tasks, which become ready again."""

    ids: list[int]


class RestartJobs(msgspec.Struct, tag="restart_jobs", frozen=True):
    """Make every task of these jobs ready again (``only`` as in ChangeTasks); with ``pause``, pause them first."""

    ids: list[int]
    only: str = ""
    pause: bool = False


class DeleteJobs(msgspec.Struct, tag="delete_jobs", frozen=True):
    """Stop and remove jobs with their logs; finished runs stay in the history."""

    ids: list[int]


class ChangeTasks(msgspec.Struct, tag="change_tasks", frozen=True):
    """Change the state of many tasks at once: one event per block, however many tasks.

    ``action``: ``restart``, ``skip``, ``done``, ``suspend`` or ``continue``.
    ``only``: restrict to tasks that are ``error``, ``running``, ``done``, ``skipped``, ``ready``, ``warning`` or
    ``suspended``; empty for what the action applies to by itself.
    """

    job: int
    action: str
    blocks: list[int] = []
    tasks: Ranges = []
    only: str = ""
    depends: bool = False
    """Do the same to every task that a chosen task waits for, and to what these wait for."""


class TryNext(msgspec.Struct, tag="try_next", frozen=True):
    """Offer some tasks of a job before all its others, in the order they were asked for; ``remove`` takes it back.

    Without tasks, ``remove`` means every task of the blocks.  Reply: ``{"tasks": how many}``.
    """

    job: int
    blocks: list[int] = []
    tasks: Ranges = []
    remove: bool = False


class ResetErrorHosts(msgspec.Struct, tag="reset_error_hosts", frozen=True):
    """Forget which hosts failed, for blocks of a job, or for tasks of them alone.

    Reply: ``{"blocks": how many had some}``.
    """

    job: int
    blocks: list[int] = []
    tasks: list[tuple[int, int]] = []


class MoveJobs(msgspec.Struct, tag="move_jobs", frozen=True):
    """Move jobs in the order of their users: ``up``, ``down``, ``top`` or ``bottom``, among equal priorities only.

    ``before`` and ``after`` put them beside the job ``target``, of the same user and priority.
    """

    ids: list[int]
    where: str
    target: int = 0


class AppendBlocks(msgspec.Struct, tag="append_blocks", frozen=True):
    """Add the blocks of ``spec`` to a job; a finished job runs them.  Reply: ``{"block_ids": [...]}``."""

    job: int
    spec: JobSpec


class AppendTasks(msgspec.Struct, tag="append_tasks", frozen=True):
    """Add the tasks of the only block of ``spec`` to a block of listed tasks.  Reply: ``{"task_ids": [...]}``."""

    job: int
    block: int
    spec: JobSpec


class AddPool(msgspec.Struct, tag="add_pool", frozen=True):
    """Make a pool below one that is there, by its whole path.  Reply: ``{"id", "path"}``."""

    path: str
    parameters: dict[str, Any] = {}


class DescribeFarm(msgspec.Struct, tag="describe_farm", frozen=True):
    """Let the farm be as a farm file says: pools of its patterns, renders in them, limits of services.

    Reply: ``{"patterns", "limits", "pools": how many changed, "renders": how many moved}``.
    """

    description: Description


class DeletePools(msgspec.Struct, tag="delete_pools", frozen=True):
    """Remove pools that hold neither renders nor other pools."""

    paths: list[str]


class DeleteBranches(msgspec.Struct, tag="delete_branches", frozen=True):
    """Remove branches that hold neither jobs nor other branches."""

    paths: list[str]


class DeleteUsers(msgspec.Struct, tag="delete_users", frozen=True):
    """Remove users that have no jobs."""

    names: list[str]


class MoveRenders(msgspec.Struct, tag="move_renders", frozen=True):
    """Put renders that run nothing into a pool; without a path into the one whose pattern takes them."""

    names: list[str]
    path: str = ""


class ChangePoolServices(msgspec.Struct, tag="change_pool_services", frozen=True):
    """``add`` a service to pools, ``remove``, ``enable`` or ``disable`` what a mask matches, or ``clear`` the lists."""

    paths: list[str]
    action: str
    service: str = ""


class ChangeRenderServices(msgspec.Struct, tag="change_render_services", frozen=True):
    """As ChangePoolServices, for renders."""

    names: list[str]
    action: str
    service: str = ""


class RestoreRenders(msgspec.Struct, tag="restore_renders", frozen=True):
    """Take away everything that renders have of their own instead of their pools'."""

    names: list[str]


class HealRenders(msgspec.Struct, tag="heal_renders", frozen=True):
    """Let sick renders run tasks again."""

    names: list[str]


class EjectTasks(msgspec.Struct, tag="eject_tasks", frozen=True):
    """Stop what runs on renders: the tasks are ready again.  ``not_mine`` keeps the tasks of who asks."""

    names: list[str]
    not_mine: bool = False


class SleepRenders(msgspec.Struct, tag="sleep_renders", frozen=True):
    """Send renders that run nothing to sleep, by the command of their own configuration."""

    names: list[str]


class WakeRenders(msgspec.Struct, tag="wake_renders", frozen=True):
    """Have renders that sleep or are off woken by another one, through the system job."""

    names: list[str]


class ExitRenders(msgspec.Struct, tag="exit_renders", frozen=True):
    """Let agents give back their tasks and end; with ``restart`` they start anew."""

    names: list[str]
    restart: bool = False


class PowerRenders(msgspec.Struct, tag="power_renders", frozen=True):
    """Let machines ``reboot`` or go off (``shutdown``), by the command of their own configuration."""

    names: list[str]
    what: str


class FailInstruction(msgspec.Struct, tag="fail_instruction", frozen=True):
    """A render could not do what it was told."""

    render: int
    session: int
    what: str
    sentence: str


class AddUser(msgspec.Struct, tag="add_user", frozen=True):
    """Create a user before their first job.  Reply: ``{"id": user id}``."""

    name: str


class SetUsers(msgspec.Struct, tag="set_users", frozen=True):
    """Edit parameters of users (``priority``, ``max_running_tasks``, ...)."""

    names: list[str]
    parameters: dict[str, Any]


class SetPools(msgspec.Struct, tag="set_pools", frozen=True):
    """Edit parameters of pools by path (``capacity_host``, ``max_tasks_host``, ``zombie_time``, ...)."""

    paths: list[str]
    parameters: dict[str, Any]


class SetBranches(msgspec.Struct, tag="set_branches", frozen=True):
    """Edit parameters of branches by path."""

    paths: list[str]
    parameters: dict[str, Any]


class SetRenders(msgspec.Struct, tag="set_renders", frozen=True):
    """Edit parameters of renders by name (``priority``, ``capacity_host``, ``nimby``, ...)."""

    names: list[str]
    parameters: dict[str, Any]


class DeleteRenders(msgspec.Struct, tag="delete_renders", frozen=True):
    """Forget renders that are offline."""

    names: list[str]


class RunningRun(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A run that a render still has when it registers; ``process`` tells that it really runs."""

    job: int
    block: int
    task: int
    run: int


class RegisterRender(msgspec.Struct, tag="register_render", frozen=True):
    """A render comes online with what it is and what it still runs.  Reply: ``{"id", "drop": [run keys], ...}``."""

    name: str
    session: int
    """Number of the connection, unique while the server runs: a later one replaces an earlier."""
    engine: str = ""
    os: str = ""
    user_name: str = ""
    address: str = ""
    family: int = 4
    nimby: str = ""
    """``nimby`` or ``NIMBY`` asked for at launch; empty for neither; counts only for a new render."""
    launched: float = 0.0
    instance: str = ""
    """Random text made once by each start of the agent: tells a reconnect from a second agent of the same name."""
    interfaces: list[dict[str, Any]] = []
    devices: list[dict[str, Any]] = []
    resources: dict[str, Any] = {}
    running: list[RunningRun] = []


class LoseRender(msgspec.Struct, tag="lose_render", frozen=True):
    """The connection of a render broke; it stays online until its ``zombie_time`` has passed."""

    render: int
    session: int


class DeregisterRender(msgspec.Struct, tag="deregister_render", frozen=True):
    """A render says goodbye: it goes offline and its tasks become ready at once."""

    render: int
    session: int


class ReportRun(msgspec.Struct, tag="report_run", frozen=True, gc=False):
    """A render says that a run ended.  Reply: ``{"known": bool}``; false means the run was given away: drop it."""

    render: int
    job: int
    block: int
    task: int
    run: int
    status: RunStatus
    exit_status: int = 0
    """Exit code of the process, or minus the signal that ended it."""
    started: float = 0.0
    """When the process started, in the render's own wall clock (unix seconds); for the history only."""
    duration: float = 0.0
    """How long the process ran in seconds, by the render's steady clock."""
    errors_text: str = ""
    """One sentence about what went wrong, from the service or the parser."""
    resources: str = ""
    """What the parser measured, as its own text."""
    warning: bool = False
    report: str = ""
    """What the parser wants shown on the job."""
    cpu_ms: int = 0
    """Time on processors; for the history only."""
    peak_memory: int = 0
    """Largest resident size of one of its processes in bytes, 0 when that is not known; for the history only."""


class ProgressReading(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far one run is; the newest wins."""

    job: int
    block: int
    task: int
    run: int
    percent: int = 0
    frame: int = -1
    percent_frame: int = -1
    changed: bool = True
    """Whether the parser saw progress since the last reading (keeps ``task_progress_change_timeout`` away)."""
    warning: bool = False
    activity: str = ""
    last_line: str = ""
    report: str = ""


class MeasureRender(msgspec.Struct, tag="measure_render", frozen=True):
    """Readings of a render: its host resources (a missing one is unchanged) and the progress of its runs."""

    render: int
    session: int
    resources: dict[str, Any] = {}
    progress: list[ProgressReading] = []


class Tick(msgspec.Struct, tag="tick", frozen=True):
    """The deadline the core asked for has come."""

    returned: float = 0.0
    """When the server last came back from not running (stopped, suspended, starved); 0 for never."""


class Solve(msgspec.Struct, tag="solve", frozen=True):
    """Hand out ready tasks to free renders; at most ``budget`` starts in this slice (0: no limit)."""

    budget: int = 0


class AcceptRestart(msgspec.Struct, tag="accept_restart", frozen=True):
    """The server has just recovered: what ran then waits for its render to bring it back."""


class UndoOperation(msgspec.Struct, tag="undo_operation", frozen=True):
    """Take back what an earlier command changed, where nobody changed it since."""

    operation: str = ""
    """The token that the earlier command was sent with; empty for the caller's last one."""


Command = (
    SleepRenders | WakeRenders | ExitRenders | PowerRenders | FailInstruction |
    SubmitJob | SetJobs | SetBlocks | PauseJobs | StartJobs | StopJobs | RestartJobs | DeleteJobs | ChangeTasks
    | TryNext | ResetErrorHosts | AddUser | SetUsers | SetPools | SetBranches | SetRenders | DeleteRenders
    | MoveJobs | AppendBlocks | AppendTasks | AddPool | DeletePools | DeleteBranches | DeleteUsers | MoveRenders
    | DescribeFarm | ChangePoolServices | ChangeRenderServices | RestoreRenders | HealRenders | EjectTasks
    | UndoOperation
    | RegisterRender | LoseRender | DeregisterRender | ReportRun | MeasureRender | Tick | Solve | AcceptRestart
)  # fmt: skip
"""Everything that may be asked."""
