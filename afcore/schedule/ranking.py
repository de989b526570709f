"""Who is served next: branches, users and jobs in the order of their ranks, kept while the farm changes.

Rules of this file:
- Nothing is built for a pass: a rank is computed when what it depends on changed, and an entry that is out of date is
  passed over when it comes up.
- Jobs lie in heaps by place and kind, so that a kind that no render can serve is passed over whole.
- A job that cannot start by its own state (``gated``), or that no render of its kind's queue suits by its own counts
  or errors (``Kind.stuck``), lies in no heap until what stopped it changed.
"""

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from afcore.model.farm import Farm
from afcore.model.job import Job
from afcore.model.tree import Branch, Limits, User
from afcore.schedule.fit import Matches
from afcore.schedule.free import FreeRenders
from afcore.schedule.kinds import Kind, KindKey, kind_of, offering
from afcore.schedule.limits import branch_chain
from afcore.schedule.need import Rank, rank_by_need, rank_by_order

__all__ = ["Entry", "Place", "Ranking"]

_ROOT = 1
_MOST_KINDS = 2000


@dataclass(slots=True)
class Place:
    """A branch, or a user inside a branch, with the jobs and places directly below it."""

    node: Branch | User
    branch: Branch
    inside: int
    """The branch directly above, 0 of the root: by number, so that no circle keeps a copy of a farm from being gone."""
    order: int
    places: list["Place"] = field(default_factory=list)
    heaps: dict[Kind, list[tuple[Rank, int]]] = field(default_factory=dict)
    heads: list[tuple[Rank, int, int, Kind]] = field(default_factory=list)
    """The first job of each kind that has one here, by rank: rank, job, number of the kind, kind."""
    listed: dict[Kind, tuple[Rank, int, int, Kind]] = field(default_factory=dict)
    """What ``heads`` holds of each kind."""
    dirty: dict[Kind, None] = field(default_factory=dict)
    """Kinds whose first job may be another one than ``heads`` says."""
    rank: Rank | None = None
    """Among its neighbours; None when it has to be computed."""
    running: tuple[int, int] | None = None
    """Tasks and capacity that a user runs here; None when it has to be counted."""


@dataclass(slots=True)
class Entry:
    """Where a job stands: its entry in a heap counts when place, kind and rank are these."""

    place: Place
    kind: Kind
    blocks: tuple[int, ...]
    key: tuple[int, ...]
    """What the rank was computed from."""
    rank: Rank | None
    """None while the job lies in no heap."""
    seen: int = -1
    """How much of the log of changed renders it was offered already; -1: none."""
    ends_free: bool = False
    """Whether the end of a run may let it start where it was refused: room below a limit, errors that count no more."""


def _at_last(id: int) -> int:
    """Return where a user or a job stands among those that are equal in all else: behind the branch of the same id.

    Numbers that could be equal would let the order decide in which places were made: another one after a restart.
    """
    return 2 * id + 1


class Ranking:
    """Every ready job in its place."""

    def __init__(self, farm: Farm, renders: FreeRenders, matches: Matches) -> None:
        self._farm = farm
        self._original: Ranking | None = None
        """Of a farm that is a copy: the ranking of the farm below, which knows already what everybody runs."""
        self._copied: Callable[[], Iterable[Job]] = tuple
        self._renders = renders
        self._matches = matches
        self.kinds: dict[KindKey, Kind] = {}
        self.lacking: dict[str, dict[Kind, None]] = {}
        """The kinds that lack a ticket, by its name: they are told when one is given back."""
        self.gated: dict[int, None] = {}
        """Jobs in place that can start nothing by their own limits now."""
        self._gated_by: dict[tuple[str, int], dict[int, None]] = {}
        """Those of them that a user or branch gated, by its kind and id; some may have come back since."""
        self._entries: dict[int, Entry] = {}
        self._places: dict[tuple[int, int], Place] = {}
        self._of_user: dict[int, list[Place]] = {}
        self._sequence: dict[int, int] = {}
        """Place of each job in its user's order: later ones are greater."""
        self._last = 0
        self._ordered: set[int] = set()
        """Users whose jobs have their places in ``_sequence``."""
        self._numbers = 0
        """Kinds ever made."""
        self._counted: dict[int, tuple[int, int]] = {}
        """Tasks and capacity of each running job, as the places have counted them."""
        self._stuck: dict[Kind, None] = {}
        """Kinds that have stuck jobs."""
        self._renewed: dict[Kind, None] = {}
        """Those of them that ask every render again."""
        self._seen = -1
        """How much of the log was known when the stuck jobs were looked at."""
        self._inner_tickets: frozenset[str] = frozenset()
        self.pools_changed()

    def begin_beside(self, original: "Ranking", copied: Callable[[], Iterable[Job]]) -> None:
        """Rank on a copy of a farm: only the jobs that ``copied`` returns may run other tasks than there."""
        self._original, self._copied = original, copied

    def rebuild(self, ready: "tuple[int, ...] | dict[int, None]") -> None:
        """Begin anew with these ready jobs."""
        self.kinds.clear()
        self.lacking.clear()
        self.gated.clear()
        self._gated_by.clear()
        self._entries.clear()
        self._places.clear()
        self._of_user.clear()
        self._sequence.clear()
        self._ordered.clear()
        self._counted.clear()
        self._stuck.clear()
        self._renewed.clear()
        self.pools_changed()
        for job in ready:
            self.look(job, ready=True)

    def pools_changed(self) -> None:
        """Take in that pools came, went or changed: every kind asks again, whatever it knew."""
        self._inner_tickets = frozenset(
            name for pool in self._farm.pools.values() if pool.parent for name in pool.tickets
        )
        for kind in self.kinds.values():
            kind.forget()

    def branch_masks_changed(self) -> None:
        """Take in that the root asks for other renders: the jobs stay of the kinds they are, which ask anew."""
        kinds = list(self.kinds.values())
        self.kinds.clear()
        for kind in kinds:
            kind.tell(self._farm)
            self.kinds.setdefault(kind.key, kind)

    def drop(self, branch: int, user: int) -> None:
        """Forget a branch, or a user everywhere, that is gone and had no jobs."""
        for key in [key for key in self._places if (key[1] == user if user else key[0] == branch)]:
            place = self._places.pop(key)
            above = self.above(place)
            if above is not None:
                above.places.remove(place)
        self._of_user.pop(user, None)

    @property
    def root(self) -> Place | None:
        """The root branch with all below it; None on a farm without branches."""
        return self._place(_ROOT, 0) if _ROOT in self._farm.branches else None

    def _place(self, branch: int, user: int) -> Place:
        found = self._places.get((branch, user))
        if found is not None:
            return found
        farm = self._farm
        node = farm.branches[branch]
        if user:
            found = Place(farm.users[user], node, branch, _at_last(user))
            self._of_user.setdefault(user, []).append(found)
        else:
            found = Place(node, node, node.parent, 2 * branch)
        self._places[branch, user] = found
        if found.inside:
            self._place(found.inside, 0).places.append(found)
        return found

    def above(self, place: Place) -> Place | None:
        """Return the branch that a place is directly below; None of the root, and once that branch is gone."""
        return self._places.get((place.inside, 0))

    def reorder(self, user: int) -> None:
        """Take in the order of a user's jobs; call ``look`` for them afterwards."""
        self._ordered.add(user)
        for job in self._farm.users[user].jobs:
            self._last += 1
            self._sequence[job] = self._last

    def _place_in_order(self, job: Job) -> int:
        if job.user not in self._ordered:
            self.reorder(job.user)
        found = self._sequence.get(job.id)
        if found is None:
            # A new job comes behind all of its priority, and only among these the number counts.
            self._last += 1
            found = self._sequence[job.id] = self._last
        return found

    def last_among_equals(self, job: int) -> None:
        """Take in that a job came to its user's order behind all of its priority."""
        self._last += 1
        self._sequence[job] = self._last

    def stuck_of(self, jobs: Iterable[int]) -> list[int]:
        """Return those of some jobs that lie in no heap."""
        entries = self._entries
        return [job for job in jobs if job in entries and entries[job].rank is None]

    def count(self, job: Job) -> None:
        """Take in that a job runs more or less: what is above it ranks anew."""
        own = self._places.get((job.branch, job.user))
        if own is not None and own.running is not None:
            before = self._counted.get(job.id) or self._counted_below(job.id)
            now = self._counted[job.id] = job.running_tasks, job.running_capacity
            own.running = own.running[0] + now[0] - before[0], own.running[1] + now[1] - before[1]
        for each in self._of_user.get(job.user, ()):
            # In every branch: when a user was served last counts wherever the user's jobs are.
            each.rank = None
        place = self._places.get((job.branch, 0))
        while place is not None:
            place.rank = None
            place = self.above(place)

    def moved(self) -> None:
        """Take in that jobs changed places: every place ranks anew."""
        self._counted.clear()
        for place in self._places.values():
            place.rank = place.running = None

    def ranks_anew(self, user: int = 0, branch: int = 0) -> None:
        """Take in that the priority or the way of solving of a user or branch changed."""
        for place in self._of_user.get(user, ()) if user else [self._places.get((branch, 0))]:
            if place is not None:
                place.rank = None
                for below in place.places:
                    below.rank = None

    def _running(self, place: Place, user: User) -> tuple[int, int]:
        """Return the tasks and the capacity that a user runs in one branch."""
        if place.running is None:
            if self._original is not None:
                below = self._original._places.get((place.branch.id, user.id))
                if below is not None and isinstance(below.node, User):
                    place.running = self._running_beside(below)
                    return place.running
            tasks = capacity = 0
            for id in user.jobs:
                job = self._farm.jobs[id]
                if job.running_tasks and job.branch == place.branch.id:
                    self._counted[id] = job.running_tasks, job.running_capacity
                    tasks += job.running_tasks
                    capacity += job.running_capacity
            place.running = tasks, capacity
        return place.running

    def _counted_below(self, job: int) -> tuple[int, int]:
        return (0, 0) if self._original is None else self._original._counted.get(job, (0, 0))

    def _running_beside(self, below: Place) -> tuple[int, int]:
        """Return what a user runs in a branch of a copy: as in the farm below, but for the jobs that were copied."""
        original = self._original
        assert original is not None and isinstance(below.node, User)
        tasks, capacity = original._running(below, below.node)
        here = (below.branch.id, below.node.id)
        for job in self._copied():
            before = original._farm.jobs.get(job.id)
            if before is not None and (before.branch, before.user) == here:
                tasks, capacity = tasks - before.running_tasks, capacity - before.running_capacity
            if (job.branch, job.user) == here:
                self._counted[job.id] = job.running_tasks, job.running_capacity
                tasks, capacity = tasks + job.running_tasks, capacity + job.running_capacity
        return tasks, capacity

    def look(self, id: int, *, ready: bool, anew: bool = True) -> None:
        """Look at one job again; ``anew`` when what it may use may have changed, not only its rank."""
        entry = self._entries.get(id)
        if not ready:
            self._take_out(id, entry)
            return
        farm = self._farm
        job = farm.jobs[id]
        blocks = offering(job)
        if entry is None or anew or entry.blocks != blocks:
            branch = farm.branches[job.branch]
            place = self._place(job.branch, 0 if branch.solve_jobs else job.user)
            kind = self._kind(job, blocks)
            if entry is None or entry.kind is not kind or entry.place is not place:
                self._take_out(id, entry)
                entry = self._entries[id] = Entry(place, kind, blocks, (), None)
                kind.jobs += 1
            entry.blocks = blocks
            entry.seen = -1
            entry.kind.stuck.pop(id, None)
        elif id in entry.kind.stuck:
            if not entry.ends_free:
                return
            # What the job has seen before may do now.
            entry.seen = -1
            entry.kind.stuck.pop(id, None)
        self.gated.pop(id, None)
        rank = self.rank_job(entry.place, job)
        if rank != entry.rank:
            self._push(entry, rank, id)

    def _push(self, entry: Entry, rank: Rank, job: int) -> None:
        place, kind = entry.place, entry.kind
        entry.rank = rank
        heapq.heappush(place.heaps.setdefault(kind, []), (rank, job))
        place.dirty[kind] = None

    def _take_out(self, id: int, entry: Entry | None) -> None:
        self.gated.pop(id, None)
        if entry is not None:
            del self._entries[id]
            entry.place.dirty[entry.kind] = None
            entry.kind.jobs -= 1
            entry.kind.stuck.pop(id, None)

    def _kind(self, job: Job, blocks: tuple[int, ...]) -> Kind:
        key = kind_of(self._farm, job, blocks)
        kind = self.kinds.get(key)
        if kind is None:
            if len(self.kinds) >= _MOST_KINDS:
                for old in [old for old in self.kinds.values() if not old.jobs]:
                    del self.kinds[old.key]
                    for place in self._places.values():
                        place.heaps.pop(old, None)
                        place.dirty[old] = None
                    for kinds in self.lacking.values():
                        kinds.pop(old, None)
                self._matches.keep_fits({each.asked for each in self.kinds.values()})
            self._numbers += 1
            kind = Kind(self._farm, self._renders, self._matches, key, job, self._numbers, self.lacking, self._renewed)
            self.kinds[key] = kind
        return kind

    # Ranks

    def rank_job(self, place: Place, job: Job) -> Rank:
        """Rank a job as the node above it solves."""
        ranker = place.node
        if ranker.solve_method == "solve_order":
            if isinstance(ranker, User):
                # A user's own list: priority, then the user's order, whatever was served last.
                return (-float(job.priority), 0.0, self._place_in_order(job), job.id)
            return rank_by_order(
                priority=job.priority, created=job.time_creation, last_solved=job.last_solved, place=_at_last(job.id)
            )
        resources = job.running_capacity if ranker.solve_need == "solve_capacity" else job.running_tasks
        return rank_by_need(
            priority=job.priority, resources=resources, last_solved=job.last_solved, place=_at_last(job.id)
        )

    def rank_place(self, place: Place) -> Rank:
        """Rank a place as the node above it solves."""
        if place.rank is None:
            above = self.above(place)
            assert above is not None
            ranker, node = above.node, place.node
            if ranker.solve_method == "solve_order":
                place.rank = rank_by_order(
                    priority=node.priority, created=0.0, last_solved=node.last_solved, place=place.order
                )
            else:
                capacity = ranker.solve_need == "solve_capacity"
                if isinstance(node, User):
                    resources = self._running(place, node)[capacity]
                else:
                    resources = node.running_capacity if capacity else node.running_tasks
                place.rank = rank_by_need(
                    priority=node.priority, resources=resources, last_solved=node.last_solved, place=place.order
                )
        return place.rank

    # Candidates

    def places_of(self, place: Place) -> list[Place]:
        """Return the places below one, the next to be served first."""
        return sorted(place.places, key=self.rank_place)

    def in_turn(self, place: Place) -> Iterator[Place]:
        """Yield the places below one as ``places_of`` returns them: mostly nobody asks for more than the first."""
        # Asked at each start, of every user: all but one of them know their rank.
        ranks = [each.rank or self.rank_place(each) for each in place.places]
        if ranks:
            first = place.places[ranks.index(min(ranks))]
            yield first
            yield from [each for each in self.places_of(place) if each is not first]

    def best_job(self, place: Place) -> tuple[Rank, int] | None:
        """Return the job directly below a place that is to be served next, among those a render may be there for."""
        if self._stuck and (self._renewed or self._seen != self._renders.log_end):
            self._seen = self._renders.log_end
            self._renewed.clear()
            for kind in [kind for kind in self._stuck if kind.open()]:
                self._free_stuck(kind)
        if place.dirty:
            for kind in place.dirty:
                self._list_head(place, kind)
            place.dirty.clear()
        for rank, job, _, kind in place.heads:
            if kind.short or kind.hopeless:
                continue
            if kind.open():
                kind.find_short(self._short_of_tickets(kind))
                if not kind.short:
                    return rank, job
        return None

    def _list_head(self, place: Place, kind: Kind) -> None:
        """Put the first job of a kind in its order among those of the other kinds."""
        heap, before = place.heaps.get(kind), place.listed.pop(kind, None)
        head = self._head(place, kind, heap) if heap else None
        if before is not None:
            if head == before[:2]:
                place.listed[kind] = before
                return
            del place.heads[bisect_left(place.heads, before)]
        if head is not None:
            entry = place.listed[kind] = (*head, kind.number, kind)
            insort(place.heads, entry)
        elif heap is not None and not kind.jobs:
            del place.heaps[kind]

    def _head(self, place: Place, kind: Kind, heap: list[tuple[Rank, int]]) -> tuple[Rank, int] | None:
        entries = self._entries
        while heap:
            head = heap[0]
            entry = entries.get(head[1])
            if entry is not None and entry.kind is kind and entry.place is place and entry.rank == head[0]:
                return head
            heapq.heappop(heap)
        return None

    def jobs_at(self, place: Place, wanted: Callable[[Kind], bool]) -> dict[int, Rank]:
        """Return the jobs of wanted kinds that lie directly below a place, with their ranks; in no order."""
        return {
            id: rank
            for kind, heap in place.heaps.items()
            if wanted(kind)
            for rank, id in heap
            if self._counts(place, kind, rank, id)
        }

    @property
    def places(self) -> Iterable[Place]:
        """Every branch, and every user in a branch, that had something to offer."""
        return self._places.values()

    def _counts(self, place: Place, kind: Kind, rank: Rank, job: int) -> bool:
        entry = self._entries.get(job)
        return entry is not None and entry.kind is kind and entry.place is place and entry.rank == rank

    def _free_stuck(self, kind: Kind) -> None:
        """Offer again the jobs that saw less of the log than there is."""
        for id in [id for id, seen in kind.stuck.items() if seen != self._renders.log_end]:
            entry = self._entries[id]
            entry.seen = kind.stuck.pop(id)
            self._push(entry, self.rank_job(entry.place, self._farm.jobs[id]), id)
        if not kind.stuck:
            self._stuck.pop(kind, None)

    def _short_of_tickets(self, kind: Kind) -> bool:
        """Say whether every block of a kind lacks a ticket that only the root pool defines."""
        if not all(kind.tickets):
            return False
        root = self._farm.pools[_ROOT]
        for tickets in kind.tickets:
            for name, wanted in tickets.items():
                defined = root.tickets.get(name)
                short = defined is not None and root.tickets_used.get(name, 0) + wanted > defined[0]
                if short and name not in self._inner_tickets:
                    break
            else:
                return False
        return True

    def place_of(self, job: Job) -> Place | None:
        """Return the place below which a job lies, or would lie; None where nothing has ever lain there."""
        branch = self._farm.branches[job.branch]
        return self._places.get((job.branch, 0 if branch.solve_jobs else job.user))

    def entry(self, job: int) -> Entry:
        """Return where a job stands."""
        return self._entries[job]

    def gated_by(self, job: Job) -> list[int]:
        """Return, once, the jobs that were left out because the user or a branch of a job ran enough."""
        if not self._gated_by:
            return []
        above = [("user", job.user), *(("branch", each.id) for each in branch_chain(self._farm, job.branch))]
        return [id for key in above for id in self._gated_by.pop(key, ())]

    def gate(self, job: int, by: Limits | None = None) -> None:
        """Leave a job out until somebody looks at it again: its limits, or of whom is above it, allow no start."""
        if isinstance(by, User | Branch):
            key = "user" if isinstance(by, User) else "branch", by.id
            self._gated_by.setdefault(key, {})[job] = None
        entry = self._entries[job]
        entry.rank = None
        entry.place.dirty[entry.kind] = None
        self.gated[job] = None

    def stick(self, job: int, *, ends_free: bool = False) -> None:
        """Leave a job out until its kind has a render that it was not offered; or, with ``ends_free``, a run ends."""
        entry = self._entries[job]
        # Offered only what is new, it has still been refused elsewhere for what was known before.
        entry.ends_free = ends_free or (entry.ends_free and entry.seen >= 0)
        entry.rank = None
        entry.place.dirty[entry.kind] = None
        entry.kind.stuck[job] = self._renders.log_end
        self._stuck[entry.kind] = None
