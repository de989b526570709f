"""Jobs that ask for the same thing are one kind: what one learns about a render, all of them know.

Rules of this file:
- A render that does not do for any job of a kind as it is now is not asked again before it changes.
- A kind that every free render refused looks at those that change, and at no other.
- A kind that nobody can serve costs its jobs nothing: it is passed over whole.
"""

import heapq
from collections.abc import Iterable, Iterator

from afcore.model.copying import shallow_copy
from afcore.model.effective import block_tickets
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.model.taskerrors import TaskErrors
from afcore.model.tree import Limits
from afcore.schedule.fit import (
    NO_NEEDS,
    Asked,
    Matches,
    block_needs,
    block_reason,
    holder_needs,
    holder_reason,
    pool_offset,
    standing_reason,
)
from afcore.schedule.free import FreeRenders, Preference
from afcore.schedule.limits import holders_of
from afcore.schedule.reasons import MEASURED, STATIC, Reason
from afcore.states import TaskState

__all__ = ["Kind", "KindKey", "kind_of", "offering"]

_ROOT = 1
KindKey = tuple[object, ...]


def offering(job: Job) -> tuple[int, ...]:
    """Return the blocks of a job that have ready tasks and wait for no other block."""
    return tuple(block.index for block in job.blocks if block.tasks.counts[TaskState.READY] and not block.waiting)


def _holder_key(holder: Limits) -> tuple[object, ...]:
    return (
        *(holder.hosts_mask, holder.hosts_mask_exclude, holder.hosts_mask_type, holder.need_os),
        *(holder.need_properties, holder.need_power, holder.need_memory, holder.need_hdd),
        tuple(holder.pools.items()),
    )


def kind_of(farm: Farm, job: Job, blocks: tuple[int, ...]) -> KindKey:
    """Return everything about a job that decides which renders it may use, but for its own counts and errors."""
    key: list[object] = [job.ignorenimby, job.ignorepaused, job.maintenance]
    key.extend(_holder_key(holder) for holder in holders_of(farm, job))
    for index in blocks:
        spec = job.blocks[index].spec
        key.append(
            (
                *(spec.service, spec.capacity, spec.capacity_coeff_min, spec.capacity_coeff_max),
                *(spec.need_memory, spec.need_power, spec.need_hdd, spec.need_cpu_freq_mgz, spec.need_cpu_cores),
                *(spec.need_cpu_freq_cores, spec.need_gpu_mem_mb, spec.need_properties),
                *(spec.need_gpus, spec.gpus_shared),
                *(spec.hosts_mask, spec.hosts_mask_exclude),
                *(spec.least_hosts, spec.multihost_max if spec.multi_host else 1),
                spec.task_max_run_time.bit_length(),
                tuple(block_tickets(farm, spec).items()),
            )
        )
    return tuple(key)


def _bare(block: Block) -> Block:
    """Return a copy of a block that runs nothing and has no errors."""
    bare = shallow_copy(block)
    bare.spec = shallow_copy(block.spec)
    bare.running_tasks = 0
    bare.running_per_host, bare.error_hosts, bare.task_error_hosts = {}, {}, TaskErrors()
    return bare


def _idle(holder: Limits) -> Limits:
    """Return a copy of a holder that runs nothing anywhere."""
    idle = shallow_copy(holder)
    idle.running_per_host = {}
    return idle


class Kind:
    """One kind of jobs, and which renders it was refused by."""

    def __init__(
        self,
        farm: Farm,
        renders: FreeRenders,
        matches: Matches,
        key: KindKey,
        job: Job,
        number: int,
        lacking: dict[str, dict["Kind", None]],
        renewed: dict["Kind", None],
    ) -> None:
        self.key = key
        self.number = number
        """Unique among the kinds of a ranking."""
        self._lacking = lacking
        """By ticket: the kinds that lack one, which are told when one is given back; shared with all."""
        self._renewed = renewed
        """The kinds whose stuck jobs are to be offered everything again; shared with all."""
        self.jobs = 0
        """How many jobs are of this kind now."""
        self.stuck: dict[int, int] = {}
        """Jobs that found no render by their own counts or errors, with how much of the log they have seen."""
        self._farm = farm
        self._renders = renders
        self._matches = matches
        # Copies: the job they are made from may be edited, run or be deleted while others of its kind stay.
        self.sample = shallow_copy(job)
        """A job of the kind, as it was when it was the first; it may be gone, or another one now."""
        self.blocks = [_bare(job.blocks[index]) for index in offering(job)]
        """The blocks of that job that offer something, as if they ran nothing and had no errors."""
        self._holders = [_idle(holder) for holder in holders_of(farm, job)]
        self._pools = [holder.pools for holder in self._holders if holder.pools]
        self.tickets = [block_tickets(farm, block.spec) for block in self.blocks]
        self.short = False
        """Every block lacks a ticket, as ``Ranking`` found; until one is given back."""
        self._asks = {holder_needs(holder) for holder in self._holders} - {NO_NEEDS}
        self._blocks_ask = {block_needs(job, block) for block in self.blocks}
        self._hopeless = (-1, False)
        self._lost_by_ticket = False
        self.asked = self._all_asked()
        """All that ``fits`` asks: kinds that ask the same share what is known of it."""
        self._fits = matches.fits_of(self.asked)
        self._offsets: dict[int, int | None] = {}
        """What the job's pools map adds to a pool; None where a map forbids it."""
        self._refused: dict[int, int] = {}
        """Renders that do not do, with the stamp at which they did not."""
        self._barren: dict[int, int] = {}
        """Pools in which no render did, with how much of the log was known then."""
        self._fresh: dict[int, None] | None = None
        """None: any free render may do; else only these, because all others were asked."""
        self._read = 0

    def tell(self, farm: Farm) -> None:
        """Take in what the root asks now, the last of those above every job; nothing else about the kind changed."""
        self._holders[-1] = _idle(farm.branches[_ROOT])
        self._pools = [holder.pools for holder in self._holders if holder.pools]
        self._asks = {holder_needs(holder) for holder in self._holders} - {NO_NEEDS}
        self._hopeless = (-1, False)
        self.asked = self._all_asked()
        self._fits = self._matches.fits_of(self.asked)
        place = 2 + len(self._holders)
        self.key = (*self.key[:place], _holder_key(self._holders[-1]), *self.key[place + 1 :])
        self.forget()

    def forget(self, render: int = 0) -> None:
        """Forget what is known of a render, or of all."""
        if render:
            self._fits.pop(render, None)
            return
        self._fits.clear()
        self._offsets.clear()
        self.reload()

    @property
    def hopeless(self) -> bool:
        """Whether no render there is, busy or not, satisfies its masks and properties."""
        matches = self._matches
        if self._hopeless[0] != matches.version:
            found = any(map(matches.nowhere, self._asks)) or all(map(matches.nowhere, self._blocks_ask))
            self._hopeless = matches.version, found
        return self._hopeless[1]

    def reload(self) -> None:
        """Ask every free render again, for the stuck jobs too."""
        self.short = False
        self._refused.clear()
        self._barren.clear()
        self._fresh = None
        self._lost_by_ticket = False
        if self.stuck:
            self.stuck = dict.fromkeys(self.stuck, -1)
            self._renewed[self] = None

    def fits(self, render: int) -> bool:
        """Say whether masks, services and pools allow a render."""
        known = self._fits.get(render)
        if known is None:
            known = self._fits[render] = self._look(self._farm.renders[render])
        return known

    def able(self, render: int) -> bool:
        """Say whether a render would do if it had room: by masks, services and pools, and by its newest reading."""
        if not self.fits(render):
            return False
        never, found = STATIC | MEASURED, self._farm.renders[render]
        if any(holder_reason(self._farm, self._matches, holder, found) in never for holder in self._holders):
            return False
        capacity = self._renders.size(found)[0]
        return any(
            block_reason(self._farm, self._matches, self.sample, block, found, capacity) not in never
            for block in self.blocks
        )

    def lasting(self, render: Render) -> Reason:
        """Return why a render would not do although it ran nothing: by all that is asked, readings and tickets too."""
        if not self.fits(render.id):
            return self.standing(render)
        for holder in self._holders:
            reason = holder_reason(self._farm, self._matches, holder, render)
            if reason:
                return reason
        capacity = self._renders.size(render)[0]
        reason = Reason.NONE
        for block in self.blocks:
            reason = block_reason(self._farm, self._matches, self.sample, block, render, capacity)
            if not reason:
                return reason
        return reason

    def _all_asked(self) -> Asked:
        blocks = []
        for block in self.blocks:
            spec = block.spec
            memory = spec.need_gpu_mem_mb if spec.need_gpus > 0 else 0
            blocks.append((block_needs(self.sample, block), spec.service, spec.need_gpus, memory))
        pools = [*self._pools, self.sample.pools]
        return frozenset(self._asks), frozenset(blocks), tuple(tuple(sorted(each.items())) for each in pools)

    def _look(self, render: Render) -> bool:
        return not self.standing(render)

    def standing(self, render: Render) -> Reason:
        """Return why a render does not do, whatever runs there and whatever it measures: a ``STATIC`` reason."""
        # Only what never changes by itself is asked: a farm that fills asks each kind about each render once.
        if self._offset(render.pool) is None:
            return Reason.POOL
        for asked in self._asks:
            reason = self._matches.needs(render, asked)
            if reason:
                return reason
        reason = Reason.NONE
        for block in self.blocks:
            reason = standing_reason(self._farm, self._matches, self.sample, block, render)
            if not reason:
                return reason
        return reason

    def _offset(self, pool: int) -> int | None:
        if pool not in self._offsets:
            path = self._farm.pools[pool].path
            every = [pool_offset(pools, path) for pools in self._pools]
            own = pool_offset(self.sample.pools, path) if self.sample.pools else 0
            self._offsets[pool] = None if None in every else own
        return self._offsets[pool]

    def open(self) -> bool:
        """Say whether a render is there that may do; takes in which renders changed."""
        renders, fresh = self._renders, self._fresh
        if fresh is None:
            return bool(renders.free)
        if self._read < renders.log_base:
            self.reload()
            return bool(renders.free)
        if self._read < renders.log_end:
            for id in renders.log[self._read - renders.log_base :]:
                if id in renders.free and self.fits(id):
                    fresh[id] = None
            self._read = renders.log_end
        return bool(fresh)

    def best(self, since: int = -1) -> Iterator[Render]:
        """Yield the free renders that may do, best first; with ``since`` only what changed after that much log."""
        renders, refused, stamps = self._renders, self._refused, self._renders.stamps
        some: Iterable[int] | None = self._fresh
        if since >= renders.log_base:
            some = dict.fromkeys(renders.log[since - renders.log_base :])
        farm_renders = self._farm.renders
        if some is None:
            for _, id in self._every():
                yield farm_renders[id]
            return
        for _, id in sorted(self._liked(id) for id in some if id in renders.free):
            if refused.get(id) != stamps.get(id) and self.fits(id):
                yield farm_renders[id]

    def _liked(self, render: int) -> tuple[Preference, int]:
        liked = self._renders.liking(render)
        offset = self._offset(self._farm.renders[render].pool)
        return ((liked[0] - offset, *liked[1:]), render) if offset else (liked, render)

    def _every(self) -> Iterable[tuple[Preference, int]]:
        """Return all free renders that may do, best first."""
        lists: list[Iterable[tuple[Preference, int]]] = []
        for pool, order in self._renders.in_pools().items():
            offset = self._offset(pool)
            if order and offset is not None:
                lists.append(self._of_pool(pool, order, offset))
        return lists[0] if len(lists) == 1 else heapq.merge(*lists)

    def _of_pool(self, pool: int, order: list[tuple[Preference, int]], offset: int) -> Iterator[tuple[Preference, int]]:
        """Yield the renders of one pool that may do, best first."""
        if self._still_barren(pool, len(order)):
            return
        known, refused, stamps = self._fits, self._refused, self._renders.stamps
        barren = True
        for entry in order:
            liked, id = entry
            fits = known.get(id)
            if fits is False or (id in refused and refused[id] == stamps[id]):
                continue
            if fits or self.fits(id):
                barren = False
                yield ((liked[0] - offset, *liked[1:]), id) if offset else entry
        if barren:
            self._barren[pool] = self._renders.log_end

    def _still_barren(self, pool: int, size: int) -> bool:
        """Say whether a pool in which no render did has none that changed and may do now."""
        renders, begun = self._renders, self._barren.get(pool, -1)
        if begun < renders.log_base or renders.log_end - begun > size:
            return False
        all_renders, refused, stamps = self._farm.renders, self._refused, renders.stamps
        for id in renders.log[begun - renders.log_base :]:
            if id in renders.free and all_renders[id].pool == pool and self.fits(id) and refused.get(id) != stamps[id]:
                return False
        self._barren[pool] = renders.log_end
        return True

    def refuse(self, render: int, reason: Reason) -> None:
        """Leave a render out until it changes: no job of the kind may use it as it is."""
        self._refused[render] = self._renders.stamps[render]
        if reason is Reason.POOL_TICKET:
            self.lose_by_ticket()
        if self._fresh is not None:
            self._fresh.pop(render, None)

    def lose_by_ticket(self) -> None:
        """Take in that a render was left out, by the kind or a stuck job, for want of a ticket that a pool has."""
        if not self._lost_by_ticket:
            self._lost_by_ticket = True
            self._lack()

    def close(self) -> None:
        """Take in that every free render was asked and refused: only one that changes may do."""
        if self._fresh is None:
            self._fresh = {}
            self._read = self._renders.log_end
            self._refused.clear()
        else:
            self._fresh.clear()

    def find_short(self, short: bool) -> None:
        """Take in whether every block lacks a ticket; when it does, the kind is passed over until one is given back."""
        self.short = short
        if short:
            self._lack()

    def _lack(self) -> None:
        for name in {name for tickets in self.tickets for name in tickets}:
            self._lacking.setdefault(name, {})[self] = None

    def ticket_freed(self) -> None:
        """Take in that tickets it wants were given back: renders left out for want of one are asked again."""
        self.short = False
        if self._lost_by_ticket:
            self.reload()
