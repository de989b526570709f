"""A load generator or a probe, as a process of its own.

Called as ``python -m benchmarks.generator HOST:PORT AGENTS FIRST KIND [FILE]``, it is told what to do by lines on its
standard input and answers each with one line of JSON:

- ``begin``: forget what was counted so far;
- ``seconds NUMBER``: how long processes last that start from now on;
- ``figures``: what was counted since ``begin``;
- ``quit``: leave the farm.

As ``load`` the processes of its agents are timers. As ``probe`` they last until their turn comes: every ten
milliseconds the oldest one ends, and the time from its report to the acknowledgement is measured. As ``hold`` the
agents begin with the runs that FILE gives them (JSON: lists of keys by name), which never end.

It stands for other machines, so it takes the processor first where it may (as root): the server that is measured does
not take from them what only one machine has to share.  Real time, as ``nice`` says nothing between programs that Linux
keeps in groups by session.

Where ``AF_BENCH_PAIR`` holds a pairing code, a space and a folder, the agents are nodes with certificates and speak
TLS.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from afcore.ids import RunKey
from afnet.client.servers import parse_address
from benchmarks.simulated import Fleet, SimulatedAgent

__all__ = ["main"]

PROBE_STEP = 0.010


class _Counted:
    """What a fleet has counted up to some moment."""

    def __init__(self, fleet: Fleet) -> None:
        self.at = time.monotonic()
        self.cpu = time.process_time()
        self.readings = fleet.readings
        self.started, self.reported, self.acknowledged = fleet.started, fleet.reported, fleet.acknowledged


class _Probe:
    """Ends one run every ten milliseconds and waits for its acknowledgement."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._living: deque[tuple[SimulatedAgent, RunKey]] = deque()
        self._said: dict[tuple[int, int, int, int], float] = {}
        self.times: list[float] = []
        self.idle = 0
        """Turns at which no run was there to end."""
        fleet.spawned = lambda agent, key: self._living.append((agent, key))
        fleet.on_acknowledged = self._acknowledged
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + PROBE_STEP
        self._timer = self._loop.call_at(self._due, self._turn)

    def _turn(self) -> None:
        if self._living:
            agent, key = self._living.popleft()
            self._said[key] = time.perf_counter()
            agent.finish(key)
        else:
            self.idle += 1
        self._due = max(self._due + PROBE_STEP, self._loop.time())
        self._timer = self._loop.call_at(self._due, self._turn)

    def _acknowledged(self, runs: Sequence[tuple[int, int, int, int]]) -> None:
        now = time.perf_counter()
        self._fleet.acknowledged += len(runs)
        for key in runs:
            said = self._said.pop(tuple(key), 0.0)  # type: ignore[arg-type]
            if said:
                self.times.append(now - said)

    def waiting(self) -> float:
        """How long the oldest report has been waiting for its acknowledgement, in seconds."""
        now = time.perf_counter()
        return max((now - said for said in self._said.values()), default=0.0)

    def close(self) -> None:
        """Ask nothing more."""
        self._timer.cancel()


def _tell(**values: object) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def _hold(fleet: Fleet, file: Path) -> None:
    """Let the agents have runs from the beginning."""
    fleet.spawned = lambda agent, key: None
    held = json.loads(file.read_text("utf-8"))
    for agent in fleet.agents:
        agent.begin_with([RunKey(*key) for key in held.get(agent.name, ())])


async def _run(address: str, agents: int, first: int, kind: str, file: str = "") -> None:
    fleet = Fleet(parse_address(address), agents, first=first, prefix="probe" if kind == "probe" else "render")
    # At the beginning all slots are filled at once; without this all of them would end at once, again and again.
    chance = random.Random(first)
    fleet.seconds = lambda: chance.uniform(0.1, 4.0)
    probe = _Probe(fleet) if kind == "probe" else None
    if kind == "hold":
        _hold(fleet, Path(file))
    if "AF_BENCH_PAIR" in os.environ:
        code, _, folder = os.environ["AF_BENCH_PAIR"].partition(" ")
        fleet.pair(Path(folder), code)
    loop = asyncio.get_running_loop()
    words: asyncio.Queue[str] = asyncio.Queue()
    loop.add_reader(sys.stdin.fileno(), lambda: words.put_nowait(sys.stdin.readline()))
    await fleet.connect()
    gc.collect()
    gc.freeze()
    # Nothing here makes cycles that matter in a minute, and a collection is a lag.
    gc.disable()
    _tell(registered=fleet.registered)
    counted = _Counted(fleet)
    while True:
        command, _, argument = (await words.get()).strip().partition(" ")
        if command == "begin":
            counted = _Counted(fleet)
            fleet.lags.clear()
            if probe is not None:
                probe.times.clear()
                probe.idle = 0
            _tell(begun=True)
        elif command == "seconds":
            length = float(argument)
            fleet.seconds = lambda length=length: length  # type: ignore[misc]
            _tell(seconds=length)
        elif command == "figures":
            now = _Counted(fleet)
            lags = sorted(fleet.lags) or [0.0]
            _tell(
                seconds=now.at - counted.at,
                cpu=now.cpu - counted.cpu,
                started=now.started - counted.started,
                reported=now.reported - counted.reported,
                acknowledged=now.acknowledged - counted.acknowledged,
                reported_ever=fleet.reported,
                acknowledged_ever=fleet.acknowledged,
                dropped=fleet.dropped,
                readings=fleet.readings - counted.readings,
                lost=fleet.lost,
                refused=fleet.refused[:3],
                lag_worst=lags[-1],
                lag_p999=lags[int(len(lags) * 0.999)],
                times=[] if probe is None else probe.times,
                idle=0 if probe is None else probe.idle,
                waiting=0.0 if probe is None else probe.waiting(),
            )
        else:
            break
    if probe is not None:
        probe.close()
    await fleet.close()


def main(words: Sequence[str]) -> int:
    """Be a generator until told to quit, or until nobody is there any more."""
    address, agents, first, kind, *more = words
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        import uvloop
    except ImportError:
        asyncio.run(_run(address, int(agents), int(first), kind, *more))
    else:
        uvloop.run(_run(address, int(agents), int(first), kind, *more))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
