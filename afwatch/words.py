"""Numbers, times and states as a person reads them in the monitor: what ``afnet.words`` says, in their language."""

from __future__ import annotations

from afcore.rows import JobRow
from afnet import words
from afnet.words import DOT, OUT, UNKNOWN, count, duration, job_state, number, render_state
from afnet.words import memory as memory_text
from afwatch.texts import tr

__all__ = [
    "DOT", "OUT", "UNKNOWN", "clock_text", "count", "duration", "job_reason", "job_state", "memory_text",
    "kept", "number", "plural", "render_state", "short_number",
]  # fmt: skip


def short_number(value: int) -> str:
    """Return a whole number in at most four letters: 950, 12k, 3M; rounded down."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value // size}{letter}"
    return str(value)


def plural(value: int, one: str, many: str = "") -> str:
    """Return ``3 jobs``, ``1 job``."""
    return words.plural(value, one, many, tr=tr)


def kept(days: float) -> str:
    """Return how long something is kept, ``kept for 14 days``; 0 is for ever."""
    return words.kept(days, tr=tr)


def clock_text(at: float, now: float) -> str:
    """Return a clock time to the minute for today, ``yesterday 22:10``, else ``19 Nov 22:10``; a dash for never."""
    return words.clock(at, now, seconds=False)


def job_reason(row: JobRow, state: str, now: float) -> str:
    """Return what the column *Remaining, or why not* says."""
    return words.job_reason(row, state, now, tr=tr, clock=clock_text)
