"""A farm of real processes for a test: a server, agents by name, afcmd; each can be killed and started again."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from afnet.cli.main import main as afcmd
from afnet.client.blocking import BlockingClient
from afnet.client.servers import Address
from tests import warm
from tests.ports import free_port
from tests.waiting import holds_within, wait_for

__all__ = ["FarmProcess", "Process"]

ROOT = Path(__file__).resolve().parents[2]

Process = subprocess.Popen[str] | warm.WarmProcess


def _replace_environment(wanted: dict[str, str]) -> None:
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)


class FarmProcess:
    """One farm below one folder, on one port of loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "server"
        self.marks = folder / "marks"
        """Where tasks leave what the test counts."""
        self.marks.mkdir(parents=True)
        self.port = free_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AF_")},
            "PYTHONPATH": str(ROOT),
            "XDG_DATA_HOME": str(folder / "share"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "AF_SERVER": f"127.0.0.1:{self.port}",
            "AF_NEARBY": "false",
        }
        self.cold = False
        """Whether each process is a program of its own from its first line on, imports and all."""
        self.server: Process | None = None
        self.agents: dict[str, Process] = {}
        self._client: BlockingClient | None = None

    # Processes

    def spawn(self, log: str, module: str, *arguments: str) -> Process:
        """Start a module of the project as a process of its own, in a session of its own."""
        if warm.POSSIBLE and not self.cold and self.environment["PYTHONPATH"] == str(ROOT):
            return warm.start(
                module, *arguments, environment=self.environment, folder=self.folder, output=self.folder / log
            )
        with (self.folder / log).open("a") as output:
            return subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=self.environment,
                cwd=self.folder,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                text=True,
            )

    def run(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a module of the project to its end; return its exit code, what it printed and its complaints."""
        words = [sys.executable, "-m", module, *arguments]
        if not (warm.POSSIBLE and not self.cold and self.environment["PYTHONPATH"] == str(ROOT)):
            return subprocess.run(
                words, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=120
            )
        with tempfile.TemporaryDirectory() as folder:
            said, complained = Path(folder) / "said", Path(folder) / "complained"
            process = warm.start(
                module, *arguments, environment=self.environment, folder=self.folder, output=said, errors=complained
            )
            code = process.wait(120)
            return subprocess.CompletedProcess(words, code, said.read_text(), complained.read_text())

    def start_server(
        self, *arguments: str, ready: bool = True, module: str = "afnet.server.main", first: Sequence[str] = ()
    ) -> None:
        """Start the server and wait until it answers; ``module`` runs it, with ``first`` before its arguments."""
        self.server = self.spawn(
            "server.log", module, *first, "--headless", "--listen", f"127.0.0.1:{self.port}",
            "--data", str(self.data), *arguments,
        )  # fmt: skip
        if ready and not holds_within(60, self.answers):
            raise AssertionError(f"the server does not answer: {self.log('server.log')}")

    def answers(self) -> bool:
        """Say whether the server takes connections."""
        assert self.server is not None
        assert self.server.poll() is None, f"the server ended: {self.log('server.log')}"
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def start_agent(self, name: str = "r1", *arguments: str, headless: bool = True) -> None:
        """Start an agent, as on a render node or (not ``headless``) as on a workstation."""
        words = ["--headless"] if headless else []
        self.agents[name] = self.spawn(f"{name}.log", "afrender.main", *words, "--name", name, *arguments)

    def kill_server(self) -> None:
        """Kill the server as a power cut would (without the disk)."""
        assert self.server is not None
        self.forget_client()
        self.server.kill()
        self.server.wait()
        self.server = None

    def stop_server(self) -> int:
        """Ask the server to end; return its exit code."""
        assert self.server is not None
        self.forget_client()
        self.server.send_signal(signal.SIGTERM)
        code = self.server.wait(timeout=60)
        self.server = None
        return code

    def kill_agent(self, name: str = "r1") -> None:
        """Kill an agent."""
        agent = self.agents.pop(name)
        agent.kill()
        agent.wait()

    def log(self, name: str) -> str:
        """Return what a process has printed."""
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        """End everything, agents first."""
        self.forget_client()
        for process in (*self.agents.values(), self.server):
            if process is not None and process.poll() is None:
                process.terminate()
        for process in (*self.agents.values(), self.server):
            if process is not None:
                try:
                    process.wait(timeout=60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    # Talking

    def afcmd(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run afcmd in this process, as the farm's person has environment and folder; return what it said.

        Most tests ask for what afcmd answers: a process of its own costs ten times what the answer does.
        ``afcmd_process`` is for the others.
        """
        said, complained = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        typed = io.TextIOWrapper(io.BytesIO((stdin or "").encode()), "utf-8")
        before, streams = dict(os.environ), (sys.stdin, sys.stdout, sys.stderr)
        try:
            _replace_environment(self.environment)
            sys.stdin, sys.stdout, sys.stderr = typed, said, complained
            with contextlib.chdir(self.folder):
                try:
                    code = afcmd(arguments)
                except SystemExit as end:
                    code = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            sys.stdin, sys.stdout, sys.stderr = streams
            _replace_environment(before)
        output, errors = (cast(io.BytesIO, stream.buffer).getvalue().decode() for stream in (said, complained))
        return subprocess.CompletedProcess(["afcmd", *arguments], code, output, errors)

    def afcmd_process(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run afcmd as a program and return what it said."""
        return subprocess.run(
            [sys.executable, "-m", "afnet.cli.main", *arguments],
            env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=120, input=stdin,
        )  # fmt: skip

    def forget_client(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def ask(self, operation: str, **arguments: Any) -> Any:
        """Do an operation over a connection that is kept."""
        if self._client is None:
            self._client = BlockingClient([Address("127.0.0.1", self.port)], program="test")
        return self._client.request(operation, arguments)

    @property
    def client(self) -> BlockingClient:
        """A connection for subscriptions and following."""
        self.ask("server.status")
        assert self._client is not None
        return self._client

    def submit(self, *blocks: dict[str, Any], name: str = "work", **job: Any) -> int:
        """Submit a job of numeric blocks and return its id."""
        whole = [{"name": f"b{number}", "service": "generic", **block} for number, block in enumerate(blocks)]
        reply = self.ask("job.submit", job={"name": name, "blocks": whole, **job})
        return int(reply["id"])

    def job(self, id: int) -> dict[str, Any]:
        """Return the row of a job."""
        row: dict[str, Any] = self.ask("job.show", job=id)["row"]
        return row

    def wait_job(self, id: int, state: str = "done", *, seconds: float = 60) -> dict[str, Any]:
        """Wait until a job is in a state."""
        wait_for(lambda: self.job(id)["state"] == state, what=f"job {id} to be {state}", seconds=seconds)
        return self.job(id)

    def mark(self, text: str, place: str = "@#@") -> str:
        """Return a shell command that leaves a line in a file of its task."""
        return f"echo {text} >> {self.marks}/{place}"

    def counts(self, text: str) -> dict[str, int]:
        """Return how many lines of ``text`` each task left."""
        return {
            path.name: sum(line.strip() == text for line in path.read_text().splitlines())
            for path in sorted(self.marks.iterdir())
        }

    def write_job(self, job: dict[str, Any], name: str = "job.json") -> Path:
        """Write a job file."""
        path = self.folder / name
        path.write_text(json.dumps(job))
        return path
