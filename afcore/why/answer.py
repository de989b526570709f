"""Why a task is not running: what is in its way on each render, who holds it, and the smallest change that starts it.

Rules of this file:
- The reasons are those of the solver's own checks (``schedule.explain``); "unknown" is not an answer.
- A proposal was tried before it is told (``whatif``): its changes were made on a copy of the farm by their own rules,
  and the solver started the task.  ``when`` says when: ``now``, or ``next`` when a task that runs on ``render`` ended.
- Work is bounded: on a great farm the likeliest changes are tried, on a small one every change there is.
"""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from afcore.errors import BadSpec, NotFound, Problem
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.schedule.explain import Explainer, Obstacle
from afcore.schedule.reasons import BUSY, TOO_LITTLE, Reason
from afcore.schedule.remedies import scope_of
from afcore.schedule.solver import Scheduler
from afcore.states import OVER_STATES, TaskState
from afcore.why.proposals import Proposals
from afcore.why.trials import Trials
from afcore.why.turns import ahead_of
from afcore.why.words import doubt_about, held_by, name_of, phrase, sentence

__all__ = ["Answer", "why"]

_NAMES = 20
"""Names of renders told of one group."""
_HOLDERS = 5
_OVER = {
    TaskState.RUNNING: "runs now",
    TaskState.WAIT_RECONNECT: "ran when the server stopped; its render may still bring it back",
    TaskState.DONE: "is done",
    TaskState.SKIPPED: "was skipped and counts as done",
}


@dataclass(slots=True)
class Answer:
    """The whole answer, made of plain values only: it travels as JSON."""

    job: int
    block: int
    task: int
    name: str
    state: str
    sentence: str
    """What to read first."""
    waits: bool = True
    """Whether it waits to be started at all; otherwise there is nothing to explain."""
    reasons: list[dict[str, Any]] = field(default_factory=list)
    """What keeps it from every render: ``code``, ``text``, ``until`` (unix seconds or 0), ``held_by``."""
    renders: list[dict[str, Any]] = field(default_factory=list)
    """Groups by their first reason: ``code``, ``text``, ``count``, ``names`` (the first ones), ``held_by``."""
    ahead: list[dict[str, Any]] = field(default_factory=list)
    """Who comes first when a render gets free: ``job``, ``name``, ``user``, ``text``."""
    proposals: list[dict[str, Any]] = field(default_factory=list)
    """The smallest first: ``operation``, ``arguments``, ``also`` (more operations), ``when``, ``render``, ``text``."""
    no_single: bool = False
    """Whether every single change there is was tried, and none starts it; False where not all could be tried."""
    kept: list[str] = field(default_factory=list)
    """Renders that are kept for it, because it needs more room than others leave or several renders at once."""
    begins_by: float = 0.0
    """When it begins at the latest, because renders are or will be kept for it (unix seconds); 0: not known."""
    promised: bool = False
    """Whether ``begins_by`` is a promise; otherwise something runs that has no limit, and it is an estimate."""
    hint: str = ""
    """What to do where no operation helps; empty otherwise."""
    until: float = 0.0
    """When it goes on by itself at the earliest, as far as that is known (unix seconds); 0: not known."""


def why(
    farm: Farm, scheduler: Scheduler, at: float, *, job: int, block: int | None = None, task: int | None = None,
    held: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Return why a task, or the next task of a block or job, does not start; NotFound when there is none such.

    ``held`` says why the whole farm starts nothing, whoever asks; empty when it does.
    """
    of = farm.job(job)
    index, number = _chosen(farm, scheduler, of, block, task)
    return asdict(_Question(farm, scheduler, at, of, of.blocks[index], number).answer(held))


def _chosen(farm: Farm, scheduler: Scheduler, job: Job, block: int | None, task: int | None) -> tuple[int, int]:
    """Return the block and task that a question is about: the one that would start first where none is named."""
    if block is not None and task is not None:
        found = farm.block(job.id, block)
        if not 0 <= task < found.tasks.size:
            last = found.tasks.size - 1
            raise NotFound(f"Block {block} of job {job.id} has no task {task}.", hint=f"Its tasks are 0 to {last}.")
        return block, task
    if task is not None:
        raise BadSpec([Problem("block", "a task is named without its block", "name the block too")])
    blocks = job.blocks if block is None else [farm.block(job.id, block)]
    offering = [each for each in blocks if each.tasks.counts[TaskState.READY]]
    for each in sorted(offering, key=lambda each: each.waiting):
        taken = scheduler.offers.next_task(each)
        return each.index, taken[1] if taken is not None else each.tasks.state.find(TaskState.READY)
    for state in (
        *(TaskState.WAIT_DEP, TaskState.SUSPENDED, TaskState.ERROR, TaskState.WAIT_RECONNECT, TaskState.RUNNING),
        *(TaskState.SKIPPED, TaskState.DONE),
    ):
        for each in blocks:
            if each.tasks.counts[state]:
                return each.index, each.tasks.state.find(state)
    return blocks[0].index, 0


class _Question:
    """One task, and what is asked about it."""

    def __init__(self, farm: Farm, scheduler: Scheduler, at: float, job: Job, block: Block, task: int) -> None:
        self._farm = farm
        self._scheduler = scheduler
        self._at = at
        self._job, self._block, self._task = job, block, task
        self._explainer = Explainer(farm, scheduler, at)
        self._groups: dict[tuple[Any, ...], tuple[Obstacle, list[Render]]] = {}

    def answer(self, held: str) -> Answer:
        """Return the whole answer."""
        job, block, task = self._job, self._block, self._task
        state = TaskState(block.tasks.state[task])
        answer = Answer(job.id, block.index, task, self._name(), state.name.lower(), "")
        if state in _OVER:
            answer.waits = False
            answer.sentence = self._over(state)
            return answer
        everywhere = list(self._explainer.everywhere(job, block, task))
        self._look_at_renders()
        answer.reasons = [self._told(each) for each in everywhere]
        answer.renders = [self._group(each, renders) for each, renders in self._groups.values()]
        answer.until = max((each.until for each in everywhere), default=0.0)
        if any(not each.until for each in everywhere):
            answer.until = 0.0
        busy = self._busy()
        free = any(each.reason is Reason.NONE for each, _ in self._groups.values())
        if not everywhere and busy and not free:
            answer.ahead = ahead_of(self._farm, self._scheduler, job, busy)
        self._bound(answer, everywhere)
        if not held:
            trials = Trials(self._farm, self._scheduler, self._at, self._explainer, job, block, task)
            proposals = Proposals(trials)
            answer.proposals = [each.told() for each in proposals.found(everywhere, list(self._groups.values()))]
            answer.no_single = proposals.no_single
        answer.sentence = self._sentence(everywhere, answer, held)
        found = (*everywhere, *(obstacle for obstacle, _ in self._groups.values()))
        doubts = [doubt_about(self._farm, each, job) for each in found]
        answer.sentence = " ".join((answer.sentence, *filter(None, doubts)))
        if not held and not any(each["when"] == "now" for each in answer.proposals):
            answer.hint = self._hint(everywhere)
        return answer

    def _bound(self, answer: Answer, everywhere: list[Obstacle]) -> None:
        """Tell by when renders that are kept for the task have room, where its turn has come and room is missing."""
        job, block, reserved = self._job, self._block, self._scheduler.reserved
        if any(each.reason is not Reason.TOO_FEW_HOSTS for each in everywhere):
            return
        if block.spec.multi_host:
            if reserved.could_ever(job, block) < block.spec.multihost_min:
                return
        elif not self._lacks_room() or (answer.ahead and not reserved.waits(job, block)):
            return
        bound = reserved.bound(job, block, self._at)
        answer.kept = [self._farm.renders[id].name for id in bound.claimed]
        if bound.seconds < math.inf:
            answer.begins_by, answer.promised = self._at + bound.seconds, bound.promised

    def _lacks_room(self) -> bool:
        """Say whether a render would take it if nothing ran there, and none has room for it as it is."""
        reserved, groups = self._scheduler.reserved, self._groups.values()
        if any(obstacle.reason is Reason.NONE for obstacle, _ in groups):
            return False
        return reserved.waits(self._job, self._block) or any(
            reserved.holds(self._job, self._block, render.id)
            for obstacle, renders in groups
            if obstacle.reason in TOO_LITTLE
            for render in renders[:_NAMES]
        )

    def _hint(self, everywhere: list[Obstacle]) -> str:
        """Return what people can do about what no operation does."""
        reasons = {obstacle.reason for obstacle, _ in self._groups.values()}
        if not reasons:
            return "Start `afrender` on a machine: it registers by itself."
        if Reason.ASLEEP in reasons:
            return "Renders that sleep are woken when work waits for long; `afcmd render wake NAME` wakes one now."
        if reasons == {Reason.OFFLINE}:
            return "No render is online: start `afrender` on one of them."
        if any(each.reason is Reason.DELETING for each in everywhere):
            return "A job that is being deleted starts nothing more."
        return ""

    # What it is about

    def _name(self) -> str:
        job, block, task = self._job, self._block, self._task
        return f'Task {task} "{block.spec.task_name(task)}" of {name_of(block)} of {name_of(job)}'

    def _over(self, state: TaskState) -> str:
        table, farm = self._block.tasks, self._farm
        render = farm.renders.get(table.render[self._task])
        where = f" on {render.name}" if render is not None and state not in OVER_STATES else ""
        return f"{self._name()} {_OVER[state]}{where}: there is nothing it waits for."

    # The renders

    def _look_at_renders(self) -> None:
        scopes: dict[int, Any] = {}
        groups = self._groups
        for render in self._farm.renders.values():
            found = self._first(render)
            thing = found.thing
            scope = None
            if thing is not render and not isinstance(thing, Render):
                scope = scopes.get(id(thing)) or scopes.setdefault(id(thing), scope_of(thing))
            key = (found.reason, scope, found.name)
            group = groups.get(key)
            if group is None:
                groups[key] = found, [render]
            else:
                group[1].append(render)
        self._groups = dict(sorted(groups.items(), key=lambda each: (-len(each[1][1]), each[0][0])))

    def _first(self, render: Render) -> Obstacle:
        """Return the first obstacle on a render; one that stays when it gets free goes before that it is busy."""
        found = self._explainer.first(self._job, self._block, self._task, render)
        return found or Obstacle(Reason.NONE, render, render)

    def _busy(self) -> list[Render]:
        """Return the renders that would do, if they had room."""
        found = []
        for obstacle, renders in self._groups.values():
            if obstacle.reason in BUSY:
                found += renders[:_NAMES]
        return found

    # The words

    def _told(self, obstacle: Obstacle) -> dict[str, Any]:
        return {
            "code": obstacle.reason.name.lower(),
            "text": sentence(self._farm, obstacle, self._job, self._block, self._task),
            "until": obstacle.until,
            "held_by": self._holders(obstacle, []),
        }

    def _group(self, obstacle: Obstacle, renders: list[Render]) -> dict[str, Any]:
        return {
            "code": obstacle.reason.name.lower(),
            "text": phrase(self._farm, obstacle, self._block),
            "count": len(renders),
            "names": [render.name for render in renders[:_NAMES]],
            "held_by": self._holders(obstacle, renders),
        }

    def _holders(self, obstacle: Obstacle, renders: list[Render]) -> list[dict[str, Any]]:
        farm, told = self._farm, []
        for id, tasks in held_by(farm, obstacle, renders)[:_HOLDERS]:
            job = farm.jobs[id]
            told.append({"job": id, "name": job.name, "user": farm.users[job.user].name, "tasks": tasks})
        return told

    def _sentence(self, everywhere: list[Obstacle], answer: Answer, held: str) -> str:
        name, farm = self._name(), self._farm
        if held:
            return f"{name} does not start, because {held.rstrip('.')}."
        if everywhere:
            more = len(everywhere) - 1
            rest = "" if not more else f" And {more} more {'reason' if more == 1 else 'reasons'}."
            return f"{name} does not start. {answer.reasons[0]['text']}{rest}"
        if not farm.renders:
            return f"{name} is ready, but there are no renders: none has ever registered."
        if any(obstacle.reason is Reason.NONE for obstacle, _ in self._groups.values()):
            return f"{name} is ready and has a render; it starts with the next pass of the solver."
        if answer.ahead:
            count = len(answer.ahead)
            first = answer.ahead[0]
            others = "" if count == 1 else f" and {count - 1} more" if count <= _NAMES else f" and over {_NAMES} more"
            return (
                f"{name} is ready and waits for its turn: every render it may use is busy, and "
                f'job {first["job"]} "{first["name"]}" of {first["user"]}{others} '
                f"{'comes' if count == 1 else 'come'} first."
            )
        if any(obstacle.reason in BUSY for obstacle, _ in self._groups.values()) and self._busy():
            return f"{name} is ready and the next to start: every render it may use is busy."
        groups = list(self._groups.values())
        if len(groups) == 1:
            return f"{name} is ready, but every render is {phrase(farm, groups[0][0], self._block)}."
        return f"{name} is ready, but none of {len(farm.renders)} renders may take it now."
