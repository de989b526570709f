"""The system job: how it comes to be, how commands become tasks of it, and when they leave it.

Rules of this file:
- A command is a fact from the moment of its cause: it waits, has a task, or has ended; nothing in between loses it.
- A block has one task that was not tried yet, beside those that are tried again and those that run: the others wait
  as commands, which cost little.  A task that waits to be tried again is offered before the new one, wherever there is
  a free place behind it.
- A task leaves when it is over: with success, when its retries are spent, or when it is too old (``system_tasklife``
  seconds after its first start) and not running.  A command that never started has no age.
- Any restart of the system job, its blocks or its tasks resets the queues it names: what waits is forgotten, what runs
  is stopped.
"""

from collections.abc import Iterable, Iterator

from afcore.commands import (
    AppendBlocks,
    AppendTasks,
    Command,
    DeleteJobs,
    MoveJobs,
    Ranges,
    SetBlocks,
    SetJobs,
    TryNext,
)
from afcore.errors import BadSpec, Conflict, Problem
from afcore.events import (
    Event,
    JobPrepared,
    JobSubmitted,
    RunFinished,
    RunStopRequested,
    SystemCommandsQueued,
    SystemQueueReset,
    SystemServicesSet,
    SystemTaskKept,
    SystemTaskLeft,
    SystemTaskMade,
    TasksGivenUp,
    UserAdded,
)
from afcore.ids import RunKey
from afcore.jobspec import BlockSpec, JobSpec
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.rules.submit import unique_name
from afcore.servicetable import parser_of
from afcore.states import OVER_STATES, RunStatus, TaskState
from afcore.systemcommand import SYSTEM_JOB, SystemBlock, SystemCommand
from afcore.tasktexts import TaskTexts

__all__ = [
    "SYSTEM_USER",
    "age_end",
    "commands_of",
    "end_tasks",
    "fill",
    "give_up_old",
    "guard",
    "leave_over",
    "prepare_commands",
    "queue",
    "reset",
    "settle_services",
    "settle_task",
    "short_name",
    "start_system_job",
]

SYSTEM_USER = "afadmin"
_NAMES = ("post_commands", "wake-on-lan", "events")
_NAME_LENGTH = 32
_FIXED = frozenset(
    {
        *("name", "user_name", "time_wait", "time_life", "depend_mask", "depend_mask_global", "tasks_depend_mask"),
        *("ppa", "maintenance"),
    }
)
"""Parameters that would stop or end the system job, or make it another one."""


def start_system_job(farm: Farm, at: float) -> Iterator[Event]:
    """Yield the system job and its user, where they are not there yet."""
    if farm.system:
        return
    user = farm.users_by_name.get(SYSTEM_USER)
    if user is None:
        user = farm.next_user
        yield UserAdded(user, SYSTEM_USER, dict(farm.defaults.user))
    services = farm.defaults.system_services
    spec = JobSpec(
        name=unique_name("afanasy", farm.jobs_by_name),
        user_name=SYSTEM_USER,
        time_creation=int(at),
        hosts_mask_type=farm.users[user].hosts_mask_type,
        blocks=[_block(name, service, farm) for name, service in zip(_NAMES, services, strict=True)],
    )
    yield JobSubmitted(SYSTEM_JOB, 0, user, 1, spec)
    yield SystemServicesSet(SYSTEM_JOB, list(services))


def _block(name: str, service: str, farm: Farm) -> BlockSpec:
    """Return one block with a free slot: its figures are those that the trade knows for system tasks."""
    texts = TaskTexts()
    texts.append("", "")
    return BlockSpec(
        name=name,
        service=service,
        parser=parser_of(service),
        capacity=farm.defaults.task_capacity,
        task_max_run_time=60,
        errors_avoid_host=3,
        errors_task_same_host=1,
        errors_retries=9,
        errors_forgive_time=600,
        tasks=texts,
    )


def settle_services(farm: Farm) -> Iterator[Event]:
    """Yield the services that the configuration names now, when they are others than before."""
    services = list(farm.defaults.system_services)
    if farm.system and services != [each.service for each in farm.system]:
        yield SystemServicesSet(SYSTEM_JOB, services)


# Commands in


def queue(farm: Farm, at: float, block: SystemBlock, commands: list[SystemCommand]) -> Iterator[Event]:
    """Yield that commands are to be run by a block of the system job."""
    if commands:
        yield from start_system_job(farm, at)
        yield SystemCommandsQueued(SYSTEM_JOB, int(block), commands)


def fill(farm: Farm, block: int) -> Iterator[Event]:
    """Yield a task for the command that waits longest, when its block has none that was not tried yet."""
    found, place = farm.system[block], farm.jobs[SYSTEM_JOB].blocks[block]
    if not found.waiting or len(found.tasks) >= farm.defaults.system_tasksmax:
        return
    tried = -1
    for slot, task in found.tasks.items():
        if place.tasks.state[slot] == TaskState.READY:
            if not task.since:
                return
            tried = max(tried, slot)
    yield SystemTaskMade(SYSTEM_JOB, block, _free_slot(found.tasks, tried + 1, farm.defaults.system_tasksmax))


def _free_slot(taken: Iterable[int], first: int, most: int) -> int:
    """Return the smallest free slot from ``first`` on, or of all when there is none below ``most``."""
    occupied = frozenset(taken)
    behind = next((slot for slot in range(first, most) if slot not in occupied), None)
    return next(slot for slot in range(most + 1) if slot not in occupied) if behind is None else behind


def short_name(text: str) -> str:
    """Return what a task with a command is called: its first word, cut after 32 characters."""
    cut = text.strip()[:_NAME_LENGTH]
    return cut.split(None, 1)[0] if cut else ""


def commands_of(farm: Farm, job: Job) -> list[SystemCommand]:
    """Return what is to be run because a job is deleted, in the name of its owner."""
    return list(_of_job(farm, job, "command_post"))


def prepare_commands(farm: Farm, job: Job) -> list[SystemCommand]:
    """Return what is to be run before a job starts, in the name of its owner."""
    return list(_of_job(farm, job, "command_pre", holds=job.id))


def _of_job(farm: Farm, job: Job, which: str, holds: int = 0) -> Iterator[SystemCommand]:
    owner, first = farm.users[job.user].name, job.blocks[0].spec if job.blocks else BlockSpec()
    wanted = [(getattr(job.spec, which), first), *((getattr(block.spec, which), block.spec) for block in job.blocks)]
    for command, spec in wanted:
        if command.strip():
            yield SystemCommand(
                command=command,
                name=short_name(command),
                user_name=owner,
                job_name=job.name,
                working_directory=spec.working_directory,
                environment={**spec.environment, "AF_USERNAME": owner},
                holds=holds,
            )


# Tasks out


def age_end(farm: Farm, block: int, task: int) -> float | None:
    """Return when a task of the system job is too old, or None while its age does not count."""
    found = farm.system[block].tasks.get(task) if farm.system else None
    return found.since + farm.defaults.system_tasklife if found is not None and found.since else None


def give_up_old(farm: Farm, block: int, task: int, at: float) -> Iterator[Event]:
    """Yield the end of a task that is too old and does not run."""
    end = age_end(farm, block, task)
    if end is not None and end <= at and farm.jobs[SYSTEM_JOB].blocks[block].tasks.state[task] == TaskState.READY:
        yield TasksGivenUp(SYSTEM_JOB, block, [task])


def settle_task(farm: Farm, event: RunFinished, at: float) -> Iterator[Event]:
    """Yield what the end of a run means for its command: it leaves, or is kept to be tried again."""
    block, task, state = event.block, event.task, event.state
    found = farm.system[block].tasks.get(task)
    if found is None:
        return
    if state in OVER_STATES or state == TaskState.ERROR:
        yield SystemTaskLeft(SYSTEM_JOB, block, task, RunStatus(event.status).is_success)
    elif state == TaskState.READY:
        if not found.since:
            started = farm.jobs[SYSTEM_JOB].blocks[block].tasks.started[task]
            yield SystemTaskKept(SYSTEM_JOB, block, task, float(farm.epoch + started) if started else at)
        yield from give_up_old(farm, block, task, at)


def leave_over(farm: Farm, block: int) -> Iterator[Event]:
    """Yield that commands leave whose tasks were given up."""
    state = farm.jobs[SYSTEM_JOB].blocks[block].tasks.state
    for task in [task for task in farm.system[block].tasks if state[task] == TaskState.ERROR]:
        yield SystemTaskLeft(SYSTEM_JOB, block, task, False)


def reset(farm: Farm, block: Block) -> Iterator[Event]:
    """Yield the end of everything that a block of the system job has to do."""
    found = farm.system[block.index]
    held = [command.holds for command in found.waiting]
    if found.waiting:
        yield SystemQueueReset(SYSTEM_JOB, block.index)
    for job in held:
        if job in farm.jobs:
            yield JobPrepared(job, False)
    yield from _end(farm, block, sorted(found.tasks))


def end_tasks(farm: Farm, block: Block, ranges: Ranges | None) -> Iterator[Event]:
    """Yield the end of some tasks of a block of the system job; None resets the block."""
    if ranges is None:
        yield from reset(farm, block)
        return
    tasks = sorted(farm.system[block.index].tasks)
    yield from _end(farm, block, [task for task in tasks if any(first <= task <= last for first, last in ranges)])


def _end(farm: Farm, block: Block, tasks: list[int]) -> Iterator[Event]:
    for task in tasks:
        run = farm.runs.get(RunKey(SYSTEM_JOB, block.index, task, block.tasks.starts[task]))
        if run is None:
            yield SystemTaskLeft(SYSTEM_JOB, block.index, task, False)
        elif run.stopping < 0:
            yield RunStopRequested(*run.key, int(TaskState.DONE), int(RunStatus.STOPPED))


# What people may not do with it


def guard(command: Command) -> None:
    """Refuse what would end the system job or make it another one.  Raises Conflict or BadSpec."""
    kind = type(command)
    if kind in (DeleteJobs, MoveJobs) and SYSTEM_JOB in command.ids:  # type: ignore[union-attr]
        word = "deleted" if kind is DeleteJobs else "moved"
        raise Conflict(f"Job {SYSTEM_JOB} is the system job: it cannot be {word}.", hint="Leave it out.")
    if kind in (AppendBlocks, AppendTasks, TryNext) and command.job == SYSTEM_JOB:  # type: ignore[union-attr]
        raise Conflict(
            f"Job {SYSTEM_JOB} is the system job: the farm alone gives it work.", hint="Submit a job of your own."
        )
    named = (kind is SetJobs and SYSTEM_JOB in command.ids) or (  # type: ignore[union-attr]
        kind is SetBlocks and command.job == SYSTEM_JOB  # type: ignore[union-attr]
    )
    if named:
        fixed = sorted(_FIXED.intersection(command.parameters))  # type: ignore[union-attr]
        if fixed:
            raise BadSpec([Problem(name, "the system job has no such choice", "leave it as it is") for name in fixed])
