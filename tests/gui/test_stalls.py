"""The recorder tells who holds the window, and of nothing else."""

from __future__ import annotations

import time
from typing import Any

import pytest
from PySide6.QtCore import QEventLoop, QTimer

from tests.stalls import StallRecorder


def _compute(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))


def _turn(loop_ms: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(loop_ms, loop.quit)
    loop.exec()


def test_a_slot_that_computes_is_told_with_its_stack(application: Any) -> None:
    with StallRecorder(0.1) as recorder:
        QTimer.singleShot(5, lambda: _compute(0.4))
        _turn(30)
    assert recorder.worst >= 0.4
    assert "_compute" in recorder.stack
    with pytest.raises(AssertionError, match="the window was held for"):
        recorder.check()


def test_sleep_and_the_tests_own_work_are_no_stall(application: Any) -> None:
    with StallRecorder(0.1) as recorder:
        _turn(200)
        _compute(0.2)
        recorder.lap()
        _turn(10)
    recorder.check()
