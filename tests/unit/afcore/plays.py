"""A farm to play on: commands by one call, the journal kept, invariants checked after each."""

from __future__ import annotations

from typing import Any

from afcore import commands
from afcore.codec import encode_entry, entry_of
from afcore.commands import Command, RunningRun
from afcore.core import Core
from afcore.effects import DropRun, RemoveJobFiles, StartRun, StopRun, StopRuns
from afcore.envelope import SYSTEM_PRINCIPAL, Envelope, Principal
from afcore.events import Event
from afcore.ids import RunKey
from afcore.invariants import check
from afcore.jobspec import BlockSpec, JobSpec
from afcore.model.job import Block, Job
from afcore.model.render import Render
from afcore.outcome import Outcome
from afcore.replay import recover
from afcore.states import RunStatus, TaskState

__all__ = ["FarmPlay", "START", "block", "job"]

START = 1_000_000.0


def block(name: str = "frames", first: int = 1, last: int = 3, **values: Any) -> BlockSpec:
    """Return a numeric block."""
    flags = values.pop("flags", 0) | 1
    words = {"service": "generic", "command": "render @#@", **values}
    return BlockSpec(name=name, flags=flags, frame_first=first, frame_last=last, **words)


def job(*blocks: BlockSpec, name: str = "shot", user: str = "anna", **values: Any) -> JobSpec:
    """Return a job with ``blocks``, by default one of three frames."""
    return JobSpec(name=name, user_name=user, blocks=list(blocks) or [block()], **values)


class FarmPlay:
    """One farm, its clock and its journal."""

    def __init__(self) -> None:
        self.core = Core()
        self.at = START
        self.entries: list[bytes] = []
        self.outcome = Outcome()
        self.sessions = 0

    def do(self, command: Command, principal: Principal = SYSTEM_PRINCIPAL) -> Outcome:
        """Apply one command a second after the last one."""
        self.at += 1.0
        envelope = Envelope(command, principal, self.at)
        try:
            self.outcome = self.core.apply(envelope)
            self.core.farm.runs.settle_all()  # as a great farm would: nothing may rely on a run that stays awake
        finally:
            assert check(self.core.farm) == []
        entry = entry_of(envelope, self.outcome)
        if entry is not None:
            self.entries.append(encode_entry(entry))
        return self.outcome

    def names(self) -> list[str]:
        """Return what happened last, as names of events."""
        return [type(event).__name__ for event in self.outcome.events]

    def last(self, kind: type[Event]) -> Any:
        """Return the only event of a kind that happened last."""
        (event,) = [event for event in self.outcome.events if type(event) is kind]
        return event

    def effects(self, kind: type[StartRun | StopRun | StopRuns | DropRun | RemoveJobFiles]) -> list[Any]:
        """Return the effects of one kind that came out last."""
        return [effect for effect in self.outcome.effects if type(effect) is kind]

    def submit(self, spec: JobSpec | None = None) -> Job:
        """Take a job."""
        id: int = self.do(commands.SubmitJob(job() if spec is None else spec)).reply["id"]
        return self.core.farm.jobs[id]

    def register(
        self,
        name: str = "host1",
        *,
        cores: int = 2,
        instance: str = "a",
        running: list[RunKey] | None = None,
        **words: Any,
    ) -> Render:
        """Bring a render online."""
        self.sessions += 1
        self.do(
            commands.RegisterRender(
                name=name,
                session=self.sessions,
                instance=instance,
                resources={"cpu_num": cores},
                running=[RunningRun(*key) for key in running or []],
                **words,
            )
        )
        return self.core.farm.renders[self.core.farm.renders_by_name[name]]

    def solve(self) -> list[RunKey]:
        """Hand out tasks; return what was started."""
        self.do(commands.Solve())
        return [effect.key for effect in self.effects(StartRun)]

    def report(self, key: RunKey, status: RunStatus = RunStatus.SUCCESS, **words: Any) -> Any:
        """Let the render of a run report its end."""
        run = self.core.farm.runs.get(key)
        render = words.pop("render", run.render if run is not None else 1)
        duration = words.pop("duration", 1.0)
        command = commands.ReportRun(render=render, **key._asdict(), status=status, duration=duration, **words)
        return self.do(command).reply

    def tick(self, seconds: float = 0.0) -> None:
        """Let time pass and the timer ring."""
        self.at += seconds
        self.do(commands.Tick())

    def run_all(self, status: RunStatus = RunStatus.SUCCESS, rounds: int = 100) -> None:
        """Solve and report until nothing more starts."""
        for _ in range(rounds):
            started = self.solve()
            if not started:
                return
            for key in started:
                self.report(key, status)
        raise AssertionError("it never ends")

    def states(self, of: Job | Block, block: int = 0) -> str:
        """Return one letter per task: Wait, Ready, running (*), reconnect (?), Done, Skipped, Error, sUspended."""
        table = (of.blocks[block] if isinstance(of, Job) else of).tasks
        return "".join("WR*?DSEU"[state] for state in table.state)

    def count(self, of: Job, state: TaskState, block: int = 0) -> int:
        """Return how many tasks of a block are in a state."""
        return of.blocks[block].tasks.counts[state]

    def replayed(self) -> Core:
        """Return the core that the journal alone makes."""
        body = bytes([0xDD]) + len(self.entries).to_bytes(4, "big") + b"".join(self.entries)
        return recover(None, [body])

    def crash(self) -> None:
        """Lose the server, recover from the journal, and accept the restart."""
        before = self.core.digest()
        self.core = self.replayed()
        assert self.core.digest() == before
        self.do(commands.AcceptRestart())
