"""What a person does with the programs: jobs of the first documents, agents by name, watching, JSON, long listings."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pty
import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import ROOT, FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e

JOBS = ROOT / "tests" / "data" / "jobs"


def test_the_jobs_of_the_first_documents_run(farm_process: FarmProcess) -> None:
    farm = farm_process
    work, programs = farm.folder / "work", farm.folder / "bin"
    work.mkdir()
    programs.mkdir()
    nuke = programs / "nuke"
    nuke.write_text(f'#!/bin/sh\necho "$@" >> {farm.marks}/nuke\n')
    nuke.chmod(0o755)
    farm.environment["PATH"] = f"{programs}:{os.environ['PATH']}"
    farm.environment["PYTHONPATH"] += f":{ROOT / 'afnet' / 'python'}"
    farm.start_agent()
    job = json.loads((JOBS / "seed_job.json").read_text(encoding="utf-8"))
    job["job"]["blocks"][0]["working_directory"] = str(work)
    submitted = farm.afcmd("submit", str(farm.write_job(job)))
    id = int(re.findall(r"Job (\d+) is submitted", submitted.stdout)[0])
    farm.wait_job(id)
    called = sorted((farm.marks / "nuke").read_text().splitlines())
    assert called == sorted(f"-F{first},{first + 18} -x scene.nk -X Write1" for first in (1, 21, 41, 61, 81))
    ran = subprocess.run(
        [sys.executable, str(JOBS / "seed_job.py")],
        env=farm.environment, cwd=work, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    (own,) = [row for row in farm.ask("job.list")["rows"] if row["name"] == "example job"]
    farm.wait_job(own["id"])
    log = farm.afcmd("task", "log", str(own["id"]), "0", "0")
    assert log.returncode == 0 and log.stdout.startswith("total "), log.stderr


def test_a_log_can_be_read_as_soon_as_the_job_is_done(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent()
    for number in range(5):
        id = farm.submit({"command": f"seq {20_000 * number}; echo end", "frame_first": 0, "frame_last": 0})
        assert farm.afcmd("job", "watch", str(id)).returncode == 0
        log = farm.afcmd("task", "log", str(id), "0", "0")
        assert log.stdout.endswith("end\n") and log.stdout.count("\n") == 20_000 * number + 1, log.stderr


def test_agents_by_name_before_their_server_and_their_nimby_words(new_farm: type[FarmProcess]) -> None:
    farm = new_farm()
    farm.environment["AF_HOSTNAME"] = "by-environment"
    farm.agents["first"] = farm.spawn("first.log", "afrender.main", "--headless", "NIMBY")
    farm.start_agent("second", "nimby")
    for log in ("first.log", "second.log"):
        wait_for(lambda log=log: "No server yet" in farm.log(log), what="an agent to look for its server")
    farm.start_server("--listen", f"[::1]:{farm.port}")
    wait_for(lambda: len(farm.ask("render.list")["rows"]) == 2, what="both agents")
    words = {row["name"]: row["words"] for row in farm.ask("render.list")["rows"]}
    assert words == {"by-environment": ["online", "NIMBY"], "second": ["online", "nimby"]}
    assert farm.afcmd("--server", f"[::1]:{farm.port}", "render", "show", "second").returncode == 0
    shown = farm.ask("render.show", name="second")["row"]
    assert shown["address"] == "127.0.0.1" and shown["interfaces"]


def test_without_headless_the_server_says_where_the_window_is(new_farm: type[FarmProcess]) -> None:
    farm = new_farm()
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        farm.environment.pop(name, None)
    farm.server = farm.spawn(
        "server.log", "afnet.server.main", "--listen", f"127.0.0.1:{farm.port}", "--data", str(farm.data)
    )
    assert farm.server.wait(timeout=60) == 2
    assert "there is no display for its window; `afserver --headless` runs without" in farm.log("server.log")
    farm.server = None


def test_a_job_is_watched_while_the_server_is_killed_and_comes_back(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent()
    gate = farm.folder / "gate"
    wait = f"while [ ! -e {gate} ]; do sleep 0.05; done"
    id = farm.submit({"command": wait, "frame_first": 0, "frame_last": 0})
    watch = farm.spawn("watch.log", "afnet.cli.main", "job", "watch", str(id))
    wait_for(lambda: "1 running" in farm.log("watch.log"), what="the watcher to see it run")
    farm.kill_server()
    wait_for(lambda: "Waiting for the server" in farm.log("watch.log"), what="the watcher to notice")
    farm.start_server()
    gate.touch()
    assert watch.wait(timeout=60) == 0, farm.log("watch.log")
    lines = farm.log("watch.log").splitlines()
    assert "done 100%" in lines[-1]
    assert all(line != following for line, following in itertools.pairwise(lines)), "nothing is told twice"


def test_a_terminal_sees_bars_and_tables_that_fit(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent()
    id = farm.submit({"command": "true", "frame_first": 1, "frame_last": 3}, name="a long name " * 20)
    farm.wait_job(id)
    farm.environment.update(COLUMNS="80", LINES="40", TERM="xterm")

    def on_terminal(*words: str) -> str:
        ours, theirs = pty.openpty()
        try:
            with subprocess.Popen(
                [sys.executable, "-m", "afnet.cli.main", *words],
                env=farm.environment, stdin=theirs, stdout=theirs, stderr=theirs, cwd=farm.folder,
            ) as process:  # fmt: skip
                os.close(theirs)
                said = b""
                while True:
                    try:
                        piece = os.read(ours, 65536)
                    except OSError:
                        break
                    if not piece:
                        break
                    said += piece
            assert process.returncode == 0, said
        finally:
            os.close(ours)
        return said.decode()

    assert "3/3" in on_terminal("job", "watch", str(id))
    for words in (["job", "list"], ["task", "list", str(id), "0"], ["history", "runs"], ["render", "list"]):
        lines = on_terminal(*words).replace("\r", "").splitlines()
        assert len(lines) >= 2 and max(map(len, lines)) <= 80, lines
    assert "…" in on_terminal("job", "list")


@pytest.fixture(scope="module")
def lasting_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarmProcess]:
    farm = FarmProcess(tmp_path_factory.mktemp("person") / "farm")
    try:
        farm.start_server()
        farm.start_agent()
        for number in range(7):
            farm.submit({"command": "echo x", "frame_first": 1, "frame_last": 4}, name=f"job {number}")
        farm.wait_job(8)
        yield farm
    finally:
        farm.close()


@pytest.fixture
def full_farm(lasting_farm: FarmProcess) -> Iterator[FarmProcess]:
    """Seven jobs that are done, for all tests that only look at them."""
    yield lasting_farm
    lasting_farm.forget_client()


QUERIES = [
    "job list", "job show 2", "job spec 2", "job tasks 2", "job log 2", "task list 2 0", "task show 2 0 0",
    "task log 2 0 0", "render list", "render show r1", "user list", "pool list", "pool show /", "branch list",
    "branch show /", "run list", "history runs", "server status", "config", "config show", "job watch 2",
    "job set 2 --priority 5", "render set r1 --paused no", "pool set / --max-tasks 4", "task restart 2 0 1",
    "job pause 3", "job start 3", "job stop 3", "job continue 3", "user add somebody",
    "user set {user} --priority 3", "job delete 4", "why 3", "why 2/0/0", "job why 2 --block 0",
]  # fmt: skip


@pytest.mark.parametrize("words", QUERIES)
def test_every_answer_is_json_when_it_is_asked_for(full_farm: FarmProcess, words: str) -> None:
    words = words.format(user=full_farm.job(2)["user"])
    answer = full_farm.afcmd(*words.split(), "--json")
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines() if words.startswith("job watch") else [answer.stdout]
    assert lines and all(json.loads(line) is not None for line in lines)


@pytest.mark.parametrize("words", ["job list", "task list 2 0", "history runs", "user list", "render list"])
def test_listings_go_page_by_page(full_farm: FarmProcess, words: str) -> None:
    whole = json.loads(full_farm.afcmd(*words.split(), "--json").stdout)
    rows, more = [], ["--limit", "2"]
    while True:
        page = json.loads(full_farm.afcmd(*words.split(), "--json", *more).stdout)
        assert len(page["rows"]) <= 2
        rows += page["rows"]
        if page["next"] is None:
            break
        more = ["--limit", "2", "--before" if words == "history runs" else "--after", str(page["next"])]
    unique = "seq" if words == "history runs" else "task" if words.startswith("task") else "id"
    assert [row[unique] for row in rows] == [row[unique] for row in whole["rows"]]
    shown = full_farm.afcmd(*words.split(), "--limit", "1").stdout.splitlines()
    assert len(rows) == 1 or "There is more: --" in shown[-1]


def test_one_that_ignores_the_end_takes_its_children_along(farm_process: FarmProcess) -> None:
    farm = farm_process
    config = farm.write_job({"terminate_grace": 0.5}, "config.json")
    farm.start_agent("r1", "--config", str(config))
    pids = farm.folder / "pids"
    child = f"setsid sh -c \\\"trap '' TERM; echo \\$\\$ >> {pids}; while true; do sleep 1; done\\\""
    command = f"trap '' TERM; echo $$ >> {pids}; sh -c \"{child} & while true; do echo x; sleep 0.05; done\""
    id = farm.submit({"command": command, "frame_first": 0, "frame_last": 0})
    wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2, what="both processes")
    got = 0
    for lines in farm.client.follow(job=id, block=0, task=0):
        got += lines.data.count(b"x")
        if got > 5:
            break
    assert farm.afcmd("job", "stop", str(id)).returncode == 0

    def alive(pid: int) -> bool:
        try:
            os.kill(pid, 0)
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (ProcessLookupError, FileNotFoundError):
            return False

    wait_for(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()), what="all of them to end")
    wait_for(lambda: farm.job(id)["running"] == 0, what="the job to hear of it")
    assert farm.job(id)["state"] == "paused" and farm.job(id)["blocks"][0]["errors"] == 0


@pytest.mark.parametrize("change", ["newer", "corrupt"])
def test_a_database_that_cannot_be_used_is_left_as_it_is(new_farm: type[FarmProcess], change: str) -> None:
    farm = new_farm()
    farm.start_server()
    farm.submit({"command": "true", "frame_first": 0, "frame_last": 0}, offline=True)
    assert farm.stop_server() == 0
    database = farm.data / "afwatch.db"
    if change == "newer":
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE af_meta SET value = '99' WHERE key = 'needs'")
    else:
        data = bytearray(database.read_bytes())
        data[4096:] = b"\xff" * (len(data) - 4096)
        database.write_bytes(data)
    farm.start_server(ready=False)
    assert farm.server is not None and farm.server.wait(timeout=60) in (1, 4)
    farm.server = None
    text = farm.log("server.log")
    assert "Traceback" not in text and str(database) in text, text
    assert ("newer" in text) == (change == "newer")
    if change == "newer":
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE af_meta SET value = '1' WHERE key = 'needs'")
        farm.start_server()
        assert farm.ask("server.status")["jobs"] == 1, "the newer server's farm was left as it was"


def test_a_disk_that_is_full_stops_promises_and_nothing_else(new_farm: type[FarmProcess]) -> None:
    farm = new_farm()
    command = [sys.executable, "-c", (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000)); "
        "from afnet.server.main import main; sys.exit(main(sys.argv[1:]))"
    ), "--headless", "--listen", f"127.0.0.1:{farm.port}", "--data", str(farm.data)]  # fmt: skip
    with (farm.folder / "server.log").open("a") as log:
        farm.server = subprocess.Popen(
            command, env=farm.environment, stdout=log, stderr=log, start_new_session=True, text=True
        )
    wait_for(farm.answers, what="the server")
    submitted = 0
    incompressible = random.Random(1).randbytes(20_000).hex()
    job = farm.write_job({"name": "x", "blocks": [{"name": "b", "service": "generic", "command": incompressible,
                                                    "frame_first": 0, "frame_last": 0}]})  # fmt: skip
    answer = None
    for _ in range(30):
        answer = farm.afcmd("submit", str(job), "--pause", "--timeout", "5")
        if answer.returncode:
            break
        submitted += 1
    assert answer is not None and answer.returncode == 1 and "Traceback" not in answer.stderr, answer
    farm.server.send_signal(signal.SIGKILL)
    farm.server.wait()
    assert "Traceback" not in farm.log("server.log")
    farm.start_server()
    assert len(farm.ask("job.list")["rows"]) in (submitted, submitted + 1), "what was acknowledged is there"
