"""What the processes of each task use: memory and processor of a whole tree, from one walk over all processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple, TypeVar

import psutil

__all__ = ["TreeMeter", "Usage"]

Key = TypeVar("Key", bound=Hashable)


class Usage(NamedTuple):
    """Of one tree: resident memory now and at most, in MiB; processor in percent of one core; processes."""

    memory_mb: int
    peak_mb: int
    cpu: int
    processes: int


class TreeMeter:
    """Remembers processor times between two readings. ``source`` stands for ``psutil`` (tests)."""

    def __init__(self, source: Any = psutil, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._times: dict[tuple[int, float], float] = {}
        self._peaks: dict[Hashable, int] = {}
        self._at = clock()

    def measure(self, roots: Mapping[Key, int]) -> dict[Key, Usage]:
        """Return the usage of the tree below each process id in ``roots``; a tree that is gone is left out."""
        now = self._clock()
        seconds, self._at = max(now - self._at, 1e-6), now
        if not roots:
            self._times.clear()
            self._peaks.clear()
            return {}
        children: dict[int, list[Any]] = {}
        processes: dict[int, Any] = {}
        for process in self._source.process_iter(["ppid"]):
            processes[process.pid] = process
            children.setdefault(process.info["ppid"], []).append(process)
        result: dict[Key, Usage] = {}
        times: dict[tuple[int, float], float] = {}
        for key, pid in roots.items():
            root = processes.get(pid)
            if root is not None:
                usage = self._measure_tree(root, children, times, seconds)
                peak = self._peaks[key] = max(self._peaks.get(key, 0), usage[0])
                result[key] = Usage(usage[0], peak, usage[1], usage[2])
        self._times = times
        self._peaks = {key: peak for key, peak in self._peaks.items() if key in roots}
        return result

    def _measure_tree(
        self, root: Any, children: dict[int, list[Any]], times: dict[tuple[int, float], float], seconds: float
    ) -> tuple[int, int, int]:
        memory, spent, count = 0, 0.0, 0
        waiting = [root]
        while waiting:
            process = waiting.pop()
            waiting.extend(children.get(process.pid, ()))
            try:
                with process.oneshot():
                    used = process.cpu_times()
                    memory += process.memory_info().rss
                    identity = (process.pid, process.create_time())
            except (psutil.Error, OSError):
                continue
            count += 1
            times[identity] = used.user + used.system
            # A process that began since the last reading spent all its time since then.
            spent += max(0.0, times[identity] - self._times.get(identity, 0.0))
        return memory >> 20, int(100 * spent / seconds), count
