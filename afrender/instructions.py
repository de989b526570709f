"""What the farm may tell an agent to do to itself and its machine, and how it is done.

Rules of this file:
- The farm's word chooses among what is here; the commands are those of ``afrender.machine``.
- Whoever is to end gives back its tasks first; a machine reboots or goes off after its agent has left the farm.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from afrender.machine import power_words, sleep_words

__all__ = ["LEAVES", "carry_out", "run_sleep"]

log = logging.getLogger(__name__)

LEAVES = {
    "exit": "the farm asked it to end",
    "restart": "the farm asked it to start anew",
    "reboot": "the farm asked this machine to reboot",
    "shutdown": "the farm asked this machine to go off",
}
"""Why an agent leaves, by the word of the instruction."""

_LONGEST = 30.0
"""Seconds a command of the machine may take before it counts as failed."""


async def run_sleep(settings: Mapping[str, Any], *, name: str, ip: str, interfaces: list[dict[str, Any]]) -> str:
    """Send this machine to sleep; return why that failed, or nothing."""
    cards = [str(one.get("mac", "")) for one in interfaces]
    words = sleep_words(settings, name=name, ip=ip, cards=cards)
    log.info("Sending this machine to sleep: %s", " ".join(words))
    try:
        process = await asyncio.create_subprocess_exec(
            *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        return f'"{words[0]}" cannot be started: {error.strerror or error}'
    try:
        async with asyncio.timeout(_LONGEST):
            output, _ = await process.communicate()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return f'"{words[0]}" did not end within {_LONGEST:g} s'
    if process.returncode:
        said = output.decode(errors="replace").strip().splitlines()
        return f'"{words[0]}" ended with {process.returncode}' + (f": {said[-1]}" if said else "")
    return ""


def carry_out(what: str, settings: Mapping[str, Any], *, start: Callable[[list[str]], int] | None = None) -> int:
    """Do what an agent that has left was told; return the exit status of the program.

    A restart replaces this process and does not return.
    """
    if what == "restart":
        words = [sys.executable, *sys.orig_argv[1:]]
        log.info("Starting anew.")
        if sys.platform == "win32":
            subprocess.Popen(words, close_fds=True)
            return 0
        os.execv(words[0], words)
    if what not in ("reboot", "shutdown"):
        return 0
    words = power_words(settings, what)
    log.info("This machine is to %s: %s", what, " ".join(words))
    try:
        code = (start or _start)(words)
    except (OSError, subprocess.TimeoutExpired) as error:
        log.error("This machine could not %s: %s", what, error)
        return 1
    if code:
        log.error("This machine could not %s: %s ended with %d.", what, words[0], code)
    return 1 if code else 0


def _start(words: list[str]) -> int:
    return subprocess.run(words, stdin=subprocess.DEVNULL, timeout=_LONGEST, check=False).returncode
