"""Times on an axis: where its ticks stand, and how they and a cursor are written; no Qt."""

from __future__ import annotations

from datetime import datetime

__all__ = ["SPANS", "span_text", "tag_text", "time_ticks"]

SPANS = ((600, "10 min"), (3600, "1 h"), (43200, "12 h"), (86400, "24 h"), (604800, "7 d"), (2592000, "30 d"))
"""Spans that can be chosen: seconds, and what the button says."""

_STEPS = (
    5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000,
)  # fmt: skip


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at).astimezone()


def time_ticks(since: float, until: float, most: int) -> list[tuple[float, str]]:
    """Return at most about ``most`` round times of a span with their texts."""
    wanted = (until - since) / max(1, most)
    step = next((each for each in _STEPS if each >= wanted), _STEPS[-1])
    offset = _local(since).utcoffset()
    shift = offset.total_seconds() if offset is not None else 0.0
    first = -(-(since + shift) // step) * step - shift
    found: list[tuple[float, str]] = []
    at = first
    while at <= until and len(found) < 200:
        there = _local(at)
        if step >= 86400 or (there.hour == there.minute == 0 and step >= 60):
            text = f"{there.day} {there:%b}"
        else:
            text = f"{there:%H:%M:%S}" if step < 60 else f"{there:%H:%M}"
        found.append((at, text))
        at += step
    return found


def tag_text(at: float, span: float) -> str:
    """Return the time under a cursor: with the day where the span is of days, with seconds where it is short."""
    there = _local(at)
    clock = f"{there:%H:%M:%S}" if span <= 3600 else f"{there:%H:%M}"
    return clock if span <= 43200 else f"{there.day} {there:%b} {clock}"


def span_text(since: float, until: float) -> str:
    """Return a span in words: ``21 Nov, 02:48 – 14:48``."""
    first, last = _local(since), _local(until)
    if first.date() == last.date():
        return f"{first.day} {first:%b}, {first:%H:%M} – {last:%H:%M}"
    return f"{first.day} {first:%b} {first:%H:%M} – {last.day} {last:%b} {last:%H:%M}"
