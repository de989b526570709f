"""Idle time of an X11 display, from its screen saver extension, by the libraries of X11 themselves."""

from __future__ import annotations

import ctypes
import ctypes.util

from afrender.nimby.idle import NoIdle

__all__ = ["X11Idle"]


class _Info(ctypes.Structure):
    _fields_ = (
        ("window", ctypes.c_ulong),
        ("state", ctypes.c_int),
        ("kind", ctypes.c_int),
        ("til_or_since", ctypes.c_ulong),
        ("idle", ctypes.c_ulong),
        ("event_mask", ctypes.c_ulong),
    )


class X11Idle:
    """Asks ``display`` on a connection of its own. Raises NoIdle without libraries, display or extension."""

    def __init__(self, display: str) -> None:
        try:
            self._x11 = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
            self._saver = ctypes.CDLL(ctypes.util.find_library("Xss") or "libXss.so.1")
        except OSError as error:
            raise NoIdle(f"the libraries of X11 are not there ({error})") from error
        x11, saver = self._x11, self._saver
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XOpenDisplay.argtypes = (ctypes.c_char_p,)
        x11.XDefaultRootWindow.restype = ctypes.c_ulong
        x11.XDefaultRootWindow.argtypes = (ctypes.c_void_p,)
        x11.XCloseDisplay.argtypes = (ctypes.c_void_p,)
        x11.XFree.argtypes = (ctypes.c_void_p,)
        saver.XScreenSaverAllocInfo.restype = ctypes.POINTER(_Info)
        saver.XScreenSaverQueryInfo.argtypes = (ctypes.c_void_p, ctypes.c_ulong, ctypes.POINTER(_Info))
        number = ctypes.POINTER(ctypes.c_int)
        saver.XScreenSaverQueryExtension.argtypes = (ctypes.c_void_p, number, number)
        self._display: int | None = x11.XOpenDisplay(display.encode())
        if not self._display:
            raise NoIdle(f"the display {display} cannot be opened")
        first, second = ctypes.c_int(), ctypes.c_int()
        if not saver.XScreenSaverQueryExtension(self._display, ctypes.byref(first), ctypes.byref(second)):
            self.close()
            raise NoIdle(f"the display {display} has no screen saver extension")
        self._info = saver.XScreenSaverAllocInfo()

    def idle(self) -> float:
        """Return seconds since the last input."""
        if not self._display:
            raise NoIdle("the display is closed")
        root = self._x11.XDefaultRootWindow(self._display)
        if not self._saver.XScreenSaverQueryInfo(self._display, root, self._info):
            raise NoIdle("the display does not tell")
        return float(self._info.contents.idle) / 1000.0

    def close(self) -> None:
        """Close the connection."""
        if self._display:
            if hasattr(self, "_info"):
                self._x11.XFree(self._info)
            self._x11.XCloseDisplay(self._display)
            self._display = None
