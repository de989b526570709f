"""Ports for servers under test: from a range of which the system hands out none by itself.

A port that was free a moment ago may be the source of somebody's call now, when it is one that callers get; then the
server cannot start on it, or not again after a kill.  An agent that calls a dead server there may even reach itself.
"""

from __future__ import annotations

import itertools
import os
import re
import socket
import zlib
from collections.abc import Mapping

__all__ = ["first_place", "free_port"]

_FIRST, _MANY = 10_000, 22_000
"""Systems hand out ports from 32768 or from 49152 on."""
_STRIDE = 1999
"""Each worker of a run begins this far from the one before, and they do not meet: a port of a server that was killed,
and is to come back, is free for everybody meanwhile."""


def first_place(environment: Mapping[str, str], process: int) -> int:
    """Return where a process begins: by its run, which is not alone on its machine, and by its number in it."""
    worker = re.fullmatch(r"gw(\d+)", environment.get("PYTEST_XDIST_WORKER", ""))
    run = environment.get("PYTEST_XDIST_TESTRUNUID", str(process))
    return zlib.crc32(run.encode()) + (int(worker[1]) if worker else 0) * _STRIDE


_places = itertools.count(first_place(os.environ, os.getpid()))


def free_port() -> int:
    """Return a port of loopback on which nobody listens; no two calls in a process return the same one."""
    for place in _places:
        port = _FIRST + place % _MANY
        with socket.socket() as probe:
            # As servers do it: a connection that has just ended there is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                probe.listen()
            except OSError:
                continue
            return port
    raise AssertionError("itertools.count ends never")
