"""Classic monitors and the small messages, beside what the reference really said."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from afcore import events
from afcore.envelope import Principal
from afcore.errors import NotAllowed
from afcore.ids import RunKey
from afcore.jobspec import JobSpec
from afcore.model.farm import Farm
from afcore.model.tasks import TaskTable
from afcore.model.tree import Pool
from afcore.states import Role, TaskState
from afnet.classic.dialect import read_request
from afnet.classic.json_action import Action
from afnet.classic.json_get import Get
from afnet.classic.json_other import announced, files_answer, read_announcement, reload_answer, save_answer
from afnet.server.board import Board
from afnet.server.classicmonitors import ZOMBIE_TIME, ClassicMonitors
from afnet.server.classicoutputs import ClassicOutputs
from afnet.wire.messages import Follow, LogLines
from tests.wire.test_classic_samples import make_farm, sample, sources, submitted, without

ME = Principal("me", Role.GOD, "127.0.0.1")
MOMENTS = ("id", "time_register", "time_launch", "time_update", "time_activity")


class StillClock:
    """A clock that goes when it is told."""

    time = 1795245250.0

    def now(self) -> float:
        return self.time


class FollowedRuns:
    """Stands for the farm's followers: who follows which run, and says what a test lets the agents say."""

    def __init__(self) -> None:
        self.by_run: dict[RunKey, Any] = {}

    def follow(self, ear: Any, message: Follow) -> None:
        self.by_run[RunKey(message.job, message.block, message.task, message.run)] = ear

    def unfollow(self, ear: Any, id: int) -> None:
        for key, known in list(self.by_run.items()):
            if known is ear:
                del self.by_run[key]

    def say(self, key: RunKey, data: bytes, *, last: bool = False) -> None:
        self.by_run[key].send(LogLines(*key, 0, data, last, 0))


class Desk:
    """Monitors over a farm with one job of user 1, whose board is marked by hand."""

    def __init__(self) -> None:
        states = [[TaskState.READY] * 4, [TaskState.READY] * 2]
        self.farm: Farm = make_farm(submitted("job-submit"), id=15, serial=1, states=states, created=1795245246)
        self.farm.users_by_name["protouser"] = 1
        self.farm.pools[1] = Pool(id=1, path="/")
        self.board = Board(self.farm, first_version=1000)
        self.clock = StillClock()
        self.followed = FollowedRuns()
        outputs = ClassicOutputs(self.farm, self.followed)  # type: ignore[arg-type]
        self.monitors = ClassicMonitors(self.farm, self.board, self.clock, outputs)  # type: ignore[arg-type]

    def register(self, user: str = "protouser") -> dict[str, Any]:
        request = {"monitor": {"user_name": user, "host_name": "sampler2", "engine": "Firefox"}}
        return self.monitors.register(request, ME)

    def act(self, operation: dict[str, Any], **chosen: Any) -> Any:
        action = {"user_name": "protouser", "host_name": "protohost", "type": "monitors", "operation": operation}
        found = read_request({"action": {**action, **(chosen or {"ids": [1]})}})
        assert isinstance(found, Action)
        return self.monitors.act(found, ME)

    def watch(self, kind: str, **more: Any) -> Any:
        return self.act({"type": "watch", "class": kind, "status": "subscribe", **more})

    def poll(self, id: int = 1) -> Any:
        return self.get(mode="events", ids=[id])

    def get(self, **more: Any) -> Any:
        return self.monitors.get(Get("monitors", **more), sources(), ME)


def with_desk(test: Callable[[Desk], None]) -> Callable[[], None]:
    """Run a test on an event loop, with a desk that is closed afterwards."""

    async def run() -> None:
        desk = Desk()
        test(desk)
        desk.monitors.close()
        assert not desk.board.watched

    def wrapped() -> None:
        asyncio.run(run())

    wrapped.__name__ = test.__name__
    return wrapped


@with_desk
def test_registering(desk: Desk) -> None:
    assert desk.get() == sample("get-monitors-empty")
    found = desk.register()
    assert without(found["monitor"], *MOMENTS, "uid") == without(sample("monitor-register")["monitor"], *MOMENTS, "uid")
    assert list(found["monitor"]) == list(sample("monitor-register")["monitor"])
    assert found["monitor"]["uid"] == 1
    assert desk.register("nobody")["monitor"]["uid"] == -1
    assert desk.register()["monitor"]["name"] == "protouser@sampler2-1"
    assert [each["id"] for each in desk.get()["monitors"]] == [1, 2, 3]


@with_desk
def test_subscriptions_are_answered_in_the_same_words(desk: Desk) -> None:
    desk.register()
    assert desk.watch("jobs") == sample("action-monitor-watch-jobs")
    assert desk.watch("foo") == sample("action-monitor-watch-badclass")
    assert desk.watch("perm", uid=0) == sample("action-monitor-watch-perm")
    assert desk.act({"type": "exit"}) == sample("action-monitor-exit")
    assert desk.poll() == sample("monitor-events-instruction")
    assert desk.poll() == sample("monitor-events-none")
    assert desk.poll(999) == sample("get-monitors-events-badid")
    assert desk.act({"type": "message", "text": 'Hi "there"\nnew'}, mask=".*") == sample("action-monitor-message")
    assert desk.poll()["events"]["message"] == 'Hi "there"\nnew\n - protouser@protohost 127.0.0.1'
    assert "Unknown operation 'x'." in str(desk.act({"type": "x"}))
    log, recorded = desk.get(mode="log", ids=[1])["message"], sample("get-monitors-log")["message"]
    assert list(log) == list(recorded) and log["type"] == "log"
    assert log["list"][0].endswith("Subscribed on 'jobs'") and recorded["list"][0].endswith("Subscribed on 'jobs'")
    lines = desk.get(ids=[1], mode="log")["message"]["list"]
    assert len(lines) == 4 and lines[0].endswith("monitors: protouser@sampler2: Subscribed on 'jobs'")
    for kind in ("users", "renders", "pools", "branches", "monitors"):
        desk.watch(kind)
    (found,) = desk.get()["monitors"]
    assert found["events"] == sample("get-monitors")["monitors"][0]["events"]


@with_desk
def test_events_of_jobs_reach_their_owner_and_who_sees_all(desk: Desk) -> None:
    desk.register()
    desk.register("nobody")
    desk.watch("jobs")
    desk.act({"type": "watch", "class": "jobs", "status": "subscribe"}, ids=[2])
    edited = events.JobEdited(15, {"priority": 99}, {"priority": 5})
    desk.board.mark([edited])
    assert desk.poll() == {"events": {"jobs_change": [15]}}
    assert desk.poll(2) == {"events": None}
    desk.act({"type": "watch", "class": "perm", "uid": 0}, ids=[2])
    desk.board.mark([edited])
    assert desk.poll(2) == {"events": {"jobs_change": [15]}}
    desk.farm.users[1].jobs.clear()
    del desk.farm.jobs[15]
    desk.board.mark([events.JobDeleted(15)])
    assert desk.poll() == desk.poll(2) == sample("monitor-events-job-del")


@with_desk
def test_only_the_tasks_that_changed_are_told(desk: Desk) -> None:
    desk.register()
    desk.watch("tasks", ids=[15])
    block = desk.farm.jobs[15].blocks[0]
    block.tasks.state[2] = TaskState.SKIPPED
    block.tasks.counts = block.tasks.recount()
    desk.board.mark([events.TasksChanged(15, 0, int(TaskState.SKIPPED), [(2, 2)])])
    heard = desk.poll()["events"]
    assert heard["tasks_progress"] == [
        {"job_id": 15, "blocks": [0], "tasks": [2], "progress": [{"state": " DON SKP", "st": 272}]}
    ]
    assert heard["block_ids"] == {"job_id": [15], "block_num": [0], "mode": ["progress"]}
    block.spec.capacity = 123
    desk.board.mark([events.BlockEdited(15, 0, {}, {})])
    assert desk.poll() == {"events": {"block_ids": sample("monitor-events-blocks-properties")["events"]["block_ids"]}}
    assert desk.poll() == {"events": None}


@with_desk
def test_who_says_nothing_is_forgotten(desk: Desk) -> None:
    desk.register()
    desk.register()
    desk.act({"type": "watch", "class": "monitors", "status": "subscribe"}, ids=[2])
    desk.clock.time += ZOMBIE_TIME
    assert desk.poll(2) == {"events": None}
    desk.clock.time += 1
    desk.monitors._forget_silent()
    assert desk.poll(2) == {"events": {"monitors_del": [1]}}
    assert desk.poll(1) == {"monitor": {"id": 0}}
    assert desk.act({"type": "deregister"}, ids=[2]) is None
    assert not desk.board.watched


@with_desk
def test_what_is_not_well_with_the_server_is_told_to_who_is_there_and_to_who_comes(desk: Desk) -> None:
    desk.register()
    desk.monitors.warn("Solving is paused.")
    desk.register()
    assert desk.poll(1) == desk.poll(2) == {"events": {"message": "Solving is paused."}}
    desk.monitors.warn("Solving is paused.")
    assert desk.poll(1) == {"events": None}, "once"
    desk.monitors.warn("")
    assert desk.poll(2) == {"events": {"message": "The server is well again."}}
    desk.register()
    assert desk.poll(3) == {"events": None}


def test_announcements_and_what_is_refused() -> None:
    assert read_announcement({"announce": "Announced text"}) == "Announced text"
    assert announced() == sample("announce")
    for wrong in ("", 5):
        assert read_announcement({"announce": wrong}) == {"info": {"kind": "error", "text": "Invalid action."}}
    assert reload_answer([]) == sample("reload-config")
    assert "listen" in reload_answer(["listen"])["success"]
    assert set(reload_answer([], error="no")) == {"status", "reload_config", "error"}
    assert save_answer({"save": 5})["info"]["text"] == '"save" is not an object.'
    assert save_answer({"save": {}})["info"]["text"] == '"path" is not an string.'
    assert save_answer({"save": {"path": "x"}})["info"]["text"] == '"object" is not an object.'
    assert "writes no file" in save_answer({"save": {"path": "x", "object": {}}})["info"]["text"]


@pytest.mark.parametrize("path", ["/etc", "", "..", "a:b", "\\x"])
def test_paths_outside_are_empty(path: str) -> None:
    found = files_answer(Get("files", path=path), lambda path: ["never"])
    assert found == {**sample("get-files-refused"), "path": path}


def test_files_of_a_folder_of_pages() -> None:
    recorded = sample("get-files-icons")
    folders = {"icons/tickets": recorded["files"]}
    assert files_answer(Get("files", path="icons/tickets"), folders.__getitem__) == recorded


def run_frames(desk: Desk, *tasks: int) -> None:
    """Let frames of the first block run for the first time."""
    block = desk.farm.jobs[15].blocks[0]
    for task in tasks:
        block.tasks.state[task] = TaskState.RUNNING
        block.tasks.starts[task] = 1
    block.tasks.counts = block.tasks.recount()
    desk.farm.jobs[15].running_tasks = block.running_tasks = len(tasks)


@with_desk
def test_a_monitor_listens_to_what_runs_and_to_what_begins_to_run(desk: Desk) -> None:
    desk.register()
    run_frames(desk, 0)
    assert desk.watch("listen", job=15, block=0) == sample("action-monitor-listen")
    first, second = RunKey(15, 0, 0, 1), RunKey(15, 0, 1, 1)
    assert list(desk.followed.by_run) == [first]
    desk.followed.say(first, b"one\n\xc3")
    run_frames(desk, 0, 1)
    (heard,) = desk.poll()["events"]["tasks_listens"]
    assert (heard["type"], heard["data"], heard["pos"]["task"]) == ("TListen", "one\n", 0)
    # Half a character waits for its other half; the second task is heard since that poll.
    desk.followed.say(first, b"\xa9\n", last=True)
    desk.followed.say(second, b"two\n")
    found = desk.poll()["events"]["tasks_listens"]
    assert [(each["pos"]["task"], each["data"]) for each in found] == [(0, "\u00e9\n"), (1, "two\n")]
    assert desk.poll() == {"events": None}
    unsubscribed = desk.act({"type": "watch", "class": "listen", "job": 15, "block": 0, "status": "unsubscribe"})
    assert unsubscribed["info"]["text"] == "Unsubscribed from 'listen'"
    assert second not in desk.followed.by_run


@with_desk
def test_a_monitor_that_says_goodbye_hears_nothing_more(desk: Desk) -> None:
    desk.register()
    run_frames(desk, 0, 1)
    desk.watch("listen", job=15, block=0, task=1)
    desk.monitors.outputs.ask(1, 15, 0, 0)
    assert len(desk.followed.by_run) == 2
    desk.act({"type": "deregister"})
    assert desk.followed.by_run == {}


@with_desk
def test_an_output_that_was_asked_for_comes_with_a_poll(desk: Desk) -> None:
    desk.register()
    run_frames(desk, 2)
    desk.monitors.outputs.ask(1, 15, 0, 2)
    assert desk.poll() == {"events": None}
    desk.followed.say(RunKey(15, 0, 2, 0), b"PROGRESS: 50%\n", last=True)
    (found,) = desk.poll()["events"]["tasks_outputs"]
    (recorded,) = sample("monitor-events-tasks-outputs")["events"]["tasks_outputs"]
    assert list(found) == list(recorded) and found["data"] == recorded["data"]
    assert found["type"] == recorded["type"]


@with_desk
def test_a_monitor_hears_that_jobs_of_its_user_changed_places(desk: Desk) -> None:
    recorded = sample("monitor-events-jobs-order")["events"]["jobs_order_ids"]
    user = desk.farm.users[1]
    user.jobs = sorted(recorded)
    desk.register()
    assert desk.poll() == {"events": None}
    user.jobs = list(recorded)
    assert desk.poll() == sample("monitor-events-jobs-order")
    # Jobs that come and go are told otherwise.
    user.jobs = [*recorded[1:], 99]
    assert desk.poll() == {"events": None}
    # Somebody who hears of everybody's jobs has no order.
    desk.watch("perm", uid=0)
    user.jobs.reverse()
    assert desk.poll() == {"events": None}


@with_desk
def test_appended_tasks_are_told_as_recorded(desk: Desk) -> None:
    desk.register()
    desk.watch("tasks", ids=[15])
    block = desk.farm.jobs[15].blocks[0]
    grown = TaskTable(6)
    grown.state[:] = bytes([TaskState.READY] * 6)
    grown.counts = grown.recount()
    block.tasks = grown
    desk.board.mark([events.TasksAppended(15, 0, JobSpec(name="x"))])
    recorded = sample("monitor-events-blocks-full")["events"]["block_ids"]
    assert desk.poll()["events"]["block_ids"] == recorded


@with_desk
def test_a_monitor_is_for_who_registered_it_and_for_administrators(desk: Desk) -> None:
    ann = Principal("", Role.USER, "192.0.2.1")
    request = {"monitor": {"user_name": "protouser", "host_name": "ws1", "engine": "Firefox"}}
    id = desk.monitors.register(request, ann)["monitor"]["id"]
    seen = Get("monitors", mode="events", ids=[id])
    exit_it = read_request({"action": {"user_name": "protouser", "host_name": "ws1", "type": "monitors", "ids": [id],
                                       "operation": {"type": "exit"}}})  # fmt: skip
    assert isinstance(exit_it, Action)
    for stranger in (Principal("", Role.USER, "192.0.2.2"), Principal("bob", Role.VISOR, "192.0.2.1")):
        assert desk.monitors.get(seen, sources(), stranger) == {"monitor": {"id": 0}}
        told = desk.monitors.act(exit_it, stranger)
        assert told is not None and "may not act on the monitor" in told["info"]["text"]
        assert not desk.monitors.forget(id, stranger) and not desk.monitors.knows(id, stranger)
        with pytest.raises(NotAllowed):
            desk.monitors.announce("to all", stranger)
    assert desk.monitors.get(seen, sources(), ann) == {"events": None}
    assert desk.monitors.act(exit_it, ann) is not None
    assert desk.monitors.get(seen, sources(), ann) == {"events": {"instruction": "exit"}}
    desk.monitors.announce("to all", ME)
    assert desk.monitors.get(seen, sources(), ME) == {"events": {"message": "to all"}}
    assert desk.monitors.forget(id, ann)


@with_desk
def test_an_unknown_user_gets_a_monitor_of_its_own(desk: Desk) -> None:
    recorded = sample("monitor-register-unknown-user")["monitor"]
    found = desk.register("somebody")["monitor"]
    assert found["uid"] == recorded["uid"] == -1 and list(found) == list(recorded)
