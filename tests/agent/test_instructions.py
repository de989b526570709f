"""What the farm tells an agent is done by this machine's own commands; all of them are stubs here."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from afrender.host.overload import OverloadWatch, overload_of
from afrender.instructions import carry_out, run_sleep
from afrender.machine import power_words, sleep_words, wake_words
from tests.guards import ExpectedLogs

CARDS = [{"name": "e0", "mac": "00:11:22:33:44:55"}, {"name": "lo", "mac": ""}]


def stub(folder: Path, code: str) -> str:
    """Return a setting that runs a Python line instead of the system's command."""
    script = folder / "stub script.py"
    script.write_text(code)
    return f'{sys.executable} "{script}"'


def test_sleep_runs_the_configured_program_with_what_a_waker_needs(tmp_path: Path) -> None:
    code = f"import sys; open({str(tmp_path / 'ran')!r}, 'w').write(' '.join(sys.argv[1:]))"
    settings = {"af_render_cmd_wolsleep": stub(tmp_path, code)}
    assert asyncio.run(run_sleep(settings, name="r1", ip="10.0.0.7", interfaces=CARDS)) == ""
    assert (tmp_path / "ran").read_text() == "--sleep --ip 10.0.0.7 --hostname r1 001122334455"


@pytest.mark.parametrize(
    ("code", "why"),
    [("import sys; print('no battery'); sys.exit(4)", "ended with 4: no battery"), (None, "cannot be started")],
)
def test_a_sleep_that_fails_is_told(tmp_path: Path, code: str | None, why: str) -> None:
    own = stub(tmp_path, code) if code else str(tmp_path / "nothing")
    wrong = asyncio.run(run_sleep({"af_render_cmd_wolsleep": own}, name="r1", ip="", interfaces=CARDS))
    assert why in wrong


def test_power_commands_are_the_machines_own() -> None:
    own = {"af_render_cmd_reboot": 'doas reboot "now or never"'}
    assert power_words(own, "reboot") == ["doas", "reboot", "now or never"]
    for what in ("reboot", "shutdown"):
        assert power_words({}, what)[0] in ("systemctl", "shutdown")
    assert sleep_words({}, name="r", ip="", cards=[])[0] in ("systemctl", "pmset", "rundll32.exe")
    assert wake_words({}, name="r", ip="i", cards=["a"])[1:4] == ["-m", "afrender.wake", "--wake"]


@pytest.mark.parametrize(
    ("system", "sleep", "reboot", "off"),
    [
        ("linux", "systemctl suspend", "systemctl reboot", "systemctl poweroff"),
        ("darwin", "pmset sleepnow", "shutdown -r now", "shutdown -h now"),
        ("win32", "rundll32.exe powrprof.dll,SetSuspendState 0,1,0", "shutdown /r /t 0", "shutdown /s /t 0"),
    ],
)
def test_each_system_has_its_own_words(
    monkeypatch: pytest.MonkeyPatch, system: str, sleep: str, reboot: str, off: str
) -> None:
    monkeypatch.setattr("afrender.machine.sys", SimpleNamespace(platform=system, executable="python"))
    assert sleep_words({}, name="r", ip="i", cards=["00:11"]) == sleep.split()
    assert (power_words({}, "reboot"), power_words({}, "shutdown")) == (reboot.split(), off.split())


def test_windows_paths_and_numbers_of_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("afrender.machine.sys", SimpleNamespace(platform="win32", executable="python"))
    own = {"af_render_cmd_wolsleep": r'"C:\Program Files\sleep.exe" -a'}
    words = sleep_words(own, name="r", ip="i", cards=["00-11-22-33-44-55", ""])
    assert words[:3] == [r"C:\Program Files\sleep.exe", "-a", "--sleep"]
    assert words[3:] == ["--ip", "i", "--hostname", "r", "001122334455"]


def test_they_run_after_the_agent_has_left(expected_logs: ExpectedLogs) -> None:
    expected_logs("could not shutdown: bad ended with 3")
    expected_logs("could not shutdown: .*missing")
    started: list[list[str]] = []

    def start(words: list[str]) -> int:
        started.append(words)
        if words[0] == "missing":
            raise FileNotFoundError(2, "No such file", "missing")
        return 3 if words[0] == "bad" else 0

    assert carry_out("reboot", {"af_render_cmd_reboot": "good one"}, start=start) == 0
    assert carry_out("shutdown", {"af_render_cmd_shutdown": "bad"}, start=start) == 1
    assert carry_out("shutdown", {"af_render_cmd_shutdown": "missing"}, start=start) == 1
    assert carry_out("exit", {}, start=start) == 0
    assert started == [["good", "one"], ["bad"], ["missing"]]


READING: dict[str, Any] = {
    "mem_total_mb": 1000, "mem_free_mb": 10, "swap_total_mb": 100, "swap_used_mb": 99,
    "hdd_total_gb": 100, "hdd_free_gb": 1,
}  # fmt: skip


def test_overload_is_told_by_the_machines_own_limits() -> None:
    every = {"mem": 1, "swap": 1, "hdd": 1}
    assert overload_of(READING, every) == ["mem", "swap", "hdd"]
    assert overload_of({**READING, "mem_free_mb": 11}, every) == ["swap", "hdd"]
    assert overload_of(READING, {"mem": -1, "swap": 0, "hdd": -1}) == []
    assert overload_of({**READING, "swap_total_mb": 0, "swap_used_mb": 0}, {"swap": 50}) == []

    class Probe:
        slow = True
        closed = False

        def measure(self) -> dict[str, Any]:
            return READING

        def close(self) -> None:
            self.closed = True

    probe: Any = Probe()
    watch = OverloadWatch(probe, {"mem": 5})
    assert watch.slow and watch.measure() == {**READING, "overload": ["mem"]}
    watch.close()
    assert probe.closed
