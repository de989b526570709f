"""The guards of the suite catch what a test leaves behind: shown on a small suite of bad tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.house.files import ROOT
from tests.ports import first_place

HEAD = """
import asyncio, logging, os, socket, subprocess, sys, threading, time, warnings
import pytest
event = threading.Event()
held = []

@pytest.fixture(scope="module")
def line():
    line = [socket.socket()]
    yield line
    line[0].close()
"""
BODIES = {
    "thread": ("threading.Thread(target=event.wait, name='lost', daemon=True).start()", "threads left running: lost"),
    "child": ("held.append(subprocess.Popen(['sleep', '60']))", "child processes left"),
    "socket": ("held.append(socket.socket())", "sockets left open: 1"),
    "one_more": ("line[0].close()\n    held.extend([socket.socket(), socket.socket()])", "sockets left open: 1"),
    "loop": ("held.append(asyncio.new_event_loop())", "sockets left open"),
    "log": ("logging.getLogger('x').warning('odd %s', 1)", "unexpected log line: WARNING x: odd 1"),
    "missing": ("expected_logs('never said')", "no log line matched 'never said'"),
    "warning": ("warnings.warn('old', DeprecationWarning)", "DeprecationWarning: old"),
    "setting": ("os.environ['AF_SERVER'] = 'x'", "left in the environment: AF_SERVER"),
    "scrubbed": ("assert 'AF_CONFIG' in os.environ", "assert 'AF_CONFIG' in"),
    "sleep": ("time.sleep(0)", "time.sleep is refused"),
    "connect": ("with socket.socket() as s:\n        s.connect(('127.0.0.1', 9))", "socket.connect is refused"),
    "bind": ("asyncio.run(asyncio.start_server(print, '127.0.0.1', 0))", "socket.bind is refused"),
}
GOOD = """
@pytest.fixture(scope="module")
def wide():
    child = subprocess.Popen(["sleep", "60"])
    yield child
    child.kill()
    child.wait()

def test_calls_again(line):
    line[0].close()
    line[0] = socket.socket()

def test_calls_again_and_again(line):
    test_calls_again(line)

def test_good(wide, expected_logs):
    expected_logs("odd")
    expected_logs.may("rare")
    logging.getLogger("x").error("odd")
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    asyncio.run(asyncio.to_thread(len, ""))
    left, right = socket.socketpair()
    left.close()
    right.close()
"""


def run(folder: Path, source: str) -> str:
    """Run a test file as if it lay in tests/unit; return what pytest wrote."""
    unit = folder / "tests" / "unit"
    unit.mkdir(parents=True)
    for name in ("conftest.py", "guards.py", "waiting.py", "warm.py"):
        text = (ROOT / "tests" / name).read_text(encoding="utf-8").replace("GRACE = 30.0", "GRACE = 0.2")
        (folder / "tests" / name).write_text(text, encoding="utf-8")
    (unit / "test_it.py").write_text(HEAD + source, encoding="utf-8")
    (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", "-v", "--tb=short"],
        cwd=folder,
        env={"AF_CONFIG": "/somewhere", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return ran.stdout + ran.stderr


def test_each_leftover_fails_its_test(tmp_path: Path) -> None:
    source = "".join(
        f"\ndef test_{name}({next((one for one in ('expected_logs', 'line') if one in body), '')}):\n    {body}\n"
        for name, (body, _) in BODIES.items()
    )
    report = run(tmp_path, source)
    uncaught = [
        name for name in BODIES if f"::test_{name} FAILED" not in report and f"::test_{name} ERROR" not in report
    ]
    assert not uncaught, report
    unsaid = [complaint for _, complaint in BODIES.values() if complaint not in report]
    assert not unsaid, report
    assert "after the last test: child processes left" in report


def test_a_clean_test_passes(tmp_path: Path) -> None:
    report = run(tmp_path, GOOD)
    assert "3 passed" in report, report


def test_workers_of_a_run_do_not_meet_at_a_port() -> None:
    run = {"PYTEST_XDIST_TESTRUNUID": "0f3c"}
    places = [first_place({**run, "PYTEST_XDIST_WORKER": f"gw{number}"}, 7) % 22_000 for number in range(8)]
    gaps = {(one - other) % 22_000 for one in places for other in places if one != other}
    assert len(set(places)) == 8 and min(gaps) > 1500
    assert first_place({}, 7) != first_place({}, 8)
