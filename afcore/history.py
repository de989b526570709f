"""What is kept of a run that ended and of a job that was deleted: the rows of the statistics.

Keys are the fields of ``RunRow`` and ``JobRow`` in ``afcore.store.base``, which the core does not import.
"""

from typing import Any

from afcore.commands import Command, ReportRun
from afcore.events import RunFinished
from afcore.ids import RunKey
from afcore.jobspec import BlockSpec
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.run import Run
from afcore.states import RunStatus, TaskState
from afcore.systemcommand import SYSTEM_JOB

__all__ = ["job_rows", "run_row"]


_STATUS = {int(status): status.name.lower() for status in RunStatus}


def run_row(farm: Farm, event: RunFinished, at: float, command: Command) -> dict[str, Any]:
    """Return the row of a run that is about to end (asked before the event is evolved)."""
    job = farm.jobs[event.job]
    block = job.blocks[event.block]
    spec = block.spec
    render = farm.renders.get(event.render)
    run = farm.runs.look(RunKey(event.job, event.block, event.task, event.run))
    report = command if isinstance(command, ReportRun) else None
    task = farm.system[event.block].tasks.get(event.task) if event.job == SYSTEM_JOB else None
    owner = task.command.user_name if task is not None else farm.users[job.user].name
    done = round(at * 1000)
    return {
        "job": event.job,
        "serial": job.serial,
        "id_block": event.block,
        "id_task": event.task,
        "run": event.run,
        "status": _STATUS[event.status],
        "exit_status": _exit_status(report),
        "error": int(event.host_error),
        "errors_count": event.errors,
        "starts_count": block.tasks.starts[event.task],
        "started_ms": done - event.duration_ms if report else round(run.started * 1000) if run else done,
        "done_ms": done,
        "username": owner,
        "hostname": render.name if render else "",
        "render": event.render,
        "pool": farm.pools[render.pool].path if render else "",
        "branch": farm.branches[job.branch].path,
        "jobname": job.name,
        "blockname": spec.name,
        "taskname": spec.task_name(event.task),
        "folder": _folder(farm, job),
        "description": job.spec.description,
        "annotation": job.annotation,
        "service": spec.service,
        "parser": spec.parser,
        "capacity": spec.capacity,
        "coefficient": run.coefficient if run else 0,
        "frame_pertask": spec.frames_per_task,
        "command": _command(spec, event.task),
        "resources": report.resources if report else "",
        "cause": report.errors_text if report else "",
        "waited_ms": _waited(job, block, event.task, run),
        "cpu_ms": max(0, report.cpu_ms) if report else 0,
        "peak_memory": max(0, report.peak_memory) if report else 0,
        "gpus": ",".join(map(str, run.devices)) if run else "",
    }


def _waited(job: Job, block: Block, task: int, run: Run | None) -> int:
    """Return how long the first run of a task was waited for; -1 when nobody knows, as of later runs."""
    if run is None or not run.started or block.tasks.starts[task] != 1 or block.tasks_depend_on or job.id == SYSTEM_JOB:
        return -1
    before = [job.blocks[index].time_done for index in block.depends_on]
    return round(max(0.0, run.started - max(job.time_creation, float(job.time_wait), *before)) * 1000)


def _exit_status(report: ReportRun | None) -> int:
    """Return an exit status as shells count: 128 and the signal's number for signals, -1 when no process ended."""
    if report is None:
        return -1
    return report.exit_status if report.exit_status >= 0 else 128 - report.exit_status


def _folder(farm: Farm, job: Job) -> str:
    folders = job.spec.folders
    return folders[min(folders)] if folders else farm.branches[job.branch].path


def _command(spec: BlockSpec, task: int) -> str:
    own = "" if spec.tasks is None else spec.tasks.commands[task]
    whole = spec.command if isinstance(spec.command, str) else " ".join(spec.command)
    return f"{whole} {own}".strip() if own else whole


def job_rows(farm: Farm, job: Job, at: float) -> list[dict[str, Any]]:
    """Return one row for each block of a job that is about to be forgotten."""
    return [
        {
            "job": job.id,
            "serial": job.serial,
            "id_block": block.index,
            "jobname": job.name,
            "blockname": block.spec.name,
            "username": farm.users[job.user].name,
            "hostname": job.spec.host_name,
            "branch": farm.branches[job.branch].path,
            "folder": _folder(farm, job),
            "description": job.spec.description,
            "annotation": job.annotation,
            "service": block.spec.service,
            "capacity": block.spec.capacity,
            "tasks_done": block.tasks.counts[TaskState.DONE],
            "tasks_quantity": block.tasks.size,
            "run_time_ms": block.run_time_sum_ms,
            "started_ms": round(block.time_started * 1000),
            "done_ms": round((block.time_done or at) * 1000),
        }
        for block in job.blocks
    ]
