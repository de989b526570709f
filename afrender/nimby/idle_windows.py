"""Idle time of a Windows session, from the system's own call."""

from __future__ import annotations

import ctypes

from afrender.nimby.idle import NoIdle

__all__ = ["WindowsIdle", "elapsed"]


class _LastInput(ctypes.Structure):
    _fields_ = (("size", ctypes.c_uint), ("time", ctypes.c_uint))


def elapsed(now: int, last: int) -> float:
    """Return seconds between two readings of the system's counter: milliseconds in 32 bits, going round."""
    return float((now - last) & 0xFFFFFFFF) / 1000.0


class WindowsIdle:
    """Asks the session of its process."""

    def idle(self) -> float:
        """Return seconds since the last input."""
        libraries = getattr(ctypes, "windll", None)
        if libraries is None:
            raise NoIdle("this is not Windows")
        last = _LastInput(ctypes.sizeof(_LastInput), 0)
        if not libraries.user32.GetLastInputInfo(ctypes.byref(last)):
            raise NoIdle("the system does not tell")
        return elapsed(int(libraries.kernel32.GetTickCount()), last.time)

    def close(self) -> None:
        """Nothing is held."""
