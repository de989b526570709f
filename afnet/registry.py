"""Every operation of the farm, once: command line, HTTP, native protocol and documents are built from this table.

Rules of this file:
- It is data: no transport, no server, no command line; ``Operation.command`` names what the core applies.
- Every entry says who may use it (``role``, ``owner``), whether it is durable, undoable and audited.
- Help texts are read by the person who types ``afcmd``: say what happens, then what to know.
"""

from collections.abc import Callable, Iterable
from typing import Any

from afcore import commands
from afcore.errors import BadSpec, ConfigError, NotFound, Problem, did_you_mean
from afcore.hostpatterns import described
from afcore.jobspec import JobSpec
from afcore.states import Role
from afnet.arguments import Argument, Parameter
from afnet.operations import Operation
from afnet.operations import command as _command
from afnet.operations import query as _query
from afnet.operations import server as _server

__all__ = ["OPERATIONS", "PAST_VIEWS", "Operation", "find_operation"]


def find_operation(name: str) -> Operation:
    """Return an operation by its dotted name; NotFound with a did-you-mean if there is none."""
    try:
        return OPERATIONS[name]
    except KeyError:
        hint = did_you_mean(name, OPERATIONS) or "`afcmd --help` lists the operations."
        raise NotFound(f'There is no operation "{name}".', hint=hint) from None


# Arguments used by several operations

_IDS = Argument(name="ids", kind="identifiers", positional=True, required=True, help="Ids of jobs: 2, 5-9.")
_JOB = Argument(name="job", kind="integer", positional=True, required=True, least=1, help="Id of the job.")
_BLOCK = Argument(name="block", kind="integer", positional=True, required=True, least=0, help="Index of the block.")
_TASK = Argument(name="task", kind="integer", positional=True, required=True, least=0, help="Index of the task.")
_RUN = Argument(name="run", kind="integer", default=0, least=0, help="Number of the run; the newest by default.")
_BLOCKS = Argument(name="blocks", kind="identifiers", default=[], help="Indices of blocks; every block by default.")
_TASKS = Argument(
    name="tasks", kind="ranges", positional=True, default=[], help="Tasks: 0-9,12; every task of the block by default."
)
_NAMES = Argument(name="names", kind="names", positional=True, required=True, help="Names.")
_PATHS = Argument(name="paths", kind="names", positional=True, required=True, help="Paths, / is the root.")
_ONLY = Argument(
    name="only",
    kind="text",
    default="",
    choices=("", "error", "running", "done", "skipped", "ready", "warning", "suspended"),
    help="Only tasks that are: error, running, done, skipped, ready, warning, suspended.",
)
_DEPENDS = Argument(
    name="depends", kind="flag", default=False, help="Also the tasks that these wait for, however many steps away."
)
_YES = Argument(name="yes", kind="flag", default=False, help="Do not ask whether it is meant.")
_LIMIT = Argument(name="limit", kind="integer", default=100, least=1, most=1000, help="Most rows in one answer.")
_AFTER = Argument(name="after", kind="integer", default=0, least=0, help="Continue after this id (the last shown).")
_AFTER_TASK = Argument(name="after", kind="integer", default=-1, least=-1, help="Continue after this task.")
_BOUNDED_TEXT = (
    Argument(name="offset", kind="integer", default=0, help="Byte to begin at; negative counts from the end."),
    Argument(name="limit", kind="integer", default=65536, least=1, most=1048576, help="Most bytes in one answer."),
)

# Parameters with friendly options

_LIMIT_PARAMETERS = (
    Parameter("priority", "integer", "Order among its kind: the higher, the sooner (0-255)."),
    Parameter("max_running_tasks", "integer", "Most tasks at once; -1 without limit.", "max-running"),
    Parameter("max_running_tasks_per_host", "integer", "Most tasks at once on a host; -1 without limit.", "per-host"),
    Parameter("hosts_mask", "text", "Regular expression of the hosts it may run on."),
    Parameter("hosts_mask_exclude", "text", "Regular expression of the hosts it may not run on."),
    Parameter("annotation", "text", "A note for people."),
)
_JOB_PARAMETERS = (
    *_LIMIT_PARAMETERS,
    Parameter("depend_mask", "text", "Regular expression of the user's jobs that must be done first."),
    Parameter("time_wait", "integer", "Do not start before this time (unix seconds)."),
    Parameter("time_life", "integer", "Delete this many seconds after creation; -1 as the user's."),
)
_BLOCK_PARAMETERS = (
    Parameter("capacity", "integer", "Units one task takes from its host."),
    Parameter("max_running_tasks", "integer", "Most tasks at once; -1 without limit.", "max-running"),
    Parameter("max_running_tasks_per_host", "integer", "Most tasks at once on a host; -1 without limit.", "per-host"),
    Parameter("errors_retries", "integer", "How often a failed task is tried again by itself."),
    Parameter("errors_avoid_host", "integer", "Errors after which the block avoids a host."),
    Parameter("hosts_mask", "text", "Regular expression of the hosts it may run on."),
    Parameter("tasks_max_run_time", "integer", "Seconds after which a task is stopped as failed; 0 for never."),
)
_RENDER_PARAMETERS = (
    Parameter("priority", "integer", "Order among renders: the higher, the sooner (0-255)."),
    Parameter("capacity_host", "integer", "Capacity units; -1 as its pool, -2 without limit.", "capacity"),
    Parameter("max_tasks_host", "integer", "Most tasks at once; -1 as its pool.", "max-tasks"),
    Parameter("nimby", "flag", "Only tasks of its own user."),
    Parameter("NIMBY", "flag", "Nobody's tasks.", "NIMBY"),
    Parameter("paused", "flag", "Start nothing new on it."),
    Parameter("annotation", "text", "A note for people."),
)
_POOL_PARAMETERS = (
    Parameter(
        "capacity_host", "integer", "Capacity units of each render; -1 as the parent, -2 no limit.", "capacity"
    ),
    Parameter("max_tasks_host", "integer", "Most tasks at once on each render; -1 as the parent.", "max-tasks"),
    Parameter("priority", "integer", "Order among pools: the higher, the sooner (0-255)."),
    Parameter("zombie_time", "integer", "Seconds of silence after which a render is lost; -1 as the parent."),
    Parameter("heartbeat_sec", "integer", "Seconds between two signs of life.", "heartbeat"),
    Parameter("paused", "flag", "Start nothing new in it."),
    Parameter("pattern", "text", "Regular expression of the names of new renders it takes."),
    Parameter("new_nimby", "flag", "Set new renders nimby."),
    Parameter("new_paused", "flag", "Pause new renders."),
    Parameter("sick_errors_count", "integer", "Users whose tasks fail in a row before a render is sick."),
    Parameter("idle_cpu", "integer", "Percent of the processor up to which a render is idle; 0 does not ask."),
    Parameter("idle_free_time", "integer", "Seconds idle after which a nimby render is free again."),
    Parameter("idle_wolsleep_time", "integer", "Seconds idle after which a render is sent to sleep."),
    Parameter("busy_cpu", "integer", "Percent of the processor from which a render is busy; 0 does not ask."),
    Parameter("busy_nimby_time", "integer", "Seconds busy after which a free render is NIMBY."),
    Parameter("no_task_event_time", "integer", "Seconds without a task after which that is told as an event."),
    Parameter("overload_event_time", "integer", "Seconds between two events of one overload."),
    Parameter("annotation", "text", "A note for people."),
)
_USER_PARAMETERS = (
    *_LIMIT_PARAMETERS,
    Parameter("errors_retries", "integer", "How often a failed task is tried again by itself."),
    Parameter("errors_avoid_host", "integer", "Errors after which a block avoids a host."),
    Parameter("errors_task_same_host", "integer", "Errors after which a task avoids a host."),
    Parameter("errors_forgive_time", "integer", "Seconds after which a host's errors are forgotten."),
    Parameter("jobs_life_time", "integer", "Seconds after which jobs are deleted; 0 for never."),
)
_BRANCH_PARAMETERS = (
    *_LIMIT_PARAMETERS,
    Parameter("max_tasks_per_second", "integer", "Most starts a second; -1 without limit.", "per-second"),
    Parameter("paused", "flag", "Start nothing of its jobs."),
)


def _parameters(parameters: tuple[Parameter, ...]) -> Argument:
    return Argument(
        name="parameters", kind="parameters", required=True, parameters=parameters, help="What to change, by name."
    )


def _describe_farm(bound: dict[str, Any]) -> commands.DescribeFarm:
    from afcore.farmfile import parse_farm  # late: the reader of XML, which no other operation needs

    try:
        return commands.DescribeFarm(described(parse_farm(bound["text"], file="the farm file")))
    except ConfigError as error:
        raise BadSpec([Problem(error.key, error.what, error.hint)]) from None


def _submit(bound: dict[str, Any]) -> commands.SubmitJob:
    return commands.SubmitJob(spec=JobSpec.from_json(bound["job"]))


def _change_job(action: str) -> Callable[[dict[str, Any]], Any]:
    return lambda bound: commands.ChangeTasks(action=action, **bound)


def _change_tasks(action: str) -> Callable[[dict[str, Any]], Any]:
    def build(bound: dict[str, Any]) -> commands.ChangeTasks:
        block = bound.pop("block")
        return commands.ChangeTasks(action=action, blocks=[block], **bound)

    return build


def _reset_task_hosts(bound: dict[str, Any]) -> commands.ResetErrorHosts:
    return commands.ResetErrorHosts(bound["job"], [bound["block"]], bound["tasks"])


def _try_next(bound: dict[str, Any]) -> commands.TryNext:
    return commands.TryNext(blocks=[bound.pop("block")], **bound)


def _append_blocks(bound: dict[str, Any]) -> commands.AppendBlocks:
    return commands.AppendBlocks(bound["job"], JobSpec.from_json({"blocks": bound["spec"].get("blocks", [])}))


def _append_tasks(bound: dict[str, Any]) -> commands.AppendTasks:
    tasks = bound["spec"].get("tasks", [])
    spec = JobSpec.from_json({"blocks": [{"name": "tasks", "service": "generic", "tasks": tasks}]})
    return commands.AppendTasks(bound["job"], bound["block"], spec)


_ACTION = Argument(
    name="action", kind="text", required=True, choices=("add", "remove", "enable", "disable", "clear"),
    help="add, remove, enable, disable or clear.",
)  # fmt: skip
_SERVICE = Argument(name="service", kind="text", default="", help="Name to add, else a mask of services.")
_TICKET = Argument(name="ticket", kind="text", positional=True, required=True, help="Name of the ticket.")
_COUNT = Argument(
    name="count", kind="integer", positional=True, required=True, least=-1, help="How many there are; -1 removes it."
)


_ACCOUNT = Argument(name="name", kind="text", positional=True, required=True, help="Name of the account.")
_NODE = Argument(name="name", kind="text", positional=True, required=True, help="Name of the render.")
_ROLE = Argument(
    name="role", kind="text", default="user", choices=("user", "visor", "god"), help="user, visor or god."
)


def _pool_ticket(bound: dict[str, Any]) -> commands.SetPools:
    if bound["host"]:
        return commands.SetPools([bound["path"]], {"tickets_host": {bound["ticket"]: bound["count"]}})
    return commands.SetPools([bound["path"]], {"tickets": {bound["ticket"]: [bound["count"], bound["max_hosts"]]}})


def _render_ticket(bound: dict[str, Any]) -> commands.SetRenders:
    return commands.SetRenders([bound["name"]], {"tickets_host": {bound["ticket"]: bound["count"]}})


_LATEST = 253_402_300_799
"""Unix seconds of the last second that has a date."""

PAST_VIEWS = (
    "job.list", "job.show", "job.spec", "job.tasks", "job.why", "job.error-hosts", "task.list", "task.show",
    "render.list", "render.show", "run.list", "user.list", "user.show", "pool.list", "pool.show", "pool.tickets",
    "pool.members", "branch.list", "branch.show", "parameters.show", "farm.export", "farm.check",
)  # fmt: skip
"""Operations that can be asked of the past: what a farm alone answers."""

_OPERATIONS: Iterable[Operation] = (
    # Jobs
    _command(
        "job.submit", "Submit a job; answers its id.", commands.SubmitJob,
        Argument(name="job", kind="job", positional=True, required=True, help="Job file (JSON); - reads the input."),
        undoable=False, build=_submit,
    ),
    _query(
        "job.list", "List jobs.",
        Argument(name="user", kind="text", default="", help="Only jobs of this user."),
        Argument(name="state", kind="text", default="", help="Only jobs in this state.",
                 choices=("", "waiting", "ready", "running", "paused", "error", "done", "deleting")),
        Argument(name="system", kind="flag", default=False, help="With the system job, for administrators."),
        _LIMIT, _AFTER,
    ),
    _query("job.show", "Show one job with its blocks.", _JOB),
    _query("job.spec", "Print a job as it would be submitted.", _JOB),
    _query("job.tasks", "Show the exact state, percent, errors and starts of every task.", _JOB,
           Argument(name="block", kind="integer", least=0, help="Only this block.")),
    _query("job.weight", "Show about how many bytes the farm keeps for each job."),
    _query("job.watch", "Follow the progress of jobs until they are done.", _IDS, kind="view"),
    _query("job.error-hosts", "List the hosts that failed blocks and tasks of a job, and which are avoided.", _JOB,
           _BLOCKS),
    _query("job.why", "Say why a job, block or task does not start, who holds what it needs, and what would start it.",
           _JOB, Argument(name="block", kind="integer", least=0, help="Only this block: its next task."),
           Argument(name="task", kind="integer", least=0, help="This task of the block.")),
    _query("job.log", "Show what happened to a job, by whom and when.", _JOB, _LIMIT),
    _command("job.restart", "Make tasks of jobs ready again.", commands.RestartJobs, _IDS, _ONLY,
             Argument(name="pause", kind="flag", default=False, help="Pause the jobs first.")),
    _command("job.skip", "Skip tasks of a job: they count as done.", commands.ChangeTasks, _JOB, _BLOCKS, _ONLY,
             build=_change_job("skip")),
    _command("job.done", "Set tasks of a job done without running them.", commands.ChangeTasks, _JOB, _BLOCKS, _ONLY,
             build=_change_job("done")),
    _command("job.suspend", "Hold tasks of a job until they are continued.", commands.ChangeTasks, _JOB, _BLOCKS,
             _ONLY, build=_change_job("suspend")),
    _command("job.continue", "Let suspended tasks of a job go on.", commands.ChangeTasks, _JOB, _BLOCKS, _ONLY,
             build=_change_job("continue")),
    _command("job.pause", "Start nothing more of jobs; running tasks go on.", commands.PauseJobs, _IDS),
    _command("job.start", "Let paused jobs run again.", commands.StartJobs, _IDS),
    _command("job.stop", "Pause jobs and stop their running tasks.", commands.StopJobs, _IDS),
    _command("job.delete", "Stop and remove jobs with their logs.", commands.DeleteJobs, _IDS, undoable=False),
    _command("job.set", "Edit parameters of jobs.", commands.SetJobs, _IDS, _parameters(_JOB_PARAMETERS)),
    _command("job.reset-error-hosts", "Forget which hosts failed.", commands.ResetErrorHosts, _JOB, _BLOCKS),
    _command("block.set", "Edit parameters of blocks of a job.", commands.SetBlocks, _JOB,
             Argument(name="blocks", kind="identifiers", positional=True, required=True, help="Indices of blocks."),
             _parameters(_BLOCK_PARAMETERS)),
    _command("job.move", "Move jobs in the order of their user, among equal priorities.", commands.MoveJobs, _IDS,
             Argument(name="where", kind="text", required=True,
                      choices=("up", "down", "top", "bottom", "before", "after"),
                      help="up, down, top or bottom; before or after another job of the same user and priority."),
             Argument(name="target", kind="integer", default=0, least=0, help="The job to stand before or after.")),
    _command("job.append-blocks", "Add blocks to a job; a finished job runs them.", commands.AppendBlocks, _JOB,
             Argument(name="spec", kind="job", positional=True, required=True,
                      help="File (JSON) with the list `blocks`; - reads the input."),
             undoable=False, build=_append_blocks),
    _command("block.append-tasks", "Add tasks to a block of listed tasks.", commands.AppendTasks, _JOB, _BLOCK,
             Argument(name="spec", kind="job", positional=True, required=True,
                      help="File (JSON) with the list `tasks`; - reads the input."),
             undoable=False, build=_append_tasks),
    # Tasks
    _query("task.list", "List tasks of a block.", _JOB, _BLOCK,
           Argument(name="state", kind="text", default="", help="Only tasks in this state.",
                    choices=("", "wait_dep", "ready", "running", "wait_reconnect", "done", "skipped", "error",
                             "suspended")),
           _LIMIT, _AFTER_TASK),
    _query("task.show", "Show one task.", _JOB, _BLOCK, _TASK),
    _query("task.log", "Print the output of a task.", _JOB, _BLOCK, _TASK, _RUN, *_BOUNDED_TEXT),
    _query("task.files", "List the files that are kept of a task: thumbnails, and what its service added.",
           _JOB, _BLOCK, _TASK, _RUN),
    _query("task.thumbnails", "List the newest thumbnail of each task of a block that has one, of 100 tasks at most.",
           _JOB, _BLOCK, Argument(name="tasks", kind="ranges", positional=True, required=True, help="Tasks: 0-9,12.")),
    _query("file.read", "Print a kept file of a task.",
           Argument(name="id", kind="text", positional=True, required=True, help="Id of the file (task files).")),
    _query("job.thumbnails", "List the thumbnails of jobs that have one.", _IDS),
    _query("task.follow", "Print the output of a running task as it comes.", _JOB, _BLOCK, _TASK, _RUN, kind="view"),
    _command("task.restart", "Make tasks ready again.", commands.ChangeTasks, _JOB, _BLOCK, _TASKS, _ONLY, _DEPENDS,
             build=_change_tasks("restart")),
    _command("task.skip", "Skip tasks: they count as done.", commands.ChangeTasks, _JOB, _BLOCK, _TASKS, _ONLY,
             build=_change_tasks("skip")),
    _command("task.done", "Set tasks done without running them.", commands.ChangeTasks, _JOB, _BLOCK, _TASKS, _ONLY,
             build=_change_tasks("done")),
    _command("task.suspend", "Hold tasks until they are continued.", commands.ChangeTasks, _JOB, _BLOCK, _TASKS,
             _ONLY, build=_change_tasks("suspend")),
    _command("task.continue", "Let suspended tasks go on.", commands.ChangeTasks, _JOB, _BLOCK, _TASKS, _ONLY,
             build=_change_tasks("continue")),
    _command("task.reset-error-hosts", "Forget which hosts failed tasks.", commands.ResetErrorHosts,
             _JOB, _BLOCK,
             Argument(name="tasks", kind="ranges", positional=True, required=True, help="Tasks: 0-9,12."),
             build=_reset_task_hosts),
    _command("task.try-next", "Offer tasks before all others of their job, in this order.", commands.TryNext,
             _JOB, _BLOCK, _TASKS, Argument(name="remove", kind="flag", default=False, help="Take it back."),
             build=_try_next),
    _command("job.reset-try-next", "Offer the tasks of a job in their usual order again.", commands.TryNext, _JOB,
             build=lambda bound: commands.TryNext(remove=True, **bound)),
    # Renders
    _query("render.list", "List renders.", _LIMIT, _AFTER),
    _query("render.show", "Show one render with what it runs.",
           Argument(name="name", kind="text", positional=True, required=True, help="Name of the render.")),
    _command("render.set", "Edit parameters of renders.", commands.SetRenders, _NAMES,
             _parameters(_RENDER_PARAMETERS)),
    _command("render.set-ticket", "Say how many tickets of a name a render has of its own.", commands.SetRenders,
             Argument(name="name", kind="text", positional=True, required=True, help="Name of the render."),
             _TICKET, _COUNT, build=_render_ticket),
    _command("render.delete", "Forget renders that are offline.", commands.DeleteRenders, _NAMES,
             owner="farm", role=Role.GOD, undoable=False),
    _command("render.move", "Put renders that run nothing into a pool.", commands.MoveRenders, _NAMES,
             Argument(name="path", kind="text", default="",
                      help="Path of the pool; by default the one whose pattern takes the render."),
             owner="farm", role=Role.GOD),
    _command("render.services", "Change the services of renders.", commands.ChangeRenderServices, _NAMES,
             _ACTION, _SERVICE),
    _command("render.restore-defaults", "Take away what renders have of their own instead of their pools'.",
             commands.RestoreRenders, _NAMES),
    _command("render.heal", "Let sick renders run tasks again.", commands.HealRenders, _NAMES),
    _command("render.sleep", "Send renders that run nothing to sleep.", commands.SleepRenders, _NAMES,
             undoable=False),
    _command("render.wake", "Have renders that sleep or are off woken by another render.", commands.WakeRenders,
             _NAMES, undoable=False),
    _command("render.exit", "Let agents give back their tasks and end.", commands.ExitRenders, _NAMES,
             undoable=False),
    _command("render.restart", "Let agents give back their tasks and start anew.", commands.ExitRenders, _NAMES,
             undoable=False, build=lambda bound: commands.ExitRenders(restart=True, **bound)),
    _command("render.reboot", "Let machines reboot.", commands.PowerRenders, _NAMES, owner="farm", role=Role.GOD,
             undoable=False, build=lambda bound: commands.PowerRenders(what="reboot", **bound)),
    _command("render.shutdown", "Turn machines off.", commands.PowerRenders, _NAMES, owner="farm", role=Role.GOD,
             undoable=False, build=lambda bound: commands.PowerRenders(what="shutdown", **bound)),
    _command("render.eject-tasks", "Stop what runs on renders: the tasks are ready again.", commands.EjectTasks,
             _NAMES, Argument(name="not_mine", kind="flag", default=False, help="Keep my own tasks."),
             undoable=False),
    _command("operation.undo", "Take back what was done: your last operation, or the one of a token.",
             commands.UndoOperation,
             Argument(name="operation", kind="text", default="",
                      help="The token that the operation was sent with; by default your last one."),
             owner="any", undoable=False),
    # Users, pools, branches
    _query("user.list", "List users.", _LIMIT, _AFTER),
    _query("user.show", "Show one user.",
           Argument(name="name", kind="text", positional=True, required=True, help="Name of the user.")),
    _command("user.add", "Add a user before their first job.", commands.AddUser,
             Argument(name="name", kind="text", positional=True, required=True, help="Name of the user."),
             undoable=False),
    _command("user.set", "Edit parameters of users.", commands.SetUsers, _NAMES, _parameters(_USER_PARAMETERS)),
    _command("user.delete", "Remove users without jobs.", commands.DeleteUsers, _NAMES, owner="farm", role=Role.GOD,
             undoable=False),
    _query("pool.list", "List pools.", _LIMIT, _AFTER),
    _query("pool.show", "Show one pool.",
           Argument(name="path", kind="text", positional=True, required=True, help="Path of the pool, / is the root.")),
    _query("pool.tickets", "List the tickets of pools, how many are in use, and who holds them."),
    _query("pool.members", "List the names of the renders in each pool."),
    _command("pool.set", "Edit parameters of pools.", commands.SetPools, _PATHS, _parameters(_POOL_PARAMETERS),
             owner="farm", role=Role.GOD),
    _command("pool.add", "Make a pool below one that is there.", commands.AddPool,
             Argument(name="path", kind="text", positional=True, required=True, help="Whole path, as /farm/linux."),
             owner="farm", role=Role.GOD, undoable=False),
    _command("pool.delete", "Remove pools without renders.", commands.DeletePools, _PATHS, owner="farm",
             role=Role.GOD, undoable=False),
    _command("pool.services", "Change the services of pools.", commands.ChangePoolServices, _PATHS, _ACTION, _SERVICE,
             owner="farm", role=Role.GOD),
    _command("pool.set-ticket", "Say how many tickets of a name a pool has, or each of its renders.",
             commands.SetPools,
             Argument(name="path", kind="text", positional=True, required=True, help="Path of the pool."),
             _TICKET, _COUNT,
             Argument(name="max_hosts", kind="integer", default=-1, least=-1,
                      help="Most renders that hold some at once; -1 without limit."),
             Argument(name="host", kind="flag", default=False, help="Each render below the pool has that many."),
             owner="farm", role=Role.GOD, build=_pool_ticket),
    _query("branch.list", "List branches.", _LIMIT, _AFTER),
    _query("branch.show", "Show one branch.",
           Argument(name="path", kind="text", positional=True, required=True, help="Path of the branch.")),
    _command("branch.set", "Edit parameters of branches.", commands.SetBranches, _PATHS,
             _parameters(_BRANCH_PARAMETERS), owner="farm", role=Role.GOD),
    _command("branch.delete", "Remove branches without jobs.", commands.DeleteBranches, _PATHS, owner="farm",
             role=Role.GOD, undoable=False),
    # The farm
    _command(
        "farm.load", "Let the farm be as a farm file says; running tasks go on.", commands.DescribeFarm,
        Argument(name="text", kind="file", positional=True, required=True, help="Farm file (XML); - reads the input."),
        owner="farm", role=Role.GOD, undoable=False, build=_describe_farm,
    ),
    _server("farm.reload", "Read the server's own farm file again; running tasks go on."),
    _query("farm.export", "Print the farm file of the farm as it is now."),
    _query("farm.check", "Show which patterns of the farm file take hosts, and what they come to.",
           Argument(name="names", kind="names", positional=True, required=True, help="Names of hosts.")),
    _server("config.reload", "Read the server's configuration files again, and say what needs a restart."),
    _query("run.list", "List what runs now.", _LIMIT,
           Argument(name="after", kind="integer", default=0, least=0, help="Leave out this many of the first.")),
    _query("system.queue", "Show what the system job has to do: what runs, and what waits for its turn.", _LIMIT,
           role=Role.GOD, owner="farm"),
    _query("history.runs", "List finished runs from the database, newest first.",
           Argument(name="job", kind="integer", default=0, least=0, help="Only runs of this job."),
           Argument(name="block", kind="integer", default=-1, least=-1, help="Only runs of this block of the job."),
           Argument(name="task", kind="integer", default=-1, least=-1, help="Only runs of this task of the block."),
           Argument(name="user", kind="text", default="", help="Only runs of this user."),
           Argument(name="render", kind="text", default="", help="Only runs on this render."),
           Argument(name="since", kind="number", default=0, help="Only runs that ended since (unix seconds)."),
           Argument(name="until", kind="number", default=0, help="Only runs that ended before (unix seconds)."),
           _LIMIT, Argument(name="before", kind="integer", default=0, least=0, help="Continue before this number.")),
    _query("history.resources",
           "Show what a render measured, by the minute; without a render the slots, tasks and queue of the farm.",
           Argument(name="render", kind="text", positional=True, default="", help="Name of the render."),
           Argument(name="series", kind="names", default=[], help="Only these series: cpu_user, mem_used, ..."),
           Argument(name="since", kind="number", default=0, help="From this time (unix seconds); an hour back."),
           Argument(name="until", kind="number", default=0, help="Up to this time (unix seconds); now."),
           Argument(name="resolution", kind="number", default=0, least=0,
                    help="Seconds of one point; about 600 points by default.")),
    _query("parameters.show", "Show what may be edited of things, and the values it has now.",
           Argument(name="kind", kind="text", positional=True, required=True,
                    choices=("job", "block", "render", "user", "pool", "branch"),
                    help="job, block, render, user, pool or branch."),
           Argument(name="things", kind="names", positional=True, required=True,
                    help="Ids of jobs, JOB.BLOCK of blocks, names of renders and users, paths of pools and branches.")),
    # The past
    _server("past.show", "Show a view of the farm as it was at an instant.",
            Argument(name="at", kind="number", required=True, least=0, most=_LATEST,
                     help="The instant (unix seconds)."),
            Argument(name="view", kind="text", default="job.list", choices=PAST_VIEWS,
                     help="The operation that shows it: job.list, render.list, job.show, ..."),
            Argument(name="arguments", kind="parameters", default={}, help="The arguments of that operation."),
            role=Role.USER, owner="any", audited=False),
    _server("past.rows", "Show the rows of the farm as it was at an instant, as monitors have them.",
            Argument(name="at", kind="number", required=True, least=0, most=_LATEST,
                     help="The instant (unix seconds)."),
            Argument(name="kinds", kind="names", default=["jobs", "renders", "users", "pools", "branches"],
                     help="jobs, renders, users, pools, branches."),
            role=Role.USER, owner="any", audited=False),
    _server("past.span", "Show which part of the farm's past is kept.", role=Role.USER, owner="any", audited=False),
    _server("past.changes", "List who changed what between two times, newest first.",
            Argument(name="since", kind="number", default=0, least=0, most=_LATEST,
                     help="From this time (unix seconds)."),
            Argument(name="until", kind="number", default=0, least=0, most=_LATEST,
                     help="Before this time (unix seconds); now."),
            Argument(name="who", kind="text", default="", help="Only what this user did."),
            Argument(name="action", kind="text", default="", help="Only this operation, or those that begin so: job."),
            Argument(name="text", kind="text", default="", help="Only changes whose words hold this."),
            Argument(name="job", kind="integer", default=0, least=0, help="Only what was done to this job."),
            Argument(name="render", kind="text", default="", help="Only what was done to this render."),
            Argument(name="nodes", kind="flag", default=False, help="Also what render nodes did."),
            Argument(name="all", kind="flag", default=False,
                     help="What the farm did by itself too, from its journal: runs began and ended, renders came"
                     " and went."),
            _LIMIT, Argument(name="before", kind="integer", default=0, least=0, help="Continue before this number."),
            role=Role.USER, owner="any", audited=False),
    # Statistics
    _query("statistics.show", "Show figures of the past: finished runs and deleted jobs, by name and by time.",
           Argument(name="by", kind="text", default="total",
                    choices=("total", "user", "service", "host", "folder", "pool", "job"),
                    help="total, user, service, host, folder, pool or job."),
           Argument(name="per", kind="text", default="", choices=("", "hour", "day", "week", "month"),
                    help="A row for each hour, day, week or month."),
           Argument(name="since", kind="text", default="30d",
                    help="Begin: 2026-01-31, 2026-01-31 03:12, 7d for seven days ago (h, d, w, m, y), today."),
           Argument(name="until", kind="text", default="now", help="End, in the same words."),
           *(Argument(name=name, kind="text", default="", help=f"Only {what}.") for name, what in (
               ("user", "what this user's jobs did"), ("service", "runs of this service"), ("host", "this render"),
               ("folder", "this folder and all below it"), ("pool", "renders of this pool"),
               ("job", "jobs of this name"))),
           Argument(name="under", kind="text", default="", help="By folder: the folders right below this one."),
           Argument(name="order", kind="text", default="runs",
                    choices=("runs", "errors", "run_seconds", "error_seconds", "waited_seconds", "cpu_seconds",
                             "capacity_seconds", "jobs", "blocks", "job_tasks", "job_run_seconds"),
                    help="The largest of these first."),
           Argument(name="most", kind="integer", default=100, least=1, most=10_000, help="Most names.")),
    _server("statistics.delete", "Delete records of a folder or of an age from the statistics, with their sums.",
            Argument(name="folder", kind="text", default="", help="Of this folder and all below it."),
            Argument(name="before", kind="text", default="", help="That ended before: 2026-01-31, or 1y (ago)."),
            _YES),
    _server("statistics.check", "Try the database of the statistics: say that it works, or what is wrong."),
    _server("statistics.lag", "Show how far the database of the statistics is behind the farm."),
    _server("statistics.drivers", "List the databases that the server can talk to."),
    _server("statistics.update-tables",
            "Bring the tables of the statistics to this version; a classic server's rows are taken over."),
    _server("statistics.reset", "Empty tables of the statistics, or make them.",
            Argument(name="what", kind="text", positional=True, required=True, choices=("all", "jobs", "tasks"),
                     help="all, jobs or tasks."), _YES),
    _query("server.status", "Show how the server is."),
    _server("server.resume", "Start new tasks again after the server paused solving because it had stopped by itself."),
    _query("server.traffic", "Show messages and bytes by kind and peer, since the start and per second."),
    _query("config.show", "Print every setting of the server and where it came from.", role=Role.GOD, owner="farm"),
    # People
    _server("account.list", "List the accounts of the farm.", audited=False),
    _server("account.add", "Add an account: somebody who may sign in.", _ACCOUNT, _ROLE,
            Argument(name="password", kind="secret", help="Their first password; without one only tokens lead in.")),
    _server("account.password", "Change a password; whoever is signed in with the old one is signed out.",
            Argument(name="name", kind="text", positional=True, default="",
                     help="Name of the account; your own by default."),
            Argument(name="old", kind="secret", default="", help="Your password as it was; administrators need none."),
            Argument(name="password", kind="secret", required=True, help="The new password."),
            role=Role.USER, owner="own"),
    _server("account.role", "Change what an account may do; it counts at once.", _ACCOUNT, _ROLE),
    _server("account.delete", "Delete an account with its tokens; the jobs of the user stay.", _ACCOUNT),
    _server("token.list", "List sign-ins and tokens: your own, for administrators everybody's.",
            Argument(name="account", kind="text", default="", help="Only those of this account."),
            role=Role.USER, owner="own", audited=False),
    _server("token.create", "Make a token for a program; it is shown this once.",
            Argument(name="account", kind="text", default="", help="Whose token; your own by default."),
            Argument(name="scope", kind="text", default="all", choices=("all", "read", "submit", "user", "visor"),
                     help="all, read (only looks), submit (only submits), or user or visor: at most this role."),
            Argument(name="days", kind="integer", default=365, least=1, most=3650, help="How long it lasts."),
            Argument(name="label", kind="text", default="", help="What it is for."),
            role=Role.USER, owner="own"),
    _server("token.revoke", "Take a token or sign-in away; what is done with it ends at once.",
            Argument(name="id", kind="text", positional=True, required=True, help="Its id (token list)."),
            role=Role.USER, owner="own"),
    _server("session.login", "Sign in with name and password; answers a token.",
            Argument(name="name", kind="text", positional=True, required=True, help="Name of the account."),
            Argument(name="password", kind="secret", required=True, help="The password."),
            Argument(name="days", kind="number", default=0, least=0, most=3650, help="How long; 0 as the server says."),
            Argument(name="label", kind="text", default="", help="Where it is, for the list of tokens."),
            role=Role.NOBODY, owner="any"),
    _server("session.show", "Show whom the server takes you for, and what you may.",
            role=Role.NOBODY, owner="any", audited=False),
    _server("node.list", "List render nodes of the farm, and agents that wait to be approved.",
            Argument(name="state", kind="text", default="", help="Only those in this state.",
                     choices=("", "waits", "paired", "expired", "revoked")), audited=False),
    _server("node.code", "Make a pairing code for `afrender --server HOST --pair CODE`; it is shown this once.",
            Argument(name="hours", kind="number", default=24, least=0, most=720, help="How long it counts."),
            Argument(name="uses", kind="integer", default=0, least=0, help="Nodes it brings in; 0 for any number."),
            Argument(name="label", kind="text", default="", help="What it is for.")),
    _server("node.approve", "Take an agent that waits into the farm; compare its key first (node list).", _NODE),
    _server("node.revoke", "Take a render node out of the farm; its certificate counts no more, at once.", _NODE),
    # The audit
    _query("audit.list", "Search what people and nodes did, newest first.",
           Argument(name="who", kind="text", default="", help="Only acts of this name."),
           Argument(name="action", kind="text", default="", help="Only this operation, or those that begin so: job."),
           Argument(name="text", kind="text", default="", help="Only acts whose words hold this."),
           Argument(name="since", kind="integer", default=0, least=0, help="Only at or after it (unix seconds)."),
           Argument(name="until", kind="integer", default=0, least=0, help="Only before it (unix seconds)."),
           _LIMIT, Argument(name="before", kind="integer", default=0, least=0, help="Continue before this number."),
           role=Role.GOD, owner="farm"),
    _query("audit.show", "Show one act with what was before and after.",
           Argument(name="seq", kind="integer", positional=True, required=True, least=1, help="Its number."),
           role=Role.GOD, owner="farm"),
    _query("audit.verify", "Check that no row of the audit was changed or taken away.",
           Argument(name="known", kind="text", default="",
                    help="NUMBER:HASH of a row that was noted before: it must still be there."),
           role=Role.GOD, owner="farm"),
)  # fmt: skip

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _OPERATIONS}
"""Every operation by its dotted name."""
