"""The solver: hands ready tasks to free renders, one start at a time, in the order of who needs them most.

Rules of this file:
- It starts nothing: it yields ``RunStarted`` and expects it evolved (and noted) before it is resumed.
- It remembers between passes who was refused and by what; nobody is asked again before that changed.  When nothing
  changed there is no pass.
- A pass may be left at any start; what it had not tried stays wanted.
Source of the walk: branch, then user (or child branch, or job), then job, then the renders the job likes best, then
the job's blocks in their order.
"""

from collections.abc import Collection, Iterable, Iterator
from functools import partial

from afcore.events import (
    BranchDeleted,
    BranchEdited,
    Event,
    FarmRecovered,
    HostReleased,
    JobDeleted,
    JobEdited,
    JobsReordered,
    PoolAdded,
    PoolDeleted,
    PoolEdited,
    RunFinished,
    RunStarted,
    TryNextChanged,
    UserDeleted,
    UserEdited,
)
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.schedule.fit import Matches, block_reason, holder_reason, job_reason, task_avoids
from afcore.schedule.free import EVERY, REMARKS, FreeRenders
from afcore.schedule.kinds import Kind, offering
from afcore.schedule.limits import Holder, block_start_reason, holders_of, jobs_below
from afcore.schedule.offers import Offers
from afcore.schedule.ranking import Place, Ranking
from afcore.schedule.rates import Rates
from afcore.schedule.reasons import MEASURED, OWN, TOO_LITTLE, Reason
from afcore.schedule.reserve import ClaimKey, Reservations
from afcore.schedule.serving import Serving, make_start, next_tasks
from afcore.states import RenderState, TaskState

__all__ = ["Scheduler"]

_ASKED = frozenset(
    {
        *("hosts_mask", "hosts_mask_exclude", "hosts_mask_type", "need_os", "need_properties", "need_power"),
        *("need_memory", "need_hdd", "pools"),
    }
)
"""Parameters of users and branches that decide which renders their jobs may use."""
_SOLVED = frozenset({"solve_method", "solve_need", "solve_jobs"})
"""Parameters that decide in which order."""
_OF_TREE = (
    *(UserEdited, UserDeleted, BranchEdited, BranchDeleted),
    *(PoolAdded, PoolEdited, PoolDeleted, FarmRecovered),
)
"""Seldom; not about one job."""
_WALKS = 8
"""How often a pass asks everybody again because of renders that were given back in it."""
_MOVES = frozenset({"user_name", "branch", "priority"})


class Scheduler:
    """What is ready, what is free, and the walk that joins them."""

    def __init__(
        self,
        farm: Farm,
        *,
        jobs: Iterable[int] | None = None,
        renders: Iterable[int] | None = None,
        rates: Rates | None = None,
        original: "Scheduler | None" = None,
    ) -> None:
        """Look at the whole farm; or, on a copy of it that is tried out, at the jobs and renders that matter.

        ``original`` is the scheduler of the farm that was copied, as it was then: what runs hold is known there.
        """
        self._farm = farm
        self.offers = Offers(farm, jobs)
        self.renders = FreeRenders(farm, renders)
        self.matches = Matches(farm)
        self.rates = Rates(farm) if rates is None else rates
        self.ranking = Ranking(farm, self.renders, self.matches)
        self._stale = True
        """Whether everything has to be ranked anew before the next pass."""
        self._tickets: dict[tuple[int, ...], tuple[str, ...]] = (
            self._held() if original is None else dict(original._tickets)
        )
        """Names of the tickets each run holds."""
        self._captured: dict[tuple[int, ...], list[int]] = (
            dict(original._captured)
            if original is not None
            else {
                run.key[:3]: [held.render for held in run.captured] for run in farm.runs.extraordinary() if run.captured
            }
        )
        """Renders that multihost runs hold beside their masters."""
        self.reserved = Reservations(farm, self.renders, self.matches, partial(next_tasks, self.offers))
        if original is not None:
            self.reserved.begin_beside(original.reserved)
        self._serving = Serving(farm, self.renders, self.matches, self.offers, self.reserved, self.rates.may_start)
        self._passed: dict[int, tuple[int, ClaimKey]] = {}
        """Who had its turn on a render, as it was at a stamp, and found too little room."""
        self._avoided = False
        """Whether a render was refused because of errors there: an end elsewhere may make that undone.

        A task that becomes ready may not avoid it, and errors of a task that failed for good count for no render.
        """
        self.limited = farm.limited
        self._again = False
        """Whether something ended that others may have waited for."""
        self._at = 0.0
        self.solving = 0
        """The job that was looked at last: the one to blame when a pass breaks."""

    def _held(self) -> dict[tuple[int, ...], tuple[str, ...]]:
        return {run.key[:3]: tuple(dict(run.tickets)) for run in self._farm.runs.extraordinary() if run.tickets}

    @property
    def wanted(self) -> bool:
        """Whether a pass could start something."""
        offers, renders = self.offers, self.renders
        if not offers.ready:
            return False
        return bool(renders.changed or ((offers.changed or self._again) and renders.free))

    @property
    def waiting_jobs(self) -> Iterable[int]:
        """Ids of the jobs that have something to start by their own state."""
        return self.offers.ready

    def deadline(self) -> float | None:
        """Return when a pass may become wanted by time alone, or None."""
        all_times = (self.offers.deadline(), self.rates.deadline(), self.reserved.deadline())
        return min((each for each in all_times if each is not None), default=None)

    def wake(self, at: float) -> None:
        """Take in that it is ``at``: jobs whose waiting is over, by their time or their rate, are offered again.

        Call it at ``deadline``.
        """
        self._at = max(self._at, at)
        self.offers.wake(self._at)
        if self.rates.wake(self._at):
            for job in list(self.ranking.gated):
                self.offers.touched[job] = None
            self.offers.changed.update(dict.fromkeys(self.offers.ready))
        self._again = self.reserved.wake(self._at) or self._again
        for job in self.reserved.look_again(self._at):
            if job in self.offers.ready:
                self.offers.touched[job] = self.offers.changed[job] = None
        self._look()

    def note(self, event: Event, at: float = 0.0) -> None:
        """Take in what happened at ``at``; the farm has it already."""
        self._at = max(self._at, at)
        kind = type(event)
        self.offers.note(event, self._at)
        changed = self.renders.note(event)
        if changed:
            self._forget(changed)
            if changed in self.reserved.by_render or (changed == EVERY and self.reserved.claims):
                # Without it what is kept may be too little for ever, and the rest is for others then.
                self._again = True
        if kind is RunStarted:
            job = self._farm.jobs[event.job]  # type: ignore[union-attr]
            self.rates.started(job, at)
            self.ranking.count(job)
            if event.tickets:  # type: ignore[union-attr]
                self._tickets[event.job, event.block, event.task] = tuple(event.tickets)  # type: ignore[union-attr]
            if event.captured:  # type: ignore[union-attr]
                self._captured[event.job, event.block, event.task] = [held.render for held in event.captured]  # type: ignore[union-attr]
            self.reserved.started((event.job, event.block), event.render, self._at)  # type: ignore[union-attr]
            self._look(anew=False)
        elif kind is HostReleased:
            self.renders.look(event.render)  # type: ignore[union-attr]
            self._gave_back(event.job, event.block, event.task)  # type: ignore[union-attr]
        elif kind is RunFinished:
            self._finished(event)  # type: ignore[arg-type]
        elif isinstance(event, _OF_TREE):
            self._tree_changed(event)
        else:
            if isinstance(event, TryNextChanged):
                self.reserved.asked_anew(event.job)
            if any(job in self.offers.touched for job, _ in self.reserved.claims):
                # It may start nothing more: what is kept for it is for others then.
                self._again = True
            if isinstance(event, JobDeleted):
                self.rates.forget(event.job)
            elif isinstance(event, JobsReordered):
                self._reorder(event.user)
                self._look(anew=False)
            elif isinstance(event, JobEdited) and not _MOVES.isdisjoint(event.new):
                self.ranking.last_among_equals(event.job)
                if len(event.new) > 1 or "priority" not in event.new:
                    self.ranking.moved()
            self._look()

    def _tree_changed(self, event: Event) -> None:
        """Take in an edit of users, branches or pools, looking only at the jobs it is about."""
        self._again = self._again or bool(self.reserved.claims)
        if self.limited != self._farm.limited or isinstance(event, FarmRecovered):
            # Services that are limited now hold tickets that the kinds knew nothing of.
            self.limited = self._farm.limited
            self._tickets = self._held()
            self._stale = True
            self.offers.touched.clear()
            jobs: Iterable[int] = self.offers.ready
        elif isinstance(event, UserEdited):
            jobs = self._edited(event.new, self._farm.users[event.user].jobs)
            self.ranking.ranks_anew(user=event.user)
        elif isinstance(event, BranchEdited):
            jobs = self._branch_edited(event)
            self.ranking.ranks_anew(branch=event.branch)
        elif isinstance(event, UserDeleted):
            self.ranking.drop(0, event.user)
            return
        elif isinstance(event, BranchDeleted):
            self.ranking.drop(event.branch, 0)
            return
        elif isinstance(event, PoolEdited) and REMARKS.issuperset(event.new):
            return
        else:
            self.ranking.pools_changed()
            jobs = self.offers.ready
        self.offers.changed.update(dict.fromkeys(job for job in jobs if job in self.offers.ready))
        self._look()

    def _branch_edited(self, event: BranchEdited) -> Iterable[int]:
        branch = self._farm.branches[event.branch]
        if branch.parent or _ASKED.isdisjoint(event.new):
            return self._edited(event.new, jobs_below(self._farm, branch))
        # Below the root is everybody: kinds ask anew, jobs stay where they are.
        self.ranking.branch_masks_changed()
        return self._edited({name: value for name, value in event.new.items() if name not in _ASKED}, self.offers.ready)

    def _edited(self, new: Collection[str], jobs: Iterable[int]) -> Iterable[int]:
        """Touch the jobs that an edit of who is above them is about; return all of them."""
        every = list(jobs)
        if _ASKED.isdisjoint(new) and _SOLVED.isdisjoint(new):
            # A limit only: who was left out may go on, the others are where they were.
            touched = self.ranking.stuck_of(every)
        else:
            touched = every
        self.offers.touched.update(dict.fromkeys(job for job in touched if job in self.offers.ready))
        return every

    def _forget(self, render: int) -> None:
        """Forget what was remembered of a render that is another one now."""
        self.matches.forget(0 if render == EVERY else render)
        for kind in self.ranking.kinds.values():
            kind.forget(0 if render == EVERY else render)

    def _reorder(self, user: int) -> None:
        self.ranking.reorder(user)
        for job in self._farm.users[user].jobs:
            if job in self.offers.ready:
                self.offers.touched[job] = None
                self.offers.changed[job] = None

    def _look(self, *, anew: bool = True) -> None:
        """Take in the jobs that were touched."""
        if self._stale or not self.offers.touched:
            return
        ready = self.offers.ready
        for job in self.offers.touched:
            self.ranking.look(job, ready=job in ready, anew=anew)
        self.offers.touched.clear()

    def _finished(self, event: RunFinished) -> None:
        """Take in an end: whatever it counted in has room again, on other renders too."""
        self._gave_back(event.job, event.block, event.task)
        self._tickets.pop((event.job, event.block, event.task), None)
        for render in self._captured.pop((event.job, event.block, event.task), ()):
            self.renders.look(render)
        job = self._farm.jobs.get(event.job)
        if job is not None:
            self.ranking.count(job)
            # Whoever was left out because somebody above ran enough may go on.
            gated = self.ranking.gated_by(job)
            self.offers.touched.update(dict.fromkeys(id for id in gated if id in self.offers.ready))
        self._again = True
        self._look(anew=False)

    def _gave_back(self, job: int, block: int, task: int) -> None:
        """Take in that a run gave back the tickets it held, or some of them."""
        for name in self._tickets.get((job, block, task), ()):
            for kind in self.ranking.lacking.pop(name, ()):
                kind.ticket_freed()
        self._again = True

    # The pass

    def run(self, at: float, budget: int = 0) -> Iterator[RunStarted]:
        """Yield starts until nothing more can start, or ``budget`` were made (0: no limit)."""
        self.wake(at)
        if not self.wanted:
            return
        self.rank_now()
        made, walks = 0, 0
        self.reserved.settle(self._at)
        while self.renders.free:
            root, known = self.ranking.root, self.renders.log_end
            started = self._serving.next(self._at) if self.reserved.claims else None
            if started is None and root is not None:
                started = self._next(root)
            if started is None:
                walks += 1
                if self.renders.log_end != known and walks < _WALKS:
                    # Who was asked late gave renders back that others want who were asked before.
                    continue
                break
            made += 1
            yield started
            if budget and made >= budget:
                return
        self._again = False
        self.offers.changed.clear()
        self.renders.changed.clear()

    def rank_now(self) -> None:
        """Rank what is ready, as the next pass would before its first start."""
        if self._stale:
            self._stale = False
            self.offers.touched.clear()
            self.ranking.rebuild(tuple(self.offers.ready))

    def _allows(self, holder: Holder) -> bool:
        return self.rates.may_start(holder, self._at)

    def _next(self, place: Place) -> RunStarted | None:
        """Try what is below a branch or user, best first."""
        if not self._allows(place.node):
            return None
        ranking = self.ranking
        below = ranking.in_turn(place)
        other = next(below, None)
        while True:
            job = ranking.best_job(place)
            if other is not None and (job is None or ranking.rank_place(other) < job[0]):
                started = self._next(other)
                if started is None:
                    other = next(below, None)
            elif job is not None:
                started = self._start(self._farm.jobs[job[1]])
            else:
                return None
            if started is not None:
                return started

    def _start(self, job: Job) -> RunStarted | None:
        """Start a task of a job on the render it likes best; when there is none, leave the job out for a while."""
        self.solving = job.id
        ranking = self.ranking
        entry = ranking.entry(job.id)
        holders = holders_of(self._farm, job)
        blocks = [job.blocks[index] for index in entry.blocks if not block_start_reason(job.blocks[index])]
        if job.ppa:
            blocks = [block for block in blocks if self.offers.next_task(block) is not None]
        refusing = next((holder for holder in holders if not self._allows(holder)), None)
        if not blocks or refusing is not None:
            ranking.gate(job.id, refusing)
            return None
        single = [block for block in blocks if not block.spec.multi_host]
        if len(single) < len(blocks):
            asked = self._start_asked(job, holders, single, entry.kind) if job.try_next else None
            if asked is not None:
                return asked
            several = self._start_several(job, [block for block in blocks if block.spec.multi_host])
            if several is not None or not single:
                if several is None:
                    ranking.stick(job.id, ends_free=len(blocks) < len(entry.blocks))
                return several
            blocks = single
        kind, own = entry.kind, False
        self._avoided = False
        for render in kind.best(entry.seen):
            started = self._start_on(job, holders, blocks, render, kind)
            if isinstance(started, RunStarted):
                entry.seen = -1
                return started
            own = own or started
        if own or entry.seen >= 0:
            ranking.stick(job.id, ends_free=self._avoided or len(blocks) < len(entry.blocks))
        else:
            kind.close()
        return None

    def _start_asked(self, job: Job, holders: list[Holder], blocks: list[Block], kind: Kind) -> RunStarted | None:
        """Start what somebody asked to be tried next, before the job's multihost blocks have renders kept for them."""
        asked = {index for index, task in job.try_next if job.blocks[index].tasks.state[task] == TaskState.READY}
        wanted = [block for block in blocks if block.index in asked]
        for render in kind.best(-1) if wanted else ():
            if job_reason(self._farm, job, render) or any(
                holder_reason(self._farm, self.matches, holder, render) for holder in holders
            ):
                continue
            started = self._try_asked(job, wanted, render)
            if started is not None:
                return started
        return None

    def _try_asked(self, job: Job, blocks: list[Block], render: Render) -> RunStarted | None:
        """Start the first task on a render that is listed to be tried next and may run there."""
        for index, task in job.try_next:
            if job.blocks[index] in blocks and job.blocks[index].tasks.state[task] == TaskState.READY:
                tried = self._start_in(job, job.blocks[index], render, task)
                if isinstance(tried, RunStarted):
                    return tried
        return None

    def _start_several(self, job: Job, blocks: list[Block]) -> RunStarted | None:
        """Keep renders for the multihost blocks of a job, and start one of their tasks when there are enough."""
        for block in blocks:
            claim = self.reserved.claim_several(job, block, self._at)
            started = None if claim is None else self._serving.serve(claim, self._at)
            if started is not None:
                return started
        return None

    def _start_on(
        self, job: Job, holders: list[Holder], blocks: list[Block], render: Render, kind: Kind
    ) -> RunStarted | bool:
        """Start a task of a job on one render, or tell its kind when no job like it could.

        Return whether the refusal is the job's own: another one of its kind may use the render.
        """
        reason = job_reason(self._farm, job, render)
        if reason:
            if reason is Reason.NIMBY and render.state & RenderState.NIMBY_USER:
                return True
            kind.refuse(render.id, reason)
            return False
        for holder in holders:
            reason = holder_reason(self._farm, self.matches, holder, render)
            if reason:
                return self._refused(reason, kind, render)
        asked = self._try_asked(job, blocks, render)
        if asked is not None:
            return asked
        reasons = []
        for block in blocks:
            tried = self._start_in(job, block, render)
            if isinstance(tried, RunStarted):
                return tried
            reasons.append(tried)
        if any(each in MEASURED for each in reasons):
            self.renders.measures_matter = True
        if len(blocks) < len(offering(job)) or any(each in OWN for each in reasons):
            if Reason.POOL_TICKET in reasons:
                kind.lose_by_ticket()
            return True
        return self._refused(Reason.POOL_TICKET if Reason.POOL_TICKET in reasons else reasons[0], kind, render)

    def _refused(self, reason: Reason, kind: Kind, render: Render) -> bool:
        """Leave a render out for a kind that it refuses, unless it refused one job only; return whether it did."""
        if reason in MEASURED:
            self.renders.measures_matter = True
        if reason in OWN:
            return True
        kind.refuse(render.id, reason)
        return False

    def _start_in(self, job: Job, block: Block, render: Render, wanted: int = -1) -> RunStarted | Reason:
        """Start the first ready task of a block that does not avoid a render, if the block fits there.

        ``wanted`` asks for one task and no other.
        """
        free = self.renders.size(render)[0] - render.used_capacity
        reason = block_reason(self._farm, self.matches, job, block, render, free)
        if reason:
            if reason in TOO_LITTLE:
                self._pass(job, block, render)
            elif reason is Reason.AVOIDED_BY_BLOCK:
                self._avoided = True
            return reason
        task = self._task(job, block, render, wanted)
        if task is None:
            self._avoided = True
            return Reason.AVOIDED_BY_TASK
        overtaken = self._passed.get(render.id)
        if overtaken is not None:
            self._overtake(*overtaken, (job.id, block.index), render.id)
        if self.reserved.by_render:
            reason = self.reserved.reason(job, block, render.id, self._at)
            if reason:
                return reason
        return make_start(self._farm, block, task, render, free)

    def _pass(self, job: Job, block: Block, render: Render) -> None:
        """Remember whose turn it was first on a render that is too full for it as it is."""
        stamp = self.renders.stamps[render.id]
        first = self._passed.get(render.id)
        if first is None or first[0] != stamp:
            self._passed[render.id] = stamp, (job.id, block.index)

    def _overtake(self, stamp: int, first: ClaimKey, second: ClaimKey, render: int) -> None:
        """Take in that one is about to start where another had its turn and found too little room."""
        if stamp != self.renders.stamps[render]:
            del self._passed[render]
        elif first != second:
            self.reserved.overtaken(first, self._at)

    def _task(self, job: Job, block: Block, render: Render, wanted: int) -> int | None:
        """Return the task of a block that a render is offered, or None."""
        if wanted >= 0:
            return None if task_avoids(self._farm, job, block, wanted, render) else wanted
        if job.maintenance:
            task = self.offers.named(block, render.name)
            return None if task is None or task_avoids(self._farm, job, block, task, render) else task
        found = self.offers.next_task(block)
        if not block.task_error_hosts:
            return None if found is None else found[1]
        while found is not None and task_avoids(self._farm, job, block, found[1], render):
            found = self.offers.next_task(block, after=found[0])
        return None if found is None else found[1]
