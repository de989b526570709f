"""A random walk over the agent's mind alone: every order of what server and processes may say, however unlikely.

Rules of this file:
- Only what can come is told: a process is told of where one was asked for, a report acknowledged where one is.
- After every word the mind's own rules hold, and no task has two processes.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from afcore.ids import RunKey
from afcore.states import RunStatus
from afnet.wire.messages import Acknowledge, Drop, Registered, Start, Stop
from afrender.agent import Agent
from afrender.states import LIVING, RunState
from afrender.stimuli import (
    Connected,
    Eject,
    Forget,
    Kill,
    Leave,
    Lost,
    ProcessExited,
    ProcessRefused,
    ProcessStarted,
    ProgressSeen,
    Spawn,
    Terminate,
    Tick,
    VerdictReached,
)
from tests.runspecs import run_spec

__all__ = ["Mind", "walk_minds"]

_TASKS = 3


class Mind:
    """One agent and everything around it, by dice."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.agent = Agent()
        self.at = 0.0
        self.asked: set[RunKey] = set()
        """Processes that were asked for and have not come to life."""
        self.alive: set[RunKey] = set()
        self.numbers = Counter[int]()

    def tell(self, stimulus: Any) -> None:
        """Tell the agent something, and take note of what it asks for."""
        for action in self.agent.receive(stimulus, self.at):
            if isinstance(action, Spawn):
                run = action.run
                key = RunKey(run.job, run.block, run.task, run.run)
                assert not any(other.task == key.task for other in self.asked | self.alive), "two processes of a task"
                self.asked.add(key)
            elif isinstance(action, Terminate | Kill):
                assert action.key in self.alive, f"{action} is of no process"
            elif isinstance(action, Forget):
                assert not self.alive.intersection(action.keys), "a living run was forgotten"
        assert self.agent.check() == []
        deadline = self.agent.deadline()
        assert not isinstance(stimulus, Tick) or deadline is None or deadline > self.at, "it rings and rings"

    def step(self) -> None:
        """Let one thing happen."""
        dice, agent = self.dice, self.agent
        self.at += dice.choice((0.0, 0.1, 1.0, 7.0))
        runs = sorted(agent.runs)
        key = dice.choice(runs) if runs else RunKey(1, 0, 0, 1)
        what = dice.randrange(16)
        if what < 3:
            task = dice.randrange(_TASKS)
            self.numbers[task] += dice.choice((1, 1, 1, 0))
            self.tell(Start([run_spec(1, 0, task, max(1, self.numbers[task]), user_name=dice.choice(("anna", "ben")))]))
        elif what < 5 and self.asked:
            key = dice.choice(sorted(self.asked))
            self.asked.discard(key)
            if dice.random() < 0.4:
                self.tell(ProcessRefused(key, RunStatus.FAILED_TO_START, "no", 1.0))
            else:
                self.alive.add(key)
                self.tell(ProcessStarted(key, 1, 1.0))
        elif what < 7 and self.alive:
            key = dice.choice(sorted(self.alive))
            self.alive.discard(key)
            self.tell(ProcessExited(key, RunStatus.SUCCESS, 0))
        elif what == 7:
            self.tell(Stop(*dice.choice((key, RunKey(9, 9, 9, 9)))))
        elif what == 8:
            self.tell(Drop([tuple(dice.choice((key, key, RunKey(9, 9, 9, 9))))]))
        elif what == 9:
            self.tell(Acknowledge([tuple(key)]))
        elif what == 10:
            self.tell(VerdictReached(key, RunStatus.PARSER_ERROR))
        elif what == 11:
            self.tell(ProgressSeen(key))
        elif what == 12:
            self.tell(dice.choice((Lost(), Connected(dice.choice(("farm", "farm", "farm", "other"))))))
        elif what == 13:
            times = {"heartbeat": dice.choice((0.0, 5.0)), "zombie_time": dice.choice((0.0, 60.0))}
            self.tell(Registered(dice.choice((1, 1, 2)), **times, exit_no_task_time=dice.choice((0.0, 0.0, 20.0))))
        elif what == 14:
            self.tell(Tick())
        elif dice.random() < 0.3:
            self.tell(dice.choice((Eject(), Eject("ben"), Leave("enough"))))

    def finish(self) -> None:
        """Let everything end: nothing stays that waits for nobody."""
        self.tell(Leave("over"))
        while self.asked or self.alive:
            for key in sorted(self.asked):
                self.asked.discard(key)
                self.alive.add(key)
                self.tell(ProcessStarted(key, 1, 1.0))
            for key in sorted(self.alive):
                self.alive.discard(key)
                self.tell(ProcessExited(key, RunStatus.KILLED, -9))
        assert not any(state in LIVING or state is RunState.WAITING for state in self.agent.runs.values())
        self.tell(Acknowledge([tuple(key) for key in self.agent.runs]))
        assert self.agent.runs == {}


def walk_minds(seeds: range, steps: int = 60) -> None:
    """Walk many minds."""
    for seed in seeds:
        mind = Mind(seed)
        for _ in range(steps):
            mind.step()
        mind.finish()
