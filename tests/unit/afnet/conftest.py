"""Slices of work end where a test says so, and not because the machine did something else for a moment."""

from __future__ import annotations

import time

import pytest


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock that slices are measured with stand still; a test that wants them to end has its own."""
    monkeypatch.setattr(time, "perf_counter", lambda: 1000.0)
