"""Why a task does not start: everything that is in its way, and what each obstacle would need to be gone.

Rules of this file:
- It has no rule of its own: it asks the checks that the solver asks (``limits``, ``free``, ``fit``), of a copy of what
  is asked about; takes the reason they give off the copy, and asks again, until they say yes.
- It changes nothing and decides nothing; the only things written are copies and what the checks remember anyway.
- What would make an obstacle go is in ``remedies``; whether the task then starts is for ``afcore.why.whatif`` to try.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from afcore.model.copying import shallow_copy
from afcore.model.effective import block_tickets, capacity_of, max_tasks_of, pool_ticket
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.model.tasks import TaskTable
from afcore.model.tree import Branch, Limits, Pool, User
from afcore.rules.depends import is_clear
from afcore.schedule.fit import (
    Matches,
    asks_of_renders,
    block_reason,
    holder_reason,
    job_reason,
    minimum_capacity,
    task_avoids,
)
from afcore.schedule.free import barred_by
from afcore.schedule.limits import Holder, block_start_reason, holders_of, job_start_reason, start_reason
from afcore.schedule.offers import order_of
from afcore.schedule.reasons import BUSY, LIFTED, NEUTRAL, Reason
from afcore.schedule.solver import Scheduler
from afcore.schedule.tickets import host_ticket_missing, pool_ticket_holder
from afcore.states import RenderState, TaskState

__all__ = ["Explainer", "Obstacle", "Thing"]

_ONLINE = int(RenderState.ONLINE)
_SPARE = 0.9
"""Of the time for which a render is kept, what a limit may take: it takes a while to set one."""

Thing = Job | Block | User | Branch | Render | Pool


class Obstacle(NamedTuple):
    """One thing in the way: which check said no, of whom, and on which render (None: on every render)."""

    reason: Reason
    thing: Thing
    """Whose limit, mask, need or state it is."""
    render: Render | None = None
    name: str = ""
    """The ticket or service it is about; of a render that is kept, for which job and block and how many seconds
    longer."""
    until: float = 0.0
    """When it goes by itself (unix seconds); 0 when nobody knows."""


class _AnyService(Matches):
    """As ``Matches``, on a farm where every service may run everywhere."""

    def __init__(self, farm: Farm, matches: Matches) -> None:
        super().__init__(farm)
        self.needs = matches.needs  # type: ignore[method-assign]

    def service(self, render: Render, service: str) -> bool:
        return True


class Explainer:
    """Asks the solver's checks about one task after the other."""

    def __init__(self, farm: Farm, scheduler: Scheduler, at: float) -> None:
        self._farm = farm
        self._scheduler = scheduler
        self._at = at
        self._any_service = _AnyService(farm, scheduler.matches)
        self._holders: tuple[Job | None, list[Holder]] = (None, [])

    # Wherever it may run

    def everywhere(self, job: Job, block: Block, task: int) -> Iterator[Obstacle]:
        """Yield what keeps a task from starting on any render: its state, its job, its limits."""
        yield from self._of_task(job, block, task)
        yield from self._of_job(job, block, task)
        for holder in holders_of(self._farm, job):
            yield from self._of_holder(holder)
        yield from self._of_block(block)
        if block.spec.multi_host:
            yield from self._of_hosts(job, block)

    def _of_hosts(self, job: Job, block: Block) -> Iterator[Obstacle]:
        """Yield what a multihost task lacks: renders that could take it, or renders that have room now."""
        scheduler = self._scheduler
        bound = scheduler.reserved.bound(job, block, self._at)
        could = scheduler.reserved.could_ever(job, block)
        until = self._at + bound.seconds if could >= block.spec.multihost_min and bound.seconds < math.inf else 0.0
        yield Obstacle(Reason.TOO_FEW_HOSTS, block, name=f"{could} {len(bound.claimed)}", until=until)

    def _of_task(self, job: Job, block: Block, task: int) -> Iterator[Obstacle]:
        state = block.tasks.state[task]
        if state == TaskState.SUSPENDED:
            yield Obstacle(Reason.SUSPENDED, block)
        elif state == TaskState.ERROR:
            yield Obstacle(Reason.FAILED, block)
        if state != TaskState.READY and not is_clear(self._farm, job, block, task):
            yield Obstacle(Reason.WAITS_FOR_TASKS, block)

    def _of_job(self, job: Job, block: Block, task: int) -> Iterator[Obstacle]:
        probe = shallow_copy(job)
        while reason := job_start_reason(probe, self._at):
            if reason is Reason.NOTHING_READY:
                break
            yield Obstacle(reason, job, until=float(job.time_wait) if reason is Reason.WAIT_TIME else 0.0)
            for name, value in LIFTED[reason].items():
                setattr(probe, name, value)
        if job.ppa and block.spec.sequential > 1:
            order = order_of(block)
            if order.rank(task) >= order.steps:
                yield Obstacle(Reason.APPROVAL, job)

    def _of_holder(self, holder: Limits) -> Iterator[Obstacle]:
        assert isinstance(holder, Job | User | Branch)
        probe = shallow_copy(holder)
        while reason := start_reason(probe):
            yield Obstacle(reason, holder)
            for name, value in NEUTRAL[reason].items():
                setattr(probe, name, value)
        due = self._scheduler.rates.waits(holder, self._at)
        if due:
            yield Obstacle(Reason.RATE, holder, until=due)

    def _of_block(self, block: Block) -> Iterator[Obstacle]:
        probe = shallow_copy(block)
        probe.spec = shallow_copy(block.spec)
        probe.tasks = TaskTable(1)
        while reason := block_start_reason(probe):
            yield Obstacle(reason, block)
            if reason is Reason.WAITS_FOR_BLOCKS:
                probe.waiting = False
            for name, value in NEUTRAL.get(reason, {}).items():
                setattr(probe.spec, name, value)

    # On one render

    def first(self, job: Job, block: Block, task: int, render: Render) -> Obstacle | None:
        """Return the first obstacle on a render, a busy one only where there is no other; None when it may start.

        The usual cases are asked at once, without a copy: it is called for every render of a farm.
        """
        room = self._scheduler.renders.room_reason(render)
        if room in (Reason.OFFLINE, Reason.ASLEEP):
            return Obstacle(room, render, render)
        capacity, most, _ = self._scheduler.renders.size(render)
        if render.state == _ONLINE and (not room or room in BUSY) and most > 0:
            farm, matches = self._farm, self._scheduler.matches
            for holder in self._holders_of(job):
                reason = holder_reason(farm, matches, holder, render)
                if reason:
                    assert isinstance(holder, Job | User | Branch)
                    return Obstacle(reason, holder, render)
            left = max(capacity - render.used_capacity, minimum_capacity(block))
            reason = block_reason(farm, matches, job, block, render, left)
            if reason:
                name = self._named(reason, block, render)
                return Obstacle(reason, self._whose(reason, name, block, render), render, name)
            if room and not (self._scheduler.reserved.by_render or job.maintenance or block.task_error_hosts):
                return Obstacle(room, render, render)
        first: Obstacle | None = None
        for each in self.on(job, block, task, render):
            first = first or each
            if each.reason not in BUSY:
                return each
        return first

    def _holders_of(self, job: Job) -> list[Holder]:
        """Return those whose limits bind a job and who ask anything of a render: mostly it is none of them."""
        if self._holders[0] is not job:
            self._holders = job, [each for each in holders_of(self._farm, job) if asks_of_renders(each)]
        return self._holders[1]

    def on(self, job: Job, block: Block, task: int, render: Render) -> Iterator[Obstacle]:
        """Yield what keeps a task from one render, in the order in which the solver asks; the first is its reason."""
        room = self._scheduler.renders.room_reason(render)
        if room in (Reason.OFFLINE, Reason.ASLEEP):
            yield Obstacle(room, render, render)
            return
        if room is not Reason.NONE:
            yield from self._of_room(render)
        yield from self._of_state(job, render)
        for holder in self._holders_of(job):
            if holder_reason(self._farm, self._scheduler.matches, holder, render):
                yield from self._of_fit(holder, render)
        yield from self._of_block_on(job, block, render)
        if self._scheduler.reserved.reason(job, block, render.id, self._at):
            claim = self._scheduler.reserved.by_render[render.id]
            spare = max(0, int(_SPARE * (claim.until - self._at)))
            yield Obstacle(Reason.RESERVED, render, render, f"{claim.job} {claim.block} {spare}", claim.until)
        if job.maintenance and block.spec.task_name(task) != render.name:
            yield Obstacle(Reason.NOT_NAMED, job, render)
        if block.task_error_hosts and task_avoids(self._farm, job, block, task, render):
            yield Obstacle(Reason.AVOIDED_BY_TASK, block, render)

    def _of_room(self, render: Render) -> Iterator[Obstacle]:
        farm = self._farm
        if render.state & RenderState.SICK:
            yield Obstacle(Reason.SICK, render, render)
        for reason, thing in barred_by(farm, render):
            yield Obstacle(reason, thing, render)
        if len(render.runs) >= max_tasks_of(farm, render):
            yield Obstacle(Reason.SLOTS, render, render)
        if render.used_capacity >= capacity_of(farm, render):
            yield Obstacle(Reason.FULL, render, render)

    def _of_state(self, job: Job, render: Render) -> Iterator[Obstacle]:
        if render.state == RenderState.ONLINE:
            return
        probe = shallow_copy(render)
        probe.state &= ~RenderState.SICK
        while reason := job_reason(self._farm, job, probe):
            yield Obstacle(reason, render, render)
            if reason is Reason.PAUSED:
                probe.state &= ~RenderState.PAUSED
            elif reason is Reason.NIMBY:
                probe.state &= ~(RenderState.NIMBY | RenderState.NIMBY_USER)
            else:
                return

    def _of_fit(self, holder: Limits, render: Render) -> Iterator[Obstacle]:
        assert isinstance(holder, Job | User | Branch)
        farm, matches = self._farm, self._scheduler.matches
        probe: Limits | None = None
        while reason := holder_reason(farm, matches, probe or holder, render):
            yield Obstacle(reason, holder, render)
            probe = probe or shallow_copy(holder)
            if not _lift(probe, reason):
                return

    def _of_block_on(self, job: Job, block: Block, render: Render) -> Iterator[Obstacle]:
        farm, matches = self._farm, self._scheduler.matches
        free = capacity_of(farm, render) - render.used_capacity
        probe: Block | None = None
        while reason := block_reason(farm, matches, job, probe or block, render, free):
            name = self._named(reason, probe or block, render)
            if reason is not Reason.CAPACITY or free > 0:
                # With nothing free at all the render is full for everybody, which was told before.
                yield Obstacle(reason, self._whose(reason, name, block, render), render, name)
            if probe is None:
                probe = shallow_copy(block)
                probe.spec = shallow_copy(block.spec)
            if reason is Reason.CAPACITY:
                free = minimum_capacity(block)
            elif reason is Reason.SERVICE:
                matches = self._any_service
            elif reason in (Reason.POOL_TICKET, Reason.HOST_TICKET):
                probe.spec.tickets = {key: count for key, count in probe.spec.tickets.items() if key != name}
                if farm.limited.get(probe.spec.service) == name:
                    # The service itself has that ticket: without the service there is none of it.
                    probe.spec.service, matches = "", self._any_service
            elif reason is Reason.AVOIDED_BY_BLOCK:
                probe.error_hosts = {}
            elif not _lift(probe.spec, reason):
                return

    def _named(self, reason: Reason, block: Block, render: Render) -> str:
        if reason is Reason.HOST_TICKET:
            return host_ticket_missing(self._farm, render, block_tickets(self._farm, block.spec))
        if reason is Reason.POOL_TICKET:
            found = pool_ticket_holder(self._farm, render, block_tickets(self._farm, block.spec))
            return found[0] if found is not None else ""
        return block.spec.service if reason is Reason.SERVICE else ""

    def _whose(self, reason: Reason, name: str, block: Block, render: Render) -> Thing:
        if reason is Reason.POOL_TICKET:
            return pool_ticket(self._farm, render.pool, name) or render
        return render if reason in (Reason.SERVICE, Reason.HOST_TICKET) else block


def _lift(probe: object, reason: Reason) -> bool:
    """Take a reason off a copy; return whether that is known how."""
    changes = NEUTRAL.get(reason)
    if changes is None:
        return False
    for name, value in changes.items():
        if hasattr(probe, name):
            setattr(probe, name, value)
    return True
