"""The meter ``nvidia_smi``: memory of all NVIDIA devices, and in its tooltip what else their program tells."""

from __future__ import annotations

from xml.etree import ElementTree

from afrender.meters.running import ProgramMeter

__all__ = ["nvidia_smi"]

_PARTS = ("gpu", "memory", "encoder", "decoder")


class nvidia_smi(ProgramMeter):
    """Used memory of the total, in MiB."""

    words = ("nvidia-smi", "-q", "-x")

    def __init__(self) -> None:
        super().__init__()
        self.width = 160
        self.label = "GPU: …"

    def show(self, text: str) -> None:
        """Read the program's XML. Raises ParseError when it is none."""
        root = ElementTree.fromstring(text)
        lines = [f"Driver {_text(root, 'driver_version')}"]
        total = used = hottest = 0
        for number, gpu in enumerate(root.iter("gpu")):
            total += _number(gpu, "fb_memory_usage/total")
            used += _number(gpu, "fb_memory_usage/used")
            hot = _number(gpu, "temperature/gpu_temp")
            hottest = max(hottest, hot)
            slow = _number(gpu, "temperature/gpu_temp_slow_threshold")
            lines.append(
                f"{number}: {_text(gpu, 'product_name')}, {_text(gpu, 'fb_memory_usage/used')} of "
                f"{_text(gpu, 'fb_memory_usage/total')}, {hot} °C" + (f" (slows at {slow} °C)" if slow else "")
            )
            lines.append("   " + ", ".join(f"{part} {_text(gpu, f'utilization/{part}_util')}" for part in _PARTS))
            for process in gpu.iter("process_info"):
                lines.append(f"   {_text(process, 'process_name')}: {_text(process, 'used_memory')}")
        if not total:
            raise RuntimeError("nvidia-smi tells of no device with memory")
        self.value, self.valuemax = used, total
        share = used / total
        self.graphr, self.graphg = int(255 * share), int(255 * (1 - share))
        self.label = f"GPU: {used} of {total} MB, {hottest} °C"
        self.tooltip = "\n".join(lines)


def _text(node: ElementTree.Element, path: str) -> str:
    return (node.findtext(path) or "N/A").strip()


def _number(node: ElementTree.Element, path: str) -> int:
    word = _text(node, path).partition(" ")[0]
    return int(word) if word.isdigit() else 0
