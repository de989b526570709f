"""Numbers, times and states as a person reads them; no Qt, and the time is an argument.

Rules of this file:
- Zero is a faint dot, unknown is a dash; thousands stand apart by a thin space; a unit always follows.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from afcore.rows import JobRow, RenderRow
from afcore.states import TaskState
from afwatch.texts import tr

__all__ = [
    "DOT",
    "UNKNOWN",
    "clock_text",
    "count",
    "duration",
    "job_reason",
    "job_state",
    "memory_text",
    "number",
    "plural",
    "render_state",
    "short_number",
]

DOT = "·"
UNKNOWN = "—"
_THIN = "\u2009"


def number(value: int) -> str:
    """Return a whole number with thin spaces between thousands."""
    return f"{value:,}".replace(",", _THIN)


def short_number(value: int) -> str:
    """Return a whole number in at most four letters: 950, 12k, 3M; rounded down."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value // size}{letter}"
    return str(value)


def count(value: int) -> str:
    """Return a number, a dot for zero."""
    return number(value) if value else DOT


def plural(value: int, one: str, many: str = "") -> str:
    """Return ``3 jobs``, ``1 job``."""
    return f"{number(value)} {tr(one if value == 1 else many or one + 's')}"


def duration(seconds: float) -> str:
    """Return a duration in its two greatest units: ``3.1 s``, ``1 m 24 s``, ``3 h 02 m``, ``2 d 4 h``."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def clock_text(at: float, now: float) -> str:
    """Return a clock time for today, ``yesterday 22:10``, else ``19 Nov 22:10``; a dash for never."""
    if at <= 0:
        return UNKNOWN
    there, here = datetime.fromtimestamp(at).astimezone(), datetime.fromtimestamp(now).astimezone()
    if there.date() == here.date():
        return there.strftime("%H:%M")
    if there.date() == here.date() - timedelta(days=1):
        return there.strftime("yesterday %H:%M")
    return f"{there.day} {there.strftime('%b %H:%M')}"


def memory_text(megabytes: float) -> str:
    """Return memory in the unit that suits it."""
    return f"{megabytes / 1024:.0f} GB" if megabytes >= 10240 else (
        f"{megabytes / 1024:.1f} GB" if megabytes >= 1024 else f"{megabytes:.0f} MB"
    )


def job_state(row: JobRow, now: float) -> str:
    """Return the state that a job is shown in (a name of the look): what needs somebody comes first."""
    counts = row.counts
    if row.state == "done":
        return "DONE"
    if row.offline:
        return "PAUSED"
    if counts[TaskState.ERROR]:
        return "ERROR"
    if counts[TaskState.RUNNING] or counts[TaskState.WAIT_RECONNECT]:
        return "RUNNING"
    if row.time_wait > now:
        return "WAIT_TIME"
    if row.state == "ready":
        return "READY"
    if counts[TaskState.SUSPENDED]:
        return "SUSPENDED"
    return "WAIT_DEP"


def job_reason(row: JobRow, state: str, now: float) -> str:
    """Return what the column *Remaining, or why not* says."""
    counts = row.counts
    errors = counts[TaskState.ERROR]
    if row.state == "deleting":
        return tr("Is being deleted")
    if state == "DONE":
        return tr("Took {0}", duration(row.time_done - row.time_started)) if row.time_started else tr("Nothing to do")
    if state == "ERROR":
        left = counts[TaskState.READY] + counts[TaskState.RUNNING] + counts[TaskState.WAIT_RECONNECT]
        return tr("{0}, {1} to go", plural(errors, 'error'), number(left)) if left else tr("Blocked by {0}",
                                                                                           plural(errors, 'error'))
    if state == "PAUSED":
        return tr("Paused by a person")
    if state == "WAIT_TIME":
        return tr("{0}, in {1}", clock_text(row.time_wait, now), duration(row.time_wait - now))
    if state == "WAIT_DEP":
        if row.waits_for:
            return "After " + ", ".join(f"job {id}" for id in row.waits_for[:3])
        return tr("After other tasks")
    if state == "SUSPENDED":
        return tr("{0} of {1} suspended", number(counts[TaskState.SUSPENDED]), plural(sum(counts), 'task'))
    if state == "READY":
        return tr("Next in line")
    over = counts[TaskState.DONE]
    spent = sum(block.run_time_sum_ms for block in row.blocks) / 1000
    if not over or not row.running:
        return tr("Measuring")
    left = sum(counts) - over - counts[TaskState.SKIPPED]
    guess = spent / over * left / row.running
    if guess < 60:
        return "Under 1 min"
    return f"{_span(guess * 0.8)} – {_span(guess * 1.25)}"


def _span(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return tr("{0} min", minutes) if minutes < 90 else f"{seconds / 3600:.0f} h"


def render_state(row: RenderRow) -> str:
    """Return the state that a render is shown in (a name of the look)."""
    words = row.words
    if "offline" in words:
        return "OFFLINE"
    if "sick" in words:
        return "SICK"
    if "paused" in words:
        return "PAUSED"
    if "NIMBY" in words:
        return "NIMBY_ALL"
    if "nimby" in words:
        return "NIMBY_OWN"
    return "BUSY" if row.running else "FREE"
