"""Farm files: the shapes of old ones are read, and every fault is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from afcore.errors import ConfigError
from afcore.farmfile import Farm, FarmService, ServiceLimit, parse_farm

DATA = Path(__file__).parents[2] / "data"


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_farm(text)
    return str(caught.value)


def test_an_old_farm_file_is_read() -> None:
    farm = parse_farm((DATA / "farm.xml").read_text(encoding="utf-8"))
    assert farm.limits == [ServiceLimit("nuke", 50, -1), ServiceLimit("prman", -1, 10)]
    some, large, server = farm.patterns
    assert (some.name, some.mask, some.description) == ("Some Host", ".*", "Unrecognized machine")
    assert (some.capacity, some.maxtasks, some.power, some.wolidlesleeptime) == (1100, 10, 1000, 0)
    assert some.services == [FarmService("generic"), FarmService("max", 1)]
    assert (some.os, some.properties) == ("linux", "intel nvidiagpu")
    assert (large.capacity, large.maxtasks, large.power, large.remservices) == (8800, 80, None, ["max"])
    assert (server.mask, server.clearservices, server.services) == ("server.*|srv.*", True, [FarmService("system")])
    assert [pattern.line for pattern in farm.patterns] == [4, 18, 24]


def test_an_empty_farm_and_the_shipped_one() -> None:
    assert parse_farm("<farm/>") == Farm()
    shipped = Path(__file__).parents[3] / "farm.xml"
    assert isinstance(parse_farm(shipped.read_text(encoding="utf-8"), file=str(shipped)), Farm)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '<!DOCTYPE farm SYSTEM "x">\n<farm/>',
            "farm.xml: line 1: a farm file has no document type (remove <!DOCTYPE …>)",
        ),
        ("<farm>\n<pattern></farm>", "farm.xml: line 2: is no XML: mismatched tag in column 12"),
        ("", "farm.xml: line 1: is no XML: no element found in column 1"),
        ("<form/>", "farm.xml: line 1: the outermost element must be <farm>, not <form>"),
        ("<farm>\n<patern/></farm>", 'farm.xml: line 2: <patern> means nothing here (did you mean "pattern"?)'),
        (
            '<farm><service name="a"/></farm>',
            "farm.xml: line 1: a limit of a service limits nothing (give maxcount or maxhosts)",
        ),
        (
            '<farm><service name="a" maxcount="x" maxhosts="1"/></farm>',
            'farm.xml: line 1: maxcount must be a whole number, not "x"',
        ),
        (
            '<farm><pattern name="a">\n<mask>.*</mask><power>-1</power></pattern></farm>',
            "farm.xml: line 2: power must be at least 0, not -1",
        ),
        (
            '<farm><pattern name="a"><mask>a(</mask></pattern></farm>',
            'farm.xml: line 1: "a(" is no regular expression: missing ), unterminated subpattern at position 1',
        ),
        (
            '<farm><pattern name="a"><mask>a</mask><service name="x" cout="1"/></pattern></farm>',
            'farm.xml: line 1: <service> has no attribute "cout" (did you mean "count"?)',
        ),
        (
            '<farm>\n<pattern name="a"><capasity>1</capasity></pattern><x/></farm>',
            'farm.xml: 3 problems: line 2: <capasity> means nothing here (did you mean "capacity"?);'
            ' line 2: pattern "a" has no mask (write <mask>.*</mask>);'
            " line 2: <x> means nothing here (use pattern, service)",
        ),
        (
            "<farm><pattern><mask>a</mask><remservice/></pattern></farm>",
            'farm.xml: 2 problems: line 1: <pattern> has no name (write name="…");'
            ' line 1: <remservice> has no name (write name="…")',
        ),
    ],
)
def test_every_fault_is_told_with_its_line(text: str, sentence: str) -> None:
    assert refused(text) == sentence
