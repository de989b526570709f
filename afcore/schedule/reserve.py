"""Renders that are kept for a task which would never find room among small ones, or which needs several at once.

Rules of this file:
- A claim is nothing but a promise of the solver: it takes nothing, is in no journal, and is made anew after a restart.
- A claim has all its renders or is not made, and a render is in one claim at most: no two claims wait for each other.
- Who was overtaken on a render it could use if that were empty, for ``PATIENCE`` seconds, gets a claim on the render
  that will have room first; whoever was overtaken first comes first, and at most one render in ``SHARE`` is claimed so.
- **Backfill**: on a claimed render others start what ends before the claim's renders have room, by their blocks' limit
  or, without one, by twice the mean of what their blocks' tasks took.  So a claim of tasks with limits is kept.
- A multihost block claims as many renders as it may have as soon as its turn comes; while one waits for its claim, no
  later one makes one.
Source of the policy: a reservation for the first in the queue with backfill behind it (EASY), one for several queues.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render, Run
from afcore.schedule.fit import Matches, block_reason, holder_reason, job_reason, minimum_capacity
from afcore.schedule.free import FreeRenders
from afcore.schedule.limits import block_start_reason, holders_of, job_start_reason, start_reason
from afcore.schedule.reasons import MEASURED, Reason
from afcore.states import TaskState

__all__ = [
    "PATIENCE",
    "SHARE",
    "Bound",
    "Claim",
    "ClaimKey",
    "Reservations",
    "avoids",
    "could_hold",
    "lasts",
    "room_at",
]

PATIENCE = 20.0
"""Seconds of being overtaken before a render is kept."""
SHARE = 16
"""Of this many renders one may be kept for blocks that need one; there may always be one."""
_LOOK_AT = 256
"""How many renders are looked at for one claim."""
_LOOK_AGAIN = 1.0
"""Seconds between two looks for better renders of one multihost claim."""
_ENOUGH = 3
"""Finished tasks of a block from which its next one's time is estimated."""

ClaimKey = tuple[int, int]
"""Job and block."""

_ROOMY = frozenset({Reason.NONE, Reason.SLOTS, Reason.FULL})
_PASSING = frozenset(
    {Reason.NONE, Reason.PER_HOST_LIMIT, Reason.BLOCK_LIMIT, Reason.HOST_TICKET, Reason.POOL_TICKET, Reason.GPUS_TAKEN}
    | MEASURED
)
"""Reasons against a render that may be gone when what runs there is."""


def lasts(block: Block) -> float:
    """Return how many seconds a task of a block runs at most, as far as anybody knows; infinity for unknown."""
    limit = block.spec.task_max_run_time
    if limit > 0:
        return float(limit)
    done = block.tasks.counts[TaskState.DONE]
    return block.run_time_sum_ms / done / 500 if done >= _ENOUGH and block.run_time_sum_ms else math.inf


def _run_ends(farm: Farm, run: Run, at: float) -> float:
    """Return when a run will have ended (unix seconds); one that is late will take as long again."""
    block = farm.jobs[run.key.job].blocks[run.key.block]
    end = run.started + lasts(block)
    if end > at:
        return end
    return at if block.spec.task_max_run_time > 0 else 2 * at - run.started


def room_at(farm: Farm, renders: FreeRenders, render: Render, need: int, at: float) -> float:
    """Return when a render has a slot and ``need`` units free, if nothing more starts there; infinity for unknown."""
    capacity, most, _ = renders.size(render)
    free, slots = capacity - render.used_capacity, most - len(render.runs)
    if free >= need and slots > 0:
        return at
    ends = sorted((_run_ends(farm, run, at), _takes(run, render.id)) for run in render.runs.values())
    for end, units in ends:
        free += units
        slots += 1
        if free >= need and slots > 0:
            return end
    return math.inf


def _takes(run: Run, render: int) -> int:
    if run.render == render:
        return run.capacity
    return next((held.capacity for held in run.captured if held.render == render), 0)


def could_hold(farm: Farm, renders: FreeRenders, matches: Matches, job: Job, block: Block, render: Render) -> bool:
    """Say whether a render could take a task of a block if nothing ran there."""
    capacity, most, _ = renders.size(render)
    return (
        most > 0
        and minimum_capacity(block) <= capacity
        and renders.room_reason(render) in _ROOMY
        and not job_reason(farm, job, render)
        and all(holder_reason(farm, matches, holder, render) in _PASSING for holder in holders_of(farm, job))
        and block_reason(farm, matches, job, block, render, capacity) in _PASSING
    )


def avoids(farm: Farm, job: Job, block: Block, task: int, render: int) -> bool:
    """Say whether a task failed so often on a render that it does not go there again."""
    failed = block.task_error_hosts.count(task, render)
    if not failed:
        return False
    limit = block.spec.errors_task_same_host
    if limit < 0:
        limit = farm.users[job.user].errors_task_same_host
    return 0 < limit <= failed


@dataclass(slots=True)
class Claim:
    """The renders that are kept for one block."""

    job: int
    block: int
    since: float
    several: bool
    task: int = -1
    """Which task is to begin on them; -1 for the next one."""
    renders: dict[int, float] = field(default_factory=dict)
    """By render, when it is expected to have room (unix seconds, infinity for unknown)."""
    until: float = 0.0
    """What others start on them must end before this."""
    looked: float = 0.0
    ready: int = 0
    """How many of them could take the task when last asked."""
    grown: float = 0.0
    """When that number last grew."""
    due: float | None = None
    """When a multihost task begins with the renders it has."""
    again: float | None = None
    """When its job is to be asked anew: it could have better renders, and was asked too soon to look for them."""

    @property
    def key(self) -> ClaimKey:
        """Whose claim it is."""
        return self.job, self.block


class Bound(NamedTuple):
    """By when a task that needs a whole render, or several, has what it needs.

    ``seconds`` = ``PATIENCE`` + ``longest`` × (1 + ``ahead`` // ``at_once``), counted from when it was first overtaken;
    with ``claimed`` renders it is what is left until they have room.
    """

    seconds: float
    """From now; infinity when something that runs there has no limit."""
    longest: float
    """Seconds that the longest running task may take, by its limit or by what its block's tasks took."""
    ahead: int
    """How many such tasks have or get their render before."""
    at_once: int
    """How many renders may be kept at the same time."""
    claimed: tuple[int, ...]
    """Renders that are kept for it already."""
    promised: bool
    """Whether all that runs has a limit (``task_max_run_time``); otherwise it is an estimate."""


class Reservations:
    """All claims, and who waits for one."""

    def __init__(
        self,
        farm: Farm,
        renders: FreeRenders,
        matches: Matches,
        next_tasks: Callable[[Job, Block], Iterable[int]],
    ) -> None:
        self._farm = farm
        self._next_tasks = next_tasks
        self._renders = renders
        self._matches = matches
        self.by_render: dict[int, Claim] = {}
        self.claims: dict[ClaimKey, Claim] = {}
        self._overtaken: dict[ClaimKey, float] = {}
        """Since when blocks that need one render are overtaken, in that order."""
        self._several: dict[ClaimKey, float] = {}
        """Multihost blocks that could not make their claim, in the order of their turns."""
        self._from = 0
        """Where the next look over the renders begins."""

    def begin_beside(self, original: "Reservations") -> None:
        """Take over, on a copy of a farm, what is kept there for whom."""
        for claim in original.claims.values():
            self._keep(replace(claim, renders=dict(claim.renders)))
        self._overtaken, self._several = dict(original._overtaken), dict(original._several)
        self._from = original._from

    # What others ask

    def reason(self, job: Job, block: Block, render: int, at: float) -> Reason:
        """Return RESERVED when a render is kept for another block and the task would not end in time."""
        claim = self.by_render.get(render)
        if claim is None or (claim.job == job.id and claim.block == block.index):
            return Reason.NONE
        return Reason.NONE if at + lasts(block) <= claim.until else Reason.RESERVED

    def deadline(self) -> float | None:
        """Return when a multihost task begins with what it has, or may look for better renders; None when neither."""
        times = [time for claim in self.claims.values() for time in (claim.due, claim.again) if time is not None]
        return min(times, default=None)

    def wake(self, at: float) -> bool:
        """Return whether a multihost task may begin with what it has by now; it is asked once."""
        over = [claim for claim in self.claims.values() if claim.due is not None and claim.due <= at]
        for claim in over:
            claim.due = None
        return bool(over)

    def look_again(self, at: float) -> list[int]:
        """Return the jobs that may look for better renders by now; each is told once."""
        over = [claim for claim in self.claims.values() if claim.again is not None and claim.again <= at]
        for claim in over:
            claim.again = None
        return [claim.job for claim in over]

    # Making and giving back

    def overtaken(self, key: ClaimKey, at: float) -> None:
        """Take in that another block is about to start where this one had its turn and found too little room."""
        if key in self.claims:
            return
        since = self._overtaken.setdefault(key, at)
        if at - since < PATIENCE:
            return
        for waiting, first in list(self._overtaken.items()):
            if at - first < PATIENCE or self._kept() >= self.at_once:
                return
            if waiting not in self.claims and self._is_alive(waiting):
                self._claim_one(waiting, at)

    @property
    def at_once(self) -> int:
        """How many renders may be kept for blocks that need one."""
        return max(1, len(self._farm.renders) // SHARE)

    def _kept(self) -> int:
        return sum(not claim.several for claim in self.claims.values())

    def _claim_one(self, key: ClaimKey, at: float) -> None:
        job, block = self._of(key)
        found = self._candidates(job, block, at, None)
        if found:
            when, _, render = found[0]
            self._keep(Claim(*key, at, False, -1, {render: when}, when if when < math.inf else at))

    def claim_several(self, job: Job, block: Block, at: float) -> Claim | None:
        """Return the claim of a multihost block whose turn it is, made or made better; None when it has to wait."""
        key = (job.id, block.index)
        claim = self.claims.get(key)
        if claim is not None and at - claim.looked < _LOOK_AGAIN:
            if claim.ready < block.spec.multihost_max:
                claim.again = claim.looked + _LOOK_AGAIN
            return claim
        self._several.setdefault(key, at)
        for waiting in list(self._several):
            if not self._is_alive(waiting):
                del self._several[waiting]
        first = next((waiting for waiting in self._several if waiting not in self.claims), key)
        if claim is None and first != key:
            return None
        least, most = block.spec.multihost_min, block.spec.multihost_max
        task, found = self._for_some_task(job, block, at, claim)
        found = found[:most]
        if len(found) < least:
            if claim is not None:
                self.release(claim)
            if self.could_ever(job, block) < least:
                # It waits for renders that are not there; others need not wait with it.
                self._several.pop(key, None)
            return None
        fresh = Claim(*key, at, True) if claim is None else claim
        fresh.task = task
        for render in fresh.renders.keys() - {id for _, _, id in found}:
            del self.by_render[render]
            self._renders.look(render)
        fresh.renders = {render: when for when, _, render in found}
        enough, before = found[least - 1][0], fresh.until
        fresh.until = enough if enough < math.inf else at
        if fresh.until > before:
            # What was too long to end before may be short enough now.
            for render in fresh.renders:
                self._renders.look(render)
        fresh.looked, fresh.again = at, None
        self._keep(fresh)
        return fresh

    def _for_some_task(
        self, job: Job, block: Block, at: float, own: Claim | None
    ) -> tuple[int, list[tuple[float, int, int]]]:
        """Return the first of the next tasks that avoids too few renders to matter, with the renders it could have."""
        could = self._candidates(job, block, at, own)
        first, found = -1, could
        for task in self._next_tasks(job, block):
            mine = could
            if task in block.task_error_hosts:
                mine = [each for each in could if not avoids(self._farm, job, block, task, each[2])]
            if len(mine) >= block.spec.multihost_min:
                return task, mine
            if first < 0:
                first, found = task, mine
        return first, found

    def _keep(self, claim: Claim) -> None:
        self.claims[claim.key] = claim
        for render in claim.renders:
            self.by_render[render] = claim

    def release(self, claim: Claim) -> None:
        """Give the renders of a claim back to everybody."""
        del self.claims[claim.key]
        for render in claim.renders:
            del self.by_render[render]
            self._renders.look(render)

    def started(self, key: ClaimKey, render: int, at: float) -> None:
        """Take in that a task of a block started: its turn is over."""
        self._several.pop(key, None)
        if key in self._overtaken:
            # Behind those that were overtaken before: its next task waits anew.
            del self._overtaken[key]
            if self._is_alive(key):
                self._overtaken[key] = at
        claim = self.claims.get(key)
        if claim is not None and (claim.several or render in claim.renders or not self._is_alive(key)):
            self.release(claim)

    def asked_anew(self, job: int) -> None:
        """Take in that other tasks of a job are to come first: what is kept for several renders is for the next one."""
        for claim in self.claims.values():
            if claim.job == job and claim.several:
                claim.task, claim.looked = -1, 0.0

    def settle(self, at: float) -> None:
        """Give up the claims of blocks that can start nothing now, and renders that will not do any more."""
        for key in [key for key in self._overtaken if not self._is_alive(key)]:
            del self._overtaken[key]
        for claim in list(self.claims.values()):
            if not self._is_alive(claim.key):
                self.release(claim)
                continue
            job, block = self._of(claim.key)
            lost = [id for id in claim.renders if not self.holds(job, block, id)]
            if lost and not claim.several:
                self.release(claim)
                self._claim_one(claim.key, at)
            elif lost:
                for id in lost:
                    del claim.renders[id], self.by_render[id]
                    # Others may use it.
                    self._renders.look(id)
                claim.looked = 0.0
                if len(claim.renders) < block.spec.multihost_min:
                    self.release(claim)

    def holds(self, job: Job, block: Block, id: int) -> bool:
        """Say whether a render could take a task of a block if nothing ran there."""
        render = self._farm.renders.get(id)
        return render is not None and could_hold(self._farm, self._renders, self._matches, job, block, render)

    def _is_alive(self, key: ClaimKey) -> bool:
        """Say whether a block could start something if it had room."""
        farm = self._farm
        job = farm.jobs.get(key[0])
        if job is None or job_start_reason(job, math.inf) or block_start_reason(job.blocks[key[1]]):
            return False
        return not any(start_reason(holder) for holder in holders_of(farm, job))

    def _of(self, key: ClaimKey) -> tuple[Job, Block]:
        job = self._farm.jobs[key[0]]
        return job, job.blocks[key[1]]

    def _candidates(self, job: Job, block: Block, at: float, own: Claim | None) -> list[tuple[float, int, int]]:
        """Return (when it has room, how full it is, id) of the renders a block could have, the soonest first."""
        farm, need = self._farm, minimum_capacity(block)
        found = []
        for render in self._some():
            claim = self.by_render.get(render.id)
            if (claim is None or claim is own) and self.holds(job, block, render.id):
                found.append((room_at(farm, self._renders, render, need, at), render.used_capacity, render.id))
        found.sort()
        return found

    def _some(self) -> Iterator[Render]:
        """Yield those with room first, then others; not more than ``_LOOK_AT``, beginning elsewhere each time."""
        farm = self._farm.renders
        ids = list(farm)
        first = list(self._renders.free)[: _LOOK_AT // 2]
        begin = self._from % len(ids) if len(ids) > _LOOK_AT else 0
        self._from = begin + _LOOK_AT
        rest: Iterable[int] = ids[begin:] + ids[:begin]
        seen = dict.fromkeys((*first, *rest))
        for number, id in enumerate(seen):
            if number >= _LOOK_AT:
                return
            yield farm[id]

    def could_ever(self, job: Job, block: Block) -> int:
        """Return how many renders that are online could take a task of a block if nothing ran there."""
        return sum(self.holds(job, block, id) for id in self._farm.renders)

    # For people

    def bound(self, job: Job, block: Block, at: float) -> Bound:
        """Return by when a block that needs a whole render, or several, has what it needs, if nobody takes it away.

        It is kept when what runs there has limits (``task_max_run_time``); else it is an estimate.
        """
        farm, key = self._farm, (job.id, block.index)
        running = [farm.jobs[of].blocks[index] for of, index in {(run.job, run.block) for run in farm.runs}]
        longest = max(map(lasts, running), default=0.0)
        promised = all(each.spec.task_max_run_time > 0 for each in running)
        claim = self.claims.get(key)
        if claim is not None:
            ends = sorted(claim.renders.values())[: block.spec.least_hosts]
            return Bound(max(0.0, ends[-1] - at), longest, 0, self.at_once, tuple(claim.renders), promised)
        if block.spec.multi_host:
            queue, at_once = [each for each in self._several if each not in self.claims], 1
            since = at - PATIENCE
        else:
            queue, at_once = list(self._overtaken), self.at_once
            since = self._overtaken.get(key, at)
        before = queue[: queue.index(key)] if key in queue else queue
        ahead = sum(self._tasks(each) for each in before if self._is_alive(each))
        waited = min(PATIENCE, at - since)
        return Bound(PATIENCE - waited + longest * (1 + ahead // at_once), longest, ahead, at_once, (), promised)

    def waits(self, job: Job, block: Block) -> bool:
        """Say whether a block was overtaken, or has renders kept for it: then its ``bound`` counts."""
        key = (job.id, block.index)
        return key in self.claims or key in self._overtaken

    def _tasks(self, key: ClaimKey) -> int:
        return self._farm.jobs[key[0]].blocks[key[1]].tasks.counts[TaskState.READY]
