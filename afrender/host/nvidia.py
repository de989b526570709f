"""NVIDIA devices: through NVML, where the library and a driver are there, else through the program ``nvidia-smi``.

Rules of this file:
- both ways may hang with a sick driver: they are called in the helper process only (``afrender.host.helper``);
- what a device does not tell is 0 or empty, and hides neither the device nor the others;
- a driver that went away is no machine without devices: nothing is told then, and who keeps readings marks them old.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

try:
    import pynvml
except ImportError:  # the package is optional on machines without such devices
    pynvml = None

__all__ = ["NO_DEVICES", "SMI_WORDS", "Nvidia", "parse_smi", "summary"]

SMI_WORDS = (
    "nvidia-smi",
    "--query-gpu=index,utilization.gpu,temperature.gpu,memory.total,memory.used,name",
    "--format=csv,noheader,nounits",
)
SMI_TIMEOUT = 8.0


def parse_smi(text: str) -> list[dict[str, Any]]:
    """Return the devices in the answer of ``SMI_WORDS``: ``index``, ``util`` %, ``temp`` °C, ``mem_*_mb``, ``name``.

    Lines that are no device (warnings) are left out; a number the driver does not know (``[N/A]``) is 0.
    """
    devices = []
    for line in text.splitlines():
        words = [word.strip() for word in line.split(",", 5)]
        if len(words) < 6 or not words[0].isdigit():
            continue
        index, load, temperature, total, used = (int(word) if word.isdigit() else 0 for word in words[:5])
        devices.append(
            {
                "index": index,
                "name": words[5],
                "util": load,
                "temp": temperature,
                "mem_total_mb": total,
                "mem_used_mb": used,
            }
        )
    return devices


def summary(devices: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the ``gpu_`` fields of a reading: highest load and temperature, sums of memory, names joined."""
    return {
        "gpu_gpu_util": max((one["util"] for one in devices), default=0),
        "gpu_gpu_temp": max((one["temp"] for one in devices), default=0),
        "gpu_mem_total_mb": sum(one["mem_total_mb"] for one in devices),
        "gpu_mem_used_mb": sum(one["mem_used_mb"] for one in devices),
        "gpu_string": ", ".join(one["name"] for one in devices),
        "gpus": list(devices),
    }


NO_DEVICES = summary(())
"""The ``gpu_`` fields of a machine without devices."""


def _ask_smi() -> str:
    """Return what ``nvidia-smi`` prints; nothing when it is missing, fails or takes too long."""
    try:
        done = subprocess.run(
            SMI_WORDS,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SMI_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


class Nvidia:
    """All NVIDIA devices of the machine; ``smi`` asks the program when there is no library."""

    def __init__(self, smi: Callable[[], str] = _ask_smi) -> None:
        self._handles: list[Any] = []
        self._open = False
        self._smi = smi
        self._smi_helps = False
        if pynvml is not None:
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlInit()
                self._open = True
                count = pynvml.nvmlDeviceGetCount()
                self._handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        if not self._handles:
            self._smi_helps = bool(parse_smi(smi()))

    @property
    def is_empty(self) -> bool:
        """Whether there are no devices: nothing will ever be measured."""
        return not self._handles and not self._smi_helps

    def measure(self) -> list[dict[str, Any]] | None:
        """Return every device with its present readings, as ``parse_smi`` does; None when the driver went away."""
        if self._handles:
            devices = [self._read(index, handle) for index, handle in enumerate(self._handles)]
            return devices if any(one["name"] or one["mem_total_mb"] for one in devices) else None
        return (parse_smi(self._smi()) or None) if self._smi_helps else []

    def _read(self, index: int, handle: Any) -> dict[str, Any]:
        device: dict[str, Any] = {"index": index, "name": "", "util": 0, "temp": 0, "mem_total_mb": 0, "mem_used_mb": 0}
        with contextlib.suppress(pynvml.NVMLError):
            device["name"] = _text(pynvml.nvmlDeviceGetName(handle))
        with contextlib.suppress(pynvml.NVMLError):
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            device["mem_total_mb"], device["mem_used_mb"] = int(memory.total) >> 20, int(memory.used) >> 20
        with contextlib.suppress(pynvml.NVMLError):
            device["util"] = int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
        with contextlib.suppress(pynvml.NVMLError):
            device["temp"] = int(pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU))
        return device

    def close(self) -> None:
        """Let the library go."""
        if self._open:
            self._open = False
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()


def _text(name: str | bytes) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name
