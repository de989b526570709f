"""Starts the tasks for which renders are kept, as soon as these have room: before anybody else is asked.

Rules of this file:
- A kept render needs no rank: its holder had its turn when it was kept.
- A multihost task begins with as many renders as it may have, or, with at least as many as it needs, when
  ``multihost_max_wait`` seconds brought no further one; the render liked best becomes the master.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from afcore.events import RunStarted
from afcore.model.effective import block_tickets, pool_ticket
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.reservation import Reservation
from afcore.schedule.devices import choose_devices
from afcore.schedule.fit import Matches, block_reason, coefficient, holder_reason, job_reason
from afcore.schedule.free import FreeRenders
from afcore.schedule.limits import Holder, holders_of
from afcore.schedule.offers import Offers
from afcore.schedule.reserve import Claim, Reservations, avoids
from afcore.states import TaskState

__all__ = ["Serving", "affordable", "make_start", "next_tasks", "units"]

_TASKS = 16
"""How many tasks of a multihost block are looked at for one that avoids few enough renders."""


def units(block: Block, factor: int) -> int:
    """Return the capacity units that a task takes with a coefficient."""
    return max(1, block.spec.capacity) * max(1, factor)


def make_start(
    farm: Farm, block: Block, task: int, render: Render, free: int, others: Sequence[Reservation] = ()
) -> RunStarted:
    """Return the start of a task on a render with ``free`` units left, and on the ``others`` it holds."""
    factor = coefficient(block, free)
    return RunStarted(
        job=block.job,
        block=block.index,
        task=task,
        run=block.tasks.starts[task] + 1,
        render=render.id,
        capacity=units(block, factor),
        coefficient=factor,
        devices=list(choose_devices(farm, block, render) or ()),
        captured=list(others),
        tickets=block_tickets(farm, block.spec),
    )


def affordable(farm: Farm, hosts: Sequence[Render], tickets: dict[str, int]) -> list[Render]:
    """Return those of some renders that may take pool tickets together, each of which might alone."""
    if not tickets:
        return list(hosts)
    taken: Counter[tuple[int, str]] = Counter()
    new_hosts: Counter[tuple[int, str]] = Counter()
    chosen = []
    for render in hosts:
        wants = []
        for name, amount in tickets.items():
            pool = pool_ticket(farm, render.pool, name)
            if pool is None:
                continue
            count, most_hosts = pool.tickets[name]
            held = pool.ticket_hosts.get(name, {})
            place = pool.id, name
            fresh = render.id not in held
            if pool.tickets_used.get(name, 0) + taken[place] + amount > count:
                break
            if fresh and 0 <= most_hosts <= len(held) + new_hosts[place]:
                break
            wants.append((place, amount, fresh))
        else:
            chosen.append(render)
            for place, amount, fresh in wants:
                taken[place] += amount
                new_hosts[place] += fresh
    return chosen


def next_tasks(offers: Offers, job: Job, block: Block) -> Iterator[int]:
    """Yield the ready tasks of a block in the order in which they are offered, at most ``_TASKS`` of them."""
    states = block.tasks.state
    asked_for = [task for index, task in job.try_next if index == block.index and states[task] == TaskState.READY]
    yield from asked_for
    found = offers.next_task(block)
    for _ in range(_TASKS):
        if found is None:
            return
        yield found[1]
        found = offers.next_task(block, after=found[0])


class Serving:
    """What joins kept renders with those they are kept for."""

    def __init__(
        self,
        farm: Farm,
        renders: FreeRenders,
        matches: Matches,
        offers: Offers,
        reserved: Reservations,
        allows: Callable[[Holder, float], bool],
    ) -> None:
        self._farm = farm
        self._renders = renders
        self._matches = matches
        self._offers = offers
        self._reserved = reserved
        self._allows = allows

    def next(self, at: float) -> RunStarted | None:
        """Return a start on renders that are kept, or None when none of the claims can be served now."""
        for claim in list(self._reserved.claims.values()):
            started = self.serve(claim, at)
            if started is not None:
                return started
        return None

    def serve(self, claim: Claim, at: float) -> RunStarted | None:
        """Return the start of a task on the renders that a claim keeps, or None while they are not enough."""
        free = self._renders.free
        roomy = [self._farm.renders[id] for id in claim.renders if id in free]
        if not roomy:
            return None
        job = self._farm.jobs[claim.job]
        block = job.blocks[claim.block]
        holders = holders_of(self._farm, job)
        if not all(self._allows(holder, at) for holder in holders):
            return None
        task = self._task(claim, job, block)
        if task is None:
            return None
        hosts = [render for render in roomy if self._takes(job, holders, block, task, render)]
        if not claim.several:
            return make_start(self._farm, block, task, hosts[0], self._left(hosts[0])) if hosts else None
        hosts.sort(key=lambda render: self._renders.liking(render.id))
        return self._begin(claim, block, task, affordable(self._farm, hosts, block_tickets(self._farm, block.spec)), at)

    def _begin(self, claim: Claim, block: Block, task: int, hosts: list[Render], at: float) -> RunStarted | None:
        spec, number = block.spec, len(hosts)
        if number > claim.ready:
            claim.grown = at
        claim.ready, claim.due = number, None
        if number < spec.multihost_min:
            return None
        if number < spec.multihost_max and at < claim.grown + spec.multihost_max_wait:
            claim.due = claim.grown + spec.multihost_max_wait
            return None
        tickets = block_tickets(self._farm, spec)
        master, *others = hosts[: spec.multihost_max]
        held = [
            Reservation(
                render.id,
                units(block, coefficient(block, self._left(render))),
                tickets,
                choose_devices(self._farm, block, render) or (),
            )
            for render in others
        ]
        return make_start(self._farm, block, task, master, self._left(master), held)

    def _left(self, render: Render) -> int:
        return self._renders.size(render)[0] - render.used_capacity

    def _task(self, claim: Claim, job: Job, block: Block) -> int | None:
        if claim.task >= 0 and block.tasks.state[claim.task] == TaskState.READY:
            return claim.task
        return next(iter(next_tasks(self._offers, job, block)), None)

    def _takes(self, job: Job, holders: list[Holder], block: Block, task: int, render: Render) -> bool:
        farm, matches = self._farm, self._matches
        return (
            not job_reason(farm, job, render)
            and not any(holder_reason(farm, matches, holder, render) for holder in holders)
            and not block_reason(farm, matches, job, block, render, self._left(render))
            and not avoids(farm, job, block, task, render.id)
        )
