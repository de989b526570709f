"""Taking a command back: what it changed is restored where nobody changed it since.

Rules of this file:
- Who may not give the command now may not take it back either; and it was given by the same person, or GOD asks.
- A parameter is restored when it still has the command's value; a task when its state, flags, errors and starts are
  those that the command left.  Everything else is left alone and told.
- What runs was stopped or went on: computing is never taken back.
- Where all of a job is restored it is as it was to the second; else dependencies are settled anew.
"""

import zlib
from array import array
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from afcore.commands import UndoOperation
from afcore.deadlines import Due, silence_end
from afcore.effects import TuneRender
from afcore.errors import Conflict, NotAllowed, NotFound
from afcore.events import (
    BlockEdited,
    BranchEdited,
    Event,
    JobEdited,
    JobsReordered,
    PoolEdited,
    RenderEdited,
    TasksRestored,
    TryNextChanged,
    UserEdited,
)
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.tasks import pack_indices
from afcore.rules import access
from afcore.rules.base import Context, Steps
from afcore.rules.captured import held_problems
from afcore.rules.depends import settle
from afcore.rules.jobs import job_value
from afcore.rules.runs import follow
from afcore.rules.tree import TIMES, renders_in
from afcore.states import LIVE_STATES, OVER_STATES, Role
from afcore.undo import AGE, BlockChange, Change

__all__ = ["undo_operation"]

_CHUNK = 1024

_Restoring = Generator[Event | TuneRender, None, int]
"""Events on the way; at the end how much was restored."""


class _Kind(NamedTuple):
    """How to get at what an edit was about."""

    plural: str
    id: str
    word: str


_KINDS: dict[type, _Kind] = {
    JobEdited: _Kind("jobs", "job", "job"),
    UserEdited: _Kind("users", "user", "user"),
    BranchEdited: _Kind("branches", "branch", "branch"),
    PoolEdited: _Kind("pools", "pool", "pool"),
    RenderEdited: _Kind("renders", "render", "render"),
}


def undo_operation(context: Context, command: UndoOperation) -> Steps:
    """Take a command back.  Reply: ``{"restored": how many parameters and tasks, "left": sentences}``.

    Raises NotFound when it is not known (any more), Conflict when it is too old or was taken back already, NotAllowed
    for somebody else's, or one that the caller could not give now.
    """
    change = _find(context, command)
    farm = context.farm
    restored = 0
    left: list[str] = []
    for event in reversed(change.edits):
        restored += yield from _edit(context, event, change, left)
    exact: dict[int, bool] = {}
    for (id, index), block_change in change.blocks.items():
        job = farm.jobs.get(id)
        if job is None or job.deleting:
            left.append(f"job {id} is gone")
            continue
        count, whole = yield from _block(context, job.blocks[index], block_change, left)
        restored += count
        exact[id] = exact.get(id, True) and whole
    edited = [event.job for event in change.edits if isinstance(event, BlockEdited)]
    for id in dict.fromkeys([*exact, *change.jobs, *edited]):
        if id in farm.jobs and not farm.jobs[id].deleting:
            yield from _job(farm, farm.jobs[id], change, exact.get(id, True))
    for user, (old, new) in change.orders.items():
        if user in farm.users and sorted(old) == sorted(farm.users[user].jobs) and old != farm.users[user].jobs:
            if new == farm.users[user].jobs or change.edits:
                yield JobsReordered(user, list(farm.users[user].jobs), old)
                restored += not change.edits
            else:
                left.append(f"the order of {farm.users[user].name}'s jobs was changed since")
        elif user in farm.users and sorted(old) != sorted(farm.users[user].jobs) and not change.edits:
            left.append(f"{farm.users[user].name} has other jobs than then")
    if change.stops:
        one = change.stops == 1
        left.append(f"{change.stops} running task{' was' if one else 's were'} stopped: computing cannot be taken back")
    if change.lost:
        one = change.lost == 1
        left.append(
            f"{change.lost} command{'' if one else 's'} of the system job {'was' if one else 'were'} forgotten: "
            "that cannot be taken back"
        )
    change.done = True
    return {"restored": restored, "left": list(dict.fromkeys(left))}


def _find(context: Context, command: UndoOperation) -> Change:
    who = context.principal
    change = context.undo.find(command.operation, who.name)
    if change is None:
        raise NotFound(
            "There is nothing that could be taken back.",
            hint="Operations can be taken back for an hour, by who did them, unless the server was restarted since.",
        )
    if change.principal != who.name and who.role < Role.GOD:
        raise NotAllowed(f"{change.principal} did this; only they, or GOD, can take it back.")
    if change.done:
        raise Conflict("This was taken back already.", hint="Do it again by its own command.")
    if context.at - change.at > AGE:
        raise Conflict("This was done more than an hour ago and can not be taken back any more.")
    access.check(who, change.command, context.farm)
    return change


# Parameters


def _edit(context: Context, event: Any, change: Change, left: list[str]) -> _Restoring:
    """Restore the parameters that one event changed; return how many."""
    farm = context.farm
    if isinstance(event, BlockEdited):
        job = farm.jobs.get(event.job)
        if job is None or job.deleting:
            left.append(f"job {event.job} is gone")
            return 0
        spec = job.blocks[event.block].spec
        old, new = _back(event, lambda name: getattr(spec, name), f'block "{spec.name}"', left)
        for problem in held_problems(job.blocks[event.block], list(new)):
            left.append(f"{problem.path} was left: {problem.what}")
            del old[problem.path], new[problem.path]
        if new:
            yield BlockEdited(event.job, event.block, old, new)  # what waits for what is settled with the tasks
        return len(new)
    kind = _KINDS[type(event)]
    id = getattr(event, kind.id)
    thing = getattr(farm, kind.plural).get(id)
    if thing is None or getattr(thing, "deleting", False):
        left.append(f"{kind.word} {id} is gone")
        return 0
    name = getattr(thing, "name", "") or getattr(thing, "path", "")

    def read(parameter: str) -> Any:
        if kind.word != "job":
            return getattr(thing, parameter)
        if parameter == "user_name":
            return farm.users[thing.user].name
        if parameter == "branch":
            return farm.branches[thing.branch].path
        return job_value(thing, parameter)

    old, new = _back(event, read, f'{kind.word} "{name}"', left)
    _drop_unknown(farm, new, old, left)
    if not new:
        return 0
    if id in change.failed_users and "state" in new:
        old["failed_users"], new["failed_users"] = list(thing.failed_users), change.failed_users[id]
    yield type(event)(id, old, new)
    yield from _after(context, kind.word, id, new)
    return len(new) - ("failed_users" in new)


def _back(event: Any, read: Any, what: str, left: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for name, value in event.new.items():
        if name in ("time_started", "time_done"):
            continue  # moments follow with the tasks
        if read(name) == value:
            old[name], new[name] = value, event.old[name]
        else:
            left.append(f"{name} of {what} was changed since")
    return old, new


def _drop_unknown(farm: Farm, new: dict[str, Any], old: dict[str, Any], left: list[str]) -> None:
    """Leave out a user, branch or pool that is not there any more."""
    for name, known in (
        ("user_name", farm.users_by_name), ("branch", farm.branches_by_path), ("pool", farm.pools),
    ):  # fmt: skip
        if name in new and new[name] not in known and new[name] != "":
            left.append(f"{name} {new[name]} is gone")
            del new[name], old[name]


def _after(context: Context, word: str, id: int, new: dict[str, Any]) -> Iterator[Event | TuneRender]:
    """Tell agents, and the deadlines, what a restored setting means to them."""
    farm = context.farm
    renders: list[int] = []
    if word == "pool" and not TIMES.isdisjoint(new):
        renders = sorted(renders_in(farm, id))
    elif word == "render" and "pool" in new:
        renders = [id]
    for each in renders:
        render = farm.renders[each]
        context.deadlines.push(silence_end(farm, render), Due.RENDER, (each,))
        if render.session:
            yield TuneRender(each)


# Tasks


def _block(
    context: Context, block: Block, change: BlockChange, left: list[str]
) -> Generator[Event | TuneRender, None, tuple[int, bool]]:
    """Restore the tasks of a block that are as the command left them; return how many, and whether all were."""
    places = _unchanged(block, change)
    count = sum(end - first for first, end in places)
    whole = count == len(change.before[0])
    if not whole:
        left.append(f'{len(change.before[0]) - count} tasks of block "{block.spec.name}" were changed since')
    hosts = change.hosts if change.hosts is not None and not block.error_hosts else None
    if not count and hosts is None:
        return 0, whole
    offset = change.first
    ranges = [(offset + first, offset + end - 1) for first, end in places]
    tasks = {row[0] for row in change.task_hosts}
    inside = {task for task in tasks if any(first <= task <= last for first, last in ranges)}
    packed = b""
    if len(ranges) > 64:
        packed, ranges = pack_indices(array("I", [at for first, last in ranges for at in range(first, last + 1)])), []
    state, flags, errors, percent = (
        _packed(b"".join(column[first:end] for first, end in places)) for column in change.before
    )
    yield TasksRestored(
        block.job, block.index, ranges, packed, state, flags, errors, percent,
        task_hosts=[row for row in change.task_hosts if row[0] in inside or hosts is not None],
        hosts=hosts or [],
        time_done=change.time_done if whole else block.time_done,
    )  # fmt: skip
    if change.task_hosts or hosts:
        context.deadlines.rebuild()  # their errors are forgiven in time again
    return count, whole


def _packed(column: bytes) -> bytes:
    return zlib.compress(column, 1) if column != bytes(len(column)) else b""


def _unchanged(block: Block, change: BlockChange) -> list[tuple[int, int]]:
    """Return ranges (end excluded) within a change whose tasks are as the command left them."""
    table, first = block.tasks, change.first
    size = len(change.before[0])
    if first + size > table.size:
        return []
    now = (
        bytes(table.state[first : first + size]), bytes(table.flags[first : first + size]),
        bytes(table.errors[first : first + size]), table.starts[first : first + size].tobytes(),
    )  # fmt: skip
    if now == change.after:
        return [(0, size)] if size else []
    found: list[tuple[int, int]] = []

    def same(start: int, end: int) -> bool:
        return all(
            new[start * width : end * width] == old[start * width : end * width]
            for new, old, width in zip(now, change.after, (1, 1, 1, 2))
        )

    def add(start: int, end: int) -> None:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))

    for start in range(0, size, _CHUNK):
        end = min(size, start + _CHUNK)
        if same(start, end):
            add(start, end)
            continue
        for task in range(start, end):
            if same(task, task + 1):
                add(task, task + 1)
    return found


def _job(farm: Farm, job: Job, change: Change, exact: bool) -> Iterator[Event]:
    """Settle what follows from restored tasks: dependencies, the end of the job, and what is tried next."""
    for block in job.blocks:
        yield from settle(farm, job, block)
    for block in job.blocks:
        yield from follow(farm, job, block)
    moments = change.jobs.get(job.id)
    if moments is None or not exact or job.over != bool(moments.before[1]):
        return
    started, done, tried = moments.before
    if (job.time_started, job.time_done) != (started, done):
        yield JobEdited(
            job.id, {"time_started": job.time_started, "time_done": job.time_done},
            {"time_started": started, "time_done": done},
        )  # fmt: skip
    if job.try_next != tried:
        yield from _try(job, list(job.try_next), False)
        never = LIVE_STATES | OVER_STATES
        yield from _try(job, [each for each in tried if job.blocks[each[0]].tasks.state[each[1]] not in never], True)


def _try(job: Job, tasks: list[tuple[int, int]], wanted: bool) -> Iterator[Event]:
    """Yield one event for each stretch of one block, in order."""
    place = 0
    while place < len(tasks):
        block, end = tasks[place][0], place
        while end < len(tasks) and tasks[end][0] == block:
            end += 1
        yield TryNextChanged(job.id, block, [task for _, task in tasks[place:end]], wanted)
        place = end
