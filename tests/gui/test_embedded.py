"""The server inside the window: bytes in memory, closing in order, going on without a window, and a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtWidgets import QApplication

from afcore.errors import InUse
from afcore.states import Role
from afnet.api.configfiles import load_config
from afwatch.app import Watch
from afwatch.embed import EmbeddedServer
from afwatch.farm import EmbeddedFarm, Ending
from tests.e2e.processes import FarmProcess
from tests.gui.conftest import Spin
from tests.waiting import wait_for

BLOCK = {"name": "beauty", "service": "generic", "frame_first": 1, "frame_last": 3, "command": "echo frame @#@"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    turns = sys.getswitchinterval()
    made = EmbeddedServer(load_config({"listen": ["127.0.0.1:0"], "data_dir": str(tmp_path / "data")}))
    try:
        made.start()
        yield made
    finally:
        made.stop()
        sys.setswitchinterval(turns)


class Window:
    """A window in a process of its own, with the farm's server inside."""

    def __init__(self, farm: FarmProcess) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.gui.window_child", str(farm.data), str(farm.port)],
            env={**farm.environment, "QT_QPA_PLATFORM": "offscreen"}, cwd=farm.folder, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        farm.server = self.process
        assert self.process.stderr is not None and self.process.stdin is not None
        assert "serves at" in self.process.stderr.readline()

    def tell(self, word: str) -> str:
        """Close the window and answer its question; return whether it is open or closed."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self) -> tuple[int, str]:
        """Wait for the end of the process; return its exit code and what it said."""
        _, said = self.process.communicate(timeout=90)
        return self.process.returncode, said


def test_the_window_shows_the_farm_of_its_own_process(
    server: EmbeddedServer, application: QApplication, tmp_path: Path, spin: Spin
) -> None:
    with pytest.raises(InUse, match="another server"):
        EmbeddedServer(load_config({"listen": ["127.0.0.1:0"], "data_dir": str(server.data)}))
    farm = EmbeddedFarm(server)
    watch = Watch(server.addresses, user="jo", mode=Role.GOD, scheme="dark", farm=farm)
    watch.start()
    spin(lambda: watch.session.state.connected, "the conversation in memory")
    answers: list[int] = []
    watch.session.ask("job.submit", job={"name": "inside", "blocks": [BLOCK]}).success(
        lambda body: answers.append(body["id"])
    )
    spin(lambda: answers and answers[0] in watch.session.state.jobs, "the job's row")
    watch.leave()
    watch.close()
    assert farm.ending is Ending.STOP
    assert farm.close() == "afserver: stopped in order."
    assert not server.running


def test_keep_running_hands_the_farm_to_a_server_without_a_window(
    farm: FarmProcess, watch: Watch, spin: Spin, tmp_path: Path
) -> None:
    window = Window(farm)
    farm.start_agent("r1")
    gate = tmp_path / "gate"
    command = f"echo begun >> {farm.marks}/@#@; until test -e {gate}; do sleep 0.05; done"
    id = farm.submit({**BLOCK, "frame_last": 1, "command": command})
    wait_for(lambda: (farm.marks / "1").exists(), what="the task to run")
    spin(lambda: watch.session.state.connected, "the monitor to join", 60)
    assert window.tell("cancel") == "open"
    farm.forget_client()
    assert window.tell("keep") == "closed"
    spin(lambda: watch.session.state.lost_at, "the monitor to notice", 60)
    code, said = window.end()
    assert code == 0
    assert "goes on without a window" in said
    spin(lambda: watch.session.state.connected, "the monitor to be back", 60)
    process = psutil.Process(farm.ask("server.status")["process"])
    try:
        spin(lambda: any("online" in row.words for row in watch.session.state.renders.values()), "the agent", 60)
        gate.touch()
        farm.wait_job(id)
        (task,) = farm.ask("task.list", job=id, block=0)["rows"]
        assert (task["starts"], task["errors"]) == (1, 0), "the task noticed nothing"
        assert (farm.marks / "1").read_text() == "begun\n"
    finally:
        farm.forget_client()
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    farm.server = None


def test_stopping_in_order_and_a_crash_lose_nothing(farm: FarmProcess) -> None:
    window = Window(farm)
    first = farm.submit(BLOCK, name="before the stop")
    farm.forget_client()
    assert window.tell("stop") == "closed"
    assert window.end()[0] == 0
    window = Window(farm)
    second = farm.submit(BLOCK, name="before the crash")
    farm.forget_client()
    os.kill(window.process.pid, signal.SIGKILL)
    window.end()
    farm.start_server()
    assert farm.job(first)["name"] == "before the stop"
    assert farm.job(second)["name"] == "before the crash"


def test_the_agent_of_this_machine_is_a_process_of_its_own(server: EmbeddedServer, tmp_path: Path, spin: Spin) -> None:
    farm = EmbeddedFarm(server)
    watch = Watch(server.addresses, user="jo", mode=Role.GOD, scheme="dark", farm=farm)
    watch.start()
    spin(lambda: watch.session.state.is_complete("renders"), "the farm's answer")
    watch.window.go("farm")
    watch.window.start_agent()
    try:
        spin(lambda: watch.session.state.renders, "the render of this machine")
        assert farm.agent.process not in (0, os.getpid())
        log = (server.data / "afrender.log").read_text()
        assert "Traceback" not in log
    finally:
        watch.leave()
        watch.close()
        farm.close()
    assert not farm.agent.running


