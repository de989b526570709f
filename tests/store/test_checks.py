"""Which past may be dropped, and what a packed body looks like."""

from __future__ import annotations

import pytest

from afcore.errors import Corrupt, TooNew
from afcore.store.base import Retention
from afcore.store.checks import DAY, Manifest, check_follows, check_format, choose_base
from afcore.store.packing import pack, unpack

SNAPSHOTS = [Manifest(seq=10 * day, at=DAY * day, size=100, journal=1000 * day) for day in range(1, 5)]


@pytest.mark.parametrize(
    ("retention", "base"),
    [
        (Retention(), 0),
        (Retention(days=4.0), 10),
        (Retention(size=5400), 0),
        (Retention(size=5399), 10),
        (Retention(days=2.5), 20),
        (Retention(days=0), 40),
        (Retention(size=4400), 10),
        (Retention(size=4399), 20),
        (Retention(size=2200), 30),
        (Retention(size=0), 40),
    ],
)
def test_the_base_is_the_oldest_snapshot_that_fits_age_and_size(retention: Retention, base: int) -> None:
    assert choose_base(SNAPSHOTS, retention, now=DAY * 5, journal=5000) == base
    assert choose_base([], retention, now=DAY * 5, journal=5000) == 0


def test_a_gap_and_a_newer_format_are_told() -> None:
    check_follows(4, 3)
    with pytest.raises(Corrupt, match="no batch 4: after 3 comes 5"):
        check_follows(5, 3)
    with pytest.raises(TooNew, match="format 99"):
        check_format(99, "batch 7")


@pytest.mark.parametrize("plain", [b"", b"short", bytes(100_000), bytes(range(256)) * 100])
def test_a_body_comes_back(plain: bytes) -> None:
    packed = pack(plain)
    assert unpack(packed, "it") == plain
    assert len(packed) <= len(plain) + 5


def test_no_changed_bit_is_believed() -> None:
    for plain in (b"entries of a batch", b"entries of a batch" * 1000):
        packed = pack(plain)
        for place in range(0, len(packed), 7):
            bad = bytearray(packed)
            bad[place] ^= 16
            with pytest.raises(Corrupt, match="batch 7 is"):
                unpack(bytes(bad), "batch 7")
        with pytest.raises(Corrupt):
            unpack(packed[:-1], "batch 7")
    with pytest.raises(Corrupt):
        unpack(b"", "batch 7")
