"""The command line of the monitor: mistakes are sentences, and without a display it says what to do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from afwatch.main import _link, main


def test_a_bad_server_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--server", "here:many"]) == 2
    said = capsys.readouterr().err
    assert "here:many" in said and "HOST:PORT" in said


def test_a_link_names_the_job_and_its_server() -> None:
    given = ["afwatch://farm01:51000/job/12", "--god"]
    assert (_link(given), given) == (12, ["--server", "farm01:51000", "--god"])
    given = ["afwatch://farm01:51000/job/12", "--server", "other"]
    assert (_link(given), given) == (12, ["--server", "other"])
    given = ["afwatch://farm01/task/12"]
    assert (_link(given), len(given)) == (0, 1)


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
