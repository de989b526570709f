"""What stopped the server before: the messages that did are not taken again, and what they were about is put offline.

Rules of this file:
- ``quarantine.json`` in the data folder is written whole beside the old one, then put in its place.
- A message is known again by what it asks, not by who sends it, when, or over which connection.  What the server asks
  of itself (ticks, solving) is never refused: there the object that it was busy with is what goes offline.
- What is to be put offline is tried once: a farm that breaks over that too must not break over it for ever.
- ``MOST_STOPS`` stops within ``WITHIN`` seconds pause the solving until a person resumes it.
"""

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any

import msgspec

from afcore.commands import AcceptRestart, RegisterRender, SetJobs, SetRenders, Solve, Tick
from afcore.core import Core
from afcore.envelope import Envelope
from afcore.errors import AfError, Conflict
from afcore.systemcommand import SYSTEM_JOB

__all__ = ["MOST_STOPS", "WITHIN", "Quarantine", "Stop", "culprits", "put_offline"]

MOST_STOPS = 3
WITHIN = 600.0
"""Seconds."""
_KEPT = 100
_OWN = (Tick, Solve, AcceptRestart)
_log = logging.getLogger(__name__)


class Stop(msgspec.Struct):
    """One stop: when, over which message, and what it was about."""

    at: float
    dump: str
    """Name of its dump."""
    command: str
    print: str
    """What the message is known by; empty for what the server asked of itself."""
    error: str = ""
    jobs: list[int] = []
    renders: list[str] = []
    handled: bool = False
    """What it was about was put offline, or that was tried."""

    @property
    def note(self) -> str:
        """What people read on the object, and who sends the message again."""
        return f"this message stopped the server, see {self.dump}"


class _File(msgspec.Struct):
    stops: list[Stop] = []
    paused: bool = False
    resumed: float = 0.0
    """When a person last let the solving go on: earlier stops do not count."""


class Quarantine:
    """The file of one server.  A file that cannot be read is set aside, with a word in the log."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "quarantine.json"
        self._file = _File()
        try:
            self._file = msgspec.json.decode(self._path.read_bytes(), type=_File)
        except FileNotFoundError:
            pass
        except (OSError, msgspec.MsgspecError) as error:
            _log.error("%s cannot be read and is set aside: %s", self._path, error)
            try:
                self._path.replace(self._path.with_suffix(".unreadable"))
            except OSError as problem:
                _log.error("%s cannot be moved: %s", self._path, problem)
        self._prints = {stop.print: stop for stop in self._file.stops if stop.print}

    @property
    def stops(self) -> list[Stop]:
        """Every stop that is remembered, oldest first."""
        return list(self._file.stops)

    def add(self, at: float, dump: Path, error: BaseException, envelope: Envelope[Any] | None, core: Core) -> Stop:
        """Remember a stop; written when this returns, or the log says why not."""
        command = None if envelope is None else envelope.command
        jobs, renders = ([], []) if command is None else culprits(core, command)
        mark = "" if command is None or isinstance(command, _OWN) else _print(command)
        stop = Stop(at, dump.stem.replace("dump-", "dump "), type(command).__name__, mark, str(error), jobs, renders)
        self._file.stops = [*self._file.stops, stop][-_KEPT:]
        self._write()
        return stop

    def refusal(self, command: Any) -> Conflict | None:
        """Return why a command is not taken: it stopped the server before."""
        if not self._prints or isinstance(command, _OWN):
            return None
        stop = self._prints.get(_print(command))
        if stop is None:
            return None
        return Conflict(
            f"The server does not take this any more: {stop.note}.",
            hint="Whoever runs the farm finds the dump in the server's data folder, below dumps.",
        )

    def offline(self) -> list[SetJobs | SetRenders]:
        """Return the commands that put what stopped the server offline; each is returned once."""
        commands: list[SetJobs | SetRenders] = []
        for stop in self._file.stops:
            if not stop.handled:
                stop.handled = True
                note = {"annotation": stop.note}
                commands += [SetJobs([id], {"offline": True, **note}) for id in stop.jobs]
                commands += [SetRenders([name], {"paused": True, **note}) for name in stop.renders]
        if commands:
            self._write()
        return commands

    def paused(self, now: float) -> str:
        """Return why solving is paused at a start, or an empty text."""
        file = self._file
        recent = [stop for stop in file.stops if stop.at > max(now - WITHIN, file.resumed)]
        if len(recent) >= MOST_STOPS and not file.paused:
            file.paused = True
            self._write()
        if not file.paused:
            return ""
        last = file.stops[-1].dump if file.stops else ""
        return f"Solving is paused, nothing new starts: the server stopped {MOST_STOPS} times by itself, see {last}"

    def resume(self, now: float) -> None:
        """Let the solving go on."""
        self._file.paused = False
        self._file.resumed = now
        self._write()

    def _write(self) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(fresh, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(self._file), indent=1))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            _log.error("%s cannot be written: %s", self._path, error)


def _print(command: Any) -> str:
    """Return what a message is known by."""
    if isinstance(command, RegisterRender):
        command = msgspec.structs.replace(command, session=0, launched=0.0, resources={}, instance="")
    body = json.dumps(msgspec.to_builtins(command, enc_hook=repr), sort_keys=True, default=repr)
    return hashlib.blake2b(f"{type(command).__name__} {body}".encode(), digest_size=16).hexdigest()


def culprits(core: Core, command: Any) -> tuple[list[int], list[str]]:
    """Return what a command was about when it broke: ids of jobs and names of renders that are there.

    Of a tick and of solving that is what was being looked at.
    """
    farm = core.farm
    jobs: list[int] = []
    renders: list[int] = []
    if isinstance(command, Solve):
        jobs.append(core.scheduler.solving)
    elif isinstance(command, Tick):
        job, render = core.deadlines.looking_at()
        jobs.append(job)
        renders.append(render)
    else:
        jobs += [getattr(command, "job", 0), *(getattr(command, "ids", None) or ())]
        render = getattr(command, "render", 0)
        if not any(jobs):
            renders.append(render)
            renders += [farm.renders_by_name.get(str(name), 0) for name in getattr(command, "names", None) or ()]
            renders.append(farm.renders_by_name.get(str(getattr(command, "name", "")), 0))
    found = [id for id in dict.fromkeys(jobs) if id in farm.jobs and id != SYSTEM_JOB]
    return found, [farm.renders[id].name for id in dict.fromkeys(renders) if id in farm.renders]


def put_offline(command: SetJobs | SetRenders, reply: Any, error: AfError | None) -> None:
    """Say what became of an object that stopped the server."""
    what = f"job {command.ids[0]}" if isinstance(command, SetJobs) else f"render {command.names[0]}"
    if error is None:
        _log.error("%s is offline: %s", what, command.parameters["annotation"])
    else:
        _log.error("%s cannot be put offline: %s", what, error)
