"""Custom meters, and the helper process that keeps the agent safe from them."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from afrender.host import helper
from afrender.host.local import LocalHost
from afrender.host.side import LIMIT, RETRY, SideProbe
from afrender.meters.base import Meter, described, failure
from afrender.meters.iostat import iostat
from afrender.meters.loading import load_meter
from afrender.meters.nvidia_smi import nvidia_smi
from tests.waiting import wait_for

OLD = """
from resources import resbase

class old(resbase.resbase):
    def __init__(self):
        resbase.resbase.__init__(self)
        self.valid = True
        self.graphb = 24
        self.bgcolorr, self.bgcolorg, self.bgcolorb = 10, 20, 24

    def update(self):
        print('{"meter": "not an answer"}')
        self.value = 7
        self.label = 'seven'
"""
RAISES = """
from afrender.meters.base import Meter

class raises(Meter):
    def __init__(self):
        super().__init__()
        self.valid = True

    def update(self):
        raise ValueError("the probe fell off")
"""
FELL_OFF = 'raise ValueError("the probe fell off")'
HANGS = RAISES.replace("raises", "hangs").replace(FELL_OFF, "import threading; threading.Event().wait()")
CRASHES = RAISES.replace("raises", "crashes").replace(FELL_OFF, "import os; os._exit(9)")
NOISY = "class noisy:\n    value = 'much'\n    valid = True\n    def do(self):\n        return self\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"old": OLD, "raises": RAISES, "hangs": HANGS, "crashes": CRASHES, "noisy": NOISY}.items():
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "wrong.py").write_text("this is no Python")
    return tmp_path


def test_a_meter_of_the_classic_agent_loads_unchanged_with_all_its_colours(folder):
    data = load_meter(str(folder), "old").read()
    assert (data["value"], data["label"], data["valid"]) == (7, "seven", True)
    assert data["graph_clr"] == [0, 255, 24] and data["back_clr"] == [10, 20, 24] and data["label_clr"] == [255, 255, 0]
    assert (data["value_max"], data["width"], data["height"], data["label_size"]) == (100, 0, 50, 10)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("raises", "ValueError: the probe fell off"),
        ("wrong", "SyntaxError"),
        ("missing", "ModuleNotFoundError"),
        ("noisy", "TypeError"),
        ("../up", "cannot be the name of a meter"),
    ],
)
def test_a_meter_that_fails_is_shown_as_failed(folder, name, said):
    data = load_meter(str(folder), name).read()
    assert not data["valid"] and data["label"] == f"{name}: failed" and said in data["tooltip"]


def test_members_are_whole_numbers_and_meters_say_that_they_are_valid():
    meter = Meter()
    assert meter.do() is None
    meter.value = 0.5  # type: ignore[assignment]
    with pytest.raises(TypeError, match='"value" of the meter must be a whole number, not 0.5'):
        described("half", meter)
    assert failure("x", "Why.")["tooltip"] == "Why."


def test_the_example_grows_and_begins_again():
    meter = load_meter("", "example")
    values = [meter.read()["value"] for _ in range(40)]
    assert values[:3] == [3, 6, 9] and max(values) <= 100 and 0 in values
    assert meter.read()["height"] == 15 + meter.read()["value"] - 3


IOSTAT_NEW = """Linux 6.1.0 (host)

Device            r/s     rMB/s   rrqm/s  %rrqm r_await rareq-sz     w/s     wMB/s   w_await  aqu-sz  %util
sda              1.00     99.00     0.00   0.00    0.50    10.00    2.00     99.00    1.00     0.10   99.00

Device            r/s     rMB/s   rrqm/s  %rrqm r_await rareq-sz     w/s     wMB/s   w_await  aqu-sz  %util
sda              1.00      2.00     0.00   0.00    0.50    10.00    2.00      3.00    7.25     0.10   40.50
nvme0n1          1.00      4.00     0.00   0.00    0.50    10.00    2.00      1.00    1.00     0.10   20.00
loop0            1.00     50.00     0.00   0.00    0.50    10.00    2.00      0.00    1.00     0.10   90.00
"""
IOSTAT_OLD = """Device:  rrqm/s wrqm/s r/s w/s rMB/s wMB/s avgrq-sz avgqu-sz await svctm %util
sda 0 0 1 1 5.00 6.00 8 0 3.5 1 12.0
"""


def test_iostat_finds_its_columns_by_name(monkeypatch):
    monkeypatch.delenv("AF_IOSTAT_DEVICE", raising=False)
    meter = iostat()
    meter.show(IOSTAT_NEW)
    assert meter.value == 40 and meter.label == "IO: r6 w4 MB/s, 40 %" and "wait 7.2 ms" in meter.tooltip
    meter.show(IOSTAT_OLD)
    assert meter.value == 12 and "read 5.0 MB/s, write 6.0 MB/s, wait 3.5 ms" in meter.tooltip
    meter.close()
    monkeypatch.setenv("AF_IOSTAT_DEVICE", "nvme.*")
    meter = iostat()
    meter.show(IOSTAT_NEW)
    assert meter.value == 20
    with pytest.raises(RuntimeError, match="no disk"):
        meter.show(IOSTAT_OLD)
    meter.close()


SMI_XML = """<?xml version="1.0" ?>
<nvidia_smi_log><driver_version>550.54</driver_version>
<gpu id="0"><product_name>RTX</product_name>
<fb_memory_usage><total>24564 MiB</total><used>14003 MiB</used></fb_memory_usage>
<utilization><gpu_util>72 %</gpu_util><memory_util>5 %</memory_util></utilization>
<temperature><gpu_temp>61 C</gpu_temp><gpu_temp_slow_threshold>95 C</gpu_temp_slow_threshold></temperature>
<processes><process_info>
<process_name>blender</process_name><used_memory>9000 MiB</used_memory></process_info></processes>
</gpu>
<gpu id="1"><product_name>RTX</product_name>
<fb_memory_usage><total>1000 MiB</total><used>N/A</used></fb_memory_usage></gpu>
</nvidia_smi_log>
"""


def test_nvidia_smi_reads_all_devices():
    meter = nvidia_smi()
    meter.show(SMI_XML)
    assert (meter.value, meter.valuemax) == (14003, 25564)
    assert "0: RTX, 14003 MiB of 24564 MiB, 61 °C (slows at 95 °C)" in meter.tooltip
    assert "blender: 9000 MiB" in meter.tooltip and "Driver 550.54" in meter.tooltip
    meter.close()


def test_a_meter_beside_a_program_shows_what_the_run_before_printed(monkeypatch, tmp_path):
    monkeypatch.delenv("AF_IOSTAT_DEVICE", raising=False)
    text = tmp_path / "text"
    text.write_text(IOSTAT_OLD)
    meter = iostat()
    meter.words = ("cat", str(text))
    meter.update()
    wait_for(lambda: meter._process is not None and meter._process.poll() is not None, what="the program to end")
    meter.update()
    assert meter.value == 12
    meter.close()
    broken = iostat()
    broken.words = ("sh", "-c", "echo no such thing; exit 3")
    broken.update()
    wait_for(lambda: broken._process is not None and broken._process.poll() is not None, what="the program to end")
    with pytest.raises(RuntimeError, match="status 3: no such thing"):
        broken.update()
    broken.close()


def test_the_helper_says_what_it_begins_and_when_it_is_done(folder):
    answers = io.StringIO()
    helper.serve(helper._meters(str(folder), ["raises"]), io.StringIO("measure\n"), answers)
    messages = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert [next(iter(message)) for message in messages] == ["begin", "begin", "meter", "done"]


def test_meters_that_raise_hang_or_crash_leave_the_others_measured(folder):
    taken: dict[str, dict[str, object]] = {}
    names, now = ["old", "crashes", "hangs", "raises"], [0.0]
    side = SideProbe(
        lambda failed: ["meters", str(folder), *(name for name in names if name not in failed)],
        lambda message: taken.__setitem__(message["meter"]["name"], message["meter"]),
        retry=0.0,
        clock=lambda: now[0],
    )

    def two_failed() -> bool:
        side.ask()
        # On a busy machine everything takes its time: the limit passes for the one that hangs.
        if side._begun == "hangs":
            now[0] += LIMIT + 1
        return set(side.failed) == {"crashes", "hangs"}

    try:
        wait_for(two_failed, what="two meters left out")
        wait_for(lambda: side.ask() or side.age is not None, what="the others to be measured")
        assert taken["old"]["value"] == 7 and taken["raises"]["valid"] is False
        assert side.failed == {"crashes": "its process ended", "hangs": "it did not answer within 10 s"}
    finally:
        side.close()


def test_a_driver_that_hangs_makes_its_readings_old_and_nobody_wait(tmp_path):
    now = [0.0]
    script = (
        "import sys\nprint('{\"begin\": \"gpu\"}', flush=True)\nsys.stdin.readline()\n"
        'print(\'{"gpus": [{"index": 0, "name": "G", "util": 9, "temp": 1, "mem_total_mb": 5, "mem_used_mb": 1}]}\')\n'
        "print('{\"done\": true}', flush=True)\nsys.stdin.readline()\nsys.stdin.readline()"
    )
    host = LocalHost(name="here", clock=lambda: now[0])
    side = SideProbe(
        lambda failed: [], host._take, clock=lambda: now[0], limit=1000.0, command=(sys.executable, "-c", script)
    )
    side._words = lambda failed: ["x"]
    host._gpu_side.close()
    host._gpu_side = side
    try:
        wait_for(lambda: side.ask() or side.age is not None, what="the first answer")
        assert host.measure()["gpu_gpu_util"] == 9
        assert host.measure()["old"] == {}
        now[0] += 60.0
        reading = host.measure()
        assert reading["gpu_gpu_util"] == 9 and reading["old"] == {"gpu": 60.0}
    finally:
        host.close()


@pytest.mark.skipif(os.name == "nt", reason="the program that stands in is a shell script")
def test_devices_that_go_away_keep_their_last_reading_and_come_back(monkeypatch, tmp_path):
    """The helper itself, and a program ``nvidia-smi`` that prints a file."""
    program, answer, now = tmp_path / "nvidia-smi", tmp_path / "answer", [100.0]
    program.write_text(f'#!/bin/sh\nexec cat "{answer}"\n')
    program.chmod(0o755)
    answer.write_text("0, 72, 61, 24564, 14003, Card A\n1, 12, 40, 16384, 100, Card B\n")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    host = LocalHost(name="here", clock=lambda: now[0])
    side = host._gpu_side
    try:
        wait_for(lambda: side.ask() or side.age is not None, what="the first answer")
        reading = host.measure()
        assert [one["name"] for one in reading["gpus"]] == ["Card A", "Card B"]
        assert (reading["gpu_gpu_util"], reading["gpu_mem_total_mb"], reading["old"]) == (72, 40948, {})
        answer.unlink()
        wait_for(lambda: side.ask() or side._process is None, what="the helper that finds no driver to end")
        now[0] += 20.0
        kept = host.measure()
        assert kept["gpus"] == reading["gpus"] and kept["old"] == {"gpu": 20.0}
        now[0] += RETRY
        wait_for(lambda: side.ask() or side._start_at > now[0], what="another look, which finds nothing")
        assert host.measure()["gpus"] == reading["gpus"] and not side.empty
        answer.write_text("0, 5, 50, 24564, 0, Card A\n")
        now[0] += RETRY
        wait_for(lambda: side.ask() or side.age == 0, what="an answer of the driver that is back")
        back = host.measure()
        assert (back["gpu_gpu_util"], len(back["gpus"]), back["old"]) == (5, 1, {})
    finally:
        host.close()


def test_a_helper_that_hangs_in_its_driver_is_ended_and_asked_again(tmp_path):
    """The first helper hangs at its second question, the next one answers."""
    now, taken, mark = [0.0], [], tmp_path / "once"
    script = (
        "import pathlib, sys, time\n"
        f"mark = pathlib.Path({str(mark)!r})\nagain = mark.exists()\nmark.touch()\n"
        "for number, line in enumerate(sys.stdin):\n"
        "    print('{\"begin\": \"gpu\"}', flush=True)\n"
        "    if number and not again: time.sleep(600)\n"
        "    print('{\"gpus\": [' + '1' * again + ']}\\n{\"done\": true}', flush=True)\n"
    )
    side = SideProbe(lambda failed: ["gpu"], taken.append, clock=lambda: now[0], command=(sys.executable, "-c", script))
    try:
        wait_for(lambda: side.ask() or side.age is not None, what="the first answer")
        side.ask()
        wait_for(lambda: side._begun == "gpu", what="the question at which it hangs")
        now[0] += LIMIT + 1
        side.ask()
        assert side._process is None and side.is_late and not side.failed, "a driver is never left out"
        now[0] += RETRY
        wait_for(lambda: side.ask() or side.age == 0, what="the next helper's answer")
        assert taken == [{"gpus": []}, {"gpus": [1]}]
    finally:
        side.close()


def test_a_machine_without_devices_keeps_no_helper(monkeypatch):
    monkeypatch.setenv("PATH", "")
    side = SideProbe(lambda failed: ["gpu"], lambda message: None)
    side.ask(wait=60.0)
    assert side.empty and side._process is None
    side.close()
