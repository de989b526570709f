"""Who is served next: branches, users and jobs in the order of their ranks, kept while the farm changes.

Rules of this file:
- Nothing is built for a pass: a rank is computed when what it depends on changed, and an entry that is out of date is
  passed over when it comes up.
- Jobs lie in heaps by place and kind, so that a kind that no render can serve is passed over whole.
- A job that cannot start by its own state (``gated``), or that no render of its kind's queue suits by its own counts
  or errors (``Kind.stuck``), lies in no heap until what stopped it changed.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from afcore.model.farm import Farm
from afcore.model.job import Job
from afcore.model.tree import Branch, User
from afcore.schedule.fit import Matches
from afcore.schedule.free import FreeRenders
from afcore.schedule.kinds import Kind, KindKey, kind_of, offering
from afcore.schedule.need import Rank, rank_by_need, rank_by_order, users_share

__all__ = ["Entry", "Place", "Ranking"]

_ROOT = 1
_MOST_KINDS = 2000


@dataclass(slots=True)
class Place:
    """A branch, or a user inside a branch, with the jobs and places directly below it."""

    node: Branch | User
    branch: Branch
    above: "Place | None"
    order: int
    places: list["Place"] = field(default_factory=list)
    heaps: dict[Kind, list[tuple[Rank, int]]] = field(default_factory=dict)
    rank: Rank | None = None
    """Among its neighbours; None when it has to be computed."""


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


class Ranking:
    """Every ready job in its place."""

    def __init__(self, farm: Farm, renders: FreeRenders, matches: Matches) -> None:
        self._farm = farm
        self._renders = renders
        self._matches = matches
        self.kinds: dict[KindKey, Kind] = {}
        self.by_ticket: dict[str, dict[Kind, None]] = {}
        """The kinds that want a ticket, by its name."""
        self.gated: dict[int, None] = {}
        """Jobs in place that can start nothing by their own limits now."""
        self._entries: dict[int, Entry] = {}
        self._places: dict[tuple[int, int], Place] = {}
        self._of_user: dict[int, list[Place]] = {}
        self._sequence: dict[int, int] = {}
        """Place of each job in its user's order: later ones are greater."""
        self._last = 0
        self._inner_tickets: frozenset[str] = frozenset()
        self.rebuild(())

    def rebuild(self, ready: "tuple[int, ...] | dict[int, None]") -> None:
        """Begin anew with these ready jobs."""
        self.kinds.clear()
        self.by_ticket.clear()
        self.gated.clear()
        self._entries.clear()
        self._places.clear()
        self._of_user.clear()
        self._inner_tickets = frozenset(
            name for pool in self._farm.pools.values() if pool.parent for name in pool.tickets
        )
        for user in self._farm.users:
            self.reorder(user)
        for job in ready:
            self.look(job, ready=True)

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
            above = self._place(branch, 0)
            found = Place(farm.users[user], node, above, user)
            self._of_user.setdefault(user, []).append(found)
        else:
            above_branch = self._place(node.parent, 0) if node.parent else None
            found = Place(node, node, above_branch, branch)
        self._places[branch, user] = found
        if found.above is not None:
            found.above.places.append(found)
        return found

    def reorder(self, user: int) -> None:
        """Take in the order of a user's jobs; call ``look`` for them afterwards."""
        for job in self._farm.users[user].jobs:
            self._last += 1
            self._sequence[job] = self._last

    def count(self, job: Job) -> None:
        """Take in that a job runs more or less: what is above it ranks anew."""
        for each in self._of_user.get(job.user, ()):
            # In every branch: when a user was served last counts wherever the user's jobs are.
            each.rank = None
        place = self._places.get((job.branch, 0))
        while place is not None:
            place.rank = None
            place = place.above

    def moved(self) -> None:
        """Take in that jobs changed places: every place ranks anew."""
        for place in self._places.values():
            place.rank = None

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
            return
        self.gated.pop(id, None)
        rank = self.rank_job(entry.place, job)
        if rank != entry.rank:
            entry.rank = rank
            heapq.heappush(entry.place.heaps.setdefault(entry.kind, []), (rank, id))

    def _take_out(self, id: int, entry: Entry | None) -> None:
        self.gated.pop(id, None)
        if entry is not None:
            del self._entries[id]
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
                    for kinds in self.by_ticket.values():
                        kinds.pop(old, None)
            kind = self.kinds[key] = Kind(self._farm, self._renders, self._matches, key, job)
            for name in {name for tickets in kind.tickets for name in tickets}:
                self.by_ticket.setdefault(name, {})[kind] = None
        return kind

    # Ranks

    def rank_job(self, place: Place, job: Job) -> Rank:
        """Rank a job as the node above it solves."""
        ranker = place.node
        if ranker.solve_method == "solve_order":
            if isinstance(ranker, User):
                if job.id not in self._sequence:
                    self.reorder(ranker.id)
                # A user's own list: priority, then the user's order, whatever was served last.
                return (-float(job.priority), 0.0, self._sequence[job.id], job.id)
            return rank_by_order(
                priority=job.priority, created=job.time_creation, last_solved=job.last_solved, place=job.id
            )
        resources = job.running_capacity if ranker.solve_need == "solve_capacity" else job.running_tasks
        return rank_by_need(
            priority=job.priority, resources=resources, last_solved=job.last_solved, place=job.id
        )

    def rank_place(self, place: Place) -> Rank:
        """Rank a place as the node above it solves."""
        if place.rank is None:
            assert place.above is not None
            ranker, node = place.above.node, place.node
            if ranker.solve_method == "solve_order":
                place.rank = rank_by_order(
                    priority=node.priority, created=0.0, last_solved=node.last_solved, place=place.order
                )
            else:
                capacity = ranker.solve_need == "solve_capacity"
                if isinstance(node, User):
                    resources = users_share(self._farm, place.branch, node, capacity=capacity)
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

    def best_job(self, place: Place) -> tuple[Rank, int] | None:
        """Return the job directly below a place that is to be served next, among those a render may be there for."""
        heads: list[tuple[Rank, int, Kind]] = []
        for kind, heap in list(place.heaps.items()):
            if kind.short or kind.hopeless:
                continue
            if kind.stuck and kind.open():
                self._free_stuck(kind)
            head = self._head(place, kind, heap)
            if head is not None:
                heads.append((*head, kind))
            elif not kind.jobs:
                del place.heaps[kind]
        # Kinds are not compared: no two heads are the same job.
        for rank, job, kind in sorted(heads):
            if kind.open():
                kind.short = self._short_of_tickets(kind)
                if not kind.short:
                    return rank, job
        return None

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

    def first_of(self, place: Place, kind: Kind, most: int) -> list[int]:
        """Return the first few jobs of a kind directly below a place."""
        heap = (entry for entry in place.heaps.get(kind, ()) if self._counts(place, kind, *entry))
        return [id for _, id in heapq.nsmallest(most, heap)]

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
            entry.rank = self.rank_job(entry.place, self._farm.jobs[id])
            heapq.heappush(entry.place.heaps.setdefault(kind, []), (entry.rank, id))

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

    def entry(self, job: int) -> Entry:
        """Return where a job stands."""
        return self._entries[job]

    def gate(self, job: int) -> None:
        """Leave a job out until somebody looks at it again: its own limits allow no start."""
        self._entries[job].rank = None
        self.gated[job] = None

    def stick(self, job: int) -> None:
        """Leave a job out until its kind has a render that it was not offered."""
        entry = self._entries[job]
        entry.rank = None
        entry.kind.stuck[job] = self._renders.log_end
