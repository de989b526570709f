"""Failures: retries, avoided hosts, giving up, forgiving."""

from __future__ import annotations

import pytest

from afcore.commands import ChangeTasks, SetRenders, SetUsers
from afcore.events import HostForgiven, RunFinished, TasksGivenUp
from afcore.replay import recover
from afcore.states import RunStatus, TaskFlag
from tests.unit.afcore.plays import FarmPlay, block, job

FREE = {"errors_avoid_host": 0, "errors_task_same_host": 0}


def test_a_task_is_tried_once_more_than_its_retries(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1, errors_retries=2, **FREE)))
    farm.register(cores=1)
    for run in (1, 2, 3):
        (key,) = farm.solve()
        assert key.run == run
        farm.report(key, RunStatus.ERROR)
    assert farm.states(shot) == "E" and shot.blocks[0].tasks.errors[0] == 3
    assert not farm.core.wants_solve


def test_a_retried_task_carries_a_flag_until_it_starts(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1, **FREE)))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.PARSER_ERROR)
    assert shot.blocks[0].tasks.flags[0] == TaskFlag.RETRIED | TaskFlag.PARSER_ERROR
    farm.solve()
    assert shot.blocks[0].tasks.flags[0] == 0


def test_a_fatal_error_is_not_retried(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1, errors_retries=9, **FREE)))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.PARSER_FATAL)
    assert farm.states(shot) == "E"


@pytest.mark.parametrize(
    ("status", "state", "flag"),
    [
        (RunStatus.SUCCESS, "D", 0),
        (RunStatus.PARSER_SUCCESS, "D", TaskFlag.PARSER_SUCCESS),
        (RunStatus.POST_FAILED, "D", TaskFlag.POST_FAILED),
        (RunStatus.SKIPPED, "S", 0),
        (RunStatus.BAD_FILES, "E", TaskFlag.BAD_FILES),
        (RunStatus.PARSER_BAD_RESULT, "E", TaskFlag.BAD_RESULT),
        (RunStatus.KILLED, "E", 0),
        (RunStatus.FAILED_TO_START, "E", 0),
        (RunStatus.RENDER_LOST, "R", 0),
        (RunStatus.STOPPED, "R", 0),
    ],
)
def test_ends_and_what_they_make(farm: FarmPlay, status: RunStatus, state: str, flag: int) -> None:
    shot = farm.submit(job(block(first=1, last=1, errors_retries=0)))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key, status)
    assert farm.states(shot) == state
    assert shot.blocks[0].tasks.flags[0] == flag
    assert farm.outcome.runs[0]["status"] == status.name.lower()
    assert farm.outcome.runs[0]["error"] == status.is_error


def test_a_warning_stays_on_a_done_task(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1)))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key, warning=True)
    assert farm.states(shot) == "D" and shot.blocks[0].tasks.flags[0] == TaskFlag.WARNING


def test_a_task_that_ends_too_soon_has_failed(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1, task_min_run_time=10, errors_retries=0)))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key, duration=9.9)
    assert farm.states(shot) == "E" and farm.outcome.runs[0]["status"] == "too_short"
    farm.do(ChangeTasks(shot.id, "restart"))
    (key,) = farm.solve()
    farm.report(key, RunStatus.PARSER_SUCCESS, duration=9.9)
    assert farm.states(shot) == "D", "a parser that says so is believed"


def test_numbers_come_from_the_user_when_the_block_has_none(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1, **FREE)))
    farm.do(SetUsers(["anna"], {"errors_retries": 0}))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR)
    assert farm.states(shot) == "E"


def test_a_task_leaves_a_host_that_fails_it(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1, errors_task_same_host=1, errors_avoid_host=0)))
    farm.register("host1", cores=1)
    farm.register("host2", cores=1)
    (key,) = farm.solve()
    first = farm.core.farm.runs[key].render
    farm.report(key, RunStatus.ERROR)
    assert farm.states(shot) == "R"
    (key,) = farm.solve()
    assert farm.core.farm.runs[key].render != first


def test_with_nobody_left_to_try_a_task_is_an_error_at_once(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=3, errors_retries=9)))
    farm.register(cores=1)
    for _ in range(3):
        (key,) = farm.solve()
        assert key.task == 0
        farm.report(key, RunStatus.ERROR)
    assert farm.states(shot) == "ERR", "three errors on the only host: nobody is left"
    assert not shot.blocks[0].error_hosts, "the frame is to blame, not the host"
    farm.run_all()
    assert farm.states(shot) == "EDD", "one bad frame does not close the host to the others"


def test_a_render_that_cannot_take_the_block_is_no_hope(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1, errors_task_same_host=1, hosts_mask="host.*")))
    farm.register("host1", cores=1)
    farm.register("other", cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR)
    assert farm.states(shot) == "E"


def test_a_busy_or_nimby_render_is_hope_enough(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1, errors_task_same_host=1)))
    farm.register("host1", cores=1)
    farm.register("host2", cores=1)
    farm.do(SetRenders(["host2"], {"NIMBY": True}))
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR)
    assert farm.states(shot) == "R" and farm.solve() == []


def test_a_bad_host_is_avoided_by_the_block(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=6, errors_avoid_host=2, errors_task_same_host=0)))
    farm.register("good", cores=1)
    farm.register("bad", cores=1)
    bad = farm.core.farm.renders_by_name["bad"]
    for _ in range(20):
        started = farm.solve()
        for key in started:
            on_bad = farm.core.farm.runs[key].render == bad
            farm.report(key, RunStatus.ERROR if on_bad else RunStatus.SUCCESS)
    assert farm.states(shot) == "DDDDDD"
    assert shot.blocks[0].error_hosts[bad].count == 2
    assert recover(farm.core.snapshot(), []).digest() == farm.core.digest(), "a snapshot remembers bad hosts"


def test_a_task_left_without_a_host_by_another_one_is_given_up(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=3, errors_avoid_host=2, errors_task_same_host=1, errors_retries=9)))
    farm.do(ChangeTasks(shot.id, "suspend", tasks=[(0, 1)]))
    farm.register("a", cores=1)
    (last,) = farm.solve()
    farm.register("b", cores=1)
    farm.report(last, RunStatus.ERROR)  # task 2 avoids a, and has b left
    farm.do(SetRenders(["a"], {"NIMBY": True}))
    farm.do(ChangeTasks(shot.id, "continue"))
    (first,) = farm.solve()
    farm.report(first, RunStatus.ERROR)  # task 0 avoids b
    (second,) = farm.solve()
    assert [last.task, first.task, second.task] == [2, 0, 1]
    farm.report(second, RunStatus.ERROR)  # now the block avoids b: tasks 0 and 1 have a left, task 2 has none
    assert farm.last(TasksGivenUp) == TasksGivenUp(shot.id, 0, [2])
    assert farm.states(shot) == "RRE"
    assert shot.blocks[0].tasks.errors[2] == 1


def test_a_host_is_forgiven_after_a_while(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=2, errors_forgive_time=100, errors_task_same_host=1)))
    farm.register("host1", cores=1)
    farm.register("host2", cores=1)
    key, _ = farm.solve()
    render = farm.core.farm.runs[key].render
    farm.report(key, RunStatus.ERROR)
    deadline = farm.core.deadline()
    assert deadline is not None
    for host in list(farm.core.farm.renders.values()):
        host.seen = farm.at + 1000  # heard of all the time
    farm.tick(50)
    assert "HostForgiven" not in farm.names()
    farm.tick(60)
    assert farm.last(HostForgiven) == HostForgiven(shot.id, 0, render)
    assert not shot.blocks[0].error_hosts and not shot.blocks[0].task_error_hosts


def test_a_restart_by_hand_tries_every_host_again(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(first=1, last=1, errors_task_same_host=1)))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR)
    assert farm.states(shot) == "E"
    farm.do(ChangeTasks(shot.id, "restart"))
    (key,) = farm.solve()
    farm.report(key)
    assert farm.states(shot) == "D" and key.run == 2


def test_an_end_tells_what_was_before(farm: FarmPlay) -> None:
    farm.submit(job(block(first=1, last=1, **FREE)))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR)
    event = farm.last(RunFinished)
    assert (event.old_state, event.old_errors, event.errors, event.host_error) == (2, 1, 2, True)
