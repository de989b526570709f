"""How fast the agent's process layer starts, reads and reaps trivial processes on one loop."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from afrender.process.keeping import Keeper
from afrender.process.posix import PosixLayer
from afrender.process.spawn import CannotStart, Exit, Launch, marker_text

TARGET = 1100.0
"""Processes a second."""


class _Runner:
    """Keeps ``width`` processes alive until ``count`` have ended; counts the good ends and the bytes."""

    def __init__(self, layer: PosixLayer, count: int, width: int, token: str) -> None:
        self._layer = layer
        self._left = count
        self._width = width
        self._token = token
        self._alive = 0
        self.good = 0
        self.bytes = 0
        self.over = asyncio.Event()

    def fill(self) -> None:
        """Start processes up to the width."""
        while self._left and self._alive < self._width:
            self._left -= 1
            launch = Launch(["/bin/sh", "-c", "true"], marker=marker_text(1, 0, self._left, 1, self._token))
            started = self._layer.start(launch, self)
            if isinstance(started, CannotStart):
                raise RuntimeError(started.sentence)
            self._alive += 1
        if not self._alive:
            self.over.set()

    def output(self, data: bytes) -> None:
        """Count bytes."""
        self.bytes += len(data)

    def exited(self, end: Exit) -> None:
        """Count the end and start the next."""
        self._alive -= 1
        self.good += end.good
        self.fill()


def measure(count: int = 2000, width: int = 64) -> dict[str, float]:
    """Run ``count`` shells that do nothing, ``width`` at a time; return rates and processor times.

    ``rate_wall`` processes a second; ``loop_us`` microseconds of our own processor time for each; ``child_us`` those of
    the children; ``good`` how many really ended well.
    """

    async def whole(folder: Path) -> dict[str, float]:
        token = "feedbeef"
        loop = asyncio.get_running_loop()
        keeper = Keeper(loop, folder, token)
        layer = PosixLayer(loop, keeper=keeper)
        runner = _Runner(layer, count, width, token)
        before, wall, own = getrusage(RUSAGE_CHILDREN), time.perf_counter(), time.process_time()
        runner.fill()
        await runner.over.wait()
        wall, own, after = time.perf_counter() - wall, time.process_time() - own, getrusage(RUSAGE_CHILDREN)
        layer.close()
        keeper.close()
        children = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {
            "count": count,
            "good": runner.good,
            "rate_wall": count / wall,
            "loop_us": own / count * 1e6,
            "child_us": children / count * 1e6,
        }

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(whole(Path(folder)))


def main() -> int:
    """Print the figures of three runs; fail when the median rate is below the target."""
    runs = sorted((measure() for _ in range(3)), key=lambda run: run["rate_wall"])
    middle = runs[1]
    sys.stdout.write(
        f"spawn: {middle['rate_wall']:.0f}/s (target {TARGET:.0f}; "
        f"{runs[0]['rate_wall']:.0f}..{runs[2]['rate_wall']:.0f}), "
        f"loop {middle['loop_us']:.0f} us, children {middle['child_us']:.0f} us each\n"
    )
    sys.stdout.write(json.dumps(middle) + "\n")
    return 0 if middle["rate_wall"] >= TARGET and all(run["good"] == run["count"] for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
