"""Between the core and the agents: what they say becomes commands, what the core wants of them becomes messages.

Rules of this file:
- Nothing here decides: who may run what is the core's; here is only which connection a render has now.
- An agent hears "acknowledged" after the commit, because the runner calls back then and never before.
- What one commit has for an agent leaves as few messages: starts together, acknowledgements together.
"""

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from afcore import effects
from afcore.commands import DeregisterRender, FailInstruction, LoseRender, MeasureRender, RegisterRender, ReportRun
from afcore.envelope import Principal
from afcore.errors import AfError, Conflict, Unavailable
from afcore.ids import RunKey
from afcore.model.effective import tempo_of
from afcore.model.farm import Farm
from afcore.states import Role, RunStatus
from afnet.server.coming import ComingLogs
from afnet.server.heard import heard_progress, heard_reading, heard_register, heard_report
from afnet.server.native import ServerPeer
from afnet.server.runner import Runner
from afnet.server.runspec import make_run_spec
from afnet.wire.messages import (
    Acknowledge,
    Drop,
    Instruct,
    InstructionFailed,
    Readings,
    Refused,
    Register,
    Registered,
    Report,
    RunSpec,
    Start,
    Stop,
)

__all__ = ["Renders"]

_log = logging.getLogger(__name__)

_Key = tuple[int, int, int, int]

_LONGEST_SENTENCE = 500
_SLICE = 0.002
"""Seconds that telling many renders to stop may take of one turn of the loop."""
_ENDED_MOST = 20_000


def _machine(origin: str) -> str:
    """Return the address in an origin (names that were claimed stand before it); this machine has many."""
    address = origin.rpartition(" ")[2].partition("%")[0]
    return "here" if address == "::1" or address.startswith("127.") else address.removeprefix("::ffff:")


class _Agent:
    """One registered connection, and what is gathered for it until the end of a release."""

    __slots__ = ("acknowledged", "dropped", "peer", "principal", "render", "starts")

    def __init__(self, peer: ServerPeer, render: int, principal: Principal) -> None:
        self.peer = peer
        self.render = render
        self.principal = principal
        self.starts: list[RunSpec] = []
        self.acknowledged: list[_Key] = []
        self.dropped: list[_Key] = []


class Renders:
    """Every agent that is connected."""

    def __init__(
        self,
        farm: Farm,
        runner: Runner,
        *,
        remove_files: Callable[[int], None],
        coming: ComingLogs,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._farm = farm
        self._runner = runner
        self._remove_files = remove_files
        self._coming = coming
        self._loop = loop
        self._agents: dict[int, _Agent] = {}
        self._gathered: list[_Agent] = []
        self._lately: OrderedDict[RunKey, int] = OrderedDict()
        """Renders of runs that ended lately: their logs are still to come when somebody else has the task already."""
        self._stops: deque[Iterator[None]] = deque()
        """What is left to say of stops that are too many for one turn."""

    def __len__(self) -> int:
        return len(self._agents)

    def peer_of(self, render: int) -> ServerPeer | None:
        """Return the connection of a render, if it has one now."""
        agent = self._agents.get(render)
        return None if agent is None else agent.peer

    def at(self, origin: str) -> tuple[str, ...]:
        """Return the names of the renders whose connections come from an address: those of the computer there."""
        place = _machine(origin)
        found = (agent for agent in self._agents.values() if _machine(agent.principal.origin) == place)
        return tuple(agent.principal.name for agent in found) if place else ()

    # From agents

    def register(self, peer: ServerPeer, message: Register) -> None:
        """An agent says what it is; it is answered when that is durable."""
        message = heard_register(message)
        if peer.node and message.name != peer.node:
            sentence = f'This certificate is of the render "{peer.node}", not of "{message.name}".'
            peer.send(Refused(0, Conflict.default_code, sentence, "Pair this render under its own name."))
            peer.close(sentence)
            return
        principal = Principal(message.name, Role.NODE, peer.principal.origin)
        command = RegisterRender(
            name=message.name,
            session=peer.number,
            engine=message.engine,
            os=message.os,
            user_name=message.user_name,
            address=message.address,
            family=message.family,
            nimby=message.nimby,
            launched=message.launched,
            instance=message.instance,
            interfaces=message.interfaces,
            devices=message.devices,
            resources=message.resources,
            running=message.running,
        )
        self._runner.post(command, principal, partial(self._registered, peer, principal))

    def _registered(self, peer: ServerPeer, principal: Principal, reply: Any, error: AfError | None) -> None:
        if error is not None:
            peer.send(Refused(0, getattr(error, "code", "unavailable"), error.sentence, error.hint))
            peer.close(error.sentence)
            return
        render: int = reply["id"]
        if not peer.is_open:
            self._runner.post(LoseRender(render=render, session=peer.number), _as_render(principal, render))
            return
        former = self._agents.get(render)
        if former is not None and former.peer is not peer:
            former.peer.context = None
            former.peer.close("The same render connected anew.")
        principal = _as_render(principal, render)
        agent = _Agent(peer, render, principal)
        peer.principal = principal
        peer.context = agent
        self._agents[render] = agent
        self._tell_tempo(agent)
        drop = [tuple(key) for key in reply.get("drop", ())]
        if drop:
            peer.send(Drop(drop))

    def _tell_tempo(self, agent: _Agent) -> None:
        """Tell an agent who it is and how often it is to speak."""
        render = self._farm.renders.get(agent.render)
        if render is not None:
            agent.peer.send(Registered(render.id, **tempo_of(self._farm, render)))

    def lost(self, peer: ServerPeer) -> None:
        """The connection of an agent is gone."""
        self._coming.lost(peer.number)
        agent = peer.context
        if not isinstance(agent, _Agent) or self._agents.get(agent.render) is not agent:
            return
        del self._agents[agent.render]
        leave = DeregisterRender if peer.said_goodbye else LoseRender
        self._runner.post(leave(render=agent.render, session=peer.number), agent.principal)

    def report(self, peer: ServerPeer, message: Report) -> None:
        """A run ended."""
        agent = peer.context
        if not isinstance(agent, _Agent):
            peer.send(Refused(0, "not_registered", "A report came before the agent had registered."))
            return
        message = heard_report(message)
        job, block, task, run = message.job, message.block, message.task, message.run
        if message.log_size:
            self._coming.expect(peer.number, RunKey(job, block, task, run))
        try:
            status = RunStatus(message.status)
        except ValueError:
            status = RunStatus.ERROR
        self._ended(
            agent,
            ReportRun(
                agent.render, job, block, task, run, status, message.exit_status, message.started, message.duration,
                message.errors_text, message.resources, message.warning, message.report,
                message.cpu_ms, message.peak_memory,
            ),
        )  # fmt: skip

    def _ended(self, agent: _Agent, report: ReportRun, *, again: bool = False) -> None:
        self._runner.post(report, agent.principal, partial(self._reported, agent, report, again))

    def _reported(self, agent: _Agent, report: ReportRun, again: bool, reply: Any, error: AfError | None) -> None:
        key = (report.job, report.block, report.task, report.run)
        if isinstance(error, Unavailable):
            return  # The agent keeps it, and says it again when the server is back.
        if error is not None and not again:
            # How it ended cannot be counted, and nobody will say it again: so it was stopped, and its task is ready.
            _log.warning("report %s of render %s is refused, its task is given back: %s", key, agent.render, error)
            text = f"How this run ended could not be counted, so its task is ready again: {error}"
            self._ended(agent, ReportRun(agent.render, *key, RunStatus.STOPPED, report=text), again=True)
            return
        if error is not None:
            _log.error("run %s cannot be given back either; restart its task: %s", key, error)
            agent.dropped.append(key)
            self._coming.settle(RunKey(*key))
        elif reply["known"]:
            agent.acknowledged.append(key)
            self._lately[RunKey(*key)] = agent.render
            if len(self._lately) > _ENDED_MOST:
                self._lately.popitem(last=False)
        else:
            # A run that is not known was given away: the core has a DropRun for it beside the answer.
            self._coming.settle(RunKey(*key))
        self._gathered.append(agent)
        if error is not None:
            self.send_gathered()

    def had(self, peer: ServerPeer, key: RunKey) -> bool:
        """Say whether a run is or was one of the render of this connection: only then are its log and files taken."""
        agent = peer.context
        job = self._farm.jobs.get(key.job)
        if not isinstance(agent, _Agent) or job is None or not 0 <= key.block < len(job.blocks):
            return False
        run = self._farm.runs.look(key)
        if run is not None:
            return agent.render in run.hosts
        tasks = job.blocks[key.block].tasks
        if not 0 <= key.task < tasks.size or not 0 < key.run <= tasks.starts[key.task]:
            return False
        if key.run == tasks.starts[key.task]:
            return int(tasks.render[key.task]) == agent.render
        known = self._lately.get(key)
        # What ended before a restart of the server is known of nobody; a node from elsewhere is not believed then.
        return known == agent.render if known is not None else not peer.node

    def readings(self, peer: ServerPeer, message: Readings) -> None:
        """Resources and progress: never journaled."""
        agent = peer.context
        if isinstance(agent, _Agent):
            resources, progress = heard_reading(message.resources), heard_progress(message.progress)
            self._runner.post(MeasureRender(agent.render, peer.number, resources, progress), agent.principal)

    def instruction_failed(self, peer: ServerPeer, message: InstructionFailed) -> None:
        """An agent could not do what it was told."""
        agent = peer.context
        if isinstance(agent, _Agent):
            sentence = message.sentence[:_LONGEST_SENTENCE]
            self._runner.post(
                FailInstruction(agent.render, peer.number, message.what[:16], sentence), agent.principal
            )

    # To agents

    def release(self, released: list[effects.Effect]) -> None:
        """Gather the messages that effects mean; a render without a connection hears them when it registers."""
        agents = self._agents
        for effect in released:
            if type(effect) is effects.StartRun:
                agent = agents.get(effect.render)
                if agent is not None:
                    spec = make_run_spec(self._farm, effect.key, effect.render)
                    if spec is not None:
                        agent.starts.append(spec)
                        self._gathered.append(agent)
            elif type(effect) is effects.StopRun:
                agent = agents.get(effect.render)
                if agent is not None:
                    # Starts first: a run that is started and stopped in one batch must be known to be stopped.
                    self._send_starts(agent)
                    agent.peer.send(Stop(*effect.key))
            elif type(effect) is effects.StopRuns:
                self._stops.append(self._stop_many(effect))
                if len(self._stops) == 1:
                    self._go_on_stopping()
            elif type(effect) is effects.DropRun:
                agent = agents.get(effect.render)
                if agent is not None:
                    agent.dropped.append((*effect.key,))
                    self._gathered.append(agent)
            elif type(effect) is effects.TuneRender:
                agent = agents.get(effect.render)
                if agent is not None:
                    self._tell_tempo(agent)
            elif type(effect) is effects.CutRender:
                agent = agents.pop(effect.render, None)
                if agent is not None:
                    agent.peer.context = None
                    agent.peer.close("This render was silent for too long: its tasks were given to others.")
            elif type(effect) is effects.InstructRender:
                agent = agents.get(effect.render)
                if agent is not None:
                    agent.peer.send(Instruct(effect.what))
            elif type(effect) is effects.RemoveJobFiles:
                self._remove_files(effect.job)

    def _go_on_stopping(self) -> None:
        """Say stops for one slice of time; the rest in later turns of the loop."""
        end = time.perf_counter() + _SLICE
        stops = self._stops
        while stops:
            for _ in stops[0]:
                if time.perf_counter() > end:
                    self._loop.call_soon(self._go_on_stopping)
                    return
            stops.popleft()

    def _stop_many(self, effect: effects.StopRuns) -> Iterator[None]:
        """Send the stops of one effect, together for each render; yield where the loop may have its turn.

        A run that has ended meanwhile is left out, and so is one whose render hears of it by registering.
        """
        runs = self._farm.runs
        by_render: dict[int, list[RunKey]] = {}
        for found in runs.masters(effect.job, effect.block, effect.tasks, effect.runs):
            for task, number, render in found:
                by_render.setdefault(render, []).append(RunKey(effect.job, effect.block, task, number))
            yield
        for render, keys in by_render.items():
            agent = self._agents.get(render)
            if agent is not None:
                self._send_starts(agent)
                agent.peer.send(*(Stop(*key) for key in keys if key in runs))
            yield

    def send_gathered(self) -> None:
        """Send what was gathered: one message of each kind for each agent."""
        gathered, self._gathered = self._gathered, []
        for agent in gathered:
            if agent.acknowledged:
                agent.peer.send(Acknowledge(agent.acknowledged))
                agent.acknowledged = []
            if agent.dropped:
                agent.peer.send(Drop(agent.dropped))
                agent.dropped = []
            self._send_starts(agent)

    def _send_starts(self, agent: _Agent) -> None:
        if agent.starts:
            agent.peer.send(Start(agent.starts))
            agent.starts = []

    def running_on(self, key: RunKey) -> ServerPeer | None:
        """Return the connection of the render that has a run now."""
        run = self._farm.runs.look(key)
        return None if run is None else self.peer_of(run.render)


def _as_render(principal: Principal, render: int) -> Principal:
    return Principal(principal.name, principal.role, principal.origin, render)
