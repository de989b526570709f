"""A change somebody could make: an operation by its registry name with its arguments, and the command it is.

Rules of this file:
- Names and arguments are those of the registry of operations, which is not known here; a test holds them together.
- What has a friendlier operation than a general edit gets that one.
"""

from dataclasses import dataclass
from typing import Any

from afcore import commands
from afcore.commands import Command
from afcore.model.farm import Farm
from afcore.schedule.remedies import WHOLE_JOB, Scope

__all__ = ["Change", "change_of"]


@dataclass(frozen=True, slots=True)
class Change:
    """One operation with everything it takes."""

    operation: str
    arguments: dict[str, Any]
    command: Command


def change_of(farm: Farm, scope: Scope, parameters: dict[str, Any], *, task: int = 0) -> Change:
    """Return the operation that gives a thing parameters; ``task`` is for operations on one task."""
    kind, id, index = scope
    if kind.startswith("task."):
        return _of_task(kind, id, index, task)
    if kind == "errors":
        return Change("job.reset-error-hosts", {"job": id, "blocks": [index]}, commands.ResetErrorHosts(id, [index]))
    if kind == "hold" and index == WHOLE_JOB:
        return Change("job.pause", {"ids": [id]}, commands.PauseJobs([id]))
    if kind == "hold":
        held = commands.ChangeTasks(id, "suspend", [index])
        return Change("job.suspend", {"job": id, "blocks": [index]}, held)
    if kind == "job":
        if parameters == {"offline": False}:
            return Change("job.start", {"ids": [id]}, commands.StartJobs([id]))
        return Change("job.set", {"ids": [id], "parameters": parameters}, commands.SetJobs([id], parameters))
    if kind == "block":
        arguments = {"job": id, "blocks": [index], "parameters": parameters}
        return Change("block.set", arguments, commands.SetBlocks(id, [index], parameters))
    if kind in ("render", "heal"):
        return _of_render(kind, farm.renders[id].name, parameters)
    if kind == "pool":
        return _of_pool(farm.pools[id].path, parameters)
    if kind == "user":
        names = [farm.users[id].name]
        return Change("user.set", {"names": names, "parameters": parameters}, commands.SetUsers(names, parameters))
    paths = [farm.branches[id].path]
    return Change("branch.set", {"paths": paths, "parameters": parameters}, commands.SetBranches(paths, parameters))


def _of_task(kind: str, job: int, block: int, task: int) -> Change:
    tasks = [(task, task)]
    arguments = {"job": job, "block": block, "tasks": [[task, task]]}
    if kind == "task.try-next":
        return Change(kind, arguments, commands.TryNext(job, [block], tasks))
    return Change(kind, arguments, commands.ChangeTasks(job, kind.removeprefix("task."), [block], tasks))


def _of_render(kind: str, name: str, parameters: dict[str, Any]) -> Change:
    if kind == "heal":
        return Change("render.heal", {"names": [name]}, commands.HealRenders([name]))
    if list(parameters) == ["tickets_host"] and len(parameters["tickets_host"]) == 1:
        ((ticket, count),) = parameters["tickets_host"].items()
        arguments = {"name": name, "ticket": ticket, "count": count}
        return Change("render.set-ticket", arguments, commands.SetRenders([name], parameters))
    return Change("render.set", {"names": [name], "parameters": parameters}, commands.SetRenders([name], parameters))


def _of_pool(path: str, parameters: dict[str, Any]) -> Change:
    command = commands.SetPools([path], parameters)
    if list(parameters) == ["tickets"] and len(parameters["tickets"]) == 1:
        ((ticket, (count, most)),) = parameters["tickets"].items()
        arguments = {"path": path, "ticket": ticket, "count": count, "max_hosts": most}
        return Change("pool.set-ticket", arguments, command)
    if list(parameters) == ["tickets_host"] and len(parameters["tickets_host"]) == 1:
        ((ticket, count),) = parameters["tickets_host"].items()
        return Change("pool.set-ticket", {"path": path, "ticket": ticket, "count": count, "host": True}, command)
    return Change("pool.set", {"paths": [path], "parameters": parameters}, command)
