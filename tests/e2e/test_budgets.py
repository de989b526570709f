"""Budgets on a real server: crowds of silent and slow callers keep nobody out, and each refusal says which budget."""

from __future__ import annotations

import contextlib
import http.client
import json
import resource
import socket
import sys

import pytest

from afcore.errors import LimitReached
from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = [pytest.mark.e2e]

CROWD = 10_000


@pytest.fixture
def many_files() -> None:
    """Let this process open as many files as the crowd needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < CROWD + 1000:
        pytest.skip(f"this system lets a process open {hard} files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def crowd(farm: FarmProcess, count: int, said: bytes) -> list[socket.socket]:
    """Open connections from this address that say something without an end."""
    found = []
    for _ in range(count):
        one = socket.socket()
        one.settimeout(60)
        one.connect(("127.0.0.1", farm.port))
        if said:
            with contextlib.suppress(OSError):
                one.sendall(said)
        found.append(one)
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="the limit of open files is a matter of POSIX")
def test_ten_thousand_silent_and_slow_connections_keep_agents_served(
    farm_process: FarmProcess, many_files: None
) -> None:
    farm = farm_process
    farm.ask("server.status")
    wait_for(lambda: "It takes up to" in farm.log("server.log"), what="the server to say how many it takes")
    farm.start_agent("r1")
    wait_for(lambda: farm.ask("render.list")["rows"], what="the agent to register", seconds=60)
    sockets: list[socket.socket] = []
    try:
        for said in (b"", b"GET / HTTP/1.1\r\nHost: local", b"\x16", b"AFANASY 900000 JSON{"):
            sockets += crowd(farm, CROWD // 4, said)
        # Who knows the farm is served as before: a new connection each, and the agent works.
        farm.forget_client()
        job = farm.submit({"frame_first": 1, "frame_last": 3, "command": "true"})
        farm.wait_job(job, seconds=90)
        assert farm.ask("server.status")["renders_connected"] == 1
        farm.start_agent("r2")
        both = lambda: farm.ask("server.status")["renders_connected"] == 2  # noqa: E731
        wait_for(both, what="another agent to come in", seconds=60)
        assert farm.server is not None and farm.server.poll() is None
    finally:
        for one in sockets:
            one.close()


def test_each_refusal_says_which_budget(farm_process: FarmProcess) -> None:
    farm = farm_process
    farm.stop_server()
    config = farm.folder / "budgets.json"
    config.write_text(
        json.dumps(
            {"user_jobs_max": 2, "user_tasks_max": 50, "peer_requests_per_second": 5, "message_bytes_max": 65536}
        )
    )
    farm.start_server("--config", str(config))
    block = {"frame_first": 1, "frame_last": 20, "command": "true"}
    for _ in range(2):
        farm.submit(block, offline=True)
    with pytest.raises(LimitReached, match="user_jobs_max"):
        farm.submit(block, offline=True)
    with pytest.raises(LimitReached, match="user_tasks_max"):
        farm.ask("job.append-blocks", job=2, spec={"blocks": [{"name": "c", "service": "generic", **block}]})
    with pytest.raises(LimitReached, match="peer_requests_per_second"):
        for _ in range(60):
            farm.ask("server.status")

    connection = http.client.HTTPConnection("127.0.0.1", farm.port, timeout=60)
    with contextlib.closing(connection):
        connection.request("POST", "/api/jobs", b"x" * 70_000)
        answer = connection.getresponse()
        assert answer.status == 413 and b"larger than 65536 bytes" in answer.read()
    connection = http.client.HTTPConnection("127.0.0.1", farm.port, timeout=60)
    with contextlib.closing(connection):
        for _ in range(60):
            connection.request("GET", "/api/status")
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                break
        assert answer.status == 429 and b"peer_requests_per_second" in said
