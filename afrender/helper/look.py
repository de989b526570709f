"""Looks at one image file: is it whole, is there anything in it, and a small picture of it.

Rules of this file:
- a file is read in stripes and summed up into the cells of the small picture, so memory is bounded whatever the header
  says; what a header claims is believed only within ``PIXELS_MOST``;
- OpenImageIO and numpy are imported late: only a helper process ever calls this, the reader of a broken file may crash.

Tone: linear values (EXR, HDR and other floats) are shown by the curve of sRGB, logarithmic film scans (DPX, Cineon) by
the usual one of 10-bit printing densities (white at 685, black at 95, gamma 0.6), all else as it is.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

__all__ = ["PIXELS_MOST", "Look", "NotAnImage", "TooLarge", "look_at"]

PIXELS_MOST = 1 << 28
"""Pixels of the largest image that is read: 16,384 × 16,384."""

SIDE_MOST = 1 << 17
"""Pixels of the longest side."""

STRIPE = 1 << 22
"""Values that are read at a time."""

BLACK = 0.002
"""Values up to this are black: less than one step of 8 bits."""

QUALITY = 80
"""Of JPEG."""


class NotAnImage(Exception):
    """The file cannot be read to its end as an image; says why."""


class TooLarge(Exception):
    """The image is, or says it is, larger than what is looked at; it may be good."""


class Look(NamedTuple):
    """What an image file holds. ``fingerprint`` is the same for images with the same pixels, in the same box."""

    width: int
    height: int
    black: bool
    not_numbers: int
    """Pixels' values that are no numbers, or infinite."""
    fingerprint: str
    picture: bytes
    """A JPEG, empty when none was asked for."""


def look_at(path: str, box: tuple[int, int], *, picture: bool = True) -> Look:
    """Read all of an image; make a picture that fits into ``box`` (width, height) unless none is wanted.

    Raises NotAnImage and TooLarge, and OSError when the file cannot be opened.
    """
    import OpenImageIO as oiio

    with open(path, "rb"):
        pass
    source = oiio.ImageInput.open(path)
    if source is None:
        raise NotAnImage(_sentence(oiio.geterror()))
    try:
        spec = source.spec()
        wide, high = spec.width, spec.height
        if wide <= 0 or high <= 0:
            raise NotAnImage(f"it claims to have {wide} × {high} pixels")
        if spec.depth > 1 or wide * high > PIXELS_MOST or max(wide, high) > SIDE_MOST:
            raise TooLarge(f"it has, or claims to have, {wide} × {high} pixels")
        if spec.deep:
            # There is no flat picture in it; that it opened is all that is known.
            return Look(wide, high, False, 0, "", b"")
        return _read(source, spec, box, picture)
    finally:
        source.close()


def _read(source: Any, spec: Any, box: tuple[int, int], picture: bool) -> Look:
    import numpy as np

    first, last = _channels(list(spec.channelnames))
    cells = _Cells(spec, box, last - first)
    rows = _rows(spec, last - first)
    floats = str(spec.format) in ("half", "float", "double")
    bad, brightest = 0, 0.0
    for top in range(spec.y, spec.y + spec.height, rows):
        end = min(top + rows, spec.y + spec.height)
        if spec.tile_width:
            stripe = source.read_tiles(
                0, 0, spec.x, spec.x + spec.width, top, end, spec.z, spec.z + 1, first, last, "float"
            )
        else:
            stripe = source.read_scanlines(0, 0, top, end, spec.z, first, last, "float")
        wrong = source.geterror()
        if stripe is None or wrong:
            raise NotAnImage(_sentence(wrong))
        stripe = stripe.reshape(end - top, spec.width, last - first)
        if not cells.add(stripe, top):
            numbers = np.isfinite(stripe)
            bad += int(stripe.size - np.count_nonzero(numbers))
            stripe = np.where(numbers, stripe, 0)
            cells.add(stripe, top, sure=True)
        if brightest <= BLACK:
            # Looked at no longer than it is dark.
            brightest = max(brightest, float(stripe.max()))
    means = cells.means()
    fingerprint = hashlib.blake2b(cells.sums.tobytes(), digest_size=16).hexdigest()
    small = _encode(_tone(means, spec, source.format_name(), floats)) if picture else b""
    return Look(spec.width, spec.height, brightest <= BLACK, bad, fingerprint, small)


def _channels(names: list[str]) -> tuple[int, int]:
    """Return the first channel to read and the one after the last: colours where they are, else what comes first."""
    upper = [name.upper() for name in names]
    if {"R", "G", "B"} <= set(upper):
        places = sorted(upper.index(sign) for sign in "RGB")
        if places[2] - places[0] == 2:
            return places[0], places[2] + 1
    return (0, 3) if len(names) >= 3 else (0, 1)


def _rows(spec: Any, channels: int) -> int:
    """Return how many rows are read at a time: whole tiles, or as many as compressed chunks like."""
    step = spec.tile_height or 64
    return int(max(1, STRIPE // (spec.width * channels) // step) * step)


class _Cells:
    """Sums of pixels for each cell of the small picture, over the display window of the image."""

    def __init__(self, spec: Any, box: tuple[int, int], channels: int) -> None:
        import numpy as np

        self._full = (spec.full_x, spec.full_y, max(1, spec.full_width), max(1, spec.full_height))
        if self._full[2] * self._full[3] > PIXELS_MOST:
            self._full = (spec.x, spec.y, spec.width, spec.height)
        left, _, wide, high = self._full
        scale = min(1.0, box[0] / wide, box[1] / high)
        self.wide, self.high = max(1, round(wide * scale)), max(1, round(high * scale))
        self.sums = np.zeros((self.high, self.wide, channels))
        self._counts = np.zeros((self.high, self.wide))
        columns = np.arange(spec.x - left, spec.x - left + spec.width)
        self._inside = slice(
            int(np.searchsorted(columns, 0)), int(np.searchsorted(columns, wide)) if spec.width else 0
        )
        cells = columns[self._inside] * self.wide // wide
        self._cells, self._starts = np.unique(cells, return_index=True)
        self._lengths = np.diff(np.append(self._starts, len(cells)))

    def add(self, stripe: Any, top: int, *, sure: bool = False) -> bool:
        """Add whole rows, the first of which is row ``top`` of the image; ``sure``: all values are known to be numbers.

        False, and nothing is added, when some may be none: their sums tell that cheaper than a look at each.
        """
        import numpy as np

        if not len(self._cells):
            return sure or bool(np.isfinite(stripe).all())
        _, up, _, high = self._full
        rows = np.arange(top - up, top - up + stripe.shape[0])
        within = (rows >= 0) & (rows < high)
        rows = rows[within]
        whole = within.all() and self._lengths.sum() == stripe.shape[1]
        if not (whole or sure or np.isfinite(stripe).all()):
            return False
        if not len(rows):
            return True
        inner = stripe[within, self._inside] if not within.all() else stripe[:, self._inside]
        lines, starts = np.unique(rows * self.high // high, return_index=True)
        # A sum of slices for each line is ten times faster here than numpy's reduceat.
        ends = np.append(starts[1:], len(rows))
        pairs = zip(starts, ends, strict=True)
        with np.errstate(invalid="ignore", over="ignore"):
            by_line = np.stack([np.add.reduce(inner[first:end], axis=0) for first, end in pairs]).astype(np.float64)
        if not (sure or np.isfinite(by_line).all()):
            return False
        cells = np.add.reduceat(by_line, self._starts, axis=1)
        self.sums[np.ix_(lines, self._cells)] += cells
        counts = np.diff(np.append(starts, len(rows)))
        self._counts[np.ix_(lines, self._cells)] += np.outer(counts, self._lengths)
        return True

    def means(self) -> Any:
        """Return the picture: rows of cells of channels."""
        import numpy as np

        return (self.sums / np.maximum(self._counts, 1)[..., None]).astype(np.float32)


def _tone(means: Any, spec: Any, kind: str, floats: bool) -> Any:
    """Return values that a screen shows, 0 to 1."""
    import numpy as np

    space = spec.get_string_attribute("oiio:ColorSpace").lower()
    if kind in ("dpx", "cineon") and "rec709" not in space and not space.startswith("lin"):
        black = 10 ** ((95 - 685) * 0.002 / 0.6)
        means = (10 ** ((np.clip(means, 0, 1) * 1023 - 685) * 0.002 / 0.6) - black) / (1 - black)
    elif not (space.startswith("lin") or floats):
        return np.clip(means, 0, 1)
    means = np.clip(means, 0, 1)
    return np.where(means <= 0.0031308, 12.92 * means, 1.055 * means ** (1 / 2.4) - 0.055)


def _encode(picture: Any) -> bytes:
    import io

    import numpy as np
    from PIL import Image

    bits = (picture * 255 + 0.5).astype(np.uint8)
    image = Image.fromarray(bits[..., 0] if bits.shape[2] == 1 else np.ascontiguousarray(bits[..., :3]))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _sentence(words: str) -> str:
    """Return what a library said, as one short line."""
    line = " ".join(words.split())[:200].rstrip(".")
    return line or "it is no image that can be read"
