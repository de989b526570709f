"""Which jobs there are and in which order pages show them, brought up to date when somebody looks.

Rules of this file:
- A job is looked at again only when its version changed; the loop is let go every few hundred jobs.
- Nobody looks: no work.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from afcore.model.farm import Farm
from afcore.model.job import Job
from afcore.schedule.offers import waits_for_approval
from afcore.states import STATE_COUNT
from afcore.systemcommand import SYSTEM_JOB
from afcore.views import job_word
from afnet.words import job_state

__all__ = ["JobIndex"]

_STEP = 512
_STEP_OF_NEW = 32
"""Jobs between two turns of the loop: of those that are known, and of those that are looked at anew."""
_FRESH = 1.0
"""Seconds for which one look is good enough for everybody."""


class _Seen(NamedTuple):
    """What pages sort and filter jobs by (and what ``job_state`` reads of a row)."""

    key: tuple[int, int, float, int]
    version: int
    shown: str
    user: str
    words: str
    until: float
    """When its state may change by itself; 0 if it does not."""


class _Light(NamedTuple):
    counts: list[int]
    state: str
    offline: bool
    ppa: bool
    time_wait: int


class JobIndex:
    """Jobs by need."""

    def __init__(self, farm: Farm, need: dict[str, int], now: Callable[[], float]) -> None:
        """``need`` is the place of each state in the order of need."""
        self._farm = farm
        self._need = need
        self._now = now
        self._seen: dict[int, _Seen] = {}
        self._order: list[tuple[int, int, float, int]] = []
        self._at = 0.0
        self._busy: asyncio.Task[None] | None = None
        self.states: dict[str, int] = {}
        """How many jobs are in each state."""

    async def refresh(self, *, at_least: float = 0.0) -> None:
        """Bring everything up to date, unless that was done within a second (or since ``at_least``, unix seconds)."""
        if self._busy is not None:
            await asyncio.shield(self._busy)
        if self._now() - self._at < _FRESH and self._at >= at_least:
            return
        self._busy = asyncio.get_running_loop().create_task(self._look())
        try:
            await asyncio.shield(self._busy)
        finally:
            self._busy = None

    async def _look(self) -> None:
        farm, now = self._farm, self._now()
        seen, states = self._seen, self.states
        changed: set[int] = set()
        for place, id in enumerate(list(farm.jobs), 1):
            job = farm.jobs.get(id)
            if job is None or id == SYSTEM_JOB:
                continue
            known = seen.get(id)
            if known is None or known.version != job.version or 0 < known.until <= now:
                if known is not None:
                    states[known.shown] -= 1
                seen[id] = noted = self._note(job, now)
                states[noted.shown] = states.get(noted.shown, 0) + 1
                changed.add(id)
            if not place % (_STEP if len(changed) < _STEP else _STEP_OF_NEW):
                await asyncio.sleep(0)
        gone = seen.keys() - farm.jobs.keys()
        for id in gone:
            states[seen.pop(id).shown] -= 1
        if not changed and not gone:
            self._at = self._now()
            return
        await asyncio.sleep(0)
        changed |= gone
        kept = [key for key in self._order if key[3] not in changed]
        await asyncio.sleep(0)
        # Hardly anything moved since the last look: sorting what is nearly sorted costs next to nothing.
        kept.extend(sorted(seen[id].key for id in changed if id in seen))
        kept.sort()
        self._order = kept
        self._at = self._now()

    def _note(self, job: Job, now: float) -> _Seen:
        counts = [sum(block.tasks.counts[state] for block in job.blocks) for state in range(STATE_COUNT)]
        ppa = job.ppa and any(waits_for_approval(job, block) for block in job.blocks)
        shown = job_state(_Light(counts, job_word(job, now), job.offline, ppa, job.time_wait), now)
        user = self._farm.users[job.user].name
        key = (self._need[shown], -job.priority, -job.time_creation, job.id)
        until = float(job.time_wait) if job.time_wait > now else 0.0
        return _Seen(key, job.version, shown, user, f"{job.id} {job.name} {user}".lower(), until)

    def fits(self, id: int, *, state: str, user: str, text: str) -> bool:
        """Say whether a job is what a page asks for, as of the last look."""
        one = self._seen.get(id)
        return one is not None and _fits(one, state, user, text.lower())

    def find(self, *, state: str, user: str, text: str, first: int, size: int) -> tuple[list[int], int]:
        """Return ids of jobs of one page, by need, and how many jobs the question has in all."""
        text = text.lower()
        if not (state or user or text):
            return [key[3] for key in self._order[first : first + size]], len(self._order)
        found = [key[3] for key in self._order if self.fits(key[3], state=state, user=user, text=text)]
        return found[first : first + size], len(found)

    def __len__(self) -> int:
        return len(self._order)


def _fits(one: _Seen, state: str, user: str, text: str) -> bool:
    return (not state or one.shown == state) and (not user or one.user == user) and (not text or text in one.words)
