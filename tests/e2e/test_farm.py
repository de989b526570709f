"""A real farm: jobs run, logs come back, nothing is lost or done twice whoever is killed when."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter

import pytest

from tests.e2e.processes import FarmProcess
from tests.waiting import holds_within, wait_for

pytestmark = pytest.mark.e2e


def finished_runs(farm: FarmProcess, job: int) -> Counter[tuple[int, int]]:
    """Count the successful runs in the history by block and task.

    Screens may be ahead of the journal: the answer to a durable operation says that all before it is committed.
    """
    farm.ask("pool.set", paths=["/"], parameters={"annotation": "counted"})
    rows: list[dict[str, object]] = []
    before = 0
    while True:
        page = farm.ask("history.runs", job=job, limit=1000, before=before)
        rows += page["rows"]
        if page["next"] is None:
            break
        before = page["next"]
    assert len({(row["id_block"], row["id_task"], row["run"]) for row in rows}) == len(rows), "a run is there twice"
    return Counter((row["id_block"], row["id_task"]) for row in rows if row["status"] == "success")  # type: ignore[misc]


def assert_history(farm: FarmProcess, job: int, expected: dict[tuple[int, int], int]) -> None:
    """Compare the successful runs with ``expected``; the database has them a moment after the screens."""
    holds_within(60, lambda: finished_runs(farm, job) == expected)
    assert finished_runs(farm, job) == expected


def test_from_a_job_file_to_done_by_afcmd_alone(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent()
    path = farm.write_job(
        {
            "job": {
                "name": "first",
                "blocks": [
                    {"name": "a", "service": "generic", "frame_first": 1, "frame_last": 4,
                     "command": f"echo frame @#@; {farm.mark('ran')}"},
                    {"name": "b", "service": "generic", "depend_mask": "a",
                     "tasks": [{"name": "sum", "command": f"cat {farm.marks}/* | wc -l"}]},
                ],
            }
        }
    )  # fmt: skip
    submitted = farm.afcmd("submit", str(path), "--json")
    assert submitted.returncode == 0, submitted.stderr
    id = json.loads(submitted.stdout)["id"]
    watched = farm.afcmd("job", "watch", str(id))
    assert watched.returncode == 0, watched.stderr
    assert "done 100%" in watched.stdout.splitlines()[-1]
    assert farm.counts("ran") == {"1": 1, "2": 1, "3": 1, "4": 1}
    shown = json.loads(farm.afcmd("job", "show", str(id), "--json").stdout)["row"]
    assert (shown["state"], [block["counts"][4] for block in shown["blocks"]]) == ("done", [4, 1])
    wait_for(lambda: farm.afcmd("task", "log", str(id), "0", "2").stdout == "frame 3\n", what="the log")
    wait_for(lambda: farm.afcmd("task", "log", str(id), "1", "0").stdout.strip() == "4", what="the log of the sum")
    listed = farm.afcmd("task", "list", str(id), "0").stdout.splitlines()
    assert len(listed) == 5 and "frame 1" in listed[1] and "done" in listed[1]
    history = json.loads(farm.afcmd("history", "runs", "--json").stdout)["rows"]
    assert len(history) == 5 and {row["username"] for row in history} == {shown["user"]}
    assert "submitted job" in farm.afcmd("job", "log", str(id)).stdout
    assert farm.afcmd("render", "list").stdout.splitlines()[1].split()[1:3] == ["r1", "online"]


def test_http_submits_operates_and_serves_logs(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent()

    def call(path: str, body: object = None, method: str | None = None) -> tuple[int, bytes]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{farm.port}{path}", data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    block = {"name": "b", "service": "generic", "frame_last": 1, "command": "echo hi @#@"}
    job = {"name": "by http", "blocks": [block]}
    status, body = call("/api/jobs", {"job": job})
    assert status == 200
    id = json.loads(body)["id"]
    assert json.loads(body)["serial"] >= 1
    farm.wait_job(id)
    wait_for(lambda: call(f"/api/jobs/{id}/blocks/0/tasks/1/log") == (200, b"hi 1\n"), what="the log over HTTP")
    assert json.loads(call("/api/status")[1])["jobs"] == 1
    assert json.loads(call("/api/op/job.list", {})[1])["rows"][0]["id"] == id
    for path, body, method, expected in (
        ("/api/nothing", None, None, (404, "not_found")),
        ("/api/jobs", None, "GET", (405, "method")),
        ("/api/jobs", {"jab": 1}, None, (400, "bad_spec")),
        ("/api/jobs", [1], None, (400, "bad_spec")),
        ("/api/op/job.show", {"job": 99}, None, (404, "not_found")),
        ("/api/op/job.shwo", {}, None, (404, "not_found")),
        ("/api/op/job.delete", {"ids": "x"}, None, (400, "bad_arguments")),
        ("/api/jobs/2/blocks/0/tasks/7/log", None, None, (404, "not_found")),
    ):
        status, answer = call(path, body, method)
        error = json.loads(answer)["error"]
        assert (status, error["code"]) == expected, (path, error)
        assert error["sentence"] and set(error) == {"code", "sentence", "hint", "problems"}


def test_operations_change_what_they_say(farm_process: FarmProcess) -> None:
    farm = farm_process
    id = farm.submit({"frame_first": 0, "frame_last": 99, "command": farm.mark("ran")})
    assert farm.afcmd("job", "pause", str(id)).returncode == 0
    farm.start_agent()
    assert farm.afcmd("task", "skip", str(id), "0", "0-89").returncode == 0
    assert farm.afcmd("task", "suspend", str(id), "0", "95-99").returncode == 0
    assert farm.afcmd("job", "set", str(id), "--priority", "7", "--annotation", "look here").returncode == 0
    row = farm.job(id)
    assert (row["state"], row["priority"], row["annotation"]) == ("paused", 7, "look here")
    assert (row["counts"][5], row["counts"][7]) == (90, 5)
    assert not list(farm.marks.iterdir())
    assert farm.afcmd("job", "start", str(id)).returncode == 0
    wait_for(lambda: farm.job(id)["counts"][4] == 5, what="the five tasks between")
    assert farm.afcmd("job", "continue", str(id)).returncode == 0
    farm.wait_job(id)
    assert farm.counts("ran") == {str(frame): 1 for frame in range(90, 100)}
    assert farm.afcmd("task", "restart", str(id), "0", "92").returncode == 0
    farm.wait_job(id)
    wait_for(lambda: farm.counts("ran")["92"] == 2, what="task 92 to run again")
    log = farm.afcmd("job", "log", str(id)).stdout
    assert "set 90 tasks of block 0 skipped" in log and "priority from 99 to 7" in log
    assert farm.afcmd("pool", "set", "/", "--capacity", "5000", "--max-tasks", "3").returncode == 0
    assert farm.ask("render.show", name="r1")["row"]["max_tasks"] == 3
    assert farm.afcmd("job", "delete", str(id)).returncode == 0
    wait_for(lambda: not farm.ask("job.list")["rows"], what="the job to be gone")
    wait_for(lambda: not (farm.data / "files" / str(id)).exists(), what="its logs to be gone")
    assert sum(finished_runs(farm, id).values()) == 11, "the history stays"


def test_output_is_followed_while_it_comes(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent()
    gate = farm.folder / "gate"
    command = f"echo one; while [ ! -e {gate} ]; do sleep 0.05; done; echo two"
    id = farm.submit({"command": command, "frame_first": 0, "frame_last": 0})
    wait_for(lambda: farm.job(id)["running"] == 1, what="the task to run")
    seen = b""
    for lines in farm.client.follow(job=id, block=0, task=0):
        seen += lines.data
        if b"one" in seen:
            gate.touch()
    assert seen == b"one\ntwo\n"
    farm.forget_client()
    farm.wait_job(id)
    followed = farm.afcmd("task", "log", "-f", str(id), "0", "0")
    assert followed.stdout == "one\ntwo\n", "one that is over is read from what is kept"


def test_a_killed_server_comes_back_with_everything(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent("r1")
    farm.start_agent("r2")
    ids = []
    for round in range(4):
        ids.append(
            farm.submit(
                {"frame_first": 0, "frame_last": 11, "command": f"{farm.mark('begin', f'{round}-@#@')}; sleep 0.15; "
                 f"{farm.mark('end', f'{round}-@#@')}"},
                name=f"round {round}",
            )
        )  # fmt: skip
        wait_for(lambda: any(farm.counts("end").values()), what="something to be done")
        farm.kill_server()
        farm.start_server()
    for id in ids:
        farm.wait_job(id)
    assert farm.counts("begin") == farm.counts("end") == {
        f"{round}-{frame}": 1 for round in range(4) for frame in range(12)
    }
    for id in ids:
        assert_history(farm, id, {(0, task): 1 for task in range(12)})
        assert "submitted" in farm.ask("job.log", job=id, limit=10)["rows"][0]["what"], "who did what came back too"


def test_a_killed_agent_loses_no_task_and_counts_none_twice(farm_process: FarmProcess) -> None:
    farm = farm_process
    id = farm.submit(
        {"frame_first": 0, "frame_last": 11, "command": f"sleep 0.1; {farm.mark('end')}"},
    )
    for _ in range(3):
        farm.start_agent()
        wait_for(lambda: farm.job(id)["running"] or farm.job(id)["state"] == "done", what="tasks to run")
        farm.kill_agent()
    farm.start_agent()
    row = farm.wait_job(id)
    assert row["blocks"][0]["errors"] == 0, "a killed agent is no error of the task"
    assert set(farm.counts("end")) == {str(frame) for frame in range(12)}
    assert_history(farm, id, {(0, task): 1 for task in range(12)})


def test_both_killed_at_once(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent()
    id = farm.submit({"frame_first": 0, "frame_last": 9, "command": f"sleep 0.1; {farm.mark('end')}"})
    for _ in range(3):
        wait_for(lambda: farm.job(id)["running"] or farm.job(id)["state"] == "done", what="tasks to run")
        farm.kill_agent()
        farm.kill_server()
        farm.start_server()
        farm.start_agent()
    farm.wait_job(id)
    assert set(farm.counts("end")) == {str(frame) for frame in range(10)}
    assert_history(farm, id, {(0, task): 1 for task in range(10)})


def test_reports_of_an_agent_that_had_no_server_arrive_later(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent()
    command = f"{farm.mark('begin')}; sleep 1; {farm.mark('end')}; echo said"
    id = farm.submit({"frame_first": 0, "frame_last": 1, "command": command})
    # Not "the farm says that they run": it says so before the agent has heard of it.
    wait_for(lambda: farm.counts("begin") == {"0": 1, "1": 1}, what="both tasks to begin")
    farm.kill_server()
    wait_for(lambda: farm.counts("end") == {"0": 1, "1": 1}, what="the tasks to end without a server")
    farm.start_server()
    farm.wait_job(id)
    assert farm.counts("end") == {"0": 1, "1": 1}
    assert_history(farm, id, {(0, 0): 1, (0, 1): 1})
    wait_for(lambda: farm.afcmd("task", "log", str(id), "0", "1").stdout == "said\n", what="the log to arrive too")


def test_stopping_in_order_keeps_a_snapshot_and_the_next_start_everything(farm_process: FarmProcess) -> None:
    farm = farm_process
    id = farm.submit({"frame_first": 0, "frame_last": 99999, "command": "true"}, offline=True)
    farm.ask("task.skip", job=id, block=0, tasks="0-999")
    assert farm.stop_server() == 0, farm.log("server.log")
    farm.start_server()
    assert farm.ask("server.status")["snapshot_batch"] > 0
    assert farm.ask("job.log", job=id, limit=10)["rows"] == [], "what was before the snapshot is in the journal only"
    row = farm.job(id)
    assert (row["counts"][5], row["counts"][1], row["state"]) == (1000, 99000, "paused")


def test_subscribers_get_what_changed_and_the_columns(farm_process: FarmProcess) -> None:
    from afcore.rows import JobRow, TaskColumns
    from afnet.client.rows import decode_rows

    farm = farm_process
    id = farm.submit({"frame_first": 0, "frame_last": 9999, "command": "true"}, offline=True)
    jobs = farm.client.subscribe("jobs")
    first = next(jobs)
    assert first.whole and [row.id for row in decode_rows(first)] == [1, id], "with the system job, for who may see it"
    tasks = farm.client.subscribe("tasks", {"job": id})
    told: Counter[str] = Counter()
    while told["started"] < 10000:
        for piece in decode_rows(next(tasks)):
            assert isinstance(piece, TaskColumns)
            told.update(dict.fromkeys(piece.columns, piece.count))
    assert set(told.values()) == {10000}, "every column of every task, once"
    farm.afcmd("task", "skip", str(id), "0", "5000-5001")
    changed = next(jobs)
    (row,) = decode_rows(changed)
    assert isinstance(row, JobRow) and row.counts[5] == 2 and changed.version > first.version and not changed.whole
    (piece,) = decode_rows(next(tasks))
    assert (piece.first, piece.count) == (4096, 1024), "one chunk and no more"
    farm.afcmd("job", "delete", str(id))
    assert next(jobs).gone == [id]
