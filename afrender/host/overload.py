"""Says with each reading of a machine what it has too little of, by the limits of its own settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from afcore.ids import RunKey
from afrender.host.probe import HostIdentity, HostProbe

__all__ = ["OverloadWatch", "overload_of"]


def overload_of(resources: Mapping[str, Any], limits: Mapping[str, int]) -> list[str]:
    """Return which of ``mem``, ``swap`` and ``hdd`` have no more than ``limits`` percent free; below 0 is not asked."""
    swap = int(resources.get("swap_total_mb", 0))
    free = {
        "mem": (int(resources.get("mem_free_mb", 0)), int(resources.get("mem_total_mb", 0))),
        "swap": (swap - int(resources.get("swap_used_mb", 0)), swap),
        "hdd": (int(resources.get("hdd_free_gb", 0)), int(resources.get("hdd_total_gb", 0))),
    }
    return [
        name
        for name, (left, total) in free.items()
        if limits.get(name, -1) >= 0 and total > 0 and 100 * left <= limits[name] * total
    ]


class OverloadWatch:
    """A probe whose readings have ``overload``: the names of what is short."""

    def __init__(self, probe: HostProbe, limits: Mapping[str, int]) -> None:
        self._probe = probe
        self._limits = dict(limits)
        self.slow = probe.slow

    def identity(self) -> HostIdentity:
        """Return what the machine is."""
        return self._probe.identity()

    def watch_tasks(self, roots: dict[RunKey, int]) -> None:
        """Measure the process trees of these runs too."""
        self._probe.watch_tasks(roots)

    def measure(self) -> dict[str, Any]:
        """Return a reading, with what is short."""
        reading = self._probe.measure()
        return {**reading, "overload": overload_of(reading, self._limits)}

    def close(self) -> None:
        """Free what the probe holds."""
        self._probe.close()
