"""The columns of tables of rows, as data: what each shows of a row, how wide, by what it sorts, and what is searched.

Rules of this file:
- No Qt: a column has a ``kind``, and the delegate of that kind paints it.
- ``text`` is also what is copied and what a screen reader says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from afcore.rows import JobRow
from afcore.states import TaskState
from afwatch import words
from afwatch.models.filters import Field
from afwatch.texts import tr
from afwatch.theme.tokens import in_level, order_of_need, state_look, width_in_level

__all__ = ["JOBS", "MONITORS", "USERS", "Column", "Shown", "fields_of", "words_of"]

_NEED = {state: place for place, state in enumerate(order_of_need())}


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    key: str
    title: str
    width: int
    kind: str
    """``state``, ``name``, ``text``, ``number``, ``errors``, ``strip``, ``percent``, ``pips``, ``plot`` or ``now``."""
    text: Callable[[Any, float], str]
    sort: Callable[[Any, float], Any]
    right: bool = False
    stretch: bool = False
    tip: str = ""
    second: Callable[[Any, float], str] | None = None
    """A second, quieter text: beside the first, or under it in tall rows."""
    rank: int = 0
    """Where there is no room, columns of the greatest rank are hidden first; 0 stays as long as any."""
    full: str = ""
    """The title in full, where it is another one than the brief ``title``."""
    short: str = ""
    """The title abbreviated."""
    widths: tuple[int, int] = (0, 0)
    """How wide it is at the full and at the abbreviated level, where its cells say more or less; 0: as ever."""

    @property
    def heading(self) -> str:
        """The title in the level that is on."""
        return in_level(self.full, self.title, self.short)

    @property
    def whole(self) -> str:
        """The title as it stands in menus and as a screen reader says it."""
        return self.full or self.title

    @property
    def width_now(self) -> int:
        """How wide it is in the level that is on, unless somebody chose a width."""
        return width_in_level(self.width, self.widths)


@dataclass(frozen=True, slots=True)
class Shown:
    """How rows of one kind are shown."""

    kind: str
    look: str
    """Kind of state in the look's tokens."""
    columns: tuple[Column, ...]
    state: Callable[[Any, float], str]
    fields: dict[str, Field]
    bare: Callable[[Any], str]
    """What bare words of the search line look in."""
    chips: tuple[str, ...]
    """States that have a chip, in order."""
    placeholder: str


def fields_of(*fields: Field) -> dict[str, Field]:
    """Return fields by name."""
    return {field.name: field for field in fields}


def words_of(look: str, state: str) -> set[str]:
    """Return every word by which a state is searched."""
    shown = state_look(look, state)
    return {
        state.lower(), shown.full.lower(), shown.brief.lower(), shown.abbreviated.lower(), shown.full.split()[0].lower()
    }  # fmt: skip


def _count(get: Callable[[Any], int]) -> tuple[Callable[[Any, float], str], Callable[[Any, float], Any]]:
    return (lambda row, now: words.count(get(row))), (lambda row, now: get(row))


def _errors(row: JobRow) -> int:
    return row.counts[TaskState.ERROR]


def _job_state(row: JobRow, now: float) -> str:
    return words.job_state(row, now)


def _by_need(row: JobRow, now: float) -> Any:
    return _NEED[_job_state(row, now)], -row.priority, -row.time_creation


JOBS = Shown(
    kind="jobs",
    look="job",
    columns=(
        Column("state", tr("State"), 116, "state",
               lambda row, now: state_look("job", _job_state(row, now)).word, _by_need, short=tr("St"),
               widths=(150, 76)),
        Column("name", tr("Job"), 280, "name", lambda row, now: row.name, lambda row, now: row.name.lower(),
               stretch=True,
               second=lambda row, now: words.plural(sum(row.counts), "task")),
        Column("user", tr("User"), 88, "text", lambda row, now: row.user, lambda row, now: row.user.lower(),
               short=tr("Usr")),
        Column("progress", tr("Progress"), 148, "strip", lambda row, now: tr("{0} percent", row.percent),
               lambda row, now: row.percent, short=tr("Prog")),
        Column("percent", "%", 48, "number", lambda row, now: str(row.percent), lambda row, now: row.percent, True,
               rank=4, full=tr("Percent"), widths=(72, 0)),
        Column("running", tr("Run"), 54, "number", *_count(lambda row: row.counts[TaskState.RUNNING]), right=True,
               tip=tr("Tasks running now"), rank=2, full=tr("Running"), short=tr("R"), widths=(78, 0)),
        Column("errors", tr("Errors"), 64, "errors", *_count(_errors), right=True,
               tip=tr("Tasks that failed for good"), short=tr("Err")),
        Column("reason", tr("Remaining, or why not"), 184, "text",
               lambda row, now: words.job_reason(row, _job_state(row, now), now),
               lambda row, now: words.job_reason(row, _job_state(row, now), now),
               full=tr("Time remaining, or why not"), short=tr("Left, why"), widths=(204, 0)),
        Column("priority", tr("Prio"), 60, "number", lambda row, now: str(row.priority), lambda row, now: row.priority,
               right=True, tip=tr("Priority: the higher, the sooner"), rank=3, full=tr("Priority"), short=tr("P"),
               widths=(80, 0)),
        Column("created", tr("Submitted"), 116, "text", lambda row, now: words.clock_text(row.time_creation, now),
               lambda row, now: -row.time_creation, rank=5, short=tr("Sub")),
    ),
    state=_job_state,
    fields=fields_of(
        Field("state", "word", lambda row: words_of("job", words.job_state(row, 0.0))),
        Field("user", "text", lambda row: row.user),
        Field("name", "text", lambda row: row.name),
        Field("branch", "text", lambda row: row.branch),
        Field("service", "text", lambda row: " ".join(block.service for block in row.blocks)),
        Field("host", "text", lambda row: row.host_name),
        Field("err", "number", _errors),
        Field("run", "number", lambda row: row.counts[TaskState.RUNNING]),
        Field("prio", "number", lambda row: row.priority),
        Field("id", "number", lambda row: row.id),
    ),
    bare=lambda row: row.name,
    chips=("ERROR", "RUNNING", "READY", "WAIT_DEP", "PAUSED", "SUSPENDED", "DONE"),
    placeholder="state:  user:  name~  service:  err>0  prio>  id:",
)  # fmt: skip
"""Jobs."""


def _limit(value: int) -> str:
    return tr("no limit") if value < 0 else words.number(value)


USERS = Shown(
    kind="users",
    look="job",
    columns=(
        Column("name", tr("User"), 220, "strong", lambda row, now: row.name, lambda row, now: row.name, stretch=True),
        Column("jobs", tr("Jobs"), 80, "number", *_count(lambda row: row.jobs), right=True, short=tr("J")),
        Column("running", tr("Run"), 80, "number", *_count(lambda row: row.running), right=True,
               tip=tr("Tasks running now"), full=tr("Running"), short=tr("R")),
        Column("limit", tr("Most at once"), 130, "number", lambda row, now: _limit(row.max_running_tasks),
               lambda row, now: row.max_running_tasks, right=True, full=tr("Most tasks at once"), short=tr("Max"),
               widths=(160, 0)),
        Column("retries", tr("Retries"), 90, "number", lambda row, now: str(row.errors_retries),
               lambda row, now: row.errors_retries, right=True, tip=tr("How often a failed task is tried again"),
               full=tr("Error retries"), short=tr("Retr"), widths=(116, 0)),
        Column("priority", tr("Prio"), 70, "number", lambda row, now: str(row.priority), lambda row, now: row.priority,
               right=True, full=tr("Priority"), short=tr("P"), widths=(84, 0)),
        Column("host", tr("Host"), 180, "text", lambda row, now: row.host_name or words.UNKNOWN,
               lambda row, now: row.host_name, rank=2),
        Column("note", tr("Note"), 220, "text", lambda row, now: row.annotation, lambda row, now: row.annotation,
               rank=3, full=tr("Annotation"), short=tr("Ann")),
    ),
    state=lambda row, now: "PAUSED" if row.paused else "RUNNING" if row.running else "READY",
    fields=fields_of(
        Field("name", "text", lambda row: row.name),
        Field("jobs", "number", lambda row: row.jobs),
        Field("run", "number", lambda row: row.running),
        Field("prio", "number", lambda row: row.priority),
    ),
    bare=lambda row: row.name,
    chips=(),
    placeholder="name~  jobs>0  run>0  prio>",
)  # fmt: skip
"""Users."""

MONITORS = Shown(
    kind="monitors",
    look="job",
    columns=(
        Column("name", tr("User"), 220, "strong", lambda row, now: row.user, lambda row, now: row.user, stretch=True),
        Column("host", tr("Host"), 170, "text", lambda row, now: row.host, lambda row, now: row.host),
        Column("mode", tr("Mode"), 80, "text", lambda row, now: row.mode, lambda row, now: row.mode),
        Column("address", tr("Address"), 150, "text", lambda row, now: row.address, lambda row, now: row.address,
               short=tr("Addr")),
        Column("since", tr("Watches since"), 160, "text", lambda row, now: words.clock_text(row.since, now),
               lambda row, now: -row.since, short=tr("Since")),
    ),
    state=lambda row, now: "RUNNING",
    fields=fields_of(
        Field("user", "text", lambda row: row.user),
        Field("host", "text", lambda row: row.host),
        Field("mode", "text", lambda row: row.mode),
        Field("address", "text", lambda row: row.address),
    ),
    bare=lambda row: f"{row.user} {row.host}",
    chips=(),
    placeholder="user:  host~  mode:god",
)  # fmt: skip
"""Monitors that are connected."""
