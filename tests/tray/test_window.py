"""The tray in a real window, and beside a real agent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from PIL import Image

from afrender.showing import has_display
from tests.tray.display import Display
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]


def test_a_persons_session_with_the_tray(tmp_path: Path) -> None:
    with Display() as display:
        environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(ROOT)}
        environment.pop("WAYLAND_DISPLAY", None)
        done = subprocess.run(
            [sys.executable, "-m", "tests.tray.drive", str(tmp_path)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["offline"] == "No server: no agent" and seen["idle"] == "X11Idle"
    assert seen["busy"] == "Busy: shot beauty 1088 for jo, 64 %"
    assert seen["others"] == "Eject what is not mine\t1 task"
    assert seen["panel"][0] == 340 and seen["higher"] > 40
    assert seen["heard"] == [
        {"panel": True},
        {"order": "NIMBY"},
        {"order": "undo"},
        {"panel": False},
        {"order": "eject_other"},
        {"order": "eject_all"},
        {"order": "story"},
        {"order": "nimby"},
    ]
    assert seen["shapes"] == 7, "every state has a shape of its own"
    with Image.open(tmp_path / "panel.png") as picture:
        assert len(picture.convert("RGB").getcolors(1 << 16) or ()) > 50, "plots are drawn"


def test_the_agent_starts_its_tray_and_outlives_it(tmp_path: Path) -> None:
    with Display() as display:
        environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(ROOT)}
        environment.pop("WAYLAND_DISPLAY", None)
        words = [sys.executable, "-m", "afrender", "--name", "ws", "--folder", str(tmp_path / "a")]
        log = tmp_path / "log"
        with log.open("w") as output:
            agent = subprocess.Popen([*words, "--server", "127.0.0.1:9"], env=environment, stderr=output)
        try:
            wait_for(lambda: _children(agent.pid), what="the tray to start", seconds=60)
            (tray,) = _children(agent.pid)
            wait_for(lambda: _has_tray(agent.pid), what="the tray to listen to its agent", seconds=60)
            os.kill(tray, signal.SIGKILL)
            wait_for(lambda: "The tray ended with status -9" in log.read_text(), what="the agent to notice", seconds=60)
            assert agent.poll() is None
        finally:
            agent.terminate()
            agent.wait(60)
    assert agent.returncode == 0, log.read_text()


def _children(agent: int) -> list[int]:
    """Return the trays of an agent."""
    found = []
    for child in psutil.Process(agent).children():
        try:
            if "afrender.tray" in child.cmdline():
                found.append(child.pid)
        except psutil.Error:
            continue
    return found


def _has_tray(agent: int) -> bool:
    """Say whether somebody is connected to the agent's channel: its listening socket is not the only one."""
    sockets = psutil.Process(agent).net_connections("unix")
    return sum("tray.socket" in str(one.laddr) for one in sockets) > 1


@pytest.mark.parametrize(
    ("environment", "platform", "shown"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "win32", True),
        ({}, "darwin", True),
    ],
)
def test_where_windows_can_be_shown(environment: dict[str, str], platform: str, shown: bool) -> None:
    assert has_display(environment, platform) is shown
