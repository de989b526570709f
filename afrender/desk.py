"""Between the agent and the person at its desk: nimby by rules and by hand, and what the tray shows.

Rules of this file:
- it decides nothing: rules are ``afrender.nimby.policy``, the state is the farm's;
- a tray that comes, goes or crashes changes nothing but who is looking;
- what rules did is kept in the agent's folder, so that an agent that starts anew takes back only that.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil

from afcore.rows import RenderRow
from afnet.wire.messages import Refused, Reply
from afrender.loop import AgentLoop
from afrender.nimby.policy import Policy, Signals, Wish
from afrender.nimby.rules import Rules
from afrender.status import StatusChannel

__all__ = ["Desk", "desk_state", "minute_of_week"]

log = logging.getLogger(__name__)

PERIOD = 1.0
"""Seconds between two looks, while there is a rule to follow or an open panel to feed."""

GATHER = 0.2
"""Seconds for which news are gathered before a tray is told."""

PROGRAMS_PERIOD = 5.0
OPEN_PANEL_PERIOD = 1.0
IDLE_LASTS = 10.0
"""Seconds for which the idle time that a tray told counts."""

SHOWN = (
    *("cpu_num", "cpu_user", "cpu_nice", "cpu_system", "cpu_idle", "cpu_iowait", "mem_total_mb", "mem_free_mb"),
    *("net_recv_kbsec", "net_send_kbsec", "gpu_gpu_util", "gpu_gpu_temp", "gpu_mem_total_mb", "gpu_mem_used_mb"),
    *("gpu_string", "hw_info", "old"),
)
"""Keys of a reading that a tray shows."""


def desk_state(words: list[str] | None, tasks: int) -> str:
    """Return the one word for a render: ``offline, sick, paused, NIMBY, nimby, busy`` or ``free``."""
    if words is None:
        return "offline"
    for word in ("sick", "paused", "NIMBY", "nimby"):
        if word in words:
            return word
    return "busy" if tasks else "free"


def minute_of_week(wall: float) -> int:
    """Return the minute of the week at a unix time, by the clock on the wall; 0 is Monday's midnight."""
    local = time.localtime(wall)
    return (local.tm_wday * 24 + local.tm_hour) * 60 + local.tm_min


def programs_running() -> frozenset[str]:
    """Return the names of all programs that run, in lower case and without ``.exe``."""
    names = (process.info["name"] or "" for process in psutil.process_iter(["name"]))
    return frozenset(name.lower().removesuffix(".exe") for name in names)


class Desk:
    """The person's side of the agent of render ``name`` in ``folder``."""

    def __init__(
        self,
        loop: AgentLoop,
        *,
        name: str,
        user: str,
        folder: Path,
        rules: Rules,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        period: float = PERIOD,
    ) -> None:
        self._loop = loop
        self._name = name
        self._user = user
        self._file = folder / "nimby.json"
        self._clock = clock
        self._wall = wall
        self._period = period
        self.policy = Policy(rules, **self._restore())
        self.channel = StatusChannel(folder, take=self._take, joined=self._joined)
        self._row: RenderRow | None = None
        self._idle: tuple[float, float] | None = None
        self._programs: frozenset[str] | None = None
        self._programs_at = -PROGRAMS_PERIOD
        self._panel = False
        self._said = ""
        self._trouble = ""
        self._watching: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        loop.watch_farm(self)

    async def open(self) -> None:
        """Begin to look and to listen."""
        try:
            await self.channel.open()
        except OSError as error:
            log.warning("There will be no tray: its channel cannot be opened (%s).", error)
        self._watching = asyncio.create_task(self._watch())
        self._watching.add_done_callback(_tell_of_end)

    async def close(self) -> None:
        """Let the tray know that the agent leaves."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        self.channel.send({"leaving": True})
        await self.channel.close()

    # -- the farm ------------------------------------------------------------------------------------------------

    def registered(self) -> None:
        """The farm knows this render; its row follows."""
        self._news.set()

    def lost(self) -> None:
        """The farm is away."""
        self._row = None
        self.policy.lost()
        self._news.set()

    def rows(self, rows: list[Any]) -> None:
        """The farm says what it thinks of this render."""
        for row in rows:
            self._row = msgspec.convert(row, RenderRow)
            self.policy.told(next((word for word in ("NIMBY", "nimby") if word in self._row.words), ""), self._clock())
            self._keep()
        self._news.set()

    def _wish(self, wish: Wish | None) -> None:
        if wish is None:
            return
        log.info("Asking the farm for %s: %s", wish.state or "free", wish.sentence)
        self._keep()
        parameters = {"nimby": wish.state == "nimby", "NIMBY": wish.state == "NIMBY"}
        if not self._loop.ask("render.set", {"names": [self._name], "parameters": parameters}, self._answered):
            self._trouble = "There is no server to ask."

    def _answered(self, answer: Reply | Refused) -> None:
        self._trouble = answer.sentence if isinstance(answer, Refused) else ""
        self._news.set()
        if self._trouble:
            log.info("The farm does not want it: %s", self._trouble)

    # -- the tray ------------------------------------------------------------------------------------------------

    def _joined(self) -> None:
        self._said = ""
        self._news.set()

    def _take(self, message: dict[str, Any]) -> None:
        """Take what the tray says: an order of the person, or what it sees of them."""
        now = self._clock()
        if message.keys() - {"idle"}:
            self._news.set()
        if isinstance(message.get("idle"), int | float):
            self._idle = (float(message["idle"]), now)
        if "panel" in message:
            self._panel = bool(message["panel"])
        order = message.get("order")
        if order in ("free", "nimby", "NIMBY"):
            self._wish(self.policy.choose("" if order == "free" else str(order), now))
        elif order == "undo":
            self._wish(self.policy.undo(now))
        elif order == "eject_other":
            self._loop.eject(but=self._user)
        elif order == "eject_all":
            self._loop.eject()
        elif order == "story":
            entries = self._loop.agent.story()[-500:]
            began = self._wall() - now
            self.channel.send(
                {"story": [[began + entry.at, list(entry.key or ()), entry.text] for entry in entries]}
            )

    async def _watch(self) -> None:
        while True:
            if self.policy.rules.are_off and not (self._panel and len(self.channel)):
                # Nothing to measure: sleep until something happens, and tell what happens together at once.
                self._news.clear()
                await self._news.wait()
                await asyncio.sleep(min(self._period, GATHER))
            else:
                await asyncio.sleep(self._period)
            if not self.policy.rules.are_off:
                self._wish(self.policy.observe(await self._see(), self._clock()))
            if len(self.channel):
                if self._panel:
                    await self._loop.read_machine(wait=OPEN_PANEL_PERIOD)
                self._publish()
            else:
                self._panel = False

    async def _see(self) -> Signals:
        now, rules = self._clock(), self.policy.rules
        if rules.programs and now - self._programs_at >= PROGRAMS_PERIOD:
            self._programs_at = now
            self._programs = await asyncio.to_thread(programs_running)
        idle = self._idle
        if idle is not None and now - idle[1] > IDLE_LASTS:
            idle = self._idle = None
        cpu, memory = others_load(self._loop.machine.latest)
        return Signals(
            idle=None if idle is None else idle[0],
            minute=minute_of_week(self._wall()),
            programs=self._programs,
            cpu=cpu,
            memory=memory,
        )

    def _publish(self) -> None:
        state = self.state()
        text = json.dumps(state)
        if text != self._said:
            self._said = text
            self.channel.send(state)

    def state(self) -> dict[str, Any]:
        """Return all that a tray shows."""
        row, now, wall = self._row, self._clock(), self._wall()
        tasks = []
        for key, work in self._loop.works.all.items():
            spec = self._loop.agent.spec(key)
            if spec is not None:
                percent, frame, _ = work.reader.progress
                tasks.append(
                    {
                        "key": list(key),
                        "job": spec.job_name,
                        "block": spec.block_name,
                        "task": spec.task_name,
                        "user": spec.user_name,
                        "percent": percent,
                        "frame": frame,
                        "began": round(wall - now + self._loop.agent.began(key)),
                    }
                )
        cause, rule = self.policy.cause, None
        if cause is not None and self.policy.since is not None:
            rule = {
                "state": self.policy.ours,
                "since": round(wall - now + self.policy.since),
                "sentence": cause.sentence,
                "ends": None if cause.ends is None else round((wall - now + cause.ends) / 60) * 60,
            }
        reading = self._loop.machine.latest
        return {
            "name": self._name,
            "user": row.user if row is not None else self._user,
            "state": desk_state(None if row is None else row.words, len(tasks)),
            "nimby": self.policy.state,
            "most": row.max_tasks if row is not None else -1,
            "pool": row.pool if row is not None else "",
            "tasks": tasks,
            "rule": rule,
            "trouble": self._loop.trouble or self._trouble,
            "reading": {name: reading[name] for name in SHOWN if name in reading},
            "measured": self._loop.machine.latest_at,
        }

    # -- what is kept --------------------------------------------------------------------------------------------

    def _restore(self) -> dict[str, str]:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            data = json.loads(self._file.read_text(encoding="utf-8"))
            return {name: str(data.get(name, "")) for name in ("ours", "before", "rule")}
        return {}

    def _keep(self) -> None:
        known = {"ours": self.policy.ours, "before": self.policy.before, "rule": self.policy.rule}
        if known != ({"ours": "", "before": "", "rule": ""} | self._restore()):
            try:
                self._file.write_text(json.dumps(known), encoding="utf-8")
            except OSError as error:
                log.warning("%s cannot be written (%s): what rules did will not be taken back.", self._file, error)


def _tell_of_end(watching: asyncio.Task[None]) -> None:
    """Say that nobody looks after the person any more; tasks are not concerned."""
    error = None if watching.cancelled() else watching.exception()
    if error is not None:
        log.error("Nimby by rules and the tray stop here, this is a mistake in the program.", exc_info=error)


def others_load(reading: dict[str, Any]) -> tuple[float | None, float | None]:
    """Return the shares of processors and memory in percent that others than the farm's tasks use."""
    if "cpu_idle" not in reading or not reading.get("mem_total_mb"):
        return None, None
    tasks = reading.get("tasks", [])
    own = sum(task["cpu"] for task in tasks) / max(1, reading["cpu_num"])
    cpu = 100.0 - reading["cpu_idle"] - reading.get("cpu_iowait", 0) - own
    used = reading["mem_total_mb"] - reading["mem_free_mb"] - sum(task["memory_mb"] for task in tasks)
    return max(0.0, cpu), max(0.0, 100.0 * used / reading["mem_total_mb"])
