"""What holds each ready job that runs nothing, as one word for its row: less than ``why`` answers, for next to nothing.

Rules of this file:
- It has no rule of its own: who may start nothing says ``limits``, which renders would do says the job's ``Kind``.
- It is asked when a row is made.  What was told is kept up to date by ``look``, which works in small parts: a kind at a
  time and some renders at a time, and only where something changed that it depends on.
- A render that would do if it ran nothing is a witness: while it is there, the job waits for its turn and for nothing
  else, and nobody looks at the others.
"""

from collections.abc import Callable, Iterable, Iterator, KeysView
from itertools import islice
from typing import NamedTuple

from afcore import events
from afcore.model.farm import Farm
from afcore.model.job import Job
from afcore.model.render import Render
from afcore.model.tree import Branch, User
from afcore.schedule.kinds import Kind
from afcore.schedule.limits import Holder, block_start_reason, holders_of, job_start_reason, jobs_below, start_reason
from afcore.schedule.reasons import MEASURED, STATIC, Reason
from afcore.schedule.solver import Scheduler
from afcore.states import RenderState
from afcore.systemcommand import SYSTEM_JOB

__all__ = ["FREE", "MISFIT", "NOBODY", "TURN", "UNUSABLE", "Hold", "Holds"]

MISFIT = "no_render_fits"
UNUSABLE = "none_may_be_used"
NOBODY = "no_renders"
TURN = "turn"
"""Renders that would do are there: others have them, or it starts with the next pass."""


class Hold(NamedTuple):
    """Why a ready job runs nothing."""

    code: str = ""
    """A ``Reason`` in lower case, one of the words above, or nothing when it is not known."""
    of: str = ""
    """Whose limit it is, or which service or ticket it lacks; empty where it is the job's own or there are several."""


FREE = Hold()
"""Of a job that is not ready, or runs something, or was not looked at yet."""

_AWAY = frozenset({Reason.OFFLINE, Reason.ASLEEP})
_BARRED = frozenset(
    {
        *(Reason.SICK, Reason.PAUSED, Reason.NIMBY),
        *(Reason.RENDER_PRIORITY_ZERO, Reason.POOL_PAUSED, Reason.POOL_PRIORITY_ZERO),
    }
)
_SMALL = MEASURED | {Reason.CPU_CORES, Reason.CAPACITY}
_TICKETS = frozenset({Reason.HOST_TICKET, Reason.POOL_TICKET})
_LEVELS = (STATIC, _AWAY, _BARRED, _SMALL, _TICKETS)
"""How near a render is to be of use; of those that are nearest the reason is told."""
_MIXED = (MISFIT, UNUSABLE, UNUSABLE, UNUSABLE, UNUSABLE)
"""What is said where the nearest renders have different reasons."""
_LEVEL_OF = {reason: level for level, reasons in enumerate(_LEVELS) for reason in reasons}
_OF_RENDER = (
    *(events.RenderAdded, events.RenderWentOnline, events.RenderWentOffline, events.RenderEdited),
    *(events.RenderDeleted, events.RenderInstructed, events.RenderWolFailed, events.RenderWakeAsked),
)
_OF_POOLS = (events.PoolAdded, events.PoolEdited, events.PoolDeleted, events.FarmRecovered)
_OF_TREE = (*_OF_POOLS, events.UserEdited, events.BranchEdited)
_OF_RUNS = (events.RunStarted, events.RunFinished)
_FEW = 50
"""Changed renders that every kind without a witness looks at, instead of at all there are."""
_FEW_IN_ALL = 2000
"""The same of all those kinds together: beyond it they are looked at in parts."""
_AT_ONCE = 300
"""Renders that are looked at while a row is made."""
_AT_ONCE_IN_ALL = 2000
"""The same of all rows that are made between two looks: of other kinds it is told a little later."""
_OF_BLOCK = frozenset({Reason.BLOCK_LIMIT, Reason.PER_HOST_ZERO})


class _Verdict:
    """What is known of one kind."""

    __slots__ = ("guests", "hold", "level", "reason", "witnesses")

    def __init__(
        self, hold: Hold, level: int, witnesses: Iterable[int] = (), guests: Iterable[str] = (),
        reason: Reason = Reason.NONE,
    ) -> None:  # fmt: skip
        self.hold = hold
        self.reason = reason
        """The only one there is, if so."""
        self.level = level
        self.witnesses = frozenset(witnesses)
        """Renders that would do; while they do, nothing else is asked."""
        self.guests = frozenset(guests)
        """Users who sit at a nimby render that would do: for their own jobs it does."""


class Holds:
    """The word of every ready job that somebody was told of."""

    def __init__(self, farm: Farm, scheduler: Callable[[], Scheduler]) -> None:
        """``scheduler`` returns that of the farm: a change of settings makes another one."""
        self._farm = farm
        self._scheduler = scheduler
        self._verdicts: dict[Kind, _Verdict] = {}
        self._told: dict[int, Hold] = {}
        """What was said of each job."""
        self._kind_told: dict[int, Kind] = {}
        """Of those jobs whose word came from their kind: that kind."""
        self._of_kind: dict[Kind, dict[int, None]] = {}
        """The same the other way round."""
        self._small: set[Kind] = set()
        """Kinds whose word the next reading of a render may change."""
        self._limits: dict[tuple[str, int], Reason] = {}
        """What each user and branch with a limit said at the last look."""
        self._kinds_due: dict[Kind, None] = {}
        self._jobs_due: dict[int, None] = {}
        self._dirty: dict[int, None] = {}
        self._measured = self._ran = self._nobody = False
        self._scan: Iterator[_Verdict | None] | None = None
        self._scanned: Kind | None = None
        self._spare = _AT_ONCE_IN_ALL
        self._seen: Scheduler | None = None
        """The scheduler of the last look, whose kinds are those that are known."""

    def clear(self) -> None:
        """Nobody was told anything."""
        self.__init__(self._farm, self._scheduler)  # type: ignore[misc]

    @property
    def due(self) -> bool:
        """Whether ``look`` has something to do."""
        other = self._seen is not None and self._scheduler() is not self._seen
        return bool(other or self._dirty or self._measured or self._ran or self.behind)

    def note(self, event: events.Event) -> None:
        """Take in what happened; the farm has it already."""
        if not self._told:
            self._verdicts.clear()
            return
        if isinstance(event, _OF_RUNS):
            self._ran = True
        elif isinstance(event, events.RenderMeasured):
            self._measured = bool(self._small)
        elif isinstance(event, _OF_RENDER):
            self._dirty[event.render] = None
        elif isinstance(event, _OF_TREE):
            self._begin_anew()
            self._ran = True  # a limit may be another one: what it says is noted, too
        elif isinstance(event, events.JobDeleted):
            self._tell(event.job, None, None)

    def _begin_anew(self) -> None:
        """Ask everything again of which somebody was told; a kind that is half looked at, from its first render."""
        self._verdicts.clear()
        self._small.clear()
        if self._scanned is not None:
            self._kinds_due[self._scanned] = None
            self._scan = self._scanned = None
        self._jobs_due.update(dict.fromkeys(self._told))

    # What is told

    def of(self, job: Job, at: float) -> Hold:
        """Return what holds a job; it is remembered as told."""
        hold, kind = self._found(job, at)
        if not self._told:
            self._ran = True  # what ran while nobody was told
        self._tell(job.id, hold, kind)
        if hold is not None and self._ran and any(each.max_running_tasks >= 0 for each in holders_of(self._farm, job)):
            # By the next look it may be as it was at the last one, which this was not seen by.
            self._jobs_due[job.id] = None
        return FREE if hold is None else hold

    def _tell(self, job: int, hold: Hold | None, kind: Kind | None) -> None:
        before = self._kind_told.pop(job, None)
        if before is not None:
            self._of_kind[before].pop(job, None)
            if not self._of_kind[before]:
                del self._of_kind[before]
        if hold is None:
            self._told.pop(job, None)
            return
        self._told[job] = hold
        if kind is not None:
            self._kind_told[job] = kind
            self._of_kind.setdefault(kind, {})[job] = None
        elif hold is FREE:
            self._jobs_due[job] = None

    def _found(self, job: Job, at: float) -> tuple[Hold | None, Kind | None]:
        """Return what holds a job, and its kind when that says so; None for a job that nothing is to be said of."""
        if job.id == SYSTEM_JOB or job.running_tasks or job_start_reason(job, at):
            return None, None
        for holder in holders_of(self._farm, job):
            reason = start_reason(holder)
            if reason:
                return Hold(reason.name.lower(), _name_of(holder)), None
        reasons = [reason for block in job.blocks if (reason := block_start_reason(block)) in _OF_BLOCK]
        offering = [block for block in job.blocks if not block_start_reason(block)]
        if reasons and not offering:
            return Hold(reasons[0].name.lower()), None
        if not self._farm.renders:
            self._nobody = True
            return Hold(NOBODY), None
        kind = self._kind_of(job)
        if kind is None:
            return FREE, None
        if job.id in kind.stuck and any(block.error_hosts or block.task_error_hosts for block in offering):
            return Hold(Reason.AVOIDED_BY_BLOCK.name.lower()), kind
        verdict = self._verdicts.get(kind)
        if verdict is None:
            if kind in self._kinds_due or kind is self._scanned:
                return FREE, kind
            looked = list(islice(self._scan_of(kind), min(self._spare, _AT_ONCE)))
            self._spare -= len(looked)
            verdict = looked[-1] if looked else None
            if verdict is None:
                self._kinds_due[kind] = None
                return FREE, kind
            self._know(kind, verdict)
        if verdict.guests and self._farm.users[job.user].name in verdict.guests:
            return Hold(TURN), kind
        return verdict.hold, kind

    def _kind_of(self, job: Job) -> Kind | None:
        try:
            return self._scheduler().ranking.entry(job.id).kind
        except KeyError:
            return None

    # What changed

    @property
    def behind(self) -> bool:
        """Whether the last look left work."""
        return bool(self._kinds_due or self._jobs_due or self._scan is not None)

    def look(self, at: float, units: int = 1000) -> list[int]:
        """Work for about ``units`` renders and jobs; return the jobs of which another word is to be told."""
        self._gather()
        changed: list[int] = []
        # Kinds that a job brings up are looked at here, render by render.
        self._spare = 0
        while units > 0 and self.behind:
            if self._kinds_due or self._scan is not None:
                units -= 1
                self._look_on()
                continue
            id = next(iter(self._jobs_due))
            del self._jobs_due[id]
            units -= 2
            job, told = self._farm.jobs.get(id), self._told.get(id)
            if job is None or told is None:
                continue
            found, kind = self._found(job, at)
            if found is FREE:
                # Not known yet: what was said stays until it is.
                self._tell(id, None if kind is None else told, kind)
            elif found != told:
                self._tell(id, found, kind)
                changed.append(id)
                units -= 5
        self._spare = _AT_ONCE_IN_ALL
        return changed

    def _gather(self) -> None:
        """Find which kinds and jobs what happened is about."""
        scheduler = self._scheduler()
        scheduler.rank_now()
        if scheduler is not self._seen:
            if self._seen is not None:
                # Another setting: the kinds are others, and so may be the room of each render.
                self._kinds_due.clear()
                self._scan = self._scanned = None
                self._begin_anew()
            self._seen = scheduler
        if len(self._verdicts) > len(scheduler.ranking.kinds) + 100:
            alive = set(scheduler.ranking.kinds.values())
            self._verdicts = {kind: verdict for kind, verdict in self._verdicts.items() if kind in alive}
            self._small &= alive
        if self._dirty or self._measured or self._ran:
            dirty = self._dirty.keys()
            few = min(_FEW, _FEW_IN_ALL // (len(self._verdicts) or 1))
            for kind, verdict in self._verdicts.items():
                if (
                    (dirty and not self._still(kind, verdict, dirty, few))
                    or (self._measured and verdict.level == _LEVEL_OF[Reason.MEMORY])
                    or (self._ran and any(kind.tickets))
                ):
                    self._kinds_due[kind] = None
        if self._dirty:
            if self._scanned is not None:
                self._kinds_due[self._scanned] = None
            if self._nobody:
                self._nobody = False
                self._jobs_due.update(dict.fromkeys(id for id, hold in self._told.items() if hold.code == NOBODY))
        if self._ran:
            self._gather_limited()
        self._dirty.clear()
        self._measured = self._ran = False

    def _still(self, kind: Kind, verdict: _Verdict, changed: KeysView[int], few: int) -> bool:
        """Say whether what is known of a kind holds although these renders changed, as far as that is seen at once."""
        if verdict.witnesses:
            return changed.isdisjoint(verdict.witnesses)
        if verdict.level or len(changed) > few:
            return False
        renders = [self._farm.renders.get(id) for id in changed]
        reasons = {Reason.NONE if each is None else kind.standing(each) for each in renders}
        return reasons == {verdict.reason} or (verdict.hold.code == MISFIT and Reason.NONE not in reasons)

    def _gather_limited(self) -> None:
        farm = self._farm
        for kind, holders in (("user", farm.users), ("branch", farm.branches)):
            for id, holder in holders.items():
                if holder.max_running_tasks < 0:
                    continue
                reason = start_reason(holder)
                if self._limits.get((kind, id), Reason.NONE) != reason:
                    self._limits[kind, id] = reason
                    below: Iterable[int] = holder.jobs if isinstance(holder, User) else jobs_below(farm, holder)
                    self._jobs_due.update(dict.fromkeys(job for job in below if job in self._told))

    def _look_on(self) -> None:
        """Look at one more render for the kind that is looked at."""
        if self._scan is None:
            self._scanned = next(iter(self._kinds_due))
            del self._kinds_due[self._scanned]
            self._scan = self._scan_of(self._scanned)
        verdict = next(self._scan)
        if verdict is None:
            return
        kind, self._scan, self._scanned = self._scanned, None, None
        assert kind is not None
        before = self._verdicts.get(kind)
        self._know(kind, verdict)
        if before is None or (before.hold, before.guests) != (verdict.hold, verdict.guests):
            self._jobs_due.update(self._of_kind.get(kind, {}))

    def _know(self, kind: Kind, verdict: _Verdict) -> None:
        self._verdicts[kind] = verdict
        if verdict.level == _LEVEL_OF[Reason.MEMORY]:
            self._small.add(kind)
        else:
            self._small.discard(kind)

    def _scan_of(self, kind: Kind) -> Iterator[_Verdict | None]:
        """Yield None for each render that was looked at, and the verdict at the end."""
        farm, room = self._farm, self._scheduler().renders.room_reason
        wanted = min((each.spec.multihost_min if each.spec.multi_host else 1 for each in kind.blocks), default=1)
        found: list[set[Reason]] = [set() for _ in _LEVELS]
        witnesses: list[int] = []
        guests: set[str] = set()
        if kind.short:
            hold = Hold("pool_ticket", _names(kind, Reason.POOL_TICKET))
            yield _Verdict(hold, _LEVEL_OF[Reason.POOL_TICKET])
            return
        for id in list(farm.renders):
            render = farm.renders.get(id)
            if render is None:
                continue
            reason = _barred(kind, render) or room(render) if kind.fits(id) else kind.standing(render)
            level = _LEVEL_OF.get(reason)
            if level is None:
                reason = kind.lasting(render)
                level = _LEVEL_OF.get(reason)
            if level is None:
                witnesses.append(id)
                if len(witnesses) >= wanted:
                    yield _Verdict(Hold(TURN), len(_LEVELS), witnesses)
                    return
            else:
                found[level].add(reason)
                if reason is Reason.NIMBY and not render.state & RenderState.NIMBY:
                    guests.add(render.user_name)
            yield None
        if witnesses:
            yield _Verdict(Hold("too_few_hosts", str(wanted)), len(_LEVELS))
            return
        level = max((level for level, reasons in enumerate(found) if reasons), default=0)
        reasons = found[level]
        one = next(iter(reasons)) if len(reasons) == 1 else Reason.NONE
        hold = Hold(one.name.lower(), _names(kind, one)) if one else Hold(_MIXED[level])
        yield _Verdict(hold, level, guests=guests, reason=one)


def _barred(kind: Kind, render: Render) -> Reason:
    """Return which state of a render keeps a kind away; of one whose user sits at it, as for everybody else."""
    state, job = render.state, kind.sample
    if state == RenderState.ONLINE or not state & RenderState.ONLINE:
        return Reason.NONE
    if state & RenderState.PAUSED and not job.ignorepaused:
        return Reason.PAUSED
    if state & (RenderState.NIMBY | RenderState.NIMBY_USER) and not job.ignorenimby:
        return Reason.NIMBY
    return Reason.NONE


def _names(kind: Kind, reason: Reason) -> str:
    """Return the service or the ticket that is missing, when it can be only one."""
    names: set[str] = set()
    if reason is Reason.SERVICE:
        names = {block.spec.service for block in kind.blocks}
    elif reason in _TICKETS:
        names = {name for tickets in kind.tickets for name in tickets}
    return names.pop() if len(names) == 1 else ""


def _name_of(holder: Holder) -> str:
    if isinstance(holder, User):
        return f"user {holder.name}"
    return f"branch {holder.path}" if isinstance(holder, Branch) else ""
