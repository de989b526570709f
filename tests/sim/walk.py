"""A random walk over everything that may be asked of a farm, with scripted renders on a bad network.

Rules of this file:
- One seed is one walk: the same commands in the same order, whatever the machine or the hash seed.
- After every command the invariants hold; after every crash the farm is what it was.
- Every end of a run is counted once: the history has each run number of a task at most once.

``python -m tests.sim.walk SEED STEPS`` plays one walk and prints its digest.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from afcore import commands
from afcore.codec import encode_entry, entry_of
from afcore.commands import ProgressReading, RunningRun
from afcore.core import Core
from afcore.effects import DropRun, StartRun, StopRun, StopRuns
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope, Principal
from afcore.errors import Rejected
from afcore.ids import RunKey
from afcore.image import FarmImage
from afcore.invariants import check
from afcore.model.effective import zombie_time_of
from afcore.outcome import Outcome
from afcore.replay import recover
from afcore.states import Role, RunStatus
from afcore.systemcommand import SYSTEM_JOB
from afcore.undo import UNDOABLE
from tests.sim.asks import ASKS, Asker, ask, calm
from tests.sim.rest import unexplained

__all__ = ["Agent", "Walk", "main", "play"]

_ENDS = (
    *(RunStatus.SUCCESS,) * 12,
    *(RunStatus.ERROR,) * 4,
    RunStatus.KILLED,
    RunStatus.FAILED_TO_START,
    RunStatus.PARSER_ERROR,
    RunStatus.PARSER_FATAL,
    RunStatus.PARSER_BAD_RESULT,
    RunStatus.PARSER_SUCCESS,
    RunStatus.POST_FAILED,
    RunStatus.BAD_FILES,
    RunStatus.SKIPPED,
)


@dataclass
class Agent:
    """What an agent of one name knows: the runs it has, the reports nobody acknowledged."""

    name: str
    instance: str
    render: int = 0
    session: int = 0
    """0: not connected."""
    live: set[RunKey] = field(default_factory=set)
    reports: dict[RunKey, RunStatus] = field(default_factory=dict)
    frames: dict[RunKey, int] = field(default_factory=dict)
    services: set[RunKey] = field(default_factory=set)
    """Multihost runs it was given the service of, not the task."""


PERSON = Principal("wanda", Role.GOD)
"""Who gives the orders that can be taken back."""


class Walk:
    """One farm, its agents, its journal and its dice."""

    wide_share = 0.15
    """Of the blocks: whose tasks want several renders."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.wide_dice = random.Random(f"wide {seed}")
        self.core = Core()
        self.at = 1_000_000.0
        self.agents: dict[str, Agent] = {}
        self.sessions = 0
        self.instances = 0
        self.journal: list[bytes] = []
        self.image: FarmImage | None = None
        self.ended: set[tuple[int, int, int, int]] = set()
        self.acknowledged: set[int] = set()
        self.deleted: set[int] = set()
        self.refused = 0
        self.orders = 0
        """Commands given; names each of them for undo."""
        self.do(commands.AcceptRestart())

    # The farm

    def do(self, command: Any) -> Outcome | None:
        """Apply one command; None when the farm refused it."""
        self.at += self.dice.choice((0.0, 0.1, 1.0))
        self.orders += 1
        person = isinstance(command, (*UNDOABLE, commands.UndoOperation))
        envelope = Envelope(
            command, PERSON if person else SYSTEM_PRINCIPAL, self.at, initiator=f"order-{self.orders}"
        )
        try:
            outcome = self.core.apply(envelope)
        except Rejected:
            self.refused += 1
            return None
        violations = check(self.core.farm)
        assert violations == [], (type(command).__name__, violations)
        self.core.farm.runs.settle_all()  # as a great farm would
        entry = entry_of(envelope, outcome)
        if entry is not None:
            self.journal.append(encode_entry(entry))
        for row in outcome.runs:
            key = (row["job"], row["id_block"], row["id_task"], row["run"])
            assert key not in self.ended, f"run {key} ended twice"
            self.ended.add(key)
        for row in outcome.jobs:
            self.deleted.add(row["job"])
        for effect in outcome.effects:
            self._deliver(effect)
        self._hang_up()
        return outcome

    def _hang_up(self) -> None:
        """Close the connections of agents that the farm does not count as connected any more."""
        for agent in self.agents.values():
            render = self.core.farm.renders.get(agent.render)
            if agent.session and (render is None or render.session != agent.session):
                agent.session = 0

    def _deliver(self, effect: Any) -> None:
        """Carry an effect to its agent; without a connection, or with bad luck, it is lost."""
        if isinstance(effect, StopRuns):
            for task, number in zip(effect.tasks, effect.runs, strict=True):
                run = self.core.farm.runs.get(RunKey(effect.job, effect.block, task, number))
                if run is not None:
                    self._deliver(StopRun(run.render, run.key))
            return
        if not isinstance(effect, StartRun | StopRun | DropRun):
            return
        agent = next((each for each in self.agents.values() if each.render == effect.render), None)
        if agent is None or not agent.session:
            return
        if self.dice.random() < 0.03:
            self._cut(agent)
            return
        if isinstance(effect, StartRun):
            if effect.key not in agent.reports:
                run = self.core.farm.runs.look(effect.key)
                if run is not None and run.render != effect.render:
                    agent.services.add(effect.key)
                others = [
                    each.name
                    for each in self.agents.values()
                    if effect.key in each.live - each.services and each is not agent
                ]
                if effect.key in agent.services:
                    others = []
                assert others == [], f"run {effect.key} was started on {agent.name} and {others}"
                agent.live.add(effect.key)
        elif isinstance(effect, StopRun):
            if effect.key in agent.live:
                agent.live.discard(effect.key)
                agent.reports[effect.key] = RunStatus.STOPPED
        else:
            agent.live.discard(effect.key)
            agent.reports.pop(effect.key, None)

    def _cut(self, agent: Agent) -> None:
        session, agent.session = agent.session, 0
        self.do(commands.LoseRender(agent.render, session))

    # What may happen

    def ask(self, kind: type | None = None) -> None:
        """Let a person ask for something, of one kind or of any."""
        asker = Asker(
            self.dice, self.core.farm, self.at, orders=self.orders, wide_dice=self.wide_dice, wide_share=self.wide_share
        )
        command = ask(asker) if kind is None else ASKS[kind](asker)
        outcome = None if command is None else self.do(command)
        if outcome is not None and isinstance(command, commands.SubmitJob):
            self.acknowledged.add(outcome.reply["id"])

    def submit(self) -> None:
        """Submit a job of some blocks that may depend on one another."""
        self.ask(commands.SubmitJob)

    def register(self) -> None:
        """Let an agent come, come back, or come back as another process."""
        name = self.dice.choice(("alpha", "beta", "gamma", "delta"))
        agent = self.agents.get(name)
        if agent is None or (self.dice.random() < 0.3 and not agent.session):
            self.instances += 1
            kept = agent.reports if agent is not None else {}
            render = agent.render if agent is not None else 0
            agent = Agent(name, f"i{self.instances}", render=render, reports=kept)
            self.agents[name] = agent
        elif self.dice.random() < 0.1:
            self.second_agent(agent)
            return
        self.connect(agent)

    def connect(self, agent: Agent) -> None:
        """Register an agent with all it has."""
        self.sessions += 1
        session = self.sessions
        agent.session = 0
        outcome = self.do(
            commands.RegisterRender(
                name=agent.name,
                session=session,
                user_name="ben",
                instance=agent.instance,
                resources={"cpu_num": 3},
                running=[RunningRun(*key) for key in sorted(agent.live | set(agent.reports))],
            )
        )
        if outcome is None:
            return
        agent.render, agent.session = outcome.reply["id"], session
        for key in outcome.reply["drop"]:
            agent.live.discard(RunKey(*key))
            agent.reports.pop(RunKey(*key), None)
        for effect in outcome.effects:
            self._deliver(effect)

    def second_agent(self, agent: Agent) -> None:
        """Let somebody start another agent of the same name: refused while the first is connected."""
        if not agent.session:
            return
        render = self.core.farm.renders[agent.render]
        outcome = self.do(commands.RegisterRender(name=agent.name, session=10_000, instance="intruder"))
        assert outcome is None or render.lost, "a second agent took a connected name"

    def _some_agent(self) -> Agent | None:
        agents = [agent for _, agent in sorted(self.agents.items()) if agent.session]
        return self.dice.choice(agents) if agents else None

    def lose(self) -> None:
        """Cut a connection."""
        agent = self._some_agent()
        if agent is not None:
            self._cut(agent)

    def leave(self) -> None:
        """Let an agent say goodbye: its processes end with it."""
        agent = self._some_agent()
        if agent is not None:
            agent.live.clear()
            self.do(commands.DeregisterRender(agent.render, agent.session))
            agent.session = 0

    def solve(self) -> None:
        """Hand out tasks."""
        self.do(commands.Solve(self.dice.choice((0, 0, 1, 3))))

    def work(self) -> None:
        """Let some runs end, and reports be sent, some of them twice."""
        dice = self.dice
        for name in sorted(self.agents):
            agent = self.agents[name]
            for key in sorted(agent.live):
                if dice.random() < 0.5:
                    agent.live.discard(key)
                    agent.reports[key] = dice.choice(_ENDS)
            for key in sorted(agent.reports):
                if agent.session and dice.random() < 0.8:
                    self.report(agent, key, twice=dice.random() < 0.2)

    def report(self, agent: Agent, key: RunKey, *, twice: bool = False) -> None:
        """Send one report; it is forgotten when the farm has answered."""
        status = agent.reports.get(key)
        if status is None:
            return
        words = {"exit_status": 0 if status == RunStatus.SUCCESS else 1, "duration": self.dice.choice((0.5, 5.0))}
        command = commands.ReportRun(agent.render, *key, status, **words)
        before = key in self.ended
        outcome = self.do(command)
        assert outcome is not None
        assert not outcome.reply["known"] or key in self.ended or before
        if twice:
            again = self.do(command)
            assert again is not None and again.events == [], "a report was counted twice"
            if outcome.reply["known"] and key.job in self.core.farm.jobs and key.job != SYSTEM_JOB:
                block = self.core.farm.jobs[key.job].blocks[key.block]
                newest = key.task < block.tasks.size and block.tasks.starts[key.task] == key.run
                assert again.reply["known"] == newest, "a counted report was not known again"
        agent.reports.pop(key, None)

    def measure(self) -> None:
        """Send readings, with progress."""
        agent = self._some_agent()
        if agent is None:
            return
        readings = []
        for key in sorted(agent.live):
            agent.frames[key] = agent.frames.get(key, 0) + self.dice.randint(0, 2)
            readings.append(
                ProgressReading(*key, percent=50, frame=agent.frames[key], warning=self.dice.random() < 0.1)
            )
        self.do(commands.MeasureRender(agent.render, agent.session, {"cpu_num": 3}, readings))

    def wait(self) -> None:
        """Let time pass, and the timer ring when it is due."""
        self.at += self.dice.choice((1.0, 5.0, 31.0, 61.0))
        for _ in range(5):
            due = self.core.deadline()
            if due is None or due > self.at:
                return
            self.do(commands.Tick())
        raise AssertionError("the timer rings and rings, and something is still due")

    def change_tasks(self) -> None:
        """Do something to some tasks of a job."""
        self.ask(commands.ChangeTasks)

    def snapshot(self) -> None:
        """Write what changed over the last image, as a store does, and begin the journal anew."""
        image = self.core.snapshot()
        if self.image is None:
            self.image = image
        else:
            self.image.farm = image.farm
            self.image.jobs.update(image.jobs)
            self.image.columns.update(image.columns)
            for id in image.deleted:
                self.image.jobs.pop(id, None)
                for key in [key for key in self.image.columns if key[0] == id]:
                    del self.image.columns[key]
        self.journal.clear()

    def crash(self) -> None:
        """Kill the server; it comes back from image and journal, and every connection is gone."""
        before = self.core.digest()
        body = b"\xdd" + len(self.journal).to_bytes(4, "big") + b"".join(self.journal)
        self.core = recover(self.image, [body])
        assert self.core.digest() == before, "the farm came back as another one"
        for agent in self.agents.values():
            agent.session = 0
        self.do(commands.AcceptRestart())

    def step(self) -> None:
        """Do one thing."""
        weights: tuple[tuple[int, Callable[[], None]], ...] = (
            (4, self.submit),
            (6, self.register),
            (3, self.lose),
            (1, self.leave),
            (20, self.solve),
            (20, self.work),
            (8, self.measure),
            (8, self.wait),
            (3, self.change_tasks),
            (16, self.ask),
            (2, self.snapshot),
            (2, self.crash),
        )
        kinds = [what for _, what in weights]
        self.dice.choices(kinds, [weight for weight, _ in weights])[0]()

    # The end

    def drain(self) -> None:
        """Let every job run to its end on a farm where all goes well; whatever cannot must have a reason."""
        for command in calm(self.core.farm):
            self.do(command)
        for round in range(400):
            if round == 10:
                self.at += 20_000.0
            if round in (5, 15):  # a command before a job may have failed, which pauses it
                for job in sorted(self.core.farm.jobs):
                    self.do(commands.StartJobs([job]))
            for name in ("alpha", "beta", "gamma", "delta"):
                agent = self.agents.get(name)
                if agent is None or not agent.session:
                    if agent is None:
                        self.instances += 1
                        agent = self.agents[name] = Agent(name, f"i{self.instances}")
                    self.connect(agent)
                    if not agent.session:
                        self.at += 1 + zombie_time_of(self.core.farm, self.core.farm.renders[agent.render])
            due = self.core.deadline()
            if due is not None and due <= self.at:
                self.do(commands.Tick())
            for name in sorted(self.agents):
                agent = self.agents[name]
                if agent.session:
                    self.do(commands.MeasureRender(agent.render, agent.session))
            self.do(commands.Solve())
            for name in sorted(self.agents):
                agent = self.agents[name]
                for key in sorted(agent.live):
                    run = self.core.farm.runs.look(key)
                    if run is not None and run.render != agent.render:
                        continue  # The service of a multihost run: it ends when its run does.
                    agent.live.discard(key)
                    agent.reports[key] = RunStatus.SUCCESS
                for key in sorted(agent.reports):
                    if agent.session:
                        words = {"exit_status": 0, "duration": 5.0}
                        self.do(commands.ReportRun(agent.render, *key, agent.reports[key], **words))
                        agent.reports.pop(key, None)
            self.at += 1.0
            if round > 20 and self._rests():
                break
        else:
            raise AssertionError(f"the farm never comes to rest: {sorted(self.core.farm.runs)}")
        assert unexplained(self.core) == []
        lost = self.acknowledged - set(self.core.farm.jobs) - self.deleted
        assert not lost, f"jobs {sorted(lost)} were acknowledged and are gone"

    def _rests(self) -> bool:
        """Say whether all is there that can be, and nothing more will start, now or in a while."""
        core = self.core
        due = core.scheduler.deadline()
        return (
            not core.farm.runs
            and not core.wants_solve
            and all(agent.session for agent in self.agents.values())
            and (due is None or due > self.at + 60)
        )


def play(seed: int, steps: int) -> str:
    """Play one walk to its end; return the digest of the farm."""
    walk = Walk(seed)
    for _ in range(steps):
        walk.step()
    walk.crash()
    walk.drain()
    return walk.core.digest()


def main() -> None:
    """Play the walk named on the command line."""
    sys.stdout.write(play(int(sys.argv[1]), int(sys.argv[2])) + "\n")


if __name__ == "__main__":
    main()
