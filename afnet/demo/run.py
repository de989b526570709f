"""One demo from beginning to end: farm up, job in, progress shown, movie checked, everything taken down again.

Rules of this file:
- Whatever happens, by error or by Ctrl-C, the farm's processes are ended and its folder is removed.
- The person is told in sentences; a traceback is a bug of the demo.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live

from afnet.demo.farm import DemoError, Farm
from afnet.demo.follow import Follower
from afnet.demo.production import Production, build_job, submit
from afnet.demo.progress import JobProgress
from afnet.demo.view import clock_text, describe_retries, draw, plain_line

__all__ = ["AGENTS", "Options", "open_monitor_if_display", "run_demo"]

AGENTS = ("demo-a", "demo-b")
CODE = Path(__file__).resolve().parents[2]
PLAIN_SECONDS = 3.0
DRAW_SECONDS = 0.2
MOST_WIDTH = 110


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    frames: int = 48
    size: str = "512x288"
    samples: int = 8
    output: Path | None = None
    """Folder for the results; a new one under ``demo-output`` by default."""
    keep: bool = False
    """Keep the farm's folder with logs and database."""
    timeout: float = 600.0
    """Seconds after which the demo gives up."""


def open_monitor_if_display(farm: Farm, environment: Mapping[str, str]) -> bool:
    """Open the farm's monitor beside the terminal where a person has a display; return whether it was started.

    It is the farm's child, so it ends with it however the demo ends; a person who closes it before is left alone.
    """
    has_display = sys.platform in ("win32", "darwin") or any(
        environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if not has_display or environment.get("CI") or environment.get("AF_DEMO_MONITOR") == "0":
        return False
    farm.start_monitor()
    return True


def _remove_if_empty(folder: Path) -> None:
    """Leave no empty folder of results behind."""
    with suppress(OSError):
        folder.rmdir()


def _output_folder(wanted: Path | None) -> Path:
    """Make the folder of this demo's results."""
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        if any(wanted.iterdir()):
            raise DemoError(f"The folder {wanted} is not empty; name a new one by --output.")
        return wanted.resolve()
    home = CODE if (CODE / "pyproject.toml").exists() else Path.cwd()
    stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
    for number in range(1, 1000):
        folder = home / "demo-output" / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise DemoError(f"There is no free name for a folder like {stamp} in {home / 'demo-output'}; give one by --output.")


class _Shown:
    """Puts the progress before the person: a live display on a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._live: Live | None = None
        self._next_line = 0.0
        self._told: set[str] = set()
        self._text = ""

    def __enter__(self) -> _Shown:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=False)
            self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.__exit__(None, None, None)

    def show(self, progress: JobProgress, *, last: bool = False) -> None:
        """Show what is known now."""
        now = time.monotonic()
        if self._live is not None:
            width = min(MOST_WIDTH, self._console.width)
            self._live.update(draw(progress, now, title=self._title, width=width), refresh=True)
            return
        fresh = [sentence for sentence in describe_retries(progress) if sentence not in self._told]
        self._told.update(fresh)
        for sentence in fresh:
            self._console.print(f"  ! {sentence}", markup=False, soft_wrap=True)
        if progress.blocks and (now >= self._next_line or last):
            self._next_line = now + PLAIN_SECONDS
            self._console.print(plain_line(progress, now), markup=False, soft_wrap=True)


async def _watch(farm: Farm, follower: Follower, shown: _Shown, timeout: float) -> JobProgress:
    """Show the job until it is over.

    Raises:
        DemoError: it failed, the farm broke, or it took too long.
    """
    progress = follower.progress
    async with follower:
        deadline = time.monotonic() + timeout
        next_drawing = 0.0
        while not progress.is_done:
            farm.check()
            if progress.gone:
                raise DemoError("The job is gone from the farm before it was done.")
            if progress.failed and not progress.running:
                block, task = progress.failed[0]
                name = progress.blocks[block].name
                log = await follower.log(block, task)
                raise DemoError(f"Task {task} of block {name} failed for good. The end of its log:\n{log}")
            if time.monotonic() > deadline:
                state = plain_line(progress, time.monotonic())
                raise DemoError(f"The job was not done within {timeout:.0f} s: {state}")
            # Drawing costs more than hearing: what comes in between is drawn together.
            await follower.changed(DRAW_SECONDS)
            if time.monotonic() >= next_drawing:
                shown.show(progress)
                next_drawing = time.monotonic() + DRAW_SECONDS
        shown.show(progress, last=True)
    return progress


def _check_movie(made: Production) -> Path:
    """Find the movie that the job should have left."""
    for path in (made.movie, made.movie.with_suffix(".gif")):
        if path.is_file() and path.stat().st_size:
            return path
    raise DemoError(f"The job is done, but there is no movie at {made.movie}.")


def _write_report(made: Production, movie: Path, progress: JobProgress, seconds: float) -> None:
    """Leave the figures beside the movie, for scripts and tests."""
    data = {
        "movie": str(movie),
        "frames": made.frames,
        "size": made.size,
        "seconds": round(seconds, 2),
        "display_cpu_seconds": round(time.process_time(), 2),
        "renders": sorted(progress.renders),
        "blocks": {
            block.name: {"starts": block.starts.tolist(), "errors": list(block.errors)} for block in progress.blocks
        },
        "retried": [
            {"block": progress.blocks[retry.block].name, "task": retry.task, "renders": retry.renders}
            for retry in progress.retries
        ],
    }
    (made.output / "report.json").write_text(json.dumps(data, indent=1) + "\n", "utf-8")


def _tell_result(console: Console, made: Production, movie: Path, progress: JobProgress, seconds: float) -> None:
    for sentence in describe_retries(progress):
        console.print(f"On purpose, to show a retry: {sentence}", markup=False, soft_wrap=True)
    also = movie.with_suffix(".mp4")
    console.print(f"{made.frames} frames in {clock_text(seconds)} on {' and '.join(sorted(progress.renders))}.")
    console.print(f"The movie: {movie}", markup=False, soft_wrap=True)
    if also.is_file():
        console.print(f"     also: {also}", markup=False, soft_wrap=True)


def _end_like_ctrl_c() -> Callable[[], None]:
    """Let SIGTERM and SIGHUP take the same way out as Ctrl-C; returns what undoes it."""
    kinds = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [signal.signal(kind, lambda *_: signal.raise_signal(signal.SIGINT)) for kind in kinds]

    def undo() -> None:
        for kind, old in zip(kinds, before, strict=True):
            signal.signal(kind, old)

    return undo


def run_demo(options: Options, console: Console) -> Path:
    """Run the whole demo and return the movie's path.

    Raises:
        DemoError: something went wrong; its text is for the person.
        KeyboardInterrupt: the person, or the system, ended it; everything is cleaned up already.
    """
    began = time.monotonic()
    output = _output_folder(options.output)
    with ExitStack() as stack:
        stack.callback(_remove_if_empty, output)
        stack.callback(_end_like_ctrl_c())
        folder = Path(tempfile.mkdtemp(prefix="afwatch-demo-"))
        if options.keep:
            stack.callback(lambda: console.print(f"The farm's folder is kept: {folder}", soft_wrap=True))
        else:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        farm = stack.enter_context(Farm(folder, CODE))
        console.print("Starting a server and two agents …")
        farm.start_server()
        for name in AGENTS:
            farm.start_agent(name)
        console.print(f"The farm is up on {farm.address} with {' and '.join(AGENTS)}.", highlight=False)
        open_monitor_if_display(farm, os.environ)
        cache = folder / "cache"
        made = Production(options.frames, options.size, options.samples, cache, output, CODE)
        job = submit(build_job(made), farm.address)
        progress = JobProgress(started=time.monotonic())
        title = f"Afwatch demo: job {job} on {farm.address}"
        with _Shown(console, title) as shown:
            asyncio.run(_watch(farm, Follower(farm.address, job, progress), shown, options.timeout))
        movie = _check_movie(made)
        seconds = time.monotonic() - began
        _write_report(made, movie, progress, seconds)
        _tell_result(console, made, movie, progress, seconds)
    return movie
