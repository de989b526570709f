"""Readings as columns: a minute of many hosts while it is gathered, an hour of one host as bytes, spans resampled.

Rules of this file:
- Pure: values in, values out; files, clocks and threads are others'.
- An hour's numbers keep 12 bits after the first (an error below 0.03 %; whole numbers up to 4096 are exact) and lie in
  planes of bytes, so that zlib finds what repeats.
- A series that was not there at a minute is NaN inside, None in what is answered; never 0.
"""

import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import add
from typing import NamedTuple

import msgspec

__all__ = [
    "Chunk",
    "Gathered",
    "MinuteBody",
    "Part",
    "Resampled",
    "merge_parts",
    "pack_hour",
    "resample",
    "unpack_hour",
]

_NAN = float("nan")
_SHAPES_MOST = 4
"""Different sets of series of one host in one minute; what comes after is left out."""
_MIDDLE = bytes(value & 0xF8 for value in range(256))


class Part(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What one host measured in a minute, or in a part of one."""

    render: str
    """Name of the host; empty for the farm as a whole."""
    shape: int
    """Index into ``MinuteBody.shapes``."""
    count: int
    """Readings."""
    values: bytes
    """Least, mean and greatest value of each series, three columns of float32."""


class MinuteBody(msgspec.Struct, array_like=True, frozen=True):
    """A minute of all hosts."""

    shapes: list[list[str]]
    """Keys of series."""
    parts: list[Part]


class Gathered:
    """Readings of the minute that goes on, by host: running least, sum and greatest of each series."""

    __slots__ = ("_hosts",)

    def __init__(self) -> None:
        self._hosts: dict[str, list[_Sums]] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    def note(self, render: str, keys: tuple[str, ...], values: list[float]) -> None:
        """Take a reading."""
        sums = self._hosts.get(render)
        if sums is None:
            self._hosts[render] = [_Sums(keys, values)]
            return
        for each in sums:
            if each.keys == keys:
                each.count += 1
                each.low = list(map(min, each.low, values))
                each.high = list(map(max, each.high, values))
                each.sums = list(map(add, each.sums, values))
                return
        if len(sums) < _SHAPES_MOST:
            sums.append(_Sums(keys, values))

    def body(self) -> MinuteBody:
        """Return the minute; takes some microseconds a host."""
        shapes: dict[tuple[str, ...], int] = {}
        parts = []
        for render, sums in self._hosts.items():
            for each in sums:
                shape = shapes.setdefault(each.keys, len(shapes))
                count = each.count
                means = [value / count for value in each.sums]
                parts.append(Part(render, shape, count, array("f", each.low + means + each.high).tobytes()))
        return MinuteBody([list(keys) for keys in shapes], parts)


class _Sums:
    __slots__ = ("count", "high", "keys", "low", "sums")

    def __init__(self, keys: tuple[str, ...], values: list[float]) -> None:
        self.keys = keys
        self.count = 1
        self.low = self.sums = self.high = values


class Chunk(NamedTuple):
    """Some minutes of one host, in order."""

    minutes: list[int]
    """Minutes since 1970."""
    columns: dict[str, tuple[array, array, array]]  # type: ignore[type-arg]
    """Least, mean and greatest values by series; each as long as ``minutes``."""


def merge_parts(parts: Iterable[tuple[int, Sequence[str], Part]]) -> Chunk:
    """Return the minutes of one host from (minute, keys, part); parts of the same minute are one, by their counts."""
    minutes: dict[int, dict[str, tuple[float, float, float, int]]] = {}
    for minute, keys, part in parts:
        found = minutes.setdefault(minute, {})
        numbers = array("f", part.values)
        size = len(keys)
        for place, key in enumerate(keys):
            low, mean, high = numbers[place], numbers[size + place], numbers[2 * size + place]
            known = found.get(key)
            if known is None:
                found[key] = (low, mean, high, part.count)
            else:
                count = known[3] + part.count
                weighed = (known[1] * known[3] + mean * part.count) / count
                found[key] = (min(low, known[0]), weighed, max(high, known[2]), count)
    order = sorted(minutes)
    keys_there = dict.fromkeys(key for minute in order for key in minutes[minute])
    columns = {}
    for key in keys_there:
        three = (array("f"), array("f"), array("f"))
        for minute in order:
            figures = minutes[minute].get(key)
            for place, column in enumerate(three):
                column.append(figures[place] if figures is not None else _NAN)
        columns[key] = three
    return Chunk(order, columns)


def pack_hour(chunk: Chunk, hour: int) -> bytes:
    """Return the minutes of one hour (hours since 1970) as bytes."""
    places = bytes(minute - hour * 60 for minute in chunk.minutes)
    plain = b"".join(column.tobytes() for three in chunk.columns.values() for column in three)
    planes = plain[1::4].translate(_MIDDLE), plain[2::4], plain[3::4]
    return zlib.compress(msgspec.msgpack.encode((places, list(chunk.columns), b"".join(planes))), 6)


def unpack_hour(body: bytes, hour: int) -> Chunk:
    """Return what ``pack_hour`` made bytes of.  Raises ValueError when they are no hour."""
    try:
        places, keys, planes = msgspec.msgpack.decode(zlib.decompress(body), type=tuple[bytes, list[str], bytes])
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(f"an hour of readings is damaged: {error}") from error
    size = len(places)
    if len(planes) != 9 * size * len(keys):
        raise ValueError("an hour of readings is damaged: it is not as long as it says")
    numbers = len(planes) // 3
    plain = bytearray(4 * numbers)
    plain[1::4], plain[2::4], plain[3::4] = planes[:numbers], planes[numbers : 2 * numbers], planes[2 * numbers :]
    values = array("f", bytes(plain))
    columns = {}
    for place, key in enumerate(keys):
        low = 3 * size * place
        mean, high, end = low + size, low + 2 * size, low + 3 * size
        columns[key] = (values[low:mean], values[mean:high], values[high:end])
    return Chunk([hour * 60 + place for place in places], columns)


class Resampled(NamedTuple):
    """A series at even steps; None where nothing is known."""

    low: list[float | None]
    mean: list[float | None]
    high: list[float | None]


def resample(
    chunks: Iterable[Chunk], *, first: int, step: int, count: int, wanted: frozenset[str] = frozenset()
) -> dict[str, Resampled]:
    """Return ``count`` points of ``step`` minutes each from minute ``first`` on; all series when none is ``wanted``.

    A point has the least, the mean and the greatest of its minutes; no minute counts twice if none is in two chunks.
    """
    found: dict[str, _Points] = {}
    for chunk in chunks:
        spans = _spans(chunk.minutes, first, step, count)
        if not spans:
            continue
        for key, columns in chunk.columns.items():
            if wanted and key not in wanted:
                continue
            points = found.get(key)
            if points is None:
                points = found[key] = _Points(count)
            points.add(spans, columns)
    return {key: points.told() for key, points in found.items()}


def _spans(minutes: list[int], first: int, step: int, count: int) -> list[tuple[int, int, int]]:
    """Return (point, begin, end) of the minutes that lie in each point."""
    place = bisect_left(minutes, first)
    end = bisect_left(minutes, first + step * count)
    spans = []
    while place < end:
        point = (minutes[place] - first) // step
        after = bisect_left(minutes, first + (point + 1) * step, place, end)
        spans.append((point, place, after))
        place = after
    return spans


class _Points:
    __slots__ = ("_counts", "_high", "_low", "_sums")

    def __init__(self, count: int) -> None:
        self._low: list[float | None] = [None] * count
        self._high: list[float | None] = [None] * count
        self._sums = [0.0] * count
        self._counts = [0] * count

    def add(self, spans: list[tuple[int, int, int]], columns: tuple[array, array, array]) -> None:  # type: ignore[type-arg]
        lows, means, highs = columns
        low_of, high_of, sums, counts = self._low, self._high, self._sums, self._counts
        for point, begin, end in spans:
            if end - begin == 1:
                low, total, high, count = lows[begin], means[begin], highs[begin], 1
                if total != total:
                    continue
            else:
                total, count = sum(means[begin:end]), end - begin
                if total != total:
                    there = [place for place in range(begin, end) if means[place] == means[place]]
                    if not there:
                        continue
                    total, count = sum(means[place] for place in there), len(there)
                    low, high = min(lows[place] for place in there), max(highs[place] for place in there)
                else:
                    low, high = min(lows[begin:end]), max(highs[begin:end])
            known_low, known_high = low_of[point], high_of[point]
            low_of[point] = low if known_low is None or low < known_low else known_low
            high_of[point] = high if known_high is None or high > known_high else known_high
            sums[point] += total
            counts[point] += count

    def told(self) -> Resampled:
        means = [total / count if count else None for total, count in zip(self._sums, self._counts)]
        return Resampled(self._low, means, self._high)
