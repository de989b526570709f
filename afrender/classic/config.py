"""The settings as classic modules read them: one dictionary, filled when a helper starts."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

__all__ = ["VARS", "fill"]

VARS: dict[str, Any] = {}
"""Settings by name, and ``HOSTNAME``, ``USERNAME``, ``HOME``, ``platform``, ``pathsmap``."""


def fill(settings: dict[str, object], pairs: list[tuple[str, str]]) -> None:
    """Take the settings of this machine."""
    system = {"win32": ["windows"], "darwin": ["unix", "macosx"]}.get(sys.platform, ["unix", "linux"])
    VARS.update(settings)
    VARS.update(
        HOSTNAME=socket.gethostname().lower(),
        USERNAME=os.environ.get("AF_USERNAME", os.environ.get("USER", os.environ.get("USERNAME", "unknown"))),
        HOME=os.path.expanduser("~"),
        platform=system,
        pathsmap=[list(pair) for pair in pairs],
        AF_ROOT=os.environ.get("AF_ROOT", ""),
        CGRU_LOCATION=os.environ.get("CGRU_LOCATION", ""),
        CGRU_PYTHONEXE=sys.executable,
        CGRU_VERSION=os.environ.get("CGRU_VERSION", "afwatch"),
    )
