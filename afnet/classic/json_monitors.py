"""Classic monitors: programs that subscribe to what changes and ask for it once a second.

Rules of this file:
- A monitor is a value with what it was told last; who keeps it, and when it is forgotten, is the server's matter.
- Events hold ids, never rows; of the tasks of watched jobs only those that really changed are told.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afnet.classic.json_jobs import block_object
from afnet.classic.json_tasks import task_progress

__all__ = [
    "CLASSES",
    "Monitor",
    "events_answer",
    "monitor_object",
    "moved_jobs",
    "read_monitor",
    "watch_tasks",
    "watched_tasks",
]

CLASSES = ("jobs", "users", "renders", "monitors", "branches", "pools")
"""What may be subscribed to, in the order in which a monitor's events are listed."""

_COLUMNS = ("state", "flags", "percent", "errors", "starts")
_CHUNK = 1024


@dataclass
class _Seen:
    """What a monitor knows of one block."""

    columns: list[bytes]
    properties: dict[str, Any]


@dataclass(kw_only=True)
class Monitor:
    """One registered monitor."""

    id: int
    name: str
    user_name: str
    engine: str
    address: str
    uid: int
    """Id of its user, whose jobs it hears of; 0 for everybody's, -1 when the user is not known."""
    registered: float
    owner: str = ""
    """Name by which the server knows who registered it; empty where an address is all that is known."""
    active: float = 0.0
    """When it last did something; 0 for never."""
    polled: float = 0.0
    classes: set[str] = field(default_factory=set)
    newest: dict[str, int] = field(default_factory=dict)
    """By class: the highest id it was told of; what is above it is new."""
    own_jobs: set[int] = field(default_factory=set)
    """Jobs it was told of: of the others it hears no end."""
    versions: dict[str, int] = field(default_factory=dict)
    """By class: the version of the board up to which it was told."""
    watched: dict[int, list[_Seen]] = field(default_factory=dict)
    """Jobs whose tasks it watches, and what it knows of their blocks."""
    order: list[int] = field(default_factory=list)
    """Jobs of its user in the order that it was told last."""
    pending: dict[str, Any] = field(default_factory=dict)
    """Events that wait for its next poll."""


def read_monitor(request: dict[str, Any]) -> tuple[str, str, str]:
    """Return user, host and engine of a registration; what is missing is empty."""
    given = request["monitor"] if isinstance(request["monitor"], dict) else {}
    user, host, engine = (given.get(key, "") for key in ("user_name", "host_name", "engine"))
    return tuple(each if isinstance(each, str) else "" for each in (user, host, engine))  # type: ignore[return-value]


def monitor_object(monitor: Monitor) -> dict[str, Any]:
    """Return a monitor as lists have it."""
    data: dict[str, Any] = {"name": monitor.name, "id": monitor.id, "priority": 99, "user_name": monitor.user_name}
    for key in ("time_register", "time_launch", "time_update"):
        data[key] = int(monitor.registered)
    data["os"] = ""
    data["address"] = {"family": 6 if ":" in monitor.address else 4, "ip": monitor.address, "port": 0}
    if monitor.engine:
        data["engine"] = monitor.engine
    data["uid"], data["time_activity"] = monitor.uid, int(monitor.active)
    data["events"] = [f"{kind}_{what}" for kind in CLASSES if kind in monitor.classes for what in _WHAT]
    if monitor.watched:
        data["jobs_ids"] = sorted(monitor.watched)
    return data


_WHAT = ("add", "change", "del")


def _see(farm: Farm, block: Block) -> _Seen:
    return _Seen(
        [bytes(memoryview(getattr(block.tasks, name)).cast("B")) for name in _COLUMNS], _properties(farm, block)
    )


def _properties(farm: Farm, block: Block) -> dict[str, Any]:
    # Everything before the progress part, whose first key is block_num.
    found = block_object(farm, block, form="properties")
    keys = list(found)
    return {key: found[key] for key in keys[: keys.index("block_num")]}


def watch_tasks(farm: Farm, monitor: Monitor, job: Job) -> None:
    """Let a monitor hear of the tasks of a job from now on."""
    monitor.watched[job.id] = [_see(farm, block) for block in job.blocks]


def _changed_tasks(block: Block, old: Sequence[bytes], new: Sequence[bytes]) -> list[int]:
    """Return the tasks that differ, looking closely only at pieces that do."""
    found: list[int] = []
    widths = [len(each) // max(1, block.tasks.size) for each in new]
    for first in range(0, block.tasks.size, _CHUNK):
        end = min(block.tasks.size, first + _CHUNK)
        spans = [
            (before[first * w : end * w], after[first * w : end * w], w) for before, after, w in zip(old, new, widths)
        ]
        spans = [span for span in spans if span[0] != span[1]]
        if spans:
            found += [
                first + task
                for task in range(end - first)
                if any(
                    before[task * w : (task + 1) * w] != after[task * w : (task + 1) * w] for before, after, w in spans
                )
            ]
    return found


def watched_tasks(farm: Farm, monitor: Monitor, changed: Iterable[int]) -> None:
    """Add to a monitor's events what changed of the tasks it watches; ``changed`` are the jobs to look at."""
    blocks: dict[tuple[int, int], str] = {}
    progress = []
    for id in changed:
        job, seen = farm.jobs.get(id), monitor.watched.get(id)
        if job is None or seen is None:
            continue
        told: dict[str, Any] = {"job_id": id, "blocks": [], "tasks": [], "progress": []}
        for block in job.blocks:
            if block.index >= len(seen):
                seen.append(_see(farm, block))
                blocks[id, block.index] = "full"
                continue
            before, now = seen[block.index], _see(farm, block)
            seen[block.index] = now
            tasks = _changed_tasks(block, before.columns, now.columns)
            if before.properties.get("tasks_num") != now.properties.get("tasks_num"):
                blocks[id, block.index] = "full"
            elif before.properties != now.properties:
                blocks[id, block.index] = "properties"
            elif tasks:
                blocks[id, block.index] = "progress"
            for task in tasks:
                told["blocks"].append(block.index)
                told["tasks"].append(task)
                told["progress"].append(task_progress(farm, block, task))
        if told["tasks"]:
            progress.append(told)
    if progress:
        monitor.pending["tasks_progress"] = progress
    if blocks:
        monitor.pending["block_ids"] = {
            "job_id": [job for job, _ in blocks],
            "block_num": [block for _, block in blocks],
            "mode": list(blocks.values()),
        }


def moved_jobs(farm: Farm, monitor: Monitor) -> None:
    """Add to a monitor's events the order of its user's jobs, when jobs changed places in it."""
    user = farm.users.get(monitor.uid)
    if user is None or user.jobs == monitor.order:
        return
    known, now = set(monitor.order), set(user.jobs)
    if [id for id in monitor.order if id in now] != [id for id in user.jobs if id in known]:
        monitor.pending["jobs_order_ids"] = list(user.jobs)
    monitor.order = list(user.jobs)


def events_answer(monitor: Monitor) -> dict[str, Any]:
    """Return and clear what a monitor has not been told yet: null when there is nothing."""
    found = {key: value for key, value in monitor.pending.items() if value}
    monitor.pending.clear()
    return {"events": found or None}
