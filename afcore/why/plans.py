"""What starts a task where one operation is not enough, or where it has to get the place of what runs.

Rules of this file:
- A way is one render with the fewest operations that take away all but that it is busy; then the task is raised to the
  front; then a run that is there ends by itself (``next``), or is stopped (``now``).
- What is proposed was tried in the order in which it is told, with everybody else starting what they can in between.
- Who loses work by it is told, and is the one that comes last of those who run there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from afcore import commands
from afcore.ids import RunKey
from afcore.model.effective import capacity_of, max_tasks_of
from afcore.model.render import Render
from afcore.model.run import Run
from afcore.schedule.explain import Obstacle
from afcore.schedule.fit import minimum_capacity
from afcore.schedule.reasons import BUSY, Reason
from afcore.schedule.remedies import Remedy, Scope, remedies
from afcore.why.changes import Change
from afcore.why.costs import LAST_RESORT, cost_of, warning_about
from afcore.why.raises import raise_to_front
from afcore.why.singles import Groups, joined
from afcore.why.trials import Proposal, Trials
from afcore.why.whatif import Sandbox

__all__ = ["Plans"]

_TAKEN = BUSY | {Reason.GPUS_TAKEN}
"""Reasons that a run which ends may take away."""
_MOST_FIXES = 3
_SAMPLES = 1
"""Renders of one group that are looked at on a great farm."""
_WAYS = 2
"""Ways that are tried on a great farm; each costs some milliseconds."""
_CHEAP_TO_LOSE = 60.0
"""Seconds of work within which it does not matter which run is stopped."""


@dataclass(slots=True)
class _Way:
    render: Render
    fixes: list[Change]
    text: str
    cost: int
    busy: bool
    ends: list[Run]
    """Runs whose end, all together, makes room; the one that is missed least first."""


class Plans:
    """Looks for what starts the task by several operations, or in the place of another."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials

    def found(self, everywhere: list[Obstacle], groups: Groups, *, now: bool, then: bool) -> list[Proposal]:
        """Return a plan for when something ends (``then``) and one that starts the task at once (``now``)."""
        wanted = [when for when, asked in (("next", then), ("now", now)) if asked]
        plans: dict[str, Proposal] = {}
        tried = 0
        for way in sorted(self._ways(everywhere, groups), key=lambda each: (len(each.fixes), each.cost)):
            if len(plans) == len(wanted) or (tried >= _WAYS and not self._trials.small):
                break
            tried += 1
            raised: list[Change] = []
            for when in wanted:
                if when not in plans and (way.busy or when == "now"):
                    plan = self._planned(way, when, raised)
                    if plan is not None:
                        plans[when], raised = plan
        return [plans[when] for when in wanted if when in plans]

    # Ways

    def _ways(self, everywhere: list[Obstacle], groups: Groups) -> Iterator[_Way]:
        trials = self._trials
        for _, renders in groups:
            for render in renders if trials.small else renders[:_SAMPLES]:
                on = list(trials.explainer.on(trials.job, trials.block, trials.task, render))
                busy = [each for each in on if each.reason in _TAKEN]
                ends = self._ends(render, devices=any(each.reason is Reason.GPUS_TAKEN for each in busy))
                if busy and ends is not None:
                    on = [each for each in on if each.reason not in _TAKEN]
                edits = self.fixes([*everywhere, *on])
                if edits is not None:
                    text = "; ".join(filter(None, (warning_about(parameters) for _, parameters in edits)))
                    cost = sum(cost_of(*edit) for edit in edits)
                    changes = [trials.change(*edit) for edit in edits]
                    yield _Way(render, changes, text, cost, bool(busy and ends), ends or [])

    def fixes(self, obstacles: list[Obstacle]) -> list[tuple[Scope, dict[str, Any]]] | None:
        """Return the fewest, then cheapest, edits that take away some obstacles; None where something stays."""
        trials = self._trials
        every = [remedies(trials.farm, each, trials.job, trials.block) for each in obstacles]
        if not all(every):
            return None
        scopes = sorted({remedy.scope for each in every for remedy in each})
        for number in range(min(_MOST_FIXES, len(scopes)) + 1):
            made = (_cover(chosen, every) for chosen in combinations(scopes, number))
            covers = [edits for edits in made if edits is not None]
            if covers:
                return min(covers, key=lambda edits: sum(cost_of(*edit) for edit in edits))
        return None

    def _ends(self, render: Render, *, devices: bool) -> list[Run] | None:
        """Return few runs whose end makes room on a render, or gives back devices; None where there are none such."""
        farm, need = self._trials.farm, minimum_capacity(self._trials.block)
        capacity, slots = capacity_of(farm, render), max_tasks_of(farm, render)
        if need > capacity or slots < 1:
            return None
        room, free = capacity - render.used_capacity, slots - len(render.runs)
        ends: list[Run] = []
        own = sorted((run for run in render.runs.values() if run.render == render.id), key=self._missed)
        missing = self._trials.block.spec.need_gpus if devices else 0
        for run in sorted(own, key=lambda run: -len(run.devices)):
            if missing > 0 and run.devices:
                ends.append(run)
                room, free, missing = room + run.capacity, free + 1, missing - len(run.devices)
        if room < need:
            enough = [run for run in own if room + run.capacity >= need]
            own = [*enough, *own] if enough else sorted(own, key=lambda run: -run.capacity)
        for run in own:
            if room >= need and free > 0:
                break
            if run not in ends:
                ends.append(run)
                room, free = room + run.capacity, free + 1
        return ends if room >= need and free > 0 else None

    def _missed(self, run: Run) -> Any:
        """Sort runs by who comes last, and by how much work would be lost."""
        farm = self._trials.farm
        job = farm.jobs[run.key.job]
        lost = max(0.0, self._trials.at - run.started)
        return (
            job.id == self._trials.job.id,
            bool(run.captured),
            farm.users[job.user].priority,
            job.priority,
            lost // _CHEAP_TO_LOSE,
            -run.started,
            run.key,
        )

    # Trying

    def _planned(self, way: _Way, when: str, raised: list[Change]) -> tuple[Proposal, list[Change]] | None:
        """Return a plan by one way, and what raises the task in it; ``raised`` is what another plan raised it by."""
        trials, ends = self._trials, way.ends if way.busy else []
        if when == "next" and len(ends) != 1:
            # Between several ends others would begin; a render is kept for such a task when its time comes.
            return None
        stops = [self._stopping(way.render, ends)] if ends and when == "now" else []
        jobs = trials.rivals_after(way.render, ends[0].key) if ends else trials.rivals_on([way.render.id])
        jobs = [*jobs, *(run.key.job for run in ends)]
        renders = {way.render.id, *trials.scheduler.renders.free}
        changes = [*raised, *way.fixes, *stops]
        if raised and self._goes(trials.sandbox(jobs, renders), changes, when, ends):
            return self._proposal(way, when, changes, raised, ends), raised
        box = trials.sandbox(jobs, renders)
        if not all(box.make(change) for change in way.fixes):
            return None
        if ends and not any(box.farm.runs.look(run.key) for run in ends):
            # To hold a block stops what it runs, so that there is nothing to wait for and nothing more to stop.
            if when == "next":
                return None
            stops = []
        if not all(box.make(change) for change in stops):
            return None
        if when == "next":
            for run in ends:
                box.end(run.key)
        found = raise_to_front(box, trials.at, trials.key, way.render.id)
        changes = [*(found or ()), *way.fixes, *stops]
        if found is None or not changes or not box.starts(trials.key).started:
            return None
        alone = ends and len(renders) == 1 and not (found and way.fixes)
        if (len(changes) > 1 or when == "next") and not alone:
            # Somebody could start in between where more is free than what the task gets; and some things can only be
            # raised when what is in the way is gone.
            orders = [changes, [*way.fixes, *found, *stops]] if found and way.fixes else [changes]
            for order in orders:
                if self._goes(trials.sandbox(jobs, renders), order, when, ends):
                    changes = order
                    break
            else:
                return None
        return self._proposal(way, when, changes, found, ends), found

    def _goes(self, box: Sandbox, changes: list[Change], when: str, ends: list[Run]) -> bool:
        """Say whether the task starts when the changes are made one after the other, while others go on."""
        key = self._trials.key
        for change in changes:
            if not box.make(change):
                return False
            if box.starts(key).started:
                return when == "now"
        if when == "next":
            for run in ends:
                box.end(run.key)
            return box.starts(key).started
        return False

    def _proposal(self, way: _Way, when: str, changes: list[Change], raised: list[Change], ends: list[Run]) -> Proposal:
        farm, name = self._trials.farm, way.render.name
        cost = way.cost + len(raised)
        if when == "next":
            told = f"it is the next to start when a task on {name} ends"
            ending: RunKey | None = ends[0].key
        else:
            ending = None
            cost += LAST_RESORT if ends else 0
            told = ""
            if ends:
                key = ends[0].key
                what = f'task {key.task} of job {key.job} "{farm.jobs[key.job].name}"'
                more = f" and {len(ends) - 1} more" if len(ends) > 1 else ""
                told = f"{what}{more} on {name} begins anew later"
        text = "; ".join(filter(None, (told, way.text)))
        return Proposal(changes, when, text, cost, name, ending)

    def _stopping(self, render: Render, ends: list[Run]) -> Change:
        """Return what stops some runs of a render: one by its task, several by ejecting all that runs there."""
        if len(ends) > 1:
            return Change("render.eject-tasks", {"names": [render.name]}, commands.EjectTasks([render.name]))
        key = ends[0].key
        arguments = {"job": key.job, "block": key.block, "tasks": [[key.task, key.task]]}
        command = commands.ChangeTasks(key.job, "restart", [key.block], [(key.task, key.task)])
        return Change("task.restart", arguments, command)


def _cover(scopes: tuple[Scope, ...], every: list[list[Remedy]]) -> list[tuple[Scope, dict[str, Any]]] | None:
    """Return one edit for each scope, which together hold a remedy for every obstacle; None where one has none."""
    chosen: dict[Scope, list[dict[str, Any]]] = {scope: [] for scope in scopes}
    for each in every:
        # The last one of a scope takes most away.
        remedy = next((remedy for remedy in reversed(each) if remedy.scope in chosen), None)
        if remedy is None:
            return None
        chosen[remedy.scope].append(remedy.parameters)
    return [(scope, joined(parameters)) for scope, parameters in chosen.items()]
