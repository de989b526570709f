"""Big tasks among small ones that never stop coming: what keeping renders for them costs, and how long they wait.

The feed is that of ``tests/unit/afcore/test_starving.py``, for longer: 80 slots, small tasks of 8 to 300 seconds always
waiting, a task that needs a whole render every two minutes.  Core and virtual time alone.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness import Target
from tests.unit.afcore.test_starving import LONGEST, Feed

NAME = "big tasks among small ones that never stop coming"
TARGETS = (
    Target("loss_percent", most=3.0),
    Target("longest_wait_by_limit", most=2.0),
)
SEED, SECONDS, EVERY = 7, 12_000.0, 120.0


def run(folder: Path) -> dict[str, float]:
    """Measure once; a wait beyond its bound ends it with an error."""
    without = Feed(SEED).play(SECONDS)
    feed = Feed(SEED)
    share = feed.play(SECONDS, big_every=EVERY)
    return {
        "loss_percent": 100 * (without - share),
        "used_percent": 100 * share,
        "big_tasks": float(len(feed.waits)),
        "mean_wait_s": sum(feed.waits) / len(feed.waits),
        "longest_wait_s": max(feed.waits),
        "longest_wait_by_limit": max(feed.waits) / LONGEST,
    }
