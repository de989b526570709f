"""What may be taken back: before and after of everything that recent undoable commands changed.

Rules of this file:
- It only remembers; ``rules.undo`` decides what is restored.  It is derived and never journaled: after a restart of the
  server there is nothing to take back.
- Bounded by age, number and bytes, the oldest goes first; one command that changed more than all of it is not kept.
- Columns are copied whole when an event first touches a block, and cut to what really differs when the command is over.
"""

from collections import OrderedDict
from typing import Any

import msgspec

from afcore import commands
from afcore.envelope import Envelope
from afcore.events import (
    BlockEdited,
    BranchEdited,
    ErrorHostsReset,
    Event,
    JobEdited,
    JobsReordered,
    PoolEdited,
    RenderEdited,
    RunsStopRequested,
    RunStopRequested,
    SystemQueueReset,
    SystemTaskLeft,
    TasksChanged,
    TasksHeld,
    TasksReleased,
    TryNextChanged,
    UserEdited,
)
from afcore.model.farm import Farm
from afcore.model.job import Block, Job
from afcore.model.taskerrors import FAILED_CHUNK, TaskErrors
from afcore.states import Role

__all__ = ["AGE", "UNDOABLE", "BlockChange", "Change", "JobChange", "UndoLog"]

AGE = 3600.0
"""Seconds for which a command can be taken back."""

_MOST = 1000
_MOST_BYTES = 64 * 1024 * 1024
_PIECE = 1024
"""Bytes of two columns that are compared at once."""

UNDOABLE: frozenset[type] = frozenset({
    commands.SetJobs, commands.SetBlocks, commands.PauseJobs, commands.StartJobs, commands.StopJobs,
    commands.RestartJobs, commands.ChangeTasks, commands.TryNext, commands.ResetErrorHosts, commands.MoveJobs,
    commands.SetUsers, commands.SetPools, commands.SetBranches, commands.SetRenders, commands.MoveRenders,
    commands.ChangePoolServices, commands.ChangeRenderServices, commands.RestoreRenders, commands.HealRenders,
})  # fmt: skip
"""The commands that are remembered: those that the registry calls undoable."""

_EDITS = (JobEdited, BlockEdited, UserEdited, BranchEdited, PoolEdited, RenderEdited)
_OF_BLOCKS = (TasksChanged, TasksHeld, TasksReleased, ErrorHostsReset, TryNextChanged)

Columns = tuple[bytes, bytes, bytes, bytes]
"""State, flags, errors, and percent (before) or starts (after)."""


class BlockChange(msgspec.Struct):
    """What a command did to the tasks of a block: both sides of columns from task ``first``."""

    first: int
    before: Columns
    after: Columns
    failed: list[tuple[int, bytes]]
    """Which hosts had failed which tasks before, as ``TaskErrors.packed``, where that changed."""
    failed_after: list[tuple[int, bytes]]
    """The same after it."""
    hosts: list[tuple[int, int, float]] | None
    """(render, count, last) before, when the hosts of the block were forgotten."""
    time_done: float
    """When the block had been done before."""

    @property
    def task_hosts(self) -> list[tuple[int, int, int, float]]:
        """(task, render, count, last) of every host that the command forgot of a task."""
        after = set(TaskErrors.unpacked(self.failed_after).rows())
        return [row for row in TaskErrors.unpacked(self.failed).rows() if row not in after]

    @property
    def size(self) -> int:
        """Bytes of what is kept."""
        columns = sum(map(len, (*self.before, *self.after)))
        return columns + sum(len(piece) for _, piece in (*self.failed, *self.failed_after))


class JobChange(msgspec.Struct):
    """What a command did to a job beside its parameters."""

    before: tuple[float, float, list[tuple[int, int]]]
    """``time_started``, ``time_done`` and ``try_next`` before it."""
    after: tuple[float, float, list[tuple[int, int]]] = (0.0, 0.0, [])


class Change(msgspec.Struct):
    """Everything that one command changed."""

    command: Any
    operation: str
    principal: str
    role: Role
    at: float
    edits: list[Any] = []
    """Events with old and new values, in the order in which they happened."""
    blocks: dict[tuple[int, int], BlockChange] = {}
    jobs: dict[int, JobChange] = {}
    orders: dict[int, tuple[list[int], list[int]]] = {}
    """By user: the order of their jobs before and after."""
    failed_users: dict[int, list[int]] = {}
    """By render: whose tasks had failed in a row before."""
    stops: int = 0
    """Running tasks that were asked to stop: their computing is gone."""
    lost: int = 0
    """Commands of the system job that were forgotten."""
    size: int = 0
    """Bytes of columns."""
    done: bool = False
    """It was taken back."""


class _Touched:
    """A block as it was before a command."""

    def __init__(self, block: Block) -> None:
        table = block.tasks
        self.columns = (bytes(table.state), bytes(table.flags), bytes(table.errors), bytes(table.percent))
        self.failed = dict(block.task_error_hosts.packed())
        self.hosts = [(id, errors.count, errors.last) for id, errors in sorted(block.error_hosts.items())]
        self.time_done = block.time_done
        self.forgotten = False


class UndoLog:
    """The undoable commands of the last hour, by the name of their operation."""

    def __init__(self) -> None:
        self._changes: OrderedDict[str, Change] = OrderedDict()
        self._bytes = 0
        self._count = 0
        self._now: Change | None = None
        self._touched: dict[tuple[int, int], _Touched] = {}

    def find(self, operation: str, principal: str) -> Change | None:
        """Return the change of an operation, or for an empty name the last of this person that stands."""
        if operation:
            return self._changes.get(operation)
        mine = (each for each in reversed(self._changes.values()) if each.principal == principal and not each.done)
        return next(mine, None)

    # What the core tells

    def begin(self, envelope: Envelope[Any]) -> None:
        """A command is about to be applied."""
        self._now = None
        if type(envelope.command) in UNDOABLE and envelope.principal.role < Role.NODE:
            self._count += 1
            name = envelope.initiator or envelope.operation or f"#{self._count}"
            who = envelope.principal
            self._now = Change(envelope.command, name, who.name, who.role, envelope.at)
            self._touched = {}

    def before(self, farm: Farm, event: Event) -> None:
        """An event is about to happen."""
        change = self._now
        if change is None:
            return
        if isinstance(event, _EDITS):
            change.edits.append(event)
            self._edited(farm, change, event)
        elif isinstance(event, _OF_BLOCKS):
            self._block(farm, event)
        elif isinstance(event, JobsReordered):
            change.orders.setdefault(event.user, (event.old, event.new))
        elif isinstance(event, RunStopRequested):
            change.stops += 1
        elif isinstance(event, RunsStopRequested):
            change.stops += len(event.indices) // 4
        elif isinstance(event, SystemTaskLeft):
            change.lost += 1
        elif isinstance(event, SystemQueueReset):
            change.lost += len(farm.system[event.block].waiting)
        job = farm.jobs.get(getattr(event, "job", 0))
        if job is not None and job.id not in change.jobs:
            change.jobs[job.id] = JobChange(_moments(job))

    def end(self, farm: Farm) -> None:
        """The command is over: what it changed is kept."""
        change, self._now = self._now, None
        if change is None:
            return
        for (id, index), touched in self._touched.items():
            made = _difference(farm.jobs[id].blocks[index], touched)
            if made is not None:
                change.blocks[id, index] = made
                change.size += made.size
        self._touched = {}
        for id, before in list(change.jobs.items()):
            before.after = _moments(farm.jobs[id])
            if before.after == before.before:
                del change.jobs[id]
        change.orders = {user: (old, list(farm.users[user].jobs)) for user, (old, _) in change.orders.items()}
        if change.edits or change.blocks or change.jobs or change.orders or change.lost:
            self._keep(change)

    def _keep(self, change: Change) -> None:
        old = self._changes.pop(change.operation, None)
        self._bytes += change.size - (old.size if old is not None else 0)
        if change.size <= _MOST_BYTES:
            self._changes[change.operation] = change
        else:
            self._bytes -= change.size
        while self._changes:
            first = next(iter(self._changes.values()))
            if len(self._changes) <= _MOST and self._bytes <= _MOST_BYTES and change.at - first.at <= AGE:
                break
            del self._changes[first.operation]
            self._bytes -= first.size

    def _edited(self, farm: Farm, change: Change, event: Any) -> None:
        if isinstance(event, JobEdited) and not {"priority", "user_name"}.isdisjoint(event.new):
            owners = {farm.jobs[event.job].user}
            if "user_name" in event.new:
                owners.add(farm.users_by_name[event.new["user_name"]])
            for user in owners:
                change.orders.setdefault(user, (list(farm.users[user].jobs), []))
        elif isinstance(event, RenderEdited) and "state" in event.new:
            change.failed_users[event.render] = list(farm.renders[event.render].failed_users)

    def _block(self, farm: Farm, event: Any) -> None:
        key = event.job, event.block
        if key not in self._touched:
            self._touched[key] = _Touched(farm.jobs[event.job].blocks[event.block])
        if isinstance(event, ErrorHostsReset):
            self._touched[key].forgotten = True


def _moments(job: Job) -> tuple[float, float, list[tuple[int, int]]]:
    return job.time_started, job.time_done, list(job.try_next)


def _difference(block: Block, touched: _Touched) -> BlockChange | None:
    table = block.tasks
    now = (table.state, table.flags, table.errors, table.percent)
    spans = [_span(old, new) for old, new in zip(touched.columns, now, strict=True) if old != new]
    kept = dict(block.task_error_hosts.packed())
    failed = [(number, piece) for number, piece in touched.failed.items() if kept.get(number) != piece]
    if failed:
        numbers = [number for number, _ in failed]
        spans.append((min(numbers) * FAILED_CHUNK, min(table.size, (max(numbers) + 1) * FAILED_CHUNK) - 1))
    if not spans and not touched.forgotten and touched.time_done == block.time_done:
        return None
    first, last = (min(span[0] for span in spans), max(span[1] for span in spans)) if spans else (0, -1)
    end = last + 1
    state, flags, errors, percent = (column[first:end] for column in touched.columns)
    new_state, new_flags, new_errors = (bytes(column[first:end]) for column in now[:3])
    return BlockChange(
        first,
        (state, flags, errors, percent),
        (new_state, new_flags, new_errors, table.starts[first:end].tobytes()),
        failed,
        [(number, kept[number]) for number, _ in failed if number in kept],
        touched.hosts if touched.forgotten else None,
        touched.time_done,
    )


def _span(old: bytes, new: "bytes | bytearray") -> tuple[int, int]:
    """Return the first and the last place at which two texts of one length, which are not the same, differ."""
    size, first = len(old), 0
    while old[first : first + _PIECE] == new[first : first + _PIECE]:
        first += _PIECE
    while old[first] == new[first]:
        first += 1
    end = size
    while old[max(0, end - _PIECE) : end] == new[max(0, end - _PIECE) : end]:
        end -= _PIECE
    while old[end - 1] == new[end - 1]:
        end -= 1
    return first, end - 1
