"""Machines are looked for in small private ranges only; what the system tells of them is read."""

from __future__ import annotations

import re

import pytest

from afcore.errors import BadSpec
from afwatch.scan import neighbours_of, parse_range, pattern_with

LINUX = """IP address       HW type     Flags       HW address            Mask     Device
10.0.0.7         0x1         0x2         3C:EC:EF:01:02:03     *        eth0
10.0.0.8         0x1         0x0         00:00:00:00:00:00     *        eth0
"""
WINDOWS = """Interface: 10.0.0.2 --- 0x5
  10.0.0.9              3c-ec-ef-01-02-04     dynamic
  10.0.0.255            ff-ff-ff-ff-ff-ff     static
"""
MAC = "node-3 (10.0.0.10) at 3c:ec:ef:1:2:5 on en0 ifscope [ethernet]\n? (10.0.0.11) at (incomplete) on en0\n"


@pytest.mark.parametrize(("text", "first", "last", "count"), (
    ("10.0.0.0/30", "10.0.0.1", "10.0.0.2", 2), ("192.168.1.5 - 192.168.1.9", "192.168.1.5", "192.168.1.9", 5),
    ("10.0.0.5-7", "10.0.0.5", "10.0.0.7", 3), ("172.16.0.1", "172.16.0.1", "172.16.0.1", 1),
    ("10.0.0.4/31", "10.0.0.4", "10.0.0.5", 2),
))  # fmt: skip
def test_ranges(text: str, first: str, last: str, count: int) -> None:
    found = parse_range(text)
    assert (found[0], found[-1], len(found)) == (first, last, count)


@pytest.mark.parametrize(("text", "told"), (
    ("", "is no range"), ("node-1", "is no range"), ("10.0.0.300", "is no range"), ("10.0.0.9-3", "ends before"),
    ("10.0.0.0/16", "has 65534 addresses"), ("8.8.8.0/24", "not a private"), ("10.255.255.250-11.0.0.5",
                                                                              "not a private"),
))  # fmt: skip
def test_other_ranges_are_refused(text: str, told: str) -> None:
    with pytest.raises(BadSpec) as caught:
        parse_range(text)
    assert told in caught.value.problems[0].what


def test_neighbours_of_every_system() -> None:
    assert neighbours_of(LINUX) == {"10.0.0.7": "3c:ec:ef:01:02:03"}
    assert neighbours_of(WINDOWS) == {"10.0.0.9": "3c:ec:ef:01:02:04"}
    assert neighbours_of(MAC) == {"10.0.0.10": "3c:ec:ef:01:02:05"}


def test_a_pool_takes_names_before_they_exist() -> None:
    pattern = pattern_with("atlas.*", ["atlas-7", "node.1", "borea"])
    assert pattern == r"atlas.*|node\.1|borea"
    assert re.fullmatch(pattern, "node.1")
    assert not re.fullmatch(pattern, "nodex1")
    assert pattern_with("", ["a"]) == "a"
