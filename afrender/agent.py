"""The agent's mind: what is told to it and the time go in, what must be done comes out.

Rules of this file:
- no process, file, socket or clock is touched here;
- ``receive`` is the only mutator, and a run changes state by ``states.TRANSITIONS`` only;
- at most one process of a task lives: a newer run of the same task waits until the older one has ended;
- a report is kept until the farm acknowledges or drops it, through any number of lost connections;
- losing the server ends nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from afcore.errors import Bug
from afcore.ids import RunKey
from afcore.states import RunStatus
from afnet.wire.messages import Acknowledge, Drop, Registered, Report, RunSpec, Start, Stop
from afrender.states import LIVING, TRANSITIONS, Deed, RunEvent, RunState, final_status
from afrender.stimuli import (
    Action,
    Connected,
    Eject,
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

__all__ = ["Agent", "Entry"]

PROGRESS_PERIOD = 0.5
"""Seconds between two messages about progress."""

STOP_GRACE = 10.0
"""Seconds between terminate and kill."""

STORY_LENGTH = 1000


class Entry(NamedTuple):
    """A line of the agent's story: when (steady clock), which run (None: the agent itself), and what."""

    at: float
    key: RunKey | None
    text: str


@dataclass(slots=True)
class _Run:
    """What the agent knows of a run."""

    key: RunKey
    spec: RunSpec | None
    state: RunState
    pid: int = 0
    began: float = 0.0
    wall: float = 0.0
    stopped: RunStatus | None = None
    verdict: RunStatus | None = None
    sentence: str = ""
    report: Report | None = None
    progressed: bool = False
    """Whether there is anything to tell of how far it is."""


class Agent:
    """All runs of one render, and what is to be done next about them.

    ``grace``: seconds between terminate and kill. ``farm``: the farm that kept runs belong to, empty for none yet.
    ``story_length``: lines of the story that are kept.
    """

    def __init__(self, *, grace: float = STOP_GRACE, farm: str = "", story_length: int = STORY_LENGTH) -> None:
        self.farm = farm
        self.render = 0
        """Number the server gave this render; 0 while it is not registered."""
        self.settings = Registered(0)
        self.leaving = ""
        self._grace = grace
        self._runs: dict[RunKey, _Run] = {}
        self._newest: dict[tuple[int, int, int], RunKey] = {}
        self._alive: dict[tuple[int, int, int], RunKey] = {}
        self._enrol_when_empty = False
        self._news: dict[RunKey, None] = {}
        self._progress_at: float | None = None
        self._beat_at: float | None = None
        self._measure_at = 0.0
        self._idle_since = 0.0
        self._left_told = False
        self._story: deque[tuple[float, RunKey | None, str | tuple[RunEvent, RunState, RunState]]]
        self._story = deque(maxlen=story_length)
        self._takers: dict[type, Callable[[Any, float, list[Action]], None]] = {
            Start: self._start,
            Stop: self._stop,
            Drop: self._drop,
            Acknowledge: self._acknowledge,
            Registered: self._registered,
            Restored: self._restored,
            Connected: self._connected,
            Lost: self._lost,
            ProcessStarted: self._process_started,
            ProcessRefused: self._process_refused,
            ProcessExited: self._process_exited,
            ProgressSeen: self._progress_seen,
            VerdictReached: self._verdict_reached,
            Eject: self._eject,
            Leave: self._leave,
            Tick: self._tick,
        }

    # -- the door ------------------------------------------------------------------------------------------------

    def receive(self, stimulus: object, now: float) -> list[Action]:
        """Take what happened; return what is to be done, in this order. ``now`` is of a steady clock, in seconds."""
        actions: list[Action] = []
        taker = self._takers.get(type(stimulus))
        if taker is None:
            raise Bug(f"The agent does not know what to do with {type(stimulus).__name__}.")
        taker(stimulus, now, actions)
        if self._enrol_when_empty and not self._runs:
            self._enrol_when_empty = False
            actions.append(Enrol([]))
        if self.leaving and not self._left_told and not self._alive:
            self._left_told = True
            actions.append(Left(self.leaving))
        return actions

    def deadline(self) -> float | None:
        """Return when ``Tick`` must come next; None when nothing waits for time."""
        times = [at for at in (self._progress_at, self._beat_at, self._exit_at()) if at is not None]
        return min(times, default=None)

    @property
    def living(self) -> list[RunKey]:
        """Runs whose process exists or may come to life, oldest first."""
        return list(self._alive.values())

    @property
    def runs(self) -> dict[RunKey, RunState]:
        """The state of every run the agent knows."""
        return {key: run.state for key, run in self._runs.items()}

    def spec(self, key: RunKey) -> RunSpec | None:
        """Return what a run is that is not finished."""
        run = self._runs.get(key)
        return run.spec if run else None

    def began(self, key: RunKey) -> float:
        """Return when the process of a run began, by the steady clock; 0 when it has none."""
        run = self._runs.get(key)
        return run.began if run else 0.0

    def report(self, key: RunKey) -> Report | None:
        """Return the report of a finished run that is not acknowledged."""
        run = self._runs.get(key)
        return run.report if run else None

    def story(self, key: RunKey | None = None) -> list[Entry]:
        """Return what happened to a run, or with None to the agent and all its runs, oldest first."""
        return [
            Entry(at, of, text if isinstance(text, str) else "{}: {} → {}".format(*(one.value for one in text)))
            for at, of, text in self._story
            if key is None or of == key
        ]

    def check(self) -> list[str]:
        """Return every rule that does not hold now, as sentences; an empty list is what must be."""
        wrong = []
        tasks: dict[tuple[int, int, int], RunKey] = {}
        for key, run in self._runs.items():
            if (run.state in LIVING) != (self._alive.get(key[:3]) == key):
                wrong.append(f"run {key} is {run.state.value}, but the list of living runs says otherwise")
            if run.state in LIVING:
                if key[:3] in tasks:
                    wrong.append(f"runs {tasks[key[:3]]} and {key} of one task live together")
                tasks[key[:3]] = key
            if (run.state is RunState.FINISHED) != (run.report is not None):
                wrong.append(f"run {key} is {run.state.value}, report {run.report}")
            if run.state is RunState.GONE:
                wrong.append(f"run {key} is gone but not forgotten")
            if run.state in (RunState.WAITING, RunState.STARTING) and run.spec is None:
                wrong.append(f"run {key} is to be started, but nobody knows what it is")
        wrong.extend(f"news of run {key} that is unknown" for key in self._news if key not in self._runs)
        return wrong

    # -- the server ----------------------------------------------------------------------------------------------

    def _connected(self, told: Connected, now: float, actions: list[Action]) -> None:
        if self.farm and told.farm != self.farm and self._runs:
            # The numbers of runs mean other tasks there.
            self._tell(now, None, f"another farm, {told.farm}: the runs of {self.farm} are dropped")
            self._enrol_when_empty = True
            self.farm = told.farm
            for run in list(self._runs.values()):
                self._change(run, RunEvent.DROP, now, actions)
            return
        self.farm = told.farm
        if self._enrol_when_empty and self._runs:
            return
        self._enrol_when_empty = False
        wanted = [
            key for key, run in self._runs.items() if run.state not in (RunState.START_DROPPED, RunState.DROPPING)
        ]
        self._tell(now, None, f"connected, registering with {len(wanted)} runs")
        actions.append(Enrol(wanted))

    def _registered(self, told: Registered, now: float, actions: list[Action]) -> None:
        self.settings = told
        if self.render == told.render:
            self._tell(now, None, "told the times of its pool anew")
            if told.heartbeat <= 0:
                self._beat_at = None
            else:
                soon = now + self._beat()
                self._beat_at = soon if self._beat_at is None else min(self._beat_at, soon)
            return
        self.render = told.render
        self._idle_since = now
        self._beat_at = now + self._beat() if told.heartbeat > 0 else None
        self._measure_at = now + told.resources_period
        self._tell(now, None, f"registered as render {told.render}")
        actions.extend(Say(run.report) for run in self._runs.values() if run.report is not None)
        # Readings are not journaled, and some were on their way when the connection broke: all is told once more.
        self._news.update((run.key, None) for run in self._runs.values() if run.progressed and run.state in LIVING)
        if self._news and self._progress_at is None:
            self._progress_at = now

    def _lost(self, told: Lost, now: float, actions: list[Action]) -> None:
        self.render = 0
        self._beat_at = None
        self._progress_at = None
        self._tell(now, None, "lost the server")

    def _start(self, told: Start, now: float, actions: list[Action]) -> None:
        for spec in told.runs:
            key = RunKey(spec.job, spec.block, spec.task, spec.run)
            if key in self._runs or self.leaving:
                continue
            task = key[:3]
            newest = self._newest.get(task)
            if newest is not None and newest.run > key.run:
                continue
            run = _Run(key, spec, RunState.WAITING)
            self._runs[key] = run
            self._newest[task] = key
            if newest is not None:
                # The server counts the older run as over, or it would not start another.
                self._change(self._runs[newest], RunEvent.DROP, now, actions)
            if task not in self._alive:
                self._change(run, RunEvent.ROOM, now, actions)

    def _stop(self, told: Stop, now: float, actions: list[Action]) -> None:
        key = RunKey(told.job, told.block, told.task, told.run)
        run = self._runs.get(key)
        if run is not None:
            self._stop_run(run, now, actions)
        elif self.render:
            # The order to start it was lost; whoever waits for its end must not wait for ever.
            self._tell(now, key, "asked to stop, but it is not here")
            actions.append(
                Say(Report(*key, status=int(RunStatus.NEVER_STARTED), exit_status=0, started=0.0, duration=0.0))
            )

    def _stop_run(self, run: _Run, now: float, actions: list[Action]) -> None:
        if run.state is not RunState.FINISHED and run.verdict is None:
            run.stopped = run.stopped or (RunStatus.RENDER_LEFT if self.leaving else RunStatus.STOPPED)
        self._change(run, RunEvent.STOP, now, actions)

    def _drop(self, told: Drop, now: float, actions: list[Action]) -> None:
        for numbers in told.runs:
            run = self._runs.get(RunKey(*numbers))
            if run is not None:
                self._change(run, RunEvent.DROP, now, actions)

    def _acknowledge(self, told: Acknowledge, now: float, actions: list[Action]) -> None:
        gone: list[RunKey] = []
        for numbers in told.runs:
            run = self._runs.get(RunKey(*numbers))
            if run is not None and run.state is RunState.FINISHED:
                self._change(run, RunEvent.ACKNOWLEDGED, now, [])
                gone.append(run.key)
        if gone:
            actions.append(Forget(gone, log=False))

    # -- the processes -------------------------------------------------------------------------------------------

    def _process_started(self, told: ProcessStarted, now: float, actions: list[Action]) -> None:
        run = self._known(told.key)
        run.pid, run.began, run.wall = told.pid, now, told.wall
        self._change(run, RunEvent.STARTED, now, actions)

    def _process_refused(self, told: ProcessRefused, now: float, actions: list[Action]) -> None:
        run = self._known(told.key)
        run.began, run.wall, run.sentence = now, told.wall, told.sentence
        run.report = self._make_report(
            run,
            run.stopped or told.status,
            now,
            exit_status=0,
            log_size=told.log_size,
        )
        self._change(run, RunEvent.REFUSED, now, actions)

    def _process_exited(self, told: ProcessExited, now: float, actions: list[Action]) -> None:
        run = self._known(told.key)
        run.sentence = run.sentence or told.sentence
        status = final_status(told.judged, stopped=run.stopped, verdict=run.verdict)
        run.report = self._make_report(
            run,
            status,
            now,
            exit_status=told.exit_status,
            resources=told.resources,
            warning=told.warning,
            text=told.report,
            log_size=told.log_size,
            cpu=told.cpu,
            peak_memory=told.peak_memory,
        )
        self._change(run, RunEvent.EXITED, now, actions)

    def _verdict_reached(self, told: VerdictReached, now: float, actions: list[Action]) -> None:
        run = self._runs.get(told.key)
        if run is None or run.state not in (RunState.RUNNING, RunState.ENDING, RunState.DROPPING):
            return
        if run.state is RunState.RUNNING:
            run.verdict, run.sentence = told.status, told.sentence
        self._change(run, RunEvent.VERDICT, now, actions)

    def _progress_seen(self, told: ProgressSeen, now: float, actions: list[Action]) -> None:
        run = self._runs.get(told.key)
        if run is not None:
            run.progressed = True
            self._news[told.key] = None
            if self._progress_at is None and self.render:
                self._progress_at = now + PROGRESS_PERIOD

    # -- the rest ------------------------------------------------------------------------------------------------

    def _restored(self, told: Restored, now: float, actions: list[Action]) -> None:
        for report in told.reports:
            key = RunKey(report.job, report.block, report.task, report.run)
            self._runs[key] = _Run(key, None, RunState.FINISHED, report=report)
            newest = self._newest.get(key[:3])
            if newest is None or newest.run < key.run:
                self._newest[key[:3]] = key
            self._tell(now, key, "report of an earlier life found")

    def _leave(self, told: Leave, now: float, actions: list[Action]) -> None:
        self.leaving = self.leaving or told.reason
        self._tell(now, None, f"leaving: {told.reason}")
        for run in list(self._runs.values()):
            self._stop_run(run, now, actions)

    def _eject(self, told: Eject, now: float, actions: list[Action]) -> None:
        self._tell(now, None, "ejecting all tasks" + ("" if told.but is None else f" but those of {told.but}"))
        for key in list(self._alive.values()):
            run = self._runs[key]
            if run.spec is not None and (told.but is None or run.spec.user_name != told.but):
                self._stop_run(run, now, actions)

    def _tick(self, told: Tick, now: float, actions: list[Action]) -> None:
        beat = self._beat_at is not None and self._beat_at <= now
        progress = self._progress_at is not None and self._progress_at <= now
        if beat or (progress and self._news):
            measure = beat and self._measure_at <= now + self._beat() / 2
            actions.append(Measure(list(self._news), host=measure))
            self._news.clear()
            if measure:
                self._measure_at = now + self.settings.resources_period
        if beat:
            self._beat_at = now + self._beat()
        if beat or progress:
            self._progress_at = None
        leave_at = self._exit_at()
        if leave_at is not None and leave_at <= now:
            self._leave(Leave("there was no task for as long as the pool waits"), now, actions)

    def _beat(self) -> float:
        """Return the seconds to the next sign of life: well within the silence after which the farm gives us up."""
        told = self.settings
        return min(told.heartbeat, told.zombie_time / 3) if told.zombie_time > 0 else told.heartbeat

    def _exit_at(self) -> float | None:
        wait = self.settings.exit_no_task_time
        if wait <= 0 or not self.render or self._runs or self.leaving:
            return None
        return self._idle_since + wait

    def _known(self, key: RunKey) -> _Run:
        run = self._runs.get(key)
        if run is None:
            raise Bug(f"A process of run {key} is told of, which the agent does not know.")
        return run

    def _change(self, run: _Run, event: RunEvent, now: float, actions: list[Action]) -> None:
        """Move a run by the table, and ask for what the table says."""
        before = run.state
        after = TRANSITIONS.get((before, event))
        if after is None:
            raise Bug(f"Run {run.key} is {before.value}: {event.value} cannot happen to it.")
        run.state, deeds = after
        if before not in LIVING and run.state in LIVING:
            self._alive[run.key[:3]] = run.key
        self._tell(now, run.key, (event, before, after[0]))
        for deed in deeds:
            self._do(deed, run, now, actions)
        if before in LIVING and run.state not in LIVING:
            del self._alive[run.key[:3]]
            self._make_room(run, now, actions)

    def _do(self, deed: Deed, run: _Run, now: float, actions: list[Action]) -> None:
        if deed is Deed.SPAWN and run.spec is not None:
            actions.append(Spawn(run.spec))
        elif deed is Deed.TERMINATE:
            actions.append(Terminate(run.key, self._grace))
        elif deed is Deed.KILL:
            actions.append(Kill(run.key))
        elif deed is Deed.REPORT:
            if run.report is None:
                run.report = self._make_report(run, run.stopped or RunStatus.STOPPED, now)
            run.spec = None
            self._news.pop(run.key, None)
            actions.append(Keep(run.report))
            if self.render:
                actions.append(Say(run.report))
        elif deed is Deed.FORGET:
            del self._runs[run.key]
            self._news.pop(run.key, None)
            if self._newest.get(run.key[:3]) == run.key:
                del self._newest[run.key[:3]]
            self._idle_since = now
            actions.append(Forget([run.key], log=True))

    def _make_room(self, run: _Run, now: float, actions: list[Action]) -> None:
        newest = self._newest.get(run.key[:3])
        waiting = self._runs.get(newest) if newest is not None else None
        if waiting is not None and waiting.state is RunState.WAITING:
            self._change(waiting, RunEvent.ROOM, now, actions)

    def _make_report(
        self,
        run: _Run,
        status: RunStatus,
        now: float,
        *,
        exit_status: int = 0,
        resources: str = "",
        warning: bool = False,
        text: str = "",
        log_size: int = 0,
        cpu: float = 0.0,
        peak_memory: int = 0,
    ) -> Report:
        good = status is RunStatus.SUCCESS or status is RunStatus.SKIPPED
        return Report(
            *run.key,
            status=int(status),
            exit_status=exit_status,
            started=run.wall,
            duration=max(0.0, now - run.began) if run.began else 0.0,
            errors_text="" if good else run.sentence,
            resources=resources,
            warning=warning,
            report=text,
            log_size=log_size,
            cpu_ms=round(cpu * 1000),
            peak_memory=peak_memory,
        )

    def _tell(self, now: float, key: RunKey | None, text: str | tuple[RunEvent, RunState, RunState]) -> None:
        self._story.append((now, key, text))
