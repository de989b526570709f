"""The meter ``iostat``: how busy the disks are, from the program of that name (package sysstat), old or new."""

from __future__ import annotations

import os
import re

from afrender.meters.running import ProgramMeter

__all__ = ["iostat"]

_WAITS = ("await", "r_await", "w_await")


class iostat(ProgramMeter):
    """Utilisation in percent of the busiest disk whose name matches ``AF_IOSTAT_DEVICE`` (default: every disk)."""

    words = ("iostat", "-x", "-d", "-m", "4", "2")

    def __init__(self) -> None:
        super().__init__()
        self._devices = re.compile(os.environ.get("AF_IOSTAT_DEVICE") or r"(?!loop|ram|sr).*")
        self.width = 160
        self.label = "IO: …"

    def show(self, text: str) -> None:
        """Read the last of the reports: the first is since the machine started."""
        rows: list[dict[str, float]] = []
        names: list[str] = []
        for line in text.splitlines():
            words = line.split()
            if words and words[0].rstrip(":") == "Device":
                # A new report; columns are found by their names, which stay while their places change.
                names, rows = words, []
            elif names and len(words) == len(names) and self._devices.fullmatch(words[0]):
                numbers = (float(word.replace(",", ".")) for word in words[1:])
                rows.append(dict(zip(names[1:], numbers)))
        if not rows:
            raise RuntimeError("iostat tells of no disk that is asked for")
        used = max(row["%util"] for row in rows)
        read, written = (sum(row.get(name, 0.0) for row in rows) for name in ("rMB/s", "wMB/s"))
        wait = max(row.get(name, 0.0) for row in rows for name in _WAITS)
        self.value = max(0, min(100, int(used)))
        self.graphr, self.graphg = min(255, self.value * 5), min(255, (100 - self.value) * 5)
        self.label = f"IO: r{read:.0f} w{written:.0f} MB/s, {self.value} %"
        self.tooltip = f"Disks: {used:.1f} % busy, read {read:.1f} MB/s, write {written:.1f} MB/s, wait {wait:.1f} ms"
