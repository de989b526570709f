"""The window offscreen: one application for the session, Qt's own warnings fail, events are spun with a deadline."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import pytest
from PySide6.QtCore import QEvent, QEventLoop, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from afcore.states import Role
from afnet.client.servers import Address
from afwatch.app import Watch, make_application
from tests.e2e.processes import FarmProcess
from tests.stalls import StallRecorder

_QUIET = (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg)
# The offscreen platform says so of every window; no other does.
_PLATFORM = ("This plugin does not support propagateSizeHints()", "This plugin does not support raise()",
             "This plugin does not support grabbing the keyboard")  # fmt: skip


@pytest.fixture(scope="session")
def application() -> QApplication:
    """Return the one application."""
    return make_application()


@pytest.fixture(autouse=True)
def qt_says_nothing(application: QApplication) -> Iterator[None]:
    """Fail a test during which Qt warns."""
    said: list[str] = []

    def heard(kind: QtMsgType, context: Any, text: str) -> None:
        if kind not in _QUIET and text not in _PLATFORM:
            said.append(text)

    before = qInstallMessageHandler(heard)
    try:
        yield
        for window in application.topLevelWidgets():
            window.close()
            window.deleteLater()
        application.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        application.processEvents()
    finally:
        qInstallMessageHandler(before)
    assert said == []


@pytest.fixture(autouse=True)
def slots_raise_nothing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test during which a slot raised: Qt goes on, and a person sees half a view."""
    raised: list[str] = []
    monkeypatch.setattr(sys, "excepthook", lambda *told: raised.append("".join(traceback.format_exception(*told))))
    yield
    assert raised == [], "\n".join(raised)


Spin = Callable[..., None]


_HELD_S = 1.0
"""Seconds of processor time after which a test's window counts as held, on however slow a machine."""


@pytest.fixture
def stalls(application: QApplication) -> Iterator[StallRecorder]:
    """Fail a test in which the window's thread is held between two looks at its events."""
    with StallRecorder(_HELD_S) as recorder:
        yield recorder
    recorder.check()


@pytest.fixture
def spin(application: QApplication, stalls: StallRecorder) -> Spin:
    """Return a function that lets Qt work until a condition holds; what holds its thread too long fails the test."""

    def until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        pause = threading.Event()
        while not condition():
            stalls.lap()
            assert time.monotonic() < end, f"waited {seconds:g} s for {what}"
            application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
            stalls.turn()
            pause.wait(0.002)

    return until


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[FarmProcess]:
    """Return a farm that is not started."""
    made = FarmProcess(tmp_path / "farm")
    yield made
    made.close()


@pytest.fixture
def watch(farm: FarmProcess, application: QApplication, tmp_path: Path) -> Iterator[Watch]:
    """Return a monitor of the farm, shown and looking for it."""
    made = Watch(
        [Address("127.0.0.1", farm.port)],
        user="jo",
        mode=Role.USER,
        settings_file=tmp_path / "watch.json",
        scheme="dark",
    )
    made.window.resize(1400, 900)
    made.start()
    yield made
    made.window.close()
    made.close()


@pytest.fixture
def alone(application: QApplication, tmp_path: Path) -> Iterator[Watch]:
    """Return a monitor without a farm: it is told of one."""
    made = Watch([], user="jo", mode=Role.GOD, settings_file=tmp_path / "watch.json", scheme="dark")
    made.window.resize(1400, 860)
    made.window.show()
    yield made
    made.leave()
    made.close()
