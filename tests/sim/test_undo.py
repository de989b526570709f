"""Taking back: an operation and its undo leave the farm as it was, for every operation that is called undoable."""

from __future__ import annotations

from typing import Any

import pytest

from afcore import commands
from afcore.outcome import Outcome
from afcore.states import TaskState
from afcore.undo import UNDOABLE
from tests.sim.walk import Walk

SEEDS = 36
STEPS = 120
GROUPS = 3


class UndoWalk(Walk):
    """A walk on which every order that can be taken back is taken back, and half of them are given again."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.taken_back: set[type] = set()

    def do(self, command: Any) -> Outcome | None:
        if type(command) is commands.UndoOperation:
            return None
        if type(command) not in UNDOABLE:
            return super().do(command)
        before = self.core.digest()
        outcome = super().do(command)
        change = self.core.undo.find(f"order-{self.orders}", "")
        if outcome is None or change is None:
            assert outcome is None or self.core.digest() == before or outcome.effects, "a change was not remembered"
            return outcome
        undone = super().do(commands.UndoOperation(f"order-{self.orders}"))
        assert undone is not None
        if not change.stops and not change.lost:
            assert undone.reply["left"] == []
            assert self.core.digest() == before, f"{command} was not taken back whole"
            self.taken_back.add(type(command))
        else:
            assert any("cannot be taken back" in each for each in undone.reply["left"])
        return super().do(command) if self.dice.random() < 0.5 else outcome

    def rare(self) -> None:
        """Give the orders that a walk seldom finds a use for."""
        self.do(commands.ChangePoolServices(["/"], "add", f"service{self.orders}"))
        self.do(commands.SetUsers(["anna"], {"max_running_tasks": self.dice.randint(5, 90)}))
        renders, jobs = sorted(self.core.farm.renders_by_name), sorted(self.core.farm.jobs)
        if renders:
            name = self.dice.choice(renders)
            self.do(commands.ChangeRenderServices([name], "disable", "generic"))
            self.do(commands.SetRenders([name], {"capacity_host": 4000}))
            self.do(commands.RestoreRenders([name]))
            self.do(commands.AddPool("/rare"))
            self.do(commands.MoveRenders([name], "/rare"))
            self.do(commands.SetBranches(["/"], {"max_running_tasks": self.dice.randint(5, 90)}))
        if jobs:
            job = self.dice.choice(jobs)
            self.do(commands.PauseJobs([job]))
            self.do(commands.MoveJobs([job], "top"))
            self.do(commands.MoveJobs([job], "bottom"))
            farm = self.core.farm
            alike = [id for id in jobs if (farm.jobs[id].user, farm.jobs[id].priority) ==
                     (farm.jobs[job].user, farm.jobs[job].priority) and id != job and not farm.jobs[id].deleting]
            if alike and not farm.jobs[job].deleting:
                self.do(commands.MoveJobs([job], "after", alike[0]))
            ready = [(id, block.index, block.tasks.state.find(TaskState.READY)) for id in jobs
                     for block in farm.jobs[id].blocks]
            for of, block, task in [each for each in ready if each[2] >= 0][:1]:
                self.do(commands.TryNext(of, [block], [(task, task)]))
            self.do(commands.StartJobs([job]))
            self.do(commands.RestartJobs([job], "done"))
            self.do(commands.StopJobs([next((id for id in jobs if not self.core.farm.jobs[id].running_tasks), job)]))
            failed = [id for id in jobs if any(block.error_hosts for block in self.core.farm.jobs[id].blocks)]
            self.do(commands.ResetErrorHosts(self.dice.choice(failed or jobs)))


@pytest.mark.parametrize("group", range(GROUPS))
def test_operation_and_undo_leave_the_same_farm(group: int) -> None:
    for seed in range(group, SEEDS, GROUPS):
        walk = UndoWalk(seed)
        try:
            for _ in range(STEPS):
                walk.step()
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise


def test_every_undoable_operation_is_taken_back_somewhere() -> None:
    seen: set[type] = set()
    for seed in range(2000, 2010):
        walk = UndoWalk(seed)
        for number in range(150):
            walk.step()
            if number % 10 == 9:
                walk.rare()
        seen |= walk.taken_back
    assert UNDOABLE - seen <= {commands.HealRenders}, "of that one tells tests/unit/afcore/test_undo.py"
