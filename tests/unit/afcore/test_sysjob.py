"""The system job: commands wait, run, are tried again, leave, and none is lost."""

from __future__ import annotations

import pytest

from afcore.commands import (
    AcceptRestart,
    AppendBlocks,
    ChangeTasks,
    DeleteJobs,
    MoveJobs,
    PauseJobs,
    RestartJobs,
    SetBlocks,
    SetJobs,
    StartJobs,
    StopJobs,
    UndoOperation,
)
from afcore.core import Core
from afcore.envelope import Principal
from afcore.errors import BadSpec, Conflict, NotAllowed
from afcore.events import JobPrepared, SystemTaskLeft, TasksGivenUp
from afcore.ids import RunKey
from afcore.jobspec import JobSpec
from afcore.model.defaults import Defaults
from afcore.model.job import Job
from afcore.model.system import LAST_RUN
from afcore.replay import recover
from afcore.runspec import run_fields
from afcore.states import Role, RunStatus, TaskState
from afcore.systemcommand import SYSTEM_JOB, SystemBlock
from afcore.views import job_row, job_word, run_row, task_rows
from tests.unit.afcore.plays import FarmPlay, block, job

POST, WOL, EVENTS = SystemBlock


def found(farm: FarmPlay) -> Job:
    """Let the server start; return the system job."""
    farm.do(AcceptRestart())
    return farm.core.farm.jobs[SYSTEM_JOB]


def delete(farm: FarmPlay, count: int, *, user: str = "anna", command: str = "rm scene") -> None:
    """Submit and delete jobs with a post command each."""
    for number in range(count):
        shot = farm.submit(job(name=f"s{number}", user=user, command_post=f"{command}{number}", offline=True))
        farm.do(DeleteJobs([shot.id]))


def waiting(farm: FarmPlay) -> list[str]:
    """Return the commands that have no task."""
    return [command.command for command in farm.core.farm.system[POST].waiting]


def tasks(farm: FarmPlay) -> dict[int, str]:
    """Return the commands that have one."""
    return {slot: task.command.command for slot, task in farm.core.farm.system[POST].tasks.items()}


def test_it_is_made_with_the_farm(farm: FarmPlay) -> None:
    system = found(farm)
    assert (system.id, system.name, farm.core.farm.users[system.user].name) == (1, "afanasy", "afadmin")
    names = ["post_commands", "wake-on-lan", "events"]
    assert [each.spec.name for each in system.blocks] == names
    assert [each.spec.service for each in system.blocks] == ["postcmd", "wakeonlan", "events"]
    for each in system.blocks:
        spec = each.spec
        assert (spec.task_max_run_time, spec.errors_avoid_host, spec.errors_task_same_host) == (60, 3, 1)
        assert (spec.errors_retries, spec.errors_forgive_time, spec.capacity) == (9, 600, 1000)
    assert job_word(system) == "ready" and not system.time_done
    assert farm.submit().id == 2
    farm.do(AcceptRestart())
    assert "JobSubmitted" not in farm.names()


def test_nobody_waits_for_it(farm: FarmPlay) -> None:
    found(farm)
    shot = farm.submit(job(user="afadmin", depend_mask=".*", depend_mask_global="afanasy"))
    assert shot.waits_for == set()


def test_services_come_from_the_configuration(farm: FarmPlay) -> None:
    system = found(farm)
    farm.do(SetBlocks(1, [POST], {"service": "mine"}))
    farm.core.farm.defaults = Defaults(system_services=("postcmd", "wakeonlan", "events_local"))
    farm.do(AcceptRestart())
    # What somebody edited by hand stays as long as the configuration says what it said before.
    assert [each.spec.service for each in system.blocks] == ["mine", "wakeonlan", "events_local"]


def test_post_commands_of_job_and_blocks_run_in_the_owners_name(farm: FarmPlay) -> None:
    found(farm)
    spec = job(
        block("one", command_post="rm -r /tmp/x", working_directory="/prj/one", environment={"A": "1"}),
        block("two", command_post="  "),
        user="bob",
        command_post="rm scene.ma",
    )
    shot = farm.submit(spec)
    render = farm.register(cores=8)
    farm.do(DeleteJobs([shot.id]))
    keys = farm.solve()
    assert [key[:3] for key in keys] == [(1, POST, 0), (1, POST, 1)]
    first, second = (run_fields(farm.core.farm, key) for key in keys)
    assert (first["task_command"], first["user_name"], first["job_name"]) == ("rm scene.ma", "bob", "shot")
    assert (first["task_name"], first["service"], first["working_directory"]) == ("rm", "postcmd", "/prj/one")
    assert (second["task_command"], second["environment"]) == ("rm -r /tmp/x", {"A": "1", "AF_USERNAME": "bob"})
    assert run_row(farm.core.farm, farm.core.farm.runs[keys[0]]).user == "bob"
    for key in keys:
        farm.report(key)
    assert [row["username"] for row in farm.outcome.runs] == ["bob"]
    queue = farm.core.farm.system[POST]
    assert (queue.done, queue.errors, queue.tasks, len(render.runs)) == (2, 0, {}, 0)
    assert task_rows(farm.core.farm, 1, POST)[0].name == ""


def test_a_job_deleted_with_nothing_to_do_afterwards_makes_no_work(farm: FarmPlay) -> None:
    found(farm)
    shot = farm.submit()
    farm.do(DeleteJobs([shot.id]))
    assert farm.names() == ["JobDeletionRequested", "JobDeleted"]


def test_commands_wait_beyond_one_new_task_and_are_run_in_order(farm: FarmPlay) -> None:
    system = found(farm)
    delete(farm, 5)
    assert tasks(farm) == {0: "rm scene0"} and len(waiting(farm)) == 4
    assert job_row(farm.core.farm, system).blocks[POST].queued == 4
    farm.register(cores=2)
    order = []
    while True:
        keys = farm.solve()
        if not keys:
            break
        assert len(keys) <= 2
        order.extend(run_fields(farm.core.farm, key)["task_command"] for key in keys)
        for key in keys:
            farm.report(key)
    assert order == [f"rm scene{number}" for number in range(5)]
    assert system.blocks[POST].tasks.size == 1, "what has ended left the table"


def test_more_than_the_most_tasks_wait_and_none_is_lost(farm: FarmPlay) -> None:
    found(farm)
    farm.core.farm.defaults = Defaults(system_tasksmax=2)
    delete(farm, 5)
    farm.register(cores=8)
    done = []
    while keys := farm.solve():
        assert len(keys) <= 2 and len(tasks(farm)) <= 2
        done.extend(keys)
        for key in keys:
            farm.report(key)
    assert len(done) == 5 and farm.core.farm.system[POST].done == 5


def test_nothing_is_lost_over_a_crash_or_a_restart(farm: FarmPlay) -> None:
    found(farm)
    delete(farm, 3)
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.crash()
    assert tasks(farm) == {0: "rm scene0", 1: "rm scene1"} and waiting(farm) == ["rm scene2"]
    farm.register(cores=1, instance="a", running=[key])
    farm.report(key)
    farm.crash()
    farm.register(cores=4)
    farm.run_all()
    assert farm.core.farm.system[POST].done == 3


def test_the_queue_is_in_the_snapshot(farm: FarmPlay) -> None:
    found(farm)
    delete(farm, 3)
    core = recover(farm.core.snapshot(), [])
    assert core.digest() == farm.core.digest()
    assert [each.command for each in core.farm.system[POST].waiting] == ["rm scene1", "rm scene2"]


def test_a_failing_command_is_tried_elsewhere_and_deleted_when_nobody_is_left(farm: FarmPlay) -> None:
    found(farm)
    delete(farm, 1)
    for name in ("a", "b"):
        farm.register(name, cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR)
    assert farm.core.farm.system[POST].tasks[0].since > 0
    (again,) = farm.solve()
    assert again[:3] == key[:3] and again.run == key.run + 1
    farm.report(again, RunStatus.ERROR)
    left = farm.last(SystemTaskLeft)
    assert not left.succeeded and tasks(farm) == {}
    assert (farm.core.farm.system[POST].errors, farm.solve()) == (1, [])


def test_retries_that_are_spent_end_a_command(farm: FarmPlay) -> None:
    found(farm)
    farm.do(SetBlocks(1, [POST], {"errors_task_same_host": 0, "errors_avoid_host": 0, "errors_retries": 2}))
    delete(farm, 1)
    farm.register(cores=1)
    for _ in range(3):
        (key,) = farm.solve()
        farm.report(key, RunStatus.ERROR)
    assert tasks(farm) == {} and farm.solve() == []


def test_what_is_tried_again_goes_before_what_is_new(farm: FarmPlay) -> None:
    found(farm)
    delete(farm, 4)
    farm.do(SetBlocks(1, [POST], {"errors_task_same_host": 0, "errors_avoid_host": 0}))
    farm.register(cores=3)
    keys = farm.solve()
    assert len(keys) == 3 and len(tasks(farm)) == 4
    farm.report(keys[0])  # slot 0 is free now, behind nothing that waits
    farm.solve()
    farm.report(keys[1], RunStatus.ERROR)
    delete(farm, 1, command="new")
    assert tasks(farm)[4] == "new0", "it is put behind the task that is tried again"
    (next_one,) = farm.solve()
    assert next_one.task == 1


def test_age_ends_a_command_that_was_tried_but_no_other(farm: FarmPlay) -> None:
    found(farm)
    delete(farm, 2)
    farm.tick(5000)
    assert len(tasks(farm)) == 1 and len(waiting(farm)) == 1, "without a render nothing is tried and nothing ages"
    farm.register("a", cores=1)
    farm.register("b", cores=1)
    (first, second) = farm.solve()
    farm.report(first, RunStatus.ERROR)
    farm.report(second)
    since = farm.core.farm.system[POST].tasks[first.task].since
    farm.do(PauseJobs([1]))
    farm.crash()
    deadline = farm.core.deadline()
    assert deadline is not None and deadline <= since + 1800
    farm.tick(1790 - (farm.at - since))
    assert len(tasks(farm)) == 1
    farm.tick(20)
    assert farm.last(TasksGivenUp).tasks == [first.task] and tasks(farm) == {}


def test_too_old_while_it_runs_ends_when_it_comes_back(farm: FarmPlay) -> None:
    found(farm)
    farm.do(SetBlocks(1, [POST], {"task_max_run_time": 0, "errors_task_same_host": 0}))
    delete(farm, 1)
    farm.register("a", cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR)
    (again,) = farm.solve()
    farm.tick(1900)
    farm.register("a", instance="a", cores=1, running=[again])
    if again in farm.core.farm.runs:
        farm.report(again, RunStatus.ERROR)
    assert tasks(farm) == {}


@pytest.mark.parametrize(
    "command", [RestartJobs([1]), ChangeTasks(1, "restart"), ChangeTasks(1, "restart", [0], [(0, 0)])]
)
def test_a_restart_resets_the_queue(farm: FarmPlay, command: RestartJobs | ChangeTasks) -> None:
    found(farm)
    delete(farm, 4)
    farm.register("a", cores=1)
    (key,) = farm.solve()
    farm.do(command)
    assert waiting(farm) == [] and list(tasks(farm)) == [key.task]
    farm.report(key, RunStatus.STOPPED)
    assert tasks(farm) == {} and farm.solve() == []
    assert farm.core.farm.system[POST].errors == 4


def test_what_a_reset_forgot_cannot_be_taken_back(farm: FarmPlay) -> None:
    found(farm)
    delete(farm, 3)
    who = Principal("root", Role.GOD)
    farm.do(RestartJobs([1]), who)
    reply = farm.do(UndoOperation(), who).reply
    assert reply == {
        "restored": 0,
        "left": ["3 commands of the system job were forgotten: that cannot be taken back"],
    }


def test_single_tasks_can_be_ended(farm: FarmPlay) -> None:
    found(farm)
    delete(farm, 2)
    farm.do(ChangeTasks(1, "skip", [POST], [(0, 0)]))
    assert tasks(farm) == {0: "rm scene1"}


def test_stop_and_pause_lose_nothing(farm: FarmPlay) -> None:
    found(farm)
    delete(farm, 2)
    farm.register("a", cores=1)
    (key,) = farm.solve()
    farm.do(StopJobs([1]))
    farm.report(key, RunStatus.STOPPED)
    assert len(tasks(farm)) == 2 and farm.solve() == []
    farm.do(StartJobs([1]))
    farm.run_all()
    assert farm.core.farm.system[POST].done == 2


def test_it_cannot_be_deleted_appended_to_or_changed_into_another(farm: FarmPlay) -> None:
    system = found(farm)
    for command in (DeleteJobs([1]), MoveJobs([1], "up"), AppendBlocks(1, JobSpec(blocks=[block()]))):
        with pytest.raises(Conflict, match="system job"):
            farm.do(command)
    for name, value in (("time_life", 10), ("maintenance", True)):
        with pytest.raises(BadSpec, match=name):
            farm.do(SetJobs([1], {name: value}))
    with pytest.raises(BadSpec, match="depend_mask"):
        farm.do(SetBlocks(1, [0], {"depend_mask": "x"}))
    farm.do(SetJobs([1], {"priority": 3, "hosts_mask": "a.*"}))
    assert (system.priority, system.hosts_mask) == (3, "a.*")


def test_only_administrators_edit_it(farm: FarmPlay) -> None:
    found(farm)
    for role in (Role.USER, Role.VISOR):
        who = Principal("afadmin", role)
        for command in (SetJobs([1], {"priority": 3}), RestartJobs([1]), ChangeTasks(1, "restart")):
            with pytest.raises(NotAllowed, match="system job"):
                farm.do(command, who)
    farm.do(SetJobs([1], {"priority": 3}), Principal("root", Role.GOD))


def test_run_numbers_of_a_slot_grow_and_begin_again(farm: FarmPlay) -> None:
    system = found(farm)
    farm.register("a", cores=2)
    delete(farm, 2)
    keys = farm.solve()
    for key in keys:
        farm.report(key)
    delete(farm, 2)
    assert [key.run for key in farm.solve()] == [2, 2]
    farm.report(RunKey(1, POST, 1, 1), render=1)
    assert farm.outcome.reply == {"known": False}, "a late word about an earlier command is not taken for the newer"
    farm.run_all()
    for key in list(farm.core.farm.runs):
        farm.report(key)
    system.blocks[POST].tasks.starts[0] = LAST_RUN
    delete(farm, 1)
    (key,) = farm.solve()
    farm.report(key)
    assert system.blocks[POST].tasks.starts[0] == 0
    farm.entries.clear()


def test_a_pre_command_runs_on_a_render_before_its_job_starts(farm: FarmPlay) -> None:
    found(farm)
    shot = farm.submit(job(block(command_pre="make cache"), command_pre="make dirs", user="bob"))
    assert shot.pre == 2
    farm.register(cores=1)
    for command in ("make dirs", "make cache"):
        (key,) = farm.solve()
        assert key.job == SYSTEM_JOB
        fields = run_fields(farm.core.farm, key)
        assert (fields["task_command"], fields["user_name"]) == (command, "bob")
        farm.report(key)
    assert farm.last(JobPrepared).succeeded
    (key,) = farm.solve()
    assert key.job == shot.id


def test_a_job_waits_for_its_pre_command_beside_free_slots(farm: FarmPlay) -> None:
    found(farm)
    farm.register(cores=8)
    shot = farm.submit(job(command_pre="make dirs"))
    (key,) = farm.solve()
    assert key.job == SYSTEM_JOB
    farm.report(key)
    assert farm.solve()[0].job == shot.id


def test_a_job_whose_pre_command_fails_is_paused(farm: FarmPlay) -> None:
    found(farm)
    shot = farm.submit(job(command_pre="make dirs"))
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.report(key, RunStatus.ERROR)
    assert shot.offline and shot.pre == 0 and farm.solve() == []
    farm.do(StartJobs([shot.id]))
    assert farm.solve()[0].job == shot.id


def test_a_reset_tells_the_jobs_that_waited(farm: FarmPlay) -> None:
    found(farm)
    shots = [farm.submit(job(name=name, command_pre="make dirs")) for name in "ab"]
    farm.do(RestartJobs([1]))
    assert [(shot.pre, shot.offline) for shot in shots] == [(0, True), (0, True)]


def test_a_farm_of_an_earlier_version_gets_one_when_it_is_needed() -> None:
    play = FarmPlay()
    assert isinstance(play.core, Core)
    shot = play.submit(job(command_post="rm scene"))
    play.do(DeleteJobs([shot.id]))
    assert play.core.farm.jobs[SYSTEM_JOB].blocks[POST].tasks.counts[TaskState.READY] == 1
