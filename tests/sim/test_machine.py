"""Random walks over the core alone, without time to wait for: by seeds, and by Hypothesis, which makes them short."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from hypothesis.strategies import randoms, sampled_from

from tests.sim.asks import ASKS
from tests.sim.walk import Walk, play

SEEDS = 48
STEPS = 110
GROUPS = 2


@pytest.mark.parametrize("group", range(GROUPS))
def test_walks_keep_every_promise(group: int) -> None:
    """Play a share of the seeds; a failure names the line that plays it again."""
    for seed in range(group, SEEDS, GROUPS):
        try:
            play(seed, STEPS)
        except Exception as error:
            error.add_note(f"play it again: PYTHONPATH=. python -m tests.sim.walk {seed} {STEPS}")
            raise


class Machine(RuleBasedStateMachine):
    """A farm that Hypothesis does things to, one after the other; what fails is made as short as it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.walk = Walk(0)

    @initialize(dice=randoms(use_true_random=False))
    def begin(self, dice: random.Random) -> None:
        """Have something to do things to."""
        self.walk.dice = dice
        self.walk.submit()
        self.walk.register()

    @rule(kind=sampled_from(tuple(ASKS)), dice=randoms(use_true_random=False))
    def ask(self, kind: type, dice: random.Random) -> None:
        """Give any command that a person may give."""
        self.walk.dice = dice
        self.walk.ask(kind)

    @rule(
        what=sampled_from(("register", "lose", "leave", "solve", "work", "measure", "wait", "snapshot", "crash")),
        dice=randoms(use_true_random=False),
    )
    def machinery(self, what: str, dice: random.Random) -> None:
        """Let agents, timer and server do something."""
        self.walk.dice = dice
        getattr(self.walk, what)()

    def teardown(self) -> None:
        """Come to an end."""
        self.walk.dice = random.Random(0)
        self.walk.crash()
        self.walk.drain()


Machine.TestCase.settings = settings(
    max_examples=12, stateful_step_count=30, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
TestMachine = Machine.TestCase
