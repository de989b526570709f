"""What people ask of jobs, blocks, users, pools and branches."""

from __future__ import annotations

import pytest

from afcore.commands import (
    AddUser,
    ChangeTasks,
    DeleteJobs,
    PauseJobs,
    RestartJobs,
    SetBlocks,
    SetBranches,
    SetJobs,
    SetPools,
    SetUsers,
    StartJobs,
    StopJobs,
    SubmitJob,
)
from afcore.effects import StopRuns
from afcore.envelope import Principal
from afcore.errors import BadSpec, Conflict, NotFound
from afcore.events import BlockEdited, JobEdited, JobSubmitted, UserEdited
from afcore.ids import RunKey
from afcore.jobspec import BlockSpec
from afcore.rules.submit import filter_branch, unique_name
from afcore.states import Role, RunStatus
from tests.unit.afcore.plays import FarmPlay, block, job


def test_names_of_jobs_and_blocks_are_made_unique(farm: FarmPlay) -> None:
    names = [farm.submit(job(name="shot")).name for _ in range(3)]
    assert names == ["shot", "shot-1", "shot-2"]
    farm.do(DeleteJobs([3]))
    assert farm.submit(job(name="shot")).name == "shot-1"
    twins = farm.submit(job(block("a"), block("a"), name="twins"))
    assert [each.spec.name for each in twins.blocks] == ["a", "a-1"]
    assert unique_name("x", {"x", "x-1"}) == "x-2"


def test_the_reply_to_a_submission(farm: FarmPlay) -> None:
    reply = farm.do(SubmitJob(job())).reply
    assert reply == {"id": 2, "serial": 1, "name": "shot"}
    farm.do(DeleteJobs([2]))
    assert farm.do(SubmitJob(job())).reply == {"id": 3, "serial": 2, "name": "shot"}


def test_a_job_without_a_user_belongs_to_who_sent_it(farm: FarmPlay) -> None:
    farm.do(SubmitJob(job(user="")), Principal("carla", Role.USER))
    assert farm.last(JobSubmitted).spec.user_name == "carla"
    assert farm.core.farm.users_by_name == {"carla": 1}


def test_a_wrong_job_is_refused_with_all_its_problems(farm: FarmPlay) -> None:
    wrong = job(block(capacity=0, depend_mask="(", frames_per_task=0), priority=300)
    with pytest.raises(BadSpec) as refused:
        farm.do(SubmitJob(wrong))
    paths = {problem.path for problem in refused.value.problems}
    assert {"priority", "blocks[0].capacity", "blocks[0].depend_mask", "blocks[0].frames_per_task"} <= paths
    assert farm.core.farm.jobs == {} and farm.core.farm.users == {}


def test_the_submitted_spec_is_never_written_into(farm: FarmPlay) -> None:
    spec = job(block(capacity=500))
    shot = farm.submit(spec)
    farm.do(SetJobs([shot.id], {"priority": 7, "folders": {"output": "/x"}}))
    farm.do(SetBlocks(shot.id, [], {"capacity": 900, "environment": {"A": "1"}}))
    assert (spec.priority, spec.folders, spec.blocks[0].capacity, spec.blocks[0].environment) == (99, {}, 500, {})
    assert (shot.priority, shot.blocks[0].spec.capacity) == (7, 900)


@pytest.mark.parametrize(
    ("path", "normal"),
    [("", "/"), ("/", "/"), ("a\\b", "/a/b"), ("/a//b/./../c", "/a/b/c"), ("/a b/c:d", "/a_b/c_d"), ("/ä", "/_")],
)
def test_paths_of_branches_are_made_normal(path: str, normal: str) -> None:
    assert filter_branch(path) == normal


def test_one_branch_is_made_where_its_parent_lets(farm: FarmPlay) -> None:
    deep = farm.submit(job(branch="/show/shot/deep"))
    state = farm.core.farm
    assert state.branches[deep.branch].path == "/show" and deep.spec.branch == "/show"
    assert state.branches[1].children == [2]
    again = farm.submit(job(branch="/show/other"))
    assert again.branch == deep.branch, "/show makes no children"
    farm.do(SetBranches(["/show"], {"create_childs": True}))
    assert state.branches[farm.submit(job(branch="/show/other")).branch].path == "/show/other"


def test_edits_tell_old_and_new(farm: FarmPlay) -> None:
    shot = farm.submit()
    farm.do(SetJobs([shot.id], {"priority": 120, "hosts_mask": "a.*"}))
    event = farm.last(JobEdited)
    assert event.old == {"priority": 99, "hosts_mask": ""} and event.new == {"priority": 120, "hosts_mask": "a.*"}
    farm.do(SetJobs([shot.id], {"priority": 120}))
    assert farm.outcome.events == [] and farm.outcome.reply == {"jobs": 0}
    farm.do(SetBlocks(shot.id, [0], {"command": ["render", "@#@"], "max_running_tasks": 2}))
    assert farm.last(BlockEdited).old == {"command": "render @#@", "max_running_tasks": -1}
    farm.do(SetUsers(["anna"], {"errors_retries": 1}))
    assert farm.last(UserEdited).new == {"errors_retries": 1}


def test_maps_merge_and_pools_replace(farm: FarmPlay) -> None:
    shot = farm.submit(job(block(environment={"A": "1", "B": "2"}, tickets={"lic": 1}), pools={"/x": 5}))
    farm.do(SetBlocks(shot.id, [], {"environment": {"A": "", "C": "3"}, "tickets": {"lic": 0, "mem": 2}}))
    assert shot.blocks[0].spec.environment == {"B": "2", "C": "3"}
    assert shot.blocks[0].spec.tickets == {"mem": 2}
    farm.do(SetJobs([shot.id], {"pools": {"/y": 10, "": 3, "/z": 0}}))
    assert shot.pools == {"/y": 10}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"priorty": 5}, 'priorty: a job has no such parameter .did you mean "priority"'),
        ({"priority": 256}, "priority: must be 0 to 255, not 256"),
        ({"priority": "high"}, "priority: must be a whole number"),
        ({"priority": True}, "priority: must be a whole number"),
        ({"hosts_mask": "("}, "hosts_mask: .*regular expression"),
        ({"hosts_mask": 5}, "hosts_mask: must be text"),
        ({"offline": "yes"}, "offline: must be true or false"),
        ({"solve_method": "x"}, 'solve_method: must be one of "solve_priority", "solve_order"'),
        ({"folders": {"a": 1}}, 'folders: the value of "a" must be text'),
        ({"folders": []}, "folders: must be a map"),
        ({"pools": {"/": 101}}, 'pools: the value of "/" must be -100 to 100'),
        ({}, "no parameter of the job is named"),
        ({"priority": -1, "need_memory": "x"}, "2 problems"),
    ],
)
def test_wrong_parameters_are_refused_by_a_sentence(farm: FarmPlay, parameters: dict[str, object], words: str) -> None:
    shot = farm.submit()
    before = farm.core.digest()
    with pytest.raises(BadSpec, match=words):
        farm.do(SetJobs([shot.id], parameters))
    assert farm.core.digest() == before


def test_a_mask_in_find_mode_is_no_regular_expression(farm: FarmPlay) -> None:
    shot = farm.submit()
    farm.do(SetJobs([shot.id], {"hosts_mask": "(a", "hosts_mask_type": "find"}))
    farm.do(SetBlocks(shot.id, [], {"hosts_mask": "(b"}))
    assert shot.blocks[0].spec.hosts_mask == "(b"
    with pytest.raises(BadSpec, match="files: must be a list of texts"):
        farm.do(SetBlocks(shot.id, [], {"files": "x"}))
    with pytest.raises(NotFound, match="has no block 4"):
        farm.do(SetBlocks(shot.id, [4], {"capacity": 5}))


def test_a_renamed_block_keeps_names_unique_and_masks_follow(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a", 1, 2), block("b", 1, 2), block("c", 1, 2)))
    farm.do(SetBlocks(shot.id, [2], {"tasks_depend_mask": "sim"}))
    assert farm.states(shot, 2) == "RR"
    farm.do(SetBlocks(shot.id, [0], {"name": "sim"}))
    assert farm.states(shot, 2) == "WW"
    farm.do(SetBlocks(shot.id, [1], {"name": "sim"}))
    assert shot.blocks[1].spec.name == "sim-1"


def test_a_job_moves_to_another_user_and_branch_with_what_runs(farm: FarmPlay) -> None:
    shot = farm.submit(job(branch="/show"))
    farm.submit(job(user="ben", priority=99))
    farm.register(cores=1)
    farm.solve()
    state = farm.core.farm
    farm.do(SetJobs([shot.id], {"user_name": "ben", "branch": "/"}))
    assert state.users[2].jobs == [3, 2] and state.users[1].jobs == []
    assert (state.users[1].running_tasks, state.users[2].running_tasks) == (0, 1)
    assert shot.branch == 1 and state.branches[2].jobs == []
    with pytest.raises(NotFound, match='there is no user "bem".*did you mean "ben"'):
        farm.do(SetJobs([shot.id], {"user_name": "bem"}))
    with pytest.raises(NotFound, match='there is no branch "/nowhere"'):
        farm.do(SetJobs([shot.id], {"branch": "nowhere"}))


def test_jobs_of_a_user_are_in_order_of_priority(farm: FarmPlay) -> None:
    for priority in (99, 120, 99, 10):
        farm.submit(job(priority=priority))
    assert farm.core.farm.users[1].jobs == [3, 2, 4, 5]
    farm.do(SetJobs([5], {"priority": 120}))
    assert farm.core.farm.users[1].jobs == [3, 5, 2, 4]


def test_pause_lets_run_and_starts_nothing(farm: FarmPlay) -> None:
    shot = farm.submit()
    farm.register(cores=1)
    (key,) = farm.solve()
    farm.do(PauseJobs([shot.id]))
    assert farm.states(shot) == "*RR"
    farm.report(key)
    assert farm.solve() == []
    farm.do(StartJobs([shot.id]))
    assert farm.core.wants_solve and len(farm.solve()) == 1
    farm.do(StartJobs([shot.id]))
    assert farm.outcome.reply == {"jobs": 0}


def test_stop_pauses_and_stops_what_runs(farm: FarmPlay) -> None:
    shot = farm.submit()
    farm.register(cores=2)
    keys = farm.solve()
    farm.do(StopJobs([shot.id]))
    assert farm.outcome.reply == {"jobs": 1, "stopping": 2}
    (stop,) = farm.effects(StopRuns)
    assert [RunKey(stop.job, stop.block, *each) for each in zip(stop.tasks, stop.runs, strict=True)] == keys
    for key in keys:
        farm.report(key, RunStatus.STOPPED)
    assert farm.states(shot) == "RRR" and shot.offline


def test_restart_begins_a_job_anew(farm: FarmPlay) -> None:
    shot = farm.submit()
    farm.register(cores=2)
    farm.run_all()
    done = shot.time_done
    farm.do(RestartJobs([shot.id], pause=True))
    assert done and not shot.time_done and not shot.time_started and shot.offline
    assert farm.states(shot) == "RRR"
    with pytest.raises(BadSpec, match='cannot be chosen by "eror"'):
        farm.do(RestartJobs([shot.id], "eror"))


def test_a_deleted_job_goes_when_its_last_run_has_ended(farm: FarmPlay) -> None:
    shot = farm.submit(job(block("a", 1, 2), block("b", 1, 2)))
    farm.register(cores=2)
    one, two = farm.solve()
    farm.do(DeleteJobs([shot.id]))
    assert farm.outcome.reply == {"jobs": 1, "stopping": 2} and shot.deleting
    assert not farm.core.wants_solve
    for command in (PauseJobs([shot.id]), RestartJobs([shot.id]), SetJobs([shot.id], {"priority": 1})):
        with pytest.raises(Conflict, match="is being deleted"):
            farm.do(command)
    with pytest.raises(Conflict, match="is being deleted"):
        farm.do(ChangeTasks(shot.id, "skip"))
    farm.do(DeleteJobs([shot.id]))
    assert farm.outcome.events == []
    farm.report(one, RunStatus.STOPPED)
    assert shot.id in farm.core.farm.jobs
    farm.report(two)
    assert farm.names()[-1] == "JobDeleted" and farm.core.farm.jobs == {}
    assert len(farm.outcome.runs) == 1 and len(farm.outcome.jobs) == 2


def test_one_missing_job_refuses_the_whole_command(farm: FarmPlay) -> None:
    shot = farm.submit()
    with pytest.raises(NotFound, match="There is no job 9"):
        farm.do(PauseJobs([shot.id, 9]))
    assert not shot.offline
    for command in (PauseJobs([]), DeleteJobs([])):
        with pytest.raises(BadSpec, match="no job is named"):
            farm.do(command)


def test_users_pools_and_branches(farm: FarmPlay) -> None:
    assert farm.do(AddUser("anna")).reply == {"id": 1}
    for name in ("", " ", "a\nb", "x" * 600):
        with pytest.raises(BadSpec):
            farm.do(AddUser(name))
    farm.do(SetPools(["/"], {"capacity_host": 500, "services": ["maya"]}))
    assert farm.core.farm.pools[1].capacity_host == 500
    farm.do(SetPools(["/"], {"capacity_host": 500}))
    assert farm.outcome.reply == {"pools": 0}
    with pytest.raises(NotFound, match='no pool "/x"'):
        farm.do(SetPools(["/x"], {"priority": 1}))
    with pytest.raises(BadSpec, match="no user is named"):
        farm.do(SetUsers([], {"priority": 1}))


def test_an_empty_list_of_tasks_is_refused(farm: FarmPlay) -> None:
    with pytest.raises(BadSpec):
        farm.do(SubmitJob(job(BlockSpec(name="empty", service="generic", command="x"))))
