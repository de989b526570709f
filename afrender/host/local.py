"""This machine, through psutil: every field of a reading.

Rules of this file:
- what a system does not tell is 0 or empty; nothing that is missing keeps the rest away;
- what may hang in a driver or in a studio's own class is measured in a helper process, with the last reading kept.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import re
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import psutil

from afcore.ids import RunKey
from afrender.host.nvidia import summary
from afrender.host.probe import HostIdentity
from afrender.host.side import SideProbe
from afrender.host.tree import TreeMeter
from afrender.meters.base import failure

__all__ = [
    "LocalHost",
    "address_towards",
    "counted_interfaces",
    "hardware",
    "is_whole_disk",
    "os_tokens",
    "per_second",
]

FIRST_WAIT = 3.0
"""Seconds that the start of the agent waits for the devices of the machine."""

WINDOWS_11 = 22000
"""Build number of Windows from which on it is called 11; its version says 10.0 as before."""

OLD = 15.0
"""Seconds after which a helper's last reading is marked as old, when the next does not come."""


def os_tokens(system: str, machine: str, release: Mapping[str, str], version: str = "") -> str:
    """Return the words that jobs ask for in ``need_os``: family, system, width, distribution, version.

    ``system`` and ``machine`` as ``platform`` tells them, ``release`` the fields of ``os-release``, ``version`` the
    product's version where there is no such file.
    """
    machine = machine.lower()
    if machine in ("aarch64", "arm64"):
        width = "aarch64"
    elif machine.startswith("arm"):
        width = "arm32"
    else:
        width = "64" if "64" in machine else "32"
    if system == "Windows":
        return " ".join(word for word in ("windows", width, _windows_word(version)) if word)
    if system == "Darwin":
        return " ".join(word for word in ("unix", "macosx", width, "macos", version) if word)
    words = ("unix", system.lower(), width, release.get("ID", "").lower(), release.get("VERSION_ID", "").lower())
    return " ".join(word for word in words if word)


def _windows_word(version: str) -> str:
    """Return ``10`` or ``11`` for the versions that people know by these names, else ``version`` itself."""
    numbers = version.split(".")
    if numbers[:2] != ["10", "0"] or not numbers[-1].isdigit():
        return version
    return "11" if int(numbers[-1]) >= WINDOWS_11 else "10"


def per_second(new: float, old: float, seconds: float) -> int:
    """Return the growth of a counter in whole KiB a second; 0 for a counter that was set back."""
    if seconds <= 0 or new <= old:
        return 0
    return int((new - old) / 1024 / seconds)


class LocalHost:
    """Measures this machine. Its names: ``name`` and ``user``.

    ``disk``: the path whose file system counts as the machine's disk. ``drives``: the disks whose traffic counts, by
    name, ``*`` for all. ``meters_folder`` and ``meters``: a studio's own meters and which are wanted. ``source`` stands
    for ``psutil`` (tests), ``helpers`` says whether helper processes may be started.
    """

    slow = True

    def __init__(
        self,
        *,
        name: str = "",
        user: str = "",
        disk: str = "/",
        drives: str = "*",
        meters_folder: str = "",
        meters: Sequence[str] = (),
        source: Any = psutil,
        clock: Callable[[], float] = time.monotonic,
        helpers: bool = True,
    ) -> None:
        self._name = name or socket.gethostname().lower().partition(".")[0]
        self._user = user
        self._disk = disk
        self._drives = "" if drives == "*" else drives
        self._source = source
        self._clock = clock
        self._cpu_mhz = 0
        self._hardware = hardware()
        self._tree = TreeMeter(source, clock)
        self._tasks: dict[RunKey, int] = {}
        self._gpus: list[dict[str, Any]] = []
        self._meters: dict[str, dict[str, Any]] = {}
        self._gpu_side = SideProbe(lambda failed: ("gpu",), self._take, clock=clock) if helpers else None
        self._meter_side = (
            SideProbe(lambda failed: _meter_words(meters_folder, meters, failed), self._take, clock=clock)
            if helpers and meters
            else None
        )
        source.cpu_times_percent(None)
        self._before = self._counters()

    def identity(self) -> HostIdentity:
        """Return name, system, user, interfaces and devices."""
        release: Mapping[str, str] = {}
        with contextlib.suppress(OSError):
            release = platform.freedesktop_os_release()
        version = platform.mac_ver()[0] if sys.platform == "darwin" else platform.version() if os.name == "nt" else ""
        if self._gpu_side is not None:
            self._gpu_side.ask(FIRST_WAIT)
        return HostIdentity(
            name=self._name,
            os=os_tokens(platform.system(), platform.machine(), release, version),
            user=self._user or _login(),
            interfaces=_interfaces(),
            devices=[
                {"index": one["index"], "kind": "gpu", "name": one["name"], "memory_mb": one["mem_total_mb"]}
                for one in self._gpus
            ],
        )

    def watch_tasks(self, roots: dict[RunKey, int]) -> None:
        """Measure the process trees below these process ids too, from the next reading on."""
        self._tasks = roots

    def measure(self) -> dict[str, Any]:
        """Return a reading; rates are since the last one."""
        sides = {"gpu": self._gpu_side, "custom": self._meter_side}
        for side in sides.values():
            if side is not None:
                side.ask()
        result: dict[str, Any] = {"cpu_num": self._source.cpu_count() or 1, "hw_info": self._hardware}
        self._measure_processor(result)
        self._measure_memory(result)
        self._measure_rates(result)
        result["logged_in_users"] = users = []
        with contextlib.suppress(OSError, RuntimeError, AttributeError):
            users += sorted({user.name for user in self._source.users()} - {"", "reboot", "runlevel", "LOGIN"})
        result["tasks"] = [{**key._asdict(), **used._asdict()} for key, used in self._tree.measure(self._tasks).items()]
        result.update(summary(self._gpus))
        failed = self._meter_side.failed if self._meter_side is not None else {}
        result["custom"] = [
            *(meter for name, meter in self._meters.items() if name not in failed),
            *(failure(name, f"Left out: {why}.") for name, why in failed.items()),
        ]
        result["old"] = {
            name: round(side.age or 0.0, 1)
            for name, side in sides.items()
            if side is not None and side.is_late and (side.age is None or side.age > OLD)
        }
        return result

    def close(self) -> None:
        """End the helpers."""
        for side in (self._gpu_side, self._meter_side):
            if side is not None:
                side.close()

    def _take(self, message: dict[str, Any]) -> None:
        """Take a reading of a helper; called in its thread, and replaces what is there whole."""
        if "gpus" in message:
            self._gpus = message["gpus"]
        elif "meter" in message:
            self._meters = {**self._meters, message["meter"]["name"]: message["meter"]}

    def _measure_processor(self, result: dict[str, Any]) -> None:
        source = self._source
        times = source.cpu_times_percent(None)
        # Windows has its interrupts under another name.
        names = {"irq": ("irq", "interrupt"), "softirq": ("softirq", "dpc")}
        for field in ("user", "nice", "system", "idle", "iowait", "irq", "softirq"):
            told = (getattr(times, name) for name in names.get(field, (field,)) if hasattr(times, name))
            result[f"cpu_{field}"] = max(0, min(100, int(next(told, 0))))
        load: tuple[float, ...] = (0.0, 0.0, 0.0)
        with contextlib.suppress(OSError, AttributeError):
            load = source.getloadavg()
        result["cpu_loadavg"] = [round(one, 2) for one in load]
        if not self._cpu_mhz:
            with contextlib.suppress(OSError, NotImplementedError, RuntimeError, AttributeError):
                frequency = source.cpu_freq()
                if frequency is not None:
                    self._cpu_mhz = int(max(frequency.current, frequency.max or 0))
        result["cpu_mhz"] = self._cpu_mhz
        temperatures: list[float] = [0]
        with contextlib.suppress(OSError, RuntimeError, AttributeError):
            temperatures += [one.current for chip in source.sensors_temperatures().values() for one in chip]
        result["cpu_temp"] = int(max(temperatures))

    def _measure_memory(self, result: dict[str, Any]) -> None:
        memory = self._source.virtual_memory()
        result["mem_total_mb"] = memory.total >> 20
        result["mem_free_mb"] = memory.available >> 20
        # macOS calls what it keeps of files "inactive".
        result["mem_cached_mb"] = getattr(memory, "cached", getattr(memory, "inactive", 0)) >> 20
        result["mem_buffers_mb"] = getattr(memory, "buffers", 0) >> 20
        result["swap_total_mb"] = result["swap_used_mb"] = 0
        with contextlib.suppress(OSError, RuntimeError):
            swap = self._source.swap_memory()
            result["swap_total_mb"], result["swap_used_mb"] = swap.total >> 20, swap.used >> 20
        result["hdd_total_gb"] = result["hdd_free_gb"] = 0
        with contextlib.suppress(OSError):
            disk = self._source.disk_usage(self._disk)
            result["hdd_total_gb"], result["hdd_free_gb"] = disk.total >> 30, disk.free >> 30

    def _counters(self) -> _Counters:
        read = written = received = sent = 0.0
        busy: dict[str, float] = {}
        with contextlib.suppress(OSError, RuntimeError):
            for name, disk in (self._source.disk_io_counters(perdisk=True) or {}).items():
                if name == self._drives or (not self._drives and is_whole_disk(name)):
                    read, written = read + disk.read_bytes, written + disk.write_bytes
                    # Windows has no busy time, but the times of reading and writing.
                    busy[name] = getattr(disk, "busy_time", disk.read_time + disk.write_time)
        with contextlib.suppress(OSError, RuntimeError):
            cards = self._source.net_io_counters(pernic=True)
            for name in counted_interfaces(cards, self._source.net_if_stats()):
                received, sent = received + cards[name].bytes_recv, sent + cards[name].bytes_sent
        return _Counters(self._clock(), read, written, busy, received, sent)

    def _measure_rates(self, result: dict[str, Any]) -> None:
        before, after = self._before, self._counters()
        self._before = after
        seconds = after.at - before.at
        result["hdd_rd_kbsec"] = per_second(after.read, before.read, seconds)
        result["hdd_wr_kbsec"] = per_second(after.written, before.written, seconds)
        shares = [time - before.busy.get(name, time) for name, time in after.busy.items()]
        result["hdd_busy"] = max(0, min(100, int(max(shares, default=0) / 10 / seconds))) if seconds > 0 else 0
        result["net_recv_kbsec"] = per_second(after.received, before.received, seconds)
        result["net_send_kbsec"] = per_second(after.sent, before.sent, seconds)


class _Counters(NamedTuple):
    """Counters that only grow: bytes, and the busy milliseconds of each disk."""

    at: float
    read: float
    written: float
    busy: dict[str, float]
    received: float
    sent: float


def _meter_words(folder: str, names: Sequence[str], failed: set[str]) -> Sequence[str]:
    left = [name for name in names if name not in failed]
    return ("meters", folder, *left) if left else ()


def is_whole_disk(name: str, *, blocks: str = "/sys/block") -> bool:
    """Say whether a disk counts by itself: not a partition of one, nor made of others (device mapper, loop, RAID)."""
    if not os.path.isdir(blocks):
        return True
    return os.path.exists(f"{blocks}/{name.replace('/', '!')}/device")


def counted_interfaces(
    cards: Mapping[str, Any], stats: Mapping[str, Any], *, virtual: str = "/sys/devices/virtual/net"
) -> list[str]:
    """Return the interfaces whose traffic counts: up, no loopback, and each byte once.

    Bridges, bonds and tunnels carry what a card counts already; they count where there is nothing else (containers).
    """
    up = [
        name
        for name in cards
        if not re.fullmatch(r"lo\d*|Loopback.*", name) and (name not in stats or stats[name].isup)
    ]
    return [name for name in up if not os.path.isdir(f"{virtual}/{name}")] or up


def address_towards(host: str, port: int) -> tuple[str, int]:
    """Return the address by which this machine reaches ``host``, and its family (4 or 6); nothing is sent.

    Asks the name service, so it may take long. An empty address when there is no way there.
    """
    with contextlib.suppress(OSError):
        for family, kind, protocol, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM):
            with contextlib.suppress(OSError), socket.socket(family, kind, protocol) as probe:
                probe.connect(place)
                return str(probe.getsockname()[0]), 6 if family == socket.AF_INET6 else 4
    return "", 4


def _login() -> str:
    try:
        return getpass.getuser().lower()
    except (KeyError, OSError):
        return "unknown"


def _interfaces() -> list[dict[str, Any]]:
    """Return name, hardware address and addresses of every interface but loopback."""
    result = []
    for name, addresses in psutil.net_if_addrs().items():
        mac = next((one.address for one in addresses if one.family == psutil.AF_LINK), "")
        ips = [one.address.partition("%")[0] for one in addresses if one.family in (socket.AF_INET, socket.AF_INET6)]
        if any(ip not in ("127.0.0.1", "::1") for ip in ips) or (mac and mac != "00:00:00:00:00:00"):
            result.append({"name": name, "mac": mac, "ips": ips})
    return result


def hardware(processors: str = "/proc/cpuinfo", board: str = "/sys/class/dmi/id") -> str:
    """Return the processor's name and the machine's maker and model, as far as the system tells them in files."""
    words = []
    with contextlib.suppress(OSError), open(processors, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                words.append(" ".join(line.partition(":")[2].split()))
                break
    for name in ("sys_vendor", "product_name"):
        with contextlib.suppress(OSError), open(f"{board}/{name}", encoding="utf-8", errors="replace") as file:
            words.append(file.read().strip())
    return ", ".join(dict.fromkeys(word for word in words if word)) or platform.processor()
