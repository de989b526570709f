"""The demo's job: a simulation, frames that follow it frame by frame, and a movie of them all."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import afnet.api as af

__all__ = ["Production", "build_job", "submit"]


@dataclass(frozen=True)
class Production:
    """What to make, and where its files lie."""

    frames: int
    size: str
    """``WIDTHxHEIGHT``."""
    samples: int
    cache: Path
    """Folder for the simulation's files; thrown away."""
    output: Path
    """Folder for frames and movie; kept."""
    code: Path
    """Folder in which ``afrender`` lies, for the tasks' ``PYTHONPATH``."""

    @property
    def pictures(self) -> str:
        """Pattern of the frames' files."""
        return str(self.output / "frames" / "frame.####.png")

    @property
    def movie(self) -> Path:
        """Where the movie is asked to be; without WebP in Pillow it becomes a ``.gif`` beside it."""
        return self.output / "movie.webp"

    @property
    def failing(self) -> int:
        """The frame that fails the first time it is tried."""
        return max(1, min(self.frames, self.frames // 3 + 1))


def _command(module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", f"afrender.demo.{module}", *words]


def build_job(made: Production) -> af.Job:
    """Put the job together; nothing is sent."""
    whole = f"1-{made.frames}"
    simulation = af.Block("simulation", "generic")
    simulation.setNumeric(1, made.frames, made.frames)
    simulation.setCommand(_command("simulate", "--frames", "@#@-@#@", "--cache", str(made.cache)))
    simulation.setDependSubTask()

    frames = af.Block("frames", "generic")
    frames.setNumeric(1, made.frames)
    words = ["--cache", str(made.cache), "--frames", "@#@-@#@", "--whole", whole, "--out", made.pictures]
    words += ["--size", made.size, "--samples", str(made.samples), "--fail-once", str(made.failing)]
    frames.setCommand(_command("trace", *words))
    # glibc gives every large array back to the system and asks for it again, which costs a quarter of the time.
    for name in ("MMAP_THRESHOLD_", "TRIM_THRESHOLD_", "TOP_PAD_"):
        frames.setEnv(f"MALLOC_{name}", str(64 * 1024 * 1024))
    frames.setTasksDependMask("simulation")
    frames.setFiles([made.pictures.replace("####", "@####@")])

    movie = af.Block("movie", "generic")
    movie.setNumeric(1, made.frames, made.frames)
    words = ["--frames", made.pictures, "--range", whole, "--size", made.size, "--out", str(made.movie), "--also-mp4"]
    movie.setCommand(_command("assemble", *words))
    movie.setDependMask("frames")
    movie.setFiles([str(made.movie)])

    job = af.Job("demo")
    for block in (simulation, frames, movie):
        block.setWorkingDirectory(str(made.output))
        block.setEnv("PYTHONPATH", str(made.code))
        job.blocks.append(block)
    job.setDescription("Balls fall on a big one: simulated, ray traced and assembled by the farm.")
    return job


def submit(job: af.Job, address: str) -> int:
    """Send a job to the server at `address` and return its id, when the farm keeps it for good.

    Raises:
        AfError: the farm refused it or could not be asked.
    """
    _, answer = job.send(server=address)
    return int(answer["id"])
