"""Finds what tells how long nobody has touched keyboard and mouse. It is asked in the process of the tray.

Rules of this file:
- X11's library ends its process when the display goes away, and a session's bus is the session's: the agent, which must
  outlive both, never asks here itself.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from typing import Protocol

__all__ = ["IdleProbe", "NoIdle", "find_idle"]


class NoIdle(Exception):
    """This way of asking does not work here; the text says why."""


class IdleProbe(Protocol):
    """One way of asking."""

    def idle(self) -> float:
        """Return seconds since the last input. Raises NoIdle when it cannot be told (any more)."""

    def close(self) -> None:
        """Let go of what it holds."""


def find_idle(environment: Mapping[str, str], platform: str = sys.platform) -> IdleProbe | None:
    """Return the first way of asking that works here; None when none does."""
    if platform == "win32":
        from afrender.nimby.idle_windows import WindowsIdle

        return WindowsIdle()
    if platform == "darwin":
        from afrender.nimby.idle_macos import MacIdle

        return MacIdle()
    if environment.get("WAYLAND_DISPLAY"):
        from afrender.nimby.idle_wayland import find_wayland_idle

        # X11's extension sees only what X11's programs get there.
        return find_wayland_idle()
    if environment.get("DISPLAY"):
        from afrender.nimby.idle_x11 import X11Idle

        with contextlib.suppress(NoIdle):
            return X11Idle(environment["DISPLAY"])
    return None
