"""Random walks over the whole core: nothing lost, nothing doubled, the same farm after every crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim.walk import Walk, play

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 240
STEPS = 110
GROUPS = 8


@pytest.mark.parametrize("group", range(GROUPS))
def test_walks_keep_every_promise(group: int) -> None:
    """Play a share of the seeds; a failure names the line that plays it again."""
    for seed in range(group, SEEDS, GROUPS):
        try:
            play(seed, STEPS)
        except Exception as error:
            error.add_note(f"play it again: PYTHONPATH=. python -m tests.sim.walk {seed} {STEPS}")
            raise


def test_walks_go_everywhere() -> None:
    """The walks are worth their time: every event that can happen happens, and most commands are accepted."""
    from afcore.codec import decode_entries
    from afcore.events import FACTS

    seen: set[str] = set()
    refused = 0
    for seed in range(1000, 1030):
        walk = Walk(seed)
        walk.snapshot = lambda: None  # type: ignore[method-assign]
        for _ in range(250):
            walk.step()
        body = b"\xdd" + len(walk.journal).to_bytes(4, "big") + b"".join(walk.journal)
        seen.update(type(event).__name__ for entry in decode_entries(body) for event in entry.events)
        refused += walk.refused
    assert {kind.__name__ for kind in FACTS} - seen <= {"BranchDeleted", "TasksGivenUp"}
    assert refused > 0


def test_order_does_not_depend_on_hashing() -> None:
    """The same walk under several hash seeds ends in the same farm."""
    digests = set()
    for hash_seed in ("0", "1", "4242"):
        run = subprocess.run(
            [sys.executable, "-m", "tests.sim.walk", "7", "200"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(run.stdout.strip())
    assert len(digests) == 1
