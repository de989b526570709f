"""Processes of the farm for tests, forked from one that has the imports done: what they run is the same from main() on.

Half of what the start of a server costs are imports, and hundreds of tests start one.

Rules of this file:
- The process they are forked from has one thread, imports and waits; it never runs anything of the farm itself.
- A forked process gets what a shell gives a program: a session, a folder, an environment, arguments, an output.
- A test about a start itself, its command line or what is not installed starts a program (``FarmProcess.cold``).
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests import guards
from tests.waiting import holds_within

__all__ = ["POSSIBLE", "WarmProcess", "close", "start"]

ROOT = Path(__file__).resolve().parents[1]
POSSIBLE = hasattr(os, "fork")

_MODULES = (
    "afnet.server.main", "afnet.server.ground", "afnet.server.app", "afcore.store.opening", "afcore.store.sqlite",
    "afnet.server.listen", "afnet.server.memory", "afnet.server.http", "afnet.server.webjobs", "afnet.server.webpast",
    "afnet.server.statistics", "afnet.server.doctor", "afnet.server.initial", "uvloop", "afrender.main",
)  # fmt: skip
"""What programs of the farm import, early or late."""


class WarmProcess:
    """A process of the farm: what tests use of ``subprocess.Popen``."""

    def __init__(self, origin: _Origin, pid: int) -> None:
        self._origin = origin
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, as ``subprocess`` counts it; None while it runs."""
        if self.returncode is None:
            self.returncode = self._origin.ask(poll=self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code; raise TimeoutExpired after ``timeout`` seconds."""
        if not holds_within(3600.0 if timeout is None else timeout, lambda: self.poll() is not None):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        # Who has ended and was not asked for is still there, so the number cannot be somebody else's.
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class _Origin:
    """The process that others are forked from, and how it is asked."""

    def __init__(self) -> None:
        asks, self._asks = os.pipe()
        self._answers, answers = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(asks), str(answers)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, pass_fds=(asks, answers), stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        os.close(asks)
        os.close(answers)
        self._reader = os.fdopen(self._answers, "rb")
        self._lock = threading.Lock()

    def ask(self, **what: Any) -> Any:
        """Ask and return the answer."""
        with self._lock:
            os.write(self._asks, json.dumps(what).encode() + b"\n")
            line = self._reader.readline()
        if not line:
            raise RuntimeError("the process that tests fork others from has ended")
        return json.loads(line)

    def close(self) -> None:
        """End it; what was forked from it lives on."""
        os.close(self._asks)
        self._reader.close()
        self.process.wait(60)


_origin: _Origin | None = None


def start(
    module: str, *arguments: str, environment: dict[str, str], folder: Path, output: Path, errors: Path | None = None
) -> WarmProcess:
    """Start ``python -m module arguments``; what it prints is added to ``output``, its errors to ``errors``."""
    global _origin
    if _origin is None:
        _origin = _Origin()
        guards.LASTING.add(_origin.process.pid)
    pid = _origin.ask(
        start=module, arguments=arguments, environment=environment, folder=str(folder), output=str(output),
        errors=str(errors or output),
    )  # fmt: skip
    return WarmProcess(_origin, pid)


def close() -> None:
    """End the process that others were forked from, if there is one."""
    global _origin
    if _origin is not None:
        origin, _origin = _origin, None
        origin.close()
        guards.LASTING.discard(origin.process.pid)


atexit.register(close)


def _serve(asks: int, answers: int) -> dict[str, Any] | None:
    """Fork when asked; return what to become in the child, None in the parent, which nobody asks any more."""
    for module in _MODULES:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    reader = os.fdopen(asks, "rb")
    while line := reader.readline():
        ask: dict[str, Any] = json.loads(line)
        answer: int | None
        if "poll" in ask:
            pid, status = os.waitpid(ask["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            assert threading.active_count() == 1
            answer = os.fork()
            if answer == 0:
                reader.close()
                os.close(answers)
                return ask
        os.write(answers, json.dumps(answer).encode() + b"\n")
    return None


def _become(what: dict[str, Any]) -> None:
    """Run a module as a program that was just started would."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    output, errors = (
        os.open(what[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666) for name in ("output", "errors")
    )
    for number, place in ((nothing, 0), (output, 1), (errors, 2)):
        os.dup2(number, place)
        os.close(number)
    os.environ.clear()
    os.environ.update(what["environment"])
    os.chdir(what["folder"])
    sys.path[0] = what["folder"]
    sys.argv[:] = [what["start"], *what["arguments"]]
    sys.orig_argv[:] = [sys.executable, "-m", what["start"], *what["arguments"]]
    sys.modules.pop(what["start"], None)
    runpy.run_module(what["start"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    atexit.unregister(close)
    to_become = _serve(int(sys.argv[1]), int(sys.argv[2]))
    if to_become is not None:
        _become(to_become)
