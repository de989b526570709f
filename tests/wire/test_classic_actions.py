"""What actions of the classic dialect come to, and their answers beside what the reference really said."""

from typing import Any

import pytest

from afcore import commands
from afcore.model.farm import Farm
from afcore.model.render import Render
from afcore.model.tree import Branch, Pool
from afcore.states import RenderState, TaskState
from afnet.classic.dialect import read_request
from afnet.classic.json_action import Action, plan_action
from afnet.classic.plan import Plan
from tests.wire.test_classic_samples import make_farm, sample, submitted


@pytest.fixture
def farm() -> Farm:
    states = [[TaskState.READY] * 4, [TaskState.READY] * 2]
    farm = make_farm(submitted("job-submit"), id=4, serial=1, states=states, created=1795245246)
    user = farm.users[3] = farm.users.pop(1)
    user.id = farm.jobs[4].user = 3
    farm.users_by_name["protouser"] = 3
    farm.pools[1] = Pool(id=1, path="/", children=[2], renders=[1])
    farm.pools[2] = Pool(id=2, path="/proto", parent=1)
    farm.pools_by_path.update({"/": 1, "/proto": 2})
    farm.branches[1] = Branch(id=1, path="/", children=[2])
    farm.branches[2] = Branch(id=2, path="/proto", parent=1, jobs=[4])
    farm.branches_by_path.update({"/": 1, "/proto": 2})
    farm.jobs[4].branch = 2
    farm.renders[1] = Render(id=1, name="proto01", pool=1, state=RenderState.ONLINE)
    farm.renders_by_name["proto01"] = 1
    return farm


def act(farm: Farm, kind: str, operation: Any = None, **more: Any) -> Plan | dict[str, Any]:
    """Read and plan an action as the recorded ones were sent."""
    action: dict[str, Any] = {"user_name": "protouser", "host_name": "protohost", "type": kind, **more}
    if operation is not None:
        action["operation"] = {"type": operation} if isinstance(operation, str) else operation
    found = read_request({"action": action})
    return found if isinstance(found, dict) else plan_action(farm, found) if isinstance(found, Action) else {}


def error(text: str) -> dict[str, Any]:
    return {"info": {"kind": "error", "text": text}}


@pytest.mark.parametrize(
    ("name", "kind", "operation", "more"),
    [
        ("action-error-bad-id", "jobs", "pause", {"ids": [999]}),
        ("action-error-mask-nomatch", "jobs", "pause", {"mask": "nomatch"}),
        ("action-error-no-ids", "jobs", None, {}),
        ("action-error-no-op", "jobs", None, {"ids": [4]}),
        ("action-error-no-user", "jobs", None, {"ids": [4], "user_name": ""}),
        ("action-error-no-host", "jobs", None, {"ids": [4], "host_name": ""}),
        ("action-error-unknown-op", "jobs", "foo", {"ids": [4]}),
        ("action-error-unknown-type", "foo", "x", {"ids": [1]}),
        ("action-job-delete-system", "jobs", "delete", {"ids": [1]}),
        ("action-job-params-badbranch", "jobs", None, {"ids": [4], "params": {"branch": "/nope"}}),
        ("action-job-params-baduser", "jobs", None, {"ids": [4], "params": {"user_name": "nobody"}}),
        ("action-append-tasks-numeric", "jobs", {"type": "append_tasks", "tasks": [{"name": "x"}]},
         {"ids": [4], "block_ids": [0]}),
        ("action-render-delete-online", "renders", "delete", {"ids": [1]}),
        ("action-render-service-old-afcmd", "renders", {"type": "service", "name": "generic", "enable": True},
         {"mask": "proto01"}),
        ("action-branch-delete-notempty", "branches", "delete", {"ids": [2]}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_the_same_words(
    name: str, kind: str, operation: Any, more: dict[str, Any], farm: Farm
) -> None:
    assert act(farm, kind, operation, **more) == sample(name)


def test_a_mask_that_is_no_expression(farm: Farm) -> None:
    found = act(farm, "jobs", "pause", mask="([")
    assert isinstance(found, dict)
    common = "AfContainer::action: Name pattern '([' is invalid: "
    assert found["info"]["text"].startswith(common)
    assert sample("action-error-bad-mask")["info"]["text"].startswith(common)


JOB_PARAMETERS = {
    "priority": 120, "annotation": 'x "y"', "hidden": True, "max_running_tasks": 5,
    "pools": {"/": 10, "bad": 500, "zero": 0}, "depend_mask": "a.*", "time_wait": 0, "need_os": "linux",
    "user_name": "protouser",
}  # fmt: skip
USER_PARAMETERS = {
    "priority": 5, "max_running_tasks": 7, "solve_method": "solve_priority", "solve_need": "solve_tasksnum",
    "errors_retries": 1, "errors_avoid_host": 2, "errors_task_same_host": 3, "errors_forgive_time": 4,
    "jobs_life_time": 5, "paused": True, "custom_data": "{}", "annotation": "a", "hosts_mask": "x",
    "hosts_mask_type": "regex",
}  # fmt: skip
RENDER_PARAMETERS = {
    "nimby": True, "user_name": "someone", "priority": 77, "annotation": "ra", "capacity_host": 555,
    "max_tasks_host": 2, "custom_data": '{"x":1}',
}  # fmt: skip
POOL_PARAMETERS = {
    "pattern": "proto.*", "priority": 3, "max_tasks_host": 9, "capacity_host": 99, "heartbeat_sec": 2,
    "sick_errors_count": 5, "new_nimby": True, "new_paused": True, "paused": True, "annotation": "p",
    "properties_host": "gpu", "power_host": 7,
}  # fmt: skip
BRANCH_PARAMETERS = {
    "create_childs": True, "solve_jobs": True, "paused": True, "priority": 5, "max_tasks_per_second": 20000,
    "max_running_tasks": 3, "solve_method": "solve_order", "solve_need": "solve_capacity", "annotation": "b",
    "hosts_mask": "pr", "pools": {"/": 1},
}  # fmt: skip

J = {"ids": [4]}
B = {"ids": [4], "block_ids": [0]}


@pytest.mark.parametrize(
    ("name", "kind", "operation", "more", "command"),
    [
        ("action-job-pause", "jobs", "pause", J, commands.PauseJobs([4])),
        ("action-job-delete", "jobs", "delete", J, commands.DeleteJobs([4])),
        ("action-job-params", "jobs", None, {**J, "params": JOB_PARAMETERS},
         commands.SetJobs([4], {**JOB_PARAMETERS, "pools": {"/": 10, "bad": 100, "zero": 0}})),
        ("action-block-params", "jobs", None,
         {**B, "params": {"capacity": 123, "command": "echo new", "nosuch": 1}},
         commands.SetBlocks(4, [0], {"capacity": 123, "command": "echo new"})),
        ("action-block-skip", "jobs", "skip", B, commands.ChangeTasks(4, "skip", [0])),
        ("action-block-tickets", "jobs", {"type": "tickets", "name": "NUKE", "count": 2}, B,
         commands.SetBlocks(4, [0], {"tickets": {"NUKE": 2}})),
        ("action-block-trynext", "jobs", {"type": "trynext", "task_ids": [2], "mode": "append"}, B,
         commands.TryNext(4, [0], [(2, 2)])),
        ("action-render-params", "renders", None, {"mask": "proto01", "params": RENDER_PARAMETERS},
         commands.SetRenders(["proto01"], RENDER_PARAMETERS)),
        ("action-render-farm-service-add", "renders", {"type": "farm", "mode": "service_add", "name": "maya"},
         {"ids": [1]}, commands.ChangeRenderServices(["proto01"], "add", "maya")),
        ("action-pool-add", "pools", {"type": "add_pool", "name": "proto pool!"}, {"ids": [1]},
         commands.AddPool("/proto_pool_")),
        ("action-pool-params", "pools", None, {"ids": [2], "params": POOL_PARAMETERS},
         commands.SetPools(["/proto"], POOL_PARAMETERS)),
        ("action-user-params", "users", None, {"ids": [3], "params": USER_PARAMETERS},
         commands.SetUsers(["protouser"], USER_PARAMETERS)),
        ("action-user-move-jobs", "users", {"type": "move_jobs_top", "jids": [4, 7]}, {"ids": [3]},
         commands.MoveJobs([4], "top")),
        ("action-branch-params", "branches", None, {"ids": [2], "params": BRANCH_PARAMETERS},
         commands.SetBranches(
             ["/proto"], {**BRANCH_PARAMETERS, "max_tasks_per_second": 10000, "hosts_mask_type": "find"})),
        ("action-branch-delete-done-jobs", "branches", "delete_done_jobs", {"ids": [2]}, None),
    ],
)  # fmt: skip
def test_what_is_done_and_answered(
    name: str, kind: str, operation: Any, more: dict[str, Any], command: Any, farm: Farm
) -> None:
    found = act(farm, kind, operation, **more)
    assert isinstance(found, Plan)
    assert found == Plan([] if command is None else [command], sample(name))


def test_appending_answers_what_the_farm_says(farm: Farm) -> None:
    blocks = [{"name": "d", "service": "generic", "command": "echo @#@", "flags": 1, "frame_first": 1, "frame_last": 3}]
    found = act(farm, "jobs", {"type": "append_blocks", "blocks": blocks}, ids=[4])
    assert isinstance(found, Plan) and found.gives_object
    (command,) = found.commands
    assert (command.job, [block.tasks_num for block in command.spec.blocks]) == (4, [3])
    tasks = [{"name": "x", "command": "echo x"}, {"name": "y"}]
    found = act(farm, "jobs", {"type": "append_tasks", "tasks": tasks}, ids=[4], block_ids=[1])
    assert isinstance(found, Plan) and found.gives_object
    (command,) = found.commands
    texts = command.spec.blocks[0].tasks
    assert (command.job, command.block, list(texts.names), list(texts.commands)) == (4, 1, ["x", "y"], ["echo x", ""])
    assert act(farm, "jobs", {"type": "append_tasks", "tasks": []}, ids=[4], block_ids=[1]) == Plan(
        [], {"object": {"task_ids": []}}
    )
    assert act(farm, "jobs", {"type": "append_blocks"}, ids=[4]) == error("Operation requires blocks array.")
    assert act(farm, "jobs", {"type": "append_blocks", "blocks": []}, ids=[4]) == error(
        "Operation blocks array has zero size."
    )


@pytest.mark.parametrize(
    ("operation", "command"),
    [
        ("start", commands.StartJobs([4])),
        ("stop", commands.StopJobs([4])),
        ("restart", commands.RestartJobs([4])),
        ("restart_pause", commands.RestartJobs([4], pause=True)),
        ("restart_errors", commands.RestartJobs([4], "error")),
        ("restart_warnings", commands.RestartJobs([4], "warning")),
        ("reset_error_hosts", commands.ResetErrorHosts(4)),
        ("reset_trying_next_tasks", commands.TryNext(4, remove=True)),
    ],
)
def test_operations_on_jobs(operation: str, command: Any, farm: Farm) -> None:
    for chosen in ({"ids": [4]}, {"mask": "proto_.*"}):
        found = act(farm, "jobs", operation, **chosen)
        assert isinstance(found, Plan) and found.commands == [command]
    assert act(farm, "jobs", operation, mask="main") == error("Jobs: No node matches 'main' found.")


def test_operations_on_blocks_and_tasks(farm: Farm) -> None:
    def commands_of(operation: Any, **more: Any) -> Any:
        found = act(farm, "jobs", operation, ids=[4], **more)
        return found.commands if isinstance(found, Plan) else found

    tasks = {"type": "restart_errors", "task_ids": [1, 0, 1], "mode": "affect_depends"}
    assert commands_of(tasks, block_ids=[1]) == [
        commands.ChangeTasks(4, "restart", [1], [(1, 1), (0, 0)], "error", depends=True)
    ]
    assert commands_of("suspend", block_ids=[-1]) == [commands.ChangeTasks(4, "suspend", [0, 1])]
    assert commands_of("continue", block_mask="po") == [commands.ChangeTasks(4, "continue", [1])]
    assert commands_of({"type": "skip", "task_ids": [4]}, block_ids=[0]) == error("Invalid operation task numer = 4")
    assert commands_of("skip", block_ids=[2]) == error("Invalid block number: 2")
    assert commands_of("foo", block_ids=[0]) == error("Unknown operation: foo")
    assert "does not contain any integers" in commands_of("skip", block_mask="nothing")["info"]["text"]
    assert commands_of({"type": "trynext"}, block_ids=[0]) == error("'task_ids' array is not specified.")
    assert commands_of({"type": "trynext", "task_ids": [1], "mode": "x"}, block_ids=[0]) == error(
        "Invalid 'mode' = 'x'."
    )


def test_values_of_the_wrong_type_and_unknown_keys_are_passed_over(farm: Farm) -> None:
    wrong = {"priority": "5", "hidden": 1, "annotation": 5, "nothing": 1, "pools": {"/": 1.5}, "time_wait": True}
    found = act(farm, "jobs", None, ids=[4], params=wrong)
    assert found == Plan([], sample("action-job-params"))
    found = act(farm, "jobs", None, ids=[4], params={"priority": 300, "max_tasks_per_second": 20000})
    assert isinstance(found, Plan)
    assert found.commands == [commands.SetJobs([4], {"priority": 255, "max_tasks_per_second": 10000})]
    found = act(farm, "pools", None, ids=[2], params={"idle_cpu": 3, "srv_info": "x"})
    assert isinstance(found, Plan) and found.commands == [commands.SetPools(["/proto"], {"idle_cpu": 3})]
    assert "no srv_info yet" in found.answer["info"]["text"]
    found = act(farm, "jobs", None, ids=[4], params={"srv_info": "x"})
    assert found == Plan([commands.SetJobs([4], {"srv_info": "x"})], sample("action-job-params"))
    tickets = {"tickets_pool": {"NUKE": [10, 0, 0, 3], "MEM": [5], "bad": "x"}}
    found = act(farm, "pools", None, ids=[2], params=tickets)
    assert isinstance(found, Plan)
    assert found.commands == [commands.SetPools(["/proto"], {"tickets": {"NUKE": [10, 3], "MEM": [5, -1]}})]


def test_a_freed_render_has_neither_nimby(farm: Farm) -> None:
    found = act(farm, "renders", "eject_tasks_keep_my", ids=[1], params={"nimby": False})
    assert isinstance(found, Plan)
    assert found.commands == [
        commands.SetRenders(["proto01"], {"nimby": False, "NIMBY": False}),
        commands.EjectTasks(["proto01"], not_mine=True),
    ]


def test_services_tickets_and_pools_of_renders(farm: Farm) -> None:
    farm.pools[1].services = ["nuke", "nukex", "maya"]
    found = act(farm, "pools", {"type": "farm", "mode": "service_remove", "mask": "nuke"}, ids=[1])
    assert isinstance(found, Plan) and found.answer["info"]["text"] == 'Service "nuke" removed.'
    assert found.commands == [commands.ChangePoolServices(["/"], "remove", "nuke|nukex")]
    assert act(farm, "pools", {"type": "farm", "mode": "service_remove", "mask": "x"}, ids=[1]) == error(
        "No services found mathing pattern x"
    )
    assert act(farm, "pools", {"type": "farm", "mode": "service_add", "name": "maya"}, ids=[1]) == error(
        "Service 'maya' already exists."
    )
    found = act(farm, "pools", {"type": "tickets", "name": "NUKE", "count": 10, "max_hosts": 3}, ids=[1])
    assert isinstance(found, Plan) and found.answer["info"]["text"] == "Ticket NUKE added"
    assert found.commands == [commands.SetPools(["/"], {"tickets": {"NUKE": [10, 3]}})]
    found = act(farm, "renders", {"type": "tickets", "name": "MEM", "count": 16, "host": True}, ids=[1])
    assert isinstance(found, Plan)
    assert found.commands == [commands.SetRenders(["proto01"], {"tickets_host": {"MEM": 16}})]
    assert act(farm, "renders", {"type": "tickets", "name": "MEM", "count": 1}, ids=[1]) == error(
        "Node['proto01'] is not a pool."
    )
    assert act(farm, "renders", {"type": "set_pool", "name": "/x"}, ids=[1]) == error("Pool '/x' does not exist.")
    found = act(farm, "renders", {"type": "set_pool", "name": "/proto"}, ids=[1])
    assert isinstance(found, Plan) and found.commands == [commands.MoveRenders(["proto01"], "/proto")]
    assert act(farm, "pools", "delete", ids=[1]) == error("Can`t delete ROOT pool.")
    found = act(farm, "pools", "heal_sick", ids=[1])
    assert isinstance(found, Plan) and found.commands == [commands.HealRenders(["proto01"])]


def test_what_is_refused_or_not_there_yet(farm: Farm) -> None:
    found = act(farm, "renders", {"type": "launch_cmd", "cmd": "rm -rf /"}, ids=[1])
    assert isinstance(found, dict) and "runs no command that comes with a request" in found["info"]["text"]
    assert "af_render_cmd_reboot" in found["info"]["text"], "it says where such commands are configured"
    assert act(farm, "pools", {"type": "launch_cmd", "cmd": "x"}, ids=[1]) == found
    name = farm.renders[1].name
    farm.renders[2] = Render(id=2, name="proto02", pool=1)
    farm.renders_by_name["proto02"] = 2
    for kind, command in {
        "exit": commands.ExitRenders([name]),
        "reboot": commands.PowerRenders([name], "reboot"),
        "shutdown": commands.PowerRenders([name], "shutdown"),
        "wol_sleep": commands.SleepRenders([name]),
        "wol_wake": commands.WakeRenders(["proto02"]),
    }.items():
        # Those that cannot be told are passed over.
        found = act(farm, "renders", kind, mask="proto.*")
        assert found == Plan([command], sample("action-job-pause"))
    assert act(farm, "renders", "exit", ids=[2]) == Plan([], sample("action-job-pause"))
    found = act(farm, "users", "delete", ids=[3])
    assert found == Plan([], sample("action-job-pause"))
    assert act(farm, "branches", "delete", ids=[1]) == error("Can`t delete ROOT branch.")
    assert act(farm, "jobs", "pause", ids=[-5]) == error("Action node ID not found: -5.")
