"""What puts a task before all others: within its job, its user and its branches, each by the smallest step.

Rules of this file:
- The ranks are the solver's own (``schedule.ranking``), asked on a copy of the farm as it is when there is room.
- Each step is needed: it is made where, and only where, somebody else would be asked first.
"""

from collections.abc import Iterator
from copy import copy
from typing import Any

from afcore.model.copying import shallow_copy
from afcore.model.job import Block, Job
from afcore.model.tree import User
from afcore.schedule.explain import Explainer
from afcore.schedule.limits import block_start_reason, holders_of, start_reason
from afcore.schedule.need import Rank
from afcore.schedule.ranking import Place
from afcore.schedule.remedies import scope_of
from afcore.states import TaskState
from afcore.why.changes import Change, change_of
from afcore.why.whatif import Sandbox

__all__ = ["raise_to_front"]

_MOST_ROUNDS = 8
_HIGHEST = 255
_FEW_RENDERS = 48


def raise_to_front(box: Sandbox, at: float, task: tuple[int, int, int], render: int) -> list[Change] | None:
    """Make the changes on a copy of a farm by which a task comes first on a render; return them.

    Empty when it comes first anyway; None when no priority there is would do.
    """
    made: dict[Any, Change] = {}
    for _ in range(_MOST_ROUNDS):
        # What is kept for a block that may start nothing more is free, as it will be in the solver's next pass.
        box.scheduler.reserved.settle(at)
        box.scheduler.rank_now()
        step = _Look(box, at, task, render).step()
        if step is None:
            return list(made.values())
        key, change = step
        if change is None or not box.make(change):
            return None
        made[key] = change
    return None


class _Look:
    """Who would be asked before a task on one render, as a copy of the farm is now."""

    def __init__(self, box: Sandbox, at: float, task: tuple[int, int, int], render: int) -> None:
        self._farm, self._scheduler = box.farm, box.scheduler
        self._explainer = Explainer(box.farm, box.scheduler, at)
        self._render = box.farm.renders[render]
        self._job = box.farm.jobs[task[0]]
        self._block, self._task = self._job.blocks[task[1]], task[2]

    def step(self) -> tuple[Any, Change | None] | None:
        """Return the next step to the front, a step without a change where there is none; None at the front."""
        job = self._job
        if not self._first_in_job():
            if any(each == (self._block.index, self._task) for each in job.try_next):
                return "task", None
            return "task", change_of(self._farm, ("task.try-next", job.id, self._block.index), {}, task=self._task)
        ranking = self._scheduler.ranking
        below: Place | None = None
        rivals = list(self._rivals())
        for place in self._above(job):
            mine = ranking.rank_job(place, job) if below is None else ranking.rank_place(below)
            best: Rank | None = None
            for rival, above in rivals:
                if place not in above:
                    continue
                depth = above.index(place)
                theirs = above[depth - 1] if depth else None
                if theirs is not None and theirs is below:
                    continue
                rank = ranking.rank_place(theirs) if theirs is not None else ranking.rank_job(place, rival)
                if rank < mine and (best is None or rank < best):
                    best = rank
            if best is not None:
                return self._raised(place, below, best)
            below = place
        return None

    def _first_in_job(self) -> bool:
        """Say whether no other task of its job would be taken first."""
        job, block, task = self._job, self._block, self._task
        for index, listed in job.try_next:
            if (index, listed) == (block.index, task):
                return True
            if job.blocks[index].tasks.state[listed] == TaskState.READY and self._fits(job, index, listed):
                return False
        if job.maintenance:
            return True
        if block.spec.multi_host:
            # Its block asks for itself: only the order within it counts.
            taken = self._scheduler.offers.next_task(block)
            return taken is None or taken[1] == task
        for each in job.blocks:
            if block_start_reason(each):
                continue
            if each.spec.multi_host:
                if self._may_gather(job, each):
                    return False
                continue
            taken = self._scheduler.offers.next_task(each)
            if taken is None:
                continue
            if each is block:
                return taken[1] == task or not self._fits(job, each.index, taken[1])
            if self._fits(job, each.index, taken[1]):
                return False
        return True

    def _fits(self, job: Job, block: int, task: int) -> bool:
        return self._explainer.first(job, job.blocks[block], task, self._render) is None

    def _may_gather(self, job: Job, block: Block) -> bool:
        """Say whether a multihost block may take renders, or have them kept, when its turn comes: on a small farm.

        On a great one every render would have to be looked at for each of them.
        """
        if len(self._farm.renders) > _FEW_RENDERS or self._scheduler.offers.next_task(block) is None:
            return False
        return self._scheduler.reserved.could_ever(job, block) >= block.spec.multihost_min

    def _rivals(self) -> Iterator[tuple[Job, list[Place]]]:
        """Yield the other jobs that could start something on the render, each with the places above it."""
        for id in list(self._scheduler.offers.ready):
            if id == self._job.id:
                continue
            rival = self._farm.jobs[id]
            if any(start_reason(holder) for holder in holders_of(self._farm, rival)):
                continue
            for block in rival.blocks:
                if block_start_reason(block):
                    continue
                if block.spec.multi_host:
                    if self._may_gather(rival, block):
                        yield rival, self._above(rival)
                        break
                    continue
                taken = self._scheduler.offers.next_task(block)
                if taken is not None and self._fits(rival, block.index, taken[1]):
                    yield rival, self._above(rival)
                    break

    def _above(self, job: Job) -> list[Place]:
        """Return the places that a job lies below, the nearest first."""
        ranking = self._scheduler.ranking
        place = ranking.place_of(job)
        found = []
        while place is not None:
            found.append(place)
            place = ranking.above(place)
        return found

    def _raised(self, place: Place, below: Place | None, best: Rank) -> tuple[Any, Change | None]:
        """Return the smallest priority by which a job, or a place, comes before a rank."""
        ranking, job = self._scheduler.ranking, self._job
        thing = job if below is None else below.node
        listed = below is None and isinstance(place.node, User) and place.node.solve_method == "solve_order"

        def enough(priority: int) -> bool:
            probe = shallow_copy(thing)
            probe.priority = priority
            if below is None:
                rank = ranking.rank_job(place, probe)  # type: ignore[arg-type]
                # In a user's own list a job whose priority changes goes behind its equals.
                return rank[0] < best[0] if listed else rank < best
            there = copy(below)
            there.node, there.rank = probe, None  # type: ignore[assignment]
            return ranking.rank_place(there) < best

        low, high = thing.priority + 1, _HIGHEST
        scope = scope_of(thing)
        if low > high or not enough(high):
            return scope, None
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(middle) else (middle + 1, high)
        return scope, change_of(self._farm, scope, {"priority": low})
