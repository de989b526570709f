"""Everything an agent needs to run one task, as plain values: patterns unfilled, paths as the server knows them.

Keys are the fields of ``RunSpec`` in ``afnet.wire.messages``, which the core does not import.
"""

from typing import Any

from afcore.errors import NotFound
from afcore.frames import FrameRange
from afcore.ids import RunKey
from afcore.jobspec import BlockFlag
from afcore.model.farm import Farm
from afcore.model.render import Run
from afcore.systemcommand import SYSTEM_JOB

__all__ = ["run_fields"]


def run_fields(farm: Farm, key: RunKey, on: int = 0) -> dict[str, Any]:
    """Return the start message of a run, or with ``on`` that of its service on a captured render.

    Raises NotFound when the run is over or never was, or does not hold that render.
    """
    run = farm.runs.look(key)
    if run is None:
        raise NotFound(f"There is no run {key}.", hint="It has ended.")
    job = farm.jobs[key.job]
    spec = job.blocks[key.block].spec
    frames = job.blocks[key.block].frames
    of_task = frames.task(key.task)
    texts = spec.tasks
    user, render = farm.users[job.user], farm.renders[run.render]
    system = farm.system[key.block].tasks[key.task].command if key.job == SYSTEM_JOB else None
    if on and on != run.render:
        return _service_fields(farm, run, on)
    return {
        **key._asdict(),
        "job_name": system.job_name if system else job.name,
        "block_name": spec.name,
        "task_name": spec.task_name(key.task),
        "user_name": system.user_name if system else user.name,
        "service": spec.service,
        "parser": spec.parser,
        "command": spec.command,
        "task_command": "" if texts is None else texts.commands[key.task],
        "working_directory": system.working_directory if system else spec.working_directory,
        "environment": {**spec.environment, **system.environment} if system else spec.task_environment(key.task),
        "files": list(spec.files),
        "task_files": [] if texts is None else list(texts.files.get(key.task, ())),
        "numeric": isinstance(frames, FrameRange),
        "frame_start": of_task.start,
        "frame_end": of_task.end,
        "frame_inc": frames.increment if isinstance(frames, FrameRange) else 1,
        "frames": of_task.frames_num,
        "flags": spec.flags,
        "capacity": run.capacity,
        "coefficient": run.coefficient,
        "parser_coeff": spec.parser_coeff,
        "devices": list(run.devices),
        "hosts": _hosts(farm, run),
        "file_size_min": spec.file_size_min,
        "file_size_max": spec.file_size_max,
        "custom_data": {
            "block": spec.custom_data,
            "task": "",
            "job": job.custom_data,
            "user": user.custom_data,
            "render": render.custom_data,
        },
    }


def _hosts(farm: Farm, run: Run) -> list[str]:
    """Return the names that a master is told: the captured renders, and itself when it may work as one of them."""
    spec = farm.jobs[run.key.job].blocks[run.key.block].spec
    names = [farm.renders[held.render].name for held in run.captured]
    if spec.multi_host and spec.has(BlockFlag.MASTER_ON_SLAVE):
        names.append(farm.renders[run.render].name)
    return names


def _service_fields(farm: Farm, run: Run, on: int) -> dict[str, Any]:
    """Return the start message of the service of a run on a captured render."""
    held = next((each for each in run.captured if each.render == on), None)
    if held is None:
        raise NotFound(f"Run {run.key} does not hold render {on}.", hint="It was released.")
    fields = run_fields(farm, run.key)
    spec = farm.jobs[run.key.job].blocks[run.key.block].spec
    return {
        **fields,
        "task_name": f"{fields['task_name']}: service",
        "parser": "",
        "command": spec.multihost_service,
        "task_command": "",
        "files": [],
        "task_files": [],
        "numeric": True,
        "flags": 0,
        "capacity": held.capacity,
        "coefficient": 0,
        "devices": list(held.devices),
        "hosts": [],
        "custom_data": {**fields["custom_data"], "render": farm.renders[on].custom_data},
    }
