"""The words for what keeps a task from starting: a sentence for what holds everywhere, a phrase for a group of renders.

Rules of this file:
- Every ``Reason`` has words; a test says which has none.
- A sentence names the thing as people know it, the limit, and what is used of it.
- No times: the core has no clock face.  ``Obstacle.until`` travels as a number beside the words.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from afcore.maskdoubt import mask_doubt
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.model.tree import Branch, Pool, User
from afcore.schedule.explain import Obstacle, Thing
from afcore.schedule.fit import minimum_capacity
from afcore.schedule.limits import jobs_below
from afcore.schedule.reasons import Reason
from afcore.states import OVER_STATES

__all__ = ["PHRASES", "SENTENCES", "doubt_about", "held_by", "name_of", "phrase", "sentence"]

_MANY = 3
"""Names in one sentence; the others are counted."""


def name_of(thing: Thing) -> str:
    """Return what people call a thing."""
    if isinstance(thing, Job):
        return f'job {thing.id} "{thing.name}"'
    if isinstance(thing, Block):
        return f'block {thing.index} "{thing.spec.name}"'
    if isinstance(thing, User):
        return f"user {thing.name}"
    if isinstance(thing, Branch | Pool):
        return f"{'branch' if isinstance(thing, Branch) else 'pool'} {thing.path}"
    return f"render {thing.name}"


def _listed(names: Iterable[str]) -> str:
    """Return names as a list of words: the first ones, and how many more."""
    every = list(names)
    more = len(every) - _MANY
    return ", ".join(every[:_MANY]) + (f" and {more} more" if more > 0 else "")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


Say = Callable[[Farm, Obstacle, Job, Block, int], str]


def _suspended(farm: Farm, obstacle: Obstacle, job: Job, block: Block, task: int) -> str:
    return "It is suspended: somebody holds it until it is continued."


def _failed(farm: Farm, obstacle: Obstacle, job: Job, block: Block, task: int) -> str:
    errors = block.tasks.errors[task]
    times = "once" if errors == 1 else f"{errors} times"
    return f"It failed {times} and is not tried again by itself."


def _waits_for_tasks(farm: Farm, obstacle: Obstacle, job: Job, block: Block, task: int) -> str:
    blocks = [job.blocks[index] for index in block.tasks_depend_on]
    names = [
        f"{name_of(each)} ({sum(each.tasks.counts[state] for state in OVER_STATES)} of {each.tasks.size} done)"
        for each in blocks
        if not each.over
    ]
    return f"It waits for its frames in {_listed(names)}."


def _waits_for_blocks(farm: Farm, obstacle: Obstacle, job: Job, block: Block, task: int) -> str:
    blocks = [job.blocks[index] for index in block.depends_on]
    names = [
        f"{name_of(each)} ({sum(each.tasks.counts[state] for state in OVER_STATES)} of {each.tasks.size} done)"
        for each in blocks
        if not each.over
    ]
    return f"Its block waits until all tasks of {_listed(names)} are done."


def _waits_for_jobs(farm: Farm, obstacle: Obstacle, job: Job, block: Block, task: int) -> str:
    names = [name_of(farm.jobs[id]) for id in sorted(job.waits_for)]
    return f"Its job waits for {_listed(names)}."


def _running(thing: Thing) -> tuple[int, int]:
    """Return how many tasks a thing runs, and how many it may."""
    if isinstance(thing, Block):
        return thing.running_tasks, thing.spec.max_running_tasks
    assert isinstance(thing, Job | User | Branch)
    return thing.running_tasks, thing.max_running_tasks


def _running_limit(farm: Farm, obstacle: Obstacle, job: Job, block: Block, task: int) -> str:
    running, most = _running(obstacle.thing)
    name = _capital(name_of(obstacle.thing))
    if most == 0:
        return f"{name} may run no task at all (max_running_tasks is 0)."
    tasks = "task" if running == 1 else "tasks"
    return f"{name} runs {running} {tasks}, and {most} is the most it may."


def _rate(farm: Farm, obstacle: Obstacle, job: Job, block: Block, task: int) -> str:
    thing = obstacle.thing
    assert isinstance(thing, Job | User | Branch)
    if thing.max_tasks_per_second == 0:
        return f"{_capital(name_of(thing))} may start no task at all (max_tasks_per_second is 0)."
    return f"{_capital(name_of(thing))} has made its starts of this second ({thing.max_tasks_per_second} a second)."


def _plain(text: str) -> Say:
    def say(farm: Farm, obstacle: Obstacle, job: Job, block: Block, task: int) -> str:
        return _capital(text.format(thing=name_of(obstacle.thing)))

    return say


def _too_few_hosts(farm: Farm, obstacle: Obstacle, job: Job, block: Block, task: int) -> str:
    could, kept = obstacle.name.split()
    least = block.spec.multihost_min
    if int(could) < least:
        return f"It needs {least} renders at once, and {could} could take it."
    return f"It needs {least} renders at once; {could} could take it, and {kept} are kept until enough have room."


SENTENCES: dict[Reason, Say] = {
    Reason.SUSPENDED: _suspended,
    Reason.FAILED: _failed,
    Reason.WAITS_FOR_TASKS: _waits_for_tasks,
    Reason.WAITS_FOR_BLOCKS: _waits_for_blocks,
    Reason.WAITS_FOR_JOBS: _waits_for_jobs,
    Reason.WAIT_TIME: _plain("its job is not to start before its time."),
    Reason.WAITS_FOR_COMMANDS: _plain("its job waits for the commands that are to be run before it."),
    Reason.JOB_PAUSED: _plain("its job is paused."),
    Reason.DELETING: _plain("its job is being deleted."),
    Reason.APPROVAL: _plain("its job waits until somebody approves the frames that are done (ppa)."),
    Reason.PRIORITY_ZERO: _plain("{thing} has priority 0, which starts nothing."),
    Reason.RUNNING_LIMIT: _running_limit,
    Reason.BLOCK_LIMIT: _running_limit,
    Reason.PER_HOST_ZERO: _plain("{thing} may run no task on any host (max_running_tasks_per_host is 0)."),
    Reason.RATE: _rate,
    Reason.TREE_PAUSED: _plain("{thing} is paused."),
    Reason.TOO_FEW_HOSTS: _too_few_hosts,
}
"""What to say of each reason that holds on every render."""


PHRASES: dict[Reason, str] = {
    Reason.OFFLINE: "offline",
    Reason.ASLEEP: "asleep or on its way there",
    Reason.SICK: "sick: tasks of too many users failed there",
    Reason.RENDER_PRIORITY_ZERO: "priority 0",
    Reason.POOL_PAUSED: "{thing} is paused",
    Reason.POOL_PRIORITY_ZERO: "{thing} has priority 0",
    Reason.SLOTS: "busy: every slot is taken",
    Reason.FULL: "busy: all capacity is taken",
    Reason.CAPACITY: "too little capacity left, a task takes {capacity}",
    Reason.PAUSED: "paused",
    Reason.NIMBY: "nimby: kept for a person",
    Reason.PER_HOST_LIMIT: "{thing} runs as many tasks there as it may",
    Reason.HOSTS_MASK: "not in the hosts mask of {thing}",
    Reason.HOSTS_MASK_EXCLUDE: "excluded by the hosts mask of {thing}",
    Reason.OS: "not the system {thing} needs",
    Reason.PROPERTIES: "without the properties {thing} needs",
    Reason.POWER: "not the power {thing} needs",
    Reason.MEMORY: "too little free memory for {thing}",
    Reason.DISK: "too little free disk for {thing}",
    Reason.GPU_MEMORY: "too little free GPU memory for {thing}",
    Reason.GPUS: "too few GPUs, or too small ones, for {thing}",
    Reason.GPUS_TAKEN: "its GPUs are held by other tasks",
    Reason.CPU_FREQUENCY: "too slow a processor for {thing}",
    Reason.CPU_CORES: "too few cores for {thing}",
    Reason.CPU_FREQUENCY_CORES: "too little processor in all for {thing}",
    Reason.POOL: "in a pool that {thing} does not use",
    Reason.SERVICE: 'does not run the service "{name}"',
    Reason.BLOCK_LIMIT: "{thing} runs as many tasks as it may",
    Reason.AVOIDED_BY_BLOCK: "avoided by its block after errors there",
    Reason.AVOIDED_BY_TASK: "avoided by this task after errors there",
    Reason.HOST_TICKET: 'no ticket "{name}" of the host left',
    Reason.POOL_TICKET: 'no ticket "{name}" left: {tickets}',
    Reason.NOT_NAMED: "not the render this maintenance task is for",
    Reason.RESERVED: "kept for a task that waits for room, and this one would not end in time",
    Reason.NONE: "free: it may take the task, whose turn comes with the next pass",
    Reason.NOTHING_READY: "nothing is ready",
}
"""What to say of a group of renders with one reason."""


def sentence(farm: Farm, obstacle: Obstacle, job: Job, block: Block, task: int) -> str:
    """Return a sentence about what keeps a task from every render."""
    return SENTENCES[obstacle.reason](farm, obstacle, job, block, task)


def phrase(farm: Farm, obstacle: Obstacle, block: Block) -> str:
    """Return a phrase about what keeps a task from a group of renders."""
    thing = obstacle.thing
    return PHRASES[obstacle.reason].format(
        thing=name_of(thing),
        name=obstacle.name,
        capacity=minimum_capacity(block),
        tickets=_tickets(thing, obstacle.name) if isinstance(thing, Pool) else "",
    )


def _tickets(pool: Pool, name: str) -> str:
    count, most_hosts = pool.tickets.get(name, (0, -1))
    used, hosts = pool.tickets_used.get(name, 0), len(pool.ticket_hosts.get(name, {}))
    said = f"{used} of {count} in use below pool {pool.path}"
    return said if most_hosts < 0 else f"{said}, on {hosts} of at most {most_hosts} hosts"


def doubt_about(farm: Farm, obstacle: Obstacle, job: Job) -> str:
    """Return what looks wrong in what keeps renders away, a hosts mask of the other kind; empty where nothing does."""
    thing = obstacle.thing
    if obstacle.reason is not Reason.HOSTS_MASK or isinstance(thing, Render | Pool):
        return ""
    # A block's masks are of the kind that its job says.
    kind = job.hosts_mask_type if isinstance(thing, Block) else getattr(thing, "hosts_mask_type", "")
    pattern = thing.spec.hosts_mask if isinstance(thing, Block) else getattr(thing, "hosts_mask", "")
    if kind not in ("find", "list"):
        return ""
    return mask_doubt(f"hosts_mask of {name_of(thing)}", pattern, [render.name for render in farm.renders.values()])


def held_by(farm: Farm, obstacle: Obstacle, renders: Iterable[Render]) -> list[tuple[int, int]]:
    """Return who holds what is missing: (job, tasks), the greatest first; empty where nobody does."""
    reason, thing = obstacle.reason, obstacle.thing
    counts: Counter[int] = Counter()
    if reason in (Reason.RUNNING_LIMIT, Reason.BLOCK_LIMIT) and isinstance(thing, User | Branch):
        below = thing.jobs if isinstance(thing, User) else jobs_below(farm, thing)
        counts.update({id: farm.jobs[id].running_tasks for id in below})
    elif reason in (Reason.SLOTS, Reason.FULL, Reason.CAPACITY):
        counts.update(key.job for render in renders for key in render.runs)
    elif reason is Reason.POOL_TICKET and isinstance(thing, Pool):
        for id in thing.ticket_hosts.get(obstacle.name, {}):
            for key, run in farm.renders[id].runs.items():
                counts[key.job] += dict(run.tickets).get(obstacle.name, 0)
    elif reason is Reason.HOST_TICKET:
        for render in renders:
            for key, run in render.runs.items():
                counts[key.job] += dict(run.tickets).get(obstacle.name, 0)
    return [(job, count) for job, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])) if count]
