"""The audit on a real farm: one row an act with before and after, none for reports, and a chain that tells changes."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = [pytest.mark.e2e]

TASKS = 2000


def rows(farm: FarmProcess, **query: Any) -> list[dict[str, Any]]:
    """Return rows of the audit, newest first."""
    found: list[dict[str, Any]] = farm.ask("audit.list", limit=1000, **query)["rows"]
    return found


def test_a_mass_operation_is_one_row_with_what_was_before(farm_process: FarmProcess) -> None:
    farm = farm_process
    job = farm.submit({"frame_first": 1, "frame_last": TASKS, "command": "true"}, offline=True)
    farm.ask("task.skip", job=job, block=0, tasks=[[0, 9]])
    farm.ask("job.done", job=job)
    farm.ask("job.restart", ids=[job])
    farm.ask("job.set", ids=[job], parameters={"priority": 7})
    assert [row["action"] for row in rows(farm, action="job.")] == [
        "job.set", "job.restart", "job.done", "job.submit"
    ]  # fmt: skip
    (edit,) = rows(farm, action="job.set")
    assert edit["who"] and edit["role"] == "god" and edit["origin"] == "127.0.0.1" and "from 99 to 7" in edit["what"]
    fact = farm.ask("audit.show", seq=edit["seq"])["row"]["facts"][0]
    assert (fact["old"], fact["new"]) == ({"priority": 99}, {"priority": 7})

    (restart,) = rows(farm, action="job.restart")
    before: dict[str, int] = {}
    for fact in farm.ask("audit.show", seq=restart["seq"])["row"]["facts"]:
        for state, count in fact.get("before", {}).items():
            before[state] = before.get(state, 0) + count
    assert sum(before.values()) == TASKS and before["done"] + before.get("skipped", 0) == TASKS
    shown = farm.afcmd("audit", "show", str(edit["seq"])).stdout
    assert "priority: 99 -> 7" in shown
    (searched,) = rows(farm, text="from 99 to 7")
    assert searched["seq"] == edit["seq"] and rows(farm, who="nobody at all") == []


def test_what_nodes_do_is_there_and_what_they_report_is_not(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent("r1")
    job = farm.submit({"frame_first": 1, "frame_last": 5, "command": "true"})
    farm.wait_job(job)
    found = [row["action"] for row in rows(farm)]
    assert sorted(set(found)) == ["RegisterRender", "job.submit"] and len(found) == 2
    (node,) = rows(farm, action="RegisterRender")
    assert node["role"] == "node" and node["who"] == "r1"


def test_the_chain_outlives_a_kill_and_tells_of_every_change(farm_process: FarmProcess) -> None:
    farm = farm_process
    for priority in (1, 2, 3):
        farm.ask("pool.set", paths=["/"], parameters={"priority": priority})
    noted = farm.ask("audit.verify")
    farm.kill_server()
    farm.start_server()
    farm.ask("pool.set", paths=["/"], parameters={"priority": 4})
    known = f"{noted['rows']}:{noted['hash']}"
    whole = farm.ask("audit.verify", known=known)
    assert whole["whole"] and whole["rows"] == noted["rows"] + 1
    assert farm.afcmd("audit", "verify").returncode == 0
    farm.stop_server()

    database = next(farm.data.glob("*.db"))
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE af_audit SET who = 'somebody else' WHERE seq = 2")
    connection.close()
    farm.start_server()
    wait_for(lambda: farm.ask("server.status"), what="the server to answer")
    said = farm.afcmd("audit", "verify", "--json")
    assert said.returncode == 1 and not json.loads(said.stdout)["whole"]
    assert "Row 2 does not say what it said" in json.loads(said.stdout)["wrong"]
    farm.stop_server()
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM af_audit WHERE seq > 1")
    connection.close()
    farm.start_server()
    # Rows cut off at the end are missed by nobody who has not noted one of them.
    assert farm.ask("audit.verify")["whole"] and not farm.ask("audit.verify", known=known)["whole"]
