"""Whose turn comes before a job's, on a farm whose renders are all busy.

Rules of this file:
- The order is the ranking's own: branch by branch the better rank first, as the solver walks.
- Only jobs that could use one of the renders count; what each runs now decides, as it would if a render were free now.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from afcore.model.farm import Farm
from afcore.model.job import Job
from afcore.model.render import Render
from afcore.model.run import Run
from afcore.model.tree import User
from afcore.schedule.kinds import Kind
from afcore.schedule.limits import holders_of, start_reason
from afcore.schedule.need import Rank
from afcore.schedule.ranking import Place, Ranking
from afcore.schedule.solver import Scheduler

__all__ = ["ahead_of", "likely_rivals"]

_MOST = 21
"""Jobs that are named as coming first; one more than anybody shows."""
_EACH = 4
"""Jobs of one user that may matter for one start."""
_FIRST = 10
"""Jobs that may matter for one start."""


def ahead_of(farm: Farm, scheduler: Scheduler, job: Job, renders: Iterable[Render]) -> list[dict[str, Any]]:
    """Return the jobs that come before a job when one of the renders gets free, the first one first."""
    ids = [render.id for render in renders]
    ranking = scheduler.ranking
    fitting: dict[Kind, bool] = {}

    def fits(kind: Kind) -> bool:
        if kind not in fitting:
            fitting[kind] = not kind.short and any(kind.able(id) for id in ids)
        return fitting[kind]

    found: list[dict[str, Any]] = []
    if ranking.root is None:
        return found
    for other, place in _walk(farm, ranking, ranking.root, fits):
        if other.id == job.id or len(found) == _MOST:
            break
        found.append(
            {
                "job": other.id,
                "name": other.name,
                "user": farm.users[other.user].name,
                "text": _because(job, other, place),
            }
        )
    return found


def _because(job: Job, other: Job, place: Place) -> str:
    if other.user == job.user:
        if other.priority != job.priority:
            return f"priority {other.priority} against {job.priority}"
        return "earlier in the order of the same user" if isinstance(place.node, User) else "it needs one more"
    if isinstance(place.node, User):
        return f"user's priority {place.node.priority}, runs {place.node.running_tasks}"
    return f"priority {other.priority}, runs {other.running_tasks}"


def _walk(
    farm: Farm, ranking: Ranking, place: Place, fits: Callable[[Kind], bool], each: int = 0
) -> Iterator[tuple[Job, Place]]:
    """Yield jobs that may start something, in the order in which the solver would ask them.

    ``each`` bounds how many come directly from one branch or user; 0 is no bound.
    """
    if start_reason(place.node):
        return
    steps: list[tuple[Rank, int, Place | None]] = [
        (ranking.rank_place(below), 0, below) for below in ranking.places_of(place)
    ]
    steps += [(rank, id, None) for id, rank in ranking.jobs_at(place, fits).items()]
    yielded = 0
    for _, id, below in sorted(steps, key=lambda step: (step[0], step[1])):
        if below is not None:
            yield from _walk(farm, ranking, below, fits, each)
        elif not each or yielded < each:
            job = farm.jobs[id]
            if not any(start_reason(holder) for holder in holders_of(farm, job)):
                yielded += 1
                yield job, place


def likely_rivals(
    farm: Farm, scheduler: Scheduler, job: Job, renders: Iterable[int], most: int, ending: Run | None = None
) -> list[int]:
    """Return the jobs that may take what becomes free on some renders before a job does.

    All that are ready, or of a great farm those that come first: on the farm, in each branch of the job, and of its
    user, a few of each as the solver would ask them.  What makes a job come first makes it so before all others.
    Where the run ``ending`` ends, its user and branches have less than before and may come first then, and so may
    who wants the tickets that it holds.
    """
    ready, ranking = scheduler.offers.ready, scheduler.ranking
    if len(ready) <= most or ranking.root is None:
        return list(ready)
    ids = list(renders)
    back = frozenset(dict(ending.tickets)) if ending is not None else frozenset()
    fitting: dict[Kind, bool] = {}

    def fits(kind: Kind) -> bool:
        if kind not in fitting:
            able = not kind.short or any(not back.isdisjoint(tickets) for tickets in kind.tickets)
            fitting[kind] = able and any(kind.able(id) for id in ids)
        return fitting[kind]

    found: dict[int, None] = {}
    place = ranking.place_of(job)
    of_ending = farm.jobs[ending.key.job] if ending is not None else None
    other = ranking.place_of(of_ending) if of_ending is not None else None
    users = {each.user for each in (job, of_ending) if each is not None}
    for user in sorted(users):
        found.update(dict.fromkeys(ranking.stuck_of(farm.users[user].jobs)[:_FIRST]))
    for above in [place, other, ranking.root]:
        while above is not None:
            found.update(dict.fromkeys(each.id for each, _ in islice(_walk(farm, ranking, above, fits, _EACH), _FIRST)))
            above = ranking.above(above)
    return list(found)
