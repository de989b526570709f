"""What happened on the farm: events, past tense; facts are journaled, readings are not.

Rules of this file:
- Tags and field order are a file format: add events and trailing fields with defaults, never renumber or reorder.
- A fact carries everything ``evolve`` needs, so that replay needs no rule, and the old value beside the new one, so
  that audit, undo and the time machine need no second source.
- No event has its own time: the journal entry that holds it has (``Entry.at``).
- Task events speak of ranges or of packed indices: "restart a million tasks" is one event.
"""

from typing import Any

import msgspec

from afcore.hostpatterns import Description
from afcore.jobspec import JobSpec
from afcore.reservation import Reservation
from afcore.systemcommand import SystemCommand

__all__ = [
    "FACTS", "READINGS", "BlockEdited", "BlocksAppended", "BranchAdded", "BranchDeleted", "BranchEdited",
    "ErrorHostsReset", "Event", "Fact", "FarmDescribed", "FarmFounded", "FarmRecovered", "HostForgiven", "HostReleased",
    "JobDeleted", "JobDeletionRequested", "JobEdited", "JobFinished", "JobPrepared", "JobReopened", "JobStarted",
    "JobSubmitted", "JobsReordered", "PoolAdded", "PoolDeleted", "PoolEdited", "Reading", "RenderAdded",
    "RenderDeleted", "RenderDisconnected", "RenderEdited", "RenderInstructed", "RenderMeasured", "RenderWakeAsked",
    "RenderWentOffline", "RenderWentOnline", "RenderWolFailed", "RunAdopted", "RunFinished", "RunProgressed",
    "RunStarted", "RunStopRequested", "RunsStopRequested", "SystemCommandsQueued", "SystemQueueReset",
    "SystemServicesSet", "SystemTaskKept", "SystemTaskLeft", "SystemTaskMade", "TaskWarned", "TasksAppended",
    "TasksChanged", "TasksGivenUp", "TasksHeld", "TasksReleased", "TasksRestored", "TryNextChanged", "UserAdded",
    "UserDeleted", "UserEdited",
]  # fmt: skip


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event that is journaled before anybody acts on it."""


class Reading(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event that is only shown: after a restart it simply comes again."""


# The tree


class UserAdded(Fact, tag=1, frozen=True):
    """A user was made, by name or by their first job."""

    user: int
    name: str
    parameters: dict[str, Any] = {}


class BranchAdded(Fact, tag=2, frozen=True):
    """A branch was made below ``parent`` (0: it is the root)."""

    branch: int
    path: str
    parent: int
    parameters: dict[str, Any] = {}


class PoolAdded(Fact, tag=3, frozen=True):
    """A pool was made below ``parent`` (0: it is the root)."""

    pool: int
    path: str
    parent: int
    parameters: dict[str, Any] = {}


class UserEdited(Fact, tag=4, frozen=True):
    """Parameters of a user changed from ``old`` to ``new`` (same keys)."""

    user: int
    old: dict[str, Any]
    new: dict[str, Any]


class BranchEdited(Fact, tag=5, frozen=True):
    """Parameters of a branch changed."""

    branch: int
    old: dict[str, Any]
    new: dict[str, Any]


class PoolEdited(Fact, tag=6, frozen=True):
    """Parameters of a pool changed."""

    pool: int
    old: dict[str, Any]
    new: dict[str, Any]


class PoolDeleted(Fact, tag=7, frozen=True):
    """An empty pool was removed."""

    pool: int
    path: str


class BranchDeleted(Fact, tag=8, frozen=True):
    """An empty branch was removed."""

    branch: int
    path: str


class UserDeleted(Fact, tag=9, frozen=True):
    """A user without jobs was removed."""

    user: int
    name: str


# Jobs and blocks


class JobSubmitted(Fact, tag=10, frozen=True):
    """A job was taken; its blocks' tables start with every task READY, WAIT_DEP or SUSPENDED as evolve derives."""

    job: int
    serial: int
    user: int
    branch: int
    spec: JobSpec


class JobEdited(Fact, tag=11, frozen=True):
    """Parameters of a job changed (its own fields; ``offline`` is the pause)."""

    job: int
    old: dict[str, Any]
    new: dict[str, Any]


class BlockEdited(Fact, tag=12, frozen=True):
    """Parameters of a block changed."""

    job: int
    block: int
    old: dict[str, Any]
    new: dict[str, Any]


class JobStarted(Fact, tag=13, frozen=True):
    """The first task of a job (after its submission or restart) was started."""

    job: int


class JobFinished(Fact, tag=14, frozen=True):
    """The last task of a job became done or skipped."""

    job: int


class JobReopened(Fact, tag=15, frozen=True):
    """A finished job has something to do again."""

    job: int


class JobDeletionRequested(Fact, tag=16, frozen=True):
    """A job is locked; it is deleted when its last run has ended."""

    job: int


class JobDeleted(Fact, tag=17, frozen=True):
    """A job is gone."""

    job: int


class ErrorHostsReset(Fact, tag=18, frozen=True):
    """The hosts that failed are forgotten for a block and its tasks, or for ranges of its tasks alone."""

    job: int
    block: int
    old: dict[str, Any] = {}
    tasks: list[tuple[int, int]] = []


class HostForgiven(Fact, tag=19, frozen=True):
    """The errors of one host are old enough to be forgotten by a block."""

    job: int
    block: int
    render: int


class JobsReordered(Fact, tag=20, frozen=True):
    """A user's jobs are served in another order; the same ids in both lists."""

    user: int
    old: list[int]
    new: list[int]


class BlocksAppended(Fact, tag=21, frozen=True):
    """A job got more blocks: those of ``spec``, behind the ones it has."""

    job: int
    spec: JobSpec


class TasksAppended(Fact, tag=22, frozen=True):
    """A block of listed tasks got more of them: those of the only block of ``spec``."""

    job: int
    block: int
    spec: JobSpec


# Tasks and runs


class RunStarted(Fact, tag=30, frozen=True):
    """A task was given to a render: counters, capacity and tickets are taken now."""

    job: int
    block: int
    task: int
    run: int
    render: int
    capacity: int
    coefficient: int = 0
    """Variable capacity's factor; 0 when the block has none."""
    devices: list[int] = []
    captured: list[Reservation] = []
    """Further renders held by a multihost run; ``render`` is the master."""
    tickets: dict[str, int] = {}
    """What the run takes of each ticket, on its render and in every pool above it."""


class RunFinished(Fact, tag=31, frozen=True):
    """A run ended; the task is now ``state`` with ``flags`` and ``errors``, whatever it was."""

    job: int
    block: int
    task: int
    run: int
    render: int
    status: int
    exit_status: int
    state: int
    flags: int
    errors: int
    host_error: bool = False
    """Whether it counts against its host for the block and the task."""
    duration_ms: int = 0
    old_state: int = 2
    old_flags: int = 0
    old_errors: int = 0


class RunStopRequested(Fact, tag=32, frozen=True):
    """A running task is to be stopped, and becomes ``then`` when its render says that it ended."""

    job: int
    block: int
    task: int
    run: int
    then: int
    status: int
    """The RunStatus it will be recorded with (STOPPED, RUN_TIME_EXCEEDED, NO_PROGRESS)."""


class RunsStopRequested(Fact, tag=40, frozen=True):
    """Several running tasks of a block are to be stopped, as by a ``RunStopRequested`` of each: one fact for all.

    ``indices`` are the tasks in ascending order, an ``array('I')`` as bytes in machine-independent little-endian
    order; ``runs`` are their run numbers in the same order and form, zlib-compressed, because most are alike.
    """

    job: int
    block: int
    indices: bytes
    runs: bytes
    then: int
    status: int


class HostReleased(Fact, tag=45, frozen=True):
    """A run lost one of the renders it held beside its master; ``text`` is what the agent there said of the end."""

    job: int
    block: int
    task: int
    run: int
    render: int
    status: int
    host_error: bool = False
    text: str = ""


class RunAdopted(Fact, tag=33, frozen=True):
    """After a server restart a render brought a run back: WAIT_RECONNECT to RUNNING, same run number."""

    job: int
    block: int
    task: int
    run: int
    render: int


class TasksReleased(Fact, tag=34, frozen=True):
    """Tasks have nothing more to wait for: WAIT_DEP to READY; inclusive ranges, other states inside are untouched."""

    job: int
    block: int
    ranges: list[tuple[int, int]]


class TasksHeld(Fact, tag=35, frozen=True):
    """Tasks have something to wait for: READY to WAIT_DEP; inclusive ranges, other states inside are untouched."""

    job: int
    block: int
    ranges: list[tuple[int, int]]


class TasksChanged(Fact, tag=36, frozen=True):
    """Tasks that did not run were set to ``state`` by a person: flags, errors and percent are cleared.

    Which: the tasks of ``ranges`` (of those, when ``only`` is not empty, the ones in one of these states), else
    ``indices``, an ``array('I')`` as bytes in machine-independent little-endian order.  ``old_state``, ``old_flags``,
    ``old_errors`` are the old columns at these places, zlib-compressed: whole slices of the ranges one after the other
    (with ``only`` too), or one byte for each index; ``b""`` when every one is 0.
    """

    job: int
    block: int
    state: int
    ranges: list[tuple[int, int]] = []
    indices: bytes = b""
    old_state: bytes = b""
    old_flags: bytes = b""
    old_errors: bytes = b""
    only: list[int] = []


class TaskWarned(Fact, tag=37, frozen=True):
    """The parser of a running task saw something a person should know."""

    job: int
    block: int
    task: int
    run: int


class TasksGivenUp(Fact, tag=38, frozen=True):
    """Tasks that were to be tried again have no render left that may: READY or WAIT_DEP to ERROR.

    Their flags and errors stay as they are.
    """

    job: int
    block: int
    tasks: list[int]


class TryNextChanged(Fact, tag=39, frozen=True):
    """Tasks are to be offered before all others of their job, behind those asked for earlier; or are not any more."""

    job: int
    block: int
    tasks: list[int]
    wanted: bool


class TasksRestored(Fact, tag=41, frozen=True):
    """Tasks that do not run got back what an order of a person took from them.

    Which: the tasks of ``ranges`` (inclusive), or ``indices``, an ``array('I')`` as bytes in machine-independent
    little-endian order.  ``state``, ``flags``, ``errors``, ``percent`` are their columns, zlib-compressed, one byte for
    each task; ``b""`` when every one is 0.  What is tried next is no part of it.
    """

    job: int
    block: int
    ranges: list[tuple[int, int]] = []
    indices: bytes = b""
    state: bytes = b""
    flags: bytes = b""
    errors: bytes = b""
    percent: bytes = b""
    task_hosts: list[tuple[int, int, int, float]] = []
    """(task, render, count, last): which hosts had failed which tasks."""
    hosts: list[tuple[int, int, float]] = []
    """(render, count, last): which hosts had failed the block."""
    time_done: float = 0.0
    """When the block had been done; 0 for not."""


# Renders


class RenderAdded(Fact, tag=50, frozen=True):
    """A render with a new name came into a pool."""

    render: int
    name: str
    pool: int
    user_name: str
    state: int
    """Its first RenderState bits (nimby asked for at launch)."""


class RenderWentOnline(Fact, tag=51, frozen=True):
    """A render registered: what it is and where it is."""

    render: int
    session: int
    info: dict[str, Any]
    """engine, os, address, family, launched, instance, interfaces, devices, resources."""


class RenderWentOffline(Fact, tag=52, frozen=True):
    """A render left (RENDER_LEFT) or was silent for too long (RENDER_LOST); its runs were finished before."""

    render: int
    status: int


class RenderEdited(Fact, tag=53, frozen=True):
    """Parameters of a render changed."""

    render: int
    old: dict[str, Any]
    new: dict[str, Any]


class RenderDeleted(Fact, tag=54, frozen=True):
    """An offline render was forgotten."""

    render: int
    name: str


class RenderInstructed(Fact, tag=55, frozen=True):
    """A render was told to ``exit``, ``restart``, ``reboot``, ``shutdown`` or ``sleep``."""

    render: int
    what: str


class RenderWakeAsked(Fact, tag=56, frozen=True):
    """A sleeping render is to be woken by another one."""

    render: int


class RenderWolFailed(Fact, tag=57, frozen=True):
    """A render did not do what it was told, or could not be woken."""

    render: int
    what: str
    sentence: str


# The system job


class SystemServicesSet(Fact, tag=60, frozen=True):
    """The configuration names these services for the blocks of the system job; the first time, its queues begin."""

    job: int
    services: list[str]


class SystemCommandsQueued(Fact, tag=61, frozen=True):
    """Commands are to be run by a block of the system job, after those that wait already."""

    job: int
    block: int
    commands: list[SystemCommand]


class SystemTaskMade(Fact, tag=62, frozen=True):
    """The command of a block of the system job that waited longest is now the task ``task`` and ready."""

    job: int
    block: int
    task: int


class SystemTaskKept(Fact, tag=63, frozen=True):
    """A task of the system job has come back without success and is tried again; its age counts from ``since``."""

    job: int
    block: int
    task: int
    since: float


class SystemTaskLeft(Fact, tag=64, frozen=True):
    """A command of the system job is over: its place among the tasks is free."""

    job: int
    block: int
    task: int
    succeeded: bool


class SystemQueueReset(Fact, tag=65, frozen=True):
    """The commands that wait for a block of the system job were forgotten, as somebody asked."""

    job: int
    block: int


class JobPrepared(Fact, tag=66, frozen=True):
    """One of the commands that a job waits for is over; when it did not succeed, the job is paused."""

    job: int
    succeeded: bool


# The farm


class FarmFounded(Fact, tag=71, frozen=True):
    """The farm was made: its task columns count seconds from ``epoch`` (unix seconds)."""

    epoch: int


class FarmRecovered(Fact, tag=70, frozen=True):
    """The server came back: running tasks wait for their renders, every render is offline until it registers."""


# Readings


class RunProgressed(Reading, tag=100, frozen=True):
    """How far a run is."""

    job: int
    block: int
    task: int
    run: int
    percent: int
    frame: int = -1
    percent_frame: int = -1
    changed: bool = True
    activity: str = ""
    last_line: str = ""
    report: str = ""


class RenderMeasured(Reading, tag=101, frozen=True):
    """What a render's host is doing now."""

    render: int
    resources: dict[str, Any]


class RenderDisconnected(Reading, tag=102, frozen=True):
    """The connection of a render broke; its ``zombie_time`` runs from now."""

    render: int
    session: int


class FarmDescribed(Fact, tag=80, frozen=True):
    """A farm file was loaded; what it changed of pools and renders are events before this one."""

    old: Description
    new: Description


FACTS = (
    PoolDeleted, BranchDeleted, UserDeleted, JobsReordered, BlocksAppended, TasksAppended, UserAdded, BranchAdded,
    PoolAdded, UserEdited, BranchEdited, PoolEdited, JobSubmitted, JobEdited, BlockEdited, JobStarted, JobFinished,
    JobReopened, JobDeletionRequested, JobDeleted, ErrorHostsReset, HostForgiven, RunStarted, RunFinished,
    RunStopRequested, RunsStopRequested, HostReleased, RunAdopted, TasksReleased, TasksHeld, TasksChanged, TaskWarned,
    TasksGivenUp, TryNextChanged, TasksRestored, RenderAdded, RenderWentOnline, RenderWentOffline, RenderEdited,
    RenderDeleted, FarmRecovered, FarmFounded, FarmDescribed, SystemServicesSet, SystemCommandsQueued, SystemTaskMade,
    SystemTaskKept, SystemTaskLeft, SystemQueueReset, JobPrepared, RenderInstructed, RenderWakeAsked, RenderWolFailed,
)  # fmt: skip
"""Every event that is journaled."""

READINGS = (RunProgressed, RenderMeasured, RenderDisconnected)
"""Every event that is not."""

Event = (
    PoolDeleted | BranchDeleted | UserDeleted | JobsReordered | BlocksAppended | TasksAppended | UserAdded
    | BranchAdded | PoolAdded | UserEdited | BranchEdited | PoolEdited | JobSubmitted | JobEdited | BlockEdited
    | JobStarted | JobFinished | JobReopened | JobDeletionRequested | JobDeleted | ErrorHostsReset | HostForgiven
    | HostReleased | RunStarted | RunFinished | RunStopRequested | RunsStopRequested | RunAdopted | TasksReleased
    | TasksHeld | TasksRestored | TasksChanged | TaskWarned | TasksGivenUp | TryNextChanged | RenderAdded
    | RenderWentOnline | RenderWentOffline | RenderEdited | RenderDeleted | FarmRecovered | FarmFounded | FarmDescribed
    | SystemServicesSet | SystemCommandsQueued | SystemTaskMade | SystemTaskKept | SystemTaskLeft | SystemQueueReset
    | JobPrepared | RenderInstructed | RenderWakeAsked | RenderWolFailed | RunProgressed | RenderMeasured
    | RenderDisconnected
)  # fmt: skip
"""Everything that can happen."""
