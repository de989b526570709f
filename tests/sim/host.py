"""The real agent's mind on a machine that is not there: its link, its processes, its file of reports.

Rules of this file:
- What the mind asks for is done as ``afrender.loop`` does it; nothing is decided here.
- Reports are on the disk a moment after they are kept; a crash of the machine takes the youngest.
"""

from __future__ import annotations

import random
from typing import Any

from afcore.commands import ProgressReading, RunningRun
from afcore.errors import WireError
from afcore.ids import RunKey
from afcore.states import RunStatus
from afnet.wire.codec import encode
from afnet.wire.messages import (
    Acknowledge,
    Drop,
    Goodbye,
    Hello,
    Instruct,
    InstructionFailed,
    Readings,
    Register,
    Registered,
    Report,
    Start,
    Stop,
    Welcome,
)
from afnet.wire.session import Session
from afnet.wire.states import SessionState
from afrender.agent import Agent
from afrender.stimuli import (
    Connected,
    Enrol,
    Forget,
    Keep,
    Kill,
    Leave,
    Left,
    Lost,
    Measure,
    ProcessExited,
    ProcessRefused,
    ProcessStarted,
    ProgressSeen,
    Restored,
    Say,
    Spawn,
    Terminate,
    Tick,
    VerdictReached,
)
from tests.sim.clock import Handle, SimClock, SimLoop
from tests.sim.history import History
from tests.sim.network import End

__all__ = ["Process", "SimHost"]

_ENDS = (
    *(RunStatus.SUCCESS,) * 40,
    *(RunStatus.ERROR,) * 4,
    *(RunStatus.KILLED, RunStatus.PARSER_BAD_RESULT, RunStatus.POST_FAILED, RunStatus.BAD_FILES),
)
_VERDICTS = (RunStatus.PARSER_ERROR, RunStatus.PARSER_FATAL, RunStatus.PARSER_SUCCESS)
_REFUSALS = (RunStatus.FAILED_TO_START, RunStatus.SKIPPED, RunStatus.SKIPPED)


class Process:
    """One process of a task."""

    def __init__(self, key: RunKey) -> None:
        self.key = key
        self.alive = False
        self.end: Handle | None = None
        self.frame = 0


class SimHost:
    """One machine with an agent on it."""

    def __init__(self, name: str, clock: SimClock, dice: random.Random, history: History, world: Any) -> None:
        self.name = name
        self._clock = clock
        self._dice = dice
        self._history = history
        self._world = world
        self.spool: dict[RunKey, tuple[float, Report]] = {}
        self.smooth = False
        """All goes well from now on."""
        self.clumsy = False
        """Its processes take long to come and to go."""
        self.unplugged_until = 0.0
        """It reaches nobody until then."""
        self._lives = 0
        self.begin()

    # Lives of the program

    def begin(self) -> None:
        """Start the agent."""
        self._lives += 1
        self.loop = SimLoop(self._clock)
        self.agent = Agent(grace=10.0)
        self.instance = f"{self.name}-{self._lives}"
        self.processes: dict[RunKey, Process] = {}
        self.services: set[RunKey] = set()
        """Runs of which it was given the service, not the task."""
        self.session: Session | None = None
        self.end: End | None = None
        self._timer: Handle | None = None
        self._look: Handle | None = None
        self.gone = False
        self.tell(Restored([report for _, report in self.spool.values()]))
        self.loop.call_later(self._dice.uniform(0.1, 2.0), self._dial)

    def crash(self, *, machine: bool) -> None:
        """End the program, and its tasks with it; a ``machine`` that crashes loses what was not on its disk."""
        self.loop.dead = True
        for key in self.processes:
            self._ended(key, None)
        self.processes = {}
        if machine:
            for key in [key for key, (at, _) in self.spool.items() if at + 0.5 > self._clock.at]:
                del self.spool[key]
        if self.end is not None:
            end, self.end = self.end, None
            end.open = False
            other = end.other
            assert other is not None
            other.loop.call_later(self._dice.uniform(0.01, 70.0 if machine else 0.5), other.broken, "reset")
        self.gone = True

    def leave(self) -> None:
        """Stop the agent in order."""
        self.tell(Leave("stopped by its person"))

    # The link

    def _dial(self) -> None:
        if self.session is not None or self.gone:
            return
        if self._clock.at < self.unplugged_until or not self._world.dial(self):
            self._redial()

    def _redial(self) -> None:
        self.loop.call_later(self._dice.uniform(0.2, 3.0), self._dial)

    def opened(self, connection: End) -> None:
        """The transport is there: say hello."""
        self.end = connection
        now = self.loop.time()
        self.session = Session("agent", now=now, hello=Hello([], "afrender", "agent", host=self.name))
        if self._world.rude():
            connection.send_frame(encode([Goodbye("wrong number")]))
            connection.close()
            return
        self._write()
        self._watch()

    def frame_received(self, frame: bytes) -> None:
        """Take a frame."""
        session = self.session
        if session is None:
            return
        try:
            messages = session.receive(frame, self.loop.time())
        except WireError:
            self._hang_up()
            return
        self._write()
        for message in messages:
            if isinstance(message, Welcome):
                self.tell(Connected(message.farm))
            elif isinstance(message, Start | Stop | Drop | Acknowledge | Registered):
                self.tell(message)
            elif isinstance(message, Instruct):
                self._obey(message.what)
            if self.session is None:
                return
        if session.state is SessionState.CLOSED:
            self._hang_up()

    def _obey(self, what: str) -> None:
        """Do what the farm wants of the machine, or say that it cannot be done; somebody starts it again."""
        if not self.smooth and what in ("reboot", "shutdown", "sleep") and self._dice.random() < 0.3:
            self._send(InstructionFailed(what, "nobody configured how"))
        elif not self.agent.leaving:
            self.tell(Leave(f"told to {what}"))

    def closed(self, reason: str) -> None:
        """The connection is gone."""
        self.end = None
        if self.session is not None:
            self.session = None
            if not self.gone:
                self.tell(Lost())
                self._redial()

    def _hang_up(self) -> None:
        if self.end is not None:
            self.end.close("")

    def _write(self) -> None:
        if self.session is not None and self.end is not None:
            frame = self.session.pending()
            if frame:
                self.end.send_frame(frame)

    def _send(self, *messages: Any) -> None:
        if self.session is not None and self.session.state is SessionState.OPEN and self.end is not None:
            self.end.send_frame(self.session.send(*messages))

    def _watch(self) -> None:
        """Ask a silent server whether it is there."""
        session = self.session
        if session is None:
            return
        try:
            session.tick(self.loop.time())
        except WireError:
            self._hang_up()
            return
        self._write()
        deadline = session.deadline()
        if deadline is not None:
            self._look = self.loop.call_later(max(0.5, deadline - self.loop.time()), self._watch_if, session)

    def _watch_if(self, session: Session) -> None:
        if self.session is session:
            self._watch()

    # The mind

    def tell(self, stimulus: object) -> None:
        """Tell the agent something and do what it asks for."""
        if self.loop.dead:
            return
        for action in self.agent.receive(stimulus, self.loop.time()):
            self._do(action)
        deadline = self.agent.deadline()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self.loop.call_later(max(0.0, deadline - self.loop.time()), self.tell, Tick())

    def _do(self, action: object) -> None:
        dice = self._dice
        if isinstance(action, Spawn):
            run = action.run
            key = RunKey(run.job, run.block, run.task, run.run)
            if run.task_name.endswith(": service"):
                self.services.add(key)
                self._history.service_spawned(self.name, key)
            else:
                self.services.discard(key)
                self._history.spawned(self.name, key)
            self.processes[key] = Process(key)
            self.loop.call_later(dice.choice((0.01, 4.0, 9.0) if self.clumsy else (0.01, 0.05, 1.0)), self._start, key)
        elif isinstance(action, Terminate):
            process = self.processes.get(action.key)
            if process is not None and process.alive:
                # Some take no notice and are killed after the grace.
                wait = dice.choice((0.05, 0.05, 1.0, action.grace + 0.1))
                self.loop.call_later(wait, self._exit, action.key, RunStatus.KILLED)
        elif isinstance(action, Kill):
            wait = dice.choice((0.05, 7.0)) if self.clumsy else 0.05
            self.loop.call_later(wait, self._exit, action.key, RunStatus.KILLED)
        elif isinstance(action, Say):
            self._send(action.report)
        elif isinstance(action, Keep):
            report = action.report
            key = RunKey(report.job, report.block, report.task, report.run)
            if key not in self.services:
                self._history.kept(self.name, key, RunStatus(report.status))
            self.spool[key] = (self._clock.at, report)
        elif isinstance(action, Forget):
            for key in action.keys:
                if self.spool.pop(key, None) is not None:
                    self._history.forgotten(self.name, self.agent.render, key, acknowledged=not action.log)
        elif isinstance(action, Measure):
            self._measure(action)
        elif isinstance(action, Enrol):
            self._enrol(action.running)
        elif isinstance(action, Left):
            self._left()

    def _enrol(self, running: list[RunKey]) -> None:
        self._send(
            Register(
                name=self.name,
                engine="sim",
                os="linux unix",
                user_name="ben",
                nimby="",
                launched=self.loop.wall(),
                instance=self.instance,
                interfaces=[{"name": "eth0", "mac": f"02:00:00:00:00:{len(self.name):02x}"}],
                devices=[{"index": n, "kind": "gpu", "name": "card", "memory_mb": 8000} for n in range(2)],
                resources={"cpu_num": 4},
                running=[RunningRun(*key) for key in running],
            )
        )

    def _measure(self, action: Measure) -> None:
        dice = self._dice
        progress = []
        for key in action.keys:
            process = self.processes.get(key)
            if process is not None and process.alive:
                process.frame += 1
                warning = not self.smooth and dice.random() < 0.05
                progress.append(ProgressReading(*key, percent=50, frame=process.frame, warning=warning))
        self._send(Readings({"cpu_num": 4} if action.host else {}, progress))

    def _left(self) -> None:
        if self.session is not None and self.end is not None:
            self.end.send_frame(self.session.close("left", self.loop.time()))
            self.end.close()
        self.loop.dead = True
        self.gone = True
        self._world.left(self)

    # Processes

    def _start(self, key: RunKey) -> None:
        process = self.processes.get(key)
        if process is None:
            return
        dice = self._dice
        if not self.smooth and dice.random() < (0.15 if self.clumsy else 0.04):
            del self.processes[key]
            status = dice.choice(_REFUSALS)
            self._ended(key, status)
            self.tell(ProcessRefused(key, status, "refused", self.loop.wall()))
            return
        process.alive = True
        self.tell(ProcessStarted(key, 1, self.loop.wall()))
        if key not in self.processes:
            return
        last = dice.choice((1.0, 4.0, 12.0, 25.0) if self.clumsy else (0.3, 1.0, 2.0, 4.0, 9.0))
        if self.smooth:
            last = 0.5
        elif dice.random() < 0.02:
            last = 100.0
        if key in self.services and (self.smooth or dice.random() < 0.8):
            return  # It serves until it is told to end.
        process.end = self.loop.call_later(last, self._finish, key)
        if dice.random() < 0.3:
            self.loop.call_later(last / 2, self.tell, ProgressSeen(key))
        if not self.smooth and dice.random() < 0.06:
            self.loop.call_later(last * 0.7, self._judge, key, dice.choice(_VERDICTS))

    def _judge(self, key: RunKey, status: RunStatus) -> None:
        process = self.processes.get(key)
        if process is not None and process.alive:
            if key not in self.services:
                self._history.verdict(key, status)
            self.tell(VerdictReached(key, status, "the parser says so"))

    def _ended(self, key: RunKey, status: RunStatus | None) -> None:
        if key not in self.services:
            self._history.process_ended(key, status)

    def _finish(self, key: RunKey) -> None:
        self._exit(key, RunStatus.SUCCESS if self.smooth else self._dice.choice(_ENDS))

    def _exit(self, key: RunKey, status: RunStatus) -> None:
        process = self.processes.pop(key, None)
        if process is None:
            return
        if process.end is not None:
            process.end.cancel()
        self._ended(key, status)
        self.tell(ProcessExited(key, status, 0 if status is RunStatus.SUCCESS else 1))
