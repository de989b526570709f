"""A process layer whose processes are only timers: for simulations, load generators and tests of the agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from afrender.process.spawn import CannotStart, Exit, Launch, RunningProcess, Watcher

__all__ = ["FakeLayer", "FakePlan", "FakeProcess"]

SIGTERM = 15
SIGKILL = 9


class FakePlan:
    """How one fake process goes: ``seconds`` until its end, its ``output``, its ``code``; or why it does not start."""

    __slots__ = ("code", "ignores_terminate", "output", "refused", "seconds")

    def __init__(
        self,
        seconds: float,
        *,
        code: int = 0,
        output: bytes = b"",
        ignores_terminate: bool = False,
        refused: CannotStart | None = None,
    ) -> None:
        self.seconds = seconds
        self.code = code
        self.output = output
        self.ignores_terminate = ignores_terminate
        self.refused = refused


class FakeProcess:
    """A timer that looks like a process."""

    __slots__ = ("_kill_timer", "_layer", "_plan", "_timer", "_watcher", "pid")

    def __init__(self, layer: FakeLayer, pid: int, plan: FakePlan, watcher: Watcher) -> None:
        self._layer = layer
        self._plan = plan
        self._watcher = watcher
        self.pid = pid
        self._kill_timer: asyncio.TimerHandle | None = None
        self._timer = layer.loop.call_later(plan.seconds, self._end, Exit(plan.code))

    def terminate(self, grace: float) -> None:
        """End by a terminate signal, or after ``grace`` by a kill when the plan ignores the first."""
        if self._plan.ignores_terminate:
            if self._kill_timer is None:
                self._kill_timer = self._layer.loop.call_later(grace, self.kill)
            return
        self._again(Exit(0, signal=SIGTERM))

    def kill(self) -> None:
        """End at once."""
        self._again(Exit(0, signal=SIGKILL))

    def hold(self, held: bool) -> None:
        """All output comes at the end; there is nothing to hold."""

    def _again(self, end: Exit) -> None:
        self._timer.cancel()
        self._timer = self._layer.loop.call_later(0, self._end, end)

    def _end(self, end: Exit) -> None:
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        if self._layer.living.pop(self.pid, None) is None:
            return
        if self._plan.output:
            self._watcher.output(self._plan.output)
        self._watcher.exited(end)


class FakeLayer:
    """Starts ``FakeProcess``es as ``plan(launch)`` says."""

    def __init__(self, loop: asyncio.AbstractEventLoop, plan: Callable[[Launch], FakePlan]) -> None:
        self.loop = loop
        self.living: dict[int, FakeProcess] = {}
        self._plan = plan
        self._last_pid = 0

    def start(self, launch: Launch, watcher: Watcher) -> RunningProcess | CannotStart:
        """Start a timer, or answer as the plan refuses."""
        plan = self._plan(launch)
        if plan.refused is not None:
            return plan.refused
        self._last_pid += 1
        process = FakeProcess(self, self._last_pid, plan, watcher)
        self.living[process.pid] = process
        return process
