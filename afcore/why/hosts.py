"""What starts a task that needs several renders at once: fewer of them, or that more of them do.

Rules of this file:
- A way is a group of renders that one thing is in the way of, the edits that open as many as are missing, and, where
  there are not so many, that the task begins with fewer.
- What stops others comes last; without it the task begins by itself when the renders kept for it have room.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from afcore import commands
from afcore.model.effective import block_tickets, pool_chain
from afcore.model.render import Render
from afcore.schedule.explain import Obstacle
from afcore.schedule.reasons import BUSY, Reason
from afcore.schedule.remedies import Scope, scope_of
from afcore.why.changes import Change
from afcore.why.costs import LAST_RESORT, cost_of, warning_about
from afcore.why.plans import Plans
from afcore.why.raises import raise_to_front
from afcore.why.singles import MOST, Groups, joined
from afcore.why.trials import Proposal, Trials

__all__ = ["Hosts"]

_TRIED = 4
"""Ways that are tried on a great farm: each looks at all its renders."""

_Edit = tuple[Scope, dict[str, Any]]


@dataclass(slots=True)
class _Way:
    edits: list[_Edit]
    renders: list[Render]
    """Those that take it then and do not now."""
    eject: bool = False

    @property
    def cost(self) -> int:
        """What it costs those who live with it."""
        return sum(cost_of(*edit) for edit in self.edits) + (LAST_RESORT if self.eject else 0)

    @property
    def text(self) -> str:
        """What to know before it is done."""
        told = [warning_about(parameters) for _, parameters in self.edits]
        return "; ".join(filter(None, [*told, "what runs there begins anew later" if self.eject else ""]))


class Hosts:
    """Looks for what starts one multihost task."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials
        self._plans = Plans(trials)

    def found(self, everywhere: list[Obstacle], groups: Groups) -> list[Proposal]:
        """Return up to three proposals, the smallest first."""
        held = self._plans.fixes([each for each in everywhere if each.reason is not Reason.TOO_FEW_HOSTS])
        if held is None:
            return []
        proposals: list[Proposal] = []
        ways = sorted(self._ways(groups), key=lambda way: way.cost)
        kinds: set[str] = set()
        for way in ways if self._trials.small else ways[:_TRIED]:
            wanted = self._changes(held, way)
            kind = " ".join(f"{each.operation} {sorted(each.arguments.get('parameters', ()))}" for each in wanted)
            changes = None if kind in kinds else self._tried(wanted, way.renders)
            if changes:
                kinds.add(kind)
                proposals.append(Proposal(changes, "now", way.text, way.cost))
            if len(proposals) == MOST or (held and proposals):
                break
        return proposals

    def _changes(self, held: list[_Edit], way: _Way) -> list[Change]:
        """Return the operations of a way, one for each scope; edits of renders are for all of its renders."""
        edits: dict[Scope, list[dict[str, Any]]] = {}
        for scope, parameters in [*held, *way.edits]:
            edits.setdefault(scope, []).append(parameters)
        names = [render.name for render in way.renders]
        changes = []
        for scope, several in edits.items():
            parameters = joined(several)
            if scope[0] == "render":
                command = commands.SetRenders(names, parameters)
                changes.append(Change("render.set", {"names": names, "parameters": parameters}, command))
            elif scope[0] == "heal":
                changes.append(Change("render.heal", {"names": names}, commands.HealRenders(names)))
            else:
                changes.append(self._trials.change(scope, parameters))
        if way.eject:
            changes.append(Change("render.eject-tasks", {"names": names}, commands.EjectTasks(names)))
        return changes

    def _tried(self, changes: list[Change], renders: list[Render]) -> list[Change] | None:
        """Return the changes, with what else it takes to come first; None when the task does not start by them."""
        trials = self._trials
        looked = {*(render.id for render in renders), *trials.scheduler.renders.free}
        jobs = trials.rivals_on(looked)
        for raising in (False, True):
            raised: list[Change] = []
            box = trials.sandbox(jobs, looked)
            if raising:
                if not all(box.make(change) for change in changes):
                    return None
                found = raise_to_front(box, trials.at, trials.key, min(looked, default=0)) if looked else None
                if not found:
                    return None
                raised, box = found, trials.sandbox(jobs, looked)
            made = [*raised, *changes]
            for number, change in enumerate(made, 1):
                if not box.make(change):
                    return None
                if box.starts(trials.key).started:
                    return made[:number]
        return None

    def _ways(self, groups: Groups) -> Iterator[_Way]:
        trials, spec = self._trials, self._trials.block.spec
        claim = trials.scheduler.reserved.claims.get((trials.block.job, trials.block.index))
        opened = [render for obstacle, renders in groups if obstacle.reason is Reason.NONE for render in renders]
        missing = spec.multihost_min - len(opened)
        yield _Way([], [])
        for number in range(min(len(opened), spec.multihost_min), 0, -1):
            yield _Way(self._fewer(number), [])
        if opened:
            yield from self._without_tickets(opened)
        kept = {} if claim is None else claim.renders
        for obstacle, renders in groups:
            if obstacle.reason is Reason.NONE or not renders:
                continue
            order = sorted(renders, key=lambda each: (each.id not in kept, len(each.runs), each.name))
            chosen = order[: max(1, missing)]
            every = list(trials.explainer.on(trials.job, trials.block, trials.task, chosen[0]))
            edits = self._plans.fixes([each for each in every if each.reason not in BUSY])
            if edits is None:
                continue
            fewer = self._fewer(len(opened) + len(chosen))
            busy = any(each.reason in BUSY for each in every)
            yield _Way([*edits, *fewer], chosen, eject=busy)
            if any(each.reason is Reason.POOL_TICKET for each in every):
                yield from self._without_tickets(chosen, fewer)

    def _fewer(self, number: int) -> list[_Edit]:
        """Return the edit by which a task begins with so many renders; none where it does anyway."""
        spec, parameters = self._trials.block.spec, dict[str, Any]()
        if number < spec.multihost_min:
            parameters["multihost_min"] = number
        if number < spec.multihost_max and spec.multihost_max_wait > 0:
            parameters["multihost_max_wait"] = 0
        return [(scope_of(self._trials.block), parameters)] if parameters else []

    def _without_tickets(self, renders: list[Render], also: list[_Edit] | None = None) -> Iterator[_Way]:
        """Yield what gives all its renders their tickets at once: as many as they take, or that it asks for none."""
        trials, hosts = self._trials, self._trials.block.spec.multihost_max
        wanted = block_tickets(trials.farm, trials.block.spec)
        edits: list[_Edit] = []
        for pool in pool_chain(trials.farm, renders[0].pool):
            short = {name: wanted[name] for name in wanted if name in pool.tickets}
            if short:
                counts = {
                    name: [max(pool.tickets[name][0], pool.tickets_used.get(name, 0) + amount * hosts), -1]
                    for name, amount in short.items()
                }
                edits.append((scope_of(pool), {"tickets": counts}))
        if edits:
            yield _Way([*edits, *(also or self._fewer(len(renders)))], renders)
        own = dict.fromkeys(trials.block.spec.tickets, 0)
        if own:
            yield _Way([(scope_of(trials.block), {"tickets": own}), *(also or self._fewer(len(renders)))], renders)
