"""Idle time of a Wayland session, over D-Bus: from GNOME's compositor, else from the system's list of sessions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from jeepney import DBusAddress, MessageType, Properties, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from afrender.nimby.idle import IdleProbe, NoIdle

__all__ = ["LoginIdle", "MutterIdle", "find_wayland_idle"]

TIMEOUT = 2.0

_MUTTER = DBusAddress(
    "/org/gnome/Mutter/IdleMonitor/Core", "org.gnome.Mutter.IdleMonitor", "org.gnome.Mutter.IdleMonitor"
)
_SESSION = DBusAddress(
    "/org/freedesktop/login1/session/auto", "org.freedesktop.login1", "org.freedesktop.login1.Session"
)


class _Asking:
    """A connection to a bus; every trouble with it is NoIdle."""

    def __init__(self, bus: str) -> None:
        try:
            self._connection: DBusConnection | None = open_dbus_connection(bus=bus)
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            raise NoIdle(f"there is no bus {bus} ({error})") from error

    def _ask(self, message: Any) -> Any:
        if self._connection is None:
            raise NoIdle("the bus is closed")
        try:
            reply = self._connection.send_and_get_reply(message, timeout=TIMEOUT)
        except (OSError, TimeoutError, EOFError) as error:
            raise NoIdle(f"the bus does not answer ({error})") from error
        if reply.header.message_type is not MessageType.method_return:
            raise NoIdle(f"nobody tells: {reply.body[0] if reply.body else 'an error'}")
        return reply.body[0]

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class MutterIdle(_Asking):
    """What GNOME's compositor knows, to the millisecond."""

    def __init__(self, bus: str = "SESSION") -> None:
        super().__init__(bus)

    def idle(self) -> float:
        """Return seconds since the last input."""
        return float(self._ask(new_method_call(_MUTTER, "GetIdletime"))) / 1000.0


class LoginIdle(_Asking):
    """What the session told the system: nothing until the desktop counts it as idle, then since when."""

    def __init__(self, bus: str = "SYSTEM", wall: Callable[[], float] = time.time) -> None:
        super().__init__(bus)
        self._wall = wall

    def idle(self) -> float:
        """Return seconds since the session became idle; 0 while it is not."""
        properties = Properties(_SESSION)
        if not self._ask(properties.get("IdleHint"))[1]:
            return 0.0
        since = float(self._ask(properties.get("IdleSinceHint"))[1]) / 1e6
        return max(0.0, self._wall() - since)


def find_wayland_idle() -> IdleProbe | None:
    """Return the first that answers; None when none does."""
    kinds: list[Callable[[], MutterIdle | LoginIdle]] = [MutterIdle, LoginIdle]
    for kind in kinds:
        try:
            probe = kind()
        except NoIdle:
            continue
        try:
            probe.idle()
        except NoIdle:
            probe.close()
            continue
        return probe
    return None
