"""Single operations that start a task: remedies for all that is in its way on one render that share one scope.

Rules of this file:
- The cheapest is tried first, and nothing is proposed that was not tried.
- A change that starts the task with a greater number is made as small as the trial showed it may be, and tried again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from afcore.model.render import Render
from afcore.schedule.explain import Obstacle
from afcore.schedule.reasons import BUSY
from afcore.schedule.remedies import Remedy, Scope, remedies
from afcore.why.costs import LAST_RESORT, SPREAD, cost_of, warning_about
from afcore.why.everychange import every_change
from afcore.why.numbers import tightened, wide
from afcore.why.trials import Proposal, Trials

__all__ = ["MOST", "Groups", "Singles", "joined"]

MOST = 3
"""Proposals of one answer."""
_SAMPLES = 2
"""Renders of one group whose obstacles are all looked at; on a small farm it is every render."""
_CHOICES = 4
"""Ways to take the same obstacles away within one scope."""

Groups = list[tuple[Obstacle, list[Render]]]
"""Renders by what is first in a task's way there."""


@dataclass(slots=True)
class _Candidate:
    scope: Scope
    parameters: dict[str, Any]
    render: Render
    cost: int


class Singles:
    """Looks for operations each of which starts the task at once."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials

    def found(self, everywhere: list[Obstacle], groups: Groups) -> list[Proposal]:
        """Return up to three changes of different scopes, the cheapest first."""
        proposals: list[Proposal] = []
        kinds: set[str] = set()
        for candidate in self._candidates(everywhere, groups):
            if len(proposals) >= MOST or self._trials.left <= 0:
                break
            if candidate.scope[0] in kinds or (kinds and candidate.cost > proposals[-1].cost + SPREAD):
                continue
            proposal = self._tried(candidate)
            if proposal is not None:
                kinds.add(candidate.scope[0])
                proposals.append(proposal)
        return proposals

    def anything(self, *, places: bool) -> list[Proposal]:
        """Return the first change of all there are that starts the task; for small farms."""
        trials = self._trials
        farm = trials.farm
        ready, renders = list(trials.scheduler.offers.ready), set(farm.renders)
        kept_for = trials.scheduler.reserved.claims
        for change, text in every_change(farm, trials.job, trials.block, trials.task, places=places, kept_for=kept_for):
            trial = trials.attempt(change, [*ready, *farm.jobs], renders)
            if trial is not None and trial.started and trial.run is not None:
                return [Proposal([change], "now", text, LAST_RESORT, farm.renders[trial.run.render].name)]
        return []

    def _candidates(self, everywhere: list[Obstacle], groups: Groups) -> list[_Candidate]:
        """Return every edit whose scope holds remedies for all obstacles on some render, the cheapest first."""
        trials = self._trials
        general = [remedies(trials.farm, each, trials.job, trials.block) for each in everywhere]
        if general and not _shared(general):
            return []
        found: dict[tuple[Scope, str], _Candidate] = {}
        for _, renders in groups:
            for render in renders if trials.small else renders[:_SAMPLES]:
                for scope, parameters in self._on(render, general):
                    cost = cost_of(scope, parameters)
                    key = (scope, repr(sorted(parameters)))
                    if key not in found or cost < found[key].cost:
                        found[key] = _Candidate(scope, parameters, render, cost)
        return sorted(found.values(), key=lambda each: (each.cost, each.scope))

    def _on(self, render: Render, general: list[list[Remedy]]) -> Iterator[tuple[Scope, dict[str, Any]]]:
        trials, every, overfull = self._trials, list(general), False
        for obstacle in trials.explainer.on(trials.job, trials.block, trials.task, render):
            found = remedies(trials.farm, obstacle, trials.job, trials.block)
            if not found:
                return
            every.append(found)
            # On a great farm somebody waits for every place there is: one more is not for this task.
            overfull = overfull or (obstacle.reason in BUSY and not trials.small)
        if not every:
            return
        for scope in sorted(_shared(every)):
            if overfull and scope[0] in ("render", "pool"):
                continue
            choices = [[remedy.parameters for remedy in each if remedy.scope == scope] for each in every]
            for chosen in list(product(*choices))[:_CHOICES]:
                yield scope, joined(chosen)

    def _tried(self, candidate: _Candidate) -> Proposal | None:
        """Return a candidate as a proposal, made as small as it may be; None when the task does not start by it."""
        trials = self._trials
        farm, block, scope, render = trials.farm, trials.block, candidate.scope, candidate.render
        jobs, renders = trials.touched(scope, render)
        greater = wide(farm, block, scope, candidate.parameters, render, small=trials.small)
        several = [candidate.parameters, *([greater] if greater is not None else [])]
        if scope[0] == "block" and block.spec.sequential != -1:
            # What stands in the way is its own block's order.
            several.append({**several[-1], "sequential": -1})
        for parameters in several:
            trial = trials.attempt(trials.change(scope, parameters), jobs, renders)
            if trial is None or not trial.started:
                continue
            if parameters is not candidate.parameters:
                small = tightened(farm, scope, parameters, trial)
                again = trials.attempt(trials.change(scope, small), jobs, renders)
                if again is not None and again.started:
                    parameters, trial = small, again
            assert trial.run is not None
            name = farm.renders[trial.run.render].name
            change = trials.change(scope, parameters)
            return Proposal([change], "now", warning_about(parameters), candidate.cost, name)
        return None


def _shared(every: list[list[Remedy]]) -> set[Scope]:
    """Return the scopes that have a remedy for every obstacle."""
    return set.intersection(*({remedy.scope for remedy in each} for each in every))


def joined(every: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the parameters of several remedies as one edit."""
    made: dict[str, Any] = {}
    for parameters in every:
        for name, value in parameters.items():
            if name in ("tickets", "tickets_host") and name in made:
                made[name] = {**made[name], **value}
            elif isinstance(value, int) and not isinstance(value, bool) and isinstance(made.get(name), int):
                made[name] = max(made[name], value)
            else:
                made[name] = value
    return made
