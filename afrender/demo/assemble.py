"""Check the rendered frames and join them into a movie.

Run as ``python -m afrender.demo.assemble --frames DIR/frame.####.png --range 1-48 --out movie.webp``. Every frame must
be there, of one size, and neither black nor empty. The ending of ``--out`` chooses the form: ``.webp`` (falls back to
``.gif`` where Pillow was built without it), ``.gif``, or ``.mp4`` (needs ffmpeg). With ``--also-mp4`` an mp4 is put
beside the movie where ffmpeg is installed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, features

from afrender.demo.frames import DemoError, fail, frame_path, parse_frames, parse_size, say, write_atomic

__all__ = ["check_frames", "main", "write_movie"]

DARKEST = 4.0  # mean brightness, of 255, below which a frame counts as black
FLATTEST = 1.0  # standard deviation, of 255, below which a frame shows nothing


def check_frames(paths: Sequence[Path], size: tuple[int, int] | None = None) -> list[Image.Image]:
    """Load all frames and verify them; every problem is told, not only the first.

    Raises:
        DemoError: a frame is missing, unreadable, of another size, black or without any picture.
    """
    pictures: list[Image.Image] = []
    problems: list[str] = []
    for path in paths:
        say(f"FRAME: {len(pictures) + len(problems) + 1}")
        try:
            with Image.open(path) as opened:
                picture = opened.convert("RGB")
        except FileNotFoundError:
            problems.append(f"{path.name} is missing")
            continue
        except OSError as error:
            problems.append(f"{path.name} can not be read ({error})")
            continue
        size = size or picture.size
        values = np.asarray(picture, dtype=np.float32)
        if picture.size != size:
            problems.append(f"{path.name} is {picture.size[0]}x{picture.size[1]} instead of {size[0]}x{size[1]}")
        elif values.mean() < DARKEST:
            problems.append(f"{path.name} is black")
        elif values.std() < FLATTEST:
            problems.append(f"{path.name} shows one even colour")
        else:
            pictures.append(picture)
    if problems:
        told = "; ".join(problems[:10]) + (f"; and {len(problems) - 10} more" if len(problems) > 10 else "")
        raise DemoError(f"No movie was made, because {told}. Render these frames again.")
    return pictures


def write_movie(pictures: Sequence[Image.Image], out: Path, rate: int, sources: Sequence[Path]) -> Path:
    """Write the movie in the form its ending names, and return where it lies (a missing WebP becomes a GIF).

    `rate` is frames a second; `sources` are the files of the pictures, for ffmpeg.

    Raises:
        DemoError: the ending is not known, or ffmpeg is missing or failed.
    """
    kind = out.suffix.lower()
    if kind == ".mp4":
        return _write_mp4(out, rate, sources)
    if kind == ".webp" and not features.check("webp"):
        say("ACTIVITY: this Pillow has no WebP, writing a GIF")
        out, kind = out.with_suffix(".gif"), ".gif"
    first, rest = pictures[0], list(pictures[1:])
    duration = round(1000 / rate)
    if kind == ".webp":
        write_atomic(
            out,
            lambda stream: first.save(
                stream, "WEBP", save_all=True, append_images=rest, duration=duration, loop=0, quality=88, method=2
            ),
        )
    elif kind == ".gif":
        write_atomic(
            out,
            lambda stream: first.save(stream, "GIF", save_all=True, append_images=rest, duration=duration, loop=0),
        )
    else:
        raise DemoError(f"{out.name} has an unknown ending; write .webp, .gif or .mp4.")
    return out


def _write_mp4(out: Path, rate: int, sources: Sequence[Path]) -> Path:
    tool = shutil.which("ffmpeg")
    if tool is None:
        raise DemoError("An mp4 needs ffmpeg, which is not installed; install it or write a .webp.")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.stem}.part.mp4")
    # Pictures go in through the pipe in the order of `sources`, whatever their numbers.
    command = [tool, "-hide_banner", "-loglevel", "error", "-y"]
    command += ["-f", "image2pipe", "-framerate", str(rate), "-c:v", "png", "-i", "-"]
    command += ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "17"]
    command += ["-movflags", "+faststart", str(part)]
    data = b"".join(path.read_bytes() for path in sources)
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    if done.returncode != 0:
        part.unlink(missing_ok=True)
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no message"]
        raise DemoError(f"ffmpeg ended with code {done.returncode}: {last[0]}.")
    part.replace(out)
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Assemble from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="afrender.demo.assemble", description="Check frames and join them.")
    parser.add_argument("--frames", required=True, help="path of the pictures, #### stands for the frame")
    parser.add_argument("--range", default="1-48", help="first-last")
    parser.add_argument("--size", help="WIDTHxHEIGHT every frame must have; otherwise the first one's")
    parser.add_argument("--out", required=True, help="movie to write: .webp, .gif or .mp4")
    parser.add_argument("--rate", type=int, default=24, help="frames a second")
    parser.add_argument("--also-mp4", action="store_true", help="put an mp4 beside it where ffmpeg is installed")
    options = parser.parse_args(argv)
    try:
        paths = [frame_path(options.frames, frame) for frame in parse_frames(options.range)]
        say(f"ACTIVITY: checking {len(paths)} frames")
        pictures = check_frames(paths, parse_size(options.size) if options.size else None)
        say("ACTIVITY: writing the movie")
        rate = min(50, max(1, options.rate))
        movie = write_movie(pictures, Path(options.out), rate, paths)
        say(f"ACTIVITY: wrote {movie.name}, {len(pictures)} frames, {movie.stat().st_size} bytes")
        if options.also_mp4 and movie.suffix != ".mp4" and shutil.which("ffmpeg"):
            _write_mp4(movie.with_suffix(".mp4"), rate, paths)
        say("PROGRESS: 100%")
    except (DemoError, OSError) as error:
        return fail(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
