"""This machine, through psutil: every field of a reading, without waiting for any."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any

import psutil

from afrender.host.nvidia import Nvidia
from afrender.host.probe import HostIdentity

__all__ = ["LocalHost", "address_towards", "os_tokens", "per_second"]


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
        return " ".join(word for word in ("windows", width, version) if word)
    if system == "Darwin":
        return " ".join(word for word in ("unix", "macosx", width, "macos", version) if word)
    words = ("unix", system.lower(), width, release.get("ID", "").lower(), release.get("VERSION_ID", "").lower())
    return " ".join(word for word in words if word)


def per_second(new: float, old: float, seconds: float) -> int:
    """Return the growth of a counter in whole KiB a second; 0 for a counter that was set back."""
    if seconds <= 0 or new <= old:
        return 0
    return int((new - old) / 1024 / seconds)


class LocalHost:
    """Measures this machine. ``disk``: the path whose file system counts as the machine's disk."""

    slow = True

    def __init__(self, *, name: str = "", user: str = "", disk: str = "/") -> None:
        self._name = name or socket.gethostname().lower().partition(".")[0]
        self._user = user
        self._disk = disk
        self._nvidia = Nvidia()
        self._cpu_mhz = 0
        self._hardware = _hardware()
        psutil.cpu_times_percent(None)
        self._before = self._counters()

    def identity(self) -> HostIdentity:
        """Return name, system, user, interfaces and devices."""
        release: Mapping[str, str] = {}
        with contextlib.suppress(OSError):
            release = platform.freedesktop_os_release()
        version = platform.mac_ver()[0] if sys.platform == "darwin" else platform.version() if os.name == "nt" else ""
        return HostIdentity(
            name=self._name,
            os=os_tokens(platform.system(), platform.machine(), release, version),
            user=self._user or _login(),
            interfaces=_interfaces(),
            devices=self._nvidia.devices(),
        )

    def measure(self) -> dict[str, Any]:
        """Return a reading; rates are since the last one."""
        result: dict[str, Any] = {"cpu_num": psutil.cpu_count() or 1, "hw_info": self._hardware}
        self._measure_processor(result)
        memory = psutil.virtual_memory()
        swap = psutil.swap_memory()
        result["mem_total_mb"] = memory.total >> 20
        result["mem_free_mb"] = memory.available >> 20
        result["mem_cached_mb"] = getattr(memory, "cached", 0) >> 20
        result["mem_buffers_mb"] = getattr(memory, "buffers", 0) >> 20
        result["swap_total_mb"] = swap.total >> 20
        result["swap_used_mb"] = swap.used >> 20
        result["hdd_total_gb"] = result["hdd_free_gb"] = 0
        with contextlib.suppress(OSError):
            disk = psutil.disk_usage(self._disk)
            result["hdd_total_gb"], result["hdd_free_gb"] = disk.total >> 30, disk.free >> 30
        self._measure_rates(result)
        result.update(self._nvidia.measure())
        users: list[str] = []
        with contextlib.suppress(OSError, RuntimeError):
            users = sorted({user.name for user in psutil.users()})
        result["logged_in_users"] = users
        return result

    def close(self) -> None:
        """Let NVML go."""
        self._nvidia.close()

    def _measure_processor(self, result: dict[str, Any]) -> None:
        times = psutil.cpu_times_percent(None)
        for field in ("user", "nice", "system", "idle", "iowait", "irq", "softirq"):
            result[f"cpu_{field}"] = int(getattr(times, field, 0))
        load: tuple[float, ...] = (0.0, 0.0, 0.0)
        with contextlib.suppress(OSError, AttributeError):
            load = psutil.getloadavg()
        result["cpu_loadavg"] = [round(one, 2) for one in load]
        if not self._cpu_mhz:
            with contextlib.suppress(OSError, NotImplementedError, RuntimeError):
                frequency = psutil.cpu_freq()
                if frequency is not None:
                    self._cpu_mhz = int(max(frequency.current, frequency.max or 0))
        result["cpu_mhz"] = self._cpu_mhz
        temperatures: list[float] = [0]
        if hasattr(psutil, "sensors_temperatures"):
            with contextlib.suppress(OSError, RuntimeError):
                temperatures += [one.current for chip in psutil.sensors_temperatures().values() for one in chip]
        result["cpu_temp"] = int(max(temperatures))

    def _counters(self) -> tuple[float, float, float, float, float, float]:
        """Return the time, bytes read, written, busy milliseconds of disks, bytes received and sent."""
        read = written = busy = received = sent = 0.0
        with contextlib.suppress(OSError, RuntimeError):
            disks = psutil.disk_io_counters()
            if disks is not None:
                read, written, busy = disks.read_bytes, disks.write_bytes, getattr(disks, "busy_time", 0)
        with contextlib.suppress(OSError, RuntimeError):
            for name, card in psutil.net_io_counters(pernic=True).items():
                if not name.lower().startswith("lo"):
                    received += card.bytes_recv
                    sent += card.bytes_sent
        return time.monotonic(), read, written, busy, received, sent

    def _measure_rates(self, result: dict[str, Any]) -> None:
        before, after = self._before, self._counters()
        self._before = after
        seconds = after[0] - before[0]
        result["hdd_rd_kbsec"] = per_second(after[1], before[1], seconds)
        result["hdd_wr_kbsec"] = per_second(after[2], before[2], seconds)
        result["hdd_busy"] = max(0, min(100, int((after[3] - before[3]) / 10 / seconds))) if seconds > 0 else 0
        result["net_recv_kbsec"] = per_second(after[4], before[4], seconds)
        result["net_send_kbsec"] = per_second(after[5], before[5], seconds)


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


def _hardware() -> str:
    """Return the processor's name, where the system tells it in a file."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
