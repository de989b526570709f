"""Answers of the classic dialect from a farm that was brought to its state by commands; what is sent is read back."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afcore import commands
from afcore.commands import SubmitJob
from afcore.envelope import Principal
from afcore.errors import AfError
from afcore.states import Role
from afnet.classic.dialect import read_request
from afnet.classic.json_action import Action, plan_action
from afnet.classic.json_get import Get
from afnet.classic.json_jobs import job_object
from afnet.classic.plan import Plan
from tests.unit.afcore.plays import FarmPlay
from tests.wire.test_classic_samples import ask, keys_in_order, sample, without

SAMPLES = Path(__file__).parent / "samples"
ME = Principal("protouser", Role.GOD, "127.0.0.1")


class Spoken:
    """A farm that hears the dialect and nothing else."""

    def __init__(self) -> None:
        self.play = FarmPlay()
        self.farm = self.play.core.farm
        # The serials of the samples begin at 1, their time is theirs.
        self.play.at = 1795246583.0

    def submit(self, job: dict[str, Any]) -> int:
        """Submit the object of a job; return its id."""
        found = read_request({"job": job})
        assert isinstance(found, SubmitJob), found
        id: int = self.play.do(found, ME).reply["id"]
        return id

    def act(self, kind: str, operation: Any = None, **more: Any) -> Any:
        """Do an action; return its answer."""
        action: dict[str, Any] = {"user_name": "protouser", "host_name": "protohost", "type": kind, **more}
        if operation is not None:
            action["operation"] = {"type": operation} if isinstance(operation, str) else operation
        found = read_request({"action": action})
        plan = plan_action(self.farm, found) if isinstance(found, Action) else found
        if not isinstance(plan, Plan):
            return plan
        reply: Any = None
        for command in plan.commands:
            reply = self.play.do(command, ME).reply
        return {"object": reply} if plan.gives_object else plan.answer

    def get(self, **request: Any) -> Any:
        """Ask."""
        wish = read_request({"get": request})
        assert isinstance(wish, Get), wish
        return ask(self.farm, wish, now=self.play.at)

    def job(self, id: int) -> dict[str, Any]:
        """Return a job in full."""
        (found,) = self.get(type="jobs", ids=[id], mode="full")["jobs"]
        return dict(found)


def test_every_field_of_a_job_is_read_back_as_recorded() -> None:
    spoken = Spoken()
    request = sample("job-all-fields.request")["job"]
    # The recorded job waited for jobs and a time to come.
    found = spoken.job(spoken.submit(request))
    (recorded,) = sample("get-jobs-full-all-fields")["jobs"]
    moment = ("id", "serial", "user_list_order", "time_creation")
    assert without(found, *moment, "job_id") == without(recorded, *moment, "job_id")
    assert keys_in_order(found) == keys_in_order(recorded)


def test_the_job_of_the_system_is_told_as_recorded() -> None:
    spoken = Spoken()
    (recorded,) = sample("get-jobs-system-job")["jobs"]
    found = [job for job in spoken.get(type="jobs")["jobs"] if job["name"] == "afanasy"]
    if not found:
        spoken.submit(sample("job-submit.request")["job"])
        found = [job for job in spoken.get(type="jobs")["jobs"] if job["name"] == "afanasy"]
    for job in found:
        assert (job["id"], job["user_name"]) == (recorded["id"], recorded["user_name"])
        told = spoken.act("jobs", "delete", ids=[job["id"]])
        assert told == sample("action-job-delete-system")


def test_jobs_by_users_and_what_a_job_becomes_by_actions() -> None:
    spoken = Spoken()
    id = spoken.submit(sample("job-submit.request")["job"])
    recorded = sample("get-jobs-by-users")["jobs"]
    found = spoken.get(type="jobs", users=["protouser"])["jobs"]
    assert [job["name"] for job in found] == ["proto_main"] and list(sample("get-jobs-by-users")) == ["jobs"]
    assert {key for job in found for key in job} <= {key for job in recorded for key in job} | {"tasks_ready", "state"}

    blocks = [{"name": "d", "service": "generic", "capacity": 100, "command": "echo @#@", "flags": 1, "frame_first": 1,
               "frame_last": 3, "frames_per_task": 1, "frames_inc": 1, "working_directory": "/tmp"}]  # fmt: skip
    assert spoken.act("jobs", {"type": "append_blocks", "blocks": blocks}, ids=[id]) == sample("action-append-blocks")
    tasks = [{"name": "x", "command": "echo x"}, {"name": "y"}]
    appended = spoken.act("jobs", {"type": "append_tasks", "tasks": tasks}, ids=[id], block_ids=[1])
    assert appended == sample("action-append-tasks")
    assert [block["tasks_num"] for block in spoken.job(id)["blocks"]] == [4, 4, 3]
    spoken.act("jobs", "skip", ids=[id], block_ids=[0])
    assert spoken.job(id)["blocks"][0]["state"] == " DON SKP"
    spoken.act("jobs", "restart", ids=[id], block_ids=[0])
    spoken.act("jobs", {"type": "trynext", "task_ids": [2], "mode": "append"}, ids=[id], block_ids=[0])
    assert spoken.job(id)["blocks"][0]["p_progressbar"][64:96] == "T" * 32
    spoken.act("jobs", "pause", ids=[id])
    assert " OFF" in spoken.job(id)["state"]
    spoken.act("jobs", ids=[id], params={"priority": 120, "annotation": 'x "y"', "hidden": True, "pools": {"/": 10}})
    job = spoken.job(id)
    assert (job["priority"], job["annotation"], job["hidden"], job["pools"]) == (120, 'x "y"', True, {"/": 10})
    # Parameters without "hidden" leave it as it is, unlike in the reference.
    spoken.act("jobs", ids=[id], params={"priority": 121})
    assert spoken.job(id)["hidden"] is True


def test_the_start_of_a_job_as_monitors_and_progress_tell_it() -> None:
    spoken = Spoken()
    id = spoken.submit(sample("job-submit.request")["job"])
    recorded = sample("get-jobs-progress-start")["job_progress"]["progress"]
    found = spoken.get(type="jobs", ids=[id], mode="progress")["job_progress"]["progress"]
    assert [len(block) for block in found] == [len(block) for block in recorded]
    assert found[0] == [{"state": " RDY", "st": 1}] * 4
    render = spoken.play.register("proto01", cores=8)
    spoken.act("pools", ids=[1], params={"capacity_host": 1100, "max_tasks_host": 4})
    started = spoken.play.solve()
    assert len(started) == 4 and started[0].job == id
    running = spoken.get(type="jobs", ids=[id], mode="progress")["job_progress"]["progress"][0]
    told = sample("monitor-events-job-start")["events"]["tasks_progress"][0]["progress"]
    assert [list(task) for task in running] == [list(task) for task in told]
    assert all((task["state"], task["hst"], task["str"]) == (" RUN", "proto01", 1) for task in running)
    (shown,) = spoken.get(type="renders", ids=[render.id])["renders"]
    assert " RUN" in shown["state"] and shown["capacity_used"] == 1000 and len(shown["tasks"]) == 4


def test_a_job_that_waits_for_approval_says_so() -> None:
    spoken = Spoken()
    block = {"name": "b", "service": "generic", "command": "x", "flags": 1, "frame_first": 1, "frame_last": 21}
    id = spoken.submit({"name": "x", "user_name": "ann", "ppa": True, "blocks": [{**block, "sequential": 10}]})
    job = spoken.farm.jobs[id]
    plain = job_object(spoken.farm, job, full=False, now=spoken.play.at)
    waiting = job_object(spoken.farm, job, full=False, now=spoken.play.at, awaiting=True)
    assert "PPA" not in plain["state"] and plain["ppa"] is True
    assert waiting["state"].endswith(" PPA") and waiting["st"] & (1 << 16)


def test_a_render_that_left_and_what_it_measured() -> None:
    spoken = Spoken()
    render = spoken.play.register("proto02")
    spoken.play.do(commands.DeregisterRender(render.id, render.session))
    (found,) = spoken.get(type="renders", ids=[render.id])["renders"]
    (recorded,) = sample("get-renders-offline")["renders"]
    assert (found["st"], found["state"], found["capacity_used"]) == (0, " OFF", 0)
    assert set(recorded) - set(found) <= {"address", "engine", "wol_operation_time"}
    (running,) = sample("get-renders-resources-running")["renders"]
    assert list(running) == ["tasks_percents", "id", "host_name", "idle_time", "busy_time", "host_resources"]


def test_roots_as_recorded() -> None:
    spoken = Spoken()
    spoken.submit({"name": "x", "user_name": "ann", "blocks": [{"name": "b", "service": "generic", "command": "x",
                   "flags": 1, "frame_first": 1, "frame_last": 1}]})  # fmt: skip
    root = next(each for each in spoken.get(type="branches")["branches"] if each["name"] == "/")
    (recorded,) = sample("get-branches-root")["branches"]
    # The root ranks users here, and starts as many tasks a second as there is room for.
    assert set(recorded) - set(root) <= {"max_tasks_per_second", "solve_jobs"}
    assert (root["create_childs"], root["parent"]) == (True, "")
    (pool,) = spoken.get(type="pools")["pools"]
    (recorded,) = sample("get-pools-root")["pools"]
    assert set(recorded) - set(pool) <= {"capacity_host", "max_tasks_host"}
    (user,) = [each for each in sample("get-users")["users"] if each["name"] == "afadmin"]
    shown = next(each for each in spoken.get(type="users")["users"] if each["name"] == "ann")
    assert set(user) == set(shown)


@pytest.mark.parametrize(
    "name",
    ["get-job-log", "get-renders-log", "get-users-log", "get-branches-log", "get-pools-log"],
)
def test_logs_have_the_recorded_form(name: str) -> None:
    spoken = Spoken()
    spoken.submit(sample("job-submit.request")["job"])
    spoken.play.register("proto01")
    recorded = sample(name)["message"]
    kind = {"get-job-log": "jobs"}.get(name, name.split("-")[1])
    id = max(getattr(spoken.farm, kind))
    found = spoken.get(type=kind, ids=[id], mode="log")["message"]
    assert list(found) == list(recorded) and found["type"] == recorded["type"] == "log"


# Properties

TEXT = st.text(string.ascii_letters + string.digits + " éß\"'\\/\n\t<>&", max_size=12)
NAME = st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=10)
COUNT = st.integers(1, 1000)

BLOCK = st.fixed_dictionaries(
    {"name": NAME, "service": st.just("generic"), "command": TEXT.map(lambda text: "run " + text.strip())},
    optional={
        "parser": NAME,
        "capacity": COUNT,
        "sequential": st.sampled_from([-3, -1, 0, 2, 10]),
        "tasks_name": st.just("n @#@"),
        "working_directory": NAME.map(lambda name: f"/{name}"),
        "files": st.lists(NAME, min_size=1, max_size=3),
        "environment": st.dictionaries(NAME, TEXT, min_size=1, max_size=3),
        "max_running_tasks": COUNT,
        "max_running_tasks_per_host": COUNT,
        "need_memory": COUNT,
        "need_gpu_mem_mb": COUNT,
        "errors_retries": st.integers(0, 100),
        "task_max_run_time": COUNT,
        "hosts_mask": NAME,
        "custom_data": TEXT.filter(bool),
        "tickets": st.dictionaries(NAME, st.integers(1, 9), min_size=1, max_size=2),
    },
)
NUMERIC = st.tuples(st.integers(-50, 50), st.integers(0, 60), st.integers(1, 5), st.integers(1, 4)).map(
    lambda frames: {
        "flags": 1,
        "frame_first": frames[0],
        "frame_last": frames[0] + frames[1],
        "frames_per_task": frames[2],
        "frames_inc": frames[3],
    }
)
LISTED = st.lists(
    st.fixed_dictionaries({"name": NAME, "command": TEXT}, optional={"files": st.lists(NAME, min_size=1, max_size=2)}),
    min_size=1,
    max_size=4,
).map(lambda tasks: {"tasks": tasks})
JOBS = st.fixed_dictionaries(
    {
        "name": NAME,
        "user_name": NAME,
        "host_name": NAME,
        "blocks": st.lists(
            st.tuples(BLOCK, st.one_of(NUMERIC, LISTED)).map(lambda pair: {**pair[0], **pair[1]}),
            min_size=1,
            max_size=3,
            unique_by=lambda block: block["name"],
        ),
    },
    optional={
        "priority": st.integers(0, 255),
        "annotation": TEXT.filter(bool),
        "custom_data": TEXT.filter(bool),
        "description": TEXT.filter(bool),
        "project": NAME,
        "department": NAME,
        "time_life": COUNT,
        "ppa": st.just(True),
        "ignorenimby": st.just(True),
        "hidden": st.just(True),
        "max_running_tasks": COUNT,
        "max_tasks_per_second": COUNT,
        "need_os": NAME,
        "need_memory": COUNT,
        "hosts_mask": NAME,
        "hosts_mask_type": st.sampled_from(["find", "regex"]),
        "pools": st.dictionaries(NAME.map(lambda name: f"/{name}"), st.integers(1, 99), min_size=1, max_size=2),
        "folders": st.dictionaries(NAME, TEXT.filter(bool), min_size=1, max_size=2),
        "solve_method": st.sampled_from(["solve_order", "solve_priority"]),
        "command_post": TEXT.filter(lambda text: bool(text.strip())),
    },
)

MOMENTS = ("id", "serial", "job_id", "user_list_order", "time_creation", "name")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JOBS)
def test_a_job_that_is_sent_is_read_back_equal(job: dict[str, Any]) -> None:
    spoken = Spoken()
    shown = spoken.job(spoken.submit(job))
    for key, value in job.items():
        if key not in ("blocks",):
            assert shown[key] == value, key
    for sent, told in zip(job["blocks"], shown["blocks"], strict=True):
        for key, value in sent.items():
            # A number that is the default has nothing to say.
            if key == "tasks":
                assert told["tasks"] == value
            else:
                assert told[key] == value, key
    # What was read back, sent again, is the same job but for its moment.
    again = spoken.job(spoken.submit({**shown, "offline": " OFF" in shown.get("state", "")}))
    assert without(again, *MOMENTS, "branch") == without(shown, *MOMENTS, "branch")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    "type ids mask mode operation params user_name host_name block_ids task_ids uids users serials number mon_id path "
    "binary name blocks tasks".split()
)
VALUES = JSON | st.sampled_from(["jobs", "renders", "pools", "monitors", "users", "branches", "full", "output", "find"])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["get", "action", "job", "monitor", "user", "announce", "save"]),
    JSON | st.dictionaries(KEYS, VALUES),
)
def test_any_object_is_answered_and_nothing_breaks(key: str, value: Any) -> None:
    spoken = Spoken()
    found = read_request({key: value})
    try:
        if isinstance(found, Get) and found.kind not in ("files", "config", "monitors"):
            ask(spoken.farm, found)
        elif isinstance(found, Action) and found.kind != "monitors":
            plan_action(spoken.farm, found)
        elif isinstance(found, SubmitJob):
            spoken.play.do(found, ME)
    except AfError:
        return
    except AssertionError as error:
        # What has to be read elsewhere is no object.
        assert "isinstance(found, dict)" in str(error) or "assert False" in str(error)


def test_no_sample_is_forgotten() -> None:
    """Every recorded answer is looked at by a test of this folder, or has a reason not to be."""
    reasons = {
        "monitor-events-announce": "compared in tests/e2e/test_classic.py",
        "get-task-output-binary-bytes": "outputs are decoded where they are read, in task.log",
        "get-config-reduced": "its keys are compared in test_classic_server.py",
    }
    texts = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    names = {path.name.removesuffix(".json") for path in SAMPLES.glob("*.json")}
    forgotten = {name for name in names if f'"{name}"' not in texts and f'"{name}.json"' not in texts}
    assert forgotten <= {*reasons, "job-all-fields.request", "job-submit.request"}
