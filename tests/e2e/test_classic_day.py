"""A day of a classic client, written from the dialect's document: submit, watch by events, listen, change, delete."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.classic import call, frame
from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e

WHO = {"user_name": "artist", "host_name": "ws1"}


class Client:
    """Asks in the framings that classic programs use, one after the other, and keeps what events told."""

    def __init__(self, farm: FarmProcess) -> None:
        self._port = farm.port
        self._framings = ["text", "binary", "post"]
        self.monitor = self.ask({"monitor": {**WHO, "engine": "python"}})["monitor"]["id"]
        self.heard: list[dict[str, Any]] = []

    def ask(self, request: dict[str, Any]) -> Any:
        """Send a request; each time in the next framing."""
        self._framings.append(self._framings.pop(0))
        framing = self._framings[-1]
        answer = call(self._port, framing, frame(framing, request))
        if framing == "binary":
            return json.loads(answer[12:])
        return json.loads(answer.partition(b"JSON" if framing == "text" else b"\r\n\r\n")[2])

    def act(self, kind: str, operation: str = "", **more: Any) -> Any:
        """Do an action; ``operation`` may be empty for one that only sets ``params``."""
        extra = more.pop("extra", {})
        action = {**WHO, "type": kind, **more}
        if operation:
            action["operation"] = {"type": operation, **extra}
        return self.ask({"action": action})

    def watch(self, subject: str, **more: Any) -> None:
        """Subscribe."""
        extra = {"class": subject, "status": "subscribe", **more}
        told = self.act("monitors", "watch", ids=[self.monitor], extra=extra)
        assert told["info"]["kind"] == "log", told

    def poll(self) -> dict[str, Any]:
        """Ask for events and keep them."""
        events = self.ask({"get": {"type": "monitors", "ids": [self.monitor], "mode": "events"}})["events"]
        if events:
            self.heard.append(events)
        return events or {}

    def wait(self, what: str, seconds: float = 60) -> list[Any]:
        """Poll until an event of a kind was heard; return everything of that kind."""
        self.heard.clear()

        def told() -> list[Any]:
            self.poll()
            return [each[what] for each in self.heard if what in each]

        wait_for(told, what=f"the event {what}", seconds=seconds)
        return [each[what] for each in self.heard if what in each]

    def job(self, id: int, mode: str = "") -> Any:
        """Return a job."""
        return self.ask({"get": {"type": "jobs", "ids": [id], "mode": mode}})["jobs"][0]


def test_a_day_of_a_classic_client(farm_process: FarmProcess) -> None:
    farm = farm_process
    client = Client(farm)
    slots = {"capacity_host": 4000, "max_tasks_host": 4}
    assert client.act("pools", mask="/", params=slots)["info"]["kind"] == "log"
    for subject in ("jobs", "renders", "users"):
        client.watch(subject)
    client.watch("perm", uid=0)

    # A job whose first task waits to be let go, so that it is seen while it runs.
    gate = farm.marks / "gate"
    first = f"echo one; until [ -e {gate} ]; do sleep 0.1; done; echo two"
    render = {"name": "render", "service": "generic", "parser": "generic", "tasks": [{"name": "a", "command": first}]}
    post = {
        "name": "post", "service": "generic", "depend_mask": "render", "command": "echo post @#@", "flags": 1,
        "frame_first": 1, "frame_last": 2, "frames_per_task": 1, "frames_inc": 1,
    }  # fmt: skip
    id = client.ask({"job": {"name": "day", **WHO, "blocks": [render, post]}})["id"]
    assert [id] in client.wait("jobs_add")
    client.watch("tasks", ids=[id])
    farm.start_agent("day01")
    assert client.wait("renders_add")

    def first_task() -> Any:
        return client.ask({"get": {"type": "jobs", "ids": [id], "mode": "progress"}})["job_progress"]["progress"][0][0]

    wait_for(lambda: " RUN" in first_task()["state"], what="the first task to run")
    # Its output: asked for once, and listened to.
    task = {"type": "jobs", "ids": [id], "block_ids": [0], "task_ids": [0]}
    plain = client.ask({"get": {**task, "mode": "output"}})["task"]
    assert plain["data"] == "ERROR: Can't get ouput of a running task."
    wrong = client.ask({"get": {**task, "mode": "output", "mon_id": 999}})["task"]
    assert wrong["data"].endswith("No monitor with ID = 999")
    asked = client.ask({"get": {**task, "mode": "output", "mon_id": client.monitor}})["task"]
    assert asked["data"] == "Retrieving running task output from render..."
    (outputs, *_) = client.wait("tasks_outputs")
    assert outputs[0]["data"] == "one\n" and outputs[0]["pos"] == {"job": id, "block": 0, "task": 0, "number": 0}
    client.watch("listen", job=id, block=0, task=0)
    (listened, *_) = client.wait("tasks_listens")
    assert listened[0]["data"] == "one\n" and listened[0]["type"] == "TListen"
    running = client.ask({"get": {"type": "renders", "mask": "day01", "mode": "tasks_log"}})
    assert running["renders"][0]["name"] == "day01", "without an id it is the list"
    gate.touch()
    assert any(each[0]["data"] == "two\n" for each in client.wait("tasks_listens"))

    def done() -> bool:
        client.poll()
        return "DON" in client.job(id).get("state", "")

    wait_for(done, what="the job to be done", seconds=60)
    (known,) = client.ask({"get": {"type": "renders"}})["renders"]
    log = client.ask({"get": {"type": "renders", "ids": [known["id"]], "mode": "tasks_log"}})["message"]
    assert log["type"] == "tasks_log" and sum("Finished task" in line for line in log["list"]) == 3
    assert client.ask({"get": {**task, "mode": "files"}})["task_files"]["files"] == []
    output = client.ask({"get": {**task, "mode": "output"}})["task"]["data"]
    assert output == "one\ntwo\n"

    # Change, restart one task, append, and let it run again.
    assert client.act("jobs", ids=[id], params={"priority": 55, "annotation": "again"})["info"]["kind"] == "log"
    assert client.act("jobs", "restart", ids=[id], block_ids=[1], extra={"task_ids": [1]})["info"]["kind"] == "log"
    appended = client.act(
        "jobs", "append_tasks", ids=[id], block_ids=[0], extra={"tasks": [{"name": "b", "command": "true"}]}
    )
    assert appended == {"object": {"task_ids": [1]}}
    wait_for(done, what="the job to be done again", seconds=60)
    shown = client.job(id, "full")
    assert (shown["priority"], shown["annotation"]) == (55, "again")
    assert [each["name"] for each in shown["blocks"][0]["tasks"]] == ["a", "b"]
    starts = client.ask({"get": {"type": "jobs", "ids": [id], "mode": "progress"}})["job_progress"]["progress"]
    assert [task["str"] for task in starts[1]] == [1, 2]

    client.poll()
    assert client.act("jobs", "delete", ids=[id])["info"]["kind"] == "log"
    assert [id] in client.wait("jobs_del")
    assert [job["name"] for job in client.ask({"get": {"type": "jobs"}})["jobs"]] == ["afanasy"]
    status = farm.ask("server.status")
    assert status["closed_late"] == 0, "every call closed first"
    assert "Traceback" not in farm.log("server.log")
