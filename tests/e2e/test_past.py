"""The farm as it was, asked of a real server: by afcmd, by HTTP, after a restart, and by who may."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from afcore.errors import Rejected
from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e


def over_http(farm: FarmProcess, operation: str, **arguments: Any) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{farm.port}/api/op/{operation}", data=json.dumps(arguments).encode(), method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        found = json.load(error)
    return found


def children(farm: FarmProcess) -> list[psutil.Process]:
    assert farm.server is not None
    return [
        each for each in psutil.Process(farm.server.pid).children() if "afnet.server.pastchild" in each.cmdline()
    ]


def test_the_farm_as_it_was(new_farm: Callable[[], FarmProcess]) -> None:
    farm = new_farm()
    farm.start_server()
    farm.start_agent()
    frames = {"frame_first": 1, "frame_last": 3, "command": "true"}
    first = farm.submit(frames, name="first", user_name="ann")
    farm.wait_job(first)
    farm.ask("history.runs", limit=1, before=0)  # waits for what is on its way to the disk
    then = time.time()
    second = farm.submit(frames, name="second", user_name="ben", offline=True)
    farm.ask("job.set", ids=[second], parameters={"priority": 33})
    farm.ask("job.delete", ids=[first])
    wait_for(lambda: [row["id"] for row in farm.ask("job.list")["rows"]] == [second], what="the first job to be gone")

    shown = farm.afcmd("at", str(then), "jobs")
    assert shown.returncode == 0 and "As it was at " in shown.stdout and "The past is kept since " in shown.stdout
    assert "first" in shown.stdout and "second" not in shown.stdout, shown.stdout
    task = farm.afcmd("at", str(then), "task", "show", str(first), "0", "2", "--json")
    row = json.loads(task.stdout)["row"]
    assert (row["state"], row["render"]) == ("done", "r1"), task.stderr
    why = farm.afcmd("at", "now", "why", str(second))
    assert "paused" in why.stdout or "offline" in why.stdout, (why.stdout, why.stderr)
    for words, complaint in (
        (("at", "2001-02-03", "jobs"), "there was no farm before"),
        (("at", "2099-01-01", "jobs"), "is yet to come"),
        (("at", "now", "task", "log", "1", "0", "0"), "views of the farm alone"),
        (("at", "some day"), "is no time"),
        (("at", str(then), "job", "show", str(second)), f"There is no job {second}"),
    ):
        refused = farm.afcmd(*words)
        assert refused.returncode != 0 and complaint in refused.stderr, (words, refused.stderr)

    changes = farm.afcmd("changes", "1h", "--job", str(second))
    assert [line.split()[3:5] for line in changes.stdout.splitlines()[1:]] != [] and "first" not in changes.stdout
    assert "priority from 99 to 33" in changes.stdout, changes.stdout
    assert farm.afcmd("changes", "2001-02-03", "2001-03-04").stdout == "Nobody changed anything then.\n"
    names = [row["action"] for row in farm.ask("past.changes", since=then)["rows"]]
    assert names == ["job.delete", "job.set", "job.submit"]
    page = farm.ask("past.changes", since=then, limit=2)
    rest = farm.ask("past.changes", since=then, before=page["next"])
    assert [row["action"] for row in rest["rows"]] == ["job.submit"] and rest["next"] is None
    assert farm.ask("past.changes", since=0.0, until=then)["rows"][0]["action"] == "job.submit"
    assert farm.ask("past.changes", action="job.set", who="nobody")["rows"] == []

    # What the farm did by itself, too: a page at a time it is the same as at once.
    every = farm.afcmd("changes", "1h", "--all", "--job", str(first)).stdout
    for words in ("submitted job", "task 2 of block 0 started on r1 (run 1)", "task 2 of block 0 ended on r1: success",
                  "every task is done"):  # fmt: skip
        assert words in every, every
    assert "second" not in every and "priority" not in every
    whole = farm.ask("past.changes", all=True)["rows"]
    assert [row["at"] for row in whole] == sorted((row["at"] for row in whole), reverse=True)
    assert {"run.started", "run.finished", "render.added"} <= {row["action"] for row in whole}
    paged, before = [], 0
    while before is not None:
        page = farm.ask("past.changes", all=True, limit=3, before=before)
        paged, before = [*paged, *page["rows"]], page["next"]
    assert paged == whole and page["past"]["keep_days"] == 14.0
    of_runs = farm.ask("past.changes", all=True, action="run.", render="r1", until=then)["rows"]
    assert {row["who"] for row in of_runs} == {"system", "r1"}
    assert not farm.ask("past.changes", all=True, since=then, action="run.")["rows"]
    assert {row["who"] for row in farm.ask("past.changes", all=True, who="system")["rows"]} == {"system"}
    with pytest.raises(Rejected, match='no render "nosuch"'):
        farm.ask("past.changes", render="nosuch")

    told = over_http(farm, "past.show", at=then, view="render.list", arguments={"limit": 5})
    assert [each["name"] for each in told["rows"]] == ["r1"] and told["past"]["keep_days"] == 14.0
    assert over_http(farm, "past.show", at=then, view="render.list", arguments={"nosuch": 5})["error"]["problems"]
    assert over_http(farm, "past.show", at=then, view="account.add")["error"]["problems"]
    span = over_http(farm, "past.span")
    assert span["since"] < then < span["until"] and span["whole"]

    # Another server tells the same, with its own child; the one before took its child along.
    (child,) = children(farm)
    if hasattr(os, "nice"):
        assert child.nice() > 0
    farm.stop_server()
    wait_for(lambda: not child.is_running(), what="the child to be gone")
    farm.start_server()
    again = farm.ask("past.show", at=then)
    assert [row["name"] for row in again["rows"]] == ["first"]
    (child,) = children(farm)
    child.kill()  # it is a helper: the next question has a new one
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="the child to be killed")
    assert [row["name"] for row in farm.ask("past.show", at=then)["rows"]] == ["first"]


def test_a_farm_in_memory_has_no_past(new_farm: Callable[[], FarmProcess]) -> None:
    farm = new_farm()
    farm.start_server("--database", "memory:")
    with pytest.raises(Rejected, match="keeps no past: its database is in memory"):
        farm.ask("past.show", at=time.time())
    assert farm.ask("past.changes")["rows"] == []
