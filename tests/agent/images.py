"""Images for tests, written as renderers write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio

__all__ = ["paint", "write_image"]


def paint(width: int = 96, height: int = 54, *, seed: int = 1) -> np.ndarray:
    """Return an image: a red-to-green ramp with a little noise, so that no two seeds are alike."""
    ramp = np.linspace(0, 1, width, dtype=np.float32)
    image = np.zeros((height, width, 3), np.float32)
    image[..., 0], image[..., 1] = ramp, 1 - ramp
    return image + np.random.default_rng(seed).random(image.shape, dtype=np.float32) * 0.05


def write_image(path: Path, image: np.ndarray | None = None, *, kind: str = "", window: tuple[int, ...] = ()) -> Path:
    """Write an image; ``kind``: of its values, ``window``: x, y, full width and full height of a crop."""
    pixels = paint() if image is None else image
    kinds = {".exr": "half", ".hdr": "float", ".dpx": "uint16", ".tif": "uint16", ".cin": "uint10"}
    spec = oiio.ImageSpec(
        pixels.shape[1], pixels.shape[0], pixels.shape[2], kind or kinds.get(path.suffix, "uint8")
    )
    if window:
        spec.x, spec.y, spec.full_width, spec.full_height = window
    output = oiio.ImageOutput.create(str(path))
    assert output is not None, oiio.geterror()
    assert output.open(str(path), spec) and output.write_image(pixels), output.geterror()
    assert output.close()
    return path
