"""Every metric on machines that are made up: Linux, macOS, Windows, and one that tells nothing."""

from __future__ import annotations

from types import SimpleNamespace as Made
from typing import Any

import psutil
import pytest

from afcore.ids import RunKey
from afrender.host.local import LocalHost, counted_interfaces, hardware, is_whole_disk
from afrender.host.probe import RESOURCE_FIELDS
from afrender.host.tree import TreeMeter, Usage

GIB = 1 << 30


class System:
    """What psutil says on Linux; subclasses say what others do."""

    def __init__(self) -> None:
        self.disks: dict[str, Any] = {"zz1": disk(0, 0, busy_time=0)}
        self.cards: dict[str, Any] = {"lo": card(0, 0), "zzeth": card(0, 0), "zzoff": card(0, 0)}

    def cpu_count(self) -> int:
        return 24

    def cpu_times_percent(self, interval: None) -> Any:
        return Made(user=61.4, nice=2, system=7.9, idle=25, iowait=3, irq=1, softirq=0.5)

    def getloadavg(self) -> tuple[float, float, float]:
        return 14.256, 12.0, 3.5

    def cpu_freq(self) -> Any:
        return Made(current=2800.0, max=4500.0)

    def sensors_temperatures(self) -> dict[str, list[Any]]:
        return {"core": [Made(current=55.0), Made(current=71.5)], "disk": [Made(current=40.0)]}

    def virtual_memory(self) -> Any:
        return Made(total=128 * GIB, available=50 * GIB, cached=20 * GIB, buffers=GIB)

    def swap_memory(self) -> Any:
        return Made(total=8 * GIB, used=2 * GIB)

    def disk_usage(self, path: str) -> Any:
        return Made(total=1000 * GIB, free=300 * GIB)

    def disk_io_counters(self, *, perdisk: bool) -> Any:
        return self.disks

    def net_io_counters(self, *, pernic: bool) -> Any:
        return self.cards

    def net_if_stats(self) -> Any:
        return {"lo": Made(isup=True), "zzeth": Made(isup=True), "zzoff": Made(isup=False)}

    def users(self) -> list[Any]:
        return [Made(name="jo"), Made(name="anna"), Made(name="jo"), Made(name="")]

    def process_iter(self, attributes: list[str]) -> list[Any]:
        return []


class Mac(System):
    def cpu_times_percent(self, interval: None) -> Any:
        return Made(user=61.4, nice=2, system=7.9, idle=25)

    def virtual_memory(self) -> Any:
        return Made(total=64 * GIB, available=20 * GIB, inactive=10 * GIB)

    sensors_temperatures = property(lambda self: (_ for _ in ()).throw(AttributeError()))


class Windows(System):
    def cpu_times_percent(self, interval: None) -> Any:
        return Made(user=61.4, system=7.9, idle=25, interrupt=2.5, dpc=1.0)

    def virtual_memory(self) -> Any:
        return Made(total=64 * GIB, available=20 * GIB)

    sensors_temperatures = property(lambda self: (_ for _ in ()).throw(AttributeError()))


class Silent(System):
    """Every question that may fail does."""

    def refuse(self, *_: object, **__: object) -> Any:
        raise OSError("no")

    getloadavg = cpu_freq = sensors_temperatures = swap_memory = disk_usage = refuse
    disk_io_counters = net_io_counters = users = refuse

    def cpu_count(self) -> Any:
        return None


def disk(read: int, written: int, **times: int) -> Any:
    return Made(read_bytes=read, write_bytes=written, **{"read_time": 0, "write_time": 0, **times})


def card(received: int, sent: int) -> Any:
    return Made(bytes_recv=received, bytes_sent=sent)


def made(system: System, **options: Any) -> tuple[LocalHost, list[float]]:
    now = [100.0]
    return LocalHost(source=system, clock=lambda: now[0], helpers=False, **options), now


@pytest.fixture(autouse=True)
def _every_disk_counts(monkeypatch):
    monkeypatch.setattr("afrender.host.local.is_whole_disk", lambda name: name.startswith("zz"))


@pytest.mark.parametrize("kind", [System, Mac, Windows, Silent])
def test_every_system_has_every_field(kind):
    host, _ = made(kind())
    assert set(host.measure()) == set(RESOURCE_FIELDS)


def test_linux():
    reading = made(System())[0].measure()
    assert {name: reading[name] for name in reading if name.startswith("cpu_")} == {
        "cpu_num": 24,
        "cpu_mhz": 4500,
        "cpu_temp": 71,
        "cpu_loadavg": [14.26, 12.0, 3.5],
        "cpu_user": 61,
        "cpu_nice": 2,
        "cpu_system": 7,
        "cpu_idle": 25,
        "cpu_iowait": 3,
        "cpu_irq": 1,
        "cpu_softirq": 0,
    }
    memory = ("mem_total_mb", "mem_free_mb", "mem_cached_mb", "mem_buffers_mb", "swap_total_mb", "swap_used_mb")
    assert [reading[name] >> 10 for name in memory] == [128, 50, 20, 1, 8, 2]
    assert (reading["hdd_total_gb"], reading["hdd_free_gb"]) == (1000, 300)
    assert reading["logged_in_users"] == ["anna", "jo"]


def test_a_processor_without_a_known_speed_is_asked_again():
    system = System()
    host, _ = made(system)
    system.cpu_freq = lambda: None
    assert host.measure()["cpu_mhz"] == 0
    system.cpu_freq = lambda: Made(current=3200.0, max=0.0)
    assert host.measure()["cpu_mhz"] == 3200
    system.cpu_freq = lambda: Made(current=800.0, max=0.0)
    assert host.measure()["cpu_mhz"] == 3200, "the highest is told, not what it saves just now"


def test_macos_keeps_files_in_inactive_memory_and_tells_no_waiting():
    reading = made(Mac())[0].measure()
    assert (reading["mem_cached_mb"] >> 10, reading["mem_buffers_mb"]) == (10, 0)
    assert (reading["cpu_iowait"], reading["cpu_irq"], reading["cpu_temp"]) == (0, 0, 0)


def test_windows_has_interrupts_under_another_name_and_no_busy_time():
    system = Windows()
    host, now = made(system)
    now[0] += 2.0
    system.disks = {"zz1": disk(0, 0, read_time=500, write_time=500)}
    reading = host.measure()
    assert (reading["cpu_irq"], reading["cpu_softirq"], reading["cpu_nice"]) == (2, 1, 0)
    assert reading["hdd_busy"] == 50
    assert (reading["mem_cached_mb"], reading["mem_buffers_mb"]) == (0, 0)


def test_a_system_that_tells_nothing_costs_only_what_it_does_not_tell():
    reading = made(Silent())[0].measure()
    assert reading["cpu_num"] == 1 and reading["cpu_user"] == 61 and reading["mem_total_mb"] == 128 * 1024
    for name in ("cpu_mhz", "cpu_temp", "swap_total_mb", "hdd_total_gb", "hdd_rd_kbsec", "net_recv_kbsec", "hdd_busy"):
        assert reading[name] == 0
    assert reading["logged_in_users"] == [] and reading["cpu_loadavg"] == [0.0, 0.0, 0.0]


def test_rates_of_disks_and_cards():
    system = System()
    host, now = made(system)
    now[0] += 2.0
    system.disks = {
        "zz1": disk(4096 * 1024, 2048 * 1024, busy_time=600),
        "zz2": disk(1024, 1024, busy_time=100),
        "part": disk(4096 * 1024, 0, busy_time=600),
    }
    system.cards = {"lo": card(9 << 20, 9 << 20), "zzeth": card(8 << 20, 1 << 20), "zzoff": card(5 << 20, 0)}
    reading = host.measure()
    assert (reading["hdd_rd_kbsec"], reading["hdd_wr_kbsec"], reading["hdd_busy"]) == (2048, 1024, 30)
    assert (reading["net_recv_kbsec"], reading["net_send_kbsec"]) == (4096, 512)
    again = host.measure()
    assert (again["hdd_rd_kbsec"], again["net_recv_kbsec"]) == (0, 0)


def test_one_disk_by_its_name():
    system = System()
    system.disks = {"zz1": disk(0, 0, busy_time=0), "other": disk(0, 0, busy_time=0)}
    host, now = made(system, drives="other")
    now[0] += 1.0
    system.disks = {"zz1": disk(1 << 20, 0, busy_time=9), "other": disk(2048, 0, busy_time=100)}
    reading = host.measure()
    assert (reading["hdd_rd_kbsec"], reading["hdd_busy"]) == (2, 10)


def test_which_disks_and_cards_count(tmp_path):
    (tmp_path / "sda" / "device").mkdir(parents=True)
    (tmp_path / "loop0").mkdir()
    assert [is_whole_disk(name, blocks=str(tmp_path)) for name in ("sda", "sda1", "loop0")] == [True, False, False]
    assert is_whole_disk("PhysicalDrive0", blocks=str(tmp_path / "none"))
    (tmp_path / "docker0").mkdir()
    up = {name: Made(isup=True) for name in ("eth0", "docker0")}
    assert counted_interfaces({"lo": 1, "eth0": 1, "docker0": 1}, up, virtual=str(tmp_path)) == ["eth0"]
    assert counted_interfaces({"lo": 1, "docker0": 1}, up, virtual=str(tmp_path)) == ["docker0"]
    assert counted_interfaces({"lo0": 1, "Loopback Pseudo-Interface 1": 1}, {}, virtual=str(tmp_path)) == []
    assert counted_interfaces({"lowpan0": 1}, {}, virtual=str(tmp_path)) == ["lowpan0"]


def test_the_machine_by_name(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor : 0\nmodel name : AMD  EPYC 7763\n")
    (tmp_path / "sys_vendor").write_text("Maker\n")
    (tmp_path / "product_name").write_text("Model 3\n")
    assert hardware(str(tmp_path / "cpuinfo"), str(tmp_path)) == "AMD EPYC 7763, Maker, Model 3"


def test_a_machine_without_such_files_is_named_by_its_processor_and_asked_once(tmp_path, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr("platform.processor", lambda: asked.append("") or "Intel64 Family 6")
    assert hardware(str(tmp_path / "none"), str(tmp_path / "none")) == "Intel64 Family 6"
    monkeypatch.setattr("afrender.host.local.hardware", lambda: asked.append("") or "Apple M2")
    asked.clear()
    host, _ = made(Mac())
    assert [host.measure()["hw_info"] for _ in range(3)] == ["Apple M2"] * 3 and len(asked) == 1


class Process:
    def __init__(self, pid: int, ppid: int, seconds: float, memory: int) -> None:
        self.pid, self.info, self.seconds, self.memory = pid, {"ppid": ppid}, seconds, memory

    def oneshot(self) -> Any:
        import contextlib

        return contextlib.nullcontext()

    def cpu_times(self) -> Any:
        if self.seconds < 0:
            raise psutil.NoSuchProcess(self.pid)
        return Made(user=self.seconds, system=0.0)

    def memory_info(self) -> Any:
        return Made(rss=self.memory << 20)

    def create_time(self) -> float:
        return 1.0


def test_the_tree_of_a_task_is_measured_as_one():
    now = [10.0]
    processes = [Process(1, 0, 99, 99), Process(5, 1, 1.0, 100), Process(6, 5, 2.0, 200), Process(7, 6, -1, 50)]
    meter = TreeMeter(Made(process_iter=lambda attributes: processes), clock=lambda: now[0])
    key = RunKey(2, 0, 0, 1)
    meter.measure({key: 5})
    now[0] += 2.0
    processes[1].seconds, processes[2].seconds, processes[2].memory = 2.0, 4.0, 20
    assert meter.measure({key: 5, RunKey(2, 0, 1, 1): 77}) == {key: Usage(120, 300, 150, 2)}
    assert meter.measure({}) == {}


def test_a_real_task_is_measured(tmp_path):
    import subprocess
    import sys

    words = "import time; data = bytearray(64 << 20); print('up', flush=True); [0 for _ in iter(int, 1)]"
    with subprocess.Popen([sys.executable, "-c", words], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            host = LocalHost(name="here", helpers=False)
            host.watch_tasks({RunKey(2, 0, 0, 1): process.pid})
            (task,) = host.measure()["tasks"]
        finally:
            process.kill()
    assert (task["job"], task["task"], task["processes"]) == (2, 0, 1)
    assert task["memory_mb"] >= 64 and task["peak_mb"] >= task["memory_mb"]
