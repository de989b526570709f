"""The smallest change that starts a task: single operations first, then what needs several or another's place.

Rules of this file:
- Nothing is proposed that was not tried.
- What lets a task start without what it waits for, takes a person's machine, or stops what runs, comes last and says
  so.
"""

from afcore import commands
from afcore.model.effective import max_tasks_of
from afcore.model.render import Render
from afcore.schedule.explain import Explainer, Obstacle
from afcore.schedule.reasons import BUSY, Reason
from afcore.states import RenderState
from afcore.why.changes import Change
from afcore.why.costs import CHEAP, COST
from afcore.why.hosts import Hosts
from afcore.why.plans import Plans
from afcore.why.singles import MOST, Groups, Singles
from afcore.why.trials import Proposal, Trials

__all__ = ["Proposals"]

_SLEEPERS = 4
"""Sleeping renders that are looked at on a great farm."""


class Proposals:
    """Looks for changes that start one task."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials
        self.no_single = False
        """Whether every single change was tried, and none starts the task."""

    def found(self, everywhere: list[Obstacle], groups: Groups) -> list[Proposal]:
        """Return up to three proposals, the smallest first."""
        trials = self._trials
        if trials.block.spec.multi_host:
            return Hosts(trials).found(everywhere, groups)
        singles, plans = Singles(trials), Plans(trials)
        proposals = singles.found(everywhere, groups)
        if trials.small and not proposals:
            proposals = singles.anything(places=not everywhere)
            self.no_single = not proposals
        if not any(each.cost <= CHEAP for each in proposals):
            busy = any(each.reason in BUSY for each, _ in groups)
            kept = [each for each in proposals if not (busy and self._overloads(each))]
            planned = plans.found(everywhere, groups, then=True, now=not kept)
            if planned:
                following = [each for each in planned if each.when == "next"]
                rest = [each for each in planned if each.when != "next"]
                proposals = [*following, *(kept if following or rest else proposals), *rest]
        if not proposals and not everywhere:
            proposals = self._woken(groups)
        return proposals[:MOST]

    def _overloads(self, proposal: Proposal) -> bool:
        """Say whether a proposal makes a host run more than twice what it was meant to: the last resort."""
        arguments = proposal.changes[0].arguments
        slots = arguments.get("parameters", {}).get("max_tasks_host", 0)
        farm = self._trials.farm
        render = farm.renders[farm.renders_by_name[proposal.render]]
        return bool(slots > 2 * max(1, max_tasks_of(farm, render)))

    def _woken(self, groups: Groups) -> list[Proposal]:
        """Return to wake a render on which nothing else is in the way."""
        trials = self._trials
        asleep = [render for obstacle, renders in groups if obstacle.reason is Reason.ASLEEP for render in renders]
        for render in asleep if trials.small else asleep[:_SLEEPERS]:
            change = Change("render.wake", {"names": [render.name]}, commands.WakeRenders([render.name]))
            box = trials.sandbox([], [render.id])
            if not box.make(change):
                continue
            woken: Render = box.farm.renders[render.id]
            woken.state = RenderState.ONLINE
            job = box.farm.jobs[trials.job.id]
            block = job.blocks[trials.block.index]
            if Explainer(box.farm, box.scheduler, trials.at).first(job, block, trials.task, woken) is None:
                text = f"nothing else is in its way on {render.name}, once that is awake"
                return [Proposal([change], "wake", text, COST["render"], render.name)]
        return []
