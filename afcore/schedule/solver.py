"""The solver: hands ready tasks to free renders, one start at a time, in the order of who needs them most.

Rules of this file:
- It starts nothing: it yields ``RunStarted`` and expects it evolved (and noted) before it is resumed.
- A pass tries only what could have a new answer: every job on the renders that changed, and the jobs that changed on
  every free render.  When nothing changed there is no pass.
- A pass may be left at any start; what it had not tried stays wanted.
- Nothing is freed during a pass, so a candidate that failed is not asked again in it.
Source of the walk: branch, then user (or child branch, or job), then job, then the renders the job likes best, then
the job's blocks in their order.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from afcore.events import (
    BranchEdited,
    Event,
    JobDeleted,
    JobsReordered,
    PoolEdited,
    RunFinished,
    RunStarted,
    UserEdited,
)
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.model.tree import Branch, User
from afcore.schedule.fit import MEASURED, Matches, Reason, block_reason, coefficient, holder_reason, job_reason
from afcore.schedule.free import FreeRenders, RenderQueue
from afcore.schedule.limits import Holder, block_offers, holders_of, may_start
from afcore.schedule.need import Rank, rank_by_need, rank_by_order, users_share
from afcore.schedule.offers import Offers
from afcore.schedule.rates import Rates
from afcore.states import TaskState

__all__ = ["Scheduler"]

_ROOT = 1


class Scheduler:
    """What is ready, what is free, and the walk that joins them."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._offers = Offers(farm)
        self._renders = FreeRenders(farm)
        self._matches = Matches(farm)
        self._rates = Rates(farm)
        self._at = 0.0

    @property
    def wanted(self) -> bool:
        """Whether a pass could start something."""
        offers, renders = self._offers, self._renders
        return bool((offers.ready and renders.changed) or (offers.changed and renders.free))

    def deadline(self) -> float | None:
        """Return when a pass may become wanted by time alone, or None."""
        times = [each for each in (self._offers.deadline(), self._rates.deadline()) if each is not None]
        return min(times, default=None)

    def wake(self, at: float) -> None:
        """Take in that it is ``at``: jobs whose waiting is over, by their time or their rate, are offered again.

        Call it at ``deadline``.
        """
        self._at = max(self._at, at)
        self._offers.wake(self._at)
        if self._rates.wake(self._at):
            self._offers.changed.update(dict.fromkeys(self._offers.ready))

    def note(self, event: Event, at: float = 0.0) -> None:
        """Take in what happened at ``at``; the farm has it already."""
        self._at = max(self._at, at)
        self._offers.note(event, self._at)
        if self._renders.note(event):
            self._matches.forget()
        if type(event) is RunFinished:
            self._freed_a_limit(event)
        elif type(event) is RunStarted:
            self._rates.started(self._farm.jobs[event.job], at)
        elif type(event) is JobDeleted:
            self._rates.forget(event.job)
        elif isinstance(event, UserEdited | BranchEdited | PoolEdited | JobsReordered):
            self._offers.changed.update(dict.fromkeys(self._offers.ready))

    def _freed_a_limit(self, event: RunFinished) -> None:
        """Offer again what a count had kept from other renders, now that one of them has gone down."""
        job = self._farm.jobs.get(event.job)
        if job is None:
            return
        ready = self._offers.ready
        tickets = job.blocks[event.block].spec.tickets
        if tickets:
            self._offers.changed.update((id, None) for id in ready if _wants(self._farm.jobs[id], tickets))
        if event.job in ready and (job.max_running_tasks >= 0 or job.blocks[event.block].spec.max_running_tasks >= 0):
            self._offers.changed[event.job] = None
        user = self._farm.users[job.user]
        if user.max_running_tasks >= 0:
            self._offers.changed.update((id, None) for id in user.jobs if id in ready)
        if any(holder.max_running_tasks >= 0 for holder in holders_of(self._farm, job)[2:]):
            self._offers.changed.update(dict.fromkeys(ready))

    def run(self, at: float, budget: int = 0) -> Iterator[RunStarted]:
        """Yield starts until nothing more can start, or ``budget`` were made (0: no limit)."""
        self.wake(at)
        if not self.wanted:
            return
        walk = _Walk(self._farm, self._offers, self._renders, self._matches, self._rates, at)
        made = 0
        while True:
            started = walk.next_start()
            if started is None:
                break
            made += 1
            yield started
            walk.settle(started.render)
            if budget and made >= budget:
                return
        self._offers.changed.clear()
        self._renders.changed.clear()


def _wants(job: Job, tickets: dict[str, int]) -> bool:
    return any(not block.spec.tickets.keys().isdisjoint(tickets) for block in job.blocks if block.spec.tickets)


@dataclass(slots=True)
class _Place:
    """A branch or user in the walk, with what may still be tried below it, best first."""

    node: Branch | User
    branch: Branch
    """The branch in which it is ranked (its own for a branch)."""
    heap: list[tuple[Rank, "_Place | Job"]] = field(default_factory=list)


class _Walk:
    """One pass: the tree of candidates, and the renders each may be offered."""

    def __init__(
        self, farm: Farm, offers: Offers, renders: FreeRenders, matches: Matches, rates: Rates, at: float
    ) -> None:
        self._farm = farm
        self._offers = offers
        self._renders = renders
        self._matches = matches
        self._rates = rates
        self._at = at
        # A job that changed may take any free render, another one only those that changed: two sets of queues.
        self._changed_jobs = dict(offers.changed)
        self._members = {True: dict(renders.free), False: dict(renders.changed)}
        self._most_free = {kind: self._free_capacity(members) for kind, members in self._members.items()}
        self._queues: dict[tuple[bool, tuple[tuple[str, int], ...]], RenderQueue] = {}
        self._path: list[tuple[_Place, _Place | Job]] = []
        self._places: dict[int, dict[int, int]] = {}
        self._order = 0
        self._root = self._plant()

    # The tree

    def _plant(self) -> _Place:
        """Build the tree of branches and users above the ready jobs."""
        farm = self._farm
        places: dict[tuple[int, int], _Place] = {}
        root = places[(_ROOT, 0)] = _Place(farm.branches[_ROOT], farm.branches[_ROOT])

        def branch_place(id: int) -> _Place:
            found = places.get((id, 0))
            if found is None:
                branch = farm.branches[id]
                found = places[(id, 0)] = _Place(branch, branch)
                parent = branch_place(branch.parent)
                parent.heap.append((self._rank(parent, found), found))
            return found

        ready, most_free = self._offers.ready, self._most_free
        for id in self._ready_jobs():
            if ready[id] > most_free[id in self._changed_jobs]:
                continue
            job = farm.jobs[id]
            above = branch_place(job.branch)
            if not above.branch.solve_jobs:
                user_place = places.get((job.branch, job.user))
                if user_place is None:
                    user_place = _Place(farm.users[job.user], above.branch)
                    places[(job.branch, job.user)] = user_place
                    above.heap.append((self._rank(above, user_place), user_place))
                above = user_place
            above.heap.append((self._rank(above, job), job))
        for place in places.values():
            heapq.heapify(place.heap)
        return root

    def _free_capacity(self, members: dict[int, None]) -> int:
        """Return the most capacity units that one of these renders has left, -1 without renders."""
        renders, size = self._farm.renders, self._renders.size
        return max((size(renders[id])[0] - renders[id].used_capacity for id in members), default=-1)

    def _ready_jobs(self) -> list[int]:
        """Return ready jobs, the oldest first, or only the changed ones when no render changed."""
        offers = self._offers
        if self._members[False]:
            return sorted(offers.ready)
        return sorted(id for id in offers.changed if id in offers.ready)

    def _rank(self, above: _Place, child: "_Place | Job") -> Rank:
        """Rank a child as its parent's way of solving says."""
        ranker = above.node
        # Equal ranks are served in the order they came; the number also keeps the heap from comparing places.
        self._order += 1
        node: Branch | User | Job = child.node if isinstance(child, _Place) else child
        if ranker.solve_method == "solve_order":
            created = node.time_creation if isinstance(node, Job) else 0.0
            if isinstance(ranker, User) and isinstance(node, Job):
                # A user's own list: priority, then submission, whatever was served last.
                return (-float(node.priority), 0.0, self._place_in_list(ranker, node), node.id)
            return rank_by_order(
                priority=node.priority, created=created, last_solved=node.last_solved, place=self._order
            )
        capacity = ranker.solve_need == "solve_capacity"
        if isinstance(node, User):
            resources = users_share(self._farm, above.branch, node, capacity=capacity)
        else:
            resources = node.running_capacity if capacity else node.running_tasks
        return rank_by_need(
            priority=node.priority, resources=resources, last_solved=node.last_solved, place=self._order
        )

    def _place_in_list(self, user: User, job: Job) -> int:
        """Return the place of a job in its user's own order."""
        places = self._places.get(user.id)
        if places is None:
            places = self._places[user.id] = {id: place for place, id in enumerate(user.jobs)}
        return places[job.id]

    # The walk

    def next_start(self) -> RunStarted | None:
        """Return the next start, or None when nothing more can start."""
        self._path = []
        if not any(self._members.values()):
            return None
        return self._solve(self._root)

    def settle(self, render: int) -> None:
        """Take in the last start, on ``render``: rank again what was on the way to it, the job first."""
        for kind, members in self._members.items():
            if render in members and render not in self._renders.free:
                del members[render]
            if len(members) < 2:
                self._most_free[kind] = self._free_capacity(members)
        for above, child in self._path:
            if isinstance(child, Job) and child.id not in self._offers.ready:
                continue
            if isinstance(child, _Place) and not child.heap:
                continue
            heapq.heappush(above.heap, (self._rank(above, child), child))

    def _solve(self, place: _Place) -> RunStarted | None:
        """Try what is below a branch or user, best first; what fails is dropped from this pass."""
        if not (may_start(place.node) and self._rates.allows(place.node, self._at)):
            return None
        while place.heap:
            _, child = heapq.heappop(place.heap)
            started = self._solve(child) if isinstance(child, _Place) else self._start(child)
            if started is not None:
                self._path.append((place, child))
                return started
        return None

    def _start(self, job: Job) -> RunStarted | None:
        if self._offers.ready[job.id] > self._most_free[job.id in self._changed_jobs]:
            return None
        holders = holders_of(self._farm, job)
        if not all(may_start(holder) and self._rates.allows(holder, self._at) for holder in holders):
            return None
        blocks = [block for block in job.blocks if block_offers(block)]
        if not blocks:
            return None
        for render in self._queue(job):
            if job_reason(self._farm, job, render) or self._forbidden(holders, render):
                continue
            for index, task in job.try_next:
                started = self._start_in(job, job.blocks[index], render, task)
                if started is not None:
                    return started
            for block in blocks:
                started = self._start_in(job, block, render)
                if started is not None:
                    return started
        return None

    def _forbidden(self, holders: list[Holder], render: Render) -> bool:
        for holder in holders:
            reason = holder_reason(self._farm, self._matches, holder, render)
            if reason:
                self._remember(reason)
                return True
        return False

    def _remember(self, reason: Reason) -> None:
        """Ask for a pass when a render is measured anew, once a measured resource was what kept a task away."""
        if reason in MEASURED:
            self._renders.measures_matter = True

    def _queue(self, job: Job) -> RenderQueue:
        changed = job.id in self._changed_jobs
        key = (changed, tuple(sorted(job.pools.items())))
        found = self._queues.get(key)
        if found is None:
            found = RenderQueue(self._farm, self._renders, self._members[changed], job.pools)
            self._queues[key] = found
        return found

    def _start_in(self, job: Job, block: Block, render: Render, wanted: int = -1) -> RunStarted | None:
        """Start the first ready task of a block that does not avoid a render, if the block fits there.

        ``wanted`` asks for one task and no other.
        """
        if wanted >= 0 and (block.tasks.state[wanted] != TaskState.READY or not block_offers(block)):
            return None
        free = self._renders.size(render)[0] - render.used_capacity
        reason = block_reason(self._farm, self._matches, job, block, render, free)
        if reason:
            self._remember(reason)
            return None
        task = self._task(job, block, render, wanted)
        if task is None:
            return None
        factor = coefficient(block, free)
        return RunStarted(
            job=job.id,
            block=block.index,
            task=task,
            run=min(block.tasks.starts[task] + 1, 0xFFFF),
            render=render.id,
            capacity=max(1, block.spec.capacity) * max(1, factor),
            coefficient=factor,
            tickets=block.spec.tickets,
        )

    def _task(self, job: Job, block: Block, render: Render, wanted: int) -> int | None:
        """Return the task of a block that a render is offered, or None."""
        if wanted >= 0:
            return None if self._avoids(job, block, wanted, render) else wanted
        if job.maintenance:
            task = self._offers.named(block, render.name)
            return None if task is None or self._avoids(job, block, task, render) else task
        found = self._offers.next_task(block)
        while found is not None and block.task_error_hosts and self._avoids(job, block, found[1], render):
            found = self._offers.next_task(block, after=found[0])
        return None if found is None else found[1]

    def _avoids(self, job: Job, block: Block, task: int, render: Render) -> bool:
        hosts = block.task_error_hosts.get(task)
        failed = hosts.get(render.id) if hosts else None
        if failed is None:
            return False
        limit = block.spec.errors_task_same_host
        if limit < 0:
            limit = self._farm.users[job.user].errors_task_same_host
        return 0 < limit <= failed.count
