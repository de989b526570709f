"""Idle time from a real X server with synthetic input, and from stand-ins of what Wayland desktops have."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

from afrender.nimby.idle import NoIdle, find_idle
from afrender.nimby.idle_macos import MacIdle, parse_devices
from afrender.nimby.idle_wayland import LoginIdle, MutterIdle
from afrender.nimby.idle_windows import WindowsIdle, elapsed
from afrender.nimby.idle_x11 import X11Idle
from tests.tray.display import Display
from tests.waiting import wait_for


@pytest.fixture
def display() -> Iterator[str]:
    with Display() as name:
        yield name


class Hand:
    """Moves the mouse and presses keys of a display, by its test extension."""

    def __init__(self, display: str) -> None:
        self._x11, self._test = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXtst.so.6")
        self._x11.XOpenDisplay.restype = ctypes.c_void_p
        self._display = ctypes.c_void_p(self._x11.XOpenDisplay(display.encode()))
        assert self._display.value

    def move(self, x: int, y: int) -> None:
        self._test.XTestFakeMotionEvent(self._display, -1, x, y, ctypes.c_ulong(0))
        self._x11.XSync(self._display, 0)

    def press(self, key: int = 38) -> None:
        for down in (1, 0):
            self._test.XTestFakeKeyEvent(self._display, key, down, ctypes.c_ulong(0))
        self._x11.XSync(self._display, 0)

    def close(self) -> None:
        self._x11.XCloseDisplay(self._display)


def test_input_at_a_real_display_ends_its_idleness(display):
    probe = find_idle({"DISPLAY": display}, "linux")
    assert isinstance(probe, X11Idle)
    hand = Hand(display)
    for act in (lambda: hand.move(10, 20), hand.press):
        wait_for(lambda: probe.idle() > 0.5, what="the display to be idle")
        before = time.monotonic()
        act()
        idle = probe.idle()
        assert idle < time.monotonic() - before + 0.1, "no longer than since then"
    hand.close()
    probe.close()
    with pytest.raises(NoIdle):
        probe.idle()


def test_without_a_display_nobody_tells():
    assert find_idle({}, "linux") is None
    assert find_idle({"DISPLAY": ":4711"}, "linux") is None


MUTTER = "org.gnome.Mutter.IdleMonitor"
LOGIN = "org.freedesktop.login1"


class Desktop:
    """Answers on a bus as GNOME's compositor and the system's list of sessions do."""

    def __init__(self, address: str, *names: str) -> None:
        self.idle_ms = 0
        self.hint: tuple[bool, int] = (False, 0)
        self._connection = open_dbus_connection(bus=address)
        for name in names:
            self._connection.send_and_get_reply(message_bus.RequestName(name), timeout=60)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                message = self._connection.receive()
            except (OSError, EOFError):
                return
            if message.header.message_type is not MessageType.method_call:
                continue
            member = message.header.fields[HeaderFields.member]
            if member == "GetIdletime":
                reply = new_method_return(message, "t", (self.idle_ms,))
            elif member == "Get" and message.body[1] == "IdleHint":
                reply = new_method_return(message, "v", (("b", self.hint[0]),))
            elif member == "Get":
                reply = new_method_return(message, "v", (("t", self.hint[1]),))
            else:
                self._connection.send(new_method_return(message))
                return
            self._connection.send(reply)

    def end(self, address: str) -> None:
        with open_dbus_connection(bus=address) as caller:
            name = self._connection.unique_name
            caller.send_and_get_reply(new_method_call(DBusAddress("/", name, "x.y"), "End"), timeout=60)
        self._thread.join(60)
        self._connection.close()


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    program = shutil.which("dbus-daemon")
    if program is None:
        pytest.skip("dbus-daemon is not installed")
    address = f"unix:path={tmp_path}/bus"
    read, write = os.pipe()
    words = [program, "--session", "--nofork", "--nopidfile", f"--address={address}", f"--print-address={write}"]
    with subprocess.Popen(words, pass_fds=[write]) as process:
        os.close(write)
        with os.fdopen(read) as ready:
            assert ready.readline()
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        try:
            yield address
        finally:
            process.terminate()


def test_gnome_is_asked_first_in_a_wayland_session(bus):
    desktop = Desktop(bus, MUTTER, LOGIN)
    probe = find_idle({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "linux")
    assert isinstance(probe, MutterIdle)
    desktop.idle_ms = 12_500
    assert probe.idle() == 12.5
    desktop.end(bus)
    with pytest.raises(NoIdle):
        probe.idle()
    probe.close()


def test_other_desktops_tell_the_system_since_when_they_are_idle(bus):
    desktop = Desktop(bus, LOGIN)
    probe = find_idle({"WAYLAND_DISPLAY": "wayland-0"}, "linux")
    assert isinstance(probe, LoginIdle) and probe.idle() == 0.0
    probe._wall = lambda: 1000.0
    desktop.hint = (True, 400_000_000)
    assert probe.idle() == 600.0
    probe.close()
    desktop.end(bus)


def test_a_wayland_session_where_nobody_tells(bus):
    assert find_idle({"WAYLAND_DISPLAY": "wayland-0"}, "linux") is None


def test_windows_counter_goes_round():
    assert elapsed(5000, 2000) == 3.0
    assert elapsed(1000, 0xFFFFFFFF - 999) == 2.0
    assert isinstance(find_idle({}, "win32"), WindowsIdle)
    with pytest.raises(NoIdle):
        WindowsIdle().idle()


def test_macs_list_of_devices():
    text = '  | |   "HIDIdleTime" = 2500000000\n  | |   "HIDIdleTime"=900000000\n'
    assert parse_devices(text) == 0.9
    assert MacIdle(lambda: text).idle() == 0.9
    assert isinstance(find_idle({}, "darwin"), MacIdle)
    with pytest.raises(NoIdle):
        parse_devices("+-o Root")
