"""Outputs of running tasks for classic monitors: asked for once, or listened to.

Rules of this file:
- Agents are followed through the farm's own followers; a monitor that takes nothing is kept a bounded text, its end.
- What was asked for once is delivered when the agent has told what there is, after ``GATHER_TIME`` at the latest.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from afcore.errors import Rejected
from afcore.ids import RunKey
from afcore.model.farm import Farm
from afcore.states import TaskState
from afnet.classic.json_tasks import task_answer
from afnet.server.follow import Followers
from afnet.wire.messages import Follow, LogLines, Message

__all__ = ["GATHER_TIME", "MOST_LISTENED", "ClassicOutputs"]

GATHER_TIME = 1.0
"""Seconds for an agent to tell the output of a running task."""

MOST_LISTENED = 100
"""Tasks that one monitor listens to at once."""

_MOST_TEXT = 1 << 20
"""Bytes kept for a monitor of one task between two polls."""


class _Scope(NamedTuple):
    """What a monitor listens to; -1 is all of it."""

    job: int
    block: int = -1
    task: int = -1


class _Ear:
    """Hears one run for one monitor (what followers need of a peer)."""

    def __init__(self, monitor: int, key: RunKey, done: Callable[["_Ear"], None] | None) -> None:
        self.monitor = monitor
        self.key = key
        self.data = bytearray()
        self.slow = False
        self.is_open = True
        self.over = False
        self._done = done

    def send(self, *messages: Message) -> None:
        """Keep what the agent says."""
        for message in messages:
            if isinstance(message, LogLines):
                self.data += message.data
                del self.data[:-_MOST_TEXT]
                self.over = self.over or message.last
            else:
                self.over = True
        if self.over and self._done is not None:
            self._done(self)

    def take(self) -> str:
        """Return what came since the last time; half a character at the end waits for its rest."""
        data = bytes(self.data)
        text = data.decode("utf-8", "ignore" if self.over else "replace")
        if not self.over and text.endswith("\N{REPLACEMENT CHARACTER}"):
            for cut in range(1, 4):
                try:
                    text = data[:-cut].decode("utf-8")
                except UnicodeDecodeError:
                    continue
                self.data[:] = data[-cut:]
                return text
        self.data.clear()
        return text


class ClassicOutputs:
    """Who hears which running task."""

    def __init__(self, farm: Farm, followers: Followers) -> None:
        self._farm = farm
        self._followers = followers
        self._scopes: dict[int, list[_Scope]] = {}
        self._ears: dict[int, dict[RunKey, _Ear]] = {}
        self._asked: dict[_Ear, asyncio.TimerHandle] = {}
        self._ready: dict[int, list[dict[str, Any]]] = {}

    # Asked for once

    def ask(self, monitor: int, job: int, block: int, task: int) -> None:
        """Fetch the output of a running task for a monitor; Rejected when it cannot be had."""
        ear = _Ear(monitor, RunKey(job, block, task, 0), self._answered)
        self._followers.follow(ear, Follow(0, job, block, task))
        if not ear.over:
            self._asked[ear] = asyncio.get_running_loop().call_later(GATHER_TIME, self._answered, ear)

    def _answered(self, ear: _Ear) -> None:
        timer = self._asked.pop(ear, None)
        if timer is not None:
            timer.cancel()
        self._leave(ear)
        ear.over = True
        shown = self._shown(ear.key, "TOutput", ear.take())
        if shown is not None:
            self._ready.setdefault(ear.monitor, []).append(shown)

    # Listened to

    def listen(self, monitor: int, job: int, block: int, task: int, *, wanted: bool) -> None:
        """Let a monitor hear the tasks of a job, a block, or one task, or no longer; -1 means all."""
        scope = _Scope(job, block, task)
        scopes = self._scopes.setdefault(monitor, [])
        if wanted and scope not in scopes:
            scopes.append(scope)
        elif not wanted and scope in scopes:
            scopes.remove(scope)
        self._follow_running(monitor)

    def _follow_running(self, monitor: int) -> None:
        """Hear what has begun to run, and leave what nobody of this monitor wants any more."""
        ears = self._ears.setdefault(monitor, {})
        wanted = dict.fromkeys(key for scope in self._scopes.get(monitor, ()) for key in self._running(scope))
        for key in wanted:
            if key not in ears and len(ears) < MOST_LISTENED:
                ear = _Ear(monitor, key, None)
                try:
                    self._followers.follow(ear, Follow(0, *key))
                except Rejected:
                    continue
                ears[key] = ear
        scopes = self._scopes.get(monitor, ())
        for key, ear in list(ears.items()):
            if not any(_holds(scope, key) for scope in scopes):
                self._leave(ear)
                del ears[key]

    def _running(self, scope: _Scope) -> Iterator[RunKey]:
        job = self._farm.jobs.get(scope.job)
        if job is None or not job.running_tasks:
            return
        for block in job.blocks:
            tasks = block.tasks
            if not block.running_tasks or scope.block not in (-1, block.index):
                continue
            first, end = (0, tasks.size) if scope.task < 0 else (scope.task, scope.task + 1)
            task = tasks.state.find(TaskState.RUNNING, first, end)
            for _ in range(MOST_LISTENED):
                if task < 0:
                    break
                yield RunKey(job.id, block.index, task, tasks.starts[task])
                task = tasks.state.find(TaskState.RUNNING, task + 1, end)

    # Polls

    def take(self, monitor: int) -> dict[str, list[dict[str, Any]]]:
        """Return the events of outputs that a monitor has not heard of."""
        events: dict[str, list[dict[str, Any]]] = {}
        asked = self._ready.pop(monitor, [])
        if asked:
            events["tasks_outputs"] = asked
        listened = []
        for key, ear in list(self._ears.get(monitor, {}).items()):
            text = ear.take()
            shown = self._shown(key, "TListen", text) if text else None
            if shown is not None:
                listened.append(shown)
            if ear.over:
                del self._ears[monitor][key]
        if listened:
            events["tasks_listens"] = listened
        if self._scopes.get(monitor):
            self._follow_running(monitor)
        return events

    def forget(self, monitor: int) -> None:
        """A monitor is gone."""
        for ear in [*self._ears.pop(monitor, {}).values(), *(ear for ear in self._asked if ear.monitor == monitor)]:
            self._leave(ear)
            timer = self._asked.pop(ear, None)
            if timer is not None:
                timer.cancel()
        self._scopes.pop(monitor, None)
        self._ready.pop(monitor, None)

    def _leave(self, ear: _Ear) -> None:
        ear.is_open = False
        self._followers.unfollow(ear, 0)

    def _shown(self, key: RunKey, kind: str, text: str) -> dict[str, Any] | None:
        job = self._farm.jobs.get(key.job)
        if job is None or key.block >= len(job.blocks) or key.task >= job.blocks[key.block].tasks.size:
            return None
        found: dict[str, Any] = task_answer(self._farm, job.blocks[key.block], key.task, kind=kind, data=text)["task"]
        return found


def _holds(scope: _Scope, key: RunKey) -> bool:
    return scope.job == key.job and scope.block in (-1, key.block) and scope.task in (-1, key.task)
