"""What is known while one task is asked about, and how a change is tried for it.

Rules of this file:
- Work is bounded: on a great farm only the jobs that come first are copied, and only so many trials are made.
- Whoever could come first after a change is among the jobs that a trial looks at; else it would promise too much.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.model.tree import Pool
from afcore.schedule.explain import Explainer
from afcore.schedule.limits import jobs_below
from afcore.schedule.remedies import Scope
from afcore.schedule.solver import Scheduler
from afcore.why.changes import Change, change_of
from afcore.why.turns import likely_rivals
from afcore.why.whatif import Sandbox, Trial, try_out

__all__ = ["Proposal", "Trials"]

_SMALL = 48
"""A farm of at most so many renders and ready jobs is small: every change there is may be tried."""
_RIVALS = _SMALL
_MANY_RENDERS = 100
"""On a great farm a change that gives room on more renders at once is not tried."""
_TRIALS = 4
"""Trials of single changes for one answer on a great farm; each costs about a millisecond."""


@dataclass(slots=True)
class Proposal:
    """Changes that were tried, and when the task starts by them."""

    changes: list[Change]
    """To be made one after the other; mostly there is one."""
    when: str
    """``now``; ``next``: when ``ends`` has ended; ``wake``: when ``render`` is awake."""
    text: str
    cost: int
    render: str = ""
    """Where it starts."""
    ends: RunKey | None = None

    def told(self) -> dict[str, Any]:
        """Return it as plain values; ``also`` holds what has to be done after the first operation."""
        first, *more = ({"operation": each.operation, "arguments": each.arguments} for each in self.changes)
        return {
            **first,
            "also": more,
            "when": self.when,
            "text": self.text,
            "render": self.render,
            "ends": list(self.ends) if self.ends is not None else None,
        }


class Trials:
    """One task of a farm, and the means to try changes for it."""

    def __init__(
        self, farm: Farm, scheduler: Scheduler, at: float, explainer: Explainer, job: Job, block: Block, task: int
    ) -> None:
        self.farm = farm
        self.scheduler = scheduler
        self.at = at
        self.explainer = explainer
        self.job, self.block, self.task = job, block, task
        self.key = (job.id, block.index, task)
        self.small = len(farm.renders) <= _SMALL and len(scheduler.offers.ready) <= _SMALL
        self.left = 10_000 if self.small else _TRIALS
        """Trials of single changes that may still be made."""
        self._rivals: dict[tuple[int, ...], list[int]] = {}
        self._after: dict[tuple[int, RunKey], list[int]] = {}

    def change(self, scope: Scope, parameters: dict[str, Any]) -> Change:
        """Return the operation that an edit is, for the task asked about."""
        return change_of(self.farm, scope, parameters, task=self.task)

    def attempt(self, change: Change, jobs: list[int] | None, renders: Iterable[int]) -> Trial | None:
        """Try one change; None when it is refused, or too much would have to be looked at."""
        if jobs is None or self.left <= 0:
            return None
        self.left -= 1
        wanted = dict.fromkeys([*jobs, self.job.id])
        return try_out(self.farm, self.scheduler, self.at, [change], self.key, jobs=wanted, renders=set(renders))

    def sandbox(self, jobs: Iterable[int], renders: Iterable[int]) -> Sandbox:
        """Return a copy of the farm on which these jobs, and the one asked about, may start something."""
        wanted = dict.fromkeys([*jobs, self.job.id])
        return Sandbox(self.farm, self.scheduler, self.at, jobs=wanted, renders=set(renders))

    def touched(self, scope: Scope, render: Render) -> tuple[list[int] | None, set[int]]:
        """Return the jobs that may start, and the renders that may take, something else after an edit."""
        farm, free = self.farm, set(self.scheduler.renders.free)
        kind, id, _ = scope
        if kind in ("job", "block", "errors") or kind.startswith("task."):
            return [id], free
        ready = self.scheduler.offers.ready
        if kind == "user":
            return self._few([job for job in farm.users[id].jobs if job in ready], free), free
        if kind == "branch":
            return self._few([job for job in jobs_below(farm, farm.branches[id]) if job in ready], free), free
        if kind == "hold":
            return self.rivals_on(free), free
        renders = {id} if kind in ("render", "heal") else set(_renders_below(farm, farm.pools[id]))
        if not self.small and len(renders) > _MANY_RENDERS:
            return None, renders
        return self.rivals_on(renders | free), renders | free

    def _few(self, jobs: list[int], renders: Iterable[int]) -> list[int]:
        if len(jobs) <= _RIVALS:
            return jobs
        rivals = set(self.rivals_on(renders))
        return [job for job in jobs if job in rivals]

    def rivals_on(self, renders: Iterable[int]) -> list[int]:
        """Return the jobs that may take what becomes free on some renders first."""
        key = tuple(sorted(renders))
        if key not in self._rivals:
            self._rivals[key] = likely_rivals(self.farm, self.scheduler, self.job, key, _RIVALS)
        return self._rivals[key]

    def rivals_after(self, render: Render, ends: RunKey) -> list[int]:
        """Return the jobs that may take the place of a run that ends."""
        known = self._after.get((render.id, ends))
        if known is not None:
            return known
        run = self.farm.runs.look(ends)
        found = likely_rivals(self.farm, self.scheduler, self.job, [render.id], _RIVALS, run)
        owner = self.farm.jobs[ends.job].user
        gated = [job for job in self.farm.users[owner].jobs if job in self.scheduler.ranking.gated]
        # Its job may be over by that end, and others have waited for it.
        waited = sorted(self.farm.waiters.get(ends.job, ()))
        known = self._after[render.id, ends] = list(dict.fromkeys([*found, *gated[:_RIVALS], *waited[:_RIVALS]]))
        return known


def _renders_below(farm: Farm, pool: Pool) -> Iterator[int]:
    yield from pool.renders
    for child in pool.children:
        yield from _renders_below(farm, farm.pools[child])
