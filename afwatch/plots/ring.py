"""Live readings of every render in one ring of columns: series by render by time, no object per sample.

Rules of this file:
- No Qt, no clock: time is what the server says of a reading (``RenderRow.seen``), in slots of five seconds that all
  renders share, so that rows of a table are of the same span.
- Its size is that of its renders, never of its age; what was not measured is NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy

from afcore.rows import RenderRow
from afcore.series import HOST, limits_of, meters_of, read_values

__all__ = ["PERIOD", "SAMPLES", "LiveRings", "Meter"]

PERIOD = 5.0
"""Seconds of a slot."""
SAMPLES = 128
"""Slots that are kept: 10 minutes and 40 seconds."""
_HOLD = 12
"""Slots that a reading may be apart from the one before and still be one line."""
_KEYS = {key: place for place, key in enumerate(HOST)}
_ALWAYS = 17
"""Series that every reading begins with, in the order of ``HOST``."""
_METERS_MOST = 16

Values = numpy.ndarray[Any, numpy.dtype[numpy.float32]]


class Meter:
    """A studio's own meter on a render: its newest reading and its ring."""

    __slots__ = ("told", "values")

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.told = told
        """As the render tells it: name, label, colours, sizes, value_max."""
        self.values: Values = numpy.full(SAMPLES, numpy.nan, numpy.float32)


class LiveRings:
    """The newest readings of all renders."""

    def __init__(self) -> None:
        self.asleep = False
        """While the farm is shown as it was: what comes now is kept, and not shown."""
        self.head = 0
        """The newest slot of all; slots are numbered since 1970."""
        self.has_meters = False
        """Whether any render has ever told of a meter."""
        self._values = numpy.full((len(_KEYS), 64, SAMPLES), numpy.nan, numpy.float32)
        self._place: dict[int, int] = {}
        self._free = list(range(63, -1, -1))
        self._last: dict[int, int] = {}
        """By render: the slot of its newest reading."""
        self._limits: dict[int, dict[str, float]] = {}
        self._meters: dict[int, dict[str, Meter]] = {}
        self._largest: dict[str, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._place)

    # Taking

    def follow(self, changed: Iterable[int], gone: Iterable[int], rows: Mapping[int, RenderRow]) -> None:
        """Take the readings of rows that changed; forget renders that are gone."""
        for id in gone:
            self._forget(id)
        for id in changed:
            row = rows.get(id)
            if row is not None and row.resources and "offline" not in row.words:
                self.take(row)

    def take(self, row: RenderRow) -> None:
        """Take the reading of a row; of two in one slot the later counts."""
        slot = int(row.seen // PERIOD)
        if slot <= self.head - SAMPLES:
            return
        if slot > self.head:
            self._advance(slot)
        place = self._place_of(row.id)
        keys, values = read_values(row.resources, row.running)
        before = self._last.get(row.id, -1)
        since = before + 1 if 0 < slot - before <= _HOLD else slot
        if before > slot:
            return
        self._last[row.id] = slot
        table = self._values
        for at in range(since, slot + 1):
            table[:_ALWAYS, place, at % SAMPLES] = values[:_ALWAYS]
        rest = {key: value for key, value in zip(keys[_ALWAYS:], values[_ALWAYS:]) if key in _KEYS}
        for key, value in rest.items():
            for at in range(since, slot + 1):
                table[_KEYS[key], place, at % SAMPLES] = value
        self._limits[row.id] = limits_of(row.resources)
        told = meters_of(row.resources)
        if told or row.id in self._meters:
            self._take_meters(row.id, told, since, slot)

    def _take_meters(self, id: int, told: list[Mapping[str, Any]], since: int, slot: int) -> None:
        known = self._meters.setdefault(id, {})
        self.has_meters = True
        names = {meter["name"] for meter in told}
        for name in [name for name in known if name not in names]:
            del known[name]
        for meter in told[:_METERS_MOST]:
            ring = known.get(meter["name"])
            if ring is None:
                ring = known[meter["name"]] = Meter(meter)
            ring.told = meter
            value = meter.get("value")
            number = float(value) if isinstance(value, int | float) and -1e30 < value < 1e30 else numpy.nan
            for at in range(since, slot + 1):
                ring.values[at % SAMPLES] = number

    def _advance(self, slot: int) -> None:
        """Make room for newer slots: what lay there is too old."""
        if slot - self.head >= SAMPLES:
            self._values.fill(numpy.nan)
            for meters in self._meters.values():
                for meter in meters.values():
                    meter.values.fill(numpy.nan)
        else:
            places = [at % SAMPLES for at in range(self.head + 1, slot + 1)]
            self._values[:, :, places] = numpy.nan
            for meters in self._meters.values():
                for meter in meters.values():
                    meter.values[places] = numpy.nan
        self.head = slot

    def _place_of(self, id: int) -> int:
        place = self._place.get(id)
        if place is None:
            if not self._free:
                size = self._values.shape[1]
                more = numpy.full((len(_KEYS), size, SAMPLES), numpy.nan, numpy.float32)
                self._values = numpy.concatenate((self._values, more), axis=1)
                self._free = list(range(2 * size - 1, size - 1, -1))
            place = self._place[id] = self._free.pop()
        return place

    def _forget(self, id: int) -> None:
        place = self._place.pop(id, None)
        if place is not None:
            self._values[:, place, :] = numpy.nan
            self._free.append(place)
        for kept in (self._last, self._limits, self._meters):
            kept.pop(id, None)

    # Reading

    def stamp(self, id: int) -> tuple[int, int]:
        """Return what changes when the plots of a render look otherwise."""
        return self.head, self._last.get(id, -1)

    def values(self, id: int, key: str) -> Values | None:
        """Return a series of a render, the newest slot (``head``) last; None when nothing is known."""
        if self.asleep:
            return None
        place = self._place.get(id)
        if place is None:
            return None
        return self._ordered(self._values[_KEYS[key], place])

    def last(self, id: int, key: str) -> float:
        """Return the newest value of a series of a render; NaN when nothing is known."""
        place, slot = self._place.get(id), self._last.get(id, -1)
        return float(self._values[_KEYS[key], place, slot % SAMPLES]) if place is not None else float("nan")

    def limit(self, id: int, key: str) -> float:
        """Return the top of a series that has one, else 0."""
        return self._limits.get(id, {}).get(key, 0.0)

    def meters(self, id: int) -> list[tuple[Mapping[str, Any], Values]]:
        """Return the meters of a render: what is told of each, and its values, the oldest first."""
        return [(meter.told, self._ordered(meter.values)) for meter in self._meters.get(id, {}).values()]

    def _ordered(self, ring: Values) -> Values:
        """Return the values of a ring, the newest last."""
        oldest = (self.head + 1) % SAMPLES
        return numpy.concatenate((ring[oldest:], ring[:oldest]))

    def largest(self, *keys: str) -> float:
        """Return the largest value that any render has now of some series, 0 when there is none."""
        found = 0.0
        for key in keys:
            head, value = self._largest.get(key, (-1, 0.0))
            if head != self.head:
                value = float(numpy.fmax.reduce(self._values[_KEYS[key]], axis=None, initial=0.0))
                self._largest[key] = self.head, value
            found = max(found, value)
        return found

    def times(self) -> numpy.ndarray[Any, Any]:
        """Return the unix seconds at which the slots of ``values`` begin."""
        return (numpy.arange(SAMPLES) + (self.head - SAMPLES + 1)) * PERIOD
