"""What starts a task that needs several renders at once: fewer of them, or that more of them do.

Rules of this file:
- One operation opens as many renders as are missing, by their own parameters or by what keeps the task from them all.
- What stops others comes last; without it the task begins by itself when the renders kept for it have room.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from afcore import commands
from afcore.model.render import Render
from afcore.schedule.explain import Obstacle
from afcore.schedule.reasons import BUSY, Reason
from afcore.schedule.remedies import remedies, scope_of
from afcore.why.changes import Change
from afcore.why.costs import COST, LAST_RESORT, cost_of, warning_about
from afcore.why.plans import Plans
from afcore.why.raises import raise_to_front
from afcore.why.singles import MOST, Groups
from afcore.why.trials import Proposal, Trials

__all__ = ["Hosts"]

_TRIED = 4
"""Ways that are tried on a great farm: each looks at all its renders."""


@dataclass(slots=True)
class _Way:
    changes: list[Change]
    text: str
    cost: int
    renders: list[Render]
    """Those that take it then and do not now."""


class Hosts:
    """Looks for what starts one multihost task."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials

    def found(self, everywhere: list[Obstacle], groups: Groups) -> list[Proposal]:
        """Return up to three proposals, the smallest first."""
        others = [each for each in everywhere if each.reason is not Reason.TOO_FEW_HOSTS]
        fixes = Plans(self._trials).fixes(others)
        if fixes is None:
            return []
        held, told, dear = fixes
        proposals: list[Proposal] = []
        ways = sorted(self._ways(groups), key=lambda way: way.cost)
        for way in [_Way([], "", 0, []), *ways] if held else ways[: None if self._trials.small else _TRIED]:
            changes = self._tried([*held, *way.changes], way.renders)
            if changes is not None:
                text = "; ".join(filter(None, (told, way.text)))
                proposals.append(Proposal(changes, "now", text, dear + way.cost))
            if len(proposals) == MOST or (held and proposals):
                break
        return proposals

    def _tried(self, changes: list[Change], renders: list[Render]) -> list[Change] | None:
        """Return the changes, with what else it takes to come first; None when the task does not start by them."""
        trials = self._trials
        looked = {*(render.id for render in renders), *trials.scheduler.renders.free}
        jobs = trials.rivals_on(looked)
        box = trials.sandbox(jobs, looked)
        if not all(box.make(change) for change in changes):
            return None
        if box.starts(trials.key).started:
            return changes
        for render in renders[:1]:
            box = trials.sandbox(jobs, looked)
            if not all(box.make(change) for change in changes):
                return None
            raised = raise_to_front(box, trials.at, trials.key, render.id)
            if raised and box.starts(trials.key).started:
                return [*raised, *changes]
        return None

    def _ways(self, groups: Groups) -> Iterator[_Way]:
        trials, spec = self._trials, self._trials.block.spec
        opened = sum(len(renders) for obstacle, renders in groups if obstacle.reason is Reason.NONE)
        own = trials.block.job, trials.block.index
        claim = trials.scheduler.reserved.claims.get(own)
        scope = scope_of(trials.block)
        waits = {"multihost_max_wait": 0} if 0 < opened < spec.multihost_max and spec.multihost_max_wait else {}
        if opened >= spec.multihost_min and waits:
            yield _Way([trials.change(scope, waits)], "it does not wait for more renders then", COST["block"], [])
        elif 0 < opened < spec.multihost_min:
            fewer = {"multihost_min": opened, **waits}
            yield _Way([trials.change(scope, fewer)], warning_about(fewer), cost_of(scope, fewer), [])
        missing = max(1, spec.multihost_min - opened)
        kept = {} if claim is None else claim.renders
        busy = [render for obstacle, renders in groups if obstacle.reason in BUSY for render in renders]
        if len(busy) >= missing:
            chosen = sorted(busy, key=lambda each: (each.id not in kept, len(each.runs), each.name))[:missing]
            names = [render.name for render in chosen]
            ejected = Change("render.eject-tasks", {"names": names}, commands.EjectTasks(names))
            yield _Way([ejected], "what runs there begins anew later", LAST_RESORT, chosen)
        for obstacle, renders in groups:
            if obstacle.reason not in BUSY and obstacle.reason is not Reason.NONE and len(renders) >= missing:
                yield from self._opened(renders[:missing])

    def _opened(self, renders: list[Render]) -> Iterator[_Way]:
        """Yield what opens some renders that one and the same thing is in the way of."""
        trials = self._trials
        every = [
            remedies(trials.farm, obstacle, trials.job, trials.block)
            for render in renders
            for obstacle in list(trials.explainer.on(trials.job, trials.block, trials.task, render))[:1]
        ]
        for remedy in every[0] if every else ():
            text, cost = warning_about(remedy.parameters), cost_of(*remedy)
            if remedy.scope[0] == "render":
                names = [render.name for render in renders]
                edit = commands.SetRenders(names, remedy.parameters)
                change = Change("render.set", {"names": names, "parameters": remedy.parameters}, edit)
            elif remedy.scope[0] == "heal":
                names = [render.name for render in renders]
                change = Change("render.heal", {"names": names}, commands.HealRenders(names))
            else:
                change = trials.change(*remedy)
            yield _Way([change], text, cost, renders)
