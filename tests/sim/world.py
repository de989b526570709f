"""A whole farm under a seed: server, agents, people and a bad network, until everything is over; and what must hold.

Rules of this file:
- One seed is one world: the same to the last byte on every machine and with every hash seed.
- First everything goes wrong that can, then everything goes well, and then every job must come to its end.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import afnet.server.keeping
import afnet.server.renders
import afnet.server.runner
import afnet.wire.session
import afrender.agent
from afcore import commands
from afcore.envelope import Principal
from afcore.errors import AfError, Unavailable
from afcore.replay import recover
from afcore.states import Role, RunStatus, TaskState
from afcore.store.memory import MemoryStore
from afnet.wire.messages import NotLeader, Refused
from afrender.states import RunState
from tests.sim.asks import ASKS, HOSTS, QUIET, Asker, ask, calm
from tests.sim.clock import SimClock, SimLoop
from tests.sim.history import Broken, History
from tests.sim.host import SimHost
from tests.sim.network import End, Network
from tests.sim.server import AGENT, DEFAULTS, SimServer

__all__ = ["FAULTS", "TASKS", "World", "play", "virtual"]

TASKS = 200
"""Tasks that a world has at least."""
LEAST_FAULTS = 20
_ROUGH = 40.0
"""Seconds in which things go wrong."""
_BEGIN = 1_000_000.0
_TROUBLED = (RunState.WAITING, RunState.START_DROPPED, RunState.DROPPING)


class World:
    """One farm with everything around it."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.clock = SimClock(_BEGIN)
        self.history = History(self.clock)
        self.faults: Counter[str] = Counter()
        self.network = Network(self.dice, self.faults)
        self.loop = SimLoop(self.clock)
        """Whose turn it is when people and misfortunes act."""
        self.rough = True
        self._unkind: Any = None
        self._rude = False
        self._orders = 0
        self.digests = 0
        """Crashes after which the farm was compared with what it was."""
        self.store = MemoryStore(created=_BEGIN)
        self.server: SimServer | None = self._new_server()
        self._digest = ""
        self.hosts = {name: SimHost(name, self.clock, self.dice, self.history, self) for name in HOSTS}
        self.clumsy = self.dice.random() < 0.3
        """A world of slow processes and impatient pools, with one machine for all the work."""
        for host in self.hosts.values():
            host.clumsy = self.clumsy

    def _new_server(self) -> SimServer:
        return SimServer(self.store, self.clock, self.dice, self.history, self._greeting)

    # What hosts ask of the world

    def dial(self, host: SimHost) -> bool:
        """Connect a host; False when no server answers."""
        server = self.server
        if server is None or server.loop.asleep_until > self.clock.at:
            return False
        peer = server.peers.new_peer(AGENT)
        self.network.connect(host, peer, (host.loop, server.loop), host.name)
        if self._unkind == "hang up":
            self._unkind = None
            peer.close("Too many callers.")
        return True

    def rude(self) -> bool:
        """Whether the next caller says goodbye before hello."""
        rude, self._rude = self._rude, False
        return rude

    def left(self, host: SimHost) -> None:
        """An agent left in order; somebody starts it again."""
        self.loop.call_later(self.dice.uniform(1.0, 20.0), host.begin)

    def _greeting(self) -> Any:
        if self._unkind in (None, "hang up"):
            return None
        unkind, self._unkind = self._unkind, None
        return unkind

    # People

    def ask(self, command: Any, *, user: str = "root", role: Role = Role.GOD) -> None:
        """Give a command to the server, if there is one."""
        server = self.server
        if server is None or server.loop.asleep_until > self.clock.at:
            return
        self._orders += 1
        server.runner.post(
            command,
            Principal(user, role, "127.0.0.1"),
            partial(self._answered, command),
            initiator=f"order-{self._orders}",
        )

    def _answered(self, command: Any, reply: Any, error: AfError | None) -> None:
        name = type(command).__name__
        if error is not None:
            self.history.refusals[name] += 1
        elif isinstance(command, commands.SubmitJob):
            self.history.submit_answered(reply["id"])

    def _people(self) -> None:
        if not self.rough:
            return
        dice = self.dice
        if self.server is not None:
            asker = Asker(
                dice, self.server.core.farm, self.clock.at, system=True, least_tasks=4, orders=self._orders,
                wide_dice=dice, wide_share=0.1,
            )  # fmt: skip
            command = ask(asker)
            if command is not None:
                user, role = dice.choice((("root", Role.GOD), ("root", Role.GOD), ("anna", Role.USER)))
                self.ask(command, user=user, role=role)
        self.loop.call_later(dice.uniform(0.1, 0.9), self._people)

    def _submit(self) -> None:
        if self.server is None:
            return
        least = self.dice.choice((8, 20))
        asker = Asker(
            self.dice, self.server.core.farm, self.clock.at, system=True, least_tasks=least,
            wide_dice=self.dice, wide_share=0.1,
        )  # fmt: skip
        self.ask(ASKS[commands.SubmitJob](asker))

    # Misfortunes

    def _fate(self) -> None:
        if not self.rough:
            return
        kinds = tuple(FAULTS)
        kind = self.dice.choices(kinds, [FAULTS[each][0] for each in kinds])[0]
        if FAULTS[kind][1](self):
            self.faults[kind] += 1
        self.loop.call_later(self.dice.uniform(0.5, 3.5), self._fate)

    def _host(self) -> SimHost | None:
        now = self.clock.at
        hosts = [host for _, host in sorted(self.hosts.items()) if not host.gone and host.loop.asleep_until <= now]
        busy = [host for host in hosts if host.agent.living]
        return self.dice.choice(busy or hosts) if hosts else None

    def _wire(self, do: Callable[[tuple[End, End]], None]) -> bool:
        wire = self.network.when_open(self.dice.choice)
        if wire is not None:
            do(wire)
        return wire is not None

    def _crash_server(self) -> bool:
        server = self.server
        if server is None:
            return False
        self._digest = server.core.digest() if server.runner.idle else ""
        server.die()
        self.server = None
        for wire in self.network.wires:
            end = wire[0]
            wire[1].open = False
            end.loop.call_later(self.dice.uniform(0.01, 1.0), end.broken, "reset")
        self.loop.call_later(self.dice.choice((0.5, 2.0, 10.0)), self._boot)
        return True

    def _boot(self) -> None:
        if self.server is not None:
            return
        self.store = self.store.reopened()
        self.server = self._new_server()
        if self.dice.random() < 0.5:
            self.loop.call_later(0.05, self._report_early)
        if self._digest:
            self.digests += 1
            if self.server.core.digest() != self._digest:
                raise self.history.broken("the farm came back as another one")

    def _report_early(self) -> None:
        """Let an agent report what ended meanwhile before it has registered with the server that came back."""
        server = self.server
        if server is None:
            return
        for name, host in sorted(self.hosts.items()):
            for key, (_, report) in sorted(host.spool.items()):
                run = server.core.farm.runs.get(key)
                render = None if run is None else server.core.farm.renders[run.render]
                # The spool of a captured render holds what its service reported, under the key of the same run.
                if run is not None and render is not None and render.name == name and run.waiting_since:
                    if render.session:
                        continue
                    self.faults["reported before it registered"] += 1
                    words = {"exit_status": report.exit_status, "duration": report.duration}
                    command = commands.ReportRun(run.render, *key, RunStatus(report.status), **words)
                    server.runner.post(command, Principal(name, Role.NODE, "", run.render))
        waiting = sorted(key for key, run in server.core.farm.runs.items() if run.waiting_since)
        if waiting and self.dice.random() < 0.5:
            key = self.dice.choice(waiting)
            action = self.dice.choice(("restart", "skip", "done", "suspend"))
            self.ask(commands.ChangeTasks(key.job, action, [key.block], [(key.task, key.task)]))

    def _crash_after_commit(self) -> bool:
        if self.server is None:
            return False
        self.server.writer.on_commit = self._crash_now
        return True

    def _crash_now(self) -> None:
        if self._crash_server():
            raise _Died

    def _stop_server(self) -> bool:
        server = self.server
        if server is None:
            return False
        self._digest = server.core.digest() if server.stop() else ""
        self.server = None
        self.loop.call_later(self.dice.choice((0.5, 5.0)), self._boot)
        return True

    def _sleep_server(self) -> bool:
        if self.server is None:
            return False
        self.server.loop.sleep(self.dice.choice((3.0, 70.0)))
        return True

    def _store_away(self) -> bool:
        self.store.fail = Unavailable("the database does not answer")
        self.loop.call_later(self.dice.uniform(0.5, 8.0), self._store_back, self.store)
        return True

    def _store_back(self, store: MemoryStore) -> None:
        store.fail = None

    def _snapshot(self) -> bool:
        return self.server is not None and self.server.keeper.take()

    def _snapshot_fails(self) -> bool:
        return self._snapshot() and self._store_away()

    def _crash_agent(self, *, machine: bool) -> bool:
        host = self._host()
        if host is None:
            return False
        host.crash(machine=machine)
        self.loop.call_later(self.dice.choice((1.0, 5.0, 68.0)), host.begin)
        return True

    def _sleep_host(self) -> bool:
        host = self._host()
        if host is None:
            return False
        host.loop.sleep(self.dice.choice((4.0, 30.0, 66.0)))
        return True

    def _unplug(self) -> bool:
        host = self._host()
        if host is None or host.end is None:
            return False
        host.unplugged_until = self.clock.at + self.dice.choice((8.0, 12.0))
        wire = next((wire for wire in self.network.wires if wire[0] is host.end), None)
        if wire is not None:
            self.network.cut(wire)
        return True

    def _trip(self) -> None:
        """In a clumsy world one machine has all the work, and somebody trips over its cable again and again."""
        if not self.rough:
            return
        host = self.hosts["alpha"]
        if not host.gone and len(host.agent.living) > 1:
            host.unplugged_until = self.clock.at + 6.5
            if host.end is not None:
                wire = next(wire for wire in self.network.wires if wire[0] is host.end)
                self.network.cut(wire)
                self.faults["cable pulled"] += 1
            self.loop.call_later(self.dice.uniform(6.5, 14.0), self._leave_troubled)
        self.loop.call_later(self.dice.uniform(9.0, 14.0), self._trip)

    def _leave_troubled(self) -> None:
        host = self.hosts["alpha"]
        troubled = any(state in _TROUBLED for state in host.agent.runs.values())
        if self.rough and not host.gone and not host.agent.leaving and troubled and self.dice.random() < 0.5:
            host.leave()
            self.faults["agent left"] += 1

    def _leave(self) -> bool:
        host = self._host()
        if host is None or host.agent.leaving:
            return False
        host.leave()
        return True

    def _second(self) -> bool:
        host = self._host()
        if host is None or self.server is None or host.session is None:
            return False
        twin = commands.RegisterRender(host.name, session=1_000_000 + self.dice.randrange(1000), instance="twin")
        render = self.server.core.farm.renders.get(self.server.core.farm.renders_by_name.get(host.name, 0))
        connected = render is not None and render.session and not render.lost
        if connected:
            self.server.runner.post(twin, Principal(host.name, Role.NODE), partial(self._refused_twin, host.name))
        return bool(connected)

    def _refused_twin(self, name: str, reply: Any, error: AfError | None) -> None:
        if error is None and self.server is not None:
            # The first one was lost in between; the twin goes as it came.
            render = self.server.core.farm.renders[reply["id"]]
            principal = Principal(name, Role.NODE, "", render.id)
            self.server.runner.post(commands.DeregisterRender(render.id, render.session), principal)

    def _slow(self) -> bool:
        self.network.slow_until = self.clock.at + self.dice.uniform(1.0, 8.0)
        return True

    def _greet_badly(self, answer: Any) -> bool:
        if self._unkind is not None:
            return False
        self._unkind = answer
        return self._wire(self.network.cut)

    def _demote(self) -> bool:
        if self.server is None:
            return False
        peers = sorted(self.server.peers._peers, key=lambda peer: peer.number)
        if not peers:
            return False
        self.dice.choice(peers).send(NotLeader([]))
        return True

    def _call_rudely(self) -> bool:
        self._rude = True
        return self._wire(self.network.cut)

    # The story

    def play(self) -> str:
        """Let it all happen; return the digest of the farm at its end.  Raises ``Broken``."""
        self.loop.call_later(1.0, self._submit)
        for count in range(5):
            self.loop.call_later(1.0 + count, self._submit)
        if self.clumsy:
            self.loop.call_later(2.0, self.ask, commands.SetPools(["/"], {"zombie_time": 6}))
            self.loop.call_later(2.1, self.ask, commands.SetBranches(["/"], {"hosts_mask": "alpha"}))
            self.loop.call_later(8.0, self._trip)
        self.loop.call_later(3.0, self._people)
        self.loop.call_later(4.0, self._fate)
        self._run(12.0)
        self.network.rough = 0.008
        self._run(_ROUGH)
        while self.history.tasks < TASKS or sum(self.faults.values()) < LEAST_FAULTS:
            if self.server is not None and self.history.tasks < TASKS:
                self._submit()
            self._run(5.0)
        self._calm()
        self._finish()
        return self._compare()

    def _run(self, seconds: float) -> None:
        until = self.clock.at + seconds
        while True:
            try:
                self.clock.run(until)
            except _Died:
                continue
            return

    def _calm(self) -> None:
        """Nothing goes wrong any more, and nobody stands in the way."""
        self.rough = False
        self.network.rough = 0.0
        self.network.slow_until = 0.0
        self._unkind = None
        if self.server is not None:
            self.server.writer.on_commit = None
        for host in self.hosts.values():
            host.smooth = True
        self.ask(commands.SetPools(["/"], QUIET))
        self._run(75.0)
        if self.server is None:
            raise self.history.broken("the server did not come back")
        for command in calm(self.server.core.farm):
            self.ask(command)

    def _finish(self) -> None:
        assert self.server is not None
        farm = self.server.core.farm
        for _ in range(60):
            self._run(10.0)
            if not farm.runs and self.server.runner.idle and not self.server.core.wants_solve:
                if all(not host.spool for host in self.hosts.values()) and not self._stuck():
                    return
        left = {host.name: sorted(host.spool) for host in self.hosts.values() if host.spool}
        raise self.history.broken(
            f"the farm does not come to rest: runs {sorted(farm.runs)[:5]}, reports {left}, {self._stuck()}"
        )

    def _stuck(self) -> str:
        """Return what waits without a reason, or an empty text."""
        assert self.server is not None
        farm = self.server.core.farm
        for job in farm.jobs.values():
            if job.time_done or job.waits_for or (job.offline and job.spec.command_pre):
                continue  # what was to be run before it has failed: it waits for a person
            for block in job.blocks:
                counts = block.tasks.counts
                if counts[TaskState.READY] and not block.waiting:
                    return f"tasks of block {job.id}.{block.index} wait for nothing"
                if counts[TaskState.WAIT_DEP] or (counts[TaskState.READY] and block.waiting):
                    obstacles = [job.blocks[index] for index in (*block.depends_on, *block.tasks_depend_on)]
                    if all(obstacle.over for obstacle in obstacles):
                        return f"tasks of block {job.id}.{block.index} wait for what is over"
        return ""

    def _compare(self) -> str:
        """End in order, and compare the farm with what its store makes of it."""
        assert self.server is not None
        digest = self.server.core.digest()
        self.history.over(self.server.core.farm)
        self.server.stop()
        for host in self.hosts.values():
            host.loop.dead = True
            wrong = host.agent.check()
            if wrong:
                raise self.history.broken(f"{host.name}: {wrong}")
        recovered = self.store.reopened().load()
        again = recover(recovered.snapshot, (batch.body for batch in recovered.batches), defaults=DEFAULTS)
        if again.digest() != digest:
            raise self.history.broken("the replayed farm is not the living one")
        return digest


class _Died(Exception):
    """The server died in the middle of what it did."""


FAULTS: dict[str, tuple[int, Callable[[World], bool]]] = {
    "server crashed": (2, World._crash_server),
    "server crashed after a commit": (2, World._crash_after_commit),
    "server stopped": (1, World._stop_server),
    "server slept": (1, World._sleep_server),
    "database away": (2, World._store_away),
    "snapshot": (3, World._snapshot),
    "snapshot failed": (1, World._snapshot_fails),
    "agent crashed": (3, lambda world: world._crash_agent(machine=False)),
    "machine crashed": (2, lambda world: world._crash_agent(machine=True)),
    "machine slept": (2, World._sleep_host),
    "agent left": (2, World._leave),
    "cable pulled": (6, World._unplug),
    "second agent": (1, World._second),
    "connection cut": (4, lambda world: world._wire(world.network.cut)),
    "connection half open": (4, lambda world: world._wire(world.network.half_open)),
    "slow network": (2, World._slow),
    "not the leader": (1, lambda world: world._greet_badly(NotLeader([]))),
    "refused at the door": (1, lambda world: world._greet_badly(Refused(0, "busy", "Come again later."))),
    "hung up at the door": (1, lambda world: world._greet_badly("hang up")),
    "rude caller": (1, World._call_rudely),
    "leader no more": (1, World._demote),
}
"""What may go wrong, how often, and how; beside what the network does to frames by itself."""


class _Ticking:
    """A clock for slices of work that goes on by a little each time it is looked at."""

    def __init__(self) -> None:
        self._now = 0.0

    def perf_counter(self) -> float:
        self._now += 0.0011
        return self._now


class _Quiet:
    """No collector to speak of."""

    @staticmethod
    def freeze() -> None:
        """Do nothing."""


class _Counting(dict[Any, Any]):
    """A table that counts how often each row was asked for and found."""

    def __init__(self, table: dict[Any, Any], counts: Counter[Any]) -> None:
        super().__init__(table)
        self._counts = counts

    def get(self, key: Any, default: Any = None) -> Any:
        found = super().get(key, default)
        if found is not None:
            self._counts[key] += 1
        return found


@contextmanager
def virtual(runs: Counter[Any] | None = None, sessions: Counter[Any] | None = None) -> Iterator[None]:
    """Let the product's modules look at no real clock, and count which rows of the agents' tables are used."""
    places: tuple[tuple[Any, str, Any], ...] = (
        (afnet.server.runner, "time", _Ticking()),
        (afnet.server.renders, "time", _Ticking()),
        (afnet.server.keeping, "time", _Ticking()),
        (afnet.server.keeping, "gc", _Quiet()),
        (afnet.server.keeping, "give_back", lambda: None),
        (afrender.agent, "TRANSITIONS", _Counting(afrender.agent.TRANSITIONS, Counter() if runs is None else runs)),
        (
            afnet.wire.session,
            "TRANSITIONS",
            _Counting(afnet.wire.session.TRANSITIONS, Counter() if sessions is None else sessions),
        ),
    )
    kept = [(module, name, getattr(module, name)) for module, name, _ in places]
    for module, name, value in places:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in kept:
            setattr(module, name, value)
        asyncio._set_running_loop(None)


def play(seed: int, runs: Counter[Any] | None = None, sessions: Counter[Any] | None = None) -> tuple[World, str]:
    """Play the world of a seed; return it and its digest.  Raises ``Broken`` with how to see it again."""
    with virtual(runs, sessions):
        world = World(seed)
        try:
            return world, world.play()
        except Broken:
            raise
        except Exception as error:
            raise world.history.broken(f"{type(error).__name__}: {error}") from error
