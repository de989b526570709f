"""The smallest change that starts a task: candidates in the order of what they cost, tried until some are found.

Rules of this file:
- A candidate is one operation: all that is in the task's way on one render has remedies in one scope.
- Nothing is proposed that was not tried; a change that starts the task for a greater number is made as small as the
  trial showed it may be, and tried again.
- What lets a task start without what it waits for, or takes a person's machine, comes last and says so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from afcore import commands
from afcore.ids import RunKey
from afcore.model.effective import capacity_of, max_tasks_of
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.model.tree import Pool
from afcore.schedule.explain import Explainer, Obstacle
from afcore.schedule.fit import minimum_capacity
from afcore.schedule.limits import jobs_below
from afcore.schedule.reasons import BUSY, Reason
from afcore.schedule.remedies import Scope, remedies
from afcore.schedule.solver import Scheduler
from afcore.states import RenderState, TaskState
from afcore.why.changes import Change, change_of
from afcore.why.everychange import every_change
from afcore.why.turns import likely_rivals, standing
from afcore.why.whatif import Trial, changed, try_out

__all__ = ["Proposal", "Proposals"]

_MOST = 3
"""Proposals of one answer."""
_SAMPLES = 2
"""Renders of one group whose obstacles are all looked at; on a small farm it is every render."""
_SMALL = 48
"""A farm of at most so many renders and ready jobs is small: every change there is may be tried."""
_RIVALS = _SMALL
_MANY_RENDERS = 100
"""On a great farm a change that gives room on more renders at once is not tried."""
_TRIALS = 4
"""Trials for one answer on a great farm; each costs about a millisecond."""
_SPREAD = 2
"""Another proposal may cost so much more than the one before it."""
_CHEAP = 4
"""A change that starts the task at once and costs no more needs no other beside it."""
_MANY_SLOTS = 64
_MANY_TICKETS = 1_000_000

_COST = {"task.continue": 0, "task.restart": 1, "task.try-next": 0, "job": 1, "block": 2, "errors": 2, "heal": 2,
         "render": 3, "user": 4, "branch": 5, "pool": 6}  # fmt: skip
_DEAR = {
    "depend_mask": 8,
    "depend_mask_global": 8,
    "tasks_depend_mask": 8,
    "ignorenimby": 9,
    "ignorepaused": 9,
    "NIMBY": 3,
    "nimby": 3,
    "maintenance": 6,
    "max_tasks_host": 3,
    "capacity_host": 3,
    "capacity": 2,
    "hosts_mask": 2,
    "hosts_mask_exclude": 2,
    "properties_host": 3,
    "power_host": 3,
    "services": 3,
    "services_disabled": 2,
    "sequential": 2,
}
"""What makes a change dear: it overloads a host, asks a person, or gives up what somebody wanted."""

_WARNINGS = {
    "depend_mask": "it does not wait for what it depends on then",
    "depend_mask_global": "it does not wait for what it depends on then",
    "tasks_depend_mask": "its frames do not wait for the frames they depend on then",
    "ignorenimby": "it runs on hosts that are kept for a person then",
    "sequential": "its block is taken from the last task on then",
    "NIMBY": "ask the person there first",
    "nimby": "ask the person there first",
    "max_tasks_host": "more at once than the host was meant to run",
    "capacity_host": "more at once than the host was meant to run",
}


@dataclass(slots=True)
class Proposal:
    """A change that was tried, and when the task starts by it."""

    change: Change
    when: str
    """``now``; ``next``: when ``ends`` has ended; ``wake``: when ``render`` is awake.

    ``turn``: not at once, but nothing except its turn is in its way then, or it is nearer.
    """
    text: str
    cost: int
    render: str = ""
    """Where it starts."""
    ends: RunKey | None = None

    def told(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "operation": self.change.operation,
            "arguments": self.change.arguments,
            "when": self.when,
            "text": self.text,
            "render": self.render,
            "ends": list(self.ends) if self.ends is not None else None,
        }


@dataclass(slots=True)
class _Candidate:
    scope: Scope
    parameters: dict[str, Any]
    render: Render
    cost: int


class Proposals:
    """Looks for changes that start one task."""

    def __init__(
        self, farm: Farm, scheduler: Scheduler, at: float, explainer: Explainer, job: Job, block: Block, task: int
    ) -> None:
        self._farm = farm
        self._scheduler = scheduler
        self._at = at
        self._explainer = explainer
        self._job, self._block, self._task = job, block, task
        self._key = (job.id, block.index, task)
        self._small = len(farm.renders) <= _SMALL and len(scheduler.offers.ready) <= _SMALL
        self._left = 10_000 if self._small else _TRIALS
        self._rivals: dict[tuple[int, ...], list[int] | None] = {}

    def found(
        self, everywhere: list[Obstacle], groups: Iterable[tuple[Obstacle, list[Render]]], busy: list[Render]
    ) -> list[Proposal]:
        """Return up to three proposals, the smallest first."""
        groups = list(groups)
        proposals = self._now(everywhere, groups)
        if self._small and not proposals:
            proposals = self._anything(places=not everywhere)
        if busy and not any(each.cost <= _CHEAP for each in proposals):
            following = self._next(everywhere, busy)
            if following:
                proposals = [each for each in proposals if not self._overloads(each)]
            proposals = [*following, *proposals][:_MOST]
        if not proposals and not everywhere:
            proposals = self._woken(groups)
        if not proposals and not self._small:
            proposals = self._turn(everywhere, groups)
        return proposals

    def _overloads(self, proposal: Proposal) -> bool:
        """Say whether a proposal makes a host run more than twice what it was meant to: the last resort."""
        arguments = proposal.change.arguments
        slots = arguments.get("parameters", {}).get("max_tasks_host", 0)
        render = self._farm.renders[self._farm.renders_by_name[proposal.render]]
        return bool(slots > 2 * max(1, max_tasks_of(self._farm, render)))

    def _now(self, everywhere: list[Obstacle], groups: list[tuple[Obstacle, list[Render]]]) -> list[Proposal]:
        """Return changes by which the task starts at once."""
        proposals: list[Proposal] = []
        kinds: set[str] = set()
        for candidate in self._candidates(everywhere, groups):
            if len(proposals) >= _MOST or self._left <= 0:
                break
            if candidate.scope[0] in kinds or (kinds and candidate.cost > proposals[-1].cost + _SPREAD):
                continue
            proposal = self._tried(candidate)
            if proposal is not None:
                kinds.add(candidate.scope[0])
                proposals.append(proposal)
        return proposals

    # Candidates

    def _candidates(
        self, everywhere: list[Obstacle], groups: Iterable[tuple[Obstacle, list[Render]]], *, room: bool = True
    ) -> list[_Candidate]:
        """Return every edit whose scope holds remedies for all obstacles on some render, the cheapest first.

        Without ``room``, for all but that a render is busy.
        """
        general = [remedies(self._farm, each, self._job, self._block) for each in everywhere]
        scopes = self._shared(general)
        found: dict[tuple[Scope, str], _Candidate] = {}
        if scopes is not None and not scopes:
            return []
        for _, renders in groups:
            for render in renders if self._small else renders[: _SAMPLES if room else 1]:
                for scope, parameters in self._on(render, general, room=room):
                    cost = _cost(scope, parameters)
                    key = (scope, repr(sorted(parameters)))
                    if key not in found or cost < found[key].cost:
                        found[key] = _Candidate(scope, parameters, render, cost)
        return sorted(found.values(), key=lambda each: (each.cost, each.scope))

    @staticmethod
    def _shared(every: "list[list[Any]]") -> set[Scope] | None:
        """Return the scopes that have a remedy for every obstacle; None where there is no obstacle."""
        if not every:
            return None
        return set.intersection(*({remedy.scope for remedy in each} for each in every))

    def _on(
        self, render: Render, general: "list[list[Any]]", *, room: bool = True
    ) -> Iterator[tuple[Scope, dict[str, Any]]]:
        farm, job, block = self._farm, self._job, self._block
        every = list(general)
        for obstacle in self._explainer.on(job, block, self._task, render):
            if not room and obstacle.reason in BUSY:
                continue
            found = remedies(farm, obstacle, job, block)
            if not found:
                return
            every.append(found)
        for scope in sorted(self._shared(every) or ()):
            choices = [[remedy.parameters for remedy in each if remedy.scope == scope] for each in every]
            for chosen in list(product(*choices))[:4]:
                yield scope, _joined(chosen)

    # Trials

    def _try(
        self, change: Change | None, jobs: list[int] | None, renders: Iterable[int], ends: RunKey | None = None
    ) -> Trial | None:
        if jobs is None or self._left <= 0:
            return None
        self._left -= 1
        wanted = dict.fromkeys([*jobs, self._job.id])
        return try_out(
            self._farm, self._scheduler, self._at, change, self._key, jobs=wanted, renders=set(renders), ends=ends
        )

    def _tried(self, candidate: _Candidate) -> Proposal | None:
        """Return a candidate as a proposal, made as small as it may be; None when the task does not start by it."""
        scope, render = candidate.scope, candidate.render
        jobs, renders = self._touched(scope, render)
        wide = self._wide(candidate)
        several = [candidate.parameters, *([wide] if wide is not None else [])]
        if scope[0] == "block" and self._block.spec.sequential != -1:
            # What stands in the way is its own block's order.
            several.append({**several[-1], "sequential": -1})
        for parameters in several:
            trial = self._try(self._change(scope, parameters), jobs, renders)
            if trial is None or not trial.started:
                continue
            if parameters is not candidate.parameters:
                small = self._tightened(candidate, parameters, trial)
                again = self._try(self._change(scope, small), jobs, renders)
                if again is not None and again.started:
                    parameters, trial = small, again
            assert trial.run is not None
            name = self._farm.renders[trial.run.render].name
            return Proposal(self._change(scope, parameters), "now", _warning(parameters), candidate.cost, name)
        return None

    def _change(self, scope: Scope, parameters: dict[str, Any]) -> Change:
        return change_of(self._farm, scope, parameters, task=self._task)

    def _touched(self, scope: Scope, render: Render) -> tuple[list[int] | None, set[int]]:
        """Return the jobs that may start, and the renders that may take, something else after a change."""
        farm, free = self._farm, set(self._scheduler.renders.free)
        kind, id, _ = scope
        if kind in ("job", "block", "errors") or kind.startswith("task."):
            return [id], free
        if kind == "user":
            ready = self._scheduler.offers.ready
            return self._few([job for job in farm.users[id].jobs if job in ready], free), free
        if kind == "branch":
            ready = self._scheduler.offers.ready
            return self._few([job for job in jobs_below(farm, farm.branches[id]) if job in ready], free), free
        renders = {id} if kind in ("render", "heal") else set(_renders_below(farm, farm.pools[id]))
        if not self._small and len(renders) > _MANY_RENDERS:
            return None, renders
        return self._rivals_on(renders | free), renders | free

    def _few(self, jobs: list[int], renders: Iterable[int]) -> list[int] | None:
        if len(jobs) <= _RIVALS:
            return jobs
        rivals = self._rivals_on(renders)
        return None if rivals is None else [job for job in jobs if job in set(rivals)]

    def _rivals_on(self, renders: Iterable[int]) -> list[int] | None:
        key = tuple(sorted(renders))
        if key not in self._rivals:
            self._rivals[key] = likely_rivals(self._farm, self._scheduler, self._job, key, _RIVALS)
        return self._rivals[key]

    # Numbers

    def _wide(self, candidate: _Candidate) -> dict[str, Any] | None:
        """Return the same change with numbers that bound nothing; None when it has no number."""
        wide = dict(candidate.parameters)
        kind, id, _ = candidate.scope
        render = candidate.render
        for name in candidate.parameters:
            if not self._small and name in ("max_tasks_host", "capacity_host"):
                # Who comes first takes the room: on a great farm one task more is tried, and no other number.
                return None
            if name in ("max_running_tasks", "max_running_tasks_per_host"):
                wide[name] = -1
            elif name in ("max_tasks_host", "capacity_host"):
                units = max(1000, minimum_capacity(self._block))
                wide["max_tasks_host"] = max(len(render.runs), max_tasks_of(self._farm, render)) + _MANY_SLOTS
                wide["capacity_host"] = max(render.used_capacity, capacity_of(self._farm, render)) + (
                    _MANY_SLOTS * units
                )
            elif name == "tickets" and kind == "pool":
                wide[name] = {ticket: [_MANY_TICKETS, -1] for ticket in wide[name]}
            elif name == "tickets_host":
                wide[name] = dict.fromkeys(wide[name], _MANY_TICKETS)
            elif name == "priority":
                wide[name] = 255
        return wide if wide != candidate.parameters else None

    def _tightened(self, candidate: _Candidate, wide: dict[str, Any], trial: Trial) -> dict[str, Any]:
        """Return a wide change with the numbers that the trial used."""
        assert trial.run is not None
        farm, render = trial.farm, trial.farm.renders[trial.run.render]
        kind, id, index = candidate.scope
        table: dict[str, Any] = {"user": farm.users, "branch": farm.branches, "job": farm.jobs, "pool": farm.pools}
        thing = farm.jobs[id].blocks[index] if kind == "block" else table.get(kind, {}).get(id)
        small = dict(wide)
        for name in wide:
            if name == "max_running_tasks" and thing is not None:
                small[name] = thing.running_tasks
            elif name == "max_running_tasks_per_host" and thing is not None:
                small[name] = thing.running_per_host.get(render.id, 0)
            elif name == "max_tasks_host":
                small[name] = max(len(render.runs), max_tasks_of(self._farm, self._farm.renders[render.id]))
            elif name == "capacity_host":
                small[name] = max(render.used_capacity, capacity_of(self._farm, self._farm.renders[render.id]))
            elif name == "tickets" and thing is not None and kind == "pool":
                used = farm.pools[id].tickets_used
                small[name] = {ticket: [used.get(ticket, 0), -1] for ticket in wide[name]}
            elif name == "tickets_host":
                small[name] = {ticket: render.tickets_used.get(ticket, 0) for ticket in wide[name]}
        if kind == "render":
            real = self._farm.renders[id]
            for name, now in (("max_tasks_host", max_tasks_of), ("capacity_host", capacity_of)):
                if small.get(name) == now(self._farm, real):
                    del small[name]
        return small

    # The next that gets free

    def _next(self, everywhere: list[Obstacle], busy: list[Render]) -> list[Proposal]:
        """Return what makes the task the next one to start when a render that would do gets free."""
        for render in busy[: 3 if self._small else 1]:
            ends = self._ending(render)
            if ends is None:
                continue
            rivals = likely_rivals(
                self._farm, self._scheduler, self._job, [render.id], _RIVALS, self._farm.runs.look(ends)
            )
            renders = {render.id, *self._scheduler.renders.free}
            owner = self._farm.jobs[ends.job].user
            gated = [job for job in self._scheduler.ranking.gated if self._farm.jobs[job].user == owner]
            jobs = list(dict.fromkeys([*rivals, *gated[:_RIVALS]]))
            if not everywhere:
                trial = self._try(None, jobs, renders, ends)
                if trial is None or trial.started:
                    # It is the next anyway, or nobody can say.
                    return []
            for change, cost in self._lifts(everywhere) if everywhere else self._raises():
                trial = self._try(change, jobs, renders, ends)
                if trial is not None and trial.started:
                    text = f"it is the next to start when a task on {render.name} ends"
                    return [Proposal(change, "next", text, cost, render.name, ends)]
        return []

    def _lifts(self, everywhere: list[Obstacle]) -> Iterator[tuple[Change, int]]:
        """Yield what takes away all that keeps the task from every render, the cheapest first."""
        general = [remedies(self._farm, each, self._job, self._block) for each in everywhere]
        found = []
        for scope in self._shared(general) or ():
            choices = [[remedy.parameters for remedy in each if remedy.scope == scope] for each in general]
            parameters = _joined([each[0] for each in choices])
            found.append((_cost(scope, parameters), scope, parameters))
        for cost, scope, parameters in sorted(found, key=lambda each: each[:2]):
            yield self._change(scope, parameters), cost

    def _raises(self) -> Iterator[tuple[Change, int]]:
        """Yield what puts a task before others: within its job, its user, its branches, the smallest step first."""
        farm, job = self._farm, self._job
        of_user, of_job = (True, True) if self._small else standing(farm, self._scheduler, job)
        if of_job and not job.maintenance:
            yield self._change(("task.try-next", job.id, self._block.index), {}), 0
        others = (farm.jobs[id].priority for id in farm.users[job.user].jobs if id in self._scheduler.offers.ready)
        for priority in sorted({min(255, max(others, default=job.priority) + 1), 255}):
            if of_job and priority > job.priority:
                yield self._change(("job", job.id, 0), {"priority": priority}), 1
        user = farm.users[job.user]
        highest = max((each.priority for each in farm.users.values()), default=0)
        for priority in sorted({min(255, highest + 1), min(255, highest + 20), 255}):
            if of_user and priority > user.priority:
                yield self._change(("user", user.id, 0), {"priority": priority}), 4
        branch = farm.branches[job.branch]
        while branch.parent:
            if of_user and branch.priority < 255:
                yield self._change(("branch", branch.id, 0), {"priority": 255}), 5
            branch = farm.branches[branch.parent]

    def _ending(self, render: Render) -> RunKey | None:
        """Return a run whose end makes room for the task on a render."""
        capacity, slots = capacity_of(self._farm, render), max_tasks_of(self._farm, render)
        for key, run in render.runs.items():
            room = capacity - render.used_capacity + run.capacity
            if run.render == render.id and len(render.runs) - 1 < slots and minimum_capacity(self._block) <= room:
                return key
        return None

    # A render that sleeps

    def _woken(self, groups: list[tuple[Obstacle, list[Render]]]) -> list[Proposal]:
        """Return to wake a render on which nothing else is in the way."""
        asleep = [render for obstacle, renders in groups if obstacle.reason is Reason.ASLEEP for render in renders]
        for render in asleep if self._small else asleep[:_TRIALS]:
            change = Change("render.wake", {"names": [render.name]}, commands.WakeRenders([render.name]))
            after = changed(
                self._farm, self._scheduler, self._at, change, jobs=[self._job.id], renders=[render.id]
            )  # fmt: skip
            if after is None:
                continue
            farm, scheduler = after
            woken, job = farm.renders[render.id], farm.jobs[self._job.id]
            woken.state = RenderState.ONLINE
            block = job.blocks[self._block.index]
            if Explainer(farm, scheduler, self._at).first(job, block, self._task, woken) is None:
                text = f"nothing else is in its way on {render.name}, once that is awake"
                return [Proposal(change, "wake", text, _COST["render"], render.name)]
        return []

    # Its turn

    def _turn(self, everywhere: list[Obstacle], groups: list[tuple[Obstacle, list[Render]]]) -> list[Proposal]:
        """Return the cheapest change after which a task waits for nothing but its turn, or comes nearer to it."""
        lone = not everywhere and any(obstacle.reason in BUSY for obstacle, _ in groups)
        if lone:
            return self._sooner()
        tried = 0
        for candidate in self._candidates(everywhere, groups, room=False):
            if tried >= _TRIALS:
                break
            tried += 1
            change = self._change(candidate.scope, candidate.parameters)
            if self._free_but_for_turn(change, candidate.render):
                text = "it waits for its turn then; " + _warning(candidate.parameters)
                return [Proposal(change, "turn", text.rstrip("; "), candidate.cost, candidate.render.name)]
        return []

    def _free_but_for_turn(self, change: Change, render: Render) -> bool:
        """Say whether nothing but that a render is busy keeps the task from it after a change."""
        after = changed(
            self._farm, self._scheduler, self._at, change, jobs=[self._job.id], renders=[render.id]
        )  # fmt: skip
        if after is None:
            return False
        farm, scheduler = after
        explainer, job = Explainer(farm, scheduler, self._at), farm.jobs[self._job.id]
        block, render = job.blocks[self._block.index], farm.renders[render.id]
        if block.tasks.state[self._task] != TaskState.READY or any(explainer.everywhere(job, block, self._task)):
            return False
        return all(each.reason in BUSY for each in explainer.on(job, block, self._task, render))

    def _sooner(self) -> list[Proposal]:
        """Return what puts a job before all others of its user."""
        farm, job = self._farm, self._job
        ready = self._scheduler.offers.ready
        highest = max((farm.jobs[id].priority for id in farm.users[job.user].jobs if id in ready), default=job.priority)
        if highest >= 255 or job.priority > highest:
            return []
        change = self._change(("job", job.id, 0), {"priority": highest + 1})
        branch = farm.branches[job.branch]
        if branch.solve_jobs or farm.users[job.user].solve_method != "solve_order":
            return []
        text = "it comes first among the jobs of its user then, and waits for the turn of its user"
        return [Proposal(change, "turn", text, 1)]

    # Everything

    def _anything(self, *, places: bool) -> list[Proposal]:
        """Return the first change of all there are that starts the task."""
        ready, renders = list(self._scheduler.offers.ready), set(self._farm.renders)
        for change, text in every_change(self._farm, self._job, self._block, self._task, places=places):
            trial = self._try(change, [*ready, *self._farm.jobs], renders)
            if trial is not None and trial.started and trial.run is not None:
                return [Proposal(change, "now", text, 20, self._farm.renders[trial.run.render].name)]
        return []


def _renders_below(farm: Farm, pool: Pool) -> Iterator[int]:
    yield from pool.renders
    for child in pool.children:
        yield from _renders_below(farm, farm.pools[child])


def _cost(scope: Scope, parameters: dict[str, Any]) -> int:
    return _COST[scope[0]] + len(parameters) + sum(_DEAR.get(name, 0) for name in parameters)


def _joined(every: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the parameters of several remedies as one edit."""
    joined: dict[str, Any] = {}
    for parameters in every:
        for name, value in parameters.items():
            if name in ("tickets", "tickets_host") and name in joined:
                joined[name] = {**joined[name], **value}
            elif isinstance(value, int) and not isinstance(value, bool) and isinstance(joined.get(name), int):
                joined[name] = max(joined[name], value)
            else:
                joined[name] = value
    return joined


def _warning(parameters: dict[str, Any]) -> str:
    """Return what to know before making a change, or an empty text."""
    return "; ".join(dict.fromkeys(_WARNINGS[name] for name in parameters if name in _WARNINGS))
