"""Every row of the transition table happens on a farm, and nothing that is not in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from afcore.commands import AcceptRestart, ChangeTasks
from afcore.errors import Bug
from afcore.ids import RunKey
from afcore.model.job import Job
from afcore.rules.transitions import ACTIONS, APPLIES, TABLE, Happening, after
from afcore.states import LIVE_STATES, RunStatus, TaskState
from tests.unit.afcore.plays import FarmPlay, block, job

S = TaskState
H = Happening


class Stage:
    """A job whose second block's only task is brought into a wanted state."""

    def __init__(self, farm: FarmPlay) -> None:
        self.farm = farm
        self.job: Job = farm.submit(job(block("a", 1, 1), block("b", 1, 1, tasks_depend_mask="a")))
        self.key = RunKey(self.job.id, 1, 0, 1)

    @property
    def state(self) -> TaskState:
        """The state of the task."""
        return TaskState(self.job.blocks[1].tasks.state[0])

    def change(self, action: str, block: int = 1) -> None:
        """Let a person act on it."""
        self.farm.do(ChangeTasks(self.job.id, action, [block]))

    def bring(self, state: TaskState) -> None:
        """Bring it into a state."""
        if state is S.WAIT_DEP:
            return
        self.change("skip", 0)
        if state is S.READY:
            return
        if state in (S.DONE, S.SKIPPED, S.SUSPENDED):
            self.change({S.DONE: "done", S.SKIPPED: "skip", S.SUSPENDED: "suspend"}[state])
            return
        self.farm.register(cores=1)
        assert self.farm.solve() == [self.key]
        if state is S.ERROR:
            self.farm.report(self.key, RunStatus.PARSER_FATAL)
        elif state is S.WAIT_RECONNECT:
            self.farm.do(AcceptRestart())
        assert self.state is state

    def happen(self, what: Happening) -> None:
        """Let something happen to it."""
        if what in ACTIONS.values():
            before = self.state
            self.change(what.value)
            if before in LIVE_STATES:
                assert self.state is before, "its process may live"
                self.farm.report(self.key, RunStatus.STOPPED)
            return
        ends: dict[Happening, Callable[[], object]] = {
            H.RELEASED: lambda: self.change("skip", 0),
            H.HELD: lambda: self.change("restart", 0),
            H.STARTED: lambda: (self.farm.register(cores=1), self.farm.solve()),
            H.SUCCEEDED: lambda: self.farm.report(self.key),
            H.FOUND_DONE: lambda: self.farm.report(self.key, RunStatus.SKIPPED),
            H.FAILED: lambda: (self.farm.register("other"), self.farm.report(self.key, RunStatus.ERROR)),
            H.GAVE_UP: lambda: self.farm.report(self.key, RunStatus.PARSER_FATAL),
            H.RETURNED: lambda: self.farm.report(self.key, RunStatus.NEVER_STARTED),
            H.SERVER_RESTARTED: lambda: self.farm.do(AcceptRestart()),
            H.BROUGHT_BACK: lambda: self.farm.register(cores=1, running=[self.key]),
        }
        ends[what]()


@pytest.mark.parametrize(("state", "what"), list(TABLE), ids=lambda value: value.name)
def test_every_row_happens(farm: FarmPlay, state: TaskState, what: Happening) -> None:
    stage = Stage(farm)
    stage.bring(state)
    assert stage.state is state
    stage.happen(what)
    expected = TABLE[state, what]
    if state is S.WAIT_DEP and expected is S.READY and what is H.RESTART:
        expected = S.WAIT_DEP  # it is ready as far as it is concerned, and still waits for the other block
    assert stage.state is expected


@pytest.mark.parametrize("action", list(ACTIONS))
@pytest.mark.parametrize("state", list(TaskState), ids=lambda state: state.name)
def test_actions_leave_alone_what_they_do_not_apply_to(farm: FarmPlay, state: TaskState, action: str) -> None:
    if state in APPLIES[ACTIONS[action]]:
        return
    stage = Stage(farm)
    stage.bring(state)
    stage.change(action)
    assert stage.state is state
    assert farm.outcome.reply == {"tasks": 0, "stopping": 0}


def test_what_is_not_in_the_table_is_a_bug() -> None:
    with pytest.raises(Bug, match="A task that is DONE cannot be started"):
        after(S.DONE, H.STARTED)
