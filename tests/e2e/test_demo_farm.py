"""The demo's farm of processes: it says why a server did not start, and leaves no process whatever happens."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from afnet.demo import farm as farm_module
from afnet.demo.farm import DemoError, Farm, tail
from tests.waiting import wait_for

LISTENS = """
import socket, sys
host, port = sys.argv[sys.argv.index("--listen") + 1].split(":")
with socket.create_server((host, int(port))) as listener:
    while True:
        listener.accept()[0].close()
"""
BROKEN = "import sys; print('the disk is full'); sys.exit(3)"
STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True:
    time.sleep(60)
"""


def _code(folder: Path, *, server: str, agent: str = STUBBORN) -> Path:
    """A folder with stand-ins for the two programs."""
    for place, text in (("afnet/server", server), ("afrender", agent)):
        (folder / place).mkdir(parents=True)
        (folder / place / "main.py").write_text(text)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def _alive(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_server_that_ends_is_told_with_its_last_lines(tmp_path: Path, data: Path) -> None:
    with (
        pytest.raises(DemoError, match=r"(?s)The server ended with code 3 .*the disk is full"),
        Farm(data, _code(tmp_path / "code", server=BROKEN)) as farm,
    ):
        farm.start_server()
    assert _alive(data) == []


def test_a_server_that_does_not_answer_is_told(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm_module, "START_SECONDS", 0.5)
    monkeypatch.setattr(farm_module, "GRACE_SECONDS", 0.2)
    with (
        pytest.raises(DemoError, match="did not answer within"),
        Farm(data, _code(tmp_path / "code", server=STUBBORN)) as farm,
    ):
        farm.start_server()
    assert _alive(data) == []


def test_all_are_ended_even_those_that_do_not_listen_and_on_ctrl_c(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(farm_module, "GRACE_SECONDS", 0.2)
    with (
        pytest.raises(KeyboardInterrupt),
        Farm(data, _code(tmp_path / "code", server=LISTENS)) as farm,
    ):
        farm.start_server()
        farm.start_agent("demo-a")
        farm.start_agent("demo-b")
        wait_for(lambda: "ready" in tail(data / "demo-b.log"), what="the agent to be deaf")
        farm.check()
        assert len(_alive(data)) == 3
        signal.raise_signal(signal.SIGINT)
    assert _alive(data) == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_agent_that_ends_in_the_middle_is_told(tmp_path: Path, data: Path) -> None:
    with Farm(data, _code(tmp_path / "code", server=LISTENS, agent=BROKEN)) as farm:
        farm.start_server()
        farm.start_agent("demo-a")

        def broken() -> bool:
            try:
                farm.check()
            except DemoError as error:
                return "demo-a ended with code 3" in str(error)
            return False

        wait_for(broken, what="the agent's end to be noticed")


def test_two_farms_at_once_take_two_ports(tmp_path: Path) -> None:
    code = _code(tmp_path / "code", server=LISTENS)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with Farm(folders[0], code) as one, Farm(folders[1], code) as two:
        one.start_server()
        two.start_server()
        assert one.port != two.port
        one.check()
        two.check()
