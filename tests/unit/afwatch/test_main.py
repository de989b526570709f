"""The command line of the monitor: mistakes are sentences, and without a display it says what to do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from afwatch.main import main


def test_a_bad_server_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--server", "here:many"]) == 2
    said = capsys.readouterr().err
    assert "here:many" in said and "HOST:PORT" in said


def test_a_window_that_opens_loads_no_library_of_plots() -> None:
    words = "import sys, afwatch.app; sys.exit('pyqtgraph' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", words], env=dict(os.environ, QT_QPA_PLATFORM="offscreen"), check=False)
    assert told.returncode == 0


def test_without_a_display_it_says_what_else_there_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert main(["--server", "127.0.0.1:9"]) == 2
    assert "no display" in capsys.readouterr().err
