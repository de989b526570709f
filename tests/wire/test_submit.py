"""Sending a job: over a real socket, to a scripted server; and the name ``af`` in a program of its own."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from afcore import errors
from afcore.config import Config, parse_options
from afnet import api as af
from afnet.api.folder import af_folder
from afnet.api.send import send_job, server_list

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "data" / "jobs" / "seed_job.py"
JOB = {"name": "j"}


class Server:
    """Answers each POST with the next of its scripted answers, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = []
        self.asked: list[dict[str, Any]] = []
        answers, asked = self.answers, self.asked

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked.append({"path": self.path, "headers": dict(self.headers), "body": json.loads(body)})
                status, answer = answers.pop(0) if answers else (200, {"id": 3, "serial": 5})
                if status == 0:
                    return
                text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self._server.server_address[1])

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def second() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def nobody() -> Iterator[tuple[str, int]]:
    """An address at which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()


def test_a_job_is_posted_and_the_answer_comes_back(server: Server) -> None:
    assert send_job({**JOB, "description": "é"}, [server.address]) == {"id": 3, "serial": 5}
    (asked,) = server.asked
    assert (asked["path"], asked["body"]) == ("/api/jobs", {"job": {"name": "j", "description": "é"}})
    assert asked["headers"]["Content-Type"] == "application/json"
    assert len(asked["headers"]["Idempotency-Key"]) == 32


def test_a_sent_job_gives_back_its_number(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AF_USERNAME", "jimmy")
    job = af.Job("j")
    block = af.Block("b")
    block.setNumeric(1, 10)
    block.setCommand("true")
    job.blocks.append(block)
    assert job.send(True, server=server.name) == (True, {"id": 3, "serial": 5})
    assert json.loads(capsys.readouterr().out)["job"] == server.asked[0]["body"]["job"]
    monkeypatch.delenv("AF_USERNAME")


def test_names_that_are_no_hosts_are_told() -> None:
    with pytest.raises(errors.ConnectionLost, match=r"no.such.host.invalid:1 is no known host; \[::1\]:1 "):
        send_job(JOB, [("no.such.host.invalid", 1), ("::1", 1)])


def test_an_answer_before_all_was_read_is_heard() -> None:
    def refuse(listening: socket.socket) -> None:
        peer, _ = listening.accept()
        with peer:
            peer.recv(10)
            text = json.dumps(error("limit_reached")).encode()
            peer.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(1 << 20):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=refuse, args=(listening,))
        thread.start()
        with pytest.raises(errors.LimitReached):
            send_job({"name": "x" * (8 << 20)}, [listening.getsockname()])
        thread.join()


def test_servers_are_tried_in_turn(server: Server, nobody: tuple[str, int]) -> None:
    assert send_job(JOB, [nobody, server.address])["id"] == 3
    with pytest.raises(errors.ConnectionLost, match="refuses: nothing listens there") as caught:
        send_job(JOB, [nobody])
    assert "AF_SERVER" in caught.value.hint
    with pytest.raises(errors.ConnectionLost, match="none is named"):
        send_job(JOB, [])


def test_the_server_that_leads_is_followed(server: Server, second: Server, nobody: tuple[str, int]) -> None:
    named = {"error": {"code": "not_leader", "sentence": "ask there", "servers": ["a b", second.name]}}
    server.answers.append((421, named))
    assert send_job(JOB, [server.address, nobody])["id"] == 3
    assert len(second.asked) == 1


def test_servers_that_name_each_other_are_asked_once(server: Server, second: Server) -> None:
    server.answers.append((421, {"error": {"servers": [second.name]}}))
    second.answers.append((421, {"error": {"servers": [server.name]}}))
    with pytest.raises(errors.ConnectionLost, match="does not lead the farm; .* does not lead the farm"):
        send_job(JOB, [server.address, second.address])
    assert (len(server.asked), len(second.asked)) == (1, 1)


def error(code: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "sentence": "no", "hint": "do", **more}}


@pytest.mark.parametrize(
    ("status", "answer", "kind", "text"),
    [
        (404, error("not_found"), errors.NotFound, "no (do)"),
        (403, error("not_allowed"), errors.NotAllowed, "no (do)"),
        (409, error("conflict"), errors.Conflict, "no (do)"),
        (429, error("limit_reached"), errors.LimitReached, "no (do)"),
        (400, error("odd"), errors.Rejected, "no (do)"),
        (503, error("unavailable"), errors.Unavailable, "no (do)"),
        (400, {"error": "plain"}, errors.Rejected, "plain"),
        (400, error("bad_spec"), errors.BadSpec, "no (do)"),
        (
            400,
            error("bad_spec", problems=[{"path": "a", "what": "b", "hint": "c"}, {"path": "d", "what": "e"}]),
            errors.BadSpec,
            "2 problems: a: b (c); d: e",
        ),
        (500, {}, errors.TheirFault, "answered 500 without saying why"),
        (200, b"<html>", errors.TheirFault, "something that is no JSON"),
        (0, None, errors.ConnectionLost, "the job may have been taken"),
    ],
)
def test_what_the_farm_says_is_raised(
    server: Server, status: int, answer: Any, kind: type[errors.AfError], text: str
) -> None:
    server.answers.append((status, answer))
    with pytest.raises(kind) as caught:
        send_job(JOB, [server.address])
    assert text in str(caught.value)
    assert len(server.asked) == 1


def test_a_silent_server_is_not_waited_for_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(errors.TimedOut) as caught:
        send_job(JOB, [silent.getsockname()], answer_timeout=0.05)
    assert "did not answer within 0.05 seconds; the job may have been taken" in str(caught.value)


def test_which_servers_are_asked() -> None:
    config = Config([parse_options({"servers": ["a:1"]})])
    assert server_list(config) == [("a", 1)]
    assert server_list(config, "b, [::1]:2") == [("b", 51000), ("::1", 2)]


def run(*arguments: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("AF_", "PYTHON"))}
    command = [sys.executable, "-S", "-W", "error", *arguments]
    return subprocess.run(
        command, env={**clean, **env}, cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_folder_in_the_checkout_is_enough(server: Server, tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(ROOT / "afnet" / "python"), "AF_SERVER": server.name, "AF_USERNAME": "jimmy"}
    done = run(str(SCRIPT), env=env, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    job = server.asked[0]["body"]["job"]
    assert (job["name"], job["user_name"]) == ("example job", "jimmy")
    assert job["blocks"][0]["tasks"] == [{"name": "simple task", "command": "ls -l"}]


def test_a_copy_of_the_folder_needs_nothing_else(server: Server, tmp_path: Path) -> None:
    package = af_folder(tmp_path / "plugin folder")
    assert af_folder(tmp_path / "plugin folder") == package
    assert sorted(path.name for path in package.parent.iterdir()) == ["af"]
    script = (
        f"import sys; sys.path.insert(0, {str(package.parent)!r}); import runpy; runpy.run_path({str(SCRIPT)!r});"
        "import af; assert not [name for name in sys.modules if name.split('.')[0] in ('afcore', 'afnet')];"
        "assert not {'msgspec', 'sqlalchemy', 'aiohttp'} & set(sys.modules);"
        "assert af.BadSpec.__module__ == 'af._parts.afcore.errors'; print(af.Job('x').send(raising=False)[0])"
    )
    done = run("-I", "-c", script, env={"AF_SERVER": server.name}, cwd=tmp_path)
    assert done.stderr == "" or "AF_SERVER" in done.stderr
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
    assert server.asked[0]["body"]["job"]["name"] == "example job"


def interpreters() -> list[str]:
    """Return a Python of every version from 3.9 on that is at hand, this one first."""
    found = {sys.version_info[:2]: sys.executable}
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for minor in range(9, 16):
        for path in (shutil.which(f"python3.{minor}"), *map(str, pyenv.glob(f"3.{minor}.*/bin/python3.{minor}"))):
            # A name on PATH may be a stand-in that only tells how to choose a version.
            if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
                found.setdefault((3, minor), path)
    return list(found.values())


def test_every_python_at_hand_can_submit(server: Server, tmp_path: Path) -> None:
    """Which ones there are is asked here: every worker of the suite would start them all to name its tests."""
    package = af_folder(tmp_path / "plugins")
    for python, folder in product(interpreters(), (package.parent, ROOT / "afnet" / "python")):
        script = f"import sys; sys.path.insert(0, {str(folder)!r}); import runpy; runpy.run_path({str(SCRIPT)!r})"
        done = subprocess.run(
            [python, "-I", "-S", "-B", "-W", "error", "-c", script],
            env={"AF_SERVER": server.name, "PATH": os.environ["PATH"]},
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), python
        assert server.asked.pop()["body"]["job"]["name"] == "example job"


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "af").mkdir()
    with pytest.raises(errors.ConfigError, match="was not written by af-folder"):
        af_folder(tmp_path)
    assert list((tmp_path / "af").iterdir()) == []
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(errors.ConfigError, match="can not be written"):
        af_folder(tmp_path / "file")


def test_a_refused_job_ends_a_script_with_its_sentence(server: Server, tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(ROOT / "afnet" / "python"), "AF_SERVER": server.name}
    server.answers.append((400, error("limit_reached")))
    done = run(str(SCRIPT), env=env, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "afcore.errors.LimitReached: no (do)"
