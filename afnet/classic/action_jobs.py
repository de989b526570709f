"""Classic actions on jobs, their blocks and tasks."""

from typing import Any

from afcore import commands
from afcore.errors import AfError, Rejected
from afcore.jobspec import JobSpec
from afcore.masks import Mask
from afcore.model.farm import Farm
from afcore.model.job import Job
from afnet.classic.framing import info
from afnet.classic.json_get import whole_numbers
from afnet.classic.plan import Plan, finish, read_parameters, text_of, with_mask_type

__all__ = ["plan_blocks", "plan_jobs"]

_RESTARTS = {
    "restart": "",
    "restart_errors": "error",
    "restart_running": "running",
    "restart_skipped": "skipped",
    "restart_done": "done",
    "restart_warnings": "warning",
}
"""Operations that make tasks ready again, and which tasks they mean."""


def plan_jobs(farm: Farm, ids: list[int], operation: dict[str, Any] | None, given: dict[str, Any]) -> Plan:
    """Return what an action on whole jobs comes to.  Raises Rejected."""
    found, later = read_parameters("node" if operation is not None else "jobs", given)
    _check_places(farm, found)
    edits: list[Any] = []
    for id in ids:
        own = with_mask_type(found, farm.jobs[id].hosts_mask_type)
        if own:
            edits.append(commands.SetJobs([id], own))
    if operation is None:
        return finish(edits, later)
    kind = operation["type"]
    if kind == "append_blocks":
        specs = _read_blocks(operation)
        return Plan([*edits, *(commands.AppendBlocks(id, specs) for id in ids)], {}, gives_object=True)
    return finish([*edits, *_job_commands(ids, kind)], [])


def _job_commands(ids: list[int], kind: str) -> list[Any]:
    if kind in _RESTARTS:
        return [commands.RestartJobs(ids, _RESTARTS[kind])]
    if kind == "restart_pause":
        return [commands.RestartJobs(ids, pause=True)]
    if kind == "reset_error_hosts":
        return [commands.ResetErrorHosts(id) for id in ids]
    if kind == "reset_trying_next_tasks":
        return [commands.TryNext(id, remove=True) for id in ids]
    simple: dict[str, type] = {
        "start": commands.StartJobs,
        "pause": commands.PauseJobs,
        "stop": commands.StopJobs,
        "delete": commands.DeleteJobs,
    }
    if kind not in simple:
        raise Rejected(f"Unknown operation: {kind}")
    return [simple[kind](ids)]


def _check_places(farm: Farm, found: dict[str, Any]) -> None:
    """Bring the path of a branch into its form; refuse to move to a user or branch there is not."""
    if "user_name" in found and found["user_name"] not in farm.users_by_name:
        raise Rejected(f"User does not exist: {found['user_name']}")
    if "branch" in found:
        parts = found["branch"].replace("\\", "/").split("/")
        path = "/" + "/".join(part for part in parts if part not in ("", ".", ".."))
        if path not in farm.branches_by_path:
            raise Rejected(f"New job branch not found: {path}")
        found["branch"] = path


def _read_spec(data: dict[str, Any]) -> JobSpec:
    try:
        return JobSpec.from_json(data, strict=False)
    except AfError as wrong:
        raise Rejected(str(wrong)) from None


def _read_blocks(operation: dict[str, Any]) -> JobSpec:
    blocks = operation.get("blocks")
    if not isinstance(blocks, list):
        raise Rejected("Operation requires blocks array.")
    if not blocks:
        raise Rejected("Operation blocks array has zero size.")
    return _read_spec({"name": "appended", "blocks": blocks})


# Blocks and tasks


def plan_blocks(
    farm: Farm, ids: list[int], action: dict[str, Any], operation: dict[str, Any] | None, given: dict[str, Any]
) -> Plan:
    """Return what an action on blocks of jobs comes to.  Raises Rejected."""
    jobs = [(farm.jobs[id], _chosen_blocks(farm.jobs[id], action)) for id in ids]
    if operation is None:
        found, later = read_parameters("blocks", given)
        if not found:
            return finish([], later)
        return finish([commands.SetBlocks(job.id, blocks, found) for job, blocks in jobs], later)
    kind = operation["type"]
    if kind == "trynext":
        made = [_try_next(job, blocks, operation) for job, blocks in jobs]
        return Plan(made, info("Tasks to try next processed.", kind="info"))
    if kind == "append_tasks":
        return _append_tasks(jobs, operation)
    return finish([_block_command(job, blocks, operation) for job, blocks in jobs], [])


def _chosen_blocks(job: Job, action: dict[str, Any]) -> list[int]:
    asked = whole_numbers(action.get("block_ids")) or []
    if asked == [-1]:
        return list(range(len(job.blocks)))
    for index in asked:
        if not 0 <= index < len(job.blocks):
            raise Rejected(f"Invalid block number: {index}")
    pattern = action.get("block_mask")
    if isinstance(pattern, str) and pattern:
        mask = Mask(pattern, mode="find")
        asked += [block.index for block in job.blocks if mask.matches(block.spec.name)]
    if not asked:
        raise Rejected('"block_ids" array does not contain any integers or invalid "block_mask"')
    return list(dict.fromkeys(asked))


def _task_ranges(job: Job, blocks: list[int], operation: dict[str, Any]) -> list[tuple[int, int]]:
    tasks = whole_numbers(operation.get("task_ids")) or []
    for task in tasks:
        if any(not 0 <= task < job.blocks[index].tasks.size for index in blocks):
            raise Rejected(f"Invalid operation task numer = {task}")
    return [(task, task) for task in dict.fromkeys(tasks)]


def _block_command(job: Job, blocks: list[int], operation: dict[str, Any]) -> Any:
    kind = operation["type"]
    if kind == "reset_error_hosts":
        return commands.ResetErrorHosts(job.id, blocks, _task_ranges(job, blocks, operation))
    if kind == "tickets":
        name, count = text_of(operation, "name"), operation.get("count")
        if not name:
            raise Rejected("Ticket 'name' string is not specified.")
        if not isinstance(count, int) or isinstance(count, bool):
            raise Rejected("Ticket 'count' integer is not specified.")
        return commands.SetBlocks(job.id, blocks, {"tickets": {name: max(0, count)}})
    restart = _RESTARTS.get(kind) if kind != "restart_warnings" else None
    if restart is None and kind not in ("skip", "done", "suspend", "continue"):
        raise Rejected(f"Unknown operation: {kind}")
    return commands.ChangeTasks(
        job.id,
        kind if restart is None else "restart",
        blocks,
        _task_ranges(job, blocks, operation),
        restart or "",
        depends=operation.get("mode") == "affect_depends",
    )


def _try_next(job: Job, blocks: list[int], operation: dict[str, Any]) -> commands.TryNext:
    mode = operation.get("mode")
    if not isinstance(operation.get("task_ids"), list):
        raise Rejected("'task_ids' array is not specified.")
    if mode not in ("append", "remove"):
        raise Rejected(f"Invalid 'mode' = '{mode if isinstance(mode, str) else ''}'.")
    if job.maintenance and mode == "append":
        raise Rejected("Maintenance job can't try tasks next.")
    ranges = _task_ranges(job, blocks, operation)
    if not ranges:
        raise Rejected("Unable to find valid tasks.")
    return commands.TryNext(job.id, blocks, ranges, remove=mode == "remove")


def _append_tasks(jobs: list[tuple[Job, list[int]]], operation: dict[str, Any]) -> Plan:
    tasks = operation.get("tasks")
    if any(job.blocks[index].spec.numeric for job, blocks in jobs for index in blocks):
        raise Rejected("Appending tasks to numeric block is not allowed.")
    if not isinstance(tasks, list):
        raise Rejected("Operation requires tasks array.")
    if not tasks:
        return Plan([], {"object": {"task_ids": []}})
    spec = _read_spec({"name": "appended", "blocks": [{"name": "appended", "tasks": tasks}]})
    made = [commands.AppendTasks(job.id, index, spec) for job, blocks in jobs for index in blocks]
    return Plan(made, {}, gives_object=True)
