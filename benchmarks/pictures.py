"""Thumbnails a second through the agent's helper: whole images of 2048 × 1152, read to the end, as JPEG.

The targets are thumbnails a second of the helper's processor time: it gives way to everything else on the machine. The
first one pays for the helper's start, which then serves all that come within a minute.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import psutil

from afcore.ids import RunKey
from afrender.pictures import Pictures, PictureSettings
from benchmarks.harness import CheckFailed, Target

NAME = "thumbnails"
TARGETS = (
    Target("exr_per_cpu_second", least=4.0),
    Target("dpx_per_cpu_second", least=10.0),
    Target("png_per_cpu_second", least=5.0),
    Target("jpg_per_cpu_second", least=7.0),
)
WIDTH, HEIGHT = 2048, 1152
COUNT = 12
KINDS = {"exr": "half", "dpx": "uint16", "png": "uint8", "jpg": "uint8"}


def _image() -> np.ndarray:
    """Return an image with forms and some noise, as rendered ones have."""
    x, y = np.meshgrid(np.linspace(0, 9, WIDTH, dtype=np.float32), np.linspace(0, 5, HEIGHT, dtype=np.float32))
    waves = np.stack([np.sin(x) * np.cos(y), np.cos(x * y), np.sin(x + y)], axis=-1) * 0.5 + 0.5
    return waves + np.random.default_rng(1).random(waves.shape, dtype=np.float32) * 0.02


def _write(path: Path, image: np.ndarray) -> str:
    spec = oiio.ImageSpec(WIDTH, HEIGHT, 3, KINDS[path.suffix[1:]])
    output = oiio.ImageOutput.create(str(path))
    if not (output.open(str(path), spec) and output.write_image(image) and output.close()):
        raise CheckFailed(f"{path}: {output.geterror()}")
    return str(path)


async def _made(files: list[str]) -> tuple[float, float, float]:
    """Make a thumbnail of each file; return how many a second, and milliseconds of processor time for each.

    The start of the helper does not count; its processor time and that of the first one are returned last.
    """
    made: list[bytes] = []
    pictures = Pictures(PictureSettings(), lambda key, name, data: made.append(data))
    pictures.make(RunKey(2, 0, 0, 1), files[:1])
    await pictures.settle()
    watched = [psutil.Process(helper.pid) for helper in pictures.helpers]
    used = sum(sum(one.cpu_times()[:2]) for one in watched)
    first, began = used * 1e3, time.perf_counter()
    for task, file in enumerate(files):
        pictures.make(RunKey(2, 0, task, 2), [file])
    await pictures.settle()
    seconds = time.perf_counter() - began
    used = sum(sum(one.cpu_times()[:2]) for one in watched) - used
    await pictures.close()
    if len(made) != len(files) + 1 or not all(made):
        raise CheckFailed(f"{len(made)} of {len(files) + 1} thumbnails were made")
    return len(files) / seconds, used * 1e3 / len(files), first


def run(folder: Path) -> dict[str, float]:
    """Measure once."""
    image = _image()
    result = {}
    for kind in KINDS:
        file = _write(folder / f"a.{kind}", image)
        per_second, cpu_ms, first = asyncio.run(_made([file] * COUNT))
        result[f"{kind}_per_second"], result[f"{kind}_per_cpu_second"] = per_second, 1e3 / cpu_ms
        result["helper_start_and_first_cpu_ms"] = first
    return result
