"""The classic ``get`` message: what is asked for, and the answer to it.

Rules of this file:
- Reads the farm, changes nothing; the order of the decisions is the reference's.
- What must be read from a disk is returned as a ``Reading``: the desk reads it and calls ``kept_answer``.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from afcore.masks import Mask
from afcore.model.farm import Farm
from afcore.model.job import Job
from afcore.model.render import Run
from afcore.states import LIVE_STATES
from afcore.systemcommand import SYSTEM_JOB
from afnet.classic.framing import info
from afnet.classic.json_jobs import Form, block_object, job_object
from afnet.classic.json_nodes import branch_object, pool_object, user_object
from afnet.classic.json_renders import render_object, resources_object, whole_render
from afnet.classic.json_tasks import (
    Moment,
    empty_task,
    error_hosts_of_job,
    error_hosts_of_task,
    execution,
    message,
    progress_answer,
    task_answer,
)

__all__ = [
    "TYPES",
    "Get",
    "Lines",
    "LogLine",
    "Reading",
    "RenderReading",
    "Sources",
    "get_answer",
    "files_of_task",
    "kept_answer",
    "node_log",
    "read_get",
    "tasks_log",
    "whole_numbers",
]

TYPES = ("jobs", "renders", "users", "branches", "pools", "monitors")
"""Containers, as gets and actions name them."""

_MODES: dict[str, tuple[str, ...]] = {
    "renders": ("resources", "full", "log", "tasks_log"),
    "users": ("jobs_order", "log"),
    "branches": ("log",),
    "pools": ("log",),
    "monitors": ("events", "log"),
}
_LOG_LINES = 100


class Sources(NamedTuple):
    """What answers need beside the farm."""

    now: float
    """Unix seconds."""
    lines: "Lines"
    moment: Moment
    pictures: Mapping[int, str] = {}
    """Names of the pictures of jobs, by id."""
    awaiting: Callable[[Job], bool] = lambda job: False
    """Says whether a job that previews waits for an approval."""
    system: bool = True
    """Who asks may see the job of the system."""


class LogLine(NamedTuple):
    """One line of a log: when (unix seconds), who from where (empty for the farm itself), and what."""

    at: float
    who: str
    what: str


Lines = Callable[[str, int], Iterable[LogLine]]
"""Returns the newest lines about a thing, by kind (``jobs``, ``renders``, ...) and id, the oldest first."""


class Get(NamedTuple):
    """What a ``get`` asks for; lists that were not given are None."""

    kind: str
    mode: str = ""
    modes: tuple[str, ...] = ()
    ids: list[int] | None = None
    mask: str = ""
    uids: list[int] | None = None
    users: list[str] | None = None
    serials: list[int] | None = None
    blocks: list[int] | None = None
    tasks: list[int] | None = None
    number: int = 0
    path: str = ""
    binary: bool = False
    """Answer with a binary message."""
    monitor: int = 0
    """Monitor that shall hear what has to be fetched from an agent first."""


class Reading(NamedTuple):
    """What of one task has to be read from a disk or asked of an agent.

    ``mode`` is ``output``, ``log`` or ``files``; ``running`` asks the agent of a running task for a monitor.
    """

    mode: str
    job: int
    block: int
    task: int
    number: int = 0
    monitor: int = 0


class RenderReading(NamedTuple):
    """The history of what ran on a render has to be read."""

    render: int


def whole_numbers(value: Any) -> list[int] | None:
    """Return the whole numbers of a list; None when it is no list."""
    if not isinstance(value, list):
        return None
    return [each for each in value if isinstance(each, int) and not isinstance(each, bool)]


def read_get(request: dict[str, Any]) -> Get | dict[str, Any]:
    """Return what is asked for, or the answer that says that it is unknown or not there yet."""
    get = request["get"]
    kind = get.get("type")
    if not isinstance(kind, str) or kind not in (*TYPES, "files", "config"):
        return info(f"Invalid get type = '{kind if isinstance(kind, str) else ''}'")
    mode, users, mask = get.get("mode"), get.get("users"), get.get("mask")
    number, path, monitor = get.get("number"), get.get("path"), get.get("mon_id")
    return Get(
        kind,
        mode if isinstance(mode, str) else "",
        tuple(str(each) for each in mode) if isinstance(mode, list) else (),
        ids=whole_numbers(get.get("ids")),
        mask=mask if isinstance(mask, str) else "",
        uids=whole_numbers(get.get("uids")),
        users=[each for each in users if isinstance(each, str)] if isinstance(users, list) else None,
        serials=whole_numbers(get.get("serials")),
        blocks=whole_numbers(get.get("block_ids")),
        tasks=whole_numbers(get.get("task_ids")),
        number=number if isinstance(number, int) and not isinstance(number, bool) else 0,
        path=path if isinstance(path, str) else "",
        binary=get.get("binary") is True,
        monitor=monitor if isinstance(monitor, int) and not isinstance(monitor, bool) else 0,
    )


def get_answer(farm: Farm, wish: Get, sources: Sources) -> dict[str, Any] | Reading | RenderReading:
    """Return the answer to a ``get`` of jobs, renders, users, branches or pools."""
    if wish.kind == "jobs":
        return _get_jobs(farm, wish, sources)
    now = sources.now
    things: dict[int, Any] = getattr(farm, wish.kind)
    one = wish.ids[0] if wish.ids is not None and len(wish.ids) == 1 else None
    if wish.mode in _MODES[wish.kind] and wish.mode != "resources" and one is not None:
        if one not in things:
            return info("Invalid ID")
        if wish.mode == "full":
            return whole_render(farm, things[one], now=now)
        if wish.mode == "jobs_order":
            return {"events": {"jobs_order": {"uids": [one], "jids": [list(things[one].jobs)]}}}
        if wish.mode == "tasks_log":
            return RenderReading(one)
        return _log(wish.kind, one, _name(things[one]), sources)
    found = _chosen(things, wish)
    if wish.kind == "renders":
        make = resources_object if wish.mode == "resources" else render_object
        return {"renders": [make(farm, each, now=now) for each in found]}
    if wish.kind == "users":
        return {"users": [user_object(farm, each) for each in found]}
    if wish.kind == "branches":
        return {"branches": [branch_object(farm, each, now=now) for each in found]}
    return {"pools": [pool_object(farm, each) for each in found]}


def _name(thing: Any) -> str:
    return str(getattr(thing, "name", "") or getattr(thing, "path", ""))


def _chosen(things: dict[int, Any], wish: Get) -> list[Any]:
    """Return the things meant by ids (in their order), else by mask, else all by priority."""
    if wish.ids:
        return [things[id] for id in dict.fromkeys(wish.ids) if id in things]
    mask = Mask(wish.mask, mode="find")
    found = [each for _, each in sorted(things.items()) if mask.matches(_name(each))]
    return sorted(found, key=lambda each: -each.priority)


def _log(kind: str, id: int, name: str, sources: Sources) -> dict[str, Any]:
    return node_log(kind, name, sources.lines(kind, id), sources)


def node_log(kind: str, name: str, lines: "Iterable[LogLine]", sources: Sources) -> dict[str, Any]:
    """Return the newest lines about a node."""
    newest = list(lines)[-_LOG_LINES:]
    return message(
        name,
        "log",
        [f"{sources.moment(each.at)}: {each.who or 'afanasy'}: {kind}: {name}: {each.what}" for each in newest],
    )


# Jobs


def _get_jobs(farm: Farm, wish: Get, sources: Sources) -> dict[str, Any] | Reading:
    if wish.uids:
        return _jobs(farm, _of_users(farm, wish.uids), False, sources)
    if wish.users is not None:
        ids = [farm.users_by_name[name] for name in wish.users if name in farm.users_by_name]
        return _jobs(farm, _of_users(farm, ids), False, sources)
    if wish.mode == "output":
        return _output(farm, wish, sources)
    if wish.ids is not None and len(wish.ids) == 1:
        job = _seen(farm, wish.ids[0], sources)
        if job is None:
            return info("Invalid ID")
        answer = _one_job(farm, job, wish, sources)
        if answer is not None:
            return answer
    if wish.serials is not None:
        serials = {job.serial: job for job in farm.jobs.values()}
        return _jobs(farm, [serials[each] for each in wish.serials if each in serials], wish.mode == "full", sources)
    return _jobs(farm, _chosen(farm.jobs, wish), wish.mode == "full", sources)


def _seen(farm: Farm, id: int, sources: Sources) -> Job | None:
    """Return a job that who asks may see; None when there is none."""
    return farm.jobs.get(id) if id != SYSTEM_JOB or sources.system else None


def _of_users(farm: Farm, ids: Collection[int]) -> list[Job]:
    return [farm.jobs[job] for id in dict.fromkeys(ids) if id in farm.users for job in farm.users[id].jobs]


def _jobs(farm: Farm, jobs: Iterable[Job], full: bool, sources: Sources) -> dict[str, Any]:
    return {"jobs": _made(farm, list(jobs), full, sources)}


def _made(farm: Farm, jobs: list[Job], full: bool, sources: Sources) -> Iterator[dict[str, Any]]:
    """Yield jobs as the encoder asks for them; others are served meanwhile, so some may be gone."""
    users = {job.user for job in jobs} if len(jobs) > 10 else ()
    places = {id: place for user in users for place, id in enumerate(farm.users[user].jobs)}
    for job in jobs:
        if _seen(farm, job.id, sources) is job:
            picture = sources.pictures.get(job.id, "")
            yield job_object(
                farm,
                job,
                full=full,
                now=sources.now,
                place=places.get(job.id, -1),
                picture=picture,
                awaiting=job.ppa and sources.awaiting(job),
            )


def _one_job(farm: Farm, job: Job, wish: Get, sources: Sources) -> dict[str, Any] | Reading | None:
    """Return what is asked about one job beside the list, or None when the list is meant."""
    if wish.blocks and wish.blocks[0] != -1:
        if wish.tasks and wish.tasks[0] != -1:
            return _one_task(farm, job, wish.blocks[0], wish.tasks[0], wish, sources)
        return _blocks(farm, job, wish)
    if wish.mode == "progress":
        return progress_answer(farm, job)
    if wish.mode == "error_hosts":
        return message(job.name, "error_hosts", error_hosts_of_job(farm, job, sources.moment))
    if wish.mode == "log":
        return _log("jobs", job.id, job.name, sources)
    return None


def _blocks(farm: Farm, job: Job, wish: Get) -> dict[str, Any] | None:
    asked = wish.blocks or []
    if len(asked) != len(wish.modes) or any(not 0 <= each < len(job.blocks) for each in asked):
        return None
    forms: dict[str, Form] = {"progress": "progress", "full": "full"}
    return {
        "blocks": [
            block_object(farm, job.blocks[index], form=forms.get(mode, "properties"))
            for index, mode in zip(asked, wish.modes)
        ]
    }


def _one_task(farm: Farm, job: Job, index: int, task: int, wish: Get, sources: Sources) -> dict[str, Any] | Reading:
    if not 0 <= index < len(job.blocks) or not 0 <= task < job.blocks[index].tasks.size:
        return info("Invalid block/task number.")
    block = job.blocks[index]
    if wish.mode == "info":
        found = task_answer(farm, block, task, kind="TExec")["task"]
        data = found.pop("data")
        return {"task": {**found, "exec": execution(block, task, sources.now), "data": data}}
    if wish.mode == "error_hosts":
        return task_answer(
            farm,
            block,
            task,
            kind="TErrorHosts",
            data="\n".join(error_hosts_of_task(farm, block, task, sources.moment)),
        )
    if wish.mode == "log":
        return Reading("log", job.id, index, task)
    if wish.mode == "files":
        return Reading("files", job.id, index, task)
    return {}


def _output(farm: Farm, wish: Get, sources: Sources) -> dict[str, Any] | Reading:
    if not (wish.ids and wish.blocks and wish.tasks and len(wish.ids) == len(wish.blocks) == len(wish.tasks) == 1):
        return info("Invalid action.")
    (id,), (index,), (task,) = wish.ids, wish.blocks, wish.tasks
    job = _seen(farm, id, sources)
    if job is None:
        return empty_task(id, index, task, wish.number, "ERROR: Invalid job ID")
    if not 0 <= index < len(job.blocks) or not 0 <= task < job.blocks[index].tasks.size:
        return empty_task(id, index, task, wish.number, "ERROR: Invalid block and task numbers")
    tasks = job.blocks[index].tasks
    starts = tasks.starts[task]
    text = ""
    if not starts:
        text = "ERROR: Task is not started."
    elif wish.number > starts:
        text = f"ERROR: Task was started {starts} times ( less than {wish.number} times )."
    elif tasks.state[task] in LIVE_STATES and wish.number in (0, starts):
        if wish.monitor:
            return Reading("running", id, index, task, monitor=wish.monitor)
        text = "ERROR: Can't get ouput of a running task."
    if text:
        return task_answer(farm, job.blocks[index], task, kind="TOutput", number=wish.number, data=text)
    return Reading("output", id, index, task, wish.number)


def kept_answer(farm: Farm, reading: Reading, text: str) -> dict[str, Any]:
    """Return the answer for what was read of a task; the task may be gone meanwhile."""
    job = farm.jobs.get(reading.job)
    if job is None or reading.block >= len(job.blocks) or reading.task >= job.blocks[reading.block].tasks.size:
        return empty_task(reading.job, reading.block, reading.task, reading.number, "ERROR: Invalid job ID")
    kind = "TLog" if reading.mode == "log" else "TOutput"
    return task_answer(farm, job.blocks[reading.block], reading.task, kind=kind, number=reading.number, data=text)


def files_of_task(reading: Reading, names: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the answer that lists the files kept of a task, by id and name.

    Where the reference writes a path of its disk there is ``/<id>/<name>``: clients put ``/@TMP@`` before it to get it.
    """
    files = [{"name": f"/{id}/{name}"} for id, name in names]
    return {"task_files": {"job_id": reading.job, "block_id": reading.block, "task_id": reading.task, "files": files}}


def tasks_log(farm: Farm, render: int, told: Iterable[LogLine], moment: Moment) -> dict[str, Any]:
    """Return the answer about what ran and runs on a render; ``told`` is what is over, of which ``who`` is unused."""
    known = farm.renders[render]
    running = (LogLine(run.started, "", f"Starting task: {_run_text(farm, run)}") for run in known.runs.values())
    lines = [*told, *running]
    shown = [f"{moment(line.at)} : {line.what}" for line in sorted(lines, key=lambda line: line.at)]
    return message(known.name, "tasks_log", shown[-_LOG_LINES:] or ["No tasks execution."])


def _run_text(farm: Farm, run: Run) -> str:
    key = run.key
    job = farm.jobs[key.job]
    spec = job.blocks[key.block].spec
    user = farm.users[job.user].name
    task = spec.task_name(key.task)
    return f"[{spec.service}({spec.parser}):{run.capacity}] {user}: {job.name}[{spec.name}][{task}]"
