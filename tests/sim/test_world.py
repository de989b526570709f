"""A thousand farms under a thousand seeds: real server, real agents, a bad network, and the history of it all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim.asks import missing
from tests.sim.mind import walk_minds
from tests.sim.tally import Tally

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 1000


def _start(*words: str, hash_seed: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.sim", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _output(child: subprocess.Popen[str]) -> str:
    output, errors = child.communicate()
    assert child.returncode == 0, errors
    return output


def test_everything_that_may_be_asked_is_asked() -> None:
    assert missing() == []


@pytest.mark.timeout(1800)
def test_a_thousand_worlds_keep_every_promise_and_everything_happens_in_them() -> None:
    """A failure names the line that plays its world again.  Both halves have a hash seed of their own."""
    halves = [
        _start(f"{first}:{first + SEEDS // 2}", "--json", hash_seed=str(first))
        for first in (0, SEEDS // 2)
    ]
    tally = Tally()
    try:
        tally.walk(walk_minds, range(100))
        for half in halves:
            tally.add(_output(half))
    finally:
        for half in halves:
            half.kill()
            half.wait()
    print("\n".join(tally.lines()))
    assert tally.worlds == SEEDS
    assert tally.compared > SEEDS
    assert tally.never() == []


def test_a_world_does_not_depend_on_hashing() -> None:
    """The same worlds under several hash seeds end as the same farms."""
    children = [_start("2000:2003", "--digests", hash_seed=each) for each in ("0", "1", "4242")]
    try:
        outputs = {_output(child) for child in children}
    finally:
        for child in children:
            child.kill()
            child.wait()
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) == 3
