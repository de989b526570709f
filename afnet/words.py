"""Numbers, times and states as the monitor and the pages say them; the time and its zone are arguments.

Rules of this file:
- Zero is a dot, unknown is a dash; thousands stand apart by a thin space; a unit always follows.
- Sentences pass through ``tr``, which the monitor gives to translate them: ``tools/translate`` finds them here.
"""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from typing import Protocol
from urllib.parse import quote

from afcore.rows import JobRow, RenderRow
from afcore.states import TaskState

__all__ = [
    "DOT", "OUT", "UNKNOWN", "Standing", "as_written", "clock", "count", "duration", "job_reason", "job_state",
    "kept", "memory", "number", "plural", "quoted", "render_state", "sentences", "share", "short",
]  # fmt: skip

DOT = "·"
UNKNOWN = "—"
OUT = ("OFFLINE", "ASLEEP")
"""States of renders that are switched off or gone."""
_THIN = "\u2009"


def as_written(text: str, /, *values: object) -> str:
    """Return a text with its places filled, in the language that it is written in."""
    return text.format(*values)


def number(value: float) -> str:
    """Return a whole number with thin spaces between thousands."""
    return f"{round(value):,}".replace(",", _THIN)


def count(value: int) -> str:
    """Return a number, a dot for zero."""
    return number(value) if value else DOT


def short(value: float) -> str:
    """Return a number of an axis in few signs: 950, 1.2k, 3M."""
    for size, word in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{word}"
    return f"{value:.3g}"


def sentences(*parts: str) -> str:
    """Return what errors and hints say as sentences that follow each other; what is empty is left out."""
    return " ".join(part[0].upper() + part[1:] + ("" if part[-1] in ".!?…" else ".") for part in parts if part)


def plural(value: int, one: str, many: str = "", *, tr: Callable[..., str] = as_written) -> str:
    """Return ``3 jobs``, ``1 job``."""
    return f"{number(value)} {tr(one if value == 1 else many or one + 's')}"


def share(value: float) -> str:
    """Return a share (0 to 1) in percent, a dot for none."""
    return DOT if not value else f"{value * 100:.1f} %" if value < 0.1 else f"{value * 100:.0f} %"


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
    return f"{number(whole // 86400)} d {whole % 86400 // 3600} h"


def kept(days: float, *, tr: Callable[..., str] = as_written) -> str:
    """Return how long something is kept, ``kept for 14 days``; 0 is for ever."""
    if not days:
        return tr("kept for ever")
    return tr("kept for {0}", plural(int(days), "day", tr=tr) if days == int(days) else f"{days:g} {tr('days')}")


def clock(at: float, now: float, zone: tzinfo | None = None, *, seconds: bool = True) -> str:
    """Return a clock time for today, ``yesterday 22:10``, else ``19 Nov 22:10``; a dash for never."""
    if at <= 0:
        return UNKNOWN
    there, here = datetime.fromtimestamp(at).astimezone(zone), datetime.fromtimestamp(now).astimezone(zone)
    if there.date() == here.date():
        return there.strftime("%H:%M:%S" if seconds else "%H:%M")
    if there.date() == here.date() - timedelta(days=1):
        return there.strftime("yesterday %H:%M")
    return f"{there.day} {there.strftime('%b %H:%M' if there.year == here.year else '%b %Y')}"


def quoted(name: str) -> str:
    """Return a name as a part of an address."""
    return quote(name, safe="")


def memory(mib: float) -> str:
    """Return memory, given in MiB, in the unit that suits it."""
    if mib >= 1024:
        return f"{mib / 1024:.0f} GB" if mib >= 10240 else f"{mib / 1024:.1f} GB"
    return f"{mib:.0f} MB"


class Standing(Protocol):
    """What of a job decides its state."""

    @property
    def counts(self) -> list[int]:
        """Tasks in each TaskState."""

    @property
    def state(self) -> str:
        """Its state in one word."""

    @property
    def offline(self) -> bool:
        """It is paused."""

    @property
    def ppa(self) -> bool:
        """It waits for an approval."""

    @property
    def time_wait(self) -> int:
        """It waits until then, unix seconds."""


def job_state(row: Standing, now: float) -> str:
    """Return the state that a job is shown in (a name of the look): what needs somebody comes first."""
    counts = row.counts
    if row.state == "done":
        return "DONE"
    if row.offline:
        return "PAUSED"
    if counts[TaskState.ERROR]:
        return "ERROR"
    if row.ppa:
        return "NEEDS_APPROVAL"
    if counts[TaskState.RUNNING] or counts[TaskState.WAIT_RECONNECT]:
        return "RUNNING"
    if row.time_wait > now:
        return "WAIT_TIME"
    if row.state == "ready":
        return "READY"
    return "SUSPENDED" if counts[TaskState.SUSPENDED] else "WAIT_DEP"


def job_reason(
    row: JobRow, state: str, now: float, *, tr: Callable[..., str] = as_written,
    clock: Callable[[float, float], str] | None = None,
) -> str:  # fmt: skip
    """Return what the column *Remaining, or why not* says; ``clock`` says until when a job waits."""
    counts = row.counts

    def several(value: int, one: str) -> str:
        return plural(value, one, tr=tr)

    if row.state == "deleting":
        return tr("Is being deleted")
    if state == "DONE":
        return tr("Took {0}", duration(row.time_done - row.time_started)) if row.time_started else tr("Nothing to do")
    if state == "ERROR":
        left = counts[TaskState.READY] + counts[TaskState.RUNNING] + counts[TaskState.WAIT_RECONNECT]
        said = several(counts[TaskState.ERROR], "error")
        return tr("{0}, {1} to go", said, number(left)) if left else tr("Blocked by {0}", said)
    if state == "PAUSED":
        return tr("Paused by a person")
    if state == "WAIT_TIME":
        left_s = duration(row.time_wait - now)
        return tr("In {0}", left_s) if clock is None else tr("{0}, in {1}", clock(row.time_wait, now), left_s)
    if state == "WAIT_DEP":
        names = ", ".join(tr("job {0}", id) for id in row.waits_for[:3])
        return tr("After {0}", names) if names else tr("After other tasks")
    if state == "SUSPENDED":
        return tr("{0} of {1} suspended", number(counts[TaskState.SUSPENDED]), several(sum(counts), "task"))
    if state == "READY":
        return tr("Next in line")
    if state == "NEEDS_APPROVAL":
        return tr("Look at its first frames")
    return _remaining(row, tr) if state == "RUNNING" else ""


def _remaining(row: JobRow, tr: Callable[..., str]) -> str:
    """Return a range for what is left, from what the done tasks took."""
    over = row.counts[TaskState.DONE]
    spent = sum(block.run_time_sum_ms for block in row.blocks) / 1000
    if not over or not row.running:
        return tr("Measuring")
    left = sum(row.counts) - over - row.counts[TaskState.SKIPPED]
    guess = spent / over * left / row.running
    return tr("Under 1 min") if guess < 60 else f"{_about(guess * 0.8, tr)} – {_about(guess * 1.25, tr)}"


def _about(seconds: float, tr: Callable[..., str]) -> str:
    minutes = max(1, round(seconds / 60))
    return tr("{0} min", minutes) if minutes < 90 else f"{seconds / 3600:.0f} h"


def render_state(row: RenderRow) -> str:
    """Return the state that a render is shown in (a name of the look)."""
    for word, state in (
        ("sleeping", "ASLEEP"), ("falling asleep", "FALLING_ASLEEP"), ("waking up", "WAKING"), ("offline", "OFFLINE"),
        ("sick", "SICK"), ("paused", "PAUSED"), ("NIMBY", "NIMBY_ALL"), ("nimby", "NIMBY_OWN"),
    ):  # fmt: skip
        if word in row.words:
            return state
    return "BUSY" if row.running else "FREE"
