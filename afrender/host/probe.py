"""What a host probe is: who this machine is, and how busy it is now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from afcore.ids import RunKey

__all__ = ["RESOURCE_FIELDS", "HostIdentity", "HostProbe"]

RESOURCE_FIELDS = (
    "cpu_num",
    "cpu_mhz",
    "cpu_temp",
    "cpu_loadavg",
    "cpu_user",
    "cpu_nice",
    "cpu_system",
    "cpu_idle",
    "cpu_iowait",
    "cpu_irq",
    "cpu_softirq",
    "mem_total_mb",
    "mem_free_mb",
    "mem_cached_mb",
    "mem_buffers_mb",
    "swap_total_mb",
    "swap_used_mb",
    "hdd_total_gb",
    "hdd_free_gb",
    "hdd_rd_kbsec",
    "hdd_wr_kbsec",
    "hdd_busy",
    "net_recv_kbsec",
    "net_send_kbsec",
    "gpu_gpu_util",
    "gpu_gpu_temp",
    "gpu_mem_total_mb",
    "gpu_mem_used_mb",
    "gpu_string",
    "gpus",
    "hw_info",
    "logged_in_users",
    "custom",
    "tasks",
    "old",
)
"""Every key of a reading, in the trade's names and units (``docs/protocol.md``)."""


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """What does not change while the agent runs.

    ``os``: tokens such as ``unix linux 64 debian 12``. ``interfaces``: ``{"name", "mac", "ips"}`` each.
    ``devices``: ``{"index", "kind", "name", "memory_mb"}`` each.
    """

    name: str
    os: str
    user: str
    interfaces: list[dict[str, Any]] = field(default_factory=list)
    devices: list[dict[str, Any]] = field(default_factory=list)


class HostProbe(Protocol):
    """Looks at a machine. ``slow`` tells that ``measure`` may take long: it is called in a worker thread then."""

    slow: bool

    def identity(self) -> HostIdentity:
        """Return what the machine is."""

    def watch_tasks(self, roots: dict[RunKey, int]) -> None:
        """Measure the process trees of these runs too: the id of each one's first process."""

    def measure(self) -> dict[str, Any]:
        """Return a reading with every key of ``RESOURCE_FIELDS``; rates are since the last call.

        Never called twice at once.
        """

    def close(self) -> None:
        """Free what the probe holds."""
