"""The states of tasks, runs and renders, and the flags beside them.

Rules of this file:
- A task is in exactly one ``TaskState``; everything that can be true beside it is a ``TaskFlag`` bit.
- Values are stored in columns, journals and frames: never renumber, only add.
- The classic 64-bit mask is known to ``afnet.classic.states`` alone.
"""

from enum import IntEnum, IntFlag

__all__ = [
    "LIVE_STATES",
    "OVER_STATES",
    "STATE_COUNT",
    "RenderState",
    "Role",
    "RunStatus",
    "TaskFlag",
    "TaskState",
]


class TaskState(IntEnum):
    """What a task is: one byte in the ``state`` column."""

    WAIT_DEP = 0
    """Waits for tasks of other blocks."""
    READY = 1
    """May start as soon as a render takes it."""
    RUNNING = 2
    """A render runs it now."""
    WAIT_RECONNECT = 3
    """It ran when the server stopped; its render may still bring it back."""
    DONE = 4
    """Finished well."""
    SKIPPED = 5
    """Counts as done without having run."""
    ERROR = 6
    """Failed, and will not be tried again by itself."""
    SUSPENDED = 7
    """Held by a person until continued."""


STATE_COUNT = len(TaskState)
"""How many task states there are: the length of every counter list."""

LIVE_STATES = frozenset({TaskState.RUNNING, TaskState.WAIT_RECONNECT})
"""States in which a process of the task may exist."""

OVER_STATES = frozenset({TaskState.DONE, TaskState.SKIPPED})
"""States that satisfy a dependency."""


class TaskFlag(IntFlag):
    """What may be true of a task beside its state: one byte in the ``flags`` column."""

    RETRIED = 1
    """Made ready again by itself after an error."""
    WARNING = 2
    """Its parser saw something a person should know."""
    TRY_NEXT = 4
    """A person asked for it to be offered first."""
    PARSER_SUCCESS = 8
    """Its parser declared it finished before its process ended."""
    PARSER_ERROR = 16
    """Its parser stopped it."""
    BAD_RESULT = 32
    """Its parser refused the result."""
    BAD_FILES = 64
    """The files it should have written are missing or wrong."""
    POST_FAILED = 128
    """It is done, but a command after it (thumbnails) failed."""


class RunStatus(IntEnum):
    """How one run of a task ended."""

    SUCCESS = 1
    ERROR = 2
    """The process ended with a bad exit status."""
    KILLED = 3
    """The process was ended by a signal nobody on the farm sent."""
    FAILED_TO_START = 4
    PARSER_ERROR = 5
    PARSER_FATAL = 6
    """As an error of the parser, and not to be retried."""
    PARSER_BAD_RESULT = 7
    PARSER_SUCCESS = 8
    POST_FAILED = 9
    BAD_FILES = 10
    SKIPPED = 11
    """The service found nothing to do (existing files)."""
    STOPPED = 12
    """The farm asked for it: restart, skip, delete, eject."""
    RENDER_LOST = 13
    """Its render was silent for longer than its pool's ``zombie_time``."""
    RENDER_LEFT = 14
    """Its render said goodbye."""
    RUN_TIME_EXCEEDED = 15
    NO_PROGRESS = 16
    TOO_SHORT = 17
    """Finished well, but sooner than ``task_min_run_time``."""
    NOT_RECONNECTED = 18
    """After a server restart nobody brought it back in time."""
    NEVER_STARTED = 19
    """The render says that it does not have a run it was given (it restarted, or the start was lost)."""

    @property
    def is_success(self) -> bool:
        """Whether the task counts as done or skipped after it."""
        return self in _SUCCESS

    @property
    def is_error(self) -> bool:
        """Whether it counts as an error of the task and of its host."""
        return self in _ERRORS


_SUCCESS = frozenset({RunStatus.SUCCESS, RunStatus.PARSER_SUCCESS, RunStatus.POST_FAILED, RunStatus.SKIPPED})
_ERRORS = frozenset(
    {
        RunStatus.ERROR,
        RunStatus.KILLED,
        RunStatus.FAILED_TO_START,
        RunStatus.PARSER_ERROR,
        RunStatus.PARSER_FATAL,
        RunStatus.PARSER_BAD_RESULT,
        RunStatus.BAD_FILES,
        RunStatus.RUN_TIME_EXCEEDED,
        RunStatus.NO_PROGRESS,
        RunStatus.TOO_SHORT,
    }
)


class RenderState(IntFlag):
    """What is true of a render; bits, because most of them combine."""

    ONLINE = 1
    NIMBY_USER = 2
    """nimby: only its own user's tasks."""
    NIMBY = 4
    """NIMBY: nobody's tasks."""
    PAUSED = 8
    SICK = 16
    WOL_FALLING = 32
    WOL_SLEEPING = 64
    WOL_WAKING = 128


class Role(IntEnum):
    """What a caller is; greater includes smaller, but NODE and SYSTEM stand apart."""

    NOBODY = 0
    USER = 10
    VISOR = 20
    """May change other users' jobs."""
    GOD = 30
    """May change anything."""
    NODE = 50
    """A render agent: may register itself and report its own runs."""
    SYSTEM = 60
    """The server itself: timer, solver, recovery."""
