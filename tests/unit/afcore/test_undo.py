"""Taking back what was done: what is restored, what is left alone, who may, and for how long."""

from __future__ import annotations

import pytest

from afcore import commands
from afcore.commands import ChangeTasks, HealRenders, PauseJobs, RestartJobs, SetJobs, UndoOperation
from afcore.envelope import Envelope, Principal
from afcore.errors import Conflict, NotAllowed, NotFound
from afcore.outcome import Outcome
from afcore.states import Role, RunStatus, TaskState
from afcore.undo import AGE, UNDOABLE, UndoLog
from afnet.registry import OPERATIONS
from tests.unit.afcore.plays import FarmPlay, block, job

ANNA = Principal("anna", Role.USER)
BEN = Principal("ben", Role.USER)
GOD = Principal("gina", Role.GOD)


def test_what_the_registry_calls_undoable_is_remembered() -> None:
    assert {each.command for each in OPERATIONS.values() if each.undoable} == UNDOABLE


def test_restarted_tasks_get_back_what_they_had(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=4, errors_retries=0)))
    farm.register("host1", cores=4)
    first, *others = farm.solve()
    farm.report(first, RunStatus.ERROR)
    for key in others:
        farm.report(key)
    before, errors = farm.core.digest(), list(shot.blocks[0].tasks.errors)
    farm.do(RestartJobs([shot.id]), ANNA)
    assert farm.states(shot) == "RRRR"
    reply = farm.do(UndoOperation(), ANNA).reply
    assert reply == {"restored": 4, "left": []}
    assert farm.core.digest() == before
    assert list(shot.blocks[0].tasks.errors) == errors


def test_what_went_on_since_is_left_alone(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=4)))
    farm.do(ChangeTasks(shot.id, "skip"), ANNA)
    farm.do(RestartJobs([shot.id]), ANNA)
    farm.register("host1", cores=1)
    (key,) = farm.solve()
    reply = farm.do(UndoOperation(), ANNA).reply
    assert reply["restored"] == 3
    assert reply["left"] == ['1 tasks of block "frames" were changed since']
    assert farm.states(shot) == "*SSS"
    farm.report(key)
    assert shot.time_done, "the job is over when the task that was left alone is"


def test_a_parameter_that_somebody_changed_since_stays(farm: FarmPlay) -> None:
    shot = farm.submit()
    farm.do(SetJobs([shot.id], {"priority": 120, "annotation": "soon"}), ANNA)
    farm.do(SetJobs([shot.id], {"priority": 7}), GOD)
    reply = farm.do(UndoOperation(), ANNA).reply
    assert (shot.priority, shot.annotation) == (7, "")
    assert reply == {"restored": 1, "left": ['priority of job "shot" was changed since']}


def test_only_who_did_it_and_god_take_it_back(farm: FarmPlay) -> None:
    shot = farm.submit()
    at = farm.at + 1
    envelope = Envelope(PauseJobs([shot.id]), ANNA, at, initiator="a-1")
    farm.core.apply(envelope)
    farm.entries.clear()
    with pytest.raises(NotAllowed, match="anna did this"):
        farm.do(UndoOperation("a-1"), BEN)
    with pytest.raises(NotFound, match="nothing"):
        farm.do(UndoOperation(), BEN)
    farm.do(UndoOperation("a-1"), GOD)
    assert not shot.offline
    with pytest.raises(Conflict, match="already"):
        farm.do(UndoOperation("a-1"), GOD)
    farm.entries.clear()


def test_after_an_hour_it_stands(farm: FarmPlay) -> None:
    shot = farm.submit()
    farm.do(PauseJobs([shot.id]), ANNA)
    farm.at += AGE
    with pytest.raises(Conflict, match="hour"):
        farm.do(UndoOperation(), ANNA)
    assert shot.offline


def test_a_healed_render_is_sick_again(farm: FarmPlay) -> None:
    farm.do(commands.SetPools(["/"], {"sick_errors_count": 1}))
    farm.submit(job(block(first=1, last=2, errors_avoid_host=99)))
    host = farm.register("host1", cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR)
    assert host.failed_users
    before = farm.core.digest()
    farm.do(HealRenders(["host1"]), GOD)
    assert not host.failed_users
    farm.do(UndoOperation(), GOD)
    assert farm.core.digest() == before


def test_whose_tasks_failed_is_known_again_though_the_render_never_was_sick(farm: FarmPlay) -> None:
    farm.do(commands.SetPools(["/"], {"sick_errors_count": 2}))
    farm.submit(job(block(first=1, last=4, errors_avoid_host=99, errors_task_same_host=99)))
    host = farm.register("host1", cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR)
    before = farm.core.digest()
    farm.do(commands.SetRenders(["host1"], {"NIMBY": True}), GOD)
    assert not host.failed_users
    farm.do(UndoOperation(), GOD)
    assert farm.core.digest() == before and len(host.failed_users) == 1


def test_the_log_is_bounded(farm: FarmPlay) -> None:
    shot = farm.submit()
    log = UndoLog()
    for number in range(1010):
        who = Envelope(PauseJobs([shot.id]), ANNA, farm.at, initiator=f"x-{number}")
        log.begin(who)
        change = log._now
        assert change is not None
        change.orders[shot.user] = ([shot.id], [])
        log.end(farm.core.farm)
    assert log.find("x-9", "anna") is None
    assert log.find("", "anna") is log.find("x-1009", "anna")
    assert Outcome().reply is None and farm.count(shot, TaskState.READY) == 3
