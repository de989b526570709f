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
        return _held(row, tr)
    if state == "NEEDS_APPROVAL":
        return tr("Look at its first frames")
    return _remaining(row, tr) if state == "RUNNING" else ""


Say = Callable[[Callable[..., str], str], str]
_HELD: dict[str, Say] = {
    "turn": lambda tr, of: tr("Waits for a free render"),
    "no_renders": lambda tr, of: tr("There are no renders"),
    "no_render_fits": lambda tr, of: tr("No render fits"),
    "none_may_be_used": lambda tr, of: tr("No render may be used"),
    "too_few_hosts": lambda tr, of: tr("Fewer than {0} renders fit", of),
    "service": lambda tr, of: tr("No render runs {0}", of) if of else tr("No render runs its service"),
    "hosts_mask": lambda tr, of: tr("No render's name fits"),
    "hosts_mask_exclude": lambda tr, of: tr("Its mask excludes all"),
    "os": lambda tr, of: tr("No render has its system"),
    "properties": lambda tr, of: tr("No render has its properties"),
    "power": lambda tr, of: tr("No render has the power"),
    "pool": lambda tr, of: tr("No render is in its pools"),
    "gpus": lambda tr, of: tr("No render has its GPUs"),
    "offline": lambda tr, of: tr("Its renders are offline"),
    "asleep": lambda tr, of: tr("Its renders are asleep"),
    "sick": lambda tr, of: tr("Its renders are sick"),
    "paused": lambda tr, of: tr("Its renders are paused"),
    "nimby": lambda tr, of: tr("Its renders are nimby"),
    "render_priority_zero": lambda tr, of: tr("Its renders: priority 0"),
    "pool_paused": lambda tr, of: tr("Its pool is paused"),
    "pool_priority_zero": lambda tr, of: tr("Its pool has priority 0"),
    "memory": lambda tr, of: tr("No render has the memory"),
    "disk": lambda tr, of: tr("No render has the disk space"),
    "gpu_memory": lambda tr, of: tr("No render has the GPU memory"),
    "cpu_cores": lambda tr, of: tr("No render has the cores"),
    "cpu_frequency": lambda tr, of: tr("No render is fast enough"),
    "cpu_frequency_cores": lambda tr, of: tr("No render is fast enough"),
    "capacity": lambda tr, of: tr("No render has the capacity"),
    "host_ticket": lambda tr, of: tr("Waits for a ticket {0}", of) if of else tr("Waits for a ticket"),
    "pool_ticket": lambda tr, of: tr("Waits for a ticket {0}", of) if of else tr("Waits for a ticket"),
    "avoided_by_block": lambda tr, of: tr("Avoids the free renders"),
    "priority_zero": lambda tr, of: tr("{0} has priority 0", _holder(tr, of)) if of else tr("It has priority 0"),
    "running_limit": lambda tr, of: tr("{0} is at its limit", _holder(tr, of)) if of else tr("It may run no task"),
    "block_limit": lambda tr, of: tr("Its blocks may run no task"),
    "per_host_zero": lambda tr, of: tr("{0} may run nowhere", _holder(tr, of)) if of else tr("It may run nowhere"),
    "rate": lambda tr, of: tr("{0} may start no task", _holder(tr, of)) if of else tr("It may start no task"),
    "tree_paused": lambda tr, of: tr("{0} is paused", _holder(tr, of)),
}
"""What each word of ``JobRow.held`` is called; of one that is not here nothing is known but that the job is ready."""


def _held(row: JobRow, tr: Callable[..., str]) -> str:
    """Return why a ready job runs nothing."""
    if row.pre:
        return tr("Waits for its commands")
    if not row.counts[TaskState.READY]:
        return tr("Nothing to do")  # the system job at rest
    say = _HELD.get(row.held)
    return tr("Ready to start") if say is None else say(tr, row.held_by)


def _holder(tr: Callable[..., str], of: str) -> str:
    kind, _, name = of.partition(" ")
    return tr("User {0}", name) if kind == "user" else tr("Branch {0}", name)


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
