"""Many monitors without windows, as a process of its own: links that subscribe to what a window does.

Called as ``python -m benchmarks.watchers HOST:PORT HOW_MANY HOW_MANY_OPEN JOB``; it prints a line when all have their
rows, and answers every line on its standard input with one of JSON: rows and bytes that came since the last one.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time

from afnet.client.link import Link
from afnet.client.servers import parse_servers
from afnet.wire.messages import Hello, Message, Rows, Subscribe, Welcome

__all__ = ["main"]

_KINDS = ("jobs", "renders", "users", "pools", "branches", "notices")


class _Watcher:
    """One monitor; it counts what comes."""

    def __init__(self, job: int) -> None:
        self.link: Link | None = None
        self.rows = 0
        self.whole: set[int] = set()
        self._job = job

    def connected(self, welcome: Welcome) -> None:
        assert self.link is not None
        self.link.send(*(Subscribe(number, kind) for number, kind in enumerate(_KINDS, 1)))
        if self._job:
            self.link.send(Subscribe(100, "tasks", {"job": self._job}))

    def received(self, message: Message) -> None:
        if isinstance(message, Rows):
            self.rows += len(message.rows)
            self.whole.add(message.id)

    def lost(self, reason: str) -> None:
        sys.stderr.write(f"a monitor was lost: {reason}\n")

    def unreachable(self, error: object) -> None:
        sys.stderr.write(f"a monitor has no server: {error}\n")

    def drained(self) -> None:
        pass


async def _run(address: str, count: int, open_jobs: int, job: int) -> None:
    watchers = [_Watcher(job if number < open_jobs else 0) for number in range(count)]
    chance = random.Random(3)
    for watcher in watchers:
        watcher.link = Link(parse_servers(address), Hello([], "afwatch", "client", user="bench", host="b"), watcher,
                            chance=chance)  # fmt: skip
        watcher.link.start()
    while not all(len(watcher.whole) >= 6 + bool(watcher._job) for watcher in watchers):
        await asyncio.sleep(0.1)
    print(json.dumps({"ready": count}), flush=True)
    loop = asyncio.get_running_loop()
    before, cpu = 0, time.process_time()
    while await loop.run_in_executor(None, sys.stdin.readline):
        rows = sum(watcher.rows for watcher in watchers)
        print(json.dumps({"rows": rows - before, "cpu": time.process_time() - cpu}), flush=True)
        before, cpu = rows, time.process_time()
    for watcher in watchers:
        assert watcher.link is not None
        await watcher.link.close("done")


def main() -> None:
    """Watch until the standard input ends."""
    address, count, open_jobs, job = sys.argv[1:]
    asyncio.run(_run(address, int(count), int(open_jobs), int(job)))


if __name__ == "__main__":
    main()
