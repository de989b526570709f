"""NVIDIA devices through NVML, when the library and a driver are there; nothing otherwise."""

from __future__ import annotations

import contextlib
from typing import Any

try:
    import pynvml
except ImportError:  # the package is optional on machines without such devices
    pynvml = None

__all__ = ["Nvidia"]


class Nvidia:
    """All NVIDIA devices of the machine. Without library, driver or device it is empty and stays so."""

    def __init__(self) -> None:
        self._handles: list[Any] = []
        self._open = False
        if pynvml is None:
            return
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            self._open = True
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]

    def devices(self) -> list[dict[str, Any]]:
        """Return index, kind, name and memory of each device."""
        result = []
        for index, handle in enumerate(self._handles):
            with contextlib.suppress(pynvml.NVMLError):
                result.append(
                    {
                        "index": index,
                        "kind": "gpu",
                        "name": _text(pynvml.nvmlDeviceGetName(handle)),
                        "memory_mb": int(pynvml.nvmlDeviceGetMemoryInfo(handle).total) >> 20,
                    }
                )
        return result

    def measure(self) -> dict[str, Any]:
        """Return the ``gpu_`` fields: highest load and temperature, sums of memory, names joined."""
        loads, temperatures, total, used, names = [0], [0], 0, 0, []
        for handle in self._handles:
            with contextlib.suppress(pynvml.NVMLError):
                names.append(_text(pynvml.nvmlDeviceGetName(handle)))
                memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
                total += int(memory.total) >> 20
                used += int(memory.used) >> 20
            with contextlib.suppress(pynvml.NVMLError):
                loads.append(int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu))
            with contextlib.suppress(pynvml.NVMLError):
                temperatures.append(int(pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)))
        return {
            "gpu_gpu_util": max(loads),
            "gpu_gpu_temp": max(temperatures),
            "gpu_mem_total_mb": total,
            "gpu_mem_used_mb": used,
            "gpu_string": ", ".join(names),
        }

    def close(self) -> None:
        """Let the library go."""
        if self._open:
            self._open = False
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()


def _text(name: str | bytes) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name
