"""Task states and flags as the classic dialect says them: a 64-bit mask, code words and a bar of 128 characters.

Rules of this file:
- This is the only place that knows the mask; nothing else of the farm does.
- Tables first; the functions below only look things up.
"""

from collections.abc import Iterable, Sequence
from functools import cache

from afcore.states import RenderState, TaskFlag, TaskState

__all__ = [
    "BAR_LENGTH",
    "Bit",
    "block_bits",
    "from_bits",
    "job_bits",
    "pool_state",
    "progress_bar",
    "render_state",
    "state_text",
    "to_bits",
]

BAR_LENGTH = 128
"""Characters of ``p_progressbar``."""


class Bit:
    """Bits of ``st``."""

    RDY = 1 << 0
    RUN = 1 << 1
    WDP = 1 << 2
    WTM = 1 << 3
    DON = 1 << 4
    ERR = 1 << 5
    STO = 1 << 6
    STE = 1 << 7
    SKP = 1 << 8
    OFF = 1 << 9
    WRN = 1 << 10
    PER = 1 << 11
    PBR = 1 << 12
    PSC = 1 << 13
    POST_FAILED = 1 << 14
    BAD_FILES = 1 << 15
    PPA = 1 << 16
    RER = 1 << 17
    WRC = 1 << 18
    TRY = 1 << 19
    SUS = 1 << 20
    PARSER_FATAL = 1 << 21


_WRITTEN = (
    "RDY", "RUN", "DON", "ERR", "SKP", "OFF", "WRN", "PER", "PBR", "PSC", "WDP", "WTM", "STO", "STE", "PPA", "RER",
    "WRC", "TRY", "SUS",
)  # fmt: skip
"""Codes in the order in which ``state`` holds them."""

_STATES: dict[TaskState, int] = {
    TaskState.WAIT_DEP: Bit.WDP,
    TaskState.READY: Bit.RDY,
    TaskState.RUNNING: Bit.RUN,
    TaskState.WAIT_RECONNECT: Bit.WRC,
    TaskState.DONE: Bit.DON,
    TaskState.SKIPPED: Bit.DON | Bit.SKP,
    TaskState.ERROR: Bit.ERR,
    TaskState.SUSPENDED: Bit.SUS,
}

_FLAGS: dict[TaskFlag, int] = {
    TaskFlag.WARNING: Bit.WRN,
    TaskFlag.PARSER_SUCCESS: Bit.PSC,
    TaskFlag.PARSER_ERROR: Bit.PER,
    TaskFlag.BAD_RESULT: Bit.PBR,
    TaskFlag.BAD_FILES: Bit.BAD_FILES,
    TaskFlag.POST_FAILED: Bit.POST_FAILED,
}

_READY_FLAGS: dict[TaskFlag, int] = {TaskFlag.RETRIED: Bit.RER, TaskFlag.TRY_NEXT: Bit.TRY}
"""Flags that mean something to the dialect while a task is ready."""

_FROM_BITS = (
    (Bit.SKP, TaskState.SKIPPED),
    (Bit.DON, TaskState.DONE),
    (Bit.RUN, TaskState.RUNNING),
    (Bit.WRC, TaskState.WAIT_RECONNECT),
    (Bit.ERR, TaskState.ERROR),
    (Bit.SUS, TaskState.SUSPENDED),
    (Bit.WDP, TaskState.WAIT_DEP),
    (Bit.RDY, TaskState.READY),
)
"""Which bit decides, first match: a mask may hold several, a task is in one state."""

_IMPORTANCE = " DUSGrTWRNYEC"
"""Letters of the bar by rising importance."""

_LETTERS: dict[TaskState, str] = {
    TaskState.WAIT_DEP: "W",
    TaskState.READY: "r",
    TaskState.RUNNING: "R",
    TaskState.WAIT_RECONNECT: "C",
    TaskState.DONE: "D",
    TaskState.SKIPPED: "S",
    TaskState.ERROR: "E",
    TaskState.SUSPENDED: "U",
}

_FLAGGED_LETTERS: tuple[tuple[TaskState, TaskFlag, str], ...] = (
    (TaskState.READY, TaskFlag.RETRIED, "Y"),
    (TaskState.READY, TaskFlag.TRY_NEXT, "T"),
    (TaskState.RUNNING, TaskFlag.WARNING, "N"),
    (TaskState.DONE, TaskFlag.WARNING, "G"),
)
"""Letters that a flag changes; the first that fits counts."""


def to_bits(state: int, flags: int) -> int:
    """Return the mask of a task in ``state`` with ``flags``."""
    bits = _STATES[TaskState(state)]
    for flag, bit in _FLAGS.items():
        if flags & flag:
            bits |= bit
    if state == TaskState.READY:
        for flag, bit in _READY_FLAGS.items():
            if flags & flag:
                bits |= bit
    return bits


def from_bits(bits: int) -> tuple[TaskState, TaskFlag]:
    """Return the state and the flags that a mask stands for; an empty mask is READY."""
    state = next((state for bit, state in _FROM_BITS if bits & bit), TaskState.READY)
    flags = TaskFlag(0)
    for flag, bit in [*_FLAGS.items(), *_READY_FLAGS.items()]:
        if bits & bit:
            flags |= flag
    return state, flags


@cache
def state_text(bits: int) -> str:
    """Return the code words of a mask, each after a space, in the order clients expect; empty for none."""
    return "".join(f" {word}" for word in _WRITTEN if bits & getattr(Bit, word))


def block_bits(counts: Sequence[int], *, running: int, waiting: bool, warnings: bool) -> int:
    """Return the mask of a block from its counters: what any of its tasks is, DON when all are."""
    bits = 0
    total = sum(counts)
    if total and counts[TaskState.DONE] + counts[TaskState.SKIPPED] == total:
        bits |= Bit.DON
    if waiting and not bits & Bit.DON:
        bits |= Bit.WDP
    elif counts[TaskState.READY]:
        bits |= Bit.RDY
    if running or counts[TaskState.RUNNING]:
        bits |= Bit.RUN
    if counts[TaskState.ERROR]:
        bits |= Bit.ERR
    if counts[TaskState.SKIPPED]:
        bits |= Bit.SKP
    if counts[TaskState.SUSPENDED]:
        bits |= Bit.SUS
    if warnings:
        bits |= Bit.WRN
    return bits


def job_bits(
    blocks: Iterable[int], *, offline: bool, waits_for_jobs: bool, waits_for_time: bool, waits_for_approval: bool
) -> int:
    """Return the mask of a job from those of its blocks: DON when all are, the rest when any is."""
    masks = list(blocks)
    bits = 0
    for mask in masks:
        bits |= mask & (Bit.RUN | Bit.WRN | Bit.SUS | Bit.ERR | Bit.RDY | Bit.SKP)
    if masks and all(mask & Bit.DON for mask in masks):
        bits |= Bit.DON
    if waits_for_jobs:
        bits |= Bit.WDP
    if waits_for_time:
        bits |= Bit.WTM
    if bits & (Bit.WDP | Bit.WTM):
        bits &= ~Bit.RDY
    if offline:
        bits |= Bit.OFF
    if waits_for_approval:
        bits |= Bit.PPA
    return bits


_RENDER_BITS = (
    (RenderState.NIMBY_USER, 2, "NbY"),
    (RenderState.NIMBY, 4, "NBY"),
    (RenderState.WOL_FALLING, 32, "WFL"),
    (RenderState.WOL_SLEEPING, 64, "WSL"),
    (RenderState.WOL_WAKING, 128, "WWK"),
    (RenderState.PAUSED, 256, "PAU"),
    (RenderState.SICK, 512, "SIC"),
)


def render_state(state: int, *, busy: bool, changed: bool) -> tuple[int, str]:
    """Return mask and code words of a render; ``changed`` when its capacity or slots are its own."""
    online = bool(state & RenderState.ONLINE)
    bits, text = (1, " ONL") if online else (0, " OFF")
    if busy:
        bits, text = bits | 8, text + " RUN"
    if changed:
        bits, text = bits | 16, text + " DRT"
    for flag, bit, word in _RENDER_BITS:
        if state & flag:
            bits, text = bits | bit, f"{text} {word}"
    return bits, text


def pool_state(*, busy: bool, paused: bool) -> tuple[int, str]:
    """Return mask and code words of a pool."""
    return busy | 2 * paused, (" RUN" if busy else "") + (" PAU" if paused else "")


_BY_STATE = sorted(
    ((_IMPORTANCE.index(letter), state) for state, letter in _LETTERS.items()),
    reverse=True,
)
_FLAG_MASK = 0
for _state, _flag, _letter in _FLAGGED_LETTERS:
    _FLAG_MASK |= _flag


def progress_bar(state: bytes | bytearray, flags: bytes | bytearray) -> str:
    """Return 128 characters, each the most important letter of its slice of the tasks; blanks without tasks.

    Costs a few searches per character in the columns, not a step per task; only slices that hold flags are looked
    through pair by pair (as a set).
    """
    size = len(state)
    if not size:
        return " " * BAR_LENGTH
    flagged = flags.count(0) != size
    if not flagged and state.count(state[0]) == size:
        return _LETTERS[TaskState(state[0])] * BAR_LENGTH
    if size <= BAR_LENGTH:
        own = [_letter_of_pairs(state[task : task + 1], flags[task : task + 1]) for task in range(size)]
        return "".join([own[place * size // BAR_LENGTH] for place in range(BAR_LENGTH)])
    letters: list[str] = []
    for place in range(BAR_LENGTH):
        first = place * size // BAR_LENGTH
        end = max(first + 1, (place + 1) * size // BAR_LENGTH)
        if flagged and flags.count(0, first, end) != end - first:
            letters.append(_letter_of_pairs(state[first:end], flags[first:end]))
        else:
            letters.append(_letter_of_states(state, first, end))
    return "".join(letters)


def _letter_of_states(state: bytes | bytearray, first: int, end: int) -> str:
    for rank, value in _BY_STATE:
        if state.find(value, first, end) >= 0:
            return _IMPORTANCE[rank]
    return " "


def _letter_of_pairs(state: bytes | bytearray, flags: bytes | bytearray) -> str:
    best = 0
    for value, flag in set(zip(state, flags)):
        letter = _LETTERS[TaskState(value)]
        if flag & _FLAG_MASK:
            for flagged_state, bit, other in _FLAGGED_LETTERS:
                if value == flagged_state and flag & bit:
                    letter = other
                    break
        best = max(best, _IMPORTANCE.index(letter))
    return _IMPORTANCE[best]
