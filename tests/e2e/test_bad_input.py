"""What bad input gets: one sentence that names the thing, an exit code, and nothing half-done."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e

GOOD = {"name": "b", "service": "generic", "frame_first": 1, "frame_last": 2, "command": "true"}

JOBS: dict[str, tuple[Any, list[str]]] = {
    "no blocks": ({"name": "x", "blocks": []}, ["blocks"]),
    "frames last before first": ({"name": "x", "blocks": [{**GOOD, "frame_last": 0}]}, [r"blocks\[0\]\.frame_last"]),
    "frames per task 0": ({"name": "x", "blocks": [{**GOOD, "frames_per_task": 0}]}, ["frames_per_task"]),
    "a mask that is no regular expression": (
        {"name": "x", "blocks": [{**GOOD, "depend_mask": "a("}]},
        ["depend_mask"],
    ),
    "an unknown field": ({"name": "x", "blocks": [{**GOOD, "comand": "true"}]}, ['did you mean "command"']),
    "a service that does not exist": ({"name": "x", "blocks": [{**GOOD, "service": "myaa"}]}, ["service", "myaa"]),
    "a wrong type": ({"name": "x", "priority": "high", "blocks": [GOOD]}, ["priority"]),
    "several problems at once": (
        {"nane": "x", "blocks": [{**GOOD, "frames_per_task": 0}, {**GOOD, "depend_mask": "("}]},
        ['did you mean "name"'],
    ),
    "a command of 10 MB": ({"name": "x", "blocks": [{**GOOD, "command": "x" * 10_000_000}]}, ["command"]),
    "no object": ([1, 2], ["must hold one job"]),
}


@pytest.fixture(scope="module")
def lasting_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarmProcess]:
    farm = FarmProcess(tmp_path_factory.mktemp("bad") / "farm")
    try:
        farm.start_server()
        yield farm
    finally:
        farm.close()


@pytest.fixture
def farm(lasting_farm: FarmProcess) -> Iterator[FarmProcess]:
    """One server for all that must not hurt it."""
    yield lasting_farm
    lasting_farm.forget_client()


def one_sentence(text: str) -> str:
    """Check that a refusal is for people: no traceback, and who speaks."""
    assert "Traceback" not in text and text.strip(), text
    return text


@pytest.mark.parametrize("what", JOBS)
def test_jobs_that_are_wrong(farm: FarmProcess, what: str) -> None:
    job, words = JOBS[what]
    answer = farm.afcmd("submit", str(farm.write_job(job)))
    text = one_sentence(answer.stderr)
    assert answer.returncode == 1 and text.startswith("afcmd: ")
    for word in words:
        assert re.search(word, text), text
    assert farm.ask("job.list")["rows"] == [], "nothing half-done remains"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"name": "x",', "is no JSON"),
        (b" \n", "is empty"),
        (b'{"name": "\xff"}', "is no UTF-8"),
        (b'{"name": "x", "name": "y", "blocks": []}', '"name" is given twice'),
        (None, "cannot be read"),
    ],
)
def test_files_that_are_wrong(farm: FarmProcess, text: bytes | None, words: str) -> None:
    path = farm.folder / "wrong.json"
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_bytes(text)
    answer = farm.afcmd("submit", str(path))
    assert answer.returncode == 1 and words in one_sentence(answer.stderr) and "wrong.json" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["jop", "list"], 2, 'did you mean "job"'),
        (["job", "lst"], 2, 'did you mean "list"'),
        (["jobs"], 2, 'did you mean "job list"'),
        (["job", "restart", "x"], 2, "ids"),
        (["job", "restart", "2", "--only", "eror"], 2, 'did you mean "error"'),
        (["job", "restart"], 2, "required"),
        (["job", "set", "2"], 2, "nothing to change"),
        (["job", "show", "99"], 1, "There is no job 99"),
        (["task", "log", "99", "0", "0"], 1, "There is no job 99"),
        (["pool", "set", "/nowhere", "--capacity", "1"], 1, "/nowhere"),
        (["pool", "set", "/", "--set", "capacity_hots=1"], 1, "capacity_host"),
        (["user", "show", "nobody-here"], 1, "nobody-here"),
        (["render", "delete", "ghost"], 1, "ghost"),
        ([], 2, "what should be done"),
    ],
)
def test_commands_that_are_wrong(farm: FarmProcess, arguments: list[str], code: int, words: str) -> None:
    answer = farm.afcmd(*arguments)
    assert answer.returncode == code, answer.stderr
    assert words in one_sentence(answer.stderr)
    assert len(answer.stderr.splitlines()) <= 3


def test_no_server_is_a_sentence(farm: FarmProcess) -> None:
    answer = farm.afcmd("--server", "127.0.0.1:9", "job", "list")
    assert answer.returncode == 1 and "No farm server answers at 127.0.0.1:9" in one_sentence(answer.stderr)
    answer = farm.afcmd("job", "list", "--server", "127.0.0.1:99999")
    assert answer.returncode == 1 and "port" in one_sentence(answer.stderr)


def exchange(farm: FarmProcess, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", farm.port), timeout=60) as caller:
        caller.sendall(data)
        caller.shutdown(socket.SHUT_WR)
        got = b""
        while piece := caller.recv(65536):
            got += piece
        return got


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe\xfd",
        b"AFANASY 10 JS",
        b"AFANASY 99999999999 JSON{",
        b"AFANASY 4 JSON\xff\xff\xff\xff",
        b"GET /api/status HTTP/1.1\r\nHost: x",
        b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n\xff\xff\xff\xff",
        b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n{",
    ],
)
def test_bytes_that_are_wrong_leave_the_server_well(farm: FarmProcess, data: bytes) -> None:
    answer = exchange(farm, data)
    assert b"Traceback" not in answer
    assert farm.ask("server.status")["database"] == "ready"
    assert "Traceback" not in farm.log("server.log")


def test_a_body_that_is_too_large_is_413(farm: FarmProcess) -> None:
    head = b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", farm.port), timeout=60) as caller:
        caller.sendall(head)
        answer = caller.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"limit_reached"' in answer


def refused(farm: FarmProcess) -> str:
    """Wait for a server that must not start; return what it said."""
    assert farm.server is not None
    assert farm.server.wait(timeout=60) == 1, farm.log("server.log")
    farm.server = None
    text = farm.log("server.log")
    return one_sentence(text)


def test_a_port_that_is_taken(farm: FarmProcess, new_farm: Callable[[], FarmProcess]) -> None:
    other = new_farm()
    other.port = farm.port
    other.start_server(ready=False)
    text = refused(other)
    assert f"port {farm.port}" in text and "taken" in text and "--listen" in text
    assert not other.data.exists(), "nothing half-done remains"


def test_two_servers_on_one_folder(farm: FarmProcess, new_farm: Callable[[], FarmProcess]) -> None:
    other = new_farm()
    other.data = farm.data
    other.start_server(ready=False)
    text = refused(other)
    assert str(farm.data) in text
    assert farm.ask("server.status")["database"] == "ready", "the first one does not mind"


def test_an_address_others_could_reach(new_farm: Callable[[], FarmProcess]) -> None:
    other = new_farm()
    other.start_server("--listen", "0.0.0.0:0", ready=False)
    assert "loopback" in refused(other)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config", "nowhere.json"], "nowhere.json"),
        (["--database", "mysql://x"], "mysql"),
        (["--database", "postgresql://nobody@127.0.0.1:9/none"], "9"),
        (["--listen", "nonsense:x"], "nonsense"),
        (["--listen", "no-such-host.invalid:1234"], "this machine has no address"),
    ],
)
def test_options_that_are_wrong(new_farm: Callable[[], FarmProcess], arguments: list[str], words: str) -> None:
    other = new_farm()
    other.start_server(*arguments, ready=False)
    assert words in refused(other)
    # Whether a database can be reached is known only to who holds the data folder.
    assert not (other.data / "afwatch.db").exists(), "nothing half-done remains"
    assert other.data.exists() == ("postgresql" in arguments[1])


def test_a_file_in_place_of_the_folder(new_farm: Callable[[], FarmProcess]) -> None:
    other = new_farm()
    other.data.write_text("something")
    other.start_server(ready=False)
    assert f"{other.data} cannot be written: a file is in its place" in refused(other)
    agent = other.run("afrender.main", "--headless", "--folder", str(other.data))
    assert agent.returncode == 1 and "cannot be used: a file is in its place" in agent.stderr


def test_what_is_added_is_named(farm: FarmProcess) -> None:
    said = farm.afcmd("pool", "add", "fresh")
    assert said.stdout == "Pool /fresh is added.\n"
    farm.afcmd("pool", "delete", "/fresh")


def test_a_configuration_that_is_wrong(new_farm: Callable[[], FarmProcess]) -> None:
    other = new_farm()
    path = other.write_job({"af_serverprt": 5, "snapshot_bytes": "much"}, "config.json")
    other.start_server("--config", str(path), ready=False)
    text = refused(other)
    assert 'did you mean "af_serverport"' in text and "snapshot_bytes" in text and str(path) in text


def test_a_database_that_is_corrupt_or_too_new(new_farm: Callable[[], FarmProcess]) -> None:
    other = new_farm()
    other.data.mkdir(parents=True)
    (other.data / "afwatch.db").write_bytes(b"SQLite format 3\0" + b"nonsense" * 1000)
    other.start_server(ready=False)
    assert "afwatch.db" in refused(other)


@pytest.mark.skipif(os.name != "posix", reason="rights of folders are another matter there")
def test_a_folder_that_cannot_be_written(new_farm: Callable[[], FarmProcess]) -> None:
    other = new_farm()
    folder = other.data
    folder.mkdir(parents=True)
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.geteuid() == 0:
        folder = Path("/sys/kernel")  # root may write everywhere but where the kernel says no
    try:
        other.start_server("--data", str(folder), ready=False)
        assert str(folder) in refused(other)
    finally:
        other.data.chmod(stat.S_IRWXU)


def test_two_agents_with_one_name(farm_process: FarmProcess, tmp_path: Path) -> None:
    farm = farm_process
    farm.start_agent("twin")
    wait_for(lambda: farm.ask("render.list")["rows"], what="the first to register")
    farm.environment["XDG_DATA_HOME"] = str(tmp_path / "another home")
    second = farm.spawn("second.log", "afrender.main", "--headless", "--name", "twin")
    try:
        wait_for(lambda: "twin" in farm.log("second.log") and "already" in farm.log("second.log"), what="a refusal")
        assert farm.ask("render.show", name="twin")["row"]["words"] == ["online"]
    finally:
        second.terminate()
        second.wait(timeout=60)


def test_tasks_that_misbehave_are_failures_of_their_own(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.start_agent()
    one = {"frame_first": 0, "frame_last": 0, "errors_retries": 0}
    id = farm.submit(
        {**one, "command": "true", "working_directory": "/nowhere/at/all"},
        {**one, "command": "head -c 50000000 /dev/zero | tr '\\0' x"},
        {**one, "command": "exit 3"},
        {**one, "command": "kill -9 $$"},
        {**one, "command": "echo good"},
    )
    row = farm.wait_job(id, "error")
    assert [block["counts"][6] for block in row["blocks"]] == [1, 0, 1, 1, 0]
    history = {run["id_block"]: run for run in farm.ask("history.runs", job=id)["rows"]}
    assert "/nowhere/at/all" in history[0]["cause"]
    assert history[2]["exit_status"] == 3
    wait_for(lambda: farm.afcmd("task", "log", str(id), "1", "0").returncode == 0, what="the long log")
    log = farm.afcmd("task", "log", str(id), "1", "0").stdout
    assert 1_000_000 < len(log) < 10_000_000 and "were left out here" in log, "bounded, with a note"


def test_service_install_writes_and_says_so(tmp_path: Path) -> None:
    import sys

    from tests.e2e.processes import ROOT

    answer = subprocess.run(
        [sys.executable, "-m", "afnet.server.main", "service", "install", str(tmp_path)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60,
    )  # fmt: skip
    assert answer.returncode == 0
    for path in tmp_path.iterdir():
        assert str(path) in answer.stdout
    assert json.dumps("afnet.server.main").strip('"') in (tmp_path / "afserver.service").read_text()
