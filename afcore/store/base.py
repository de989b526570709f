"""What the farm asks of its memory: batches, rows, snapshots, and the two protocols every store fulfils.

Rules of this file:
- Bodies of the journal and of snapshots are bytes to the store: it never looks inside.
- Durable means durable: when ``commit`` returns, the batches survive a power cut.
- Rows are additive: a new field has a default and goes to the end, because other programs read the tables.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from afcore.store.ledger import FIRST_HASH, AuditPage, AuditQuery, AuditRow, KeptRow

__all__ = [
    "BODY_FORMAT",
    "Batch",
    "History",
    "JobRow",
    "JournalBatch",
    "Recovered",
    "Retention",
    "RunPage",
    "RunQuery",
    "RunRow",
    "SNAPSHOT_FORMAT",
    "Snapshot",
    "Store",
    "Unwanted",
]

BODY_FORMAT = 1
"""The newest encoding of journal entries that this version writes and reads."""

SNAPSHOT_FORMAT = 2
"""The newest encoding of snapshots; 2: runs lie in rows, and starts take four bytes where two are not enough."""


class RunRow(msgspec.Struct, kw_only=True, gc=False):
    """One finished run of a task: the run history, and a row of the table ``tasks``.

    The columns of the classic statistics keep their names and meaning; times are unix milliseconds here, and the
    classic columns ``time_started`` and ``time_done`` (unix seconds) are made from them. Longer text than its column
    takes is cut.
    """

    seq: int = 0
    """Number of the row, +1 each over the life of the farm; the store gives it."""
    job: int
    """Id of the job."""
    serial: int
    """Serial number of the job, as submitters were told."""
    id_block: int
    id_task: int
    run: int
    """The how-maniest start of the task this was, from 1."""
    status: str
    """How it ended, in one word: the lower-case name of the ``RunStatus``."""
    exit_status: int = 0
    """What the process gave; 128 and more for signals as shells do it, -1 where no process ended."""
    error: int = 0
    """1 when it counted as an error, else 0."""
    errors_count: int = 0
    """Errors of the task so far."""
    starts_count: int = 0
    """Starts of the task so far."""
    started_ms: int = 0
    done_ms: int = 0
    username: str = ""
    hostname: str = ""
    """Name of the render."""
    render: int = 0
    """Id of the render."""
    pool: str = ""
    """Path of the render's pool at that time."""
    branch: str = ""
    """Path of the job's branch."""
    jobname: str = ""
    blockname: str = ""
    taskname: str = ""
    folder: str = ""
    """Output folder of the job: the value of the alphabetically first key of ``folders``, else the branch path."""
    description: str = ""
    annotation: str = ""
    service: str = ""
    parser: str = ""
    capacity: int = 0
    """Capacity of the block, without the coefficient."""
    coefficient: int = 0
    """Factor of a variable capacity; 0 for none."""
    frame_pertask: int = 0
    command: str = ""
    """Command of the block followed by that of the task, patterns unfilled."""
    resources: str = ""
    """What the parser measured, in its own words."""
    cause: str = ""
    """Why it was stopped, when somebody or something stopped it."""
    waited_ms: int = -1
    """How long the first run of the task was waited for: from the job's submission, the time it was to wait for, or the
    end of the blocks it waits for, whichever came last, to its start. -1 when nobody knows: of later runs, and where
    task waits for task."""
    cpu_ms: int = 0
    """Time on processors, of the process and all it started and waited for."""
    peak_memory: int = 0
    """Largest resident size of one of its processes, in bytes; 0 where the system does not tell."""
    gpus: str = ""
    """Numbers of the GPUs it was given, with commas."""

    @property
    def time_started(self) -> int:
        """Unix seconds of the start."""
        return self.started_ms // 1000

    @property
    def time_done(self) -> int:
        """Unix seconds of the end."""
        return self.done_ms // 1000


class JobRow(msgspec.Struct, kw_only=True, gc=False):
    """Statistics of one block, written when its job is deleted: a row of the table ``jobs``."""

    seq: int = 0
    """Number of the row, +1 each over the life of the farm; the store gives it."""
    job: int
    serial: int
    id_block: int
    jobname: str = ""
    blockname: str = ""
    username: str = ""
    hostname: str = ""
    """The host it was submitted from."""
    branch: str = ""
    folder: str = ""
    description: str = ""
    annotation: str = ""
    service: str = ""
    capacity: int = 0
    tasks_done: int = 0
    tasks_quantity: int = 0
    run_time_ms: int = 0
    """Sum of its runs; the classic column ``run_time_sum`` (seconds) is made from it."""
    started_ms: int = 0
    done_ms: int = 0
    """When it was done, or deleted when it never was."""

    @property
    def run_time_sum(self) -> int:
        """Seconds."""
        return self.run_time_ms // 1000

    @property
    def time_started(self) -> int:
        """Unix seconds."""
        return self.started_ms // 1000

    @property
    def time_done(self) -> int:
        """Unix seconds."""
        return self.done_ms // 1000


class Batch(msgspec.Struct, kw_only=True):
    """One committed unit: some entries of the journal, and the rows that became true with them."""

    seq: int
    """Number of the batch, from 1, +1 each; the runner gives it."""
    at: float
    """When it was closed, unix seconds."""
    epoch: int
    """Epoch of the leader that made it (``Recovered.epoch``); any other is refused."""
    body: bytes | list[bytes]
    """Encoded entries. A list holds one msgpack value each and comes back as ONE msgpack array of them; joining and
    compressing happens in the writer thread. Bytes come back as they are."""
    runs: list[RunRow] = []
    jobs: list[JobRow] = []
    kept: list[KeptRow] = []
    """Facts of the server's shell that changed, in order."""
    audit: list[AuditRow] = []
    """Acts, numbered and chained by their giver."""
    format: int = BODY_FORMAT
    """Encoding of the entries."""


class JournalBatch(msgspec.Struct, kw_only=True, frozen=True):
    """A batch as recovery reads it: without rows, its body decompressed."""

    seq: int
    at: float
    epoch: int
    format: int
    body: bytes


class Snapshot(msgspec.Struct, kw_only=True):
    """The farm, or what changed in it since the snapshot before, as it was right after batch ``seq``.

    A job or block that is not in it is as the snapshot before says; what is in ``deleted`` is gone. What ``load``
    returns is always whole: the newest of everything, and ``deleted`` is empty.
    """

    seq: int
    at: float
    farm: bytes
    """Everything that belongs to no job; always whole."""
    jobs: dict[int, bytes] = {}
    """Specification and other facts by job id."""
    columns: dict[tuple[int, int], list[bytes]] = {}
    """Columns of the tasks by (job id, block index), in an order of the giver's own."""
    deleted: list[int] = []
    """Ids of jobs that were deleted since the snapshot before."""
    format: int = SNAPSHOT_FORMAT


class Recovered(msgspec.Struct, kw_only=True):
    """What a store knows at the start of a server."""

    epoch: int
    """Epoch of this leader, one more than that of any before it."""
    farm: str
    """Identity of the farm: random text made with the database, kept for its life."""
    created: float
    """When the database was made, unix seconds."""
    last_seq: int
    """Number of the newest batch, 0 when there is none; the next one is one more."""
    snapshot: Snapshot | None
    """The newest complete state, if one was ever written."""
    batches: Iterator[JournalBatch]
    """The batches after it, in order, read piece by piece. To be used up before the first commit."""
    kept: list[KeptRow] = []
    """Facts of the server's shell."""
    audit_seq: int = 0
    """Number of the newest row of the audit."""
    audit_hash: str = FIRST_HASH
    """Its hash."""


class Retention(msgspec.Struct, kw_only=True, frozen=True):
    """How much past is kept. Nothing recovery needs is ever dropped, whatever these say."""

    days: float = 30.0
    """Age of the oldest journal batch and snapshot, in days."""
    size: int = 1 << 30
    """Bytes of journal and snapshots together."""
    history_days: float = 0.0
    """Age of the oldest finished run in ``tasks`` and row in ``jobs``, in days; 0 keeps them for ever."""
    followed: tuple[int, int] | None = None
    """Newest numbers of a run and of a deleted job's block that may go for their age; None: all may."""


class Unwanted(msgspec.Struct, kw_only=True, frozen=True):
    """Finished runs and deleted jobs that somebody wants forgotten: those that fit everything here."""

    folder: str = ""
    """In this folder or below it; empty: in any."""
    before: int = 0
    """Ended before it, unix seconds; 0: whenever."""
    last_run: int
    """Newest number of a finished run that may go."""
    last_job: int
    """Newest number of a deleted job's block that may go."""


class Store(Protocol):
    """A farm's memory. One thread at a time: first the one that loads, then the writer's."""

    epoch: int
    """Epoch of this leader."""
    address: str
    """How ``opening.open_past`` finds its past from another process, maybe with a password; empty when it cannot."""
    last_seq: int
    """Number of the newest committed batch."""

    @property
    def last_rows(self) -> tuple[int, int]:
        """Numbers of the newest committed run and job row; from any thread."""
        ...

    def load(self) -> Recovered:
        """Return the newest complete snapshot and the batches after it.

        Raises Corrupt when a batch is missing or damaged, TooNew when a newer version wrote one.
        """
        ...

    def commit(self, batches: Sequence[Batch]) -> None:
        """Write ``batches`` and their rows in one transaction; on return they are durable.

        Raises Unavailable when the same call may succeed later (``renew`` first), Fenced when another leader took
        over, Bug when the numbers do not follow on. Nothing is written in any of these cases, or all of it: a second
        call with the same batches after Unavailable never doubles anything.
        """
        ...

    def renew(self) -> None:
        """Drop what is left of a broken connection and make a new one.

        Raises Unavailable while the database is away, Fenced when another leader holds it.
        """
        ...

    def write_snapshot(self, snapshot: Snapshot) -> None:
        """Write a whole snapshot. ``snapshot.seq`` must be committed; the same number twice is written once."""
        ...

    def snapshot_steps(self, snapshot: Snapshot) -> Iterator[None]:
        """Do the same in small steps, some milliseconds each; other calls may come between two of them.

        Until the last step is done it counts as not written.
        """
        ...

    def trim(self, retention: Retention, *, now: float) -> None:
        """Drop what ``retention`` does not keep and recovery does not need."""
        ...

    def trim_steps(self, retention: Retention, *, now: float) -> Iterator[None]:
        """Do the same in small steps, some milliseconds each; other calls may come between two of them."""
        ...

    def forget_steps(self, unwanted: Unwanted) -> Iterator[None]:
        """Drop the rows of finished runs and deleted jobs that fit, in small steps as above."""
        ...

    def journal_growth(self) -> int:
        """Return the bytes of journal written since the newest complete snapshot."""
        ...

    def history(self) -> "History":
        """Open the finished runs for reading, on a connection of its own; from any thread."""
        ...

    def close(self) -> None:
        """Let go of files, connections and locks. Twice does no harm."""
        ...


class RunQuery(msgspec.Struct, kw_only=True, frozen=True):
    """Which finished runs are wanted; what is None does not matter."""

    job: int | None = None
    block: int | None = None
    task: int | None = None
    user: str | None = None
    host: str | None = None
    since_ms: int | None = None
    """Ended at or after it, unix milliseconds."""
    until_ms: int | None = None
    """Ended before it, unix milliseconds."""
    errors_only: bool = False


class RunPage(msgspec.Struct, kw_only=True, frozen=True):
    """Some finished runs, newest first."""

    rows: list[RunRow]
    next: int | None
    """Give it as ``before`` to get the following page; None: there is none."""


class History(Protocol):
    """Finished runs and deleted jobs, for people, pages and followers. Never writes; used by one thread at a time."""

    def runs(self, query: RunQuery, *, before: int | None = None, limit: int = 100) -> RunPage:
        """Return a page of the finished runs that fit ``query``, newest first."""
        ...

    def rows_after(self, seq: int, limit: int = 1000) -> list[RunRow]:
        """Return finished runs with numbers above ``seq``, oldest first: what a follower reads."""
        ...

    def jobs_after(self, seq: int, limit: int = 1000) -> list[JobRow]:
        """Return statistics of deleted jobs with numbers above ``seq``, oldest first."""
        ...

    def audit(self, query: AuditQuery, *, before: int | None = None, limit: int = 100) -> AuditPage:
        """Return a page of the acts that fit ``query``, newest first."""
        ...

    def audit_after(self, seq: int, limit: int = 1000) -> list[AuditRow]:
        """Return acts with numbers above ``seq``, oldest first."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
