"""The thread that measures: nobody waits for it, and the last reading stays."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

from afcore.ids import RunKey
from afrender.host.probe import HostIdentity
from afrender.host.watch import HostWatch
from tests.waiting import until

KEY = RunKey(2, 0, 0, 1)


class Sick:
    """Measures once, then hangs until ``free``, then raises when told to."""

    slow = True

    def __init__(self) -> None:
        self.count = 0
        self.free = threading.Event()
        self.raising = False
        self.tasks: dict[RunKey, int] = {}
        self.closed = False

    def identity(self) -> HostIdentity:
        return HostIdentity("sick", "unix", "ann")

    def watch_tasks(self, roots: dict[RunKey, int]) -> None:
        self.tasks = roots

    def measure(self) -> dict[str, Any]:
        self.count += 1
        if self.count > 1:
            self.free.wait(60)
        if self.raising:
            raise OSError("no such device")
        return {"count": self.count, "old": {}}

    def close(self) -> None:
        self.closed = True


def test_the_last_reading_is_kept_and_marked_old(expected_logs) -> None:
    expected_logs("cannot be measured")
    async def whole() -> None:
        now = [100.0]
        probe = Sick()
        watch = HostWatch(probe, lambda: now[0])
        assert watch.text() == "{}"
        assert await watch.read(wait=60, tasks={KEY: 5}) == {"count": 1, "old": {}}
        assert json.loads(watch.text()) == {"host_resources": {"count": 1, "old": {}}}
        assert probe.tasks == {KEY: 5}
        assert await watch.read() == {"count": 1, "old": {}}, "it is fresh"
        now[0] += 30.0
        await watch.read(wait=0.0)
        await until(lambda: probe.count == 2, what="the thread to measure")
        for _ in range(3):
            assert await watch.read(wait=0.01) == {"count": 1, "old": {"host": 30.0}}
        assert probe.count == 2, "nothing is asked twice at once"
        probe.free.set()
        assert (await watch.read(wait=60))["count"] == 2
        now[0] += 5.0
        probe.raising = True
        assert (await watch.read(wait=60))["old"] == {"host": 5.0}
        watch.close()
        assert probe.closed

    asyncio.run(whole())
