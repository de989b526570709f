"""What never changes of a machine is told once: with the registration, and again only when it did change."""

from __future__ import annotations

from typing import Any

__all__ = ["HOST_FIELDS", "HostInfo"]

HOST_FIELDS = (
    "cpu_num",
    "cpu_mhz",
    "mem_total_mb",
    "swap_total_mb",
    "hdd_total_gb",
    "gpu_mem_total_mb",
    "gpu_string",
    "hw_info",
)
"""Keys of a reading that say what the machine is, not what it does."""

DEVICE_FIELDS = ("index", "name", "mem_total_mb")
"""The same, of each entry of ``gpus``."""


class HostInfo:
    """Remembers what the farm was told of this machine since it registered."""

    def __init__(self) -> None:
        self._told: dict[str, Any] = {}
        self._devices: list[dict[str, Any]] = []

    def whole(self, reading: dict[str, Any]) -> dict[str, Any]:
        """Return all of a reading, as a registration says it."""
        self._told = {name: reading[name] for name in HOST_FIELDS if name in reading}
        self._devices = _devices(reading)
        return reading

    def news(self, reading: dict[str, Any]) -> dict[str, Any]:
        """Return a reading without what was told already, and take the rest as told."""
        told = self._told
        result = {name: value for name, value in reading.items() if name not in told or told[name] != value}
        told.update((name, result[name]) for name in HOST_FIELDS if name in result)
        if "gpus" in reading:
            devices = _devices(reading)
            if devices == self._devices:
                # The farm keeps what it was told of each, by its place in the list.
                result["gpus"] = [
                    {name: value for name, value in one.items() if name not in DEVICE_FIELDS} for one in reading["gpus"]
                ]
            self._devices = devices
        return result


def _devices(reading: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: one.get(name) for name in DEVICE_FIELDS} for one in reading.get("gpus", ())]
