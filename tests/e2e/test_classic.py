"""The classic dialect on a real farm: a job is submitted, slots are set, and the job is looked at until it is done."""

from __future__ import annotations

import json
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from benchmarks.classic import call, frame
from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e

SAMPLES = Path(__file__).parents[1] / "wire" / "samples"


def ask(farm: FarmProcess, request: dict[str, Any]) -> Any:
    """Send one request in text framing and return the answer's object."""
    return json.loads(call(farm.port, "text", frame("text", request)).partition(b"JSON")[2])


def post(farm: FarmProcess, request: dict[str, Any]) -> Any:
    """Send one request as the browser page does and return the answer's object."""
    body = json.dumps(request).encode()
    http = urllib.request.Request(
        f"http://127.0.0.1:{farm.port}/", data=body, headers={"AFANASY": str(len(body))}, method="POST"
    )
    with urllib.request.urlopen(http, timeout=60) as answer:
        assert answer.headers["Content-Type"] == "application/json"
        return json.loads(answer.read())


SLOTS = {
    "action": {
        "type": "pools",
        "mask": "/",
        "user_name": "protouser",
        "host_name": "protohost",
        "params": {"capacity_host": 4000, "max_tasks_host": 4},
    }
}


def test_a_job_of_the_reference_runs_to_its_end(farm_process: FarmProcess) -> None:
    farm = farm_process
    job = json.loads((SAMPLES / "job-submit.request.json").read_text())
    render, posted = job["job"]["blocks"]
    render.update(command="echo PROGRESS: 50%; echo frames @#@ - @####@", hosts_mask="class")
    # The second task fails in the sample; here both shall be done.
    posted["tasks"][1]["command"] = "true"

    assert ask(farm, SLOTS) == {"info": {"kind": "log", "text": "Action processed."}}
    answer = post(farm, job)
    id = answer["id"]
    assert set(answer) == {"id", "serial"}
    waiting = ask(farm, {"get": {"type": "jobs", "ids": [id]}})["jobs"][0]
    assert (waiting["name"], waiting["state"], waiting["branch"]) == ("proto_main", " RDY", "/proto")
    assert waiting["blocks"][0]["p_progressbar"] == "r" * 128
    assert waiting["blocks"][1]["state"] == " WDP"

    # The mask is of the find kind in this dialect: the beginning of the name is enough.
    farm.start_agent("classic01")
    done: dict[str, Any] = {}

    def is_done() -> bool:
        done.update(ask(farm, {"get": {"type": "jobs", "ids": [id], "mode": "full"}})["jobs"][0])
        return "DON" in done["state"]

    wait_for(is_done, what="the job to be done", seconds=60)
    assert [block["p_percentage"] for block in done["blocks"]] == [100, 100]
    assert [block["p_progressbar"] for block in done["blocks"]] == ["D" * 128] * 2
    assert done["blocks"][1]["tasks"][0] == {"name": "one", "command": "echo ONE", "files": ["a.txt"]}
    assert done["time_done"] >= done["time_started"] >= done["time_creation"]

    progress = ask(farm, {"get": {"type": "jobs", "ids": [id], "mode": "progress"}})["job_progress"]["progress"]
    assert [[task["state"] for task in block] for block in progress] == [[" DON"] * 4, [" DON"] * 2]
    task = {"type": "jobs", "ids": [id], "block_ids": [0], "task_ids": [1]}
    output = ask(farm, {"get": {**task, "mode": "output"}})["task"]
    assert output["data"] == "PROGRESS: 50%\nframes 3 - 0004\n" and output["progress"]["hst"] == "classic01"
    log = ask(farm, {"get": {**task, "mode": "log"}})["task"]["data"].splitlines()
    assert log[0].endswith('SESSION #1: Starting on "classic01"') and log[1].endswith("Finished success.")
    assert ask(farm, {"get": {"type": "jobs", "ids": [id], "mode": "log"}})["message"]["list"]
    (render,) = ask(farm, {"get": {"type": "renders", "mask": "classic"}})["renders"]
    assert (render["name"], render["state"], render["pool"]) == ("classic01", " ONL", "/")
    (user,) = ask(farm, {"get": {"type": "users", "mask": "proto"}})["users"]
    assert (user["name"], user["jobs_num"]) == ("protouser", 1)
    assert [each["name"] for each in ask(farm, {"get": {"type": "branches"}})["branches"]] == ["/", "/proto"]
    (pool,) = ask(farm, {"get": {"type": "pools"}})["pools"]
    assert (pool["renders_online"], pool["capacity_host"]) == (1, 4000)


def test_what_is_refused_and_what_is_not_there_yet(farm_process: FarmProcess) -> None:
    farm = farm_process
    refused = ask(farm, {"job": {"name": "x", "user_name": "me", "blocks": []}})
    assert (refused["id"], refused["serial"]) == (0, 0) and "block" in refused["error"]
    assert ask(farm, {"get": {"type": "jobs", "ids": [998]}}) == {"info": {"kind": "error", "text": "Invalid ID"}}
    assert "JSON only" in ask(farm, {"get": {"type": "jobs", "binary": True}})["info"]["text"]
    assert "no file" in ask(farm, {"save": {"path": "../x", "object": {}}})["info"]["text"]
    wrong = {"action": {**SLOTS["action"], "params": {"capacity_host": -7}}}
    assert ask(farm, wrong)["info"]["kind"] == "error"


def test_a_day_of_actions(farm_process: FarmProcess) -> None:
    farm = farm_process
    who = {"user_name": "protouser", "host_name": "protohost"}

    def act(kind: str, **more: Any) -> Any:
        return ask(farm, {"action": {**who, "type": kind, **more}})

    def job() -> Any:
        return ask(farm, {"get": {"type": "jobs", "ids": [id], "mode": "full"}})["jobs"][0]

    id = ask(farm, json.loads((SAMPLES / "job-submit.request.json").read_text()))["id"]
    processed = {"info": {"kind": "log", "text": "Action processed."}}
    assert act("jobs", ids=[id], operation={"type": "pause"}) == processed
    assert act("jobs", mask="proto_.*", params={"priority": 120, "annotation": 'x "y"'}) == processed
    found = job()
    assert (found["state"], found["priority"], found["annotation"]) == (" RDY OFF", 120, 'x "y"')
    assert act("jobs", ids=[id], block_ids=[0], operation={"type": "skip", "task_ids": [1]}) == processed
    assert job()["blocks"][0]["p_tasks_skipped"] == 1
    tasks = [{"name": "x", "command": "echo x"}, {"name": "y"}]
    appended = act("jobs", ids=[id], block_ids=[1], operation={"type": "append_tasks", "tasks": tasks})
    assert appended == {"object": {"task_ids": [2, 3]}}
    block = {"name": "d", "service": "generic", "command": "echo @#@", "flags": 1, "frame_first": 1, "frame_last": 3}
    assert act("jobs", ids=[id], operation={"type": "append_blocks", "blocks": [block]}) == {
        "object": {"block_ids": [2]}
    }
    assert [each["tasks_num"] for each in job()["blocks"]] == [4, 4, 3]
    assert act("pools", ids=[1], operation={"type": "add_pool", "name": "proto pool!"})["info"] == {
        "kind": "info",
        "text": "Pool '/proto_pool_' added to pool '/'",
    }
    assert [each["name"] for each in ask(farm, {"get": {"type": "pools"}})["pools"]] == ["/", "/proto_pool_"]
    assert act("jobs", ids=[999], operation={"type": "pause"})["info"]["text"] == "Action node ID not found: 999."
    bad = act("jobs", ids=[id], params={"depend_mask": "(["})
    assert bad["info"]["kind"] == "error" and "depend_mask" in bad["info"]["text"]
    assert act("jobs", ids=[id], operation={"type": "delete"}) == processed
    assert [each["name"] for each in ask(farm, {"get": {"type": "jobs"}})["jobs"]] == ["afanasy"]


def test_a_monitor_hears_what_happens(farm_process: FarmProcess) -> None:
    farm = farm_process
    who = {"user_name": "protouser", "host_name": "protohost"}
    assert ask(farm, {"user": {"name": "protouser", "priority": 7}})["user"]["priority"] == 7
    assert ask(farm, {"user": {"name": "protouser"}})["error"] == "exists"
    monitor = post(farm, {"monitor": {**who, "engine": "proto"}})["monitor"]
    assert (monitor["name"], monitor["uid"]) == ("protouser@protohost", 2)

    def act(operation: dict[str, Any]) -> Any:
        return ask(farm, {"action": {**who, "type": "monitors", "ids": [monitor["id"]], "operation": operation}})

    def poll() -> Any:
        return ask(farm, {"get": {"type": "monitors", "ids": [monitor["id"]], "mode": "events"}})

    for kind in ("jobs", "users"):
        subscribed = act({"type": "watch", "class": kind, "status": "subscribe"})
        assert subscribed == {"info": {"kind": "log", "text": f"Subscribed on '{kind}'"}}
    assert poll() == json.loads((SAMPLES / "monitor-events-none.json").read_text())
    id = ask(farm, json.loads((SAMPLES / "job-submit.request.json").read_text()))["id"]
    heard = poll()["events"]
    assert heard["jobs_add"] == [id] and heard["users_change"][0] == 2, "its pre command may change the system's user"
    act({"type": "watch", "class": "tasks", "status": "subscribe", "ids": [id]})
    skip = {"type": "skip", "task_ids": [1]}
    ask(farm, {"action": {**who, "type": "jobs", "ids": [id], "block_ids": [0], "operation": skip}})
    heard = poll()["events"]
    assert heard["jobs_change"] == [id]
    assert heard["tasks_progress"] == [
        {"job_id": id, "blocks": [0], "tasks": [1], "progress": [{"state": " DON SKP", "st": 272}]}
    ]
    assert heard["block_ids"] == {"job_id": [id], "block_num": [0], "mode": ["progress"]}
    change = {"capacity": 123}
    ask(farm, {"action": {**who, "type": "jobs", "ids": [id], "block_ids": [0], "params": change}})
    assert poll()["events"]["block_ids"]["mode"] == ["properties"]
    assert ask(farm, {"announce": "hello all"}) == {"status": "success", "announce": "OK", "success": "OK"}
    recorded = json.loads((SAMPLES / "monitor-events-announce.json").read_text())["events"]
    assert poll()["events"]["message"] == recorded["message"]
    ask(farm, {"action": {**who, "type": "jobs", "ids": [id], "operation": {"type": "delete"}}})
    assert poll()["events"]["jobs_del"] == [id]
    # A monitor that says goodbye gets no answer.
    body = json.dumps(
        {"action": {**who, "type": "monitors", "ids": [monitor["id"]], "operation": {"type": "deregister"}}}
    ).encode()
    with socket.create_connection(("127.0.0.1", farm.port), timeout=60) as one:
        one.sendall(b"AFANASY %d JSON%s" % (len(body), body))
        assert one.recv(100) == b""
    assert poll() == {"monitor": {"id": 0}}
