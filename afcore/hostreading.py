"""Readings of a host leave out what was told already; here they are put together again."""

from typing import Any

__all__ = ["joined"]


def joined(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of a host after the reading ``now``: what it leaves out stays, of each of its GPUs too."""
    known, gpus = before.get("gpus"), now.get("gpus")
    if known and gpus and len(known) == len(gpus):
        now = {**now, "gpus": [{**old, **new} for old, new in zip(known, gpus, strict=True)]}
    return {**before, **now}
