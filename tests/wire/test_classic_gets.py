"""What gets of the classic dialect answer, key by key beside what the reference really said."""

import json
from typing import Any

import pytest

from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.model.job import HostErrors
from afcore.model.render import Render, Run
from afcore.model.tree import Branch, Pool
from afcore.states import RenderState, TaskFlag, TaskState
from afnet.classic.dialect import read_request
from afnet.classic.framing import encode_pieces
from afnet.classic.json_get import (
    Get,
    LogLine,
    Reading,
    RenderReading,
    files_of_task,
    get_answer,
    kept_answer,
    tasks_log,
)
from afnet.classic.json_tasks import TaskProgress
from tests.wire.test_classic_samples import ask, keys_in_order, make_farm, sample, sources, submitted, without

MOMENTS = ("time_register", "time_activity", "time_creation", "idle_time", "busy_time")
"""Times that the farm does not keep, or that belong to the moment."""


def asked(name: str, request: dict[str, Any], farm: Farm) -> tuple[Any, Any]:
    """What is answered to a recorded request, and what the reference answered."""
    wish = read_request({"get": request})
    assert isinstance(wish, Get)
    return ask(farm, wish), without(sample(name), "srv_info")


@pytest.fixture
def farm() -> Farm:
    """The farm of the samples after four frames were rendered and the second task of the next block failed thrice."""
    states = [[TaskState.DONE] * 4, [TaskState.DONE, TaskState.READY]]
    farm = make_farm(submitted("job-submit"), id=2, serial=1, states=states, created=1795245246)
    job = farm.jobs[2]
    farm.users[2] = farm.users.pop(1)
    farm.users[2].id = job.user = 2
    farm.users_by_name["protouser"] = 2
    farm.pools[1] = Pool(id=1, path="/", renders=[1])
    farm.branches[1] = Branch(id=1, path="/", children=[2], create_childs=True, solve_jobs=True)
    farm.branches[2] = Branch(id=2, path="/proto", parent=1, jobs=[2])
    job.branch = 2
    address = {"family": 4, "address": "127.0.0.1", "os": "unix linux 64 debian 12", "engine": "3.4.1"}
    farm.renders[1] = Render(id=1, name="proto01", pool=1, user_name="root", state=RenderState.ONLINE, **address)  # type: ignore[arg-type]
    render, post = job.blocks
    job.time_started = render.time_started = 1795245247
    render.time_done = post.time_started = 1795245251
    for block, started, length in ((render, 1795245247, 4), (post, 1795245251, 2)):
        for task in range(block.tasks.size):
            block.tasks.started[task] = started - farm.epoch
            block.tasks.finished[task] = started + length - farm.epoch
            block.tasks.starts[task] = block.tasks.render[task] = 1
    post.tasks.started[1], post.tasks.finished[1] = 1795245257 - farm.epoch, 1795245259 - farm.epoch
    post.tasks.starts[1] = post.tasks.errors[1] = 3
    post.tasks.flags[1] = TaskFlag.RETRIED
    render.run_time_sum_ms, post.run_time_sum_ms = 16_200, 2_050
    post.error_hosts[1] = HostErrors(3, 1795245259.0)
    post.task_error_hosts[1] = {1: HostErrors(3, 1795245259.0)}
    return farm


def run_all(farm: Farm) -> None:
    """Let the four frames run on the render."""
    job = farm.jobs[2]
    render, post = job.blocks
    render.tasks.state[:] = bytes([TaskState.RUNNING] * 4)
    post.tasks.state[:] = bytes([TaskState.READY] * 2)
    post.waiting, post.time_started, render.time_done = True, 0, 0
    for block in job.blocks:
        block.tasks.counts = block.tasks.recount()
    for holder in (job, render, farm.users[2], farm.branches[1], farm.branches[2]):
        holder.running_tasks, holder.running_capacity = 4, 1000
    host = farm.renders[1]
    host.used_capacity, host.task_changed = 1000, 1795245247
    render.running_per_host = {1: 4}
    for task in range(4):
        render.tasks.finished[task] = 0
        key = RunKey(2, 0, task, 1)
        run = Run(key=key, render=1, capacity=250, started=1795245247.5)
        farm.runs[key] = host.runs[key] = run


def masked(value: Any) -> Any:
    """Take the reference's own mark (bit 62) out of every ``st``, and what it keeps of progress after the end."""
    if isinstance(value, dict):
        found = {key: masked(each) for key, each in value.items() if key not in ("per", "pfr")}
        if isinstance(found.get("st"), int):
            found["st"] &= (1 << 62) - 1
        return found
    return [masked(each) for each in value] if isinstance(value, list) else value


ONE = {"type": "jobs", "ids": [2]}
TASK = {**ONE, "block_ids": [1], "task_ids": [1]}
FRAME = {**ONE, "block_ids": [0], "task_ids": [1]}


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("get-jobs-list-done-error", ONE),
        ("get-job-thumbnail-none", {**ONE, "mode": "thumbnail"}),
        ("get-jobs-progress-done", {**ONE, "mode": "progress"}),
        ("get-job-error-hosts", {**ONE, "mode": "error_hosts"}),
        ("get-blocks-full", {**ONE, "block_ids": [1], "mode": ["full"]}),
        ("get-blocks-progress", {**ONE, "block_ids": [0, 1], "mode": ["progress", "properties"]}),
        ("get-task-error-hosts", {**TASK, "mode": "error_hosts"}),
        ("get-task-error-hosts-none", {**FRAME, "mode": "error_hosts"}),
        ("get-task-info-nonnumeric", {**TASK, "mode": "info"}),
        ("get-task-info-numeric", {**FRAME, "mode": "info"}),
        ("get-task-output-badjob", {**TASK, "ids": [998], "task_ids": [9], "mode": "output"}),
        ("get-task-output-badtask", {**TASK, "task_ids": [9], "mode": "output"}),
        ("get-task-output-number9", {**TASK, "mode": "output", "number": 9}),
        ("get-jobs-badid", {**ONE, "ids": [998]}),
        ("get-users-mode-badid", {"type": "users", "ids": [3], "mode": "log"}),
        ("get-users-jobs-order", {"type": "users", "ids": [2], "mode": "jobs_order"}),
    ],
)
def test_jobs_blocks_and_tasks(name: str, request_: dict[str, Any], farm: Farm) -> None:
    found, expected = asked(name, request_, farm)
    assert without(masked(found), "time_start") == without(masked(expected), "time_start")
    assert keys_in_order(masked(found)) == keys_in_order(masked(expected))


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("get-jobs-progress-running", {**ONE, "mode": "progress"}),
        ("get-task-output-running-nomonitor", {**FRAME, "task_ids": [0], "mode": "output"}),
        ("get-users-running", {"type": "users", "ids": [2]}),
        ("get-renders-running", {"type": "renders", "ids": [1]}),
        ("get-pools-running", {"type": "pools"}),
    ],
)
def test_while_it_runs(name: str, request_: dict[str, Any], farm: Farm) -> None:
    run_all(farm)
    post = farm.jobs[2].blocks[1].tasks
    post.errors[1] = 0
    for task in range(2):
        post.flags[task] = post.starts[task] = post.started[task] = post.finished[task] = post.render[task] = 0
    farm.users[2].solve_need = "solve_capacity"
    farm.users[2].host_name = "protohost"
    farm.pools[1].capacity_host, farm.pools[1].max_tasks_host = 1100, 4
    farm.renders[1].interfaces = [
        {"name": "ifb0", "mac": "8a:a5:96:83:23:24", "ips": []},
        {"name": "ifb1", "mac": "92:1c:db:90:1e:70", "ips": []},
        {"name": "eth0", "mac": "02:fc:00:00:00:01", "ips": sample_addresses()},
    ]
    found, expected = asked(name, request_, farm)
    moments = (*MOMENTS, "time_launch", "time_update")
    assert without(masked(found), *moments) == without(masked(expected), *moments)
    assert keys_in_order(masked(found)) == keys_in_order(masked(expected))


def sample_addresses() -> list[str]:
    (render,) = sample("get-renders-running")["renders"]
    return [each["ip"] for each in render["netifs"][2]["addresses"]]


def test_branches_tell_of_everything_below_them(farm: Farm) -> None:
    run_all(farm)
    found, expected = asked("get-branches", {"type": "branches"}, farm)
    root, proto = found["branches"]
    assert without(proto, *MOMENTS) == without(expected["branches"][1], *MOMENTS)
    assert keys_in_order(proto) == keys_in_order(expected["branches"][1])
    # The reference has a job of its own at the root; here are no hidden jobs.
    assert (root["branches_total"], root["jobs_total"], root["jobs_running"], root["active_jobs"]) == (1, 1, 1, [])
    assert root["running_services"] == {"generic": 4} and root["parent"] == "" and root["create_childs"] is True


def test_pools_and_their_farm_part(farm: Farm) -> None:
    child = Pool(id=2, path="/proto_pool_", parent=1, pattern="proto.*", priority=3, annotation="p", paused=True)
    child.heartbeat_sec, child.sick_errors_count, child.new_nimby, child.new_paused = 2, 5, True, True
    child.idle_cpu = 3
    child.services, child.tickets, child.tickets_host = ["nuke"], {"NUKE": [10, 3]}, {"MEM": 16}
    child.capacity_host, child.max_tasks_host, child.power_host, child.properties_host = 99, 9, 7, "gpu"
    farm.pools[2] = child
    farm.pools[1].children = [2]
    found, expected = asked("get-pools-child", {"type": "pools", "ids": [2]}, farm)
    assert without(found, *MOMENTS) == without(expected, *MOMENTS)
    assert keys_in_order(found) == keys_in_order(expected)


def test_renders_their_hosts_and_those_that_are_off(farm: Farm) -> None:
    told = sample("get-renders-resources")["renders"][0]["host_resources"]
    farm.renders[1].resources = {**told, "cpu_loadavg": [each / 10 for each in told["cpu_loadavg"]]}
    moments = (*MOMENTS, "time_launch", "time_update", "netifs")
    for name, request in (
        ("get-renders-resources", {"type": "renders", "mode": "resources"}),
        ("get-renders-full", {"type": "renders", "mode": "full", "ids": [1]}),
        ("get-renders", {"type": "renders", "mask": "proto"}),
    ):
        found, expected = asked(name, request, farm)
        assert without(found, *moments) == without(expected, *moments)
        assert keys_in_order(without(found, "netifs")) == keys_in_order(without(expected, "netifs"))
    farm.renders[1].state = 0
    assert ask(farm, Get("renders", "resources")) == {"renders": [{"id": 1, "host_name": "proto01"}]}
    assert ask(farm, Get("renders"))["renders"][0]["state"] == " OFF"
    assert ask(farm, Get("renders", mask="other")) == {"renders": []}


def test_jobs_in_every_way_of_choosing(farm: Farm) -> None:
    def ids(**request: Any) -> list[int]:
        wish = read_request({"get": {"type": "jobs", **request}})
        assert isinstance(wish, Get)
        return [job["id"] for job in ask(farm, wish)["jobs"]]

    assert ids() == ids(mask="proto_m") == ids(uids=[2]) == ids(users=["protouser"]) == ids(serials=[1]) == [2]
    assert ids(mask="main") == ids(uids=[7]) == ids(users=["nobody"]) == ids(serials=[5]) == ids(ids=[7, 8]) == []
    # A plain mode, or a block that is not there, is answered by the list of jobs.
    assert ids(ids=[2], block_ids=[0], mode="full") == ids(ids=[2], block_ids=[7], mode=["full"]) == [2]
    assert ids(ids=[2], block_ids=[-1]) == [2]
    assert ask(farm, Get("jobs", "info", ids=[2], blocks=[1], tasks=[9])) == {
        "info": {"kind": "error", "text": "Invalid block/task number."}
    }
    assert ask(farm, Get("jobs", "output", ids=[2])) == {"info": {"kind": "error", "text": "Invalid action."}}


def test_outputs_and_logs_are_read_by_somebody_else(farm: Farm) -> None:
    wish = read_request({"get": {**FRAME, "mode": "output"}})
    assert isinstance(wish, Get)
    reading = get_answer(farm, wish, sources())
    assert reading == Reading("output", 2, 0, 1)
    found = kept_answer(farm, reading, "PROGRESS: 50%\nframes 3 - 0004\n")
    assert masked(found) == masked(sample("get-task-output"))
    second = kept_answer(farm, Reading("output", 2, 1, 1, 2), "BAD\n")
    assert masked(second) == masked(sample("get-task-output-number2"))
    log = kept_answer(farm, Reading("log", 2, 1, 1), sample("get-task-log")["task"]["data"])
    assert masked(log) == masked(sample("get-task-log"))
    farm.jobs.clear()
    assert kept_answer(farm, reading, "x")["task"]["data"] == "ERROR: Invalid job ID"


def test_files_are_named_by_an_opaque_id() -> None:
    recorded = sample("get-task-files")["task_files"]
    reading = Reading("files", recorded["job_id"], recorded["block_id"], recorded["task_id"])
    names = [each["name"].rpartition("/")[2] for each in recorded["files"]]
    kept = [(f"3.0.0.1.0000000{place}", name) for place, name in enumerate(names)]
    found = files_of_task(reading, kept)["task_files"]
    assert keys_in_order(found) == keys_in_order(recorded) and without(found, "files") == without(recorded, "files")
    # Where the reference tells a path of its disk, an address below /@TMP@ that ends alike.
    assert [each["name"].rpartition("/")[2] for each in found["files"]] == names
    assert found["files"][0]["name"] == "/3.0.0.1.00000000/img.0001.jpg"
    assert files_of_task(Reading("files", 2, 1, 1), []) == sample("get-task-files-none")


def test_the_picture_of_a_job_stands_in_its_list(farm: Farm) -> None:
    shown = sources()._replace(pictures={2: "/2.0.0.1.00000000/img.0001.jpg"})
    farm.jobs[2].report = "rep"
    found = get_answer(farm, Get("jobs", ids=[2]), shown)
    assert isinstance(found, dict)
    (job,) = json.loads(b"".join(encode_pieces(found)))["jobs"]
    (recorded,) = sample("get-jobs-list-thumb-report")["jobs"]
    order = [key for key in job if key in recorded]
    assert order == [key for key in recorded if key in job] and {"thumb_path", "report"} <= set(order)


def test_what_ran_and_runs_on_a_render(farm: Farm) -> None:
    run_all(farm)
    recorded = sample("get-renders-tasks-log")["message"]
    assert get_answer(farm, Get("renders", "tasks_log", ids=[1]), sources()) == RenderReading(1)
    line = LogLine(1795245240.0, "", "Finished task: [generic(none):100] protouser: proto_main[post][t one]")
    found = tasks_log(farm, 1, [line], sources().moment)["message"]
    assert (found["name"], found["type"]) == (recorded["name"], recorded["type"])
    # What runs is told in the recorded words, after what is over.
    assert found["list"] == [f"Sat 21 Nov 07:14.00 : {line.what}", *recorded["list"][:4]]
    farm.renders[1].runs.clear()
    assert tasks_log(farm, 1, [], sources().moment)["message"]["list"] == ["No tasks execution."]


def test_the_output_of_a_running_task_is_fetched_for_a_monitor(farm: Farm) -> None:
    run_all(farm)
    for task in range(4):
        farm.jobs[2].blocks[0].tasks.finished[task] = 0
    wish = read_request({"get": {**FRAME, "task_ids": [0], "mode": "output", "mon_id": 1}})
    assert isinstance(wish, Get)
    reading = get_answer(farm, wish, sources())
    assert reading == Reading("running", 2, 0, 0, monitor=1)
    found = kept_answer(farm, reading, "Retrieving running task output from render...")
    recorded = sample("get-task-output-running-monitor")
    assert masked(found) == masked(recorded) and keys_in_order(masked(found)) == keys_in_order(masked(recorded))


def test_logs_have_the_lines_of_the_audit(farm: Farm) -> None:
    def lines(kind: str, id: int) -> list[LogLine]:
        return [LogLine(1795245246.0, "me 127.0.0.1", f"{kind} {id} was looked at")]

    for kind, name in (("jobs", "proto_main"), ("renders", "proto01"), ("pools", "/"), ("users", "protouser")):
        id = 2 if kind in ("jobs", "users") else 1
        found = get_answer(farm, Get(kind, "log", ids=[id]), sources(lines=lines))
        assert isinstance(found, dict)
        shown = found["message"]
        assert (shown["name"], shown["type"]) == (name, "log")
        assert shown["list"][0].endswith(f": me 127.0.0.1: {kind}: {name}: {kind} {id} was looked at")


def test_progress_of_many_tasks_is_copied_in_steps_before_it_is_encoded_in_small_pieces() -> None:
    count, step = 40_000, 1 << 14
    states = [[TaskState.READY] * 4, [TaskState.READY] * count]
    farm = make_farm(submitted("job-submit"), id=2, serial=1, states=states, created=1)
    found = get_answer(farm, Get("jobs", "progress", ids=[2]), sources())
    assert isinstance(found, dict)
    pieces = encode_pieces(found)
    # A step for the small block, one for the first part of the large one; then everything changes.
    assert [next(pieces), next(pieces)] == [b"", b""]
    column = farm.jobs[2].blocks[1].tasks.state
    column[:] = bytes([TaskState.DONE] * count)
    rest = [next(pieces), next(pieces), next(pieces)]
    assert rest[:2] == [b"", b""] and rest[2], "two more parts are copied, then it is written"
    column[:] = bytes([TaskState.ERROR] * count)
    rest += pieces
    assert max(map(len, rest)) < 64 * 1024
    progress = json.loads(b"".join(rest))["job_progress"]["progress"]
    assert [len(block) for block in progress] == [4, count]
    told = [task["state"] for task in progress[1]]
    assert told == [" RDY"] * step + [" DON"] * (count - step), "each part is of its moment"


def test_progress_asked_for_out_of_order_is_whole() -> None:
    states = [[TaskState.READY] * 4, [TaskState.DONE] * 20_000]
    farm = make_farm(submitted("job-submit"), id=2, serial=1, states=states, created=1)
    farm.jobs[2].blocks[1].tasks.errors[16_384] = 7
    progress = TaskProgress(farm, farm.jobs[2].blocks[1])
    across = json.loads(b"[" + progress.encoded(16_378, 16_388) + b"]")
    assert [task.get("err", 0) for task in across] == [0] * 6 + [7] + [0] * 3
    assert len(json.loads(b"[" + progress.encoded(19_990, 21_000) + b"]")) == 10


def test_the_job_of_the_system_is_shown_to_administrators_only() -> None:
    states = [[TaskState.READY] * 4, [TaskState.READY] * 2]
    farm = make_farm(submitted("job-submit"), id=1, serial=1, states=states, created=1795245246)
    for wish, seen in (
        ({"type": "jobs"}, '"jobs":[\n{'),
        ({"type": "jobs", "ids": [1]}, '"jobs":[\n{'),
        ({"type": "jobs", "ids": [1], "mode": "progress"}, "job_progress"),
        ({"type": "jobs", "ids": [1], "mode": "output", "block_ids": [0], "task_ids": [0]}, "Task is not started"),
    ):
        get = read_request({"get": wish})
        assert isinstance(get, Get)
        for system in (True, False):
            answer = get_answer(farm, get, sources()._replace(system=system))
            assert isinstance(answer, dict)
            said = b"".join(encode_pieces(answer)).decode()
            assert (seen in said) is system, (wish, system, said[:200])
