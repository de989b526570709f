"""The demo as a person runs it, only smaller: it makes a movie, shows the retry, works again, and leaves nothing."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from tests.tray.display import Display
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 5
SMALL = ["--size", "64x36", "--samples", "1", "--timeout", "120"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The person's environment, with a folder of its own for temporary files, so that what is left can be seen."""
    (tmp_path / "tmp").mkdir()
    return dict(os.environ, TMPDIR=str(tmp_path / "tmp"), PYTHONPATH=str(ROOT), TERM="xterm-256color", COLUMNS="100")


@pytest.fixture
def busy_default_port() -> Iterator[None]:
    """Another farm runs on this machine."""
    with closing(socket.socket()) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", 51000))
            listener.listen()
        except OSError:
            pass  # somebody else's farm is there already, which is as good
        yield


def _command(output: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "afnet.demo", "--output", str(output), *words]


def _living(tmp_path: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Processes that have anything to do with the folder, each with its words."""
    for process in psutil.process_iter():
        try:
            words = " ".join([process.cwd(), *process.cmdline()])
            if str(tmp_path) in words and process.status() != psutil.STATUS_ZOMBIE:
                yield process, words
        except psutil.Error:
            continue


def _left(tmp_path: Path) -> list[str]:
    """The words of the processes that have anything to do with the folder."""
    return [words for _, words in _living(tmp_path)]


def _end_what_is_left(tmp_path: Path) -> None:
    """End the farm of a demo that did not, whose test has failed: nobody else would."""
    for process, _ in _living(tmp_path):
        with suppress(psutil.Error):
            process.kill()


def _check_result(output: Path, frames: int) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((output / "report.json").read_text())
    movie = Path(report["movie"])
    assert movie.parent == output
    with Image.open(movie) as picture:
        assert getattr(picture, "n_frames", 1) == frames
        assert picture.size == (64, 36)
    starts = report["blocks"]["frames"]["starts"]
    failing = frames // 3
    assert starts == [2 if task == failing else 1 for task in range(frames)]
    assert report["blocks"]["simulation"]["starts"] == [1]
    assert report["blocks"]["movie"]["starts"] == [1]
    assert [(each["block"], each["task"]) for each in report["retried"]] == [("frames", failing)]
    return report


@pytest.mark.usefixtures("busy_default_port")
def test_the_demo_makes_a_movie_twice_and_leaves_nothing(tmp_path: Path, environment: dict[str, str]) -> None:
    for name in ("first", "second"):
        output = tmp_path / name
        done = subprocess.run(
            _command(output, "--frames", str(FRAMES), *SMALL),
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        report = _check_result(output, FRAMES)
        assert str(report["movie"]) in done.stdout
        assert re.search(r"On purpose, to show a retry: frames 2 failed .*was rendered again", done.stdout)
        assert "Traceback" not in done.stdout + done.stderr
        assert "\x1b[" not in done.stdout, "no terminal, no escape codes"
        assert list((tmp_path / "tmp").iterdir()) == []
        assert _left(tmp_path) == []


def test_on_a_terminal_bars_and_cells_are_drawn(tmp_path: Path, environment: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    with closing(os.fdopen(ours, "rb", buffering=0)) as terminal:
        process = subprocess.Popen(
            _command(tmp_path / "out", "--frames", str(FRAMES), *SMALL),
            env=environment, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        shown = bytearray()
        while True:
            ready, _, _ = select.select([terminal], [], [], 120)
            assert ready, f"the terminal fell silent: {shown[-2000:]!r}"
            try:
                data = os.read(terminal.fileno(), 65536)
            except OSError:
                break  # how a terminal says that the other side is closed
            if not data:
                break
            shown += data
        assert process.wait(60) == 0, shown[-2000:].decode("utf-8", "replace")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode("utf-8", "replace"))
    for word in ("Afwatch demo: job", "simulation", f"{FRAMES}/{FRAMES}", "demo-a", "frames 2 failed", "The movie: "):
        assert word in text
    assert re.search(r"frame \d+ \d+%", text), "which render runs which frame is shown"
    _check_result(tmp_path / "out", FRAMES)


@contextmanager
def _in_the_middle(tmp_path: Path, environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Yield a demo that would go on for long, with the lines that it prints; see that it leaves nothing."""
    process = subprocess.Popen(
        _command(tmp_path / "out", "--frames", "200", *SMALL),
        env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    lines: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lambda stream: lines.extend(stream), args=(process.stdout,))
    reader.start()
    try:
        yield process, lines
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
            _end_what_is_left(tmp_path)
        reader.join()
        process.stdout.close()
    assert "Stopped." in lines[-1]
    assert "Traceback" not in "".join(lines)
    assert _left(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_ended_in_the_middle_it_cleans_up(tmp_path: Path, environment: dict[str, str], kind: signal.Signals) -> None:
    with _in_the_middle(tmp_path, environment) as (process, lines):
        wait_for(lambda: list((tmp_path / "out").glob("frames/*.png")), what="the first frame", seconds=60)
        process.send_signal(kind)
        assert process.wait(60) == 130, "".join(lines)


def test_where_there_is_a_display_the_monitor_opens_and_goes_with_the_farm(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed")
    for name in ("CI", "AF_DEMO_MONITOR", "WAYLAND_DISPLAY"):
        environment.pop(name, None)
    with Display() as display:
        environment.update(DISPLAY=display, QT_QPA_PLATFORM="xcb")
        with _in_the_middle(tmp_path, environment) as (process, lines):

            def window() -> str:
                assert process.poll() is None, "".join(lines)
                words = ["xdotool", "search", "--onlyvisible", "--name", "^Afwatch$"]
                return subprocess.run(words, env=environment, capture_output=True, text=True, check=False).stdout

            wait_for(window, what="the monitor's window", seconds=120)
            told = next(match for match in map(re.compile(r"up on (\S+) with").search, lines) if match)
            monitors = [words for words in _left(tmp_path) if "afwatch.main" in words]
            assert len(monitors) == 1 and monitors[0].endswith(f"--server {told[1]}")
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130, "".join(lines)


def test_wrong_options_are_told(tmp_path: Path, environment: dict[str, str]) -> None:
    for words, sentence in ((["--frames", "0"], "no number of frames"), (["--size", "x"], "no picture size")):
        done = subprocess.run(
            _command(tmp_path / "out", *words), env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert sentence in done.stderr
    assert not (tmp_path / "out").exists()
