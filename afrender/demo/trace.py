"""Render frames of the demo's animation to PNG files.

Run as ``python -m afrender.demo.trace --cache DIR --frames A-B --out DIR/frame.####.png --size 512x288 --samples 8``.
Prints ``FRAME: n`` as each frame begins, ``PROGRESS: n%`` within it and ``ACTIVITY: …``, as the generic parser reads.
"""

from __future__ import annotations

import os

# Agents share the machine in the demo: one thread per process is faster and fairer. numpy reads this when imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from afrender.demo.frames import DemoError, fail, frame_path, parse_frames, parse_size, say, write_atomic
from afrender.demo.scene import build_scene
from afrender.demo.simulate import cache_path, load_state
from afrender.demo.tracer import develop, render

__all__ = ["fail_once", "main", "render_frame"]


def render_frame(cache: Path, frame: int, whole: range, size: tuple[int, int], samples: int) -> Image.Image:
    """Render one frame of the animation `whole` from its cache file, printing the progress.

    Raises:
        DemoError: the cache file is missing or broken.
    """
    world = load_state(cache_path(cache, frame))
    moment = (frame - whole.start) / max(1, len(whole) - 1)
    told = -1

    def tell(share: float) -> None:
        nonlocal told
        percent = int(100 * share)
        if percent >= told + 4 or (percent == 100 and told < 100):
            told = percent
            say(f"PROGRESS: {percent}%")

    width, height = size
    picture = render(build_scene(world, moment), width, height, samples=samples, seed=frame, progress=tell)
    return _to_image(picture, frame)


def _to_image(picture: np.ndarray[tuple[int, ...], np.dtype[np.float32]], seed: int) -> Image.Image:
    """Develop, darken the corners a little, and hide the steps of eight bits under noise of one step."""
    height, width = picture.shape[:2]
    tall = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    wide = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    corner = 1 - 0.16 * np.clip(tall * tall + wide * wide - 0.35, 0, None)
    values = develop(picture) * corner[..., None] * 255
    noise = np.random.default_rng(seed).random((height, width, 1), dtype=np.float32)
    return Image.fromarray(np.clip(values + noise, 0, 255).astype(np.uint8), "RGB")


def fail_once(marker: Path) -> bool:
    """True for the first caller only, across processes and machines: whoever creates the marker file."""
    marker.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except FileExistsError:
        return False
    return True


def main(argv: Sequence[str] | None = None) -> int:
    """Render from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="afrender.demo.trace", description="Ray trace frames of the demo.")
    parser.add_argument("--cache", required=True, help="folder with the simulation's files")
    parser.add_argument("--frames", required=True, help="first-last, or one frame")
    parser.add_argument("--whole", default="1-48", help="frames of the whole animation, for the camera's path")
    parser.add_argument("--out", required=True, help="path of the pictures, #### stands for the frame")
    parser.add_argument("--size", default="512x288", help="WIDTHxHEIGHT")
    parser.add_argument("--samples", type=int, default=8, help="rays in each pixel at an edge")
    parser.add_argument("--fail-once", type=int, metavar="FRAME", help="fail at this frame the first time it is tried")
    options = parser.parse_args(argv)
    try:
        frames, whole, size = parse_frames(options.frames), parse_frames(options.whole), parse_size(options.size)
        for frame in frames:
            path = frame_path(options.out, frame)
            say(f"FRAME: {frame}")
            say(f"ACTIVITY: tracing frame {frame}")
            image = render_frame(Path(options.cache), frame, whole, size, max(1, options.samples))
            if frame == options.fail_once and fail_once(path.parent / ".failed-once"):
                raise DemoError(f"failing once on purpose (frame {frame}); the farm will try it again")
            write_atomic(path, lambda stream, image=image: image.save(stream, "PNG"))  # type: ignore[misc]
            say(f"ACTIVITY: wrote {path.name}")
    except (DemoError, OSError) as error:
        return fail(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
