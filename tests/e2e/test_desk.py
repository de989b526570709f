"""The person at a workstation against a real farm: nimby by hand, and tasks that are sent away."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.processes import FarmProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.e2e


class Person:
    """Clicks without a window: the other end of the agent's channel."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(path)
        self._lines = self._socket.makefile("r")

    def click(self, order: str) -> None:
        self._socket.sendall(json.dumps({"order": order}).encode() + b"\n")

    def sees(self, state: str, tasks: int) -> dict[str, Any]:
        for line in self._lines:
            message: dict[str, Any] = json.loads(line)
            assert not message["trouble"], message["trouble"]
            if message["state"] == state and len(message["tasks"]) == tasks:
                return message
        raise AssertionError("the agent hung up")

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@pytest.fixture
def person(farm_process: FarmProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    # As on a workstation, but without a display, so that no tray of its own comes.
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    farm_process.start_agent(headless=False)
    (address,) = wait_for_files(farm_process)
    person = Person(json.loads(address)["unix"])
    yield person
    person.close()


def wait_for_files(farm: FarmProcess) -> list[str]:
    wait_for(lambda: list(farm.folder.rglob("tray.json")), what="the agent's channel")
    return [path.read_text() for path in farm.folder.rglob("tray.json")]


def test_nimby_and_eject_by_hand(farm_process: FarmProcess, person: Person) -> None:
    farm = farm_process
    person.sees("free", 0)
    person.click("nimby")
    person.sees("nimby", 0)
    assert '"nimby"' in json.dumps(farm.ask("render.show", name="r1"))
    person.click("free")
    person.sees("free", 0)
    job = farm.submit({"name": "a", "service": "generic", "frame_first": 1, "frame_last": 1, "command": "sleep 100"})
    state = person.sees("busy", 1)
    assert state["tasks"][0]["block"] == "a"
    person.click("NIMBY")
    person.sees("NIMBY", 1)
    person.click("eject_all")
    person.sees("NIMBY", 0)

    def task() -> dict[str, Any]:
        row: dict[str, Any] = farm.ask("task.list", job=job, block=0)["rows"][0]
        return row

    wait_for(lambda: task()["state"] == "ready", what="the task to be ready for others")
    assert task()["errors"] == 0
